//! Replayed builds added up: how often each step ran, what that cost, and which files it follows from. In go the builds
//! and what each step weighs, out come means per build. A step whose outcome is open counts with the odds that earlier
//! builds let expect, else as if it ran; one of which nobody can say anything counts as if it did not. Builds that
//! would have failed are counted apart.

use std::collections::{BTreeMap, BTreeSet};

use super::{ContextFile, Replayed};
use crate::built::Odds;
use crate::plan;
use crate::prediction::Verdict;
use crate::snapshot::{Snapshot, StepKind};
use crate::weight::Weight;

/// What runs cost.
pub struct Costs<'a> {
    /// The inputs of one of the builds: the steps are those of all.
    pub snapshot: &'a Snapshot,
    /// What one run of each step costs.
    pub weights: &'a [Weight],
    /// By step, how often it ran in builds that left that open.
    pub odds: &'a BTreeMap<usize, Odds>,
}

/// Many builds added up. Means are over the builds that do not fail.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tally {
    /// How many builds do not fail.
    pub n_built: usize,
    /// How many fail for the want of a source.
    pub n_failing: usize,
    /// In how many of those built no step runs, nor may.
    pub n_idle: usize,
    /// The seconds of all steps that run, per build.
    pub seconds: f64,
    /// The seconds of the longest chain of steps that run, per build: what somebody waits if no step has to.
    pub waiting_seconds: f64,
    /// In the order of the snapshot's steps.
    pub steps: Vec<StepTally>,
    /// What each file costs per build: the seconds of the steps that run because it changed, shared with the other
    /// files that made them run.
    pub files: BTreeMap<ContextFile, FileTally>,
}

/// One step in many builds.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct StepTally {
    /// In how many it runs.
    pub n_ran: usize,
    /// In how many that is open.
    pub n_pending: usize,
    /// In how many nobody can say.
    pub n_unknown: usize,
    /// What it costs, in seconds per build.
    pub seconds: f64,
}

/// One file in many builds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FileTally {
    /// The builds, counted from 0, in which a step runs because of it.
    pub builds: BTreeSet<usize>,
    /// What it costs, in seconds per build.
    pub seconds: f64,
}

impl Costs<'_> {
    /// What a step costs in a build in which its verdict is this, in seconds.
    #[must_use]
    pub fn of_step(&self, step: usize, verdict: Verdict) -> f64 {
        let seconds = self.weights.get(step).map_or(0.0, |weight| weight.seconds);
        match verdict {
            Verdict::Miss => seconds,
            Verdict::Pending => match self.odds.get(&step) {
                Some(odds) if odds.of > 0 => seconds * odds.ran as f64 / odds.of as f64,
                _ => seconds,
            },
            Verdict::Hit | Verdict::Unknown(_) => 0.0,
        }
    }

    /// What all steps of a build cost, in seconds.
    #[must_use]
    pub fn of_build(&self, build: &Replayed) -> f64 {
        self.steps(build).map(|(step, verdict)| self.of_step(step, verdict)).sum()
    }

    /// The longest chain of steps of a build, in seconds.
    #[must_use]
    pub fn waiting(&self, build: &Replayed) -> f64 {
        let runs = self.steps(build).map(|(step, verdict)| (step, self.of_step(step, verdict)));
        plan::longest_seconds(self.snapshot, &runs.filter(|(_, seconds)| *seconds > 0.0).collect())
    }

    /// What is executed or taken from the cache, with what became of it.
    fn steps<'b>(&'b self, build: &'b Replayed) -> impl Iterator<Item = (usize, Verdict)> + 'b {
        let steps = self.snapshot.steps.iter().zip(&build.verdicts).enumerate();
        steps.filter(|(_, (step, _))| step.kind == StepKind::Step).map(|(index, (_, verdict))| (index, *verdict))
    }

    /// Adds builds up.
    #[must_use]
    pub fn tally(&self, builds: &[Replayed]) -> Tally {
        let mut tally = Tally { steps: vec![StepTally::default(); self.snapshot.steps.len()], ..Tally::default() };
        for (number, build) in builds.iter().enumerate() {
            if build.missing.is_some() {
                tally.n_failing += 1;
            } else {
                self.add(&mut tally, number, build);
            }
        }
        let mean = |seconds: &mut f64| *seconds /= tally.n_built.max(1) as f64;
        mean(&mut tally.seconds);
        mean(&mut tally.waiting_seconds);
        tally.steps.iter_mut().for_each(|step| mean(&mut step.seconds));
        tally.files.values_mut().for_each(|file| mean(&mut file.seconds));
        tally
    }

    fn add(&self, tally: &mut Tally, number: usize, build: &Replayed) {
        tally.n_built += 1;
        tally.n_idle += usize::from(build.is_idle(self.snapshot));
        tally.seconds += self.of_build(build);
        tally.waiting_seconds += self.waiting(build);
        for (step, verdict) in self.steps(build) {
            let of_step = &mut tally.steps[step];
            of_step.seconds += self.of_step(step, verdict);
            match verdict {
                Verdict::Miss => of_step.n_ran += 1,
                Verdict::Pending => of_step.n_pending += 1,
                Verdict::Unknown(_) => of_step.n_unknown += 1,
                Verdict::Hit => {}
            }
        }
        for (readers, seconds) in self.by_readers(build) {
            let files = readers.iter().filter_map(|reader| build.changed.get(reader));
            let files: BTreeSet<&ContextFile> = files.flatten().collect();
            for file in &files {
                let of_file = tally.files.entry((*file).clone()).or_default();
                of_file.builds.insert(number);
                of_file.seconds += seconds / files.len() as f64;
            }
        }
    }

    /// The seconds of a build, by the steps that read changed files and that what runs follows from.
    fn by_readers(&self, build: &Replayed) -> BTreeMap<BTreeSet<usize>, f64> {
        let mut readers: Vec<BTreeSet<usize>> = Vec::with_capacity(self.snapshot.steps.len());
        let mut seconds = BTreeMap::<_, f64>::new();
        for (index, (step, verdict)) in self.snapshot.steps.iter().zip(&build.verdicts).enumerate() {
            let mut of_step = BTreeSet::new();
            if matches!(verdict, Verdict::Miss | Verdict::Pending) {
                of_step.extend(step.inputs.iter().flat_map(|input| &readers[input.index()]));
                of_step.extend(build.changed.contains_key(&index).then_some(index));
            }
            if step.kind == StepKind::Step && !of_step.is_empty() {
                *seconds.entry(of_step.clone()).or_default() += self.of_step(index, *verdict);
            }
            readers.push(of_step);
        }
        seconds
    }
}

impl Replayed {
    /// Whether no step runs, nor may.
    #[must_use]
    pub fn is_idle(&self, snapshot: &Snapshot) -> bool {
        let mut steps = snapshot.steps.iter().zip(&self.verdicts).filter(|(step, _)| step.kind == StepKind::Step);
        !steps.any(|(_, verdict)| matches!(verdict, Verdict::Miss | Verdict::Pending))
    }
}
