//! All steps, stage by stage, folded away below the comment's first screen; stages of hits alone take one line
//! together. In go a [`Review`] and what the comment holds already, out comes Markdown that ends before the comment
//! grows too long, with a count of what it left out.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use planner::explanation::Status;

use super::escape::{Within, code};
use crate::render::review::{Review, Step, seconds};
use crate::render::text;

/// Characters of a whole comment. GitHub takes 65,536 of them, and has to be sent more bytes for some.
const N_CHARACTERS: usize = 30_000;
/// Characters for what closes the section.
const N_CLOSING: usize = 200;

/// Stages of hits alone that are named.
const N_QUIET: usize = 20;

/// Writes the steps; `n_behind` characters will follow.
pub(super) fn write(out: &mut String, review: &Review<'_>, n_behind: usize) {
    let _ = writeln!(out, "\n<details><summary>All {}</summary>", text::count(review.steps.len(), "step"));
    let stages = review.steps.chunk_by(|one, two| one.place == two.place);
    let (quiet, loud): (Vec<_>, Vec<_>) = stages.partition(|stage| stage.iter().all(is_quiet));
    let quiet = cached(&quiet);
    let n_taken = out.chars().count() + quiet.chars().count() + n_behind + N_CLOSING;
    let n_left_out = tables(out, review, &loud, N_CHARACTERS.saturating_sub(n_taken));
    if n_left_out > 0 {
        let verb = if n_left_out == 1 { "step is" } else { "steps are" };
        let why = "left out to keep this comment short; `stageplan plan` shows all";
        let _ = writeln!(out, "\n{n_left_out} more {verb} {why}.");
    }
    out.push_str(&quiet);
    out.push_str("\n</details>\n");
}

fn is_quiet(step: &Step<'_>) -> bool {
    step.report.status == Status::Hit && !step.report.stale_risk
}

/// The stages of hits alone.
fn cached(stages: &[&[Step<'_>]]) -> String {
    if stages.is_empty() {
        return String::new();
    }
    let named = stages.iter().take(N_QUIET).filter_map(|stage| {
        let name = code(&stage.first()?.stage, Within::Line);
        Some(format!("{name} ({})", text::count(stage.len(), "step")))
    });
    let mut named = named.collect::<Vec<_>>().join(", ");
    if let Some(left) = stages.get(N_QUIET..).filter(|left| !left.is_empty()) {
        let n_steps = left.iter().map(|stage| stage.len()).sum();
        let _ = write!(named, " and {} more ({})", text::count(left.len(), "stage"), text::count(n_steps, "step"));
    }
    format!("\n**Wholly cached:** {named}\n")
}

/// Writes a table for each stage while `n_left` characters last; says how many steps have no place in them.
fn tables(out: &mut String, review: &Review<'_>, stages: &[&[Step<'_>]], mut n_left: usize) -> usize {
    let mut n_left_out = stages.iter().map(|stage| stage.len()).sum();
    let is_timed = review.steps.iter().any(|step| step.report.seconds.is_some());
    let doomed: BTreeSet<&str> = review.doomed.iter().map(|index| review.steps[*index].name.as_str()).collect();
    for stage in stages {
        // The head waits for the first row that fits.
        let mut begun = head(stage, is_timed);
        for step in *stage {
            begun.push_str(&row(step, is_timed, doomed.contains(step.name.as_str())));
            let length = begun.chars().count();
            if length > n_left {
                return n_left_out;
            }
            n_left -= length;
            n_left_out -= 1;
            out.push_str(&std::mem::take(&mut begun));
        }
    }
    n_left_out
}

fn head(stage: &[Step<'_>], is_timed: bool) -> String {
    let Some(first) = stage.first() else { return String::new() };
    let base = if first.base.is_empty() { String::new() } else { format!(" from {}", code(first.base, Within::Line)) };
    let columns = if is_timed {
        "| Line | | Step | Last took |\n| ---: | --- | --- | ---: |\n"
    } else {
        "| Line | | Step |\n| ---: | --- | --- |\n"
    };
    format!("\n**Stage** {}{base}\n\n{columns}", code(&first.stage, Within::Line))
}

fn row(step: &Step<'_>, is_timed: bool, is_doomed: bool) -> String {
    let word = match step.report.status {
        Status::Hit if step.report.stale_risk => "cached, stale",
        Status::Hit => "cached",
        _ if step.fails() => "**fails**",
        _ if is_doomed => "not reached",
        Status::Miss => "**runs**",
        Status::Pending => "may run",
        _ => "unknown",
    };
    let took = step.report.seconds.map(seconds).unwrap_or_default();
    let took = if is_timed { format!(" {took} |") } else { String::new() };
    format!("| {} | {word} | {} |{took}\n", step.report.placed.line, code(&step.instruction(), Within::Cell))
}
