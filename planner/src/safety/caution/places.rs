//! Paths that may mean another place than they say: those that begin in a base's `WORKDIR` that nobody knows, beside absolute
//! ones, and those that lead through a symbolic link which a copy has brought. In go the facts and the stages, out come
//! clauses.

use std::collections::BTreeSet;

use crate::context::{FileKind, Found};
use crate::dockerfile::{Command, Copy};
use crate::graph::lower::MAIN_CONTEXT;
use crate::graph::stage_state::clean;
use crate::known_command::Part;
use crate::known_command::effect::{Kind, is_within};
use crate::steps::{Act, Copied, Origin, StageSteps};
use crate::suggestion::Facts;

/// Why paths of the stages may mean other places; `chain` begins with the stage itself.
pub(super) fn argue(facts: &Facts<'_>, chain: &[&StageSteps], doubts: &mut Vec<String>) {
    if let Some(base) = unknown_folder(facts, chain) {
        doubts
            .push(format!("paths begin in the folder that `{base}` sets, which nobody knows, and others at the root"));
    }
    let steps = || chain.iter().flat_map(|stage| &stage.steps);
    let copies: Vec<&Copied> = steps()
        .filter_map(|step| match &step.act {
            Act::Copy(copies) => Some(copies),
            _ => None,
        })
        .flatten()
        .collect();
    let links: BTreeSet<&String> = copies.iter().flat_map(|copied| links(facts, copied)).collect();
    let leads_through = |path: &str| links.iter().any(|link| path != link.as_str() && is_within(path, link));
    let through = copies.iter().find(|copied| {
        let dest = clean(&copied.dest);
        let is_at_link = links.contains(&dest) && !copied.written.entries.contains_key(&dest);
        is_at_link || leads_through(&dest) || copied.written.files().any(|(path, _)| leads_through(path))
    });
    if let Some(copied) = through {
        doubts.push(format!("the copy to `{}` goes through a symbolic link", copied.dest));
    }
    let folders = steps().filter_map(|step| match &step.act {
        Act::Folder(path) => Some(path.clone()),
        Act::Run(run) => Some(run.effect.folder.clone()),
        _ => None,
    });
    let is_link = |path: &String| leads_through(path) || links.contains(path);
    if let Some(folder) = folders.into_iter().find(is_link) {
        doubts.push(format!("the folder `{folder}` may be a symbolic link"));
    }
}

/// The symbolic links that a copy from the context writes.
fn links<'a>(facts: &'a Facts<'_>, copied: &'a Copied) -> impl Iterator<Item = &'a String> {
    let is_context = copied.origin == Origin::Context(MAIN_CONTEXT.to_owned());
    let is_link = |node: Option<Found>| matches!(node, Some(Found::File(entry)) if matches!(entry.kind, FileKind::Symlink { .. }));
    let files = copied.written.files().filter(move |_| is_context);
    files.filter(move |(_, entry)| is_link(facts.around.context.find(&entry.from))).map(|(path, _)| path)
}

/// The base in whose folder relative paths begin, where absolute ones are used beside them.
fn unknown_folder<'a>(facts: &Facts<'_>, chain: &[&'a StageSteps]) -> Option<&'a str> {
    let lowest = chain.last()?;
    if lowest.image == "scratch" || is_known(facts, &lowest.image) {
        return None;
    }
    let (mut is_absolute, mut is_relative, mut is_set) = (false, false, false);
    for stage in chain.iter().rev() {
        for step in &stage.steps {
            let Some(index) = step.instruction else { continue };
            match (&facts.instruction(index).command, &step.act) {
                (Command::Workdir(path), _) => {
                    let is_root = path.starts_with('/');
                    is_relative |= !is_root && !is_set;
                    is_absolute |= is_root;
                    is_set |= is_root;
                }
                (Command::Copy(copy), _) => note(copy, is_set, &mut is_absolute, &mut is_relative),
                (Command::Add(add), _) => note(&add.copy, is_set, &mut is_absolute, &mut is_relative),
                (_, Act::Run(run)) => {
                    let looks_around = !matches!(run.effect.kind, Kind::Setup | Kind::Packages);
                    let stays =
                        run.parts.iter().any(|part| part.invocation.folder == run.exec.workdir && !is_placed(part));
                    is_relative |= looks_around && stays && !is_set;
                }
                _ => {}
            }
        }
    }
    (is_absolute && is_relative).then_some(lowest.image.as_str())
}

/// Whether a command names all it reads by absolute paths, as `pip install -r /app/requirements.txt` does.
fn is_placed(part: &Part) -> bool {
    let is_pip = ["pip", "pip3"].contains(&part.invocation.program());
    let named = |path: &String| part.invocation.words.iter().any(|word| word.ends_with(path.as_str()));
    matches!(part.effect.kind, Kind::Setup | Kind::Packages)
        || (is_pip && part.effect.kind == Kind::Install && part.effect.needs.iter().flatten().all(named))
}

/// Notes where a copy goes.
fn note(copy: &Copy, is_set: bool, is_absolute: &mut bool, is_relative: &mut bool) {
    // A path that begins with a variable may be either.
    let is_root = copy.dest.starts_with('/');
    *is_absolute |= is_root || copy.dest.starts_with('$');
    *is_relative |= !is_root && !is_set;
}

/// Whether the folder that an image sets is known.
fn is_known(facts: &Facts<'_>, image: &str) -> bool {
    let with_tag = format!("/{image}:latest");
    let without = format!("/{image}");
    facts.around.request.images.keys().any(|name| {
        name.reference == image || name.reference.ends_with(&without) || name.reference.ends_with(&with_tag)
    })
}
