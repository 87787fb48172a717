//! A context after some of its paths were touched, against a scan of all of it: edits at random under many ignore files
//! and requests. A difference is told with the fewest steps that still make one.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use planner::context::{ContextPath, Stamped};
use planner::ignorefile::Ignorefile;
use watcher::{Refresh, StatCache};

use super::trust::{Dice, entries};
use super::{Context, set_mode};

const IGNOREFILES: &[&str] = &[
    "",
    "**/*.tmp\n",
    "a\n!a/b\n",
    "*\n!b\n!**/keep\n",
    "a/**\n!a/*/keep\nb/c\n",
    "**\n!c/a/keep\n",
    "/c\n*.tmp\n!c/keep/\n",
    "a/b*\n!a/b/c\nb/**/keep\n",
];

const REQUESTS: &[&[&str]] = &[
    &["."],
    &["a", "b/c"],
    &["*/keep", "c"],
    &["a/**/keep", "b/*/a"],
    &["a/*", "x.tmp"],
    &["missing/x", "b/keep/c"],
    &[".", "a/keep"],
    &[],
];

const NAMES: &[&str] = &["a", "b", "c", "keep", "x.tmp"];

/// One thing done to a context. What cannot be done is left undone.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Write(String, u64),
    Append(String),
    Chmod(String, u32),
    Touch(String, u64),
    Rename(String, String),
    Remove(String),
    MakeFolders(String),
    Link(String, String),
    Swap(String),
    Nothing(String),
}

impl Step {
    pub(crate) fn any(dice: &mut Dice) -> Self {
        let path = any_path(dice);
        match dice.below(13) {
            0..=2 => Self::Write(path, dice.below(1000)),
            3 => Self::Append(path),
            4 => Self::Chmod(path, 0o700 | u32::try_from(dice.below(0o100)).unwrap()),
            5 => Self::Touch(path, dice.below(1 << 30)),
            6 | 7 => Self::Rename(path, any_path(dice)),
            8 => Self::Remove(path),
            9 => Self::MakeFolders(path),
            10 => Self::Link(path, ["a", "b/c", "../b", ".", "/c", "nowhere"][dice.below(6) as usize].to_owned()),
            11 => Self::Swap(path),
            _ => Self::Nothing(path),
        }
    }

    /// Does it; the paths that a watch would tell.
    pub(crate) fn take(&self, context: &Context) -> Vec<String> {
        let mut told = Vec::new();
        match self {
            Self::Write(path, number) => {
                write(context, path, &"x".repeat(1 + (number % 7) as usize), &mut told);
                // The folders that were made for it need not be told.
                if number % 3 == 0 {
                    told.drain(..told.len().saturating_sub(1));
                }
            }
            Self::Append(path) => {
                let old = fs::read_to_string(context.at(path)).unwrap_or_default();
                write(context, path, &(old + "more"), &mut told);
            }
            Self::Chmod(path, mode) if is_there(context, path) && !context.at(path).is_symlink() => {
                set_mode(&context.at(path), *mode);
                told.push(path.clone());
            }
            Self::Touch(path, seconds) if is_there(context, path) && !context.at(path).is_symlink() => {
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(*seconds);
                fs::File::open(context.at(path)).unwrap().set_modified(time).unwrap();
                told.push(path.clone());
            }
            Self::Rename(from, to)
                if is_there(context, from)
                    && is_reachable(context, to)
                    && fs::rename(context.at(from), context.at(to)).is_ok() =>
            {
                told.extend([from.clone(), to.clone()]);
            }
            Self::Remove(path) => remove(context, path, &mut told),
            Self::MakeFolders(path) => make_folders(context, path, &mut told),
            Self::Link(path, target)
                if is_reachable(context, path)
                    && !is_there(context, path)
                    && symlink(target, context.at(path)).is_ok() =>
            {
                told.push(path.clone());
            }
            Self::Swap(path) if is_there(context, path) => {
                let was_folder = context.at(path).is_dir();
                remove(context, path, &mut told);
                if was_folder {
                    write(context, path, "a file now", &mut told);
                } else {
                    write(context, &format!("{path}/keep"), "in a folder now", &mut told);
                }
            }
            Self::Nothing(path) => told.push(path.clone()),
            _ => {}
        }
        told
    }
}

fn any_path(dice: &mut Dice) -> String {
    let mut any_name = || NAMES[dice.below(NAMES.len() as u64) as usize];
    let names = [any_name(), any_name(), any_name(), any_name()];
    let depth = 1 + dice.below(4) as usize;
    names[..depth].join("/")
}

/// Whether no link stands above the path: what is written through one is written elsewhere.
fn is_reachable(context: &Context, path: &str) -> bool {
    Path::new(path).ancestors().skip(1).all(|above| !context.0.path().join(above).is_symlink())
}

fn is_there(context: &Context, path: &str) -> bool {
    is_reachable(context, path) && context.at(path).symlink_metadata().is_ok()
}

fn write(context: &Context, path: &str, text: &str, told: &mut Vec<String>) {
    if !is_reachable(context, path) || context.at(path).is_symlink() {
        return;
    }
    if let Some((folder, _)) = path.rsplit_once('/') {
        make_folders(context, folder, told);
    }
    if fs::write(context.at(path), text).is_ok() {
        told.push(path.to_owned());
    }
}

fn make_folders(context: &Context, path: &str, told: &mut Vec<String>) {
    if !is_reachable(context, path) {
        return;
    }
    let mut folders: Vec<&Path> = Path::new(path).ancestors().collect();
    folders.reverse();
    for folder in folders {
        if fs::create_dir(context.0.path().join(folder)).is_ok() {
            told.push(folder.to_str().unwrap().to_owned());
        }
    }
}

fn remove(context: &Context, path: &str, told: &mut Vec<String>) {
    if is_there(context, path) {
        let on_disk = context.at(path);
        fs::remove_dir_all(&on_disk).or_else(|_| fs::remove_file(&on_disk)).unwrap();
        told.push(path.to_owned());
    }
}

/// How often the cheap way was taken, and how often not.
#[derive(Default)]
struct Tally {
    n_refreshed: usize,
    n_scanned: usize,
}

/// Takes the steps in a new folder; what is wrong after one of the batches.
fn check(rules: &str, sources: &[&str], batches: &[Vec<Step>], tally: &mut Tally) -> Result<(), String> {
    let context = Context::new(&[("a/b/c", "1"), ("b/c/keep", "2"), ("c/a/x.tmp", "3"), ("keep", "4")]);
    let (root, ignorefile) = (context.0.path(), Ignorefile::parse(rules.as_bytes()).0);
    let resolve = || watcher::resolve_requested(root, sources.iter().map(|source| source.as_bytes().to_vec()));
    let mut requested = resolve();
    let mut stamped = watcher::scan(root, &ignorefile, &requested, &StatCache::none()).unwrap().stamped;
    for (number, batch) in batches.iter().enumerate() {
        let told: Vec<String> = batch.iter().flat_map(|step| step.take(&context)).collect();
        let paths: Vec<ContextPath> = told.iter().map(ContextPath::new).collect();
        let before = stamped.clone();
        let came = watcher::refresh(root, &ignorefile, &requested, &mut stamped, &paths).unwrap();
        let resolved = resolve();
        if came == Refresh::Done && !requested.asks_like(&resolved) {
            return Err(format!("batch {number}, told {told:?}: more is requested now"));
        }
        if came == Refresh::ScanAnew && stamped != before {
            return Err(format!("batch {number}, told {told:?}: half refreshed"));
        }
        requested = resolved;
        let fresh = watcher::scan(root, &ignorefile, &requested, &StatCache::none()).unwrap().stamped;
        match came {
            Refresh::Done => tally.n_refreshed += 1,
            Refresh::ScanAnew => {
                tally.n_scanned += 1;
                stamped = fresh.clone();
            }
        }
        differs(&stamped, &fresh).map_err(|what| format!("batch {number}, told {told:?}: {what}"))?;
    }
    Ok(())
}

fn differs(stamped: &Stamped, fresh: &Stamped) -> Result<(), String> {
    let (ours, theirs) = (entries(&stamped.context), entries(&fresh.context));
    if ours != theirs {
        return Err(format!("{ours:?} instead of {theirs:?}"));
    }
    if stamped.mtimes != fresh.mtimes {
        return Err(format!("times {:?} instead of {:?} of {ours:?}", stamped.mtimes, fresh.mtimes));
    }
    if stamped.context.digest() != fresh.context.digest() {
        return Err("the digest alone differs".to_owned());
    }
    if stamped.context.root().summary() != fresh.context.root().summary() {
        return Err("the summary alone differs".to_owned());
    }
    Ok(())
}

/// The steps without those that need not be there.
fn shrunk(rules: &str, sources: &[&str], mut batches: Vec<Vec<Step>>) -> Vec<Vec<Step>> {
    let is_wrong = |batches: &[Vec<Step>]| check(rules, sources, batches, &mut Tally::default()).is_err();
    for batch in (0..batches.len()).rev() {
        for step in (0..batches[batch].len()).rev() {
            let mut fewer = batches.clone();
            fewer[batch].remove(step);
            if is_wrong(&fewer) {
                batches = fewer;
            }
        }
    }
    batches.retain(|batch| !batch.is_empty());
    batches
}

#[test]
fn after_any_edits_a_refreshed_context_is_a_scanned_one() {
    const N_BATCHES: u64 = 50;
    let mut tally = Tally::default();
    for (number, rules) in IGNOREFILES.iter().enumerate() {
        for (other, sources) in REQUESTS.iter().enumerate() {
            let seed = 0x5eed + (number * REQUESTS.len() + other) as u64;
            let mut dice = Dice(seed);
            let any_batch = |_| (0..1 + dice.below(4)).map(|_| Step::any(&mut dice)).collect();
            let batches: Vec<Vec<Step>> = (0..N_BATCHES).map(any_batch).collect();
            if let Err(what) = check(rules, sources, &batches, &mut tally) {
                let fewest = shrunk(rules, sources, batches);
                let what = check(rules, sources, &fewest, &mut Tally::default()).err().unwrap_or(what);
                panic!("seed {seed:#x}, ignore file {rules:?}, sources {sources:?}: {what}\nsteps: {fewest:#?}");
            }
        }
    }
    assert!(tally.n_refreshed > 2_000, "scanned anew {} times, refreshed {} times", tally.n_scanned, tally.n_refreshed);
}

#[test]
fn a_touch_and_a_save_of_the_same_bytes_change_no_digest() {
    let context = Context::new(&[("a/b", "text"), ("c", "")]);
    let (rules, all) = (Ignorefile::default(), planner::requested::Requested::everything());
    let mut stamped = context.scan().stamped;
    let before = stamped.clone();
    let path = [ContextPath::new("a/b")];
    fs::write(context.at("a/b"), "text").unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    fs::File::open(context.at("a/b")).unwrap().set_modified(time).unwrap();
    assert_eq!(watcher::refresh(context.0.path(), &rules, &all, &mut stamped, &path).unwrap(), Refresh::Done);
    assert_eq!(stamped.context.digest(), before.context.digest());
    assert_eq!(stamped.mtimes[1], 1_000_000_000);
    fs::write(context.at("a/b"), "othr").unwrap();
    assert_eq!(watcher::refresh(context.0.path(), &rules, &all, &mut stamped, &path).unwrap(), Refresh::Done);
    assert_ne!(stamped.context.digest(), before.context.digest());
}

#[test]
fn a_folder_that_nobody_told_of_is_read_whole() {
    let context = Context::new(&[("a/b", "1")]);
    let (rules, all) = (Ignorefile::default(), planner::requested::Requested::everything());
    let mut stamped = context.scan().stamped;
    context.write("new/told", "2");
    context.write("new/deep/untold", "3");
    let path = [ContextPath::new("new/told")];
    assert_eq!(watcher::refresh(context.0.path(), &rules, &all, &mut stamped, &path).unwrap(), Refresh::Done);
    differs(&stamped, &context.scan().stamped).unwrap();
}

#[test]
fn a_touched_root_and_a_link_on_a_source_ask_for_a_scan() {
    let context = Context::new(&[("real/x", "1"), ("other/x", "2"), ("y", "")]);
    symlink("real", context.at("way")).unwrap();
    let rules = Ignorefile::default();
    let requested = watcher::resolve_requested(context.0.path(), [b"way/x".to_vec()]);
    let mut stamped = context.scan_for("", &requested).stamped;
    let mut refreshed = |paths: &[&str]| {
        let paths: Vec<ContextPath> = paths.iter().map(ContextPath::new).collect();
        watcher::refresh(context.0.path(), &rules, &requested, &mut stamped, &paths).unwrap()
    };
    assert_eq!(refreshed(&["."]), Refresh::ScanAnew);
    assert_eq!(refreshed(&["y", "real/x"]), Refresh::Done);
    fs::remove_file(context.at("way")).unwrap();
    assert_eq!(refreshed(&["way"]), Refresh::ScanAnew);
    symlink("other", context.at("way")).unwrap();
    assert_eq!(refreshed(&["way"]), Refresh::ScanAnew);
    // A link that no source leads through is an entry like any other.
    symlink("x", context.at("real/link")).unwrap();
    assert_eq!(refreshed(&["real/link"]), Refresh::Done);
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_context_as_it_was() {
    let context = Context::new(&[("a", "1"), ("b", "2")]);
    let (rules, all) = (Ignorefile::default(), planner::requested::Requested::everything());
    let mut stamped = context.scan().stamped;
    let before = stamped.clone();
    fs::write(context.at("a"), "another").unwrap();
    set_mode(&context.at("b"), 0o000);
    if fs::read(context.at("b")).is_ok() {
        eprintln!("skipped: this user reads everything");
        return;
    }
    let paths = [ContextPath::new("a"), ContextPath::new("b")];
    let error = watcher::refresh(context.0.path(), &rules, &all, &mut stamped, &paths).unwrap_err();
    assert!(matches!(error, watcher::ScanError::Unreadable { path, .. } if path.ends_with("b")));
    assert_eq!(stamped, before);
}
