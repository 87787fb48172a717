//! The `parse` command's view of a Dockerfile: its instructions as BuildKit's parser gives them, or the error
//! BuildKit would stop with.

use planner::diagnostic::{Diagnostic, Severity};
use planner::dockerfile::text::Text;
use planner::dockerfile::{Dockerfile, Heredoc, Instruction, Stage, Word};
use serde::Serialize;

/// The answer of `parse`.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum ParseView {
    /// BuildKit takes the file.
    Taken(TakenView),
    /// BuildKit refuses it.
    Refused(RefusedView),
}

/// A Dockerfile that BuildKit takes.
#[derive(Serialize)]
pub(crate) struct TakenView {
    ok: bool,
    escape: char,
    stages: Vec<StageView>,
    instructions: Vec<InstructionView>,
}

/// The first error of a Dockerfile.
#[derive(Serialize)]
pub(crate) struct RefusedView {
    ok: bool,
    line: Option<u32>,
    error: String,
}

#[derive(Serialize)]
struct StageView {
    name: Text,
    base: Text,
    line: u32,
}

#[derive(Serialize)]
struct InstructionView {
    line: u32,
    end_line: u32,
    #[serde(flatten)]
    node: NodeView,
    #[serde(skip_serializing_if = "Option::is_none")]
    onbuild: Option<NodeView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    heredocs: Vec<HeredocView>,
}

#[derive(Serialize)]
struct NodeView {
    keyword: Text,
    flags: Vec<Text>,
    args: Vec<Text>,
    json: bool,
}

#[derive(Serialize)]
struct HeredocView {
    name: String,
    fd: u64,
    expand: bool,
    chomp: bool,
    content: Text,
}

impl ParseView {
    /// The view of what `Dockerfile::parse` gave.
    pub(crate) fn new(dockerfile: &Dockerfile, diagnostics: &[Diagnostic]) -> Self {
        if let Some(error) = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error) {
            return Self::Refused(RefusedView { ok: false, line: error.line, error: error.message.clone() });
        }
        Self::Taken(TakenView {
            ok: true,
            escape: dockerfile.escape,
            stages: dockerfile.stages.iter().map(StageView::from).collect(),
            instructions: dockerfile.instructions.iter().map(InstructionView::from).collect(),
        })
    }

    /// Whether BuildKit takes the file.
    pub(crate) fn is_ok(&self) -> bool {
        matches!(self, Self::Taken(_))
    }
}

impl From<&Stage> for StageView {
    fn from(stage: &Stage) -> Self {
        Self { name: stage.name.clone().unwrap_or_default(), base: stage.base.clone(), line: stage.line }
    }
}

impl From<&Instruction> for InstructionView {
    fn from(instruction: &Instruction) -> Self {
        Self {
            line: instruction.line,
            end_line: instruction.end_line,
            node: instruction.into(),
            onbuild: instruction.trigger.as_deref().map(NodeView::from),
            heredocs: instruction.heredocs.iter().map(HeredocView::from).collect(),
        }
    }
}

impl From<&Instruction> for NodeView {
    fn from(instruction: &Instruction) -> Self {
        let texts = |words: &[Word]| words.iter().map(|word| word.text.clone()).collect();
        Self {
            keyword: instruction.keyword.text.clone(),
            flags: texts(&instruction.flags),
            args: texts(&instruction.args),
            json: instruction.json,
        }
    }
}

impl From<&Heredoc> for HeredocView {
    fn from(heredoc: &Heredoc) -> Self {
        Self {
            name: heredoc.name.clone(),
            fd: heredoc.fd,
            expand: heredoc.expand,
            chomp: heredoc.chomp,
            content: heredoc.content.clone(),
        }
    }
}
