//! What earlier builds did. A [`BuildRecord`] is one build; it holds only the steps that no earlier record
//! holds, so a log of builds grows by what changed.

use serde::{Deserialize, Serialize};

use crate::digest::ContentDigest;

/// One build whose steps are in BuildKit's cache.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BuildRecord {
    /// Unique; names the build's [`crate::snapshot::Snapshot`] in the store.
    pub id: String,
    /// When it was recorded, RFC 3339.
    pub recorded_at: String,
    /// Which project it belongs to.
    pub project: ProjectId,
    /// The steps that were new with this build.
    pub steps: Vec<StepRecord>,
}

/// What makes two builds builds of one project: the context's path, else the repository and the path inside.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ProjectId {
    /// The canonical path of the context folder.
    pub context: String,
    /// The repository's address and the context's path inside it, where there is a repository.
    pub repository: Option<String>,
}

/// One step that BuildKit can answer from its cache.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step's key.
    pub key: ContentDigest,
}
