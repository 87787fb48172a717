//! What a build leaves behind: the steps that a later build can find. In go a snapshot and what was predicted of it;
//! out come the records that are new.

use std::collections::BTreeSet;

use crate::history::{Ledger, StepRecord};
use crate::prediction::{Prediction, Verdict};
use crate::snapshot::{Snapshot, StepKind};

/// The steps of a build that succeeded, as far as it could: what hangs on a source that is missing did not run, and
/// in its stage and the stages it needs only what comes before it did.
///
/// Whether a pending step hit, nobody saw: its record says which results it may be.
#[must_use]
pub fn record(snapshot: &Snapshot, prediction: &Prediction, ledger: &Ledger, build: &str) -> Vec<StepRecord> {
    let completed = completed(snapshot, prediction);
    let steps = snapshot
        .steps
        .iter()
        .enumerate()
        .filter(|(index, step)| matches!(step.kind, StepKind::Step) && completed.contains(index));
    steps
        .filter_map(|(index, step)| {
            let standing = &prediction.standings[index];
            let known = ledger.step(&step.record.key).is_some();
            if known && standing.verdict == Verdict::Hit {
                return None;
            }
            let mut record = step.record.clone();
            match standing.verdict {
                Verdict::Hit => record.is = standing.is.iter().copied().filter(|key| *key != record.key).collect(),
                Verdict::Miss => record.rerun = known.then(|| build.to_owned()),
                Verdict::Pending | Verdict::Unknown(_) => {
                    record.may_be = standing.may_be.iter().copied().filter(|key| *key != record.key).collect();
                }
            }
            Some(record)
        })
        .collect()
}

/// The first source, absolute, whose absence fails the build; `None` where nothing is missing.
#[must_use]
pub fn missing_source(prediction: &Prediction) -> Option<&str> {
    prediction.standings.iter().find_map(|standing| standing.missing.as_deref())
}

/// The steps that complete: all, or those that every failing step needs.
fn completed(snapshot: &Snapshot, prediction: &Prediction) -> BTreeSet<usize> {
    let failing: Vec<usize> =
        (0..snapshot.steps.len()).filter(|index| prediction.standings[*index].missing.is_some()).collect();
    if failing.is_empty() {
        return (0..snapshot.steps.len()).collect();
    }
    let mut completed = BTreeSet::new();
    let mut open: Vec<usize> = failing;
    while let Some(index) = open.pop() {
        for input in &snapshot.steps[index].inputs {
            if completed.insert(input.index()) {
                open.push(input.index());
            }
        }
    }
    completed.retain(|index| !prediction.standings[*index].fails);
    completed
}
