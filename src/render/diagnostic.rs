//! The lines of a file that an error or a warning is about, with their numbers and carets under the place. In goes a
//! [`Place`], out comes text of a few lines that fits 80 columns: long lines are cut around the place, of many lines
//! the first and last are shown. Nothing in it can act on a terminal, and what looks like a secret is masked.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use planner::secret::MASK;
use planner::source::Span;

use super::palette::{ERROR, WARNING};
use super::text::{escape, is_unsafe};
use crate::fault::Place;
use crate::refusal::lines_of;

/// The widest the text becomes, in columns.
const WIDTH: usize = 80;
/// Columns that are no text: the bars beside it, and a caret behind its end.
const FRAME: usize = 7;
/// What stands for text that is cut off.
const CUT: &str = "...";

/// The lines an error is about, styled, with a line end.
pub(crate) fn of_error(place: &Place) -> String {
    write(place, Level::ERROR)
}

/// The lines a warning is about.
pub(crate) fn of_warning(place: &Place) -> String {
    write(place, Level::WARNING)
}

fn write(place: &Place, level: Level<'_>) -> String {
    let lines = lines_of(&place.text, place.span);
    let line = line_of(&place.text, place.span.start);
    let shown = Shown::new(place, lines);
    let last = line + shown.text.matches('\n').count();
    let gutter = last.to_string().len();
    let (cut, span) = cut(&shown.text, &shown.span(place.span), WIDTH - gutter - FRAME);
    let snippet = Snippet::source(cut).line_start(line).annotation(AnnotationKind::Primary.span(span));
    // Lines are cut already; the renderer's own cuts do not keep to a width.
    let renderer = Renderer::styled().term_width(usize::MAX / 4).error(ERROR).warning(WARNING);
    let body = renderer.render(&[Group::with_level(level).element(snippet)]);
    // No arrow with file and line: the message above names both, and the number stands beside the line.
    body + "\n"
}

/// The line of an offset, from 1.
fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// The lines cut to a width, and the span in what is left. Of a long line the part around the start of the span is
/// kept, or around its end where it starts above.
fn cut(text: &str, span: &Range<usize>, width: usize) -> (String, Range<usize>) {
    let (mut cut, mut start, mut kept) = (String::new(), 0, span.clone());
    for line in text.split_inclusive('\n') {
        let content = line.strip_suffix('\n').unwrap_or(line);
        let end = start + content.len();
        let touched = [span.start, span.end].into_iter().find(|offset| (start..=end).contains(offset));
        let part = part_around(content, touched.map_or(0, |offset| offset - start), width);
        let front = if part.start > 0 { CUT } else { "" };
        let behind = if part.end < content.len() { CUT } else { "" };
        for (offset, kept) in [(span.start, &mut kept.start), (span.end, &mut kept.end)] {
            if (start..=end).contains(&offset) {
                let beyond = if offset - start > part.end { CUT.len() } else { 0 };
                let inside = (offset - start).clamp(part.start, part.end) - part.start;
                *kept = cut.len() + front.len() + inside + beyond;
            }
        }
        cut.extend([front, &content[part], behind, &line[content.len()..]]);
        start += line.len();
    }
    // An empty last line is no piece of the split.
    let length = cut.len();
    (cut, kept.start.min(length)..kept.end.min(length))
}

/// The part of a line around an offset that takes, with marks for what is cut off, no more columns than `width`.
fn part_around(line: &str, offset: usize, width: usize) -> Range<usize> {
    if columns(line) <= width {
        return 0..line.len();
    }
    let room = width - 2 * CUT.len();
    let behind = columns(&line[offset..]).min(room);
    let mut left = (room / 3).max(room - behind);
    let mut part = offset..offset;
    for (at, character) in line[..offset].char_indices().rev() {
        let Some(rest) = left.checked_sub(width_of(character)) else { break };
        (left, part.start) = (rest, at);
    }
    let mut right = room - columns(&line[part.clone()]);
    for character in line[offset..].chars() {
        let Some(rest) = right.checked_sub(width_of(character)) else { break };
        (right, part.end) = (rest, part.end + character.len_utf8());
    }
    part
}

fn columns(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// The most columns a character takes on any terminal.
fn width_of(character: char) -> usize {
    match character {
        '\t' => 4,
        character if character.is_ascii() => 1,
        _ => 2,
    }
}

/// Some lines of a file made harmless, and where each character of the file went.
struct Shown {
    text: String,
    /// For each character or mask, in order: its offset in the file, and that of what stands for it.
    origins: Vec<(usize, usize)>,
}

impl Shown {
    fn new(place: &Place, lines: Range<usize>) -> Self {
        let mut shown = Self { text: String::new(), origins: Vec::new() };
        let mut secrets = place.secrets.iter().filter(|secret| secret.end > lines.start).peekable();
        let mut at = lines.start;
        while let Some(character) = place.text[at..lines.end].chars().next() {
            shown.origins.push((at, shown.text.len()));
            match secrets.next_if(|secret| secret.start <= at) {
                Some(secret) => {
                    shown.cover(&place.text[at..secret.end.min(lines.end)]);
                    at = secret.end.min(lines.end);
                }
                None => {
                    shown.push(character, place.text[at..].starts_with("\r\n"));
                    at += character.len_utf8();
                }
            }
        }
        shown.origins.push((at, shown.text.len()));
        shown
    }

    /// Masks a text; its lines stay lines.
    fn cover(&mut self, secret: &str) {
        let n_lines = secret.matches('\n').count();
        self.text.push_str(MASK);
        (0..n_lines).for_each(|_| self.text.push_str(&format!("\n{MASK}")));
    }

    fn push(&mut self, character: char, is_line_end: bool) {
        match character {
            '\n' | '\t' => self.text.push(character),
            '\r' if is_line_end => {}
            _ if is_unsafe(character) => self.text.push_str(&escape(character.encode_utf8(&mut [0; 4]))),
            _ => self.text.push(character),
        }
    }

    /// A span of the file in what is shown; a place within a mask or an escape is the whole of it.
    fn span(&self, span: Span) -> Range<usize> {
        let shown = |index: usize| self.origins.get(index).map_or(self.text.len(), |origin| origin.1);
        let start = self.origins.partition_point(|origin| origin.0 <= span.start).saturating_sub(1);
        let end = self.origins.partition_point(|origin| origin.0 < span.end);
        shown(start)..shown(end).max(shown(start))
    }
}

#[cfg(test)]
mod tests;
