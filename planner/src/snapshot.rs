//! Everything one build was made from; not BuildKit's layer snapshot. Build contexts stand in it by digest.

use serde::{Deserialize, Serialize};

/// The inputs of one build.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Version of this form; a reader that does not know it leaves the snapshot alone.
    pub version: u32,
}
