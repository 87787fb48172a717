//! Why BuildKit refuses an instruction, and which bytes of its logical line are at fault. Words and a range come
//! in from whoever reads the line; `parse` makes a diagnostic of both. No line numbers here.

use std::ops::Range;

use super::words::Token;

/// BuildKit's words against an instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    /// The words.
    pub(super) message: String,
    /// What they are about, in the logical line; `None` for the instruction as a whole.
    pub(super) range: Option<Range<usize>>,
    /// What to do about it.
    pub(super) hint: Option<String>,
}

impl Refusal {
    /// Words about one token.
    pub(super) fn of(token: &Token, message: impl Into<String>) -> Self {
        Self { range: Some(token.range.clone()), ..Self::from(message.into()) }
    }

    /// Words about all of these tokens, or the instruction where there is none.
    pub(super) fn of_all(tokens: &[Token], message: impl Into<String>) -> Self {
        let range = match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => Some(first.range.start..last.range.end.max(first.range.end)),
            _ => None,
        };
        Self { range, ..Self::from(message.into()) }
    }

    /// The same with a hint.
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self { message, range: None, hint: None }
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Self::from(message.to_owned())
    }
}
