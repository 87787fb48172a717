//! The watched project as it is now: its plan, its contexts, and what a build would do. In go touched places and what
//! builds recorded; the scene is brought up to date, and out comes what changed. A scan or a reading that fails leaves it
//! as it was. It starts no build and prints nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use planner::built::{Built, End, Experience};
use planner::context::Stamped;
use planner::digest::ContentDigest;
use planner::plan::Plan;
use planner::prediction::{Prediction, Verdict};
use planner::recipe::{recipe, steps};
use planner::snapshot::{Snapshot, StepKind};
use watcher::debounce::Touched;
use watcher::{Place, Refresh, Watch, refresh};

use super::change::{After, Before, Places};
use super::targets::Recipes;
use crate::args::ProjectArgs;
use crate::bases;
use crate::forecast::{doubted, predicted};
use crate::observation::{Observation, context_source, ignorefile, leaves, observe, scan_fault, subject};
use crate::past::Past;
use crate::project::Project;
use crate::render::watch::{Change, Outlook, Row};
use crate::store::Store;

/// Which targets are watched.
#[derive(Clone)]
pub(super) struct Asked {
    /// As typed.
    pub(super) project: ProjectArgs,
    /// Whether the stages that no other stage reads are watched, too.
    pub(super) leaves: bool,
}

/// A watched project.
pub(super) struct Scene {
    /// With the targets that are watched.
    pub(super) args: ProjectArgs,
    /// The target of a build without `--target`.
    pub(super) default: String,
    /// The stages that no other stage reads and nobody watches.
    pub(super) unwatched: Vec<String>,
    asked: Asked,
    project: Project,
    past: Past,
    observation: Observation,
    /// What the engine last received of each context.
    sent: BTreeMap<String, Option<Stamped>>,
    /// What each watched target is made of.
    recipes: Recipes,
    prediction: Prediction,
    experience: Experience,
    /// Whether an error kept it from being brought up to date.
    is_stale: bool,
}

impl Scene {
    /// Reads the project. The eyes are told what to watch before it is scanned.
    ///
    /// # Errors
    /// If BuildKit would refuse the Dockerfile or the flags, or a file cannot be read.
    pub(super) fn open(asked: &Asked, store: &Store, eyes: &Watch) -> anyhow::Result<Self> {
        let mut project = Project::open(&asked.project)?;
        let past = Past::read(store, &project.builder)?;
        let profile = past.builds.profile(asked.project.engine_profile, store, &project.id)?;
        let leaves = leaves(&project, &bases::remembered(&project, profile.clone(), &past.builds)?)?;
        let args = if asked.leaves { asked.project.also(&leaves) } else { asked.project.clone() };
        project.ask(&args)?;
        let requests = bases::requests(&project, profile, &past.builds, store)?;
        eyes.replace(subject(&project, &requests)?);
        let observation = observe(&project, &requests, store, || store.keep_secret_key())?;
        let watched = observation.snapshot.stages();
        let default = leaves.last().cloned().unwrap_or_default();
        let unwatched = leaves.into_iter().filter(|leaf| !watched.contains(leaf)).collect();
        let experience = past.builds.experience(&project, &observation.snapshot, store)?;
        let mut scene = Self {
            args,
            default,
            unwatched,
            asked: asked.clone(),
            project,
            past,
            observation,
            sent: BTreeMap::new(),
            recipes: Recipes::new(),
            prediction: Prediction::default(),
            experience,
            is_stale: false,
        };
        scene.remember_sent(store)?;
        scene.foresee(store);
        Ok(scene)
    }

    /// Brings the scene up to date with what was touched.
    ///
    /// # Errors
    /// As [`open`](Self::open); the scene is as before.
    pub(super) fn take(&mut self, touched: &Touched, store: &Store, eyes: &Watch) -> anyhow::Result<Change> {
        let (before, texts) = (Before::of(&self.observation, &self.recipes), self.project.edited());
        let places = match touched {
            Touched::Places(places) => Some(by_context(places)),
            Touched::Everything => None,
        };
        let known = places.as_ref().filter(|_| texts.is_empty() && !self.is_stale);
        self.is_stale = true;
        if !known.map_or(Ok(false), |places| self.refresh(places, store))? {
            self.reopen(store, eyes)?;
        }
        self.is_stale = false;
        let after = After { project: &self.project, observation: &self.observation, recipes: &self.recipes };
        Ok(before.change(&after, &places.unwrap_or_default(), &texts))
    }

    /// Reads everything anew.
    ///
    /// # Errors
    /// As [`open`](Self::open); the scene is as before.
    pub(super) fn reopen(&mut self, store: &Store, eyes: &Watch) -> anyhow::Result<()> {
        *self = Self::open(&self.asked, store, eyes)?;
        Ok(())
    }

    /// The places in contexts that a path on disk is.
    pub(super) fn places_of(&self, path: &Path) -> Vec<Place> {
        let named = self.project.local_contexts().unwrap_or_default();
        let place = |name: &String| {
            let path = context_source(&self.project, &named, name)?.0.below(path)?;
            Some(Place::Context { name: name.clone(), path })
        };
        self.observation.contexts.keys().filter_map(place).collect()
    }

    /// Whether a context that is read holds something at that place.
    pub(super) fn holds(&self, place: &Place) -> bool {
        let Place::Context { name, path } = place else { return false };
        self.observation.contexts.get(name).is_some_and(|context| context.now.context.find(path).is_some())
    }

    /// Brings the contexts up to date at these paths; whether that was possible.
    fn refresh(&mut self, places: &Places<'_>, store: &Store) -> anyhow::Result<bool> {
        let named = self.project.local_contexts()?;
        let mut is_whole = true;
        for (name, paths) in places {
            let Some((dir, source)) = context_source(&self.project, &named, name) else { continue };
            let Some(context) = self.observation.contexts.get_mut(*name) else { continue };
            let rules = ignorefile(source)?;
            let paths = paths.iter().copied();
            let refreshed = refresh(&dir.root, &rules, &context.requested, &mut context.now, paths);
            is_whole &= refreshed.map_err(scan_fault)? == Refresh::Done;
            context.see(self.sent.get(*name).and_then(Option::as_ref));
        }
        if is_whole {
            self.observation.retake(&store.secret_key()?);
            self.foresee(store);
        }
        Ok(is_whole)
    }

    /// Takes note of what was recorded since.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(super) fn learn(&mut self, store: &Store, eyes: &Watch) -> anyhow::Result<()> {
        self.past = Past::read(store, &self.project.builder)?;
        let profile = self.past.builds.profile(self.args.engine_profile, store, &self.project.id)?;
        let requests = bases::remembered(&self.project, profile, &self.past.builds)?;
        let key = store.secret_key()?;
        if !self.observation.learn(&self.project, &requests, &key)? {
            return self.reopen(store, eyes);
        }
        self.remember_sent(store)?;
        self.observation.retake(&key);
        self.experience = self.past.builds.experience(&self.project, &self.observation.snapshot, store)?;
        self.foresee(store);
        Ok(())
    }

    fn remember_sent(&mut self, store: &Store) -> anyhow::Result<()> {
        self.sent.clear();
        for (name, context) in &mut self.observation.contexts {
            let sent = store.sent(&context.sent_name, &context.now.context)?;
            context.see(sent.as_ref());
            self.sent.insert(name.clone(), sent);
        }
        Ok(())
    }

    /// Says anew what a build would do.
    fn foresee(&mut self, store: &Store) {
        let Self { project, observation, past, .. } = self;
        self.recipes = recipes_of(&observation.snapshot);
        self.prediction = doubted(project, observation, past, store, predicted(observation, past, store));
    }

    /// What is seen of the project.
    pub(super) fn observation(&self) -> &Observation {
        &self.observation
    }

    /// The watched targets, in the order of the plan.
    pub(super) fn stages(&self) -> Vec<String> {
        self.observation.snapshot.stages()
    }

    /// What each watched target is made of.
    pub(super) fn recipes(&self) -> &Recipes {
        &self.recipes
    }

    /// What the targets were made of when they were last built, as far as that was recorded.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(super) fn built(&self, store: &Store) -> anyhow::Result<Recipes> {
        /// So many builds are looked at.
        const N_BUILDS: usize = 50;
        let mut built: BTreeMap<String, Option<ContentDigest>> = BTreeMap::new();
        for build in self.past.builds.of_project(&self.project.id).into_iter().take(N_BUILDS) {
            if self.recipes.keys().all(|name| built.contains_key(name)) {
                break;
            }
            let Some(snapshot) = store.snapshot(&build.id)? else { continue };
            // What a build left that failed or was stopped, nobody can say.
            let is_whole = store.built(&build.id)?.is_none_or(|built| is_whole(&built));
            for (name, recipe) in recipes_of(&snapshot) {
                built.entry(name).or_insert(is_whole.then_some(recipe));
            }
        }
        Ok(built.into_iter().filter_map(|(name, recipe)| Some((name, recipe?))).collect())
    }

    /// Whether an error kept it from being brought up to date.
    pub(super) fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// How many files the contexts hold, folders included.
    pub(super) fn n_entries(&self) -> usize {
        self.observation.contexts.values().map(|context| context.now.context.root().n_below()).sum()
    }

    /// What a build of all watched targets would do.
    pub(super) fn outlook(&self) -> Outlook {
        let snapshot = &self.observation.snapshot;
        let verdict = |step: usize| self.prediction.standings[step].verdict;
        let labels = snapshot.step_labels();
        let used: BTreeSet<usize> = snapshot.targets.iter().flat_map(|target| steps(snapshot, target)).collect();
        let used = used.into_iter().filter(|step| snapshot.steps[*step].kind == StepKind::Step);
        let rows = used.filter_map(|step| {
            let (name, text) = labels.get(&step)?.clone();
            let seconds = self.experience.seconds.get(&step).copied();
            let open = |input: &planner::graph::VertexId| verdict(input.index()) != Verdict::Hit;
            let is_first = !snapshot.steps[step].inputs.iter().any(open);
            Some(Row { name, text, verdict: verdict(step), seconds, is_first })
        });
        let rows = rows.collect();
        let plans =
            snapshot.targets.iter().map(|target| Plan::new(snapshot, target, &verdict, &self.experience.seconds));
        let seconds = plans.map(|plan| plan.seconds).try_fold(0.0_f64, |most, seconds| Some(most.max(seconds?)));
        Outlook { targets: snapshot.stages(), rows, seconds }
    }
}

/// Whether a build made what it was asked for, of what was seen before it.
fn is_whole(built: &Built) -> bool {
    built.end == End::Succeeded && built.changed.is_empty()
}

/// What each target of a build is made of, by the name of its stage.
pub(super) fn recipes_of(snapshot: &Snapshot) -> Recipes {
    let recipes = snapshot.targets.iter().map(|target| recipe(snapshot, target));
    snapshot.stages().into_iter().zip(recipes).collect()
}

fn by_context(places: &BTreeSet<Place>) -> Places<'_> {
    let mut contexts = Places::new();
    for place in places {
        if let Place::Context { name, path } = place {
            contexts.entry(name).or_default().push(path);
        }
    }
    contexts
}
