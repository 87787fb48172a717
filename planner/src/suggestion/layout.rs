//! Lines of a Dockerfile, moved and written so that they look like their neighbours: comments stay with the instruction
//! below them, line ends and indentation are kept. In go instructions by their place, out come edits.

use super::Facts;
use crate::source::{Span, TextEdit};

/// The lines of an instruction, its line end and the comments right above it included.
#[must_use]
pub fn block(facts: &Facts<'_>, instruction: usize) -> Span {
    let text = facts.text();
    let span = facts.instruction(instruction).span;
    let mut start = line_start(text, span.start);
    while let Some(comment) = comment_ending_at(facts, start) {
        start = line_start(text, comment.start);
    }
    Span::new(start, line_end(text, span.end))
}

/// The comment whose line ends right in front of `at`.
fn comment_ending_at(facts: &Facts<'_>, at: usize) -> Option<Span> {
    let text = facts.text();
    facts.dockerfile.comments.iter().copied().find(|comment| comment.end < at && line_end(text, comment.end) == at)
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

/// The line end that the lines around an instruction have.
#[must_use]
pub fn line_break(facts: &Facts<'_>, instruction: usize) -> &'static str {
    let text = facts.text();
    let end = line_end(text, facts.instruction(instruction).span.end);
    let is_windows = match text[..end].strip_suffix('\n') {
        Some(line) => line.ends_with('\r'),
        None => text.contains("\r\n"),
    };
    if is_windows { "\r\n" } else { "\n" }
}

/// The blanks in front of an instruction.
#[must_use]
pub fn indentation<'a>(facts: &'a Facts<'_>, instruction: usize) -> &'a str {
    let text = &facts.text()[facts.instruction(instruction).span.range()];
    &text[..text.len() - text.trim_start_matches([' ', '\t']).len()]
}

/// Moves instructions, in their order, right below another one. Each comes with the lines that take its place.
#[must_use]
pub fn move_below(facts: &Facts<'_>, moved: &[(usize, String)], below: usize) -> Vec<TextEdit> {
    let text = facts.text();
    let eol = line_break(facts, below);
    let mut edits = Vec::new();
    let mut inserted = String::new();
    for (instruction, replacement) in moved {
        let span = block(facts, *instruction);
        inserted.push_str(&text[span.range()]);
        if !inserted.ends_with('\n') {
            inserted.push_str(eol);
        }
        edits.push(TextEdit { span, replacement: replacement.clone() });
    }
    let end = line_end(text, facts.instruction(below).span.end);
    if !text[..end].ends_with('\n') {
        // The last line of the file has no end, and keeps none.
        let cut = inserted.trim_end_matches(['\r', '\n']).len();
        inserted.truncate(cut);
        inserted.insert_str(0, eol);
    }
    edits.push(TextEdit { span: Span::new(end, end), replacement: inserted });
    edits
}

/// Puts lines right above an instruction and its comments.
#[must_use]
pub fn insert_above(facts: &Facts<'_>, instruction: usize, lines: &str) -> TextEdit {
    let start = block(facts, instruction).start;
    TextEdit { span: Span::new(start, start), replacement: lines.to_owned() }
}

/// Takes an instruction out, with the comments right above it.
#[must_use]
pub fn remove(facts: &Facts<'_>, instruction: usize) -> TextEdit {
    TextEdit { span: block(facts, instruction), replacement: String::new() }
}
