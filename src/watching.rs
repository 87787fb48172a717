//! Watching: one loop that hears of saved files, of the build at work and of the user, decides what a save comes to, and
//! builds the targets it reaches, as few as it can and one build at a time. In go what is asked for and where to speak;
//! the loop ends when the user ends it. How things look is decided by the voice, what is true by the scene.

mod targets;
mod afterwards;
mod wish;
mod change;
mod scene;

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use planner::built::{End, Outcome};
use planner::recipe::steps;
use watcher::debounce::{Debounce, Touched};
use watcher::{Shortage, Subject, Watch, WatchEvent};

use self::afterwards::Afterwards;
use self::scene::{Asked, Scene, recipes_of};
use self::targets::{Recipes, Targets};
use self::wish::Watched;
pub(crate) use self::wish::Wish;
use crate::args::{Format, ImageArgs, ProjectArgs};
use crate::building::{self, Building, FRAME};
use crate::engine::buildx::Message;
use crate::engine::identity::buildx_version;
use crate::engine::invocation;
use crate::engine::known::Asking;
use crate::fault::Fault;
use crate::render;
use crate::render::progress::Progress;
use crate::render::watch::{Effect, Ready, Voice};
use crate::round::{Done, Round, tell_end};
use crate::store::Store;

/// What the loop hears of.
enum Event {
    Files(WatchEvent),
    Build(Message),
    /// The command that follows builds failed.
    Command(String),
}

/// A build at work.
struct AtWork {
    round: Round,
    building: Building,
    progress: Progress,
    /// What is built, in the order of the plan.
    names: Vec<String>,
    /// What that was made of when it began.
    targets: Recipes,
    /// Why nobody can say what it does; then it is stopped.
    fault: Option<anyhow::Error>,
    /// How many changes there had been.
    n_changes: usize,
}

/// A running watch.
struct Watching<'a> {
    wish: Wish,
    store: &'a Store,
    voice: Voice,
    scene: Scene,
    targets: Targets,
    after: Afterwards,
    /// Whether the command is to follow when nothing is left to be built.
    owes_command: bool,
    batch: Debounce,
    at_work: Option<AtWork>,
    /// How many changes reached a target so far.
    n_changes: usize,
    is_ending: bool,
    /// Until it is answered, nothing is said or built.
    asking: Option<Asking>,
    builds: bool,
    eyes: Watch,
    sender: Sender<Event>,
}

/// Watches until the user ends it.
///
/// # Errors
/// If the project cannot be read when it begins, docker would refuse what is asked for, or nobody listens any more.
pub(crate) fn watch(wish: Wish, store: &Store) -> anyhow::Result<()> {
    let (sender, events) = mpsc::channel();
    let signals = {
        let sender = sender.clone();
        building::pass_on_signals(move |message| sender.send(Event::Build(message)).is_ok())?
    };
    let mut watching = Watching::start(wish, store, sender)?;
    let ended = watching.run(&events);
    watching.after.end();
    watching.voice.end();
    signals.close();
    ended
}

impl<'a> Watching<'a> {
    fn start(wish: Wish, store: &'a Store, sender: Sender<Event>) -> anyhow::Result<Self> {
        let builder = wish.project.flags()?.builder;
        let asking = (!wish.plan_only).then(|| Asking::begin(builder, store));
        let seen = sender.clone();
        // The loop may have ended.
        let see = move |event| drop(seen.send(Event::Files(event)));
        let eyes = Watch::start(Subject::default(), usize::MAX, see)?;
        let asked = Asked { project: wish.project.clone(), leaves: wish.leaves };
        let scene = Scene::open(&asked, store, &eyes)?;
        let built = if wish.has_effects() { Recipes::new() } else { scene.built(store)? };
        let failed = sender.clone();
        let fail = move |failure| drop(failed.send(Event::Command(failure)));
        let after = Afterwards::new(wish.exec.clone(), wish.format == Format::Json, fail);
        Ok(Self {
            voice: Voice::new(wish.format),
            scene,
            targets: Targets::new(built),
            after,
            owes_command: false,
            batch: Debounce::new(wish.debounce),
            at_work: None,
            n_changes: 0,
            is_ending: false,
            asking,
            builds: false,
            eyes,
            sender,
            wish,
            store,
        })
    }

    /// Once it is known whether there is an engine, the user is told what is watched, and the first build begins.
    fn greet(&mut self) -> anyhow::Result<()> {
        let plan_only = match self.asking.take().map(|asking| asking.answer(self.store)) {
            None => Some("--plan-only".to_owned()),
            Some(Err(error)) => Some(render::told(&error)),
            Some(Ok(_)) => {
                let all: Vec<String> = self.scene.recipes().keys().cloned().collect();
                let (args, image) = self.typed_for(&all);
                invocation::of_build(&args, &image, None, buildx_version)?;
                None
            }
        };
        self.builds = plan_only.is_none();
        self.warn();
        let outlook = self.scene.outlook();
        let ready = Ready {
            targets: &outlook.targets,
            unwatched: &self.scene.unwatched,
            n_entries: self.scene.n_entries(),
            plan_only,
        };
        self.voice.ready(&ready)?;
        self.voice.prediction(&outlook)?;
        self.begin_wanted()
    }

    fn run(&mut self, events: &Receiver<Event>) -> anyhow::Result<()> {
        if self.wish.plan_only {
            self.greet()?;
        }
        while !(self.is_ending && self.at_work.is_none()) {
            if self.asking.as_ref().is_some_and(Asking::is_answered) {
                self.greet()?;
            }
            match self.next(events) {
                Some(Event::Files(event)) => self.saw(event),
                Some(Event::Build(Message::Stop)) => self.stop(),
                Some(Event::Build(message)) => self.heard(message),
                Some(Event::Command(failure)) => self.voice.error(&Fault::new(failure).into())?,
                None => {}
            }
            let is_listening = !self.is_ending && self.asking.is_none();
            if let Some(batch) = self.batch.take(Instant::now()).filter(|_| is_listening) {
                self.decide(&batch.touched)?;
            }
            self.attend()?;
        }
        Ok(())
    }

    /// The next event; `None` where something else is due first. Without a build and without a batch it waits for good.
    fn next(&mut self, events: &Receiver<Event>) -> Option<Event> {
        let is_busy = self.at_work.is_some() || self.asking.is_some();
        let frame = is_busy.then(|| Instant::now() + FRAME);
        let Some(due) = [frame, self.batch.deadline()].into_iter().flatten().min() else {
            return events.recv().ok();
        };
        match events.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                if let Some(at_work) = self.at_work.as_mut().filter(|_| frame == Some(due)) {
                    at_work.building.hear_nothing();
                }
                None
            }
        }
    }

    fn saw(&mut self, event: WatchEvent) {
        let now = Instant::now();
        match event {
            WatchEvent::Touched(place) => self.batch.touch(now, place),
            WatchEvent::Rescan(_) => self.batch.touch_everything(now),
            WatchEvent::Polling(shortage) => self.voice.note(&told(&shortage)),
        }
    }

    /// The user wants an end: of the build first, which then ends the watch.
    fn stop(&mut self) {
        self.is_ending = true;
        self.heard(Message::Stop);
    }

    fn heard(&mut self, message: Message) {
        let Some(AtWork { round, building, progress, fault, .. }) = &mut self.at_work else { return };
        if fault.is_some() && matches!(message, Message::Progress(_)) {
            return;
        }
        if let Err(error) = building.take(message, &round.ground(self.store), progress) {
            building.stop();
            *fault = Some(error);
        }
    }

    /// Says what a batch of changes comes to, and begins what follows.
    fn decide(&mut self, touched: &Touched) -> anyhow::Result<()> {
        let began = Instant::now();
        let change = match self.scene.take(touched, self.store, &self.eyes) {
            Ok(change) => change,
            Err(error) => return self.voice.error(&error),
        };
        let has_reached = change.effect == Effect::Steps;
        if *touched == Touched::Everything {
            self.eyes.rescanned(began.elapsed(), has_reached);
        }
        self.voice.change(&change)?;
        if has_reached {
            self.voice.reach(&change.paths, &self.scene.outlook())?;
            self.n_changes += 1;
            self.restart();
        }
        self.warn();
        self.begin_wanted()
    }

    /// Stops the build at work if it is made of something else than what is there now, and that is asked for.
    fn restart(&mut self) {
        let now = self.scene.recipes();
        let Some(at_work) = self.at_work.as_mut().filter(|_| self.wish.restarts) else { return };
        let is_other = at_work.targets.iter().any(|(name, begun)| now.get(name) != Some(begun));
        if is_other && !at_work.building.was_stopped() {
            at_work.building.stop();
        }
    }

    /// Looks after the build at work, and concludes it when it is over.
    fn attend(&mut self) -> anyhow::Result<()> {
        let Some(AtWork { round, building, progress, .. }) = &mut self.at_work else { return Ok(()) };
        building.show(&round.ground(self.store), progress);
        let is_over = building.is_over();
        self.tell_steps()?;
        if !is_over {
            return Ok(());
        }
        let Some(at_work) = self.at_work.take() else { return Ok(()) };
        if let Err(error) = self.conclude(at_work) {
            // The next event, whatever it is, has them built again.
            self.warn();
            return self.voice.error(&error);
        }
        self.warn();
        self.begin_wanted()
    }

    fn tell_steps(&mut self) -> anyhow::Result<()> {
        let Some(at_work) = &mut self.at_work else { return Ok(()) };
        let news = at_work.progress.take_news();
        if news.is_empty() || self.wish.format == Format::Text {
            return Ok(());
        }
        let labels = at_work.round.observation().snapshot.step_labels();
        for (step, state) in news {
            if let Some((name, text)) = labels.get(&step) {
                self.voice.step(name, text, state)?;
            }
        }
        Ok(())
    }

    /// Records a build, and says how it went.
    fn conclude(&mut self, at_work: AtWork) -> anyhow::Result<()> {
        let AtWork { round, building, mut progress, names, targets, fault, n_changes } = at_work;
        if let Some(fault) = fault {
            progress.finish();
            return Err(fault);
        }
        let ended = building.finish(&round.ground(self.store), &mut progress)?;
        progress.finish();
        if let Err(silence) = tell_end(&ended, &progress, self.wish.verbose) {
            round.withdraw(self.store)?;
            return Err(silence);
        }
        let mut done = round.conclude(ended, self.store)?;
        // Who is told of it finds it recorded.
        done.keep(self.store)?;
        self.voice.finished(&done.entry.id, &names, &done.closing(false), done.spared())?;
        let is_latest = n_changes == self.n_changes;
        self.scene.learn(self.store, &self.eyes)?;
        if !done.built.changed.is_empty() {
            // What was saved while the engine read, nobody may have told of.
            self.batch.touch_everything(Instant::now());
        }
        self.voice.settled(&self.scene.outlook());
        self.settle(&done, &targets, is_latest);
        Ok(())
    }

    /// Takes note of what a build left; `is_latest` if no target was reached since it began.
    fn settle(&mut self, done: &Done, begun: &Recipes, is_latest: bool) {
        let end = done.ended.end;
        self.owes_command = end == End::Succeeded;
        match end {
            End::Succeeded if !done.built.changed.is_empty() => {
                for name in self.targets.doubt(begun) {
                    self.voice.note(&format!(
                        "what `{name}` is made of was written each time it was built: the next build waits for a change"
                    ));
                }
            }
            End::Succeeded => {
                self.targets.succeeded(&recipes_of(done.snapshot()));
                if is_latest {
                    // What was learned of images may name it otherwise; it is built all the same.
                    let mut now = self.scene.recipes().clone();
                    now.retain(|name, _| begun.contains_key(name));
                    self.targets.settle(&now);
                }
            }
            End::Failed => self.targets.settle(&failed(done, begun)),
            End::Interrupted => {}
        }
    }

    /// Begins to build what is wanted, unless a build is at work, or changes are to be decided on first; where nothing is
    /// left, the command follows.
    fn begin_wanted(&mut self) -> anyhow::Result<()> {
        let is_barred = self.is_ending || !self.builds || self.scene.is_stale();
        if is_barred || self.at_work.is_some() || self.batch.deadline().is_some() {
            return Ok(());
        }
        let now = self.scene.recipes();
        let mut wanted = self.targets.wanted(now);
        if wanted.is_empty() {
            if std::mem::take(&mut self.owes_command) {
                self.after.begin();
            }
            return Ok(());
        }
        // In the order of what is foreseen: then steps that stages share bear the same names.
        wanted.sort_by_cached_key(|name| self.scene.stages().iter().position(|stage| stage == name));
        wanted.truncate(self.wish.jobs.unwrap_or(usize::MAX));
        let mut targets = now.clone();
        targets.retain(|name, _| wanted.contains(name));
        match self.begin(&wanted, targets) {
            Ok(at_work) => {
                self.at_work = Some(at_work);
                // From now on a tag may be moved, whatever becomes of the build.
                self.targets.forget(&wanted);
                self.voice.started(&wanted)
            }
            // The next event has it tried again.
            Err(error) => self.voice.error(&error),
        }
    }

    fn begin(&self, wanted: &[String], targets: Recipes) -> anyhow::Result<AtWork> {
        let (args, image) = self.typed_for(wanted);
        let round = Round::open(&args, &image, Some(self.scene.seen()), self.store)?;
        let progress = round.progress(self.wish.verbose).among(self.voice.bars());
        let sender = self.sender.clone();
        let tell = move |message| sender.send(Event::Build(message)).is_ok();
        round.begin(self.store)?;
        let building = match Building::start(&round.invocation, tell) {
            Ok(building) => building,
            Err(error) => {
                round.withdraw(self.store)?;
                return Err(error);
            }
        };
        let (names, n_changes) = (wanted.to_vec(), self.n_changes);
        Ok(AtWork { round, building, progress, names, targets, fault: None, n_changes })
    }

    /// What is typed for a build of these targets only.
    fn typed_for(&self, wanted: &[String]) -> (ProjectArgs, ImageArgs) {
        let Scene { args, default, .. } = &self.scene;
        self.wish.narrowed(wanted, &Watched { args, n_targets: self.scene.recipes().len(), default })
    }

    fn warn(&self) {
        for warning in self.store.take_warnings() {
            self.voice.note(&warning);
        }
    }
}

/// Of the targets of a build those that cannot be built as they are; all if nobody can say which.
fn failed(done: &Done, targets: &Recipes) -> Recipes {
    let snapshot = done.snapshot();
    let failed: Vec<usize> =
        done.built.steps.iter().filter(|step| step.outcome == Outcome::Failed).map(|step| step.step).collect();
    let is_needed = |name: &String| {
        let named = snapshot.stages().into_iter().zip(&snapshot.targets).find(|(stage, _)| stage == name);
        named.is_none_or(|(_, target)| {
            let needed = steps(snapshot, target);
            failed.iter().any(|step| needed.contains(step))
        })
    };
    targets
        .iter()
        .filter(|(name, _)| failed.is_empty() || is_needed(name))
        .map(|(name, of)| (name.clone(), *of))
        .collect()
}

fn told(shortage: &Shortage) -> String {
    let hint = shortage.parameter().map_or_else(String::new, |name| format!("; raise it with `sysctl {name}=524288`"));
    format!("{shortage}: folders are looked through again and again instead{hint}")
}
