//! What is known of the base images when a build is planned: what earlier builds found and, where the user asks for it,
//! what the engine and the registries say now. In go a project and the records, out come its requests with the images.
//! An image that nobody can look up is taken as unmoved, with a warning. What it means for a step is decided elsewhere.

use std::collections::BTreeSet;

use planner::engine_profile::EngineProfile;
use planner::image::{Image, ImageName};
use planner::request::Request;

use crate::engine::identity::{Engine, identify};
use crate::engine::images;
use crate::forecast::Past;
use crate::observation::images_read;
use crate::project::{Lookup, Project};
use crate::store::Store;

/// What the project's flags ask for, with all that is known of its images. Docker is asked only if the flags say so.
///
/// # Errors
/// If docker would refuse one of the flags.
pub(crate) fn requests(
    project: &Project,
    profile: EngineProfile,
    past: &Past,
    store: &Store,
) -> anyhow::Result<Vec<Request>> {
    let requests = remembered(project, profile, past)?;
    if project.lookup == Lookup::Nobody {
        return Ok(requests);
    }
    match identify(project.builder_flag().as_deref()) {
        Ok(engine) => Ok(looked_up(project, requests, &engine, past, store)),
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
pub(crate) fn remembered(project: &Project, profile: EngineProfile, past: &Past) -> anyhow::Result<Vec<Request>> {
    let mut requests = project.requests(profile)?;
    let images = past.images();
    requests.iter_mut().for_each(|request| request.images.clone_from(&images));
    Ok(requests)
}

/// The requests with what the engine, and if the flags say so the registries, tell of the images now.
pub(crate) fn looked_up(
    project: &Project,
    mut requests: Vec<Request>,
    engine: &Engine,
    past: &Past,
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
                Ok(Some(image)) => put(&mut requests, past, &name, image),
                Ok(None) => {}
                Err(error) => {
                    let reference = &name.reference;
                    store.warn(format!("cannot look up `{reference}`, it is taken as unmoved: {error:#}"));
                }
            }
            asked.insert(name);
        }
    }
}

fn look_up(lookup: Lookup, engine: &Engine, builder: Option<&str>, name: &ImageName) -> anyhow::Result<Option<Image>> {
    match lookup {
        Lookup::Nobody => Ok(images::look_up_near(engine, name)),
        Lookup::Engine => images::look_up(engine, builder, name, false).map(Some),
        Lookup::Registry => images::look_up(engine, builder, name, true).map(Some),
    }
}

fn put(requests: &mut [Request], past: &Past, name: &ImageName, mut image: Image) {
    image.before = image.after(past.first_image(name));
    image.is_looked_up = true;
    for request in requests {
        request.images.insert(name.clone(), image.clone());
    }
}
