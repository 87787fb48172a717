//! What BuildKit refuses, as an error that names the file, the line and the place. In go diagnostics and the text
//! they are about, out comes a [`Fault`]. Values that look like secrets are found here; `render` masks them.

use std::ops::Range;

use planner::diagnostic::{Diagnostic, Severity};
use planner::dockerfile::{Command, Dockerfile, Instruction};
use planner::secret;
use planner::source::Span;

use crate::fault::{Fault, Place};

/// Refuses a Dockerfile with the first error, as BuildKit would give it; `shown` is the file's name.
///
/// # Errors
/// The first diagnostic that is an error.
pub(crate) fn refuse_dockerfile(
    diagnostics: &[Diagnostic],
    dockerfile: &Dockerfile,
    shown: &str,
) -> anyhow::Result<()> {
    refuse(diagnostics, shown, |span| in_dockerfile(dockerfile, shown, span))
}

/// Refuses an ignore file with the first error.
///
/// # Errors
/// The first diagnostic that is an error.
pub(crate) fn refuse_ignorefile(diagnostics: &[Diagnostic], bytes: &[u8], shown: &str) -> anyhow::Result<()> {
    refuse(diagnostics, shown, |span| in_ignorefile(bytes, shown, span))
}

fn refuse(diagnostics: &[Diagnostic], shown: &str, place: impl Fn(Span) -> Place) -> anyhow::Result<()> {
    let Some(error) = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error) else {
        return Ok(());
    };
    let line = error.line.map_or_else(String::new, |line| format!(" line {line}"));
    let mut fault = Fault::new(format!("`{shown}`{line}: {}", secret::mask(&error.message)));
    if let Some(span) = error.span {
        fault = fault.at(place(span));
    }
    if let Some(hint) = &error.hint {
        fault = fault.with_hint(hint);
    }
    Err(fault.into())
}

/// A place in a Dockerfile. Secrets are looked for in whole instructions, because a value may stand on another line
/// than its name.
pub(crate) fn in_dockerfile(dockerfile: &Dockerfile, shown: &str, span: Span) -> Place {
    let text = &dockerfile.text;
    let lines = lines_of(text, span);
    let near =
        dockerfile.instructions.iter().filter(|found| found.span.start < lines.end && lines.start < found.span.end);
    let mut secrets: Vec<Range<usize>> = near.flat_map(|instruction| secrets_of(text, instruction)).collect();
    secrets.extend(shifted(secret::places(&text[lines.clone()]), lines.start));
    Place { file: shown.to_owned(), text: text.clone(), span, secrets: joined(secrets) }
}

fn secrets_of(text: &str, instruction: &Instruction) -> Vec<Range<usize>> {
    let Span { start, end } = instruction.span;
    let mut secrets = shifted(secret::places(&text[start..end]), start);
    if instruction.command == Command::Invalid {
        // Whatever was meant may have been `ENV NAME value`.
        let behind = instruction.keyword.span.end.clamp(start, end);
        let environment = format!("ENV{}", &text[behind..end]);
        let places = secret::places(&environment).into_iter().filter(|place| place.start >= 3);
        secrets.extend(places.map(|place| place.start - 3 + behind..place.end - 3 + behind));
    }
    secrets
}

/// A place in an ignore file, of which the span counts bytes.
fn in_ignorefile(bytes: &[u8], shown: &str, span: Span) -> Place {
    let (front, rest) = bytes.split_at(span.start.min(bytes.len()));
    let (blamed, behind) = rest.split_at(span.end.saturating_sub(span.start).min(rest.len()));
    let [front, blamed, behind] = [front, blamed, behind].map(String::from_utf8_lossy);
    let span = Span::new(front.len(), front.len() + blamed.len());
    let text = [front, blamed, behind].concat();
    let lines = lines_of(&text, span);
    let secrets = shifted(secret::places(&text[lines.clone()]), lines.start);
    Place { file: shown.to_owned(), text, span, secrets }
}

/// The whole lines that a span touches, without the last line end.
pub(crate) fn lines_of(text: &str, span: Span) -> Range<usize> {
    let start = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
    // A span that takes the line end in does not touch the line behind it.
    let last = span.end.max(span.start + 1).min(text.len() + 1) - 1;
    let end = text.as_bytes()[last..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| last + end);
    start..end.max(start)
}

fn shifted(places: Vec<Range<usize>>, by: usize) -> Vec<Range<usize>> {
    places.into_iter().map(|place| place.start + by..place.end + by).collect()
}

/// The ranges in order, those that overlap as one.
fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    ranges.dedup_by(|next, range| {
        let overlap = next.start <= range.end;
        if overlap {
            range.end = range.end.max(next.end);
        }
        overlap
    });
    ranges
}
