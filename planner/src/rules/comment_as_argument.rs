//! A `#` behind a copy: a comment only begins a line, so its words are sources, and the last one is the destination. The
//! cure is to put it on a line of its own.

use crate::dockerfile::{Command, CopySource, Instruction};
use crate::source::{Span, TextEdit};
use crate::suggestion::layout;
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "comment-as-argument";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for (index, stage) in facts.dockerfile.stages.iter().enumerate() {
        for place in stage.body.clone() {
            if let Some(sign) = sign(facts.instruction(place)) {
                let mut one = Suggestion::at(facts, NAME, index, place);
                one.title = "`#` is an argument here, not a comment".to_owned();
                one.reason = "A comment only begins a line. Its words are taken for files, and the last one for the destination.".to_owned();
                one.edits = edits(facts, place, sign);
                one.doubts.extend(change(facts.instruction(place)));
                found.push(one);
            }
        }
    }
    found
}

/// Where a `#` stands by itself among the words of a copy.
fn sign(instruction: &Instruction) -> Option<usize> {
    let copy = match &instruction.command {
        Command::Copy(copy) => copy,
        Command::Add(add) => &add.copy,
        _ => return None,
    };
    let is_sign = |source: &CopySource| matches!(source, CopySource::Path(path) if path.as_str() == "#");
    if instruction.json || !copy.sources.iter().any(is_sign) {
        return None;
    }
    instruction.args.iter().find(|word| word.text == "#").map(|word| word.span.start)
}

/// What the edit changes.
fn change(instruction: &Instruction) -> Option<String> {
    let words = instruction.args.iter().map(|word| word.text.as_str());
    let (last, meant) = (words.clone().next_back()?, words.take_while(|word| *word != "#").last()?);
    Some(format!("as it stands it copies to `{last}`, and then it copies to `{meant}`"))
}

fn edits(facts: &Facts<'_>, place: usize, sign: usize) -> Vec<TextEdit> {
    let span = facts.instruction(place).span;
    let text = facts.text();
    let comment = &text[sign..span.end];
    if comment.contains('\n') || !facts.instruction(place).heredocs.is_empty() {
        return Vec::new();
    }
    let kept = text[span.start..sign].trim_end();
    let line =
        format!("{}{}{}", layout::indentation(facts, place), comment.trim_end(), layout::line_break(facts, place));
    let start = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
    let above = TextEdit { span: Span::new(start, start), replacement: line };
    let cut = TextEdit { span: Span::new(span.start + kept.len(), span.end), replacement: String::new() };
    vec![above, cut]
}
