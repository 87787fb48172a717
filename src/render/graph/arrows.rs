//! Who takes what from whom. In go the build graph and the stages as they are drawn; out come the sources and an
//! arrow for each thing taken. Vertices that no instruction shows, such as the file of a here-document, pass on
//! what they take. A stage that is not needed has no vertices: of it only the text tells.

use std::collections::{BTreeMap, BTreeSet};

use planner::context::{BuildContext, ContextPath};
use planner::dockerfile::mount;
use planner::explanation::{Reads, reads};
use planner::graph::{self, BuildGraph, Op, TargetGraph, Vertex};
use planner::secret::mask;
use planner::selector::Selector;

use super::{Arrow, ArrowKind, Source, SourceKind, StageBox, StepBox};

/// Finds the sources, in the order of first use, and the arrows.
pub(super) fn find(
    graph: &BuildGraph,
    views: &BTreeMap<String, BuildContext>,
    stages: &[StageBox<'_>],
) -> (Vec<Source>, Vec<Arrow>) {
    let vertices = graph.vertices().map(|(_, vertex)| vertex).collect();
    let mut finding = Finding { vertices, views, sources: Vec::new(), arrows: Vec::new(), taken: BTreeMap::new() };
    for target in &graph.targets {
        let of_target: Vec<&StageBox<'_>> = stages.iter().filter(|stage| stage.target == target.name).collect();
        for (index, stage) in of_target.iter().enumerate() {
            finding.stage(target, &of_target, index, stage);
        }
    }
    for source in &mut finding.sources {
        source.reads = finding.taken.get(&source.name).filter(|_| source.kind == SourceKind::Context).map(sum);
    }
    (finding.sources, finding.arrows)
}

fn sum(files: &BTreeMap<ContextPath, u64>) -> Reads {
    Reads { files: files.len(), bytes: files.values().sum() }
}

struct Finding<'a> {
    vertices: Vec<&'a Vertex>,
    views: &'a BTreeMap<String, BuildContext>,
    sources: Vec<Source>,
    arrows: Vec<Arrow>,
    /// The files that steps take of each context.
    taken: BTreeMap<String, BTreeMap<ContextPath, u64>>,
}

/// A step in its stage, among all of the target.
struct Taker<'a> {
    target: &'a TargetGraph,
    stages: &'a [&'a StageBox<'a>],
    /// The index of its stage.
    stage: usize,
    step: &'a StepBox<'a>,
    /// The vertex it continues.
    before: Option<usize>,
}

impl Finding<'_> {
    fn stage(&mut self, target: &TargetGraph, stages: &[&StageBox<'_>], index: usize, stage: &StageBox<'_>) {
        let (Some(first), Some(own)) = (stage.steps.first(), target.stages.get(index)) else { return };
        let before = first.report.placed.step.map_or(own.result.map(|result| result.index()), |_| self.base(first));
        let base = own.base_stage.filter(|base| !own.used || target.stages[*base].used);
        let exit = base.and_then(|base| stages.get(base)?.steps.last()).map(|last| last.id.clone());
        let from = exit.or_else(|| match before {
            Some(vertex) => self.source(vertex),
            None if own.used || own.base == "scratch" => None,
            None => Some(self.named(SourceKind::Image, familiar(&own.base))),
        });
        if let Some(from) = from {
            self.arrow(from, first, ArrowKind::From, None);
        }
        for pair in stage.steps.windows(2) {
            self.arrow(pair[0].id.clone(), &pair[1], ArrowKind::Next, None);
        }
        for step in &stage.steps {
            let before = self.base(step);
            self.take(&Taker { target, stages, stage: index, step, before });
        }
    }

    /// The vertex that a step continues.
    fn base(&self, step: &StepBox<'_>) -> Option<usize> {
        let vertex = self.vertices.get(step.report.placed.link.or(step.report.placed.step)?)?;
        let bases = vertex.inputs.iter().filter(|input| input.reads == graph::Reads::Base);
        bases.map(|input| input.from.index()).next()
    }

    /// The arrows to a step from other stages and from sources.
    fn take(&mut self, taker: &Taker<'_>) {
        let Some(step) = taker.step.report.placed.step else {
            if !taker.target.stages[taker.stage].used {
                self.take_by_name(taker);
            }
            return;
        };
        let vertex = self.vertices[step];
        for input in &vertex.inputs {
            if let graph::Reads::Content(selectors) = &input.reads {
                self.take_from(taker, input.from.index(), selectors);
            }
        }
    }

    fn take_by_name(&mut self, taker: &Taker<'_>) {
        for stage in taker.named() {
            if let Some(last) = taker.stages[stage].steps.last() {
                self.arrow(last.id.clone(), taker.step, taker.kind(), None);
            }
        }
    }

    fn take_from(&mut self, taker: &Taker<'_>, vertex: usize, selectors: &[Selector]) {
        if let Some(last) = taker.maker(vertex, self.vertices[vertex]) {
            return self.arrow(last.id.clone(), taker.step, taker.kind(), None);
        }
        let read = self.vertices[vertex];
        match &read.op {
            // Its own file system, looked at through a mount.
            _ if taker.before == Some(vertex) && !matches!(read.op, Op::Image(_)) => {}
            Op::Exec(_) | Op::File(_) | Op::Merge => {
                for input in &read.inputs {
                    let selectors = match &input.reads {
                        graph::Reads::Content(selectors) => selectors.as_slice(),
                        graph::Reads::Base => &[],
                    };
                    self.take_from(taker, input.from.index(), selectors);
                }
            }
            Op::Context(name) => {
                let files = self.views.get(name).map(|context| reads::files(selectors, context)).unwrap_or_default();
                let amount = sum(&files);
                self.taken.entry(name.clone()).or_default().extend(files);
                let from = self.named(SourceKind::Context, name.clone());
                self.arrow(from, taker.step, taker.kind(), Some(amount));
            }
            Op::Image(_) | Op::Remote(_) => {
                if let Some(from) = self.source(vertex) {
                    self.arrow(from, taker.step, taker.kind(), None);
                }
            }
        }
    }

    /// The id of a source; `None` if the vertex is none.
    fn source(&mut self, vertex: usize) -> Option<String> {
        let (kind, name) = match &self.vertices.get(vertex)?.op {
            Op::Image(image) => (SourceKind::Image, familiar(&mask(&image.name.reference))),
            Op::Context(name) => (SourceKind::Context, name.clone()),
            Op::Remote(address) => (SourceKind::Remote, mask(address)),
            Op::Exec(_) | Op::File(_) | Op::Merge => return None,
        };
        Some(self.named(kind, name))
    }

    fn named(&mut self, kind: SourceKind, name: String) -> String {
        let id = format!("{}:{name}", kind.name());
        if !self.sources.iter().any(|source| source.id == id) {
            self.sources.push(Source { id: id.clone(), kind, name, reads: None });
        }
        id
    }

    /// Adds an arrow, or to the one that is there already.
    fn arrow(&mut self, from: String, to: &StepBox<'_>, kind: ArrowKind, reads: Option<Reads>) {
        let is_same = |arrow: &&mut Arrow| arrow.from == from && arrow.to == to.id && arrow.kind == kind;
        match self.arrows.iter_mut().find(is_same) {
            Some(Arrow { reads: Some(known), .. }) => {
                let more = reads.unwrap_or_default();
                known.files += more.files;
                known.bytes += more.bytes;
            }
            Some(_) => {}
            None => self.arrows.push(Arrow { from, to: to.id.clone(), kind, reads }),
        }
    }
}

impl<'a> Taker<'a> {
    fn kind(&self) -> ArrowKind {
        if self.step.report.placed.keyword == "RUN" { ArrowKind::Mount } else { ArrowKind::Copy }
    }

    /// The last step of the stage that ends with a vertex. Where several do, for BuildKit they are one; the one that
    /// the text names is meant. A stage that adds nothing to a source is meant only if it is named.
    fn maker(&self, vertex: usize, made: &Vertex) -> Option<&'a StepBox<'a>> {
        let named = self.named();
        let ends_so = |index: &usize| {
            let stage = &self.target.stages[*index];
            stage.used && *index != self.stage && stage.result.is_some_and(|result| result.index() == vertex)
        };
        let makers: Vec<usize> = (0..self.target.stages.len()).filter(ends_so).collect();
        let is_source = matches!(made.op, Op::Image(_) | Op::Context(_) | Op::Remote(_));
        let meant = makers.iter().find(|index| named.contains(index));
        let maker = meant.or(makers.first().filter(|_| !is_source && self.before != Some(vertex)))?;
        self.stages.get(*maker)?.steps.last()
    }

    /// The stages that the instruction's text names after `from=`.
    fn named(&self) -> BTreeSet<usize> {
        let words = self.step.report.placed.text.split_whitespace();
        let names = words.filter_map(|word| match word.strip_prefix("--from=") {
            Some(name) => Some(name.to_owned()),
            None => mount::from(word.strip_prefix("--mount=")?),
        });
        let index = |name: String| {
            let named =
                |stage: &graph::StageGraph| stage.name.as_ref().is_some_and(|other| other.eq_ignore_ascii_case(&name));
            // Of two stages of one name the later one counts.
            let by_name = self.target.stages.iter().rposition(named);
            by_name.or_else(|| name.parse().ok().filter(|index| *index < self.target.stages.len()))
        };
        names.filter_map(index).collect()
    }
}

/// An image as people write it.
fn familiar(reference: &str) -> String {
    let short = reference.strip_prefix("docker.io/").unwrap_or(reference);
    short.strip_prefix("library/").unwrap_or(short).to_owned()
}
