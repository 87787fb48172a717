//! One build through the user's docker, from its start until all is known of it: passes the progress on to be shown,
//! looks at the contexts again when the engine has received them, and lets the user stop it. In go an invocation and
//! what was observed before it, out comes what the engine did. Nothing is recorded here.

mod doubt;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitStatus;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use planner::built::{self, Built, BuiltStep, End, Source};
use planner::prediction::Prediction;
use planner::snapshot::{Snapshot, StepKind};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use self::doubt::Doubt;
use crate::bases::{self, Near};
use crate::engine::attribution::{Attribution, attribute};
use crate::engine::buildx::{Message, Running};
use crate::engine::identity::Engine;
use crate::engine::invocation::Invocation;
use crate::engine::observed::Observed;
use crate::engine::rawjson::Reader;
use crate::engine::receipts::Receipts;
use crate::engine::{BuildEvent, Outcome, VertexUpdate};
use crate::observation::{Contexts, Observation, Receipt, scan_contexts};
use crate::project::Project;
use crate::render::progress::Progress;
use crate::store::Store;

/// How often the display is brought up to date.
pub(crate) const FRAME: Duration = Duration::from_millis(100);
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
    /// What changed while it began.
    pub(crate) doubt: Doubt,
    /// The contexts as they were when the engine had received them.
    pub(crate) contexts: Contexts,
    /// What the engine holds of the images since it read them, if it was asked.
    pub(crate) near: Option<Near>,
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
    }

    /// The steps of which nobody can say what they read.
    pub(crate) fn unsettled(&self, observation: &Observation) -> BTreeSet<usize> {
        self.doubt.steps(observation, &self.contexts)
    }

    /// What changed while the build began, as far as a step reads it.
    pub(crate) fn changed(&self, observation: &Observation) -> Vec<String> {
        self.doubt.changed(observation, &self.contexts)
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
        let (doubt, contexts) = (Doubt::default(), BTreeMap::new());
        Self { exit: None, observed, attribution, end, elapsed, doubt, contexts, near: None }
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

/// What a build stands on while it runs.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    /// The project.
    pub(crate) project: &'a Project,
    /// What was observed of it before.
    pub(crate) observation: &'a Observation,
    /// The engine, as far as is known.
    pub(crate) engine: &'a Engine,
    /// Where the stat caches are.
    pub(crate) store: &'a Store,
}

/// Builds, and waits for the end. When the engine has read the project, `is_read` is told of the contexts as they are then.
///
/// # Errors
/// If docker cannot be started, or the contexts can no longer be read.
pub(crate) fn build(
    invocation: &Invocation,
    ground: &Ground<'_>,
    progress: &mut Progress,
    is_read: &dyn Fn(&Contexts) -> anyhow::Result<()>,
) -> anyhow::Result<Ended> {
    let (sender, messages) = mpsc::channel();
    let tell = |sender: Sender<Message>| move |message| sender.send(message).is_ok();
    let signals = pass_on_signals(tell(sender.clone()))?;
    let mut building = Building::start(invocation, tell(sender))?;
    while !building.is_over() {
        match messages.recv_timeout(FRAME) {
            Ok(message) => building.take(message, ground, progress)?,
            Err(_) => building.hear_nothing(),
        }
        if let Some(contexts) = building.has_just_read(ground) {
            is_read(contexts)?;
        }
        building.show(ground, progress);
    }
    signals.close();
    building.finish(ground, progress)
}

/// A build at work.
pub(crate) struct Building {
    running: Running,
    reader: Reader,
    seen: Seen,
    orphan: Orphan,
    began: Instant,
    shown: Instant,
    is_closed: bool,
}

impl Building {
    /// Begins a build; what is heard of it goes to `tell`, which says whether anybody still listens.
    ///
    /// # Errors
    /// If there is no docker, or it cannot be started.
    pub(crate) fn start(
        invocation: &Invocation,
        tell: impl Fn(Message) -> bool + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (began, running) = (Instant::now(), Running::start(invocation, tell)?);
        let (reader, seen, orphan) = (Reader::default(), Seen::default(), Orphan::default());
        Ok(Self { running, reader, seen, orphan, began, shown: began, is_closed: false })
    }

    /// Takes what was heard of it.
    ///
    /// # Errors
    /// If the contexts can no longer be read.
    pub(crate) fn take(
        &mut self,
        message: Message,
        ground: &Ground<'_>,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        match message {
            Message::Progress(bytes) => {
                self.orphan.heard();
                for event in self.reader.feed(&bytes) {
                    self.seen.take(event, ground, progress)?;
                }
            }
            Message::Stop => {
                self.running.stop();
                progress.say("stopping the build");
            }
            Message::Closed => self.is_closed = true,
        }
        Ok(())
    }

    /// The contexts, if the engine has read all of the project since this was asked last.
    pub(crate) fn has_just_read(&mut self, ground: &Ground<'_>) -> Option<&Contexts> {
        let seen = &mut self.seen;
        let has_just = !seen.is_all_read && seen.has_all(ground.observation);
        seen.is_all_read |= has_just;
        has_just.then_some(&seen.contexts)
    }

    /// Ends the build before it is done.
    pub(crate) fn stop(&mut self) {
        self.running.stop();
    }

    /// Whether it was asked to end.
    pub(crate) fn was_stopped(&self) -> bool {
        self.running.was_stopped()
    }

    /// Brings the display up to date where it is time; to be called every [`FRAME`] at least.
    pub(crate) fn show(&mut self, ground: &Ground<'_>, progress: &mut Progress) {
        if self.shown.elapsed() >= FRAME {
            progress.update(&self.seen.observed, &attribute(&ground.observation.snapshot, &self.seen.observed));
            self.shown = Instant::now();
        }
    }

    /// To be told when nothing was heard for a [`FRAME`].
    pub(crate) fn hear_nothing(&mut self) {
        self.is_closed |= self.orphan.is_given_up(&mut self.running);
    }

    /// Whether nothing more will be heard of it.
    pub(crate) fn is_over(&self) -> bool {
        self.is_closed
    }

    /// What the engine did.
    ///
    /// # Errors
    /// If the contexts can no longer be read, or the system loses docker.
    pub(crate) fn finish(mut self, ground: &Ground<'_>, progress: &mut Progress) -> anyhow::Result<Ended> {
        let Self { reader, seen, running, .. } = &mut self;
        for event in reader.finish() {
            seen.take(event, ground, progress)?;
        }
        seen.observed.n_garbage = reader.n_garbage();
        let status = running.wait()?;
        let attribution = attribute(&ground.observation.snapshot, &seen.observed);
        progress.update(&seen.observed, &attribution);
        let end = match (status.success(), running.was_stopped()) {
            (true, _) => End::Succeeded,
            (_, true) => End::Interrupted,
            (_, false) => End::Failed,
        };
        if !seen.is_dockerfile_read {
            seen.texts.extend(ground.project.edited());
        }
        if seen.receipts.has_silent() {
            seen.look(ground)?;
        }
        let contexts = seen.received_contexts();
        let near = seen.near.take().filter(|(n_read, _)| *n_read == seen.n_images_read).map(|(_, near)| near);
        let is_unheard = seen.observed.vertices().is_empty();
        let doubt = Doubt { texts: std::mem::take(&mut seen.texts), is_unheard, ..Doubt::default() };
        let (observed, elapsed) = (std::mem::take(&mut seen.observed), self.began.elapsed());
        Ok(Ended { observed, attribution, exit: Some(status), end, elapsed, doubt, contexts, near })
    }
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
    contexts: Contexts,
    /// How often the engine found out what an image is.
    n_images_read: usize,
    /// What it holds of the images after it had found out so often.
    near: Option<(usize, Near)>,
    /// Whether the engine said that it had read the Dockerfile.
    is_dockerfile_read: bool,
    /// The Dockerfile and the ignore files that were edited before the engine had read them.
    texts: BTreeSet<String>,
    /// Whether it is known what the engine has read.
    is_all_read: bool,
}

impl Seen {
    /// Whether the engine was seen to receive every context for every target, of a Dockerfile that is still the same.
    fn has_all(&self, observation: &Observation) -> bool {
        let (contexts, n_targets) = (&observation.contexts, observation.snapshot.targets.len());
        let has_all = |name: &String| self.receipts.has_all(name, n_targets);
        self.texts.is_empty() && !contexts.is_empty() && contexts.keys().all(has_all)
    }

    fn take(&mut self, event: BuildEvent, ground: &Ground<'_>, progress: &mut Progress) -> anyhow::Result<()> {
        let Ground { project, observation, .. } = *ground;
        if let BuildEvent::Vertex(update) = &event
            && let Some(text) = text_read(update)
        {
            self.is_dockerfile_read |= text == Text::Dockerfile;
            self.texts.extend(project.edited());
        }
        match &event {
            BuildEvent::Vertex(update) => {
                self.n_images_read += usize::from(reads_image(update));
                self.receipts.take(update);
            }
            BuildEvent::Transfer(transfer) if self.receipts.note(transfer) => self.look(ground)?,
            _ => {}
        }
        if let BuildEvent::Log(chunk) = &event
            && progress.asks_for(&chunk.vertex)
        {
            progress.name_steps(&attribute(&observation.snapshot, &self.observed));
        }
        progress.event(&event);
        self.observed.take(event);
        Ok(())
    }

    /// Looks at what the engine has just read.
    fn look(&mut self, ground: &Ground<'_>) -> anyhow::Result<()> {
        let names = bases::tags(ground.observation).map(|(name, _)| name.clone()).collect();
        self.near = Some((self.n_images_read, Near::ask(names, ground.engine)));
        self.contexts = scan_contexts(ground.project, &ground.observation.graph, ground.store)?;
        Ok(())
    }

    fn received_contexts(&mut self) -> Contexts {
        let mut contexts = std::mem::take(&mut self.contexts);
        for (name, context) in &mut contexts {
            context.receipt = self.receipts.of(name);
            // Under other rules it asked for other files.
            if context.receipt == Receipt::Whole && !self.texts.is_empty() {
                context.receipt = Receipt::Partial;
            }
        }
        contexts
    }
}

/// The steps of which nobody can say what they read, as far as only `contexts` are known since.
pub(crate) fn unsettled_by(contexts: &Contexts, observation: &Observation) -> BTreeSet<usize> {
    Doubt::default().steps(observation, contexts)
}

/// Whether a vertex that found out what an image is, is over (frontend/dockerfile/dockerfile2llb, solver/llbsolver).
fn reads_image(update: &VertexUpdate) -> bool {
    let is_read = |name: &str| name.contains("] FROM ") || name.contains("] load metadata for ");
    update.completed.is_some() && is_read(&update.name)
}

/// A file that decides what is built.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Dockerfile,
    Ignorefile,
}

/// The file that the engine has read when this vertex is over (frontend/dockerui). Each target reads them anew.
fn text_read(update: &VertexUpdate) -> Option<Text> {
    update.completed?;
    let (_, what) = update.name.strip_prefix('[')?.split_once("] ")?;
    if what.starts_with("load build definition from ") {
        return Some(Text::Dockerfile);
    }
    what.starts_with("load .dockerignore").then_some(Text::Ignorefile)
}

/// The user's wish to stop becomes a message, until nobody listens.
///
/// # Errors
/// If the system will not say when it comes.
pub(crate) fn pass_on_signals(tell: impl Fn(Message) -> bool + Send + 'static) -> anyhow::Result<Handle> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let handle = signals.handle();
    thread::spawn(move || {
        for _ in signals.forever() {
            if !tell(Message::Stop) {
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
        changed: Vec::new(),
        telling: ended.observed.telling(&|digest| ended.attribution.steps.values().any(|seen| seen.digest == digest)),
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
