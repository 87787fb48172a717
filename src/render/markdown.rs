//! The comment on a pull request: a hidden line by which a bot finds its own comment, the conclusion, what makes which
//! steps run, what is open, and all steps folded away. In go a [`Forecast`] and the [`Names`] of what is built, out
//! comes Markdown as GitHub and GitLab read it. Equal input gives equal text, and the length is bounded.

mod escape;
mod marker;
mod reasons;
mod findings;
mod steps;

use std::fmt::Write as _;

use planner::explanation::Status;
use planner::prediction::Gap;

use super::review::Review;
use super::text;
use crate::forecast::{Baseline, Forecast};
use crate::project::Names;

use escape::{Within, code};
use findings::{failure, listed, stages};

/// Notes that are told.
const N_NOTES: usize = 10;

/// The comment.
pub(crate) fn write(forecast: &Forecast, names: &Names) -> String {
    let review = Review::of(forecast);
    let subject = subject(names, forecast.narrowed.as_deref());
    let mut out = marker::write(names, forecast.narrowed.as_deref());
    // Writing into a String cannot fail.
    if forecast.gap.is_none() && forecast.all_hit() && review.stale().next().is_none() {
        let _ = writeln!(out, "{subject} {}.", calm(&review, forecast.narrowed.is_some(), &compared(forecast)));
        notes(&mut out, forecast);
        return out;
    }
    let _ = writeln!(out, "### {subject} {}", headline(&review, forecast.gap, forecast.narrowed.is_some()));
    if forecast.gap.is_some() {
        hint(&mut out, forecast.gap);
        notes(&mut out, forecast);
        return out;
    }
    findings::write(&mut out, &review);
    let mut end = footer(forecast);
    notes(&mut end, forecast);
    steps::write(&mut out, &review, end.chars().count());
    out + &end
}

/// What the comment is about.
fn subject(names: &Names, narrowed: Option<&str>) -> String {
    let dockerfile = names.dockerfile.as_deref().unwrap_or("Dockerfile from standard input");
    let mut subject = format!("Build of {}", code(dockerfile, Within::Line));
    if let Some(target) = &names.target {
        let _ = write!(subject, ", target {}", code(target, Within::Line));
    }
    if !names.is_beside() {
        let _ = write!(subject, ", context {}", code(&names.context, Within::Line));
    }
    if let Some(step) = narrowed {
        let _ = write!(subject, ", only step {}", code(step, Within::Line));
    }
    subject + ":"
}

fn calm(review: &Review<'_>, is_narrowed: bool, compared: &str) -> String {
    let compared = if compared.is_empty() { String::new() } else { format!(", compared{compared}") };
    match review.steps.len() {
        0 if is_narrowed => "it makes no step".to_owned(),
        1 if is_narrowed => format!("it stays cached{compared}"),
        n if is_narrowed => format!("all {n} stay cached{compared}"),
        0 => "no step is made".to_owned(),
        1 => format!("everything stays cached (1 step{compared})"),
        n => format!("everything stays cached ({n} steps{compared})"),
    }
}

/// The answer in one line.
fn headline(review: &Review<'_>, gap: Option<Gap>, is_narrowed: bool) -> String {
    match gap {
        Some(Gap::UnknownFrontend) => return "nobody can say what stays cached".to_owned(),
        Some(_) => return "nothing to compare with".to_owned(),
        None => {}
    }
    match review.failing().next() {
        None => tally(review, is_narrowed),
        Some(first) => format!("it will fail at {}", failure(first)),
    }
}

/// How many steps run again, where, how long that takes, and what stays.
fn tally(review: &Review<'_>, is_narrowed: bool) -> String {
    let (misses, n_hits) = (review.with(Status::Miss), review.with(Status::Hit).len());
    let (n_open, n_unknown) = (review.with(Status::Pending).len(), review.with(Status::Unknown).len());
    let mut tally = match misses.len() {
        0 if n_open + n_unknown > 0 => "no step is sure to run again".to_owned(),
        0 => "no step runs again".to_owned(),
        n if n == review.steps.len() && is_narrowed => {
            let runs = if n == 1 { "runs" } else { "run" };
            format!("{} {runs} again", text::count(n, "step"))
        }
        n => format!("{n} of {} again in {}", verb(review.steps.len(), n), stages(review, &misses)),
    };
    if let Some(time) = review.time(&misses).told() {
        let _ = write!(tally, ", {time}");
    }
    if n_open > 0 {
        let more = if misses.is_empty() { "" } else { " more" };
        let _ = write!(tally, "; {n_open}{more} may");
    }
    if n_unknown > 0 {
        let _ = write!(tally, "; of {n_unknown} nobody can say");
    }
    let _ = match n_hits {
        0 if is_narrowed => Ok(()),
        0 if n_open + n_unknown > 0 => write!(tally, "; none is sure to stay cached"),
        0 => write!(tally, "; nothing stays cached"),
        1 => write!(tally, "; 1 stays cached"),
        n => write!(tally, "; {n} stay cached"),
    };
    match review.stale().count() {
        0 => {}
        n => {
            let _ = write!(tally, ", {n} of them with a stale result");
        }
    }
    tally
}

/// `12 steps run`, `12 steps runs` for one of them.
fn verb(n_all: usize, n: usize) -> String {
    format!("{} {}", text::count(n_all, "step"), if n == 1 { "runs" } else { "run" })
}

/// What to do where nothing could be said.
fn hint(out: &mut String, gap: Option<Gap>) {
    let hint = match gap {
        Some(Gap::UnknownFrontend) => "The `# syntax=` line names a frontend whose rules are not known.",
        _ => {
            "`stageplan plan --since REVISION` compares with a git revision; `stageplan record` takes a build as done."
        }
    };
    let _ = writeln!(out, "\n{hint}");
}

/// What the answer is told against, and what it takes for granted.
fn footer(forecast: &Forecast) -> String {
    let mut sentences = Vec::new();
    let compared = compared(forecast);
    if !compared.is_empty() {
        sentences.push(format!("Compared{compared}."));
    }
    if !forecast.unmoved.is_empty() {
        let images = forecast.unmoved.iter().map(|image| code(image, Within::Line));
        sentences.push(format!("Base images were not looked up, and are taken as unmoved: {}.", listed(images)));
    }
    if sentences.is_empty() { String::new() } else { format!("\n{}\n", sentences.join(" ")) }
}

/// ` with commit …`; nothing that two runs on one state would tell differently.
fn compared(forecast: &Forecast) -> String {
    match &forecast.baseline {
        Baseline::None => String::new(),
        Baseline::Record { .. } => " with the last recorded build".to_owned(),
        Baseline::Git { id, .. } => format!(" with commit {}", code(id.get(..12).unwrap_or(id), Within::Line)),
    }
}

/// What was taken for granted.
fn notes(out: &mut String, forecast: &Forecast) {
    for note in forecast.notes.iter().take(N_NOTES) {
        let _ = writeln!(out, "\nNote: {}", escape::note(note));
    }
    if forecast.lost && forecast.gap.is_none() {
        out.push_str("\nNote: recorded builds were lost, so some steps may be cached that nobody knows of.\n");
    }
}

#[cfg(test)]
mod tests;
