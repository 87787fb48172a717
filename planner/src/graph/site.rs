//! What lowering works on: the graph that grows, the stage it is in, and the one instruction at hand.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};

use petgraph::graph::{DiGraph, NodeIndex};

use super::blame::place_of;
use super::stage_state::StageState;
use super::stages::Stages;
use super::{ImageSource, Input, Op, Placed, Reads, Used, Vertex, VertexId, reference};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::expand::{ExpandError, Expanded, Expander};
use crate::dockerfile::{Dockerfile, Instruction};
use crate::image::{Image, ImageName};
use crate::request::{NamedContext, Request};

/// The name of the main build context among the contexts of a plan.
pub const MAIN_CONTEXT: &str = "context";

/// Adds vertices, each kind once.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) graph: DiGraph<Vertex, ()>,
    /// Vertices by a hash of what tells most of them apart: a copy of that as a key would cost as much as the graph.
    known: HashMap<u64, Vec<VertexId>>,
    hasher: RandomState,
}

impl Builder {
    /// BuildKit counts operations by their content (client/llb, `mergeMetadata`): where one of several equal ones is to
    /// run whatever the cache holds, all are.
    pub(super) fn add(&mut self, vertex: Vertex) -> VertexId {
        let hash = self.hash(&vertex);
        let alike = self.known.entry(hash).or_default();
        for id in alike.iter() {
            let known = &mut self.graph[NodeIndex::new(id.0)];
            if known.op == vertex.op && known.inputs == vertex.inputs {
                known.ignore_cache |= vertex.ignore_cache;
                return *id;
            }
        }
        let inputs: Vec<VertexId> = vertex.inputs.iter().map(|input| input.from).collect();
        let node = self.graph.add_node(vertex);
        for from in inputs {
            self.graph.add_edge(NodeIndex::new(from.0), node, ());
        }
        let id = VertexId(node.index());
        alike.push(id);
        id
    }

    /// Of a command its environment and its like are left out: they are long, and seldom tell two commands apart.
    fn hash(&self, vertex: &Vertex) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        vertex.inputs.iter().for_each(|input| input.from.hash(&mut hasher));
        match &vertex.op {
            Op::Exec(exec) => exec.args.hash(&mut hasher),
            op => op.hash(&mut hasher),
        }
        hasher.finish()
    }

    pub(super) fn source(&mut self, op: Op) -> VertexId {
        self.add(Vertex { op, inputs: Vec::new(), ignore_cache: false })
    }
}

/// A stage whose instructions are being lowered.
pub(super) struct Lowering<'a> {
    pub(super) dockerfile: &'a Dockerfile,
    pub(super) request: &'a Request,
    pub(super) globals: BTreeMap<String, String>,
    pub(super) stages: &'a Stages<'a>,
    pub(super) reached: &'a BTreeSet<usize>,
    pub(super) builder: &'a mut Builder,
    pub(super) epoch: Option<i64>,
    /// The states that finished stages ended with.
    pub(super) finished: BTreeMap<usize, StageState>,
    pub(super) requested: BTreeMap<String, Vec<String>>,
}

/// One instruction in the course of lowering.
pub(super) struct Site<'a> {
    pub(super) instruction: &'a Instruction,
    /// The text that the instruction's spans point into; none for a trigger, which stands elsewhere.
    pub(super) text: Option<&'a str>,
    pub(super) stage: usize,
    pub(super) state: &'a mut StageState,
    pub(super) placed: &'a mut Placed,
    pub(super) ignore_cache: bool,
    pub(super) escape: char,
}

impl Site<'_> {
    /// An error about the instruction.
    pub(super) fn error(&self, message: impl Into<String>) -> Diagnostic {
        self.error_at("", message)
    }

    /// An error about one value of the instruction.
    pub(super) fn error_at(&self, value: &str, message: impl Into<String>) -> Diagnostic {
        let place = self.text.map(|text| place_of(self.instruction, text, value));
        Diagnostic::error(message, Some(self.instruction.line), place)
    }

    /// An error about bytes that are not UTF-8.
    pub(super) fn not_utf8(&self, message: &str) -> Diagnostic {
        self.error(message).with_hint("save the Dockerfile as UTF-8")
    }

    /// Expands a word and notes the variables it used.
    pub(super) fn expand(&mut self, word: &str) -> Result<String, Diagnostic> {
        let scope = |name: &str| self.state.variable(name).map(str::to_owned);
        let expanded = Expander::new(self.escape, &scope).expand_noting(word);
        self.noted(word, expanded)
    }

    /// Expands the body of a here-document, where quotes are literal and the backslash always escapes.
    pub(super) fn expand_body(&mut self, body: &str) -> Result<String, Diagnostic> {
        let scope = |name: &str| self.state.variable(name).map(str::to_owned);
        let expanded = Expander::for_heredoc(&scope).expand_noting(body);
        self.noted("<<", expanded)
    }

    /// `written` is what the error blames.
    fn noted(&mut self, written: &str, expanded: Result<Expanded, ExpandError>) -> Result<String, Diagnostic> {
        let expanded = expanded.map_err(|error| self.error_at(written, error.in_full()))?;
        for name in expanded.used {
            let variable = self.state.env.iter().find(|variable| variable.name == name);
            let value = variable.map(|variable| variable.value.clone()).unwrap_or_default();
            let from_arg = variable.is_none_or(|variable| variable.from_arg);
            self.placed.variables.insert(name, Used { value, from_arg });
        }
        Ok(expanded.text)
    }
}

impl<'a> Lowering<'a> {
    /// An image, or the build context that replaces it.
    pub(super) fn image(&mut self, name: &str, platform: &str) -> Result<(VertexId, Image), String> {
        let reference = reference::normalize(name)?;
        if let Some((key, context)) = self.replacement(name) {
            return self.named_context(key, context, platform);
        }
        Ok(self.known_image(reference, platform))
    }

    /// The named build context that replaces an image.
    pub(super) fn replacement(&self, image: &str) -> Option<(&'a String, &'a NamedContext)> {
        let familiar = reference::familiar(image);
        self.request.contexts.iter().find(|(key, _)| reference::familiar(key) == familiar)
    }

    pub(super) fn named_context(
        &mut self,
        name: &str,
        context: &NamedContext,
        platform: &str,
    ) -> Result<(VertexId, Image), String> {
        let op = match context {
            NamedContext::Local => Op::Context(name.to_owned()),
            NamedContext::Remote(address) => Op::Remote(address.clone()),
            NamedContext::Image(reference) => {
                return Ok(self.known_image(reference::normalize(reference)?, platform));
            }
        };
        Ok((self.builder.source(op), Image::default()))
    }

    fn known_image(&mut self, reference: String, platform: &str) -> (VertexId, Image) {
        let name = ImageName { reference, platform: platform.to_owned() };
        let image = self.request.images.get(&name).cloned().unwrap_or_default();
        (self.builder.source(Op::Image(ImageSource::new(name, &image))), image)
    }
}

impl Site<'_> {
    /// The instruction made `vertex`, and the stage goes on from there.
    pub(super) fn finish(&mut self, vertex: VertexId) {
        self.placed.step = Some(vertex.0);
        self.state.vertex = Some(vertex);
    }
}

/// The input through which a step continues a file system; none for an empty one.
pub(super) fn base(vertex: Option<VertexId>) -> Vec<Input> {
    vertex.map(|from| Input { from, reads: Reads::Base }).into_iter().collect()
}
