//! The seconds that a step counts for when it runs: what it took when an engine was last seen running it, else a
//! default for its kind of command, which every report marks as assumed. In go a snapshot and what earlier builds told
//! of its steps; out comes a weight for each step. Whether a step runs is decided elsewhere.

mod kind;

use std::collections::BTreeMap;

pub use kind::Kind;

use crate::built::Experience;
use crate::graph::Placed;
use crate::snapshot::{Snapshot, StepKind};

/// What one run of a step costs.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Weight {
    /// In seconds.
    pub seconds: f64,
    /// Whether nobody measured it: it is the default of its kind of command.
    pub is_assumed: bool,
}

/// The weight of every step, in the order of the snapshot's steps. Sources, and what stands behind an instruction
/// without being its step (the merge of a `COPY --link`, a file from a here-document), weigh nothing unless timed.
#[must_use]
pub fn weights(snapshot: &Snapshot, experience: &Experience) -> Vec<Weight> {
    let placed = placed(snapshot);
    let steps = snapshot.steps.iter().enumerate();
    let weights = steps.map(|(index, step)| match (experience.seconds.get(&index), placed.get(&index)) {
        (Some(seconds), _) => Weight { seconds: *seconds, is_assumed: false },
        (None, Some(placed)) if step.kind == StepKind::Step => {
            Weight { seconds: Kind::seconds_of(placed), is_assumed: true }
        }
        _ => Weight::default(),
    });
    weights.collect()
}

/// The first used instruction that each step is made by.
fn placed(snapshot: &Snapshot) -> BTreeMap<usize, &Placed> {
    let mut by_step = BTreeMap::new();
    let stages = snapshot.targets.iter().flat_map(|target| &target.stages).filter(|stage| stage.used);
    for placed in stages.flat_map(|stage| &stage.instructions) {
        if let Some(step) = placed.step {
            by_step.entry(step).or_insert(&**placed);
        }
    }
    by_step
}
