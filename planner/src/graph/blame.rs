//! Where an instruction is wrong: the place of a value among its words. In go an instruction, the text of the file
//! and the value as it was decoded; out comes a span. What is wrong with it is not known here.

use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Dockerfile, Instruction, Word};
use crate::source::Span;

/// Where `value` is written: the word that is it, else the part of a flag or word that holds it, else the keyword.
pub(super) fn place_of(instruction: &Instruction, text: &str, value: &str) -> Span {
    let words = || instruction.args.iter().chain(&instruction.flags);
    let whole = words().find(|word| word.text == value && !value.is_empty());
    let holds = |word: &&Word| !value.is_empty() && word.text.contains(value);
    match whole.or_else(|| instruction.flags.iter().find(holds)).or_else(|| words().find(holds)) {
        Some(word) => narrowed(word, text, value),
        None => instruction.keyword.span,
    }
}

/// The part of a word that is `value`, where it is written as it was decoded; a flag's value stands behind its `=`.
fn narrowed(word: &Word, text: &str, value: &str) -> Span {
    let written = text.get(word.span.range()).unwrap_or_default();
    let behind = if word.text == value { 0 } else { written.find('=').map_or(0, |sign| sign + 1) };
    match written[behind..].find(value) {
        Some(at) => Span::new(word.span.start + behind + at, word.span.start + behind + at + value.len()),
        None => word.span,
    }
}

/// The diagnostic with a place: where it names none, the arguments of the instruction in the line it blames.
pub(super) fn placed(diagnostic: Diagnostic, dockerfile: &Dockerfile) -> Diagnostic {
    let on_line = |instruction: &&Instruction| Some(instruction.line) == diagnostic.line;
    let instruction = dockerfile.instructions.iter().find(on_line).filter(|_| diagnostic.span.is_none());
    let span = instruction.map(|instruction| match (instruction.args.first(), instruction.args.last()) {
        (Some(first), Some(last)) => Span::new(first.span.start, last.span.end.max(first.span.end)),
        _ => instruction.keyword.span,
    });
    Diagnostic { span: diagnostic.span.or(span), ..diagnostic }
}
