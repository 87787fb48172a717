//! The contexts that a build reads: which they are, where they lie, and what stands in them now. In go a project and its
//! graph, out come contexts as scanned, beside what the engine last received of them. Nothing is recorded here but what
//! is known of unchanged files.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use planner::context::Stamped;
use planner::graph::BuildGraph;
use planner::graph::lower::MAIN_CONTEXT;
use planner::history::DEFAULT_BUILDER;
use planner::ignorefile::Ignorefile;
use planner::requested::Requested;
use planner::transfer::{self, View};
use watcher::ScanError;

use crate::fault::Fault;
use crate::intake;
use crate::project::{ContextDir, IgnoreSource, LocalContext, Project};
use crate::refusal::refuse_ignorefile;
use crate::scanning;
use crate::store::Store;

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

    /// The same files, as an engine will see them that has received what is recorded now.
    fn seen_anew(&self, store: &Store) -> anyhow::Result<Self> {
        let (now, requested, sent_name) = (self.now.clone(), self.requested.clone(), self.sent_name.clone());
        let view = view(store.sent(&sent_name, &now.context)?.as_ref(), &now);
        Ok(Self { now, view, requested, sent_name, receipt: Receipt::Whole })
    }

    /// What the engine holds after the build, by the name of its copy.
    pub(crate) fn after(&self) -> Stamped {
        transfer::after(&self.view, &self.now, &self.requested)
    }
}

/// Contexts by name.
pub(crate) type Contexts = BTreeMap<String, ObservedContext>;

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

/// The contexts that a build reads, as they are now.
///
/// # Errors
/// If a file or an ignore file cannot be read.
pub(crate) fn scan_contexts(project: &Project, graph: &BuildGraph, store: &Store) -> anyhow::Result<Contexts> {
    scan_where(project, graph, store, |_, _| None)
}

/// The contexts that a build reads, as they are now, save those that are `known`.
pub(super) fn scan_where<'a>(
    project: &Project,
    graph: &BuildGraph,
    store: &Store,
    known: impl Fn(&str, &Requested) -> Option<&'a ObservedContext>,
) -> anyhow::Result<Contexts> {
    let named = project.local_contexts()?;
    let mut contexts = Contexts::new();
    for (name, patterns) in patterns(graph) {
        let Some((dir, ignorefile)) = context_source(project, &named, &name) else { continue };
        let requested = watcher::resolve_requested(&dir.root, patterns.into_iter().map(<[u8]>::to_vec));
        let context = match known(&name, &requested) {
            Some(known) => known.seen_anew(store)?,
            None => scan(&project.builder, &name, dir, ignorefile, requested, store)?,
        };
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
