//! Will this step run? Keys are compared, edits are not: a step hits if some record of the same operation is
//! reached from every one of its inputs. So reverts, other targets, renamed stages and cosmetic edits come out
//! right by themselves.
//!
//! For every vertex two sets of recorded results are kept: those it certainly is, and those it may be. The first
//! not empty: a hit. Both empty: a miss. Only the second: it hangs on bytes that a step has yet to make. A step
//! that continues a file system looks its base up in both sets; one that selects files also compares content, and
//! a [`Filesystem`](crate::filesystem::Filesystem) knows more of that than one would think.

mod contents;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::cache_key::CacheKey;
use crate::context::BuildContext;
use crate::digest::ContentDigest;
use crate::filesystem::compare::Likeness;
use crate::graph::may_be_one_image;
use crate::history::{Ledger, Producer, RecordedInput, StepRecord, first_input};
use crate::snapshot::{Snapshot, Step, StepKind};

use contents::Contents;

/// What BuildKit will do with one vertex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Verdict {
    /// Take it from the cache.
    Hit,
    /// Execute it.
    Miss,
    /// One or the other, depending on bytes that are not made yet.
    Pending,
    /// Nobody can say.
    Unknown(Gap),
}

impl Verdict {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Pending => "pending",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// Why nobody can say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Gap {
    /// Nothing was recorded for the project.
    NeverRecorded,
    /// A server decides.
    RemoteSource,
    /// Two references may name one image.
    BaseUnresolved,
    /// The Dockerfile asks for another frontend.
    UnknownFrontend,
    /// A build that was stopped or failed, or whose files changed meanwhile, may have left the result.
    Unsettled,
}

/// One vertex in the light of all records.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The answer.
    pub verdict: Verdict,
    /// The keys of the recorded results it certainly is.
    pub is: BTreeSet<CacheKey>,
    /// The keys of those it may be.
    pub may_be: BTreeSet<CacheKey>,
    /// Whether it fails, or something it needs does.
    pub fails: bool,
    /// A source of its own that is not there, absolute.
    pub missing: Option<String>,
    /// Whether another vertex of this build turns out to be the same operation on the same files: BuildKit runs one
    /// of the two and takes the other from it.
    pub is_twin: bool,
}

impl Standing {
    fn new(verdict: Verdict, is: BTreeSet<CacheKey>, may_be: BTreeSet<CacheKey>) -> Self {
        Self { verdict, is, may_be, fails: false, missing: None, is_twin: false }
    }

    fn miss() -> Self {
        Self::new(Verdict::Miss, BTreeSet::new(), BTreeSet::new())
    }

    fn failure(missing: Option<String>) -> Self {
        Self { fails: true, missing, ..Self::miss() }
    }
}

/// The standing of every vertex, in the order of the snapshot's steps.
#[derive(Clone, Debug, Default)]
pub struct Prediction {
    /// One for each step.
    pub standings: Vec<Standing>,
}

/// Predicts a build. `context` brings back a recorded build context by its digest; without it, what hangs on that
/// context stays pending.
#[must_use]
pub fn predict(
    snapshot: &Snapshot,
    ledger: &Ledger,
    context: &dyn Fn(&ContentDigest) -> Option<BuildContext>,
) -> Prediction {
    let mut contents = Contents::new(snapshot, ledger, context);
    let mut standings: Vec<Standing> = Vec::with_capacity(snapshot.steps.len());
    for (index, step) in snapshot.steps.iter().enumerate() {
        let standing = match &step.kind {
            StepKind::Step => {
                let mut matching = Matching { snapshot, ledger, standings: &standings, contents: &mut contents };
                matching.standing(index, step)
            }
            kind => source(kind, step),
        };
        contents.settle(index, &standing);
        standings.push(standing);
    }
    find_twins(snapshot, &mut standings);
    Prediction { standings }
}

/// Vertices that differ as written but have one key are merged while they run: which of them is executed and which
/// is reported CACHED depends on the moment.
fn find_twins(snapshot: &Snapshot, standings: &mut [Standing]) {
    let mut by_key: BTreeMap<CacheKey, Vec<usize>> = BTreeMap::new();
    for (index, standing) in standings.iter().enumerate() {
        let step = &snapshot.steps[index];
        let runs = standing.verdict == Verdict::Miss && !standing.fails && !step.ignore_cache;
        if runs && step.kind == StepKind::Step {
            by_key.entry(step.record.key).or_default().push(index);
        }
    }
    for twins in by_key.into_values().filter(|twins| twins.len() > 1) {
        for index in twins {
            standings[index].verdict = Verdict::Pending;
            standings[index].is_twin = true;
        }
    }
}

/// A source: an image is what its name says; a context is compared by content only; a server decides what it gives.
fn source(kind: &StepKind, step: &Step) -> Standing {
    let known: BTreeSet<CacheKey> = step.record.is.iter().copied().chain([step.record.key]).collect();
    match kind {
        StepKind::Remote { pinned: false, .. } => {
            Standing::new(Verdict::Unknown(Gap::RemoteSource), BTreeSet::new(), known)
        }
        StepKind::Context(_) => Standing::miss(),
        _ => Standing::new(Verdict::Hit, known, step.record.may_be.clone()),
    }
}

/// How far a record agrees with a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    No,
    Possible,
    /// By content, where keys differ.
    ByContent,
    ByKey,
}

struct Matching<'a, 'c> {
    snapshot: &'a Snapshot,
    ledger: &'a Ledger,
    standings: &'a [Standing],
    contents: &'a mut Contents<'c>,
}

impl<'a> Matching<'a, '_> {
    fn standing(&mut self, index: usize, step: &Step) -> Standing {
        let input_fails = step.inputs.iter().any(|input| self.standings[input.index()].fails);
        if input_fails {
            return Standing::failure(None);
        }
        if let Some(missing) = self.missing(index, step) {
            return Standing::failure(Some(missing));
        }
        if step.ignore_cache {
            return Standing::miss();
        }
        // Where keys match, BuildKit looks no further; results of equal content were made known as aliases when
        // the later one was recorded.
        let by_key = self.matching_by_key(step);
        let (certain, possible) =
            if by_key.is_empty() { self.matching_by_content(index, step) } else { (by_key, Vec::new()) };
        let is = self.ledger.same_as(certain);
        let unsettled = if is.is_empty() { self.unsettled(index, step) } else { Vec::new() };
        let gap = (!unsettled.is_empty()).then_some(Gap::Unsettled);
        let alike = self.ledger.may_be(is.iter().copied().chain(possible).chain(unsettled));
        let may_be: BTreeSet<CacheKey> = alike.difference(&is).copied().collect();
        let verdict = match (is.is_empty(), may_be.is_empty()) {
            (false, _) => Verdict::Hit,
            (true, true) => Verdict::Miss,
            (true, false) => self.gap(step).or(gap).map_or(Verdict::Pending, Verdict::Unknown),
        };
        Standing::new(verdict, is, may_be)
    }

    /// The keys of results that a build may have left although nobody saw it.
    fn unsettled(&mut self, index: usize, step: &Step) -> Vec<CacheKey> {
        let records: Vec<&StepRecord> = self.ledger.unsettled_with_op(&step.record.op).collect();
        let may_be_it = |record: &&StepRecord| self.level(index, step, record) != Level::No;
        records.into_iter().filter(may_be_it).map(|record| record.key).collect()
    }

    /// The records that agree with a step by all their keys. Only those are looked at whose first input agrees.
    fn matching_by_key(&self, step: &Step) -> Vec<CacheKey> {
        let inputs = &step.record.inputs;
        let first: Vec<_> = match (inputs.first(), step.inputs.first()) {
            (Some(RecordedInput::Base(_) | RecordedInput::Files(..)), Some(from)) => {
                self.standings[from.index()].is.iter().copied().map(Some).collect()
            }
            _ => vec![first_input(inputs)],
        };
        let alike = |op: ContentDigest| first.iter().flat_map(move |first| self.ledger.with_first_input(op, *first));
        let assumed =
            step.assumed.iter().flat_map(|assumed| alike(assumed.op).filter(|record| record.op == assumed.op));
        let records = alike(step.record.op).chain(assumed);
        records.filter(|record| self.level_by_key(step, record) == Level::ByKey).map(|record| record.key).collect()
    }

    /// The records that agree with a step by content, and those that may.
    fn matching_by_content(&mut self, index: usize, step: &Step) -> (Vec<CacheKey>, Vec<CacheKey>) {
        let (mut certain, mut possible) = (Vec::new(), Vec::new());
        let of_assumed = step.assumed.as_deref().map(|assumed| self.candidates(assumed.op, step)).unwrap_or_default();
        let assumed = of_assumed.into_iter().filter(|record| step.assumed.as_ref().is_some_and(|a| a.op == record.op));
        for record in self.candidates(step.record.op, step).into_iter().chain(assumed) {
            match self.level(index, step, record) {
                Level::ByKey | Level::ByContent => certain.push(record.key),
                Level::Possible => possible.push(record.key),
                Level::No => {}
            }
        }
        (certain, possible)
    }

    /// The records of an operation that a step may agree with: what continues a step agrees with nothing that continues
    /// another one. An image may be another by name, so that all that continue one are looked at.
    fn candidates(&self, op: ContentDigest, step: &Step) -> Vec<&'a StepRecord> {
        let ledger = self.ledger;
        if let (Some(RecordedInput::Base(Producer { image: None, .. })), Some(from)) =
            (step.record.inputs.first(), step.inputs.first())
        {
            let standing = &self.standings[from.index()];
            if standing.is.len() + standing.may_be.len() < ledger.n_with_op(&op) {
                let keys = standing.is.iter().chain(&standing.may_be).copied();
                return keys.flat_map(|key| ledger.with_first_input(op, Some(key))).collect();
            }
        }
        ledger.with_op(&op).collect()
    }

    /// A source that is not there, in a build context or in what a stage is known to hold. What completed before,
    /// found its sources.
    fn missing(&mut self, index: usize, step: &Step) -> Option<String> {
        if step.missing.is_some() || self.ledger.step(&step.record.key).is_some() {
            return step.missing.clone();
        }
        (0..step.record.inputs.len()).find_map(|n| self.contents.missing(index, n))
    }

    /// The gap behind a doubt: an input that nobody can say anything of, or an image that may hold what another held.
    fn gap(&self, step: &Step) -> Option<Gap> {
        let doubted = step.record.inputs.iter().zip(&step.inputs).filter_map(|(now, input)| {
            let standing = &self.standings[input.index()];
            let kind = &self.snapshot.steps[input.index()].kind;
            match standing.verdict {
                Verdict::Unknown(gap) => Some(gap),
                _ if matches!(kind, StepKind::Remote { .. }) => Some(Gap::RemoteSource),
                _ if matches!(kind, StepKind::Image { .. }) => {
                    self.is_new_image(step, now).then_some(Gap::BaseUnresolved)
                }
                _ => None,
            }
        });
        doubted.min()
    }

    /// Whether no record of this operation read the image.
    fn is_new_image(&self, step: &Step, now: &RecordedInput) -> bool {
        let key = |input: &RecordedInput| match input {
            RecordedInput::Base(producer) | RecordedInput::Files(producer, _) => Some(producer.key),
            RecordedInput::Context { .. } => None,
        };
        let read_it = |record: &StepRecord| record.inputs.iter().any(|then| key(then) == key(now));
        !self.ledger.with_op(&step.record.op).any(read_it)
    }

    fn level(&mut self, index: usize, step: &Step, record: &StepRecord) -> Level {
        if step.record.inputs.len() != record.inputs.len() {
            return Level::No;
        }
        // What needs no look at files decides first.
        let (mut level, mut unmatched) = (Level::ByKey, Vec::new());
        for (n, (now, then)) in step.record.inputs.iter().zip(&record.inputs).enumerate() {
            match self.by_key(step, n, now, then) {
                Level::No if !is_by_content(now, then) => return Level::No,
                Level::No => unmatched.push((n, now, then)),
                of_input => level = level.min(of_input),
            }
        }
        for (n, now, then) in unmatched {
            level = level.min(self.by_content(index, n, now, then));
            if level == Level::No {
                break;
            }
        }
        level
    }

    fn level_by_key(&self, step: &Step, record: &StepRecord) -> Level {
        if step.record.inputs.len() != record.inputs.len() {
            return Level::No;
        }
        let pairs = step.record.inputs.iter().zip(&record.inputs).enumerate();
        pairs.map(|(n, (now, then))| self.by_key(step, n, now, then)).min().unwrap_or(Level::ByKey)
    }

    /// Compares one input by the keys that are known for it.
    fn by_key(&self, step: &Step, n: usize, now: &RecordedInput, then: &RecordedInput) -> Level {
        let Some(standing) = step.inputs.get(n).and_then(|input| self.standings.get(input.index())) else {
            return Level::No;
        };
        match (now, then) {
            (RecordedInput::Context { content: now, .. }, RecordedInput::Context { content: then, .. }) => {
                if now == then { Level::ByKey } else { Level::No }
            }
            (RecordedInput::Base(now), RecordedInput::Base(then)) => match among(standing, &then.key) {
                Level::No if may_be_twins(now, then) => Level::Possible,
                level => level,
            },
            (RecordedInput::Files(_, now), RecordedInput::Files(then, selectors)) => {
                let same_paths = now.iter().map(|s| &s.path).eq(selectors.iter().map(|s| &s.path));
                match among(standing, &then.key) {
                    Level::ByKey if same_paths => Level::ByKey,
                    _ => Level::No,
                }
            }
            _ => Level::No,
        }
    }

    /// Compares one input by the files it selects.
    fn by_content(&mut self, index: usize, n: usize, now: &RecordedInput, then: &RecordedInput) -> Level {
        match self.contents.likeness(index, n, now, then) {
            Likeness::Equal => Level::ByContent,
            Likeness::Unknown => Level::Possible,
            Likeness::Different => Level::No,
        }
    }
}

/// Whether two inputs that have no key in common may still select equal files.
fn is_by_content(now: &RecordedInput, then: &RecordedInput) -> bool {
    let same_kind = matches!((now, then), (RecordedInput::Context { .. }, RecordedInput::Context { .. }));
    if let (RecordedInput::Files(now, _), RecordedInput::Files(then, _)) = (now, then)
        && let (Some(now), Some(then)) = (&now.checksum, &then.checksum)
        && now != then
    {
        // Each names the bytes of one file.
        return false;
    }
    !same_kind && !matches!(now, RecordedInput::Base(_)) && !matches!(then, RecordedInput::Base(_))
}

fn among(standing: &Standing, key: &CacheKey) -> Level {
    if standing.is.contains(key) {
        Level::ByKey
    } else if standing.may_be.contains(key) {
        Level::Possible
    } else {
        Level::No
    }
}

fn may_be_twins(now: &Producer, then: &Producer) -> bool {
    let (Some(a), Some(b)) = (&now.image, &then.image) else { return false };
    match (now.is_known, then.is_known) {
        (false, false) => may_be_one_image(a, b),
        (true, true) => false,
        // Of one reference it was decided already which image it named when nobody looked.
        _ => a != b && may_be_one_image(a, b),
    }
}
