//! Places in a text and changes to it. Byte offsets in, lines and columns out. Knows nothing of
//! Dockerfiles.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A half-open range of byte offsets into the text that was parsed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl Span {
    /// The span from `start` up to, and without, `end`.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The span as a range, to slice the text with.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// Replaces the text at `span` by `replacement`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextEdit {
    /// What is taken out; empty for an insertion.
    pub span: Span,
    /// What is put there; empty for a deletion.
    pub replacement: String,
}
