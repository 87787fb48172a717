//! All steps, stage by stage, folded away below the comment's first screen. In go a [`Forecast`] and what the comment
//! holds already, out comes Markdown that ends before the comment grows too long, with a count of what it left out.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use planner::cause::CauseKind;
use planner::explanation::{InstructionReport, StageReport, Status};

use super::escape::{Within, code};
use crate::forecast::Forecast;
use crate::render::review::{Review, seconds};
use crate::render::text;

/// Characters of a whole comment. GitHub takes 65,536 of them, and has to be sent more bytes for some.
const N_CHARACTERS: usize = 30_000;
/// Characters for what closes the section.
const N_CLOSING: usize = 200;

/// Writes the steps; `n_behind` characters will follow.
pub(super) fn write(out: &mut String, forecast: &Forecast, review: &Review<'_>, n_behind: usize) {
    let _ = writeln!(out, "\n<details><summary>All {}</summary>", text::count(review.steps.len(), "step"));
    let mut n_left = N_CHARACTERS.saturating_sub(out.chars().count() + n_behind + N_CLOSING);
    let failing: BTreeSet<&str> = review.failing().map(|step| step.name.as_str()).collect();
    let is_timed = review.steps.iter().any(|step| step.report.seconds.is_some());
    let mut n_shown = 0;
    let stages = forecast.explanation.targets.iter().flat_map(|target| &target.stages);
    'stages: for stage in stages.filter(|stage| stage.used) {
        let (head, rows) = table(stage, is_timed, &failing);
        let lengths = head.chars().count() + rows.first().map_or(0, |row| row.chars().count());
        if rows.is_empty() && head.is_empty() {
            continue;
        }
        // No stage is begun of which no row fits.
        if lengths > n_left {
            break;
        }
        n_left -= head.chars().count();
        out.push_str(&head);
        if rows.is_empty() {
            n_shown += shown(stage).count();
        }
        for row in rows {
            let length = row.chars().count();
            if length > n_left {
                break 'stages;
            }
            n_left -= length;
            n_shown += 1;
            out.push_str(&row);
        }
    }
    let n_left_out = review.steps.len() - n_shown;
    if n_left_out > 0 {
        let verb = if n_left_out == 1 { "step is" } else { "steps are" };
        let why = "left out to keep this comment short; `stageplan plan` shows all";
        let _ = writeln!(out, "\n{n_left_out} more {verb} {why}.");
    }
    out.push_str("\n</details>\n");
}

fn shown(stage: &StageReport) -> impl Iterator<Item = &InstructionReport> {
    stage.instructions.iter().filter(|step| !matches!(step.status, Status::None | Status::Unused))
}

/// What stands above the rows, and the rows; a stage of hits alone has none.
fn table(stage: &StageReport, is_timed: bool, failing: &BTreeSet<&str>) -> (String, Vec<String>) {
    let n_steps = shown(stage).count();
    if n_steps == 0 {
        return (String::new(), Vec::new());
    }
    let name = stage.name.clone().or(stage.index.map(|index| format!("stage {index}"))).unwrap_or_default();
    let mut head = format!("\n**Stage** {}", code(&name, Within::Line));
    if !stage.base.is_empty() {
        let _ = write!(head, " from {}", code(&stage.base, Within::Line));
    }
    let is_quiet = |step: &InstructionReport| step.status == Status::Hit && !step.stale_risk;
    if shown(stage).all(is_quiet) {
        let all = if n_steps == 1 { String::new() } else { "all ".to_owned() };
        let _ = writeln!(head, ": {}, {all}cached", text::count(n_steps, "step"));
        return (head, Vec::new());
    }
    head.push_str(if is_timed {
        "\n\n| Line | | Step | Last took |\n| ---: | --- | --- | ---: |\n"
    } else {
        "\n\n| Line | | Step |\n| ---: | --- | --- |\n"
    });
    (head, shown(stage).map(|step| row(step, is_timed, failing)).collect())
}

fn row(step: &InstructionReport, is_timed: bool, failing: &BTreeSet<&str>) -> String {
    let word = match step.status {
        Status::Hit if step.stale_risk => "cached, stale",
        Status::Hit => "cached",
        Status::Miss if step.causes.iter().any(|cause| cause.kind == CauseKind::SourceMissing) => "**fails**",
        Status::Miss if step.root.as_deref().is_some_and(|root| failing.contains(root)) => "not reached",
        Status::Miss => "**runs**",
        Status::Pending => "may run",
        _ => "unknown",
    };
    let trigger = if step.placed.trigger { "ONBUILD " } else { "" };
    let instruction = code(&format!("{trigger}{}", step.placed.text), Within::Cell);
    let took = step.seconds.map(seconds).unwrap_or_default();
    let took = if is_timed { format!(" {took} |") } else { String::new() };
    format!("| {} | {word} | {instruction} |{took}\n", step.placed.line)
}
