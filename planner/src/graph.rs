//! The build graph: what BuildKit would do, as vertices and the edges they read through. Acyclic by
//! construction: a vertex is added after its inputs. Identical vertices are one vertex, as in BuildKit.
//!
//! The words are BuildKit's (solver/types.go); users read "step" for a vertex that an instruction makes.

pub mod exec;
pub mod stage_state;
pub mod place;
mod reference;
mod blame;
mod stages;
mod site;
mod checksum;
mod copy;
mod run;
pub mod lower;
pub mod progress_name;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use reference::may_be_one_image;

use petgraph::graph::{DiGraph, NodeIndex};
use serde::{Deserialize, Serialize};

use crate::digest::ContentDigest;
use crate::engine_profile::EngineProfile;
use crate::image::{Before, Image, ImageName};
use crate::selector::Selector;

/// A vertex of one [`BuildGraph`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct VertexId(usize);

impl VertexId {
    /// The position in topological order.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// The graph of one or more targets.
#[derive(Clone, Debug)]
pub struct BuildGraph {
    graph: DiGraph<Vertex, ()>,
    /// What was asked for, in order.
    pub targets: Vec<TargetGraph>,
    /// The rules it was lowered under.
    pub profile: EngineProfile,
}

/// One operation and what it reads.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Vertex {
    /// What it does.
    pub op: Op,
    /// What it reads, in the order the operation counts its inputs.
    pub inputs: Vec<Input>,
    /// Whether it runs whatever the cache holds.
    pub ignore_cache: bool,
}

/// An edge: what a vertex reads of another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Input {
    /// Where it reads.
    pub from: VertexId,
    /// What it reads there, and how a match is found.
    pub reads: Reads,
}

/// How an input is compared with those of earlier builds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Reads {
    /// The file system it continues: by the key of the vertex that made it, never by content.
    Base,
    /// Selected files: by key or by content, so that equal content stops an invalidation.
    Content(Vec<Selector>),
}

/// An operation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Op {
    /// An image.
    Image(ImageSource),
    /// A folder on the user's machine, by its name in the plan.
    Context(String),
    /// Something only a server knows: a URL, a repository, a remote build context.
    Remote(String),
    /// `RUN`.
    Exec(Box<exec::Exec>),
    /// `COPY`, `ADD`, `WORKDIR` and files made from here-documents.
    File(Vec<FileAction>),
    /// Lays the second input's layers upon the first (`COPY --link`).
    Merge,
}

/// An image as a source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ImageSource {
    /// The reference and the platform.
    pub name: ImageName,
    /// The digest a registry or the engine knows it by.
    pub digest: Option<String>,
    /// What names its layers.
    pub layers: Option<String>,
    /// Whether it is the image that was meant when nobody looked.
    pub before: Before,
    /// Whether its configuration is known; else the plainest one is assumed.
    pub has_config: bool,
    /// Whether it was looked up for this build.
    pub is_looked_up: bool,
}

impl ImageSource {
    /// An image of which `known` is known.
    #[must_use]
    pub fn new(name: ImageName, known: &Image) -> Self {
        Self {
            name,
            digest: known.digest.clone(),
            layers: known.layers.clone(),
            before: known.before,
            has_config: known.config.is_some(),
            is_looked_up: known.is_looked_up,
        }
    }

    /// What its key is made of: the layers, else only the reference. A digest alone names it as well as can be for
    /// reports, yet other digests may have the same layers.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.layers.as_ref().unwrap_or(&self.name.reference)
    }
}

/// One action of a file operation. Indexes of inputs count the vertex's inputs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum FileAction {
    /// Makes a folder and its parents.
    Mkdir {
        /// Clean and absolute.
        path: String,
        /// Permission bits.
        mode: u32,
        /// Who owns it.
        owner: Option<Owner>,
        /// `SOURCE_DATE_EPOCH`, in seconds.
        timestamp: Option<i64>,
    },
    /// Makes a file from a here-document.
    Mkfile {
        /// Its name.
        name: String,
        /// Permission bits.
        mode: u32,
        /// Its length in bytes.
        size: u64,
        /// The digest of its bytes.
        content: ContentDigest,
    },
    /// Copies one source.
    Copy(Box<CopyAction>),
}

/// How one source is copied.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct CopyAction {
    /// The input that is read.
    pub input: usize,
    /// What is read there.
    pub selector: Selector,
    /// Absolute; a trailing slash means "into this folder".
    pub dest: String,
    /// `--chown`.
    pub owner: Option<Owner>,
    /// `--chmod`.
    pub mode: Option<Chmod>,
    /// Whether archives are unpacked (`ADD`).
    pub unpack: bool,
    /// Whether the source is a file of the builder's own making (a here-document, a download), named as it is.
    pub inline: bool,
}

/// `--chmod`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Chmod {
    /// Octal permission bits.
    Octal(u32),
    /// Symbolic, as written.
    Symbolic(String),
}

/// Who owns what is written: a user and perhaps a group, each a number or a name (`root` is 0).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Owner {
    /// The user.
    pub user: Principal,
    /// The group; the user's number or primary group if absent.
    pub group: Option<Principal>,
}

/// A user or a group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Principal {
    /// By number.
    Id(u32),
    /// By a name that `/etc/passwd` or `/etc/group` of the base resolves.
    Name(String),
}

impl Owner {
    /// Reads `USER[:GROUP]`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
        Self { user: Principal::parse(user), group: group.map(Principal::parse) }
    }
}

impl Principal {
    fn parse(text: &str) -> Self {
        if text == "root" {
            return Self::Id(0);
        }
        text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Id)
    }
}

/// One target of a plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TargetGraph {
    /// Its name in the plan.
    pub name: String,
    /// Index of the stage that is built.
    pub stage: usize,
    /// The stages of its Dockerfile, in file order.
    pub stages: Vec<StageGraph>,
    /// The `ARG` instructions before the first `FROM`.
    pub preamble: Vec<Arc<Placed>>,
    /// The vertex that makes the result; `None` for an empty image.
    pub result: Option<VertexId>,
    /// Per context, the paths the build asks its client for (absolute, perhaps with wildcards).
    pub requested: BTreeMap<String, Vec<String>>,
}

/// One stage and what its instructions became.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StageGraph {
    /// The name after `AS`.
    pub name: Option<String>,
    /// What it is built upon: an image, a stage's name, or `scratch`; variables expanded.
    pub base: String,
    /// Index of the stage it continues, if it does.
    pub base_stage: Option<usize>,
    /// Whether a named build context stands in for the image it is built upon.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced_base: bool,
    /// Whether the target needs it.
    pub used: bool,
    /// `FROM`, triggers of the base, then the stage's own instructions.
    pub instructions: Vec<Arc<Placed>>,
    /// The file system it ends with.
    pub result: Option<VertexId>,
}

/// An instruction and the vertices it became.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Placed {
    /// The first line; for a trigger that of the `FROM` that fires it.
    pub line: u32,
    /// The last line.
    pub end_line: u32,
    /// In upper case.
    pub keyword: String,
    /// On one line, here-documents left out.
    pub text: String,
    /// The bodies of its here-documents, one after the other.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Whether an `ONBUILD` of the base brought it in.
    pub trigger: bool,
    /// The step it makes, if any; index of a vertex.
    pub step: Option<usize>,
    /// The merge behind a `COPY --link` that stands on its own.
    pub link: Option<usize>,
    /// The variables its text used.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Used>,
}

/// A variable that an instruction's text used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Used {
    /// Its value; empty if it was unset.
    pub value: String,
    /// Whether `ARG` set it last.
    pub from_arg: bool,
}

impl BuildGraph {
    /// All vertices, inputs before those who read them.
    pub fn vertices(&self) -> impl Iterator<Item = (VertexId, &Vertex)> {
        self.graph.node_weights().enumerate().map(|(index, vertex)| (VertexId(index), vertex))
    }

    /// The vertex in that place.
    #[must_use]
    pub fn id(&self, index: usize) -> Option<VertexId> {
        (index < self.graph.node_count()).then_some(VertexId(index))
    }

    /// For each vertex, whether it continues an image whose configuration is only assumed.
    #[must_use]
    pub fn continuing_assumed(&self) -> Vec<bool> {
        let mut continuing: Vec<bool> = Vec::with_capacity(self.graph.node_count());
        // Inputs stand before those who read them.
        for (_, vertex) in self.vertices() {
            let is_assumed = |base: &Input| match &self.vertex(base.from).op {
                Op::Image(image) if !image.has_config => true,
                _ => continuing.get(base.from.0).is_some_and(|continues| *continues),
            };
            let mut bases = vertex.inputs.iter().filter(|input| input.reads == Reads::Base);
            continuing.push(bases.any(is_assumed));
        }
        continuing
    }

    /// The images that are read.
    pub fn images(&self) -> impl Iterator<Item = &ImageSource> {
        self.graph.node_weights().filter_map(|vertex| match &vertex.op {
            Op::Image(image) => Some(image),
            _ => None,
        })
    }

    /// One vertex.
    ///
    /// # Panics
    /// If the id is of another graph.
    #[must_use]
    pub fn vertex(&self, id: VertexId) -> &Vertex {
        &self.graph[NodeIndex::new(id.0)]
    }
}
