//! What a build would be made from, seen now: the Dockerfile parsed and lowered, the contexts scanned as far as the
//! build asks for them and seen as the engine will see them, and the [`Snapshot`] of it all. In go a project, a
//! request and the store; the only thing written is the stat cache. It does not predict.

mod contexts;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use planner::cache_key::Sealer;
use planner::context::BuildContext;
use planner::dockerfile::Dockerfile;
use planner::dockerfile::check::{CHECK_ARG, Check};
use planner::engine_profile::EngineProfile;
use planner::graph::BuildGraph;
use planner::graph::lower::lower;
use planner::history::Writes;
use planner::hypothesis;
use planner::image::{Image, ImageName};
use planner::request::Request;
use planner::snapshot::{Operation, Snapshot};
use planner::transfer::{Stale, Unnoticed};
use planner::unsettled;
use watcher::{Subject, Watched};

use self::contexts::scan_where;
pub(crate) use self::contexts::{
    Contexts, ObservedContext, Receipt, context_source, ignorefile, patterns, scan_contexts, scan_fault, whole_context,
};
use crate::frontend::{self, Frontend};
use crate::project::Project;
use crate::refusal::{Warning, refuse_dockerfile, warnings};
use crate::store::Store;

/// Everything that is known before a prediction.
pub(crate) struct Observation {
    /// The frontend's image, where nothing is known of it.
    pub(crate) unknown_frontend: Option<String>,
    /// The inputs of the build.
    pub(crate) snapshot: Snapshot,
    /// The contexts that are read, by name.
    pub(crate) contexts: Contexts,
    /// What BuildKit would do.
    pub(crate) graph: BuildGraph,
    /// The same with nothing known of images, where something is.
    plain: Option<BuildGraph>,
    /// What is known of the images that are read.
    pub(crate) images: Vec<(ImageName, Image)>,
    /// What BuildKit warns of.
    pub(crate) warnings: Vec<Warning>,
}

/// A Dockerfile as BuildKit would read it.
pub(crate) struct Reading {
    /// What BuildKit would do.
    pub(crate) graph: BuildGraph,
    /// The frontend's image, where nothing is known of it.
    pub(crate) unknown_frontend: Option<String>,
    /// What BuildKit warns of; nothing under an unknown frontend.
    pub(crate) warnings: Vec<Warning>,
}

impl Observation {
    /// The contexts as the engine will see them, by name.
    pub(crate) fn views(&self) -> impl Iterator<Item = (String, BuildContext)> {
        self.contexts.iter().map(|(name, context)| (name.clone(), context.view.context.clone()))
    }

    /// Sees the contexts as an engine that holds nothing of them.
    pub(crate) fn see_afresh(&mut self) {
        for context in self.contexts.values_mut() {
            context.see(None);
        }
    }

    /// Takes the snapshot anew, after the contexts were changed.
    pub(crate) fn retake(&mut self, key: &[u8; 32]) {
        let ignorefiles = std::mem::take(&mut self.snapshot.ignorefiles);
        self.snapshot = Snapshot { ignorefiles, ..self.snapshot_with(&BTreeMap::new(), key) };
    }

    /// The inputs of the same build, but of these contexts as they were `later`.
    pub(crate) fn snapshot_with(&self, later: &Contexts, key: &[u8; 32]) -> Snapshot {
        let contexts = self.contexts.iter().map(|(name, context)| (name, later.get(name).unwrap_or(context)));
        snapshot(&self.graph, self.plain.as_ref(), &contexts.collect(), key)
    }

    /// Sees the same files with more known of images. Whether that is possible: where triggers of an image read other
    /// files it is not, and only the images are noted.
    ///
    /// # Errors
    /// If BuildKit would refuse the Dockerfile upon these images.
    pub(crate) fn learn(&mut self, project: &Project, requests: &[Request], key: &[u8; 32]) -> anyhow::Result<bool> {
        let source = project.dockerfile()?;
        let reading = read_dockerfile(&source.bytes, &source.shown.display().to_string(), requests)?;
        self.images = known_images(&reading.graph, requests);
        if patterns(&reading.graph) != patterns(&self.graph) {
            return Ok(false);
        }
        self.plain = lowered_plainly(&source.bytes, requests);
        self.graph = reading.graph;
        self.retake(key);
        Ok(true)
    }

    /// Gives these files bytes that nobody has seen, wherever a context that is read holds them. Paths are relative
    /// to the current folder. A path that is not there is made if `makes`, unless it would be ignored. The paths that
    /// had no effect, or were made, are given back.
    pub(crate) fn edit(&mut self, project: &Project, paths: &[PathBuf], makes: bool) -> anyhow::Result<Unseen> {
        let mut unseen = Unseen { outside: paths.to_vec(), missing: Vec::new() };
        let named = project.local_contexts()?;
        for (name, context) in &mut self.contexts {
            let Some((dir, source)) = context_source(project, &named, name) else { continue };
            let rules = ignorefile(source)?;
            unseen.outside.retain(|path| dir.below(path).is_none());
            let mut edited = Vec::new();
            for (path, below) in paths.iter().filter_map(|path| Some((path, dir.below(path)?))) {
                let is_there = dir.holds(&below);
                if context.view.context.find(&below).is_some()
                    || (makes && !is_there && !rules.ignores(&below).unwrap_or(false))
                {
                    edited.push(below);
                }
                if !is_there && !unseen.missing.contains(path) {
                    unseen.missing.push(path.clone());
                }
            }
            context.view.context = hypothesis::edited(&context.view.context, &edited);
        }
        Ok(unseen)
    }
}

/// The paths of an edit that say something else than that a file was edited.
pub(crate) struct Unseen {
    /// Those that lie in no context that is read.
    pub(crate) outside: Vec<PathBuf>,
    /// Those where nothing is.
    pub(crate) missing: Vec<PathBuf>,
}

/// Observes a project of which this was `seen` a moment ago: contexts that are asked for the same under the same rules are
/// taken from it, and not read.
///
/// # Errors
/// As [`observe`].
pub(crate) fn observe_anew(
    project: &Project,
    requests: &[Request],
    store: &Store,
    seen: &Observation,
) -> anyhow::Result<Observation> {
    observe_with(
        project,
        requests,
        || store.keep_secret_key(),
        |graph, ignorefiles| {
            let known = &seen.contexts;
            let is_known = *ignorefiles == seen.snapshot.ignorefiles;
            scan_where(project, graph, store, |name, requested| {
                known.get(name).filter(|known| is_known && known.requested == *requested)
            })
        },
    )
}

/// Observes a project. `key` gives the key that seals what looks like a secret; it is asked for when all input is
/// known to be good.
///
/// # Errors
/// If BuildKit would refuse the Dockerfile, an ignore file or the request, or a file cannot be read.
pub(crate) fn observe(
    project: &Project,
    requests: &[Request],
    store: &Store,
    key: impl FnOnce() -> anyhow::Result<[u8; 32]>,
) -> anyhow::Result<Observation> {
    observe_with(project, requests, key, |graph, _| scan_contexts(project, graph, store))
}

/// Ignore files by the name of their context.
type Ignorefiles = BTreeMap<String, String>;

fn observe_with(
    project: &Project,
    requests: &[Request],
    key: impl FnOnce() -> anyhow::Result<[u8; 32]>,
    look: impl FnOnce(&BuildGraph, &Ignorefiles) -> anyhow::Result<Contexts>,
) -> anyhow::Result<Observation> {
    let source = project.dockerfile()?;
    let reading = read_dockerfile(&source.bytes, &source.shown.display().to_string(), requests)?;
    let Reading { graph, unknown_frontend, warnings } = reading;
    let named = project.local_contexts()?;
    let mut ignorefiles = Ignorefiles::new();
    for name in patterns(&graph).into_keys() {
        if let Some((_, Some(source))) = context_source(project, &named, &name) {
            ignorefiles.insert(name, String::from_utf8_lossy(&source.bytes).into_owned());
        }
    }
    let contexts = look(&graph, &ignorefiles)?;
    let (plain, images) = (lowered_plainly(&source.bytes, requests), known_images(&graph, requests));
    let snapshot = snapshot(&graph, plain.as_ref(), &contexts.iter().collect(), &key()?);
    let snapshot = Snapshot { ignorefiles, ..snapshot };
    Ok(Observation { graph, unknown_frontend, snapshot, contexts, plain, images, warnings })
}

/// The inputs of a build of these contexts; `plain` is the same build with nothing known of images.
fn snapshot(
    graph: &BuildGraph,
    plain: Option<&BuildGraph>,
    contexts: &BTreeMap<&String, &ObservedContext>,
    key: &[u8; 32],
) -> Snapshot {
    let sealer = Sealer::new(key);
    let views = contexts.iter().map(|(name, context)| ((*name).clone(), context.view.context.clone())).collect();
    let mut snapshot = Snapshot::take_spread(graph, &views, &sealer, spread);
    if let Some(plain) = plain {
        snapshot.note_assumed(plain, &sealer);
    }
    for (name, ObservedContext { view, .. }) in contexts {
        // A step that copies them gives them the mode which they have, not the one that it is keyed by.
        let is_mode = |stale: &&Stale| stale.what == Unnoticed::Mode;
        let folders = view.stale.iter().filter(is_mode).map(|stale| stale.path.clone()).collect();
        for step in unsettled::readers_of(&snapshot, name, &[&view.context], &folders) {
            snapshot.steps[step].record.writes = Writes::Anything;
        }
    }
    snapshot
}

/// Makes the operations of `n` vertices, on two threads where that takes longer than to wake the second.
fn spread(n: usize, make: &(dyn Fn(Range<usize>) -> Vec<Operation> + Sync)) -> Vec<Operation> {
    const N_WORTH_IT: usize = 500;
    if n < N_WORTH_IT {
        return make(0..n);
    }
    let (mut operations, others) = rayon::join(|| make(0..n / 2), || make(n / 2..n));
    operations.extend(others);
    operations
}

/// The images that a build reads, as far as that can be told with what is known of them: triggers of one may read
/// others.
pub(crate) fn images_read(project: &Project, requests: &[Request]) -> BTreeSet<ImageName> {
    let Ok(source) = project.dockerfile() else { return BTreeSet::new() };
    let graph = lowered(&source.bytes, requests).0;
    graph.images().map(|image| image.name.clone()).collect()
}

fn known_images(graph: &BuildGraph, requests: &[Request]) -> Vec<(ImageName, Image)> {
    let names: BTreeSet<&ImageName> = graph.images().map(|image| &image.name).collect();
    let known = |name: &ImageName| requests.iter().find_map(|request| request.images.get(name)).cloned();
    names.into_iter().filter_map(|name| Some((name.clone(), known(name)?))).collect()
}

/// The build with nothing known of images, where something is.
fn lowered_plainly(bytes: &[u8], requests: &[Request]) -> Option<BuildGraph> {
    let mut plain = requests.to_vec();
    plain.iter_mut().for_each(|request| request.images.clear());
    let (graph, is_whole) = if plain == requests { return None } else { lowered(bytes, &plain) };
    is_whole.then_some(graph)
}

/// What BuildKit would do, and whether it would at all.
fn lowered(bytes: &[u8], requests: &[Request]) -> (BuildGraph, bool) {
    let (dockerfile, _) = Dockerfile::parse(bytes);
    let (requests, _) = under_its_frontend(&dockerfile, requests);
    let profile = requests.first().map_or_else(EngineProfile::buildkit, |request| request.profile.clone());
    let targets: Vec<_> = requests.iter().map(|request| (&dockerfile, request)).collect();
    let (graph, diagnostics) = lower(&targets, &profile);
    (graph, diagnostics.is_empty())
}

/// What decides what [`observe`] would see: the contexts as far as a build asks for them, and the files that say so.
///
/// # Errors
/// If BuildKit would refuse the Dockerfile, an ignore file or the request.
pub(crate) fn subject(project: &Project, requests: &[Request]) -> anyhow::Result<Subject> {
    let source = project.dockerfile()?;
    let reading = read_dockerfile(&source.bytes, &source.shown.display().to_string(), requests)?;
    let named = project.local_contexts()?;
    let mut subject = Subject::default();
    for (name, patterns) in patterns(&reading.graph) {
        let Some((dir, source)) = context_source(project, &named, &name) else { continue };
        let requested = watcher::resolve_requested(&dir.root, patterns.into_iter().map(<[u8]>::to_vec));
        let watched = Watched { root: dir.root.clone(), ignorefile: ignorefile(source)?, requested };
        subject.contexts.insert(name, Arc::new(watched));
    }
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    subject.files = project.texts().map(absolute).collect();
    Ok(subject)
}

/// The stages that no other stage reads and a build can be asked for, in the order of the Dockerfile: by name, or by
/// number the last one if it has no name.
///
/// # Errors
/// If there is no Dockerfile.
pub(crate) fn leaves(project: &Project, requests: &[Request]) -> anyhow::Result<Vec<String>> {
    let source = project.dockerfile()?;
    let (dockerfile, _) = Dockerfile::parse(&source.bytes);
    let Some(request) = requests.first() else { return Ok(Vec::new()) };
    let named = dockerfile.stages.iter().filter_map(|stage| stage.name.as_ref().map(ToString::to_string));
    let of_stage = |stage: Option<String>| Request { stage, ..request.clone() };
    let each: Vec<Request> = named.map(Some).chain([None]).map(of_stage).collect();
    let (graph, _) = lowered(&source.bytes, &each);
    let is_read = |index: usize| {
        let others = graph.targets.iter().filter(|target| target.stage != index);
        others.into_iter().any(|target| target.stages.get(index).is_some_and(|stage| stage.used))
    };
    let last = dockerfile.stages.len().saturating_sub(1);
    let leaves = dockerfile.stages.iter().enumerate().filter(|(index, _)| !is_read(*index));
    Ok(leaves
        .filter_map(|(index, stage)| {
            let name = stage.name.as_ref().map(ToString::to_string);
            name.or_else(|| (index == last).then(|| index.to_string()))
        })
        .collect())
}

/// What BuildKit would do for a Dockerfile, and what it says of it.
///
/// # Errors
/// If BuildKit would refuse the Dockerfile or the request; `shown` is the file's name in the message.
pub(crate) fn read_dockerfile(bytes: &[u8], shown: &str, requests: &[Request]) -> anyhow::Result<Reading> {
    let (dockerfile, parsed) = Dockerfile::parse(bytes);
    let (requests, unknown_frontend) = under_its_frontend(&dockerfile, requests);
    let profile = requests.first().map_or_else(EngineProfile::buildkit, |request| request.profile.clone());
    let has_check = unknown_frontend.is_none() && profile.checks() && !bytes.is_empty();
    let argument = requests.first().and_then(|request| request.build_args.get(CHECK_ARG)).map(String::as_str);
    let check = has_check.then(|| Check::of(&dockerfile, argument)).transpose();
    let check = check.or_else(|refusal| refuse_dockerfile(&[refusal], &dockerfile, shown).map(|()| None))?;
    refuse_dockerfile(&parsed, &dockerfile, shown)?;
    let targets: Vec<_> = requests.iter().map(|request| (&dockerfile, request)).collect();
    let (graph, diagnostics) = lower(&targets, &profile);
    refuse_dockerfile(&diagnostics, &dockerfile, shown)?;
    let warnings = match check {
        Some(check) => warnings(&dockerfile, &parsed, &check, shown)?,
        None => Vec::new(),
    };
    Ok(Reading { graph, unknown_frontend, warnings })
}

/// The requests under the rules of the frontend that the Dockerfile asks for, and that frontend's image where nothing
/// is known of it.
fn under_its_frontend(dockerfile: &Dockerfile, requests: &[Request]) -> (Vec<Request>, Option<String>) {
    let mut requests = requests.to_vec();
    let mut unknown = None;
    for request in &mut requests {
        match frontend::of(dockerfile, request) {
            Frontend::Known(profile) => request.profile = profile,
            Frontend::Unknown(image) => unknown = Some(image),
        }
    }
    (requests, unknown)
}
