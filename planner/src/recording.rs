//! What a build leaves behind: the steps that a later build can find. In go a snapshot, what was predicted of it and,
//! where an engine was seen building it, what that reported; out come the records that are new.

use std::collections::{BTreeMap, BTreeSet};

use crate::built::Outcome;
use crate::cache_key::CacheKey;
use crate::history::{Ledger, StepRecord, Writes};
use crate::prediction::{Prediction, Standing, Verdict};
use crate::snapshot::{Snapshot, Step, StepKind};

/// The steps of a build that succeeded, as far as it could: what hangs on a source that is missing did not run, and
/// in its stage and the stages it needs only what comes before it did.
///
/// Whether a pending step hit, nobody saw: its record says which results it may be.
#[must_use]
pub fn record(snapshot: &Snapshot, prediction: &Prediction, ledger: &Ledger, build: &str) -> Vec<StepRecord> {
    let completed = foreseen(snapshot, prediction);
    recorded(snapshot, prediction, ledger, build, &|index| completed.contains(&index).then_some(Seen::Unseen))
}

/// What an engine was seen doing.
pub struct Witnessed<'a> {
    /// By step of the snapshot, how it ended; steps whose end it did not tell are left out.
    pub outcomes: &'a BTreeMap<usize, Outcome>,
    /// Whether everything that was asked for is built.
    pub succeeded: bool,
    /// The steps of which nobody can say what they read, because it changed while the engine was reading.
    pub blurred: &'a BTreeSet<usize>,
    /// The same build with the files as they were when the engine had received them, where they changed meanwhile.
    pub after: Option<&'a Snapshot>,
    /// Whether the engine may have gone on when nobody saw it any more: of what is told there is no end.
    pub is_cut: bool,
}

/// What a build left in the engine's cache.
#[derive(Default)]
pub struct Left {
    /// The steps that are new.
    pub steps: Vec<StepRecord>,
    /// Those whose results it may have left.
    pub unsettled: Vec<StepRecord>,
    /// The keys that an earlier build may have left in it, and that were not there.
    pub absent: Vec<CacheKey>,
}

/// The steps of a build that an engine was seen doing, however it ended. What stands on a step whose input nobody can
/// name is left out with it.
#[must_use]
pub fn record_witnessed(
    snapshot: &Snapshot,
    prediction: &Prediction,
    ledger: &Ledger,
    build: &str,
    witnessed: &Witnessed<'_>,
) -> Left {
    let completed = completed(snapshot, witnessed);
    let blurred = with_followers(snapshot, witnessed.blurred);
    let steps = recorded(snapshot, prediction, ledger, build, &|index| {
        if blurred.contains(&index) || !completed.contains(&index) {
            return None;
        }
        Some(match witnessed.outcomes.get(&index) {
            Some(Outcome::Cached) => Seen::Cached,
            Some(Outcome::Ran) => Seen::Ran,
            _ => Seen::Unseen,
        })
    });
    let unsettled = unsettled(snapshot, &completed, &blurred, witnessed);
    Left { steps, unsettled, absent: absent(snapshot, ledger, &blurred, witnessed) }
}

/// The steps that the engine had to begin, although an earlier build may have left their results.
fn absent(snapshot: &Snapshot, ledger: &Ledger, blurred: &BTreeSet<usize>, witnessed: &Witnessed<'_>) -> Vec<CacheKey> {
    let begun = witnessed
        .outcomes
        .iter()
        .filter(|(index, outcome)| matches!(outcome, Outcome::Failed | Outcome::Canceled) && !blurred.contains(*index));
    let records = begun.filter_map(|(index, _)| Some(&snapshot.steps.get(*index)?.record));
    let is_doubted = |record: &&StepRecord| ledger.unsettled_with_op(&record.op).any(|other| other.key == record.key);
    records.filter(is_doubted).map(|record| record.key).collect()
}

/// The steps that a build may have left in the cache although no engine was seen completing them: those that it may
/// have been at work on when it ended early, or come to later if nobody saw its end, and those that read files which changed meanwhile, as they were or as they
/// are.
fn unsettled(
    snapshot: &Snapshot,
    completed: &BTreeSet<usize>,
    blurred: &BTreeSet<usize>,
    witnessed: &Witnessed<'_>,
) -> Vec<StepRecord> {
    let mut open = if witnessed.is_cut {
        (0..snapshot.steps.len()).filter(|index| is_open(snapshot, *index, completed, witnessed.outcomes)).collect()
    } else {
        at_work(snapshot, completed, witnessed.outcomes)
    };
    open.extend(completed.intersection(blurred));
    open.retain(|index| snapshot.steps[*index].kind == StepKind::Step);
    let of = |snapshot: &Snapshot| -> Vec<StepRecord> {
        open.iter().filter_map(|index| Some(snapshot.steps.get(*index)?.record.clone())).collect()
    };
    let mut steps = of(snapshot);
    for step in witnessed.after.map(of).unwrap_or_default() {
        if steps.iter().all(|other| other.key != step.key) {
            steps.push(step);
        }
    }
    steps
}

/// The steps that may have been completed unseen: all that they need was there. A copy takes no time, so what stands on
/// one may have been at work as well; what stands on a `RUN` was not.
fn at_work(snapshot: &Snapshot, completed: &BTreeSet<usize>, outcomes: &BTreeMap<usize, Outcome>) -> BTreeSet<usize> {
    let mut at_work = BTreeSet::new();
    for (index, step) in snapshot.steps.iter().enumerate() {
        let is_there = |input: usize| {
            let step = &snapshot.steps[input];
            let is_quick = step.record.writes != Writes::Anything;
            step.kind != StepKind::Step || completed.contains(&input) || (is_quick && at_work.contains(&input))
        };
        if is_open(snapshot, index, completed, outcomes) && step.inputs.iter().all(|input| is_there(input.index())) {
            at_work.insert(index);
        }
    }
    at_work
}

/// Whether nobody saw how a step ended that could have been done.
fn is_open(
    snapshot: &Snapshot,
    index: usize,
    completed: &BTreeSet<usize>,
    outcomes: &BTreeMap<usize, Outcome>,
) -> bool {
    !completed.contains(&index) && !outcomes.contains_key(&index) && snapshot.steps[index].missing.is_none()
}

/// The first source, absolute, whose absence fails the build; `None` where nothing is missing.
#[must_use]
pub fn missing_source(prediction: &Prediction) -> Option<&str> {
    prediction.standings.iter().find_map(|standing| standing.missing.as_deref())
}

/// How a step that completed did so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Cached,
    Ran,
    /// Nobody saw; what was foreseen for certain is taken for true.
    Unseen,
}

fn recorded(
    snapshot: &Snapshot,
    prediction: &Prediction,
    ledger: &Ledger,
    build: &str,
    seen: &dyn Fn(usize) -> Option<Seen>,
) -> Vec<StepRecord> {
    let steps = snapshot.steps.iter().enumerate().filter(|(_, step)| step.kind == StepKind::Step);
    let records = steps.filter_map(|(index, step)| {
        let seen = seen(index)?;
        new_record(step, &prediction.standings[index], ledger, build, seen)
    });
    records.collect()
}

fn new_record(step: &Step, standing: &Standing, ledger: &Ledger, build: &str, seen: Seen) -> Option<StepRecord> {
    let known = ledger.step(&step.record.key).is_some();
    let ran = seen == Seen::Ran || (seen == Seen::Unseen && standing.verdict == Verdict::Miss);
    if known && !ran && standing.verdict == Verdict::Hit {
        return None;
    }
    let mut record = step.record.clone();
    let others = |keys: &BTreeSet<_>| keys.iter().copied().filter(|key| *key != step.record.key).collect();
    match standing.verdict {
        _ if ran => record.rerun = known.then(|| build.to_owned()),
        Verdict::Hit => record.is = others(&standing.is),
        Verdict::Pending | Verdict::Unknown(_) => record.may_be = others(&standing.may_be),
        // It came from a cache that nobody knew of.
        Verdict::Miss => {}
    }
    Some(record)
}

/// The steps that complete, as far as it can be foreseen: all, or those that every failing step needs.
fn foreseen(snapshot: &Snapshot, prediction: &Prediction) -> BTreeSet<usize> {
    let failing: Vec<usize> =
        (0..snapshot.steps.len()).filter(|index| prediction.standings[*index].missing.is_some()).collect();
    if failing.is_empty() {
        return (0..snapshot.steps.len()).collect();
    }
    let mut completed = needed_by(snapshot, failing);
    completed.retain(|index| !prediction.standings[*index].fails);
    completed
}

/// The steps that an engine completed: those it said so of and, as nothing runs before what it needs, all that they
/// need; after a success everything.
fn completed(snapshot: &Snapshot, witnessed: &Witnessed<'_>) -> BTreeSet<usize> {
    if witnessed.succeeded {
        return (0..snapshot.steps.len()).collect();
    }
    let is_seen = |index: &usize| witnessed.outcomes.get(index).is_some_and(|outcome| outcome.is_complete());
    let seen: Vec<usize> = (0..snapshot.steps.len()).filter(is_seen).collect();
    let mut completed = needed_by(snapshot, seen.clone());
    completed.extend(seen);
    completed
}

/// Everything that one of these steps needs.
fn needed_by(snapshot: &Snapshot, mut open: Vec<usize>) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    while let Some(index) = open.pop() {
        for input in &snapshot.steps[index].inputs {
            if needed.insert(input.index()) {
                open.push(input.index());
            }
        }
    }
    needed
}

/// These steps and all that need one of them.
#[must_use]
pub fn with_followers(snapshot: &Snapshot, steps: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut all = steps.clone();
    for (index, step) in snapshot.steps.iter().enumerate() {
        if step.inputs.iter().any(|input| all.contains(&input.index())) {
            all.insert(index);
        }
    }
    all
}
