//! What a build would be made from, seen now: the Dockerfile parsed and lowered, the contexts scanned as far as the
//! build asks for them and seen as the engine will see them, and the [`Snapshot`] of it all. In go a project, a
//! request and the store; the only thing written is the stat cache. It does not predict.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use planner::cache_key::Sealer;
use planner::context::{BuildContext, Stamped};
use planner::dockerfile::Dockerfile;
use planner::dockerfile::check::{CHECK_ARG, Check};
use planner::engine_profile::EngineProfile;
use planner::graph::BuildGraph;
use planner::graph::lower::{MAIN_CONTEXT, lower};
use planner::history::DEFAULT_BUILDER;
use planner::hypothesis;
use planner::ignorefile::Ignorefile;
use planner::image::{Image, ImageName};
use planner::request::Request;
use planner::requested::Requested;
use planner::snapshot::{Operation, Snapshot};
use planner::transfer::{self, View};
use watcher::{ScanError, Subject, Watched};

use crate::fault::Fault;
use crate::frontend::{self, Frontend};
use crate::intake;
use crate::project::{ContextDir, IgnoreSource, LocalContext, Project};
use crate::refusal::{Warning, refuse_dockerfile, refuse_ignorefile, warnings};
use crate::scanning;
use crate::store::Store;

/// Everything that is known before a prediction.
pub(crate) struct Observation {
    /// The frontend's image, where nothing is known of it.
    pub(crate) unknown_frontend: Option<String>,
    /// The inputs of the build.
    pub(crate) snapshot: Snapshot,
    /// The contexts that are read, by name.
    pub(crate) contexts: BTreeMap<String, ObservedContext>,
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

/// One context, scanned.
pub(crate) struct ObservedContext {
    /// As it is on disk, as far as the build asks for it.
    pub(crate) now: Stamped,
    /// As the engine will see it.
    pub(crate) view: View,
    /// What the build asks for.
    pub(crate) requested: Requested,
    /// Under which name the engine keeps its copy.
    pub(crate) sent_name: String,
    /// What of it the engine has after the build.
    pub(crate) receipt: Receipt,
}

/// What an engine has received of a context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Receipt {
    /// All that the build asked for.
    Whole,
    /// Nobody can say how much.
    Partial,
    /// Nothing: it has what it had.
    Nothing,
}

impl ObservedContext {
    /// Sees it as an engine that last received `sent` of it.
    pub(crate) fn see(&mut self, sent: Option<&Stamped>) {
        self.view = view(sent, &self.now);
    }

    /// What the engine holds after the build, by the name of its copy.
    pub(crate) fn after(&self) -> Stamped {
        transfer::after(&self.view, &self.now, &self.requested)
    }
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
    pub(crate) fn snapshot_with(&self, later: &BTreeMap<String, ObservedContext>, key: &[u8; 32]) -> Snapshot {
        let sealer = Sealer::new(key);
        let contexts = self.contexts.iter().map(|(name, context)| {
            let context = later.get(name).unwrap_or(context);
            (name.clone(), context.view.context.clone())
        });
        let mut snapshot = Snapshot::take_spread(&self.graph, &contexts.collect(), &sealer, spread);
        if let Some(plain) = &self.plain {
            snapshot.note_assumed(plain, &sealer);
        }
        snapshot
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

/// The folder and the ignore file of a context that is read.
pub(crate) fn context_source<'a>(
    project: &'a Project,
    named: &'a BTreeMap<String, LocalContext>,
    name: &str,
) -> Option<(&'a ContextDir, Option<&'a IgnoreSource>)> {
    if name == MAIN_CONTEXT {
        return Some((&project.context, project.ignorefile.as_ref()));
    }
    named.get(name).map(|context| (&context.dir, context.ignorefile.as_ref()))
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
    let source = project.dockerfile()?;
    let reading = read_dockerfile(&source.bytes, &source.shown.display().to_string(), requests)?;
    let Reading { graph, unknown_frontend, warnings } = reading;
    let named = project.local_contexts()?;
    let mut ignorefiles = BTreeMap::new();
    for name in patterns(&graph).into_keys() {
        if let Some((_, Some(source))) = context_source(project, &named, &name) {
            ignorefiles.insert(name, String::from_utf8_lossy(&source.bytes).into_owned());
        }
    }
    let contexts = scan_contexts(project, &graph, store)?;
    let (plain, images) = (lowered_plainly(&source.bytes, requests), known_images(&graph, requests));
    let key = key()?;
    let sealer = Sealer::new(&key);
    let views = contexts.iter().map(|(name, context)| (name.clone(), context.view.context.clone())).collect();
    let mut snapshot = Snapshot { ignorefiles, ..Snapshot::take_spread(&graph, &views, &sealer, spread) };
    if let Some(plain) = &plain {
        snapshot.note_assumed(plain, &sealer);
    }
    Ok(Observation { graph, unknown_frontend, snapshot, contexts, plain, images, warnings })
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

/// The contexts that a build reads, as they are now.
///
/// # Errors
/// If a file or an ignore file cannot be read.
pub(crate) fn scan_contexts(
    project: &Project,
    graph: &BuildGraph,
    store: &Store,
) -> anyhow::Result<BTreeMap<String, ObservedContext>> {
    let named = project.local_contexts()?;
    let mut contexts = BTreeMap::new();
    for (name, patterns) in patterns(graph) {
        let Some((dir, ignorefile)) = context_source(project, &named, &name) else { continue };
        let requested = watcher::resolve_requested(&dir.root, patterns.into_iter().map(<[u8]>::to_vec));
        let context = scan(&project.builder, &name, dir, ignorefile, requested, store)?;
        contexts.insert(name, context);
    }
    Ok(contexts)
}

/// All of the main context, whatever a build asks for.
///
/// # Errors
/// If a file or the ignore file cannot be read.
pub(crate) fn whole_context(project: &Project, store: &Store) -> anyhow::Result<ObservedContext> {
    let (source, everything) = (project.ignorefile.as_ref(), Requested::everything());
    scan(&project.builder, MAIN_CONTEXT, &project.context, source, everything, store)
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

/// The source paths that a build asks for, each once, by context.
pub(crate) fn patterns(graph: &BuildGraph) -> BTreeMap<String, BTreeSet<&[u8]>> {
    let mut patterns: BTreeMap<String, BTreeSet<&[u8]>> = BTreeMap::new();
    for (name, paths) in graph.targets.iter().flat_map(|target| &target.requested) {
        patterns.entry(name.clone()).or_default().extend(paths.iter().map(|path| path.as_bytes()));
    }
    patterns
}

/// The rules of an ignore file; those of none ignore nothing.
///
/// # Errors
/// If BuildKit would refuse the file.
pub(crate) fn ignorefile(source: Option<&IgnoreSource>) -> anyhow::Result<Ignorefile> {
    let Some(source) = source else { return Ok(Ignorefile::default()) };
    let (ignorefile, diagnostics) = Ignorefile::parse(&source.bytes);
    refuse_ignorefile(&diagnostics, &source.bytes, &source.name.display().to_string())?;
    Ok(ignorefile)
}

/// Under which name a builder keeps its copy of a context.
fn sent_name(builder: &str, name: &str, dir: &ContextDir) -> String {
    let of_builder = if builder == DEFAULT_BUILDER { String::new() } else { format!("{builder}\n") };
    format!("{of_builder}{name} {}", dir.base_name())
}

fn scan(
    builder: &str,
    name: &str,
    dir: &ContextDir,
    source: Option<&IgnoreSource>,
    requested: Requested,
    store: &Store,
) -> anyhow::Result<ObservedContext> {
    let cache_path = store.stat_cache_path(&dir.root);
    let remembered = scanning::remembered(store.trust(), &cache_path);
    let rules = ignorefile(source)?;
    let scan = scanning::scan(store.trust(), &dir.root, &rules, &requested, &remembered)?.map_err(scan_fault)?;
    // Without its cache the next scan is slower, and says the same.
    let save = || store.create_parent(&cache_path).and_then(|()| Ok(scan.cache.save(&cache_path)?));
    if scan.is_worth_keeping(&remembered)
        && let Err(error) = save()
    {
        store.warn(format!("cannot keep what is known of unchanged files: {error:#}"));
    }
    let now = scan.stamped;
    let sent_name = sent_name(builder, name, dir);
    let view = view(store.sent(&sent_name, &now.context)?.as_ref(), &now);
    Ok(ObservedContext { now, view, requested, sent_name, receipt: Receipt::Whole })
}

/// A context as an engine will see it that last received `sent` of it.
fn view(sent: Option<&Stamped>, now: &Stamped) -> View {
    sent.map_or_else(|| View { context: now.context.clone(), stale: Vec::new() }, |sent| transfer::view(sent, now))
}

/// A file that cannot be read fails docker's build, too; the hint says what helps.
pub(crate) fn scan_fault(error: ScanError) -> anyhow::Error {
    match &error {
        ScanError::Unreadable { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
            let fault = Fault::new(format!("cannot read `{}`: {}", path.display(), intake::reason(source)));
            fault.with_hint("make it readable for you, or list it in .dockerignore").into()
        }
        _ => error.into(),
    }
}
