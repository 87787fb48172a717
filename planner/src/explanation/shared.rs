//! Stages that several targets need: BuildKit solves them once, so a report lists and counts them once. In goes an
//! explanation, out come its stages in order. What a stage says is not changed.

use super::{Explanation, StageReport};

impl Explanation {
    /// The stages with the place of their target. One that several targets share stands with the first that needs it.
    #[must_use]
    pub fn stages(&self) -> Vec<(usize, &StageReport)> {
        let all =
            || self.targets.iter().enumerate().flat_map(|(n, target)| target.stages.iter().map(move |one| (n, one)));
        let is_needed = |index: Option<usize>| all().any(|(_, stage)| stage.index == index && stage.used);
        let mut stages: Vec<(usize, &StageReport)> = Vec::new();
        for (target, stage) in all() {
            let is_shown = stages.iter().any(|(_, shown)| shown.is_same(stage));
            if !is_shown && (stage.used || !is_needed(stage.index)) {
                stages.push((target, stage));
            }
        }
        stages
    }
}

impl StageReport {
    /// Whether two targets mean the same by a stage: it stands at the same place, and its steps are the same.
    fn is_same(&self, other: &Self) -> bool {
        let steps = |stage: &Self| -> Vec<_> {
            stage.instructions.iter().map(|step| (step.placed.line, step.placed.step, step.placed.link)).collect()
        };
        self.index == other.index && self.used == other.used && steps(self) == steps(other)
    }
}
