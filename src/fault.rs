//! An error with one hint, and the place in a file it is about: what `main` prints as `error: …`, the lines at fault,
//! and `hint: …`. In go clauses in lower case, without a final period, names in backticks. It does not print.

use std::ops::Range;

use planner::source::Span;

/// What went wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Fault {
    message: String,
    place: Option<Box<Place>>,
    hint: Option<String>,
}

/// A place in a file that the user wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// The whole file.
    pub(crate) text: String,
    /// What is at fault.
    pub(crate) span: Span,
    /// Values on the lines at fault that look like secrets, in order.
    pub(crate) secrets: Vec<Range<usize>>,
}

impl Fault {
    /// An error without a hint.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, hint: None }
    }

    /// The same with a hint.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with the place it is about.
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = Some(Box::new(place));
        self
    }

    /// The hint of an error, wherever in its chain it was given.
    pub(crate) fn hint_of(error: &anyhow::Error) -> Option<&str> {
        error.chain().find_map(|cause| cause.downcast_ref::<Self>()?.hint.as_deref())
    }

    /// The place an error is about, wherever in its chain it was named.
    pub(crate) fn place_of(error: &anyhow::Error) -> Option<&Place> {
        error.chain().find_map(|cause| cause.downcast_ref::<Self>()?.place.as_deref())
    }
}
