//! What is wrong with a user's text, where, and what to do about it. A [`Diagnostic`] is data: layout
//! and colour belong to whoever prints it.

use crate::source::Span;

/// How much a diagnostic matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// BuildKit builds, but says the same.
    Warning,
    /// BuildKit refuses the file.
    Error,
}

/// One thing that is wrong with a Dockerfile, an ignore file or an argument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Whether a build is refused.
    pub severity: Severity,
    /// What is wrong: one clause, without a final period. For errors BuildKit reports too, BuildKit's own words.
    pub message: String,
    /// The line BuildKit blames, counted from 1; `None` where it blames none.
    pub line: Option<u32>,
    /// Where it is wrong, if a place can be named.
    pub span: Option<Span>,
    /// What to do about it, one clause.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at a line, with BuildKit's words.
    #[must_use]
    pub fn error(message: impl Into<String>, line: Option<u32>, span: Option<Span>) -> Self {
        Self { severity: Severity::Error, message: message.into(), line, span, hint: None }
    }

    /// A warning at a line.
    #[must_use]
    pub fn warning(message: impl Into<String>, line: Option<u32>, span: Option<Span>) -> Self {
        Self { severity: Severity::Warning, message: message.into(), line, span, hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
