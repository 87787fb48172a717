//! What an engine reported of one build: which steps it took from its cache, which it ran and for how long, and what
//! had been predicted of each. In go reports of earlier builds, out come the seconds a step is expected to take, and
//! how often a step that hung on bytes did run. It does not read an engine's output.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::alignment::Alignment;
use crate::digest::ContentDigest;
use crate::prediction::{Gap, Verdict};
use crate::snapshot::Snapshot;

/// One build as its engine reported it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Built {
    /// How the report came here.
    pub source: Source,
    /// How the build ended.
    pub end: End,
    /// From its first step to its end, in seconds.
    pub seconds: f64,
    /// The engine with its version, such as `Docker Engine 28.5.2`; empty if it did not say.
    pub engine: String,
    /// The steps that the report and the snapshot agree on, in the snapshot's order.
    pub steps: Vec<BuiltStep>,
    /// What the engine did that could not be told to be one of our steps, by the engine's names.
    pub unattributed: Vec<String>,
    /// What changed while the build began, files and images, so that nobody can say what the steps saw that read it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// What names the engine's own telling of it; `None` where it told of no step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telling: Option<Telling>,
}

/// What names the progress of one build, wherever it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Telling {
    /// The digest of which steps began and ended when, from the first of them on.
    pub shape: ContentDigest,
    /// When the first began, in seconds since 1970.
    pub began: i64,
}

impl Telling {
    /// Whether both are of one build. buildx shifts all times of a build by what its clock and the engine's differ.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        /// No two builds of one shape, to the nanosecond, come as close, in seconds.
        const MOST_SHIFT: u64 = 3600;
        self.shape == other.shape && self.began.abs_diff(other.began) <= MOST_SHIFT
    }
}

/// How a report came here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Source {
    /// The build ran through this program.
    Build,
    /// It was read from a saved progress log.
    Import,
}

/// How a build ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum End {
    /// Everything that was asked for is built.
    Succeeded,
    /// Some step, or the builder, failed.
    Failed,
    /// It was stopped.
    Interrupted,
}

/// One step of a build.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BuiltStep {
    /// Its index in the build's snapshot.
    pub step: usize,
    /// The digest of its operation, by which it is known again in other builds.
    pub op: ContentDigest,
    /// `stage:line`.
    pub name: String,
    /// What was foreseen; `None` where nothing was.
    pub predicted: Option<Verdict>,
    /// What the engine did.
    pub outcome: Outcome,
    /// The seconds it ran; 0 for what was cached.
    pub seconds: f64,
}

/// What the engine did with a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// Took its result from the cache.
    Cached,
    /// Ran it to its end.
    Ran,
    /// Ran it, and it failed.
    Failed,
    /// Began it, and stopped it because the build ended.
    Canceled,
}

impl Outcome {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Ran => "ran",
            Self::Failed => "failed",
            Self::Canceled => "stopped",
        }
    }

    /// Whether its result exists.
    #[must_use]
    pub fn is_complete(self) -> bool {
        matches!(self, Self::Cached | Self::Ran)
    }
}

impl BuiltStep {
    /// Whether the engine did what was foreseen; `None` where nothing certain was, or the step did not end.
    #[must_use]
    pub fn agrees(&self) -> Option<bool> {
        match (self.predicted?, self.outcome) {
            (Verdict::Hit, outcome) => (outcome != Outcome::Canceled).then_some(outcome == Outcome::Cached),
            (Verdict::Miss, Outcome::Cached) => Some(false),
            (Verdict::Miss, _) => Some(true),
            (Verdict::Pending | Verdict::Unknown(_), _) => None,
        }
    }
}

impl Built {
    /// Whether all that was foreseen for certain came true; `None` where nothing was.
    #[must_use]
    pub fn agrees(&self) -> Option<bool> {
        self.steps.iter().filter_map(BuiltStep::agrees).reduce(|all, one| all && one)
    }

    /// Notes what changed while the build began: of the steps in `doubt` nothing certain was foreseen.
    pub fn doubt(&mut self, changed: Vec<String>, doubt: &BTreeSet<usize>) {
        self.changed = changed;
        for step in self.steps.iter_mut().filter(|step| doubt.contains(&step.step)) {
            step.predicted = Some(Verdict::Unknown(Gap::Unsettled));
        }
    }

    /// How many steps the engine did this with.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.steps.iter().filter(|step| step.outcome == outcome).count()
    }
}

/// What earlier builds say of the present steps.
#[derive(Clone, Default, Debug)]
pub struct Experience {
    /// By step of the present snapshot: the seconds it took when it last ran.
    pub seconds: BTreeMap<usize, f64>,
    /// By step of the present snapshot: of the builds in which it could not be foreseen, in how many it ran.
    pub odds: BTreeMap<usize, Odds>,
}

/// How often something that could not be foreseen came about.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Odds {
    /// In so many builds the step ran.
    pub ran: usize,
    /// Of so many builds in which that could not be foreseen.
    pub of: usize,
}

/// Gathers what earlier builds, newest first, say of the steps of `snapshot`. A step is known again by its operation;
/// where that was edited, and the build's own snapshot is at hand, by the step it corresponds to.
#[must_use]
pub fn experience(snapshot: &Snapshot, builds: &[(Option<Snapshot>, Built)]) -> Experience {
    let mut experience = Experience::default();
    for (older, built) in builds {
        let alignment = older.as_ref().map(|older| Alignment::of(snapshot, older)).unwrap_or_default();
        let by_step: BTreeMap<usize, &BuiltStep> = built.steps.iter().map(|step| (step.step, step)).collect();
        let mut by_op: BTreeMap<ContentDigest, &BuiltStep> = BTreeMap::new();
        for step in &built.steps {
            by_op.entry(step.op).or_insert(step);
        }
        for (index, step) in snapshot.steps.iter().enumerate() {
            let aligned = alignment.step(index).and_then(|older| by_step.get(&older));
            let Some(then) = aligned.or_else(|| by_op.get(&step.record.op)) else { continue };
            learn(&mut experience, index, then);
        }
    }
    experience
}

fn learn(experience: &mut Experience, step: usize, then: &BuiltStep) {
    if then.outcome == Outcome::Ran {
        experience.seconds.entry(step).or_insert(then.seconds);
    }
    if then.predicted == Some(Verdict::Pending) && then.outcome.is_complete() {
        let odds = experience.odds.entry(step).or_default();
        odds.of += 1;
        odds.ran += usize::from(then.outcome == Outcome::Ran);
    }
}
