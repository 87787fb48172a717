//! The changed files of one step, told briefly: a few one by one, many by folder, those that decide most first, and
//! what a umask did in one sentence. In go the causes that are about files, out come sentences; `verbose` tells every
//! file. Layout is not decided here.

use std::collections::{BTreeMap, BTreeSet};

use planner::cause::umask::Drift;
use planner::cause::{Cause, CauseKind};
use planner::context::ContextPath;

use crate::render::cause::{is_ignorefile, sentence};
use crate::render::{layout, text};

/// Files of one step that are told one by one.
const N_SINGLE: usize = 4;
/// Rows that are shown of one step's files.
const N_ROWS: usize = 5;

/// Files that other files are installed or built by: a change of one of them weighs more.
const MANIFESTS: [&str; 24] = [
    "Cargo.lock",
    "Cargo.toml",
    "Gemfile",
    "Gemfile.lock",
    "Makefile",
    "Pipfile",
    "Pipfile.lock",
    "build.gradle",
    "build.gradle.kts",
    "bun.lock",
    "composer.json",
    "composer.lock",
    "go.mod",
    "go.sum",
    "package-lock.json",
    "package.json",
    "pnpm-lock.yaml",
    "poetry.lock",
    "pom.xml",
    "pyproject.toml",
    "requirements.txt",
    "tsconfig.json",
    "uv.lock",
    "yarn.lock",
];

/// What happened to files, as a word behind their number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    LetIn,
    LeftOut,
    Changed,
    New,
    Gone,
    Attribute,
}

/// One file and what happened to it.
struct Change<'a> {
    path: &'a ContextPath,
    what: What,
    /// The earlier and the present mode, where that is all that changed.
    modes: Option<(&'a str, &'a str)>,
    sentence: String,
}

/// How the changes are written.
pub(in crate::render) struct Words<'a> {
    /// A path that is safe to show, as the report shows paths.
    pub(in crate::render) path: &'a dyn Fn(&str) -> String,
    /// One cause as a clause.
    pub(in crate::render) cause: &'a dyn Fn(&Cause) -> String,
    /// What stands behind the number of files that are left out.
    pub(in crate::render) more: &'static str,
    /// Characters of a line.
    pub(in crate::render) width: usize,
    /// Whether every file is told.
    pub(in crate::render) verbose: bool,
}

/// Whether a cause is about a file that came, went or changed.
pub(in crate::render) fn is_change(cause: &Cause) -> bool {
    matches!(cause.kind, CauseKind::FileAdded | CauseKind::FileRemoved | CauseKind::FileModified)
}

/// Sentences that tell the changes of `causes`, as text, each for lines of `width` characters.
pub(super) fn rows(causes: &[&Cause], drift: Option<Drift>, verbose: bool, width: usize) -> Vec<String> {
    let cause = |cause: &Cause| sentence(cause, verbose);
    let more = " (--verbose shows all)";
    rows_in(causes, drift, &Words { path: &str::to_owned, cause: &cause, more, width, verbose })
}

/// Sentences that tell the changes of `causes` in the words of a report.
pub(in crate::render) fn rows_in(causes: &[&Cause], drift: Option<Drift>, words: &Words<'_>) -> Vec<String> {
    let verbose = words.verbose;
    let drifted = |cause: &&&Cause| drift.is_some() && Drift::of(cause) == drift;
    let (by_umask, others): (Vec<_>, Vec<_>) = causes.iter().partition(|cause| !verbose && drifted(cause));
    let mut changes = changes(&others, words);
    changes.sort_by(|a, b| (a.what, !is_manifest(a.path), a.path).cmp(&(b.what, !is_manifest(b.path), b.path)));
    let (own, ignored): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| change.what > What::LeftOut);
    let mut rows =
        if ignored.len() <= N_SINGLE && !verbose { by_rules(&ignored, words) } else { told(&ignored, words) };
    rows.extend(told(&own, words));
    if !by_umask.is_empty() {
        rows.push(drift_row(&by_umask, words));
    }
    rows
}

fn drift_row(by_umask: &[&&Cause], words: &Words<'_>) -> String {
    if let [only] = by_umask {
        return (words.cause)(only);
    }
    let modes: BTreeSet<_> = by_umask.iter().filter_map(|cause| cause.old.clone().zip(cause.new.clone())).collect();
    let modes: Vec<_> = modes.into_iter().map(|(old, new)| format!("{old} → {new}")).collect();
    format!("{} have another mode: {}", text::count(by_umask.len(), "file"), modes.join(" and "))
}

/// One change for each path. Folders that came or went with what they hold are told by that.
fn changes<'a>(causes: &[&&'a Cause], words: &Words<'_>) -> Vec<Change<'a>> {
    let mut by_path = BTreeMap::<&ContextPath, Vec<&Cause>>::new();
    for cause in causes {
        if let Some(path) = &cause.path {
            by_path.entry(path).or_default().push(cause);
        }
    }
    let folders: BTreeSet<ContextPath> = by_path.keys().filter_map(|path| path.parent()).collect();
    let is_told = |path: &ContextPath, causes: &[&Cause]| {
        !folders.contains(path) || causes.iter().any(|cause| cause.kind == CauseKind::FileModified)
    };
    let told = by_path.into_iter().filter(|(path, causes)| is_told(path, causes));
    told.map(|(path, causes)| Change {
        path,
        what: what(&causes),
        modes: modes(&causes),
        sentence: all(&causes, words),
    })
    .collect()
}

fn modes<'a>(causes: &[&'a Cause]) -> Option<(&'a str, &'a str)> {
    match causes {
        [only] if only.detail.as_deref() == Some("mode") => only.old.as_deref().zip(only.new.as_deref()),
        _ => None,
    }
}

fn what(causes: &[&Cause]) -> What {
    let one = |cause: &&Cause| match (cause.kind, cause.detail.as_deref()) {
        (CauseKind::FileAdded, _) if is_ignorefile(cause) => What::LetIn,
        (CauseKind::FileRemoved, _) if is_ignorefile(cause) => What::LeftOut,
        (CauseKind::FileAdded, _) => What::New,
        (CauseKind::FileRemoved, _) => What::Gone,
        (_, Some("mode" | "xattr")) => What::Attribute,
        _ => What::Changed,
    };
    causes.iter().map(one).min().unwrap_or(What::Changed)
}

/// All that happened to one file.
fn all(causes: &[&Cause], words: &Words<'_>) -> String {
    match causes {
        [content, mode] => {
            let modes = mode.old.as_deref().zip(mode.new.as_deref());
            let modes = modes.map(|(old, new)| format!(", its mode too: {old} → {new}")).unwrap_or_default();
            format!("{}{modes}", (words.cause)(content))
        }
        others => others.iter().map(|cause| (words.cause)(cause)).collect::<Vec<_>>().join("; "),
    }
}

/// What the ignore file did to a few files.
fn by_rules(changes: &[Change<'_>], words: &Words<'_>) -> Vec<String> {
    let row = |what, verb: &str| {
        let paths = changes.iter().filter(|change| change.what == what);
        let paths = paths.map(|change| (words.path)(&text::path(change.path)));
        let paths: Vec<_> = paths.collect();
        (!paths.is_empty()).then(|| format!("the ignore file {verb} {}", paths.join(", ")))
    };
    [row(What::LetIn, "lets in"), row(What::LeftOut, "leaves out")].into_iter().flatten().collect()
}

fn is_manifest(path: &ContextPath) -> bool {
    MANIFESTS.iter().any(|name| name.as_bytes() == path.name())
}

/// The sentences of a few changes; many are told by folder, manifests still by themselves.
fn told(changes: &[Change<'_>], words: &Words<'_>) -> Vec<String> {
    if words.verbose || changes.len() <= N_SINGLE {
        return changes.iter().map(|change| change.sentence.clone()).collect();
    }
    let (manifests, others): (Vec<_>, Vec<_>) = changes.iter().partition(|change| is_manifest(change.path));
    let mut rows: Vec<(usize, String)> = manifests.iter().map(|change| (1, change.sentence.clone())).collect();
    let n_rows = N_ROWS.saturating_sub(manifests.len());
    let mut groups: Vec<_> = grouped(&others, 1).into_iter().collect();
    let mut sizes: Vec<usize> = groups.iter().map(|(_, group)| group.len()).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    // Where a few of many folders would stand for less than half of the files, one row for all says more.
    if sizes.iter().take(n_rows).sum::<usize>() * 2 < others.len() {
        groups = grouped(&others, 0).into_iter().collect();
    }
    groups.sort_by_key(|((what, _), group)| (*what, std::cmp::Reverse(group.len())));
    rows.extend(groups.iter().map(|((what, folder), group)| (group.len(), group_row(*what, folder, group, words))));
    let n_more: usize = rows.iter().skip(N_ROWS).map(|(n, _)| n).sum();
    let mut rows: Vec<String> = rows.into_iter().take(N_ROWS).map(|(_, row)| row).collect();
    if n_more > 0 {
        rows.push(format!("and {}{}", text::count(n_more, "more file"), words.more));
    }
    rows
}

/// The changes by what happened and where: in the folder that holds them all, or so many levels below it.
fn grouped<'c>(changes: &[&'c Change<'c>], n_below: usize) -> BTreeMap<(What, ContextPath), Vec<&'c Change<'c>>> {
    let parents = || changes.iter().filter_map(|change| change.path.parent());
    let common = parents().reduce(|a, b| {
        let n = a.components().zip(b.components()).take_while(|(a, b)| a == b).count();
        a.split(n).0
    });
    let depth = common.map_or(0, |common| common.components().count());
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for change in changes {
        let parent = change.path.parent().unwrap_or_else(ContextPath::root);
        let depth = (depth + n_below).min(parent.components().count());
        groups.entry((change.what, parent.split(depth).0)).or_default().push(*change);
    }
    groups
}

/// What became of the modes or other attributes of several files.
fn with_modes(group: &[&Change<'_>]) -> String {
    let modes: BTreeSet<_> = group.iter().map(|change| change.modes).collect();
    match modes.into_iter().collect::<Option<Vec<_>>>().as_deref() {
        Some([(old, new)]) => format!("with another mode: {old} → {new}"),
        Some(_) => "with another mode".to_owned(),
        None => "with other attributes".to_owned(),
    }
}

/// `src/ 38 files changed, e.g. src/a.ts, src/b.ts`, with as many examples as fit.
fn group_row(what: What, folder: &ContextPath, group: &[&Change<'_>], words: &Words<'_>) -> String {
    if let [only] = group {
        return only.sentence.clone();
    }
    let place = if folder.is_root() { "./".to_owned() } else { format!("{}/", text::path(folder)) };
    let place = (words.path)(&layout::cut_front(&place, words.width / 2));
    let n = text::count(group.len(), "file");
    let told = match what {
        What::LetIn => format!("the ignore file lets in {n} of {place}"),
        What::LeftOut => format!("the ignore file leaves out {n} of {place}"),
        What::Changed => format!("{place} {n} changed"),
        What::New => format!("{place} {n} new"),
        What::Gone => format!("{place} {n} gone"),
        What::Attribute => format!("{place} {n} {}", with_modes(group)),
    };
    let examples: Vec<String> = group.iter().take(2).map(|change| (words.path)(&text::path(change.path))).collect();
    let with = |n: usize| format!("{told}, e.g. {}", examples[..n].join(", "));
    let fitting = (1..=examples.len()).rev().map(with).find(|row| row.chars().count() <= words.width);
    fitting.unwrap_or(told)
}
