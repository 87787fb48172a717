//! Two stages install from the same lock file: the packages are fetched and unpacked twice. A stage of its own, which both
//! build upon or copy from, does it once.

use crate::steps::{Act, RunStep, StageSteps};
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "repeated-install";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    let mut seen: Vec<(&crate::context::ContextPath, usize, u32, &RunStep)> = Vec::new();
    for stage in facts.stages.iter().filter(|stage| stage.is_read) {
        for step in &stage.steps {
            let (Act::Run(run), Some(instruction)) = (&step.act, step.instruction) else { continue };
            let Some(source) = &run.installs_from else { continue };
            let first = seen.iter().find(|(other, index, _, earlier)| {
                let is_alike = image(facts, stage) == image(facts, &facts.stages[*index]);
                *index != stage.index
                    && !continues(facts, stage, *index)
                    && is_alike
                    && earlier.vertex != run.vertex
                    && other.parent() == source.parent()
            });
            if let Some((_, _, line, earlier)) = first {
                let mut one = Suggestion::at(facts, NAME, stage.index, instruction);
                one.title =
                    format!("`{}` installs what `{}` in line {line} installs", run.effect.name, earlier.effect.name);
                one.reason = "Both go by the same manifests. One stage that installs for both, or a cache mount that both share, \
                              fetches the packages once."
                    .to_owned();
                found.push(one);
            } else {
                seen.push((source, stage.index, step.line, &**run));
            }
        }
    }
    found
}

/// Whether a stage builds upon another.
fn continues(facts: &Facts<'_>, stage: &StageSteps, other: usize) -> bool {
    let below = std::iter::successors(stage.base, |base| facts.stages.get(*base)?.base);
    below.into_iter().any(|base| base == other)
}

/// The name of the image that a stage stands on, without its version.
fn image<'a>(facts: &'a Facts<'_>, stage: &'a StageSteps) -> &'a str {
    let lowest = std::iter::successors(Some(stage), |stage| facts.stages.get(stage.base?)).last().unwrap_or(stage);
    lowest.image.split([':', '@']).next().unwrap_or_default()
}
