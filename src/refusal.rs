//! What BuildKit refuses, as an error that names the file, the line and the place, and what it only warns of. In go
//! diagnostics and the text they are about, out comes a [`Fault`], or [`Warning`]s. Values that look like secrets are found here; `render` masks them.

use std::collections::BTreeSet;
use std::ops::Range;

use planner::diagnostic::{Diagnostic, Severity};
use planner::dockerfile::check::{self, Check, Finding};
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
    refuse(diagnostics, shown, |span| in_dockerfile(dockerfile, span))
}

/// Refuses an ignore file with the first error.
///
/// # Errors
/// The first diagnostic that is an error.
pub(crate) fn refuse_ignorefile(diagnostics: &[Diagnostic], bytes: &[u8], shown: &str) -> anyhow::Result<()> {
    refuse(diagnostics, shown, |span| in_ignorefile(bytes, span))
}

/// What BuildKit warns of, as it is told.
pub(crate) struct Warning {
    /// One clause that names file, line and rule.
    pub(crate) message: String,
    /// What it is about.
    pub(crate) place: Option<Place>,
}

/// The warnings of BuildKit's about a Dockerfile that it builds; `parsed` is what its parser said.
///
/// # Errors
/// If a warning fails the build.
pub(crate) fn warnings(
    dockerfile: &Dockerfile,
    parsed: &[Diagnostic],
    check: &Check,
    shown: &str,
) -> anyhow::Result<Vec<Warning>> {
    let findings = check::findings(dockerfile, parsed, check);
    if check.error && !findings.is_empty() {
        let rules: BTreeSet<&str> = findings.iter().map(|finding| finding.rule).collect();
        let rules = rules.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("lint violation found for rules: {rules}");
        let first = findings.into_iter().next().and_then(|finding| finding.diagnostic.span);
        let refusal = Diagnostic::error(message, None, first).with_hint("the check option `error=true` asks for this");
        refuse_dockerfile(&[refusal], dockerfile, shown)?;
        return Ok(Vec::new());
    }
    let told = |Finding { rule, diagnostic }: Finding| Warning {
        message: format!("{}: {} ({rule})", place_name(shown, &diagnostic), secret::mask(&diagnostic.message)),
        place: diagnostic.span.map(|span| in_dockerfile(dockerfile, span)),
    };
    Ok(findings.into_iter().map(told).collect())
}

/// The file, and the line BuildKit blames.
fn place_name(shown: &str, diagnostic: &Diagnostic) -> String {
    // BuildKit's parser names the line itself.
    let line = diagnostic.line.filter(|line| !diagnostic.message.contains(&format!("on line {line}: ")));
    line.map_or_else(|| format!("`{shown}`"), |line| format!("`{shown}` line {line}"))
}

fn refuse(diagnostics: &[Diagnostic], shown: &str, place: impl Fn(Span) -> Place) -> anyhow::Result<()> {
    let Some(error) = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error) else {
        return Ok(());
    };
    let mut fault = Fault::new(format!("{}: {}", place_name(shown, error), secret::mask(&error.message)));
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
pub(crate) fn in_dockerfile(dockerfile: &Dockerfile, span: Span) -> Place {
    let text = &dockerfile.text;
    let lines = lines_of(text, span);
    let near =
        dockerfile.instructions.iter().filter(|found| found.span.start < lines.end && lines.start < found.span.end);
    let mut secrets: Vec<Range<usize>> = near.flat_map(|instruction| secrets_of(text, instruction)).collect();
    secrets.extend(shifted(secret::places(&text[lines.clone()]), lines.start));
    Place { text: text.to_string(), span, secrets: joined(secrets) }
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
fn in_ignorefile(bytes: &[u8], span: Span) -> Place {
    let (front, rest) = bytes.split_at(span.start.min(bytes.len()));
    let (blamed, behind) = rest.split_at(span.end.saturating_sub(span.start).min(rest.len()));
    let [front, blamed, behind] = [front, blamed, behind].map(String::from_utf8_lossy);
    let span = Span::new(front.len(), front.len() + blamed.len());
    let text = [front, blamed, behind].concat();
    let lines = lines_of(&text, span);
    let secrets = shifted(secret::places(&text[lines.clone()]), lines.start);
    Place { text, span, secrets }
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
