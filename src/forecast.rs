//! The answer behind `plan` and `explain`: what was recorded, what is there now, and what BuildKit will make of the
//! difference. In go a project and the store, out comes an [`Explanation`] with the build it was told against.
//! Everything is read here once; nothing is recorded and nothing rendered.

mod changed;

mod narrow;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use planner::built::Experience;
use planner::context::BuildContext;
use planner::digest::ContentDigest;
use planner::explanation::{Explanation, InstructionReport, Question, StageReport, Status, explain};
use planner::history::{BuildRecord, Ledger};
use planner::prediction::{Gap, Prediction, Verdict, predict};
use planner::recording;
use planner::snapshot::{Snapshot, StepKind};

use crate::observation::{Observation, Unseen};
use crate::past::{Builds, Past};
use crate::project::Project;
use crate::since::Revision;
use crate::store::Store;

/// What a forecast is told against.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Baseline {
    /// Nothing, or the present state itself.
    None,
    /// A recorded build.
    Record {
        /// Its id.
        id: String,
        /// When it was recorded, RFC 3339.
        recorded_at: String,
    },
    /// A git revision.
    Git {
        /// The commit's whole name.
        id: String,
        /// When it was committed, RFC 3339.
        committed_at: String,
    },
}

/// A project explained.
pub(crate) struct Forecast {
    /// Instruction by instruction.
    pub(crate) explanation: Explanation,
    /// What it is told against.
    pub(crate) baseline: Baseline,
    /// Why nothing can be said of any step, where that is so.
    pub(crate) gap: Option<Gap>,
    /// The images that nobody looked up; they are taken as unmoved.
    pub(crate) unmoved: Vec<String>,
    /// Whether recorded builds are lost, so that nobody can say of a step that the others do not know.
    pub(crate) lost: bool,
    /// What was taken for granted, in the user's words.
    pub(crate) notes: Vec<String>,
    /// All instructions, where some of them are left out.
    pub(crate) whole: Option<Explanation>,
    /// The step that was asked for, where the rest is left out.
    pub(crate) narrowed: Option<String>,
    /// Where steps are left out, those that the others follow from, by name.
    pub(crate) roots: BTreeMap<String, InstructionReport>,
}

impl Forecast {
    /// The stages with the place of their target, those that targets share once: with the first that needs them.
    pub(crate) fn stages(&self) -> Vec<(usize, &StageReport)> {
        self.explanation.stages()
    }

    /// Whether every step that is used hits.
    pub(crate) fn all_hit(&self) -> bool {
        let stages = self.explanation.targets.iter().flat_map(|target| &target.stages);
        let mut steps = stages.flat_map(|stage| &stage.instructions);
        steps.all(|step| matches!(step.status, Status::Hit | Status::None | Status::Unused))
    }
}

/// Brings build contexts back by digest: those at hand, else those of the store.
struct Trees<'a> {
    store: &'a Store,
    like: BuildContext,
    known: RefCell<BTreeMap<ContentDigest, Option<BuildContext>>>,
}

impl<'a> Trees<'a> {
    /// The trees of the store, and `at_hand`; those that resemble one of them share its folders.
    fn new(store: &'a Store, at_hand: impl IntoIterator<Item = BuildContext>) -> Self {
        let known: BTreeMap<_, _> = at_hand.into_iter().map(|context| (context.digest(), Some(context))).collect();
        let like = known.values().flatten().max_by_key(|context| context.root().n_below()).cloned();
        Self { store, like: like.unwrap_or_default(), known: RefCell::new(known) }
    }

    /// The tree of that digest; `None` where it is not kept or cannot be read.
    fn find(&self, digest: &ContentDigest) -> Option<BuildContext> {
        if let Some(known) = self.known.borrow().get(digest) {
            return known.clone();
        }
        let found = self.store.tree(digest, &self.like).ok().flatten();
        self.known.borrow_mut().insert(*digest, found.clone());
        found
    }
}

/// Predicts a build of what was observed.
fn predict_observed(observation: &Observation, past: &Past, trees: &Trees<'_>) -> Prediction {
    predict(&observation.snapshot, &past.ledger, &|digest| trees.find(digest))
}

/// Predicts a build of what was observed, with the trees of the store and its own.
pub(crate) fn predicted(observation: &Observation, past: &Past, store: &Store) -> Prediction {
    predict_observed(observation, past, &Trees::new(store, observation.views().map(|(_, context)| context)))
}

/// What a prediction comes to where the records tell less than everything: the answer that [`forecast`] gives.
pub(crate) fn doubted(
    project: &Project,
    observation: &Observation,
    past: &Past,
    store: &Store,
    mut prediction: Prediction,
) -> Prediction {
    doubt_misses(project, observation, past, store, &mut prediction);
    if let Some(gap) = gap(observation, &earlier_builds(project, observation, past, store)) {
        for standing in &mut prediction.standings {
            // What another project recorded is in the cache all the same.
            if gap != Gap::NeverRecorded || standing.verdict != Verdict::Hit {
                standing.verdict = Verdict::Unknown(gap);
            }
        }
    }
    prediction
}

/// The builds to compare with: the project's own, else those of another that looks like it.
fn earlier_builds<'a>(
    project: &Project,
    observation: &Observation,
    past: &'a Past,
    store: &Store,
) -> Vec<&'a BuildRecord> {
    let builds = past.builds.of_project(&project.id);
    if builds.is_empty() { past.builds.of_lookalikes(&observation.snapshot, store) } else { builds }
}

/// Why nothing can be told of any step that no record knows.
fn gap(observation: &Observation, builds: &[&BuildRecord]) -> Option<Gap> {
    match (&observation.unknown_frontend, builds.is_empty()) {
        (Some(_), _) => Some(Gap::UnknownFrontend),
        (None, true) => Some(Gap::NeverRecorded),
        (None, false) => None,
    }
}

/// Explains what a build of the project would do, compared with its recorded builds.
///
/// # Errors
/// If the store cannot be read.
pub(crate) fn forecast(
    project: &Project,
    observation: &Observation,
    past: &Past,
    store: &Store,
) -> anyhow::Result<Forecast> {
    let trees = Trees::new(store, observation.views().map(|(_, context)| context));
    let mut prediction = predict_observed(observation, past, &trees);
    let lost = store.has_lost_builds();
    doubt_misses(project, observation, past, store, &mut prediction);
    let builds = earlier_builds(project, observation, past, store);
    let gap = gap(observation, &builds);
    let baseline = builds.first().map_or(Baseline::None, |build| Baseline::Record {
        id: build.id.clone(),
        recorded_at: build.recorded_at.clone(),
    });
    let earlier = |n: usize| builds.get(n).and_then(|build| store.snapshot(&build.id).ok().flatten());
    let experience = past.builds.experience(project, &observation.snapshot, store)?;
    let explanation = explained(observation, &prediction, &earlier, &trees, gap, &experience);
    Ok(Forecast {
        explanation,
        baseline,
        gap,
        unmoved: unmoved(&observation.snapshot),
        lost,
        notes: Vec::new(),
        whole: None,
        narrowed: None,
        roots: BTreeMap::new(),
    })
}

/// Explains what a build would do if these files were edited, everything else being built. Paths are relative to the
/// current folder; those that no context holds change nothing.
///
/// # Errors
/// If the store or an ignore file cannot be read.
pub(crate) fn forecast_of_edit(
    project: &Project,
    mut observation: Observation,
    mut past: Past,
    store: &Store,
    paths: &[PathBuf],
) -> anyhow::Result<Forecast> {
    let present = observation.snapshot.clone();
    let before: Vec<BuildContext> = observation.views().map(|(_, context)| context).collect();
    let prediction = predicted(&observation, &past, store);
    for step in recording::record(&present, &prediction, &past.ledger, "present") {
        past.ledger.add(step);
    }
    // What the build fails for the want of was removed: that is the change.
    let makes = !prediction.standings.iter().any(|standing| standing.fails);
    let Unseen { outside, missing } = observation.edit(project, paths, makes)?;
    for path in outside {
        store.warn(format!("`{}` is in no build context that is read; no step sees an edit of it", path.display()));
    }
    if let Some(warning) = changed::warning_of_missing(&missing, makes) {
        store.warn(warning);
    }
    for path in paths.iter().filter(|path| project.is_made_of(path)) {
        let shown = path.display();
        store.warn(format!("what an edit of `{shown}` would say is not foreseen; only steps that copy the file count"));
    }
    observation.retake(&store.secret_key()?);
    let after: Vec<BuildContext> = observation.views().map(|(_, context)| context).collect();
    let trees = Trees::new(store, before.into_iter().chain(after));
    let prediction = predict_observed(&observation, &past, &trees);
    let gap = observation.unknown_frontend.as_ref().map(|_| Gap::UnknownFrontend);
    let earlier = |n: usize| (n == 0).then(|| present.clone());
    let experience = past.builds.experience(project, &observation.snapshot, store)?;
    let explanation = explained(&observation, &prediction, &earlier, &trees, gap, &experience);
    let unmoved = unmoved(&observation.snapshot);
    Ok(Forecast {
        explanation,
        baseline: Baseline::None,
        gap,
        unmoved,
        lost: false,
        notes: Vec::new(),
        whole: None,
        narrowed: None,
        roots: BTreeMap::new(),
    })
}

/// The images that are read without anybody having looked them up, and that a registry could move.
fn unmoved(snapshot: &Snapshot) -> Vec<String> {
    let mut images: Vec<String> = Vec::new();
    for step in &snapshot.steps {
        if let StepKind::Image { reference, resolved: false, .. } = &step.kind
            && !reference.contains('@')
        {
            images.push(familiar(reference).to_owned());
        }
    }
    images.sort();
    images.dedup();
    images
}

/// A reference as it is written in a Dockerfile.
pub(crate) fn familiar(reference: &str) -> &str {
    let short = reference.strip_prefix("docker.io/").unwrap_or(reference);
    short.strip_prefix("library/").unwrap_or(short)
}

/// Explains what a build of the project would do if the revision had been built and nothing else.
///
/// # Errors
/// If the key for what looks like secrets cannot be read.
pub(crate) fn forecast_since(
    project: &Project,
    mut observation: Observation,
    revision: Revision,
    recorded: &Past,
    store: &Store,
) -> anyhow::Result<Forecast> {
    observation.see_afresh();
    observation.retake(&store.secret_key()?);
    let now = observation.views().map(|(_, context)| context);
    let trees = Trees::new(store, now.chain(revision.contexts));
    let nothing = Ledger::default();
    let prediction = predict(&revision.snapshot, &nothing, &|digest| trees.find(digest));
    let steps = recording::record(&revision.snapshot, &prediction, &nothing, &revision.id);
    let mut notes = revision.notes;
    if let Some(source) = recording::missing_source(&prediction) {
        notes.push(format!("a build of that commit would have failed: `{source}` is missing there"));
    }
    let past = Past { builds: Builds::default(), ledger: Ledger::new(steps), unread: Vec::new() };
    let prediction = predict_observed(&observation, &past, &trees);
    let is_unknown = observation.unknown_frontend.is_some() || revision.unknown_frontend.is_some();
    let gap = is_unknown.then_some(Gap::UnknownFrontend);
    let earlier = |n: usize| (n == 0).then(|| revision.snapshot.clone());
    let experience = recorded.builds.experience(project, &observation.snapshot, store)?;
    let explanation = explained(&observation, &prediction, &earlier, &trees, gap, &experience);
    let baseline = Baseline::Git { id: revision.id, committed_at: revision.committed_at };
    let unmoved = unmoved(&observation.snapshot);
    let (whole, narrowed, roots) = (None, None, BTreeMap::new());
    Ok(Forecast { explanation, baseline, gap, unmoved, lost: false, notes, whole, narrowed, roots })
}

/// Tells a prediction instruction by instruction.
fn explained(
    observation: &Observation,
    prediction: &Prediction,
    earlier: &dyn Fn(usize) -> Option<Snapshot>,
    trees: &Trees<'_>,
    gap: Option<Gap>,
    experience: &Experience,
) -> Explanation {
    let stale = observation.contexts.iter().map(|(name, context)| (name.clone(), context.view.stale.clone()));
    explain(&Question {
        snapshot: &observation.snapshot,
        prediction,
        earlier,
        context: &|digest| trees.find(digest),
        stale: &stale.collect(),
        gap,
        experience,
    })
}

/// Where recorded builds are lost, or nobody saw what one read, a step that no record knows may be cached all the same.
fn doubt_misses(project: &Project, observation: &Observation, past: &Past, store: &Store, prediction: &mut Prediction) {
    let gap = match (store.has_lost_builds(), past.is_unread(&project.id)) {
        (true, _) => Gap::NeverRecorded,
        (false, true) => Gap::Unsettled,
        (false, false) => return,
    };
    for (step, standing) in observation.snapshot.steps.iter().zip(&mut prediction.standings) {
        let is_certain = step.ignore_cache || standing.fails || step.kind != StepKind::Step;
        if standing.verdict == Verdict::Miss && !is_certain {
            standing.verdict = Verdict::Unknown(gap);
        }
    }
}
