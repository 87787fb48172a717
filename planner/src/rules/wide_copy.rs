//! A stage that others copy from takes more of the context than any step reads: its commands leave the files alone, and
//! nobody copies them from there. Copying less runs the stage less often.

use crate::graph::lower::MAIN_CONTEXT;
use crate::known_command::effect::is_within;
use crate::steps::{Act, Copied, Origin, RunStep, StageSteps};
use crate::suggestion::layout;
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "wide-copy";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let n_stages = facts.stages.len();
    let mut found = Vec::new();
    for stage in facts.stages.iter().take(n_stages.saturating_sub(1)).filter(|stage| stage.is_read) {
        let Some(taken) = taken(facts, stage) else { continue };
        for (at, step) in stage.steps.iter().enumerate() {
            if let (Act::Copy(copies), Some(instruction)) = (&step.act, step.instruction) {
                found.extend(judge(facts, stage, at, copies, instruction, &taken));
            }
        }
    }
    found
}

/// What other stages take from a stage, as paths in it; `None` where nobody does, or one builds upon it.
fn taken(facts: &Facts<'_>, stage: &StageSteps) -> Option<Vec<String>> {
    let mut taken = Vec::new();
    for other in &facts.stages {
        if other.base == Some(stage.index) || !other.is_read {
            return None;
        }
        for step in &other.steps {
            let from = |origin: &Origin| *origin == Origin::Stage(stage.index);
            match &step.act {
                Act::Copy(copies) => {
                    let own = copies.iter().filter(|copied| from(&copied.origin));
                    taken.extend(own.map(|copied| format!("/{}", copied.selector.fixed_prefix().to_lossy())));
                }
                Act::Run(run) => {
                    let own = run.mounts.iter().filter(|(origin, _)| from(origin));
                    taken.extend(own.flat_map(|(_, selectors)| selectors.iter().map(|one| one.path.clone())));
                }
                Act::Folder(_) | Act::None => {}
            }
        }
    }
    (!taken.is_empty()).then_some(taken)
}

fn judge(
    facts: &Facts<'_>,
    stage: &StageSteps,
    at: usize,
    copies: &[Copied],
    instruction: usize,
    taken: &[String],
) -> Option<Suggestion> {
    let later: Vec<&RunStep> = stage.steps[at..]
        .iter()
        .filter_map(|step| match &step.act {
            Act::Run(run) => Some(&**run),
            _ => None,
        })
        .collect();
    let is_ours = |copied: &Copied| {
        copied.origin == Origin::Context(MAIN_CONTEXT.to_owned()) && copied.written.regions.is_empty()
    };
    if !later.iter().all(|run| run.effect.is_closed()) || !copies.iter().all(is_ours) {
        return None;
    }
    let is_read = |path: &String| later.iter().any(|run| run.effect.reads.has(path));
    let is_taken = |path: &String| taken.iter().any(|prefix| is_within(path, prefix));
    let files: Vec<&String> = copies.iter().flat_map(|copied| copied.written.files()).map(|(path, _)| path).collect();
    let unread: Vec<&&String> = files.iter().filter(|path| !is_read(path) && !is_taken(path)).collect();
    let first = unread.first()?;
    let mut found = Suggestion::at(facts, NAME, stage.index, instruction);
    found.title = format!("`{}` takes more than anything reads", facts.shown(instruction));
    let name = first.rsplit('/').next().unwrap_or(first);
    found.reason = format!(
        "No command of the stage reads {} of its {} files, such as `{name}`, and no other stage copies them from it.",
        unread.len(),
        files.len()
    );
    if unread.len() == files.len() {
        found.edits.push(layout::remove(facts, instruction));
    }
    Some(found)
}
