//! Whether the folders that copies go into are made by the same step: whoever makes a folder first decides who owns it, and a
//! copy into one that is there leaves it as it is. In go a stage before and after, with the stages it continues; out come
//! doubts.

use std::collections::BTreeSet;

use crate::graph::stage_state::clean;
use crate::graph::{Chmod, Owner};
use crate::known_command::effect::{is_within, upwards};
use crate::steps::{Act, Copied, StageSteps};

/// Who makes a folder.
#[derive(PartialEq, Eq)]
enum Maker<'a> {
    /// `WORKDIR`, as root.
    Folder,
    /// A copy, for its owner.
    Copy(&'a Option<Owner>, &'a Option<Chmod>, Option<&'a Copied>),
    /// A command, by its place among the stage's commands.
    Run(usize),
    Nobody,
}

/// Notes folders that another step makes then. `below` are the stages that both continue.
pub(super) fn argue(below: &[&StageSteps], old: &StageSteps, new: &StageSteps, doubts: &mut Vec<String>) {
    for folder in folders(old).union(&folders(new)) {
        let is_there = below.iter().any(|stage| maker(stage, folder) != Maker::Nobody);
        if !is_there && !is_of_every_image(folder) && maker(old, folder) != maker(new, folder) {
            doubts.push(format!("whoever makes the folder `{folder}` first decides who owns it"));
        }
    }
}

/// Folders that images have.
fn is_of_every_image(folder: &str) -> bool {
    ["/", "/usr", "/usr/src", "/etc", "/var", "/home", "/opt", "/srv", "/tmp", "/root"].contains(&folder)
}

/// The folders that copies go into, those that `WORKDIR` names, and all above them.
fn folders(stage: &StageSteps) -> BTreeSet<String> {
    let mut folders = BTreeSet::new();
    let mut add = |path: &str| folders.extend(upwards(path).filter(|path| *path != "/").map(str::to_owned));
    for step in &stage.steps {
        match &step.act {
            Act::Folder(path) => add(path),
            Act::Copy(copies) => copies.iter().for_each(|copied| add(&target(copied))),
            Act::Run(_) | Act::None => {}
        }
    }
    folders
}

/// The folder that a copy goes into.
fn target(copied: &Copied) -> String {
    let dest = clean(&copied.dest);
    let is_below = |path: &String| *path != dest && is_within(path, &dest);
    let is_folder = copied.dest.ends_with(['/', '.']) || copied.written.entries.keys().any(is_below);
    if is_folder { dest } else { upwards(&dest).nth(1).unwrap_or("/").to_owned() }
}

/// Whether a folder is there behind a copy.
fn makes(copied: &Copied, folder: &str) -> bool {
    is_within(&target(copied), folder) || copied.written.entries.get(folder).is_some_and(|entry| entry.is_folder)
}

fn maker<'a>(stage: &'a StageSteps, folder: &str) -> Maker<'a> {
    let mut n_runs = 0;
    for step in &stage.steps {
        match &step.act {
            Act::Folder(path) if is_within(path, folder) => return Maker::Folder,
            Act::Copy(copies) => {
                if let Some(copied) = copies.iter().find(|copied| makes(copied, folder)) {
                    // With a mode of its own it counts whether the folder is copied or made on the way.
                    let itself = copied.mode.is_some().then_some(copied);
                    return Maker::Copy(&copied.owner, &copied.mode, itself);
                }
            }
            Act::Run(run) => {
                n_runs += 1;
                let writes = &run.effect.writes;
                let is_unclear = writes.everything && is_within(folder, &run.effect.folder);
                if is_unclear || (!writes.everything && writes.touches(folder)) {
                    return Maker::Run(n_runs);
                }
            }
            Act::Folder(_) | Act::None => {}
        }
    }
    Maker::Nobody
}
