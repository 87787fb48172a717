//! A suggestion: what is wrong at a place of a Dockerfile, and the edits that put it right. [`Facts`] are all that a rule
//! may look at. What a suggestion saves is worked out elsewhere, and whether it is safe is argued in `safety`.

pub mod layout;
pub mod naming;
pub mod silence;
mod manifest_lines;
mod parting;
pub mod moving;

use crate::diagnostic::{Diagnostic, Severity};
use crate::dockerfile::{Dockerfile, Instruction};
use crate::source::{Span, TextEdit};
use crate::steps::{self, StageSteps, Surroundings};

/// A Dockerfile with all that a rule may look at.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The tree.
    pub dockerfile: Dockerfile,
    /// Its stages, step by step.
    pub stages: Vec<StageSteps>,
    /// What it is read with.
    pub around: Surroundings<'a>,
    /// Whether its text can be edited: it is UTF-8, so that places in the tree are places in the file.
    pub is_editable: bool,
}

impl<'a> Facts<'a> {
    /// Reads a Dockerfile.
    ///
    /// # Errors
    /// What BuildKit refuses it with.
    pub fn read(bytes: &[u8], around: Surroundings<'a>) -> Result<Self, Diagnostic> {
        let (dockerfile, diagnostics) = Dockerfile::parse(bytes);
        if let Some(error) = diagnostics.into_iter().find(|one| one.severity == Severity::Error) {
            return Err(error);
        }
        let stages = steps::read(&dockerfile, around)?;
        let is_editable = dockerfile.text.as_bytes() == bytes;
        Ok(Self { dockerfile, stages, around, is_editable })
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.dockerfile.text
    }

    /// An instruction by its place.
    #[must_use]
    pub fn instruction(&self, index: usize) -> &Instruction {
        &self.dockerfile.instructions[index]
    }

    /// The text of an instruction, on one line.
    #[must_use]
    pub fn shown(&self, index: usize) -> String {
        let text = self.text().get(self.instruction(index).span.range()).unwrap_or_default();
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let escape = self.dockerfile.escape;
        let joined: Vec<&str> = lines.map(|line| line.strip_suffix(escape).unwrap_or(line).trim()).collect();
        joined.join(" ").trim().to_owned()
    }
}

/// What may be done with a suggestion.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Applicability {
    /// It may be written: the images are the same.
    Safe,
    /// It is for a reader to judge.
    Review,
}

/// One finding and its cure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suggestion {
    /// The rule's name.
    pub rule: &'static str,
    /// The stage it is about.
    pub stage: usize,
    /// The instruction it blames, by its place in the Dockerfile.
    pub instruction: usize,
    /// The first line of that.
    pub line: u32,
    /// The last line of that.
    pub end_line: u32,
    /// Where that stands.
    pub span: Span,
    /// What is wrong: one clause.
    pub title: String,
    /// Why it matters and what to do: one or two sentences.
    pub reason: String,
    /// The cure; empty where only a reader can find one.
    pub edits: Vec<TextEdit>,
    /// What may be done with it.
    pub applicability: Applicability,
    /// Why it is not safe, each as a clause.
    pub doubts: Vec<String>,
    /// In what the configuration of the image differs afterwards.
    pub declares: Vec<String>,
}

impl Suggestion {
    /// A finding at an instruction, for review, without a cure.
    #[must_use]
    pub fn at(facts: &Facts<'_>, rule: &'static str, stage: usize, instruction: usize) -> Self {
        let found = facts.instruction(instruction);
        Self {
            rule,
            stage,
            instruction,
            line: found.line,
            end_line: found.end_line,
            span: found.span,
            title: String::new(),
            reason: String::new(),
            edits: Vec::new(),
            applicability: Applicability::Review,
            doubts: Vec::new(),
            declares: Vec::new(),
        }
    }

    /// The text after the edits; `None` where two of them overlap.
    #[must_use]
    pub fn apply(&self, text: &str) -> Option<String> {
        apply(text, &self.edits)
    }
}

/// A text after edits; `None` where two of them overlap or one lies outside.
#[must_use]
pub fn apply(text: &str, edits: &[TextEdit]) -> Option<String> {
    let mut edits: Vec<&TextEdit> = edits.iter().collect();
    edits.sort_by_key(|edit| edit.span);
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for edit in edits {
        out.push_str(text.get(at..edit.span.start)?);
        out.push_str(&edit.replacement);
        at = edit.span.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}
