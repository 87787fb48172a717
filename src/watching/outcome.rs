//! Which targets a build that failed leaves unbuilt. In go the build and what its targets were made of, out come those
//! that cannot be built as they are; the others were only stopped.

use planner::built::Outcome;
use planner::recipe::steps;

use super::targets::Recipes;
use crate::round::Done;

/// Of the targets of a build those that cannot be built as they are; all if nobody can say which.
pub(super) fn failed(done: &Done, targets: &Recipes) -> Recipes {
    let snapshot = done.snapshot();
    let failed: Vec<usize> =
        done.built.steps.iter().filter(|step| step.outcome == Outcome::Failed).map(|step| step.step).collect();
    let is_needed = |name: &String| {
        let named = snapshot.stages().into_iter().zip(&snapshot.targets).find(|(stage, _)| stage == name);
        named.is_none_or(|(_, target)| {
            let needed = steps(snapshot, target);
            failed.iter().any(|step| needed.contains(step))
        })
    };
    targets
        .iter()
        .filter(|(name, _)| failed.is_empty() || is_needed(name))
        .map(|(name, of)| (name.clone(), *of))
        .collect()
}
