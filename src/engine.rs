//! What an engine tells of a build, in our words: the vocabulary of this module's parts. `rawjson` reads a progress
//! stream into [`BuildEvent`]s, `observed` keeps what they say of each vertex, `attribution` finds the steps of ours that
//! the vertices are. `invocation` is the command line (`bake` that of several targets), `buildx` runs it, `identity` asks
//! which engine answers (`known` from the last time, `socket` without docker's help), `images` what it takes for a base.
//!
//! The words are BuildKit's (client/graph.go).

mod version;
pub(crate) mod bake;
pub(crate) mod invocation;
pub(crate) mod buildx;
mod socket;
pub(crate) mod identity;
pub(crate) mod known;
pub(crate) mod images;
pub(crate) mod rawjson;
pub(crate) mod observed;
pub(crate) mod attribution;
pub(crate) mod receipts;

use jiff::Timestamp;

/// One thing an engine said, in the order it said it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum BuildEvent {
    /// How far a vertex is; the same one is told many times.
    Vertex(VertexUpdate),
    /// How far a transfer within a vertex is.
    Transfer(TransferUpdate),
    /// Output of a vertex.
    Log(LogChunk),
    /// Something the builder advises against.
    Warning(BuildWarning),
    /// A line of text that the builder printed between its reports: warnings, and at the end what failed.
    Message(String),
}

/// What is said of a vertex at one time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct VertexUpdate {
    /// The digest of its definition. It differs from build to build where a local context is read.
    pub(crate) digest: String,
    /// The digests of the vertices it reads.
    pub(crate) inputs: Vec<String>,
    /// What users see. Not unique, and where builds share a vertex perhaps the name another build gave it.
    pub(crate) name: String,
    /// When it was last begun.
    pub(crate) started: Option<Timestamp>,
    /// When that came to an end.
    pub(crate) completed: Option<Timestamp>,
    /// Whether its result came from the cache.
    pub(crate) cached: bool,
    /// Why it failed.
    pub(crate) error: Option<String>,
}

/// How far a transfer is: a pull, a layer, files of a context.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TransferUpdate {
    /// Names it within its vertex.
    pub(crate) id: String,
    /// The digest of its vertex.
    pub(crate) vertex: String,
    /// Bytes, or whatever it counts; 0 if it is not known.
    pub(crate) total: i64,
    /// How many of them are done.
    pub(crate) current: i64,
    /// When it began.
    pub(crate) started: Option<Timestamp>,
    /// When it ended.
    pub(crate) completed: Option<Timestamp>,
}

/// A piece of output; it may begin and end within a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LogChunk {
    /// The digest of its vertex.
    pub(crate) vertex: String,
    /// 1 is standard output, 2 standard error.
    pub(crate) stream: i64,
    /// The bytes.
    pub(crate) data: Vec<u8>,
}

/// A warning of the builder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct BuildWarning {
    /// The digest of its vertex.
    pub(crate) vertex: String,
    /// One line.
    pub(crate) short: String,
    /// More lines.
    pub(crate) detail: Vec<String>,
    /// Where it is explained; may be empty.
    pub(crate) url: String,
    /// The lines of the Dockerfile it is about, first and last, counted from 1.
    pub(crate) lines: Option<(u32, u32)>,
}

/// What became of a vertex, or of a step.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Outcome {
    /// Nobody needed it, or the build ended before its turn.
    NotStarted,
    /// Its result came from the cache, or is not needed because that of a later step did.
    Cached,
    /// It was executed.
    Ran,
    /// The stream ends while it is at work.
    Running,
    /// The build was given up while it was at work: by the user, or because another step failed.
    Canceled,
    /// It failed, with the engine's words.
    Failed(String),
}
