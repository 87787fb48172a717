//! Reads stages: the Dockerfile is lowered for every stage that can be built, and the vertices are told as steps. In go
//! a Dockerfile and its surroundings, out come [`StageSteps`].

use std::collections::{BTreeMap, BTreeSet};

use super::left_out;
use super::written::{Entry, Region, Written, of_context};
use super::{Act, Copied, Origin, RunStep, StageSteps, Step, Surroundings};
use crate::diagnostic::{Diagnostic, Severity};
use crate::dockerfile::Dockerfile;
use crate::glob;
use crate::graph::lower::{MAIN_CONTEXT, lower};
use crate::graph::stage_state::clean;
use crate::graph::{BuildGraph, CopyAction, FileAction, Op, Placed, Reads, StageGraph, Vertex, VertexId};
use crate::known_command;
use crate::known_command::visible::Visible;
use crate::request::Request;

pub(super) fn read(dockerfile: &Dockerfile, around: Surroundings<'_>) -> Result<Vec<StageSteps>, Diagnostic> {
    let requests = requests(dockerfile, around.request);
    let targets: Vec<_> = requests.iter().map(|request| (dockerfile, request)).collect();
    let (graph, diagnostics) = lower(&targets, &around.request.profile);
    if let Some(error) = diagnostics.into_iter().find(|one| one.severity == Severity::Error) {
        return Err(error);
    }
    let mut reader = Reader { dockerfile, around, graph: &graph, results: BTreeMap::new(), finished: BTreeMap::new() };
    let read = (0..dockerfile.stages.len()).map(|index| reader.stage(index)).collect();
    Ok(read)
}

/// One request for each stage that can be asked for.
fn requests(dockerfile: &Dockerfile, request: &Request) -> Vec<Request> {
    let names: BTreeSet<String> =
        dockerfile.stages.iter().filter_map(|stage| stage.name.as_ref().map(ToString::to_string)).collect();
    let of_stage = |stage: Option<String>| Request { stage, ..request.clone() };
    std::iter::once(None).chain(names.into_iter().map(Some)).map(of_stage).collect()
}

/// What a stage ends with.
#[derive(Clone)]
struct Finished<'a> {
    visible: Visible<'a>,
    folders: BTreeSet<String>,
}

struct Reader<'a> {
    dockerfile: &'a Dockerfile,
    around: Surroundings<'a>,
    graph: &'a BuildGraph,
    /// The stage that ends with a vertex.
    results: BTreeMap<VertexId, usize>,
    finished: BTreeMap<usize, Finished<'a>>,
}

impl<'a> Reader<'a> {
    fn stage(&mut self, index: usize) -> StageSteps {
        let graph = self.graph;
        let found = graph.targets.iter().filter_map(|target| target.stages.get(index)).find(|stage| stage.used);
        let nothing = || Finished { visible: Visible::new(self.around.manifests), folders: BTreeSet::new() };
        let Some(stage) = found else {
            self.finished.insert(index, nothing());
            return StageSteps { index, base: None, image: String::new(), steps: Vec::new(), is_read: false };
        };
        let mut state = stage.base_stage.and_then(|base| self.finished.get(&base)).cloned().unwrap_or_else(nothing);
        let steps = self.steps(index, stage, &mut state);
        if let Some(result) = stage.result {
            self.results.entry(result).or_insert(index);
        }
        self.finished.insert(index, state);
        StageSteps { index, base: stage.base_stage, image: stage.base.clone(), steps, is_read: true }
    }

    fn steps(&self, index: usize, stage: &StageGraph, state: &mut Finished<'a>) -> Vec<Step> {
        let first = self.dockerfile.stages[index].body.start;
        let n_triggers = stage.instructions.iter().filter(|placed| placed.trigger).count();
        let below_from = stage.instructions.iter().skip(1).enumerate();
        let step = |(at, placed): (usize, &std::sync::Arc<Placed>)| Step {
            instruction: at.checked_sub(n_triggers).map(|own| first + own),
            line: placed.line,
            act: self.act(placed, state),
            variables: placed.variables.iter().map(|(name, used)| (name.clone(), used.value.clone())).collect(),
        };
        below_from.map(step).collect()
    }

    fn act(&self, placed: &Placed, state: &mut Finished<'a>) -> Act {
        let Some(id) = placed.step.and_then(|step| self.graph.id(step)) else { return Act::None };
        let vertex = self.graph.vertex(id);
        match &vertex.op {
            Op::Exec(exec) => {
                let content = |input: &crate::graph::Input| match &input.reads {
                    Reads::Content(selectors) => Some((self.origin(input.from), selectors.clone())),
                    Reads::Base => None,
                };
                let mounts = vertex.inputs.iter().filter_map(content).collect();
                let known_command::Reading { whole: effect, parts, undivided } =
                    known_command::read_in_parts(exec, &state.visible);
                let installs_from = left_out::source(&effect, &state.visible);
                let missing = left_out::missing(&effect, &state.visible);
                let Surroundings { context, manifests, .. } = self.around;
                let left_out = left_out::find(exec, &effect, &state.visible, context, manifests);
                state.visible.run(&effect);
                let exec = (**exec).clone();
                Act::Run(Box::new(RunStep {
                    vertex: id.index(),
                    exec,
                    mounts,
                    effect,
                    parts,
                    undivided,
                    installs_from,
                    missing,
                    left_out,
                }))
            }
            Op::File(actions) => self.file(actions, vertex, state),
            _ => Act::None,
        }
    }

    fn file(&self, actions: &[FileAction], vertex: &Vertex, state: &mut Finished<'a>) -> Act {
        let mut copies = Vec::new();
        for action in actions {
            match action {
                FileAction::Copy(copy) => {
                    let copied = self.copied(copy, vertex, state);
                    for region in &copied.written.regions {
                        match region {
                            Region::Below(path) | Region::Named(path, _) => state.visible.blur(path),
                        }
                    }
                    for (path, from) in &copied.written.changed {
                        state.visible.put(path, from.clone(), false);
                    }
                    for (path, entry) in &copied.written.entries {
                        if entry.is_folder {
                            state.folders.insert(path.clone());
                        } else {
                            state.visible.put(path, entry.from.clone(), true);
                        }
                    }
                    copies.push(copied);
                }
                FileAction::Mkdir { path, .. } => {
                    state.folders.insert(clean(path));
                    return Act::Folder(clean(path));
                }
                FileAction::Mkfile { .. } => {}
            }
        }
        Act::Copy(copies)
    }

    fn copied(&self, copy: &CopyAction, vertex: &Vertex, state: &Finished<'a>) -> Copied {
        let origin = vertex.inputs.get(copy.input).map_or(Origin::Unclear, |input| self.origin(input.from));
        let is_folder =
            |path: &str| state.folders.contains(path) || state.visible.below(path).any(|below| below != path);
        let written = match &origin {
            Origin::Context(name) if name == MAIN_CONTEXT && !(copy.unpack && may_unpack(&copy.selector)) => {
                of_context(&copy.selector, self.around.context, &copy.dest, &is_folder)
            }
            Origin::Stage(stage) => self.of_stage(*stage, copy, &is_folder),
            _ => Written::somewhere(&copy.dest),
        };
        let CopyAction { selector, dest, owner, mode, unpack, .. } = copy.clone();
        Copied { origin, selector, dest, owner, mode, unpack, written }
    }

    /// What a copy from a stage writes, as far as that stage holds files of the context.
    fn of_stage(&self, stage: usize, copy: &CopyAction, is_folder: &dyn Fn(&str) -> bool) -> Written {
        let Some(finished) = self.finished.get(&stage) else { return Written::somewhere(&copy.dest) };
        let Some((folder, name)) = copy.selector.path.rsplit_once('/') else {
            return Written::somewhere(&copy.dest);
        };
        let is_plain = copy.selector.include.is_empty() && copy.selector.exclude.is_empty();
        let is_deep = glob::has_wildcard(folder.as_bytes());
        let into = copy.dest.ends_with('/') || copy.dest.ends_with("/.") || is_folder(&clean(&copy.dest));
        let dest = clean(&copy.dest);
        let is_match = |path: &&str| {
            let below = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
            below.is_some_and(|below| {
                let is_it = || glob::matches(name.as_bytes(), below.as_bytes()).unwrap_or(false);
                if copy.selector.wildcard { !below.contains('/') && is_it() } else { below == name }
            })
        };
        let found: Vec<&str> =
            finished.visible.below(if folder.is_empty() { "/" } else { folder }).filter(is_match).collect();
        if !is_plain || is_deep || !into || found.is_empty() {
            return Written::somewhere(&copy.dest);
        }
        let mut written = Written::default();
        for path in &found {
            let target = clean(&format!("{dest}/{}", path.rsplit('/').next().unwrap_or_default()));
            match finished.visible.origin(path) {
                // What the stage's steps made of it decides; that it is a file is enough to know its place.
                Some(from) => {
                    let digest = crate::digest::Hasher::new("of a stage").number(stage as u64).text(path).finish();
                    written.entries.insert(target, Entry { digest, from: from.clone(), is_folder: false });
                }
                None => {
                    let from = finished.visible.lineage(path).cloned();
                    written.changed.extend(from.map(|from| (target.clone(), from)));
                    written.regions.push(Region::Below(target));
                }
            }
        }
        if copy.selector.wildcard {
            written.regions.push(Region::Named(dest, name.to_owned()));
        }
        written
    }

    fn origin(&self, vertex: VertexId) -> Origin {
        if let Some(stage) = self.results.get(&vertex) {
            return Origin::Stage(*stage);
        }
        match &self.graph.vertex(vertex).op {
            Op::Context(name) => Origin::Context(name.clone()),
            Op::Image(image) => Origin::Image(format!("{} {}", image.name.reference, image.name.platform)),
            Op::Remote(address) => Origin::Remote(address.clone()),
            Op::File(actions) => match &actions[..] {
                [made @ FileAction::Mkfile { .. }] => Origin::Inline(format!("{made:?}")),
                _ => Origin::Unclear,
            },
            Op::Exec(_) | Op::Merge => Origin::Unclear,
        }
    }
}

/// Whether an `ADD` may find an archive: BuildKit unpacks sources that are files, whatever they are called; what lies in a
/// folder is copied.
fn may_unpack(selector: &crate::selector::Selector) -> bool {
    let name = selector.path.rsplit('/').next().unwrap_or_default();
    let plain = [
        "json", "txt", "toml", "lock", "yaml", "yml", "js", "ts", "py", "rb", "go", "mod", "sum", "md", "xml", "sh",
        "conf",
    ];
    let is_plain = name.rsplit_once('.').is_some_and(|(_, end)| plain.contains(&end));
    selector.path != "/" && !is_plain
}
