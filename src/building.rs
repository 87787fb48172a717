//! One build through the user's docker, from its start until all is known of it: passes the progress on to be shown,
//! looks at the contexts again when the engine has received them, and lets the user stop it. In go an invocation and
//! what was observed before it, out comes what the engine did. Nothing is recorded here.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitStatus;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use planner::built::{self, Built, BuiltStep, End, Source};
use planner::prediction::Prediction;
use planner::snapshot::{Snapshot, StepKind};
use planner::unsettled;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::engine::attribution::{Attribution, attribute};
use crate::engine::buildx::{Message, Running};
use crate::engine::invocation::Invocation;
use crate::engine::observed::Observed;
use crate::engine::rawjson::Reader;
use crate::engine::receipts::Receipts;
use crate::engine::{BuildEvent, Outcome};
use crate::observation::{Observation, ObservedContext, scan_contexts};
use crate::project::Project;
use crate::render::progress::Progress;
use crate::store::Store;

/// How often the display is brought up to date.
const FRAME: Duration = Duration::from_millis(100);
/// How long what docker left behind may be silent before it is ended.
const GRACE: Duration = Duration::from_secs(10);

/// A build that has ended.
pub(crate) struct Ended {
    /// What the engine said.
    pub(crate) observed: Observed,
    /// What became of each step.
    pub(crate) attribution: Attribution,
    /// How docker ended; `None` where none was run.
    pub(crate) exit: Option<ExitStatus>,
    /// How it ended.
    pub(crate) end: End,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// The steps of which nobody can say what they read.
    pub(crate) unsettled: BTreeSet<usize>,
    /// The contexts as they were when the engine had received them.
    pub(crate) contexts: BTreeMap<String, ObservedContext>,
}

impl Ended {
    /// Whether nobody was told how the build ended: a log that stops half-way.
    pub(crate) fn is_cut(&self) -> bool {
        let is_given_up = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_) | Outcome::Canceled);
        let gave_up = self.attribution.steps.values().any(|seen| is_given_up(&seen.outcome));
        self.exit.is_none() && self.end == End::Interrupted && !gave_up
    }

    /// Tells anew which steps are meant, after more was learned of the images of the build.
    pub(crate) fn look_again(&mut self, observation: &Observation) {
        self.attribution = attribute(&observation.snapshot, &self.observed);
        self.unsettled = unsettled_by(&self.contexts, observation);
    }

    /// What a saved progress log tells of a build of `snapshot`. Nothing is known of what its engine received.
    pub(crate) fn of_log(observed: Observed, snapshot: &Snapshot) -> Self {
        let attribution = attribute(snapshot, &observed);
        let outcomes = || attribution.steps.values().map(|seen| &seen.outcome);
        let is_told_whole = attribution.unseen.is_empty() && attribution.unattributed.is_empty();
        let end = if outcomes().any(|outcome| matches!(outcome, Outcome::Failed(_))) {
            End::Failed
        } else if outcomes().any(|outcome| matches!(outcome, Outcome::Running | Outcome::Canceled)) {
            End::Interrupted
        } else if is_told_whole && last_steps(snapshot).all(|step| is_complete(&attribution, step)) {
            End::Succeeded
        } else {
            End::Interrupted
        };
        let elapsed = observed.elapsed();
        let (unsettled, contexts) = (BTreeSet::new(), BTreeMap::new());
        Self { exit: None, observed, attribution, end, elapsed, unsettled, contexts }
    }
}

/// The steps that no other needs: when they are done, everything is. A step that is listed need not have been begun.
fn last_steps(snapshot: &Snapshot) -> impl Iterator<Item = usize> {
    let needed: BTreeSet<usize> =
        snapshot.steps.iter().flat_map(|step| &step.inputs).map(|input| input.index()).collect();
    let steps = snapshot.steps.iter().enumerate().filter(|(_, step)| step.kind == StepKind::Step);
    steps.map(|(index, _)| index).filter(move |index| !needed.contains(index))
}

fn is_complete(attribution: &Attribution, step: usize) -> bool {
    attribution.steps.get(&step).is_some_and(|seen| matches!(seen.outcome, Outcome::Cached | Outcome::Ran))
}

/// Builds, and waits for the end.
///
/// # Errors
/// If docker cannot be started, or the contexts can no longer be read.
pub(crate) fn build(
    invocation: &Invocation,
    project: &Project,
    observation: &Observation,
    store: &Store,
    progress: &mut Progress,
) -> anyhow::Result<Ended> {
    let began = Instant::now();
    let (sender, messages) = mpsc::channel();
    let signals = pass_on_signals(sender.clone())?;
    let mut running = Running::start(invocation, sender)?;
    let mut reader = Reader::default();
    let mut seen = Seen::default();
    let mut orphan = Orphan::default();
    let mut shown = Instant::now();
    loop {
        match messages.recv_timeout(FRAME) {
            Ok(Message::Progress(bytes)) => {
                orphan.heard();
                for event in reader.feed(&bytes) {
                    seen.take(event, project, observation, store, progress)?;
                }
            }
            Ok(Message::Stop) => {
                running.stop();
                progress.say("stopping the build");
            }
            Ok(Message::Closed) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if orphan.is_given_up(&mut running) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if shown.elapsed() >= FRAME {
            progress.update(&seen.observed, &attribute(&observation.snapshot, &seen.observed));
            shown = Instant::now();
        }
    }
    for event in reader.finish() {
        seen.take(event, project, observation, store, progress)?;
    }
    seen.observed.n_garbage = reader.n_garbage();
    let status = running.wait()?;
    signals.close();
    let attribution = attribute(&observation.snapshot, &seen.observed);
    progress.update(&seen.observed, &attribution);
    let end = match (status.success(), running.was_stopped()) {
        (true, _) => End::Succeeded,
        (_, true) => End::Interrupted,
        (_, false) => End::Failed,
    };
    let exit = Some(status);
    let unsettled = unsettled_by(&seen.contexts, observation);
    let contexts = seen.received_contexts();
    Ok(Ended { observed: seen.observed, attribution, exit, end, elapsed: began.elapsed(), unsettled, contexts })
}

/// What is left of a build whose docker was killed: buildx may go on, or something else may hold its output open.
#[derive(Default)]
struct Orphan {
    /// When it was last heard of, once docker has ended.
    since: Option<Instant>,
}

impl Orphan {
    fn heard(&mut self) {
        self.since = self.since.map(|_| Instant::now());
    }

    /// Asks what is left to stop; whether it was silent for too long since.
    fn is_given_up(&mut self, running: &mut Running) -> bool {
        match self.since {
            None if running.has_ended() => {
                running.clear(false);
                self.since = Some(Instant::now());
                false
            }
            Some(since) if since.elapsed() >= GRACE => {
                running.clear(true);
                true
            }
            _ => false,
        }
    }
}

/// What has been seen so far.
#[derive(Default)]
struct Seen {
    observed: Observed,
    receipts: Receipts,
    /// The contexts as they were when one was received last.
    contexts: BTreeMap<String, ObservedContext>,
}

impl Seen {
    fn take(
        &mut self,
        event: BuildEvent,
        project: &Project,
        observation: &Observation,
        store: &Store,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        if let BuildEvent::Vertex(update) = &event
            && self.receipts.take(update)
        {
            self.contexts = scan_contexts(project, &observation.graph, store)?;
        }
        progress.event(&event);
        self.observed.take(event);
        Ok(())
    }

    fn received_contexts(&mut self) -> BTreeMap<String, ObservedContext> {
        let mut contexts = std::mem::take(&mut self.contexts);
        for (name, context) in &mut contexts {
            context.receipt = self.receipts.of(name);
        }
        contexts
    }
}

/// The steps that read what changed between the observation and the engine's reading.
fn unsettled_by(contexts: &BTreeMap<String, ObservedContext>, observation: &Observation) -> BTreeSet<usize> {
    let scanned = contexts.iter().filter_map(|(name, after)| {
        let before = observation.contexts.get(name)?;
        Some(unsettled::readers(&observation.snapshot, name, &before.now, &after.now))
    });
    scanned.flatten().collect()
}

/// The user's wish to stop becomes a message.
fn pass_on_signals(messages: Sender<Message>) -> anyhow::Result<Handle> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let handle = signals.handle();
    thread::spawn(move || {
        for _ in signals.forever() {
            if messages.send(Message::Stop).is_err() {
                break;
            }
        }
    });
    Ok(handle)
}

/// The report of a build for the records.
pub(crate) fn report(
    observation: &Observation,
    prediction: &Prediction,
    ended: &Ended,
    engine: String,
    source: Source,
) -> Built {
    let labels = observation.snapshot.step_labels();
    let steps = ended.attribution.steps.iter().filter_map(|(index, seen)| {
        Some(BuiltStep {
            step: *index,
            op: observation.snapshot.steps.get(*index)?.record.op,
            name: labels.get(index)?.0.clone(),
            predicted: Some(prediction.standings.get(*index)?.verdict),
            outcome: outcome(&seen.outcome)?,
            seconds: seen.seconds.unwrap_or_default(),
        })
    });
    Built {
        source,
        end: ended.end,
        seconds: ended.elapsed.as_secs_f64(),
        engine,
        steps: steps.collect(),
        unattributed: ended.attribution.unattributed.clone(),
    }
}

/// What became of each step whose end the engine told; whether a step ended of which it told only the start, nobody
/// knows.
pub(crate) fn outcomes(ended: &Ended) -> BTreeMap<usize, built::Outcome> {
    let steps = ended.attribution.steps.iter().filter(|(_, seen)| seen.outcome != Outcome::Running);
    steps.filter_map(|(index, seen)| Some((*index, outcome(&seen.outcome)?))).collect()
}

fn outcome(seen: &Outcome) -> Option<built::Outcome> {
    match seen {
        Outcome::NotStarted => None,
        Outcome::Cached => Some(built::Outcome::Cached),
        Outcome::Ran => Some(built::Outcome::Ran),
        Outcome::Failed(_) => Some(built::Outcome::Failed),
        // The stream ended before the step did.
        Outcome::Running | Outcome::Canceled => Some(built::Outcome::Canceled),
    }
}
