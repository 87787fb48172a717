//! One build from what is foreseen of it to its record. In go what the user asked for and what the engine did; out come
//! what was foreseen, what is told at the end, and a new record. It does not run the build, and writes no report.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;

use planner::built::{Built, End, Experience, Source};
use planner::history::StepRecord;
use planner::prediction::Prediction;
use planner::recording::{self, Left, Witnessed};
use planner::request::Request;
use planner::snapshot::{Snapshot, StepKind};

use crate::args::{ImageArgs, ProjectArgs};
use crate::bases::{self, Near};
use crate::bookkeeping::Entry;
use crate::building::{self, Ended, Ground};
use crate::engine::Outcome;
use crate::engine::identity::buildx_version;
use crate::engine::invocation::{self, Invocation};
use crate::fault::Fault;
use crate::forecast::{doubted, predicted};
use crate::observation::{Contexts, Observation, observe};
use crate::past::{Past, engine_before};
use crate::project::Project;
use crate::render::build::Closing;
use crate::render::progress::{Progress, tail};
use crate::render::watch::Failure;
use crate::sight::Sight;
use crate::store::Store;

/// A build that is about to begin, or at work.
pub(crate) struct Round {
    /// What docker is to do.
    pub(crate) invocation: Invocation,
    args: ProjectArgs,
    project: Project,
    past: Past,
    sight: Sight,
    prediction: Prediction,
    experience: Experience,
    /// Names the note that it begins.
    begun: Entry,
}

impl Round {
    /// Looks at the project, of which this may have been `seen` a moment ago, and foresees what a build of it does.
    ///
    /// # Errors
    /// If BuildKit would refuse the Dockerfile or the flags, a file cannot be read, or no engine answers.
    pub(crate) fn open(
        args: &ProjectArgs,
        image: &ImageArgs,
        store: &Store,
        seen: Option<&Observation>,
    ) -> anyhow::Result<Self> {
        let project = Project::open(args)?;
        let invocation = invocation::of_build(args, image, project.stdin_dockerfile(), buildx_version)?;
        let past = Past::read(store, &project.builder)?;
        let sight = Sight::new(&project, args.engine_profile, &past, store, seen)?;
        let prediction = predicted(&sight.observation, &past, store);
        let experience = past.builds.experience(&project, &sight.observation.snapshot, store)?;
        let begun = Entry::new(&project)?;
        Ok(Self { invocation, args: args.clone(), project, past, sight, prediction, experience, begun })
    }

    /// What the build is made from, as seen before it.
    pub(crate) fn observation(&self) -> &Observation {
        &self.sight.observation
    }

    /// What it stands on while it runs.
    pub(crate) fn ground<'a>(&'a self, store: &'a Store) -> Ground<'a> {
        Ground { project: &self.project, observation: &self.sight.observation, engine: &self.sight.engine, store }
    }

    /// To be told before it begins: if this process is killed, nobody sees what the engine makes of it.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub(crate) fn begin(&self, store: &Store) -> anyhow::Result<()> {
        self.note(&BTreeMap::new(), true, store)
    }

    /// To be told when the engine has read the project: what the contexts were then.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub(crate) fn is_read(&self, contexts: &Contexts, store: &Store) -> anyhow::Result<()> {
        self.note(contexts, false, store)
    }

    /// Notes what the build may leave if nobody sees its end; `contexts` as far as they were looked at since it began.
    fn note(&self, contexts: &Contexts, is_unread: bool, store: &Store) -> anyhow::Result<()> {
        let Sight { observation, .. } = &self.sight;
        if observation.unknown_frontend.is_some() {
            return Ok(());
        }
        let (outcomes, blurred) = (BTreeMap::new(), building::unsettled_by(contexts, observation));
        let after = match blurred.is_empty() {
            true => None,
            false => Some(observation.snapshot_with(contexts, &store.secret_key()?)),
        };
        let unseen =
            Witnessed { outcomes: &outcomes, succeeded: false, blurred: &blurred, after: after.as_ref(), is_cut: true };
        let Self { past, prediction, .. } = self;
        let mut left = recording::record_witnessed(&observation.snapshot, prediction, &past.ledger, "", &unseen);
        left.unsettled.retain(|step| past.ledger.step(&step.key).is_none());
        if left.unsettled.is_empty() && !is_unread {
            return self.withdraw(store);
        }
        self.begun.begin(&self.project, left, is_unread, store)
    }

    /// To be told when it came to nothing: the engine was not asked to build.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub(crate) fn withdraw(&self, store: &Store) -> anyhow::Result<()> {
        store.forget_begun(&self.begun.id)
    }

    /// Its display.
    pub(crate) fn progress(&self, verbose: bool) -> Progress {
        Progress::new(&self.sight.observation.snapshot, &self.experience, verbose)
    }

    /// What is to be said and recorded of the build, after its end.
    ///
    /// # Errors
    /// If no engine answered, or the store cannot be read.
    pub(crate) fn conclude(self, mut ended: Ended, store: &Store) -> anyhow::Result<Done> {
        let Self { args, project, past, sight, mut prediction, mut experience, begun, .. } = self;
        let Sight { engine, requests, mut observation } = sight;
        let told = doubted(&project, &observation, &past, store, prediction.clone());
        let mut built = building::report(&observation, &told, &ended, engine.name.clone(), Source::Build);
        let learned = bases::learned(&project, &observation, &ended.observed);
        let mut news = News::None;
        if !learned.is_empty() {
            let requests = bases::taught(requests.clone(), &past.builds, learned);
            let is_told = observation.learn(&project, &requests, &store.secret_key()?)?;
            news = if is_told { News::Steps } else { News::OtherFiles };
        }
        if news == News::Steps {
            ended.look_again(&observation);
            prediction = predicted(&observation, &past, store);
            experience = past.builds.experience(&project, &observation.snapshot, store)?;
            let again = building::report(&observation, &prediction, &ended, built.engine.clone(), Source::Build);
            built = foretold(again, &built);
        }
        let near = ended.near.take().map(Near::answers).unwrap_or_default();
        ended.doubt.images = bases::moved(&observation, &engine, &ended.observed, near);
        built.doubt(ended.changed(&observation), &ended.unsettled(&observation));
        let engine_before = engine_before(store, past.builds.of_project(&project.id))?;
        let entry = Entry::new(&project)?;
        let mut left = Left::default();
        if observation.unknown_frontend.is_none() && news != News::OtherFiles {
            left = left_by(&observation, &prediction, &past, &ended, &entry.id, store)?;
            let mut otherwise = left_otherwise(&args, &requests, &past, &ended, store);
            otherwise.retain(|step| left.unsettled.iter().all(|known| known.key != step.key));
            left.unsettled.extend(otherwise);
        }
        Ok(Done { entry, begun, project, observation, built, ended, experience, engine_before, left })
    }
}

/// A build that is over, and not recorded yet.
pub(crate) struct Done {
    /// Its id and time.
    pub(crate) entry: Entry,
    begun: Entry,
    /// The project.
    pub(crate) project: Project,
    /// What it was made from.
    pub(crate) observation: Observation,
    /// What the engine did, beside what was foreseen.
    pub(crate) built: Built,
    /// How it ended.
    pub(crate) ended: Ended,
    experience: Experience,
    engine_before: Option<String>,
    left: Left,
}

impl Done {
    /// What the closing report tells.
    pub(crate) fn closing(&self, verbose: bool) -> Closing<'_> {
        Closing {
            built: &self.built,
            snapshot: &self.observation.snapshot,
            experience: &self.experience,
            engine_before: self.engine_before.clone(),
            verbose,
        }
    }

    /// What it was made from.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.observation.snapshot
    }

    /// Why steps failed.
    pub(crate) fn failures(&self) -> Vec<Failure> {
        let labels = self.observation.snapshot.step_labels();
        let failed = self.ended.attribution.steps.iter().filter_map(|(step, seen)| {
            let Outcome::Failed(message) = &seen.outcome else { return None };
            Some(Failure {
                step: labels.get(step).map(|(name, _)| name.clone()).unwrap_or_default(),
                message: message.clone(),
                log: tail(&seen.log).map(str::to_owned).collect(),
            })
        });
        failed.collect()
    }

    /// The seconds that all steps took when they last ran which did not run now.
    pub(crate) fn spared(&self) -> f64 {
        let ran = |step: &usize| self.built.steps.iter().any(|built| built.step == *step && built.seconds > 0.0);
        let spared = self.experience.seconds.iter().filter(|(step, _)| !ran(step));
        spared.fold(0.0, |sum, (_, seconds)| sum + seconds)
    }

    /// Records it.
    ///
    /// # Errors
    /// If the store cannot be written; then nothing is recorded.
    pub(crate) fn keep(&mut self, store: &Store) -> anyhow::Result<()> {
        let (received, left) = (Some(&self.ended.contexts), std::mem::take(&mut self.left));
        self.entry.keep(&self.project, &self.observation, received, left, Some(self.built.clone()), store)?;
        store.forget_begun(&self.begun.id)
    }
}

/// Tells what went wrong in the builder's own words.
///
/// # Errors
/// If the builder did not build at all.
pub(crate) fn tell_end(ended: &Ended, progress: &Progress, verbose: bool) -> anyhow::Result<()> {
    if ended.end != End::Succeeded || verbose {
        progress.explain_failure(&ended.observed, &ended.attribution);
    }
    if let Some(how) = unusual_end(ended) {
        progress.say(&how);
    }
    refuse_silence(ended)
}

/// What the build left in the engine's cache.
fn left_by(
    observation: &Observation,
    prediction: &Prediction,
    past: &Past,
    ended: &Ended,
    id: &str,
    store: &Store,
) -> anyhow::Result<Left> {
    let outcomes = building::outcomes(ended);
    let blurred = &ended.unsettled(observation);
    let key = store.secret_key()?;
    let after = (!blurred.is_empty()).then(|| observation.snapshot_with(&ended.contexts, &key));
    let succeeded = ended.end == End::Succeeded;
    let witnessed = Witnessed { outcomes: &outcomes, succeeded, blurred, after: after.as_ref(), is_cut: false };
    Ok(recording::record_witnessed(&observation.snapshot, prediction, &past.ledger, id, &witnessed))
}

/// What it left if it was made from the Dockerfile, the ignore files and the images as they are now, where they changed
/// while it began. Nobody knows of what BuildKit would refuse.
fn left_otherwise(
    args: &ProjectArgs,
    requests: &[Request],
    past: &Past,
    ended: &Ended,
    store: &Store,
) -> Vec<StepRecord> {
    if !ended.doubt.is_of_another() {
        return Vec::new();
    }
    let requests = bases::taught(requests.to_vec(), &past.builds, ended.doubt.images.clone());
    let now = Project::open(args).and_then(|project| observe(&project, &requests, store, || store.secret_key()));
    let steps = now.map(|now| now.snapshot.steps).unwrap_or_default();
    steps.into_iter().filter(|step| step.kind == StepKind::Step).map(|step| step.record).collect()
}

/// What a build taught of the images it read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    /// Nothing that was not known.
    None,
    /// Enough to say anew what its steps are.
    Steps,
    /// That its steps read other files than was thought: of this build nobody can say what they are.
    OtherFiles,
}

/// The report with what was foreseen before anything was learned.
fn foretold(mut report: Built, before: &Built) -> Built {
    for step in &mut report.steps {
        let foreseen = before.steps.iter().find(|known| known.name == step.name && known.outcome == step.outcome);
        step.predicted = foreseen.and_then(|known| known.predicted);
    }
    report
}

/// How docker ended, where that is not the exit status of every failed build.
fn unusual_end(ended: &Ended) -> Option<String> {
    let exit = ended.exit.filter(|_| ended.end == End::Failed)?;
    match (exit.signal(), exit.code()) {
        (Some(signal), _) => Some(format!("docker ended early: killed by signal {signal}")),
        (None, Some(code)) if code > 1 => Some(format!("docker ended with exit status {code}")),
        _ => None,
    }
}

/// A builder that failed without having begun anything was not there, or understood nothing.
fn refuse_silence(ended: &Ended) -> anyhow::Result<()> {
    if ended.end != End::Failed || !ended.observed.vertices().is_empty() {
        return Ok(());
    }
    let exit = ended.exit.map_or_else(String::new, |exit| format!(" ({exit})"));
    let fault = Fault::new(format!("the builder did not build{exit}"));
    Err(fault.with_hint("its own words stand above").into())
}
