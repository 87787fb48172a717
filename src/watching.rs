//! Watching: one loop that hears of saved files, of the build at work and of the user, decides what a save comes to, and
//! builds the targets it reaches, as few as it can and one build at a time. In go what is asked for and where to speak;
//! the loop ends when the user ends it. How things look is decided by the voice, what is true by the scene.

mod targets;
mod afterwards;
mod again;
mod wish;
mod editors;
mod change;
mod scene;
mod own;
mod outcome;

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use planner::built::End;
use watcher::debounce::{Debounce, Touched};
use watcher::{Place, Shortage, Subject, Watch, WatchEvent};

use self::afterwards::{Afterwards, Outlet, Word};
use self::again::{Again, keeps_changing};
use self::outcome::failed;
use self::own::own_output;
use self::scene::{Asked, Scene, recipes_of};
use self::targets::{Recipes, State, Targets};
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
    Command(Word),
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
    /// The files that this program itself writes to.
    own: Vec<Place>,
    again: Again,
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
        let voice = Voice::new(wish.format);
        let outlet = Outlet::of(wish.format == Format::Json, voice.bars().is_some());
        let heard = sender.clone();
        let after = Afterwards::new(wish.exec.clone(), outlet, move |word| drop(heard.send(Event::Command(word))));
        let own = own_output(&scene)?;
        Ok(Self {
            voice,
            scene,
            targets: Targets::new(built),
            after,
            owes_command: false,
            own,
            again: Again::default(),
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
                Some(Event::Command(Word::Failure(failure))) => self.voice.error(&Fault::new(failure).into())?,
                Some(Event::Command(Word::Output(bytes, is_error))) => self.voice.pass_on(&bytes, is_error),
                None => {}
            }
            let is_listening = !self.is_ending && self.asking.is_none();
            if let Some(batch) = self.batch.take(Instant::now()).filter(|_| is_listening) {
                self.decide(&batch.touched)?;
            }
            self.attend()?;
            if self.again.is_due(Instant::now()) {
                self.begin_wanted()?;
            }
        }
        Ok(())
    }

    /// The next event; `None` where something else is due first. Without a build and without a batch it waits for good.
    fn next(&mut self, events: &Receiver<Event>) -> Option<Event> {
        let is_busy = self.at_work.is_some() || self.asking.is_some();
        let frame = is_busy.then(|| Instant::now() + FRAME);
        let Some(due) = [frame, self.batch.deadline(), self.again.at()].into_iter().flatten().min() else {
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
            WatchEvent::Touched(place) if self.own.contains(&place) => {}
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
        let (store, ground) = (self.store, round.ground(self.store));
        let taken = building.take(message, &ground, progress);
        let noted = taken.and_then(|()| match building.has_just_read(&ground) {
            Some(contexts) => round.is_read(contexts, store),
            None => Ok(()),
        });
        if let Err(error) = noted {
            building.stop();
            *fault = Some(error);
        }
    }

    /// Says what a batch of changes comes to, and begins what follows.
    fn decide(&mut self, touched: &Touched) -> anyhow::Result<()> {
        let began = Instant::now();
        let (before, was_stale) = (self.scene.recipes().clone(), self.scene.is_stale());
        let mut change = match self.scene.take(touched, self.store, &self.eyes) {
            Ok(change) => change,
            Err(error) if keeps_changing(&error) => {
                self.batch.touch_everything(Instant::now());
                return Ok(());
            }
            Err(error) => return self.voice.error(&error),
        };
        let has_reached = change.effect == Effect::Steps;
        if *touched == Touched::Everything {
            self.eyes.rescanned(began.elapsed(), has_reached);
        }
        if was_stale && change.paths.is_empty() && !has_reached {
            change.effect = Effect::SamePlan;
        }
        self.voice.change(&change)?;
        match change.effect {
            Effect::Steps => {
                self.voice.reach(&change.paths, &self.scene.outlook())?;
                self.n_changes += 1;
                self.again = Again::default();
                self.restart();
            }
            Effect::EditorsFile => self.spare(&before),
            Effect::SameContent | Effect::NotRead | Effect::SamePlan => {}
        }
        self.warn();
        self.begin_wanted()
    }

    /// What only editors' own files set apart from `before` need not be built, unless that was to be.
    fn spare(&mut self, before: &Recipes) {
        let wanted = self.targets.wanted(before);
        let is_at_work =
            |name: &String| self.at_work.as_ref().is_some_and(|at_work| at_work.targets.get(name) == before.get(name));
        let mut now = self.scene.recipes().clone();
        now.retain(|name, _| !wanted.contains(name) || is_at_work(name));
        self.targets.spare(&now);
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
        match self.conclude(at_work) {
            Ok(()) => self.again = Again::default(),
            Err(error) => self.fail(&error)?,
        }
        self.warn();
        self.begin_wanted()
    }

    fn tell_steps(&mut self) -> anyhow::Result<()> {
        let Self { at_work: Some(AtWork { round, progress, .. }), voice, .. } = self else { return Ok(()) };
        tell_news(progress, round, voice)
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
        tell_news(&mut progress, &round, &mut self.voice)?;
        if let Err(silence) = tell_end(&ended, &progress, self.wish.verbose) {
            round.withdraw(self.store)?;
            return Err(silence);
        }
        let mut done = round.conclude(ended, self.store)?;
        // Who is told of it finds it recorded.
        done.keep(self.store)?;
        let failed = failed(&done, &targets);
        let named = if done.ended.end == End::Failed { failed.keys().cloned().collect() } else { names };
        self.voice.finished(&done.entry.id, &named, &done.closing(false), (done.spared(), done.failures()))?;
        let is_latest = n_changes == self.n_changes;
        self.scene.learn(self.store, &self.eyes)?;
        if !done.built.changed.is_empty() {
            // What was saved while the engine read, nobody may have told of.
            self.batch.touch_everything(Instant::now());
        }
        self.voice.settled(&self.scene.outlook());
        self.settle(&done, &targets, &failed, is_latest);
        Ok(())
    }

    /// Takes note of what a build left; `is_latest` if no target was reached since it began.
    fn settle(&mut self, done: &Done, begun: &Recipes, failed: &Recipes, is_latest: bool) {
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
            End::Failed => self.targets.failed(failed),
            End::Interrupted => {}
        }
    }

    /// Begins to build what is wanted, unless a build is at work, or changes are to be decided on first; where nothing is
    /// left, the command follows.
    fn begin_wanted(&mut self) -> anyhow::Result<()> {
        self.show_targets();
        let is_barred =
            self.is_ending || !self.builds || self.scene.is_stale() || !self.again.may_begin(Instant::now());
        if is_barred || self.at_work.is_some() || self.batch.deadline().is_some() {
            return Ok(());
        }
        let now = self.scene.recipes();
        let mut wanted = self.targets.wanted(now);
        if wanted.is_empty() {
            self.again = Again::default();
            let has_failed = now.iter().any(|(name, recipe)| self.targets.state(name, recipe) == State::Failed);
            if std::mem::take(&mut self.owes_command) && !has_failed {
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
                self.show_targets();
                self.voice.started(&wanted)
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Nothing was built, for another reason than what is in the project: it is tried again after a while.
    fn fail(&mut self, error: &anyhow::Error) -> anyhow::Result<()> {
        if keeps_changing(error) {
            self.batch.touch_everything(Instant::now());
            return Ok(());
        }
        self.again.later(Instant::now());
        self.voice.error(error)
    }

    fn show_targets(&mut self) {
        let Self { scene, targets, at_work, voice, builds, .. } = self;
        let names = at_work.as_ref().map(|at_work| at_work.names.as_slice()).unwrap_or_default();
        let states = scene.recipes().iter().map(|(name, recipe)| {
            let state = match targets.state(name, recipe) {
                _ if names.contains(name) => "building",
                State::UpToDate => "up to date",
                State::Failed => "failed",
                State::Waiting if *builds => "to be built",
                State::Waiting => "not built as it is",
            };
            (name.as_str(), state)
        });
        voice.targets(&states.collect::<Vec<_>>());
    }

    fn begin(&self, wanted: &[String], targets: Recipes) -> anyhow::Result<AtWork> {
        let (args, image) = self.typed_for(wanted);
        let round = Round::open(&args, &image, self.store, Some(self.scene.observation()))?;
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

/// Tells what became of steps since that was last told.
fn tell_news(progress: &mut Progress, round: &Round, voice: &mut Voice) -> anyhow::Result<()> {
    let news = progress.take_news();
    if news.is_empty() || !voice.tells_steps() {
        return Ok(());
    }
    let labels = round.observation().snapshot.step_labels();
    for (step, state) in news {
        if let Some((name, text)) = labels.get(&step) {
            voice.step(name, text, state)?;
        }
    }
    Ok(())
}

fn told(shortage: &Shortage) -> String {
    let hint = shortage.parameter().map_or_else(String::new, |name| format!("; raise it with `sysctl {name}=524288`"));
    format!("{shortage}: folders are looked through again and again instead{hint}")
}
