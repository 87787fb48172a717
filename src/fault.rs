//! An error with one hint: what `main` prints as `error: …` and `hint: …`. In go clauses in lower case,
//! without a final period, names in backticks. It does not print.

/// What went wrong, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Fault {
    message: String,
    hint: Option<String>,
}

impl Fault {
    /// An error without a hint.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// The same with a hint.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The hint of an error, wherever in its chain it was given.
    pub(crate) fn hint_of(error: &anyhow::Error) -> Option<&str> {
        error.chain().find_map(|cause| cause.downcast_ref::<Self>()?.hint.as_deref())
    }
}
