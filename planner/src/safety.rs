//! Whether two Dockerfiles make the same images, argued from both texts and nothing else: who changed what and why does
//! not count. Each command is found again with the same words, environment and mounts; what it no longer sees, or sees
//! anew, is nothing it reads; copies that changed places write different files; the images are configured alike. In go
//! the two as facts, out come the reasons why it cannot be said; without one it is so.
//!
//! A reason is no proof that something breaks. Only commands whose reads are known are believed to leave files alone.

mod config;
mod commands;
mod order;
mod folders;
mod caution;

pub use commands::is_volatile;
pub use order::is_of_the_system;

use crate::steps::StageSteps;
use crate::suggestion::Facts;

/// Why the images of `after` may differ from those of `before`, each as a clause.
#[must_use]
pub fn doubts(before: &Facts<'_>, after: &Facts<'_>) -> Vec<String> {
    let mut doubts = Vec::new();
    if texts(before, true) != texts(after, true) {
        doubts.push("the stages, their bases or the lines above them differ".to_owned());
        return doubts;
    }
    for (old, new) in before.stages.iter().zip(&after.stages) {
        if !old.is_read || !new.is_read {
            let (old, new) = (stage_texts(before, old.index), stage_texts(after, new.index));
            if old != new {
                doubts.push("no build reaches the stage, so its steps are not known".to_owned());
            }
            continue;
        }
        order::argue(old, new, &mut doubts);
        if stage_texts(before, old.index) != stage_texts(after, new.index) {
            folders::argue(&continued(before, old), old, new, &mut doubts);
            caution::argue(before, old, new, after, &mut doubts);
        }
    }
    let has_parents = |facts: &Facts<'_>| facts.text().contains("--parents");
    let is_pinned = after.dockerfile.directives.iter().any(|directive| directive.name == "syntax");
    if has_parents(after) && !has_parents(before) && !is_pinned {
        doubts.push("`COPY --parents` needs Dockerfile 1.20 or newer, which no `# syntax=` line asks for".to_owned());
    }
    config::argue(before, after, &mut doubts);
    let mut seen = std::collections::BTreeSet::new();
    doubts.retain(|doubt| seen.insert(doubt.clone()));
    doubts
}

/// The stages that a stage continues.
fn continued<'a>(facts: &'a Facts<'_>, stage: &'a StageSteps) -> Vec<&'a StageSteps> {
    std::iter::successors(stage.base, |base| facts.stages.get(*base)?.base)
        .filter_map(|base| facts.stages.get(base))
        .collect()
}

/// Directives, and the instructions before the first stage and at the start of each.
fn texts(facts: &Facts<'_>, with_directives: bool) -> Vec<String> {
    let file = &facts.dockerfile;
    let directives =
        file.directives.iter().filter(|_| with_directives).map(|one| format!("{}={}", one.name, one.value));
    let preamble = 0..file.preamble().len();
    let froms = file.stages.iter().map(|stage| stage.from);
    directives.chain(preamble.chain(froms).map(|index| facts.shown(index))).collect()
}

fn stage_texts(facts: &Facts<'_>, stage: usize) -> Vec<String> {
    let stage = &facts.dockerfile.stages[stage];
    stage.body.clone().map(|index| facts.text()[facts.instruction(index).span.range()].to_owned()).collect()
}
