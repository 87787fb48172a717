//! What is known of the base images when a build is planned: what earlier builds found and, where the user asks for it,
//! what the engine and the registries say now. In go a project and the records, out come its requests with the images.
//! An image that nobody can look up is taken as unmoved, with a warning. What it means for a step is decided elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::{self, JoinHandle};

use planner::engine_profile::EngineProfile;
use planner::image::{Image, ImageName};
use planner::request::Request;

use crate::engine::attribution::found_digest;
use crate::engine::identity::Engine;
use crate::engine::images;
use crate::engine::known::Asking;
use crate::engine::observed::Observed;
use crate::forecast::familiar;
use crate::observation::{Observation, images_read};
use crate::past::Builds;
use crate::project::{Lookup, Project};
use crate::store::Store;

/// What the project's flags ask for, with all that is known of its images. Docker is asked only if the flags say so; then the
/// rules are the engine's, unless the user chose others.
///
/// # Errors
/// If docker would refuse one of the flags.
pub(crate) fn requests(
    project: &Project,
    profile: EngineProfile,
    builds: &Builds,
    store: &Store,
) -> anyhow::Result<Vec<Request>> {
    let requests = remembered(project, profile, builds)?;
    if project.lookup == Lookup::Nobody {
        return Ok(requests);
    }
    match Asking::begin(project.builder_flag(), store).answer(store) {
        Ok(engine) if project.has_chosen_rules => Ok(looked_up(project, requests, &engine, builds, store)),
        Ok(engine) => {
            let requests = remembered(project, engine.profile.clone(), builds)?;
            Ok(looked_up(project, requests, &engine, builds, store))
        }
        Err(error) => {
            store.warn(format!("cannot look up the base images, they are taken as unmoved: {error:#}"));
            Ok(requests)
        }
    }
}

/// The requests with what earlier builds found of the images.
///
/// # Errors
/// If docker would refuse one of the flags.
pub(crate) fn remembered(project: &Project, profile: EngineProfile, builds: &Builds) -> anyhow::Result<Vec<Request>> {
    let mut requests = project.requests(profile)?;
    let images = builds.images();
    requests.iter_mut().for_each(|request| request.images.clone_from(&images));
    Ok(requests)
}

/// The question to an engine what it holds, on its way.
pub(crate) struct Near(JoinHandle<Answers>);

/// What an engine holds of images; `None` where it does not.
pub(crate) type Answers = BTreeMap<ImageName, Option<Image>>;

impl Near {
    /// Asks what the engine holds of these images.
    pub(crate) fn ask(names: BTreeSet<ImageName>, engine: &Engine) -> Self {
        let engine = engine.clone();
        Self(thread::spawn(move || {
            let answer = |name: ImageName| (name.clone(), images::look_up_near(&engine, &name));
            names.into_iter().map(answer).collect()
        }))
    }

    /// Waits for the answers; one that did not come can be asked for again.
    pub(crate) fn answers(self) -> Answers {
        self.0.join().unwrap_or_default()
    }
}

/// The requests with what the engine, and if the flags say so the registries, tell of the images now.
pub(crate) fn looked_up(
    project: &Project,
    mut requests: Vec<Request>,
    engine: &Engine,
    builds: &Builds,
    store: &Store,
) -> Vec<Request> {
    let builder = project.builder_flag();
    let mut asked = BTreeSet::new();
    loop {
        // What an image triggers may read further images.
        let mut wanted = images_read(project, &requests);
        wanted.retain(|name| !asked.contains(name));
        if wanted.is_empty() {
            return requests;
        }
        for name in wanted {
            match look_up(project.lookup, engine, builder.as_deref(), &name) {
                // What was found before needs no second look at the project.
                Ok(Some(image)) if project.lookup == Lookup::Nobody && is_known(&requests, &name, &image) => {}
                Ok(Some(image)) => put(&mut requests, builds, &name, image),
                Ok(None) => {}
                Err(error) => {
                    let reference = familiar(&name.reference);
                    store.warn(format!("cannot look up `{reference}`, it is taken as unmoved: {error:#}"));
                }
            }
            asked.insert(name);
        }
    }
}

/// What the engine told, while it built, of images that were not looked up, and that no earlier build found so. A
/// registry is asked for the layers behind a digest that is new.
pub(crate) fn learned(project: &Project, observation: &Observation, observed: &Observed) -> Vec<(ImageName, Image)> {
    let builder = project.builder_flag();
    let unasked = observation.graph.images().filter(|image| !image.is_looked_up && !image.name.reference.contains('@'));
    let learned = unasked.filter_map(|image| {
        let digest = found_digest(observed, &image.name.reference)?;
        if image.digest.as_deref() == Some(digest) {
            return None;
        }
        let reference = format!("{}@{digest}", image.name.reference);
        let pinned = ImageName { reference, platform: image.name.platform.clone() };
        let only_digest = || Image { digest: Some(digest.to_owned()), ..Image::default() };
        Some((image.name.clone(), images::of_registry(builder.as_deref(), &pinned).unwrap_or_else(|_| only_digest())))
    });
    learned.collect()
}

/// The images whose tags may move while a build runs.
pub(crate) fn tags(observation: &Observation) -> impl Iterator<Item = &(ImageName, Image)> {
    observation.images.iter().filter(|(name, _)| !name.reference.contains('@'))
}

/// The images that are others now than those the build was planned with, with what they are now: which of the two it
/// read, nobody can say. `near` is what the engine answered since it read them.
pub(crate) fn moved(
    observation: &Observation,
    engine: &Engine,
    observed: &Observed,
    mut near: Answers,
) -> Vec<(ImageName, Image)> {
    let tags = tags(observation);
    let moved = tags.filter_map(|(name, known)| {
        let found = found_digest(observed, &name.reference);
        if found.is_some() && found == known.digest.as_deref() {
            return None;
        }
        match near.remove(name).unwrap_or_else(|| images::look_up_near(engine, name)) {
            Some(now) => (!is_same(known, &now)).then(|| (name.clone(), now)),
            None => {
                let digest = found.filter(|_| known.is_looked_up && known.digest.is_some())?.to_owned();
                Some((name.clone(), Image { digest: Some(digest), ..Image::default() }))
            }
        }
    });
    moved.collect()
}

fn is_same(one: &Image, other: &Image) -> bool {
    match (&one.layers, &other.layers) {
        (Some(layers), Some(others)) => layers == others && one.config == other.config,
        _ => one.digest == other.digest,
    }
}

/// The requests with what was learned of images.
pub(crate) fn taught(mut requests: Vec<Request>, builds: &Builds, learned: Vec<(ImageName, Image)>) -> Vec<Request> {
    for (name, image) in learned {
        put(&mut requests, builds, &name, image);
    }
    requests
}

fn look_up(lookup: Lookup, engine: &Engine, builder: Option<&str>, name: &ImageName) -> anyhow::Result<Option<Image>> {
    match lookup {
        Lookup::Nobody => Ok(images::look_up_near(engine, name)),
        Lookup::Engine => images::look_up(engine, builder, name, false).map(Some),
        Lookup::Registry => images::look_up(engine, builder, name, true).map(Some),
    }
}

fn is_known(requests: &[Request], name: &ImageName, image: &Image) -> bool {
    let is_it =
        |known: &Image| known.digest == image.digest && known.layers == image.layers && known.config == image.config;
    requests.iter().all(|request| request.images.get(name).is_some_and(is_it))
}

fn put(requests: &mut [Request], builds: &Builds, name: &ImageName, mut image: Image) {
    image.before = image.after(builds.first_image(name));
    image.is_looked_up = true;
    for request in requests {
        request.images.insert(name.clone(), image.clone());
    }
}
