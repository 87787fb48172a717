//! Copies that stand above an install which does not read them: where they are, how far down they may go, and the edits
//! that take them there. In go a stage and which copies are meant; whether the result is the same is argued in `safety`.

use super::layout;
use super::{Facts, Suggestion};
use super::{manifest_lines, parting};
use crate::dockerfile::Command;
use crate::known_command::effect::{Effect, Kind};
use crate::source::TextEdit;
use crate::steps::{Act, Copied, RunStep, StageSteps};

/// Copies above an install that does not need them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Early {
    /// The copies, by their place in the stage.
    pub copies: Vec<usize>,
    /// The first install below them.
    pub install: usize,
    /// The last install that they may go below.
    pub last: usize,
    /// A command between that may need them, so that they stay.
    pub blocker: Option<usize>,
    /// Where the step of the install goes on with commands that need them: the last one that does not, by its place in it.
    pub until: Option<usize>,
}

/// Whether a command takes time and reads little: what an early copy costs.
#[must_use]
pub fn is_install(effect: &Effect) -> bool {
    matches!(effect.kind, Kind::Install | Kind::Packages)
}

/// Whether a command needs all of a copy's files.
#[must_use]
pub fn is_needed(copies: &[Copied], effect: &Effect) -> bool {
    let is_read = |copied: &Copied| {
        copied.written.regions.is_empty() && copied.written.files().all(|(path, _)| effect.reads.has(path))
    };
    copies.iter().all(is_read)
}

/// Whether a command reads some of a copy's files.
fn is_read(copies: &[Copied], effect: &Effect) -> bool {
    copies.iter().any(|copied| {
        let is_hit = copied.written.regions.iter().any(|region| region.meets_paths(&effect.reads));
        is_hit || copied.written.files().any(|(path, _)| effect.reads.has(path))
    })
}

/// The finding that copies stand above an install; with a doubt where a command between them may need the files.
#[must_use]
pub fn finding(facts: &Facts<'_>, rule: &'static str, stage: &StageSteps, early: &Early) -> Option<Suggestion> {
    let install = install(stage, early)?;
    let first = stage.steps[*early.copies.first()?].instruction?;
    let mut found = Suggestion::at(facts, rule, stage.index, first);
    found.title = format!("`{}` stands above `{}`", facts.shown(first), install.name);
    if let Some(blocker) = early.blocker {
        let between = run(stage, blocker).map(|run| run.effect.name.clone()).unwrap_or_default();
        found.doubts.push(format!("`{between}` stands between and may need the files"));
    }
    Some(found)
}

/// The command of a step.
#[must_use]
pub fn run(stage: &StageSteps, step: usize) -> Option<&RunStep> {
    match &stage.steps.get(step)?.act {
        Act::Run(run) => Some(run),
        _ => None,
    }
}

/// The copies of a step.
#[must_use]
pub fn copies(stage: &StageSteps, step: usize) -> &[Copied] {
    match stage.steps.get(step).map(|step| &step.act) {
        Some(Act::Copy(copies)) => copies,
        _ => &[],
    }
}

/// Finds the installs of a stage that have copies above them which they do not need. `is_meant` says of which copies the
/// caller wants to hear.
#[must_use]
pub fn find(stage: &StageSteps, is_meant: &dyn Fn(&[Copied], &Effect) -> bool) -> Vec<Early> {
    let mut found = Vec::new();
    let (mut open, mut closed): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut blocker = None;
    let mut skip = 0;
    for (at, step) in stage.steps.iter().enumerate() {
        match &step.act {
            Act::Copy(_) if step.instruction.is_some() => open.push(at),
            Act::Run(run) if is_install(&run.effect) && at >= skip => {
                let is_early = |copy: &usize| {
                    let copies = copies(stage, *copy);
                    is_meant(copies, &run.effect) && !is_needed(copies, &run.effect)
                };
                let early: Vec<usize> = open.iter().copied().filter(is_early).collect();
                if !early.is_empty() {
                    let last = last_below(stage, &early, at);
                    found.push(Early { copies: early, install: at, last, blocker: None, until: None });
                    skip = last + 1;
                    open.clear();
                    continue;
                }
                // What an install reads stays above it, whatever comes below.
                open.retain(|copy| !is_read(copies(stage, *copy), &run.effect));
                let fixed: Vec<usize> = closed.iter().copied().filter(is_early).collect();
                if !fixed.is_empty() {
                    found.push(Early { copies: fixed, install: at, last: at, blocker, until: None });
                    closed.clear();
                }
            }
            Act::Run(run) if !matches!(run.effect.kind, Kind::Install | Kind::Packages | Kind::Setup) => {
                if let Some((install, until)) = begins_with_install(run) {
                    let is_early = |copy: &usize| {
                        let copies = copies(stage, *copy);
                        is_meant(copies, install) && !is_needed(copies, install)
                    };
                    let early: Vec<usize> = open.iter().copied().filter(is_early).collect();
                    if !early.is_empty() {
                        found.push(Early { copies: early, install: at, last: at, blocker: None, until: Some(until) });
                    }
                }
                closed.append(&mut open);
                blocker = Some(at);
            }
            _ => {}
        }
    }
    found
}

/// The install that a step of several commands begins with, and the last of its commands that needs no more than that.
fn begins_with_install(run: &RunStep) -> Option<(&Effect, usize)> {
    let is_beginning = |kind: Kind| matches!(kind, Kind::Setup | Kind::Packages | Kind::Install);
    let n_first = run.parts.iter().take_while(|part| is_beginning(part.effect.kind)).count();
    let first = run.parts.iter().take(n_first).map(|part| &part.effect);
    let install = first.into_iter().find(|effect| effect.kind == Kind::Install)?;
    Some((install, n_first - 1))
}

/// The effect of the install that copies stand above.
#[must_use]
pub fn install<'a>(stage: &'a StageSteps, early: &Early) -> Option<&'a Effect> {
    let run = run(stage, early.install)?;
    match early.until {
        Some(_) => begins_with_install(run).map(|(install, _)| install),
        None => Some(&run.effect),
    }
}

/// How far below the first install the copies may go: over commands that are known and do not need them.
fn last_below(stage: &StageSteps, early: &[usize], first: usize) -> usize {
    let mut last = first;
    for (at, step) in stage.steps.iter().enumerate().skip(first + 1) {
        match &step.act {
            Act::Run(run) if run.effect.is_closed() && is_install(&run.effect) => {
                if early.iter().any(|copy| is_needed(copies(stage, *copy), &run.effect)) {
                    break;
                }
                last = at;
            }
            Act::Run(run) if run.effect.kind == Kind::Setup && run.effect.is_closed() => {}
            Act::None => {}
            _ => break,
        }
    }
    last
}

/// The edits that take early copies below their installs, what the installs need of them being copied in their place.
///
/// # Errors
/// A clause that says why they cannot be written.
fn edits(facts: &Facts<'_>, stage: &StageSteps, early: &Early) -> Result<Vec<TextEdit>, String> {
    let Some(until) = early.until else {
        if let Some(reason) = elsewhere(facts, stage, early) {
            return Err(reason);
        }
        return moved(facts, stage, early).ok_or_else(|| "the names of the files cannot be written plainly".to_owned());
    };
    let by_hand = || "the step has to be cut in two by hand".to_owned();
    let (step, run) = stage.steps.get(early.install).zip(run(stage, early.install)).ok_or_else(by_hand)?;
    let cut = parting::edit(facts, step.instruction.ok_or_else(by_hand)?, run, until)?;
    let text = super::apply(facts.text(), &[cut]).ok_or_else(by_hand)?;
    let parted = Facts::read(text.as_bytes(), facts.around).map_err(|refusal| refusal.message)?;
    let stage = parted.stages.get(stage.index).ok_or_else(by_hand)?;
    let edits = edits(&parted, stage, &Early { until: None, ..early.clone() })?;
    let after = super::apply(&text, &edits).ok_or_else(by_hand)?;
    Ok(vec![parting::difference(facts.text(), &after)])
}

/// Gives a finding its edits, or the reason why it has none.
pub fn cure(facts: &Facts<'_>, stage: &StageSteps, early: &Early, found: &mut Suggestion) {
    match edits(facts, stage, early) {
        Ok(edits) => {
            found.edits = edits;
            let cut = run(stage, early.install).zip(early.until);
            found.doubts.extend(cut.and_then(|(run, until)| parting::grows(run, until)));
        }
        Err(reason) => found.doubts.push(reason),
    }
}

fn moved(facts: &Facts<'_>, stage: &StageSteps, early: &Early) -> Option<Vec<TextEdit>> {
    let installs: Vec<&RunStep> = (early.install..=early.last).filter_map(|step| run(stage, step)).collect();
    let mut lines_above = Vec::new();
    for copy in &early.copies {
        let instruction = stage.steps[*copy].instruction?;
        let above = |path: &str, copied: &Copied| is_copied_above(stage, early, *copy, path, copied);
        let lines = manifest_lines::write(facts, instruction, copies(stage, *copy), &installs, &above)?;
        lines_above.push((instruction, lines));
    }
    let below = stage.steps[early.last].instruction?;
    Some(layout::move_below(facts, &lines_above, below))
}

/// Why a copy, as it is written, would go to another place, or be of other files, below the installs.
fn elsewhere(facts: &Facts<'_>, stage: &StageSteps, early: &Early) -> Option<String> {
    let below = stage.steps[early.last].instruction?;
    for first in early.copies.iter().filter_map(|copy| stage.steps[*copy].instruction) {
        let text = facts.shown(first);
        let dest = match &facts.instruction(first).command {
            Command::Copy(copy) => &copy.dest,
            Command::Add(add) => &add.copy.dest,
            _ => continue,
        };
        for place in first + 1..below {
            let between = facts.shown(place);
            match &facts.instruction(place).command {
                Command::Workdir(_) if !dest.starts_with(['/', '$']) => {
                    return Some(format!("below `{between}` the copy to `{dest}` would go to another folder"));
                }
                Command::Env(_) | Command::Arg(_) if text.contains('$') => {
                    return Some(format!("`{between}` may change what `{text}` means"));
                }
                _ => {}
            }
        }
    }
    None
}

/// Whether a copy that stays above the install writes the same file.
fn is_copied_above(stage: &StageSteps, early: &Early, copy: usize, path: &str, copied: &Copied) -> bool {
    let digest = copied.written.entries.get(path).map(|entry| entry.digest);
    let staying = (0..early.install).rev().filter(|step| !early.copies.contains(step) && *step != copy);
    let mut writers = staying.flat_map(|step| copies(stage, step).iter().rev()).filter(|other| other.written.has(path));
    writers.next().is_some_and(|other| {
        let same_rights = (&other.owner, &other.mode) == (&copied.owner, &copied.mode);
        same_rights && other.written.entries.get(path).map(|entry| entry.digest) == digest
    })
}
