//! Watching: one loop that hears of saved files, of the build at work and of the user, decides what a save comes to, and
//! builds the targets it reaches, as few as it can and one build at a time. In go what is asked for and where to speak;
//! the loop ends when the user ends it. How things look is decided by the voice, what is true by the scene.

mod targets;
mod afterwards;
mod scene;

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use planner::built::{End, Outcome};
use planner::recipe::steps;
use watcher::debounce::{Debounce, Touched};
use watcher::{Shortage, Subject, Watch, WatchEvent};

use self::afterwards::Afterwards;
use self::scene::{Asked, Scene, recipes_of, targeted};
use self::targets::{Recipes, Targets};
use crate::args::{Format, ImageArgs, ProjectArgs};
use crate::building::{self, Building, FRAME};
use crate::engine::buildx::Message;
use crate::engine::identity::identify;
use crate::engine::known::known;
use crate::render::progress::Progress;
use crate::render::watch::{Change, Effect, Ready, Voice};
use crate::round::{Done, Round, tell_end};
use crate::store::Store;

/// What is asked for.
pub(crate) struct Wish {
    /// The project, and what would be built.
    pub(crate) project: ProjectArgs,
    /// What becomes of the images.
    pub(crate) image: ImageArgs,
    /// Whether the stages that no other stage reads are built, too.
    pub(crate) leaves: bool,
    /// Whether nothing is to be built.
    pub(crate) plan_only: bool,
    /// The most targets built side by side.
    pub(crate) jobs: Option<usize>,
    /// Whether a change that reaches the build at work stops it.
    pub(crate) restarts: bool,
    /// The quiet that ends a batch of changes; `None` for one that adapts.
    pub(crate) debounce: Option<Duration>,
    /// What is run after a build that succeeded.
    pub(crate) exec: Option<String>,
    /// How it is told.
    pub(crate) format: Format,
    /// Whether the output of all steps is shown.
    pub(crate) verbose: bool,
}

/// What the loop hears of.
enum Event {
    Files(WatchEvent),
    Build(Message),
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
    asked: Asked,
    store: &'a Store,
    voice: Voice,
    scene: Scene,
    targets: Targets,
    after: Afterwards,
    batch: Debounce,
    at_work: Option<AtWork>,
    /// How many changes reached a target so far.
    n_changes: usize,
    is_ending: bool,
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
        let is_known = known(builder.as_deref(), store).is_some();
        let ask = !wish.plan_only && !is_known;
        let engine = ask.then(|| std::thread::spawn(move || identify(builder.as_deref())));
        let eyes = {
            let sender = sender.clone();
            // The loop may have ended.
            Watch::start(Subject::default(), usize::MAX, move |event| drop(sender.send(Event::Files(event))))?
        };
        let builds = !wish.plan_only;
        let asked = Asked { project: wish.project.clone(), leaves: wish.leaves };
        let scene = Scene::open(&asked, store, &mut |subject| eyes.replace(subject))?;
        let targets = Targets::new(scene.built(store)?);
        let voice = Voice::new(wish.format);
        let after = Afterwards::new(wish.exec.clone(), wish.format == Format::Json);
        let batch = Debounce::new(wish.debounce);
        let mut watching = Self {
            wish,
            asked,
            store,
            voice,
            scene,
            targets,
            after,
            batch,
            at_work: None,
            n_changes: 0,
            is_ending: false,
            builds,
            eyes,
            sender,
        };
        let all: Vec<String> = watching.scene.recipes().into_keys().collect();
        watching.invocation_of(&all)?;
        let mut plan_only = watching.wish.plan_only.then(|| "--plan-only".to_owned());
        if let Some(Err(error)) = engine.and_then(|engine| engine.join().ok()) {
            plan_only = Some(crate::render::told(&error));
            watching.builds = false;
        }
        watching.greet(plan_only)?;
        Ok(watching)
    }

    fn greet(&mut self, plan_only: Option<String>) -> anyhow::Result<()> {
        self.warn();
        let outlook = self.scene.outlook();
        let ready = Ready {
            targets: &outlook.targets,
            unwatched: &self.scene.unwatched,
            n_files: self.scene.n_files(),
            plan_only,
        };
        self.voice.ready(&ready)?;
        self.voice.prediction(&outlook)
    }

    fn run(&mut self, events: &Receiver<Event>) -> anyhow::Result<()> {
        self.begin_wanted()?;
        while !(self.is_ending && self.at_work.is_none()) {
            match self.next(events) {
                Some(Event::Files(event)) => self.saw(event),
                Some(Event::Build(Message::Stop)) => self.stop(),
                Some(Event::Build(message)) => self.heard(message),
                None => {}
            }
            if let Some(batch) = self.batch.take(Instant::now()).filter(|_| !self.is_ending) {
                self.decide(&batch.touched)?;
            }
            self.attend()?;
        }
        Ok(())
    }

    /// The next event; `None` where something else is due first. Without a build and without a batch it waits for good.
    fn next(&mut self, events: &Receiver<Event>) -> Option<Event> {
        let frame = self.at_work.as_ref().map(|_| Instant::now() + FRAME);
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
        let eyes = &self.eyes;
        let taken = self.scene.take(touched, &self.asked, self.store, &mut |subject| eyes.replace(subject));
        let change = match taken {
            Ok(change) => change,
            Err(error) => return self.voice.error(&error),
        };
        if *touched == Touched::Everything {
            self.eyes.rescanned(began.elapsed(), change.effect == Effect::Steps);
        }
        self.voice.change(&change, &self.scene.outlook())?;
        self.warn();
        if change.effect == Effect::Steps {
            self.n_changes += 1;
            self.restart(&change);
        }
        self.begin_wanted()
    }

    /// Stops the build at work if it is made of something else than what is there now, and that is asked for.
    fn restart(&mut self, _change: &Change) {
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
        let (end, is_doubted, made) = (done.ended.end, !done.built.changed.is_empty(), recipes_of(done.snapshot()));
        let failed = failed(&done, &targets);
        let eyes = &self.eyes;
        self.scene.learn(&self.asked, self.store, &mut |subject| eyes.replace(subject))?;
        self.voice.settled(&self.scene.outlook());
        match end {
            End::Succeeded if is_doubted => self.targets.forget(&names),
            End::Succeeded => {
                self.targets.succeeded(&made);
                if n_changes == self.n_changes {
                    // What was learned of images may name it otherwise; it is built all the same.
                    let mut now = self.scene.recipes();
                    now.retain(|name, _| targets.contains_key(name));
                    self.targets.settle(&now);
                }
            }
            End::Failed => self.targets.settle(&failed),
            End::Interrupted => {}
        }
        if end == End::Succeeded {
            self.after.begin()?;
        }
        Ok(())
    }

    /// Begins to build what is wanted, unless a build is at work.
    fn begin_wanted(&mut self) -> anyhow::Result<()> {
        let now = self.scene.recipes();
        let mut wanted = self.targets.wanted(&now);
        // In the order of what is foreseen: then steps that stages share bear the same names.
        wanted.sort_by_cached_key(|name| self.scene.stages().iter().position(|stage| stage == name));
        let is_barred = self.at_work.is_some() || self.is_ending || !self.builds || self.scene.is_stale();
        if wanted.is_empty() || is_barred {
            return Ok(());
        }
        wanted.truncate(self.wish.jobs.unwrap_or(usize::MAX));
        let targets: Recipes = now.into_iter().filter(|(name, _)| wanted.contains(name)).collect();
        match self.begin(&wanted, targets) {
            Ok(at_work) => {
                self.at_work = Some(at_work);
                // From now on a tag may be moved, whatever becomes of the build.
                self.targets.begin(&wanted);
                self.voice.started(&wanted)
            }
            // The next event has it tried again.
            Err(error) => self.voice.error(&error),
        }
    }

    fn begin(&self, wanted: &[String], targets: Recipes) -> anyhow::Result<AtWork> {
        let (args, image) = self.narrowed(wanted);
        let round = Round::open(&args, &image, self.store)?;
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

    /// Whether docker would take a build of these targets at all.
    fn invocation_of(&self, targets: &[String]) -> anyhow::Result<()> {
        use crate::engine::{identity::buildx_version, invocation};
        let (args, image) = self.narrowed(targets);
        let ask = || if self.builds { buildx_version() } else { Ok(crate::engine::bake::Version::parse("")) };
        if self.builds {
            invocation::of_build(&args, &image, None, ask)?;
        }
        Ok(())
    }

    /// What is typed for a build of these targets only.
    fn narrowed(&self, wanted: &[String]) -> (ProjectArgs, ImageArgs) {
        let is_default = self.scene.recipes().len() == 1 && self.wish.project.typed().target.is_empty();
        let args = if is_default {
            self.wish.project.clone()
        } else {
            self.scene.args.only(&wanted.iter().map(|stage| targeted(stage)).collect::<Vec<_>>())
        };
        let image = &self.wish.image;
        let is_tagged = |stage: &str| wanted.iter().any(|name| name.eq_ignore_ascii_case(stage));
        let tag = |tag: &String| match tag.split_once('=') {
            Some((stage, _)) if !is_tagged(stage) => None,
            Some((_, name)) if wanted.len() == 1 => Some(name.to_owned()),
            Some(_) => Some(tag.clone()),
            // With --leaves a tag without a stage is that of the image that a plain build makes.
            None if !self.wish.leaves => Some(tag.clone()),
            None if !is_tagged(&self.scene.default) => None,
            None if wanted.len() == 1 => Some(tag.clone()),
            None => Some(format!("{}={tag}", targeted(&self.scene.default))),
        };
        (args, ImageArgs { tag: image.tag.iter().filter_map(tag).collect(), ..image.clone() })
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
