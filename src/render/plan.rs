//! The report of `plan`: the conclusion, a drawing of the stages side by side, then every stage with its steps and
//! what they read. In goes a [`Forecast`], out comes text of 80 columns, on one screen for ordinary files. Which
//! steps run, which wait, and which are on the critical path was decided before.

mod lanes;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use planner::explanation::{InstructionReport, StageReport, Status, TargetReport};
use planner::plan::Plan;

use super::explain::{closing, conclusion};
use super::palette::{self, FAINT, HEADLINE};
use super::review::{fails, unreached};
use super::{layout, text};
use crate::forecast::Forecast;

/// Columns of a line without `--verbose`.
const N_COLUMNS: usize = 80;
/// Columns before an instruction: the status, the line, the mark of the critical path.
const N_BEFORE: usize = 15;
/// Stages of hits alone that are named one by one where they stand together.
const N_FOLDED: usize = 4;

/// What is shown of every step.
struct Page<'a> {
    /// The vertices that the build does not come to.
    unreached: &'a BTreeSet<usize>,
    is_whole: bool,
    verbose: bool,
}

/// The report as text; stages and instructions that make no step, and the steps of stages of hits alone, too if `verbose`.
pub(crate) fn write(forecast: &Forecast, verbose: bool) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{HEADLINE}{}{HEADLINE:#}", conclusion(forecast));
    let is_whole = verbose || forecast.all_hit();
    let unreached = unreached(&forecast.explanation);
    let page = Page { unreached: &unreached, is_whole, verbose };
    let stages = forecast.stages();
    let targets = &forecast.explanation.targets;
    for (place, target) in targets.iter().enumerate() {
        if targets.len() > 1 {
            target_line(&mut out, target);
        }
        lanes::draw(&mut out, target, verbose);
        path_line(&mut out, target);
        let own = stages.iter().filter(|(of, _)| *of == place).map(|(_, stage)| *stage);
        let shown: Vec<&StageReport> = own.filter(|stage| (stage.used && stage.index.is_some()) || verbose).collect();
        above_line(&mut out, target, &shown);
        for run in shown.chunk_by(|one, other| !is_whole && is_all_hit(one) && is_all_hit(other)) {
            let _ = writeln!(out);
            write_stages(&mut out, run, &page);
        }
    }
    closing(&mut out, forecast);
    out
}

/// The head of a target, where there are several.
fn target_line(out: &mut String, target: &TargetReport) {
    let _ = writeln!(out, "\n{HEADLINE}target {}{HEADLINE:#}", text::escape(&target.stage));
}

/// The stages of a target that stand with another one above.
fn above_line(out: &mut String, target: &TargetReport, shown: &[&StageReport]) {
    let is_shown = |stage: &&StageReport| shown.iter().any(|shown| shown.index == stage.index);
    let above = target.stages.iter().filter(|stage| stage.used && stage.index.is_some() && !is_shown(stage));
    let above: Vec<String> = above.map(name).collect();
    if !above.is_empty() {
        let verb = if above.len() == 1 { "stands" } else { "stand" };
        let line = format!("{} {verb} above", above.join(", "));
        let lines = layout::wrap(&line, N_COLUMNS - 2);
        let _ = writeln!(out, "\n{FAINT}{}{FAINT:#}", lines.join("\n  "));
    }
}

/// The critical path as `build:15-18 → runtime:25`, what it takes, and how wide the build is.
fn path_line(out: &mut String, target: &TargetReport) {
    let plan = &target.plan;
    if plan.width == 0 {
        return;
    }
    let runs =
        if plan.width == 1 { "one step at a time".to_owned() } else { format!("at most {} at once", plan.width) };
    let took = took(plan).map(|took| format!("; {took}")).unwrap_or_default();
    let line = format!("* critical path: {}; {runs}{took}", critical_path(target));
    let short = format!("* critical path: {}; {runs}{took}", text::count(plan.critical.len(), "step"));
    let line = if line.chars().count() > N_COLUMNS { short } else { line };
    let _ = writeln!(out, "{line}");
}

/// How long the build takes, where steps were timed: from what certainly runs to what may.
fn took(plan: &Plan) -> Option<String> {
    let least = text::seconds(plan.least_seconds);
    match plan.seconds.map(text::seconds) {
        Some(most) if most == least => Some(format!("about {most}")),
        Some(most) if plan.least_seconds > 0.0 => Some(format!("{least} to {most}")),
        Some(most) => Some(format!("up to {most}")),
        None if plan.least_seconds > 0.0 => Some(format!("at least {least}")),
        None => None,
    }
}

/// The lines of the critical path by stage; steps that follow each other there are one range. Stages stand in file
/// order, which is the order of a chain, too: a stage takes only from those above it.
fn critical_path(target: &TargetReport) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut named = BTreeSet::new();
    for stage in &target.stages {
        let steps = stage.instructions.iter().filter(|step| !matches!(step.status, Status::None | Status::Unused));
        let steps: Vec<(bool, u32)> = steps
            .map(|step| (step.critical && step.placed.step.is_some_and(|id| named.insert(id)), step.placed.line))
            .collect();
        let runs = steps.chunk_by(|one, other| one.0 == other.0).filter(|run| run[0].0);
        let ranges: Vec<String> = runs
            .map(|run| match (run[0].1, run[run.len() - 1].1) {
                (first, last) if first == last => first.to_string(),
                (first, last) => format!("{first}-{last}"),
            })
            .collect();
        if !ranges.is_empty() {
            let index = stage.index.map(|index| index.to_string());
            let name = text::escape(&stage.name.clone().or(index).unwrap_or_default());
            parts.push(format!("{name}:{}", ranges.join(",")));
        }
    }
    parts.join(" → ")
}

fn is_all_hit(stage: &StageReport) -> bool {
    let mut steps = stage.instructions.iter().filter(|step| step.status != Status::None).peekable();
    steps.peek().is_some() && steps.all(|step| step.status == Status::Hit)
}

/// What a stage is called, safe to show.
fn name(stage: &StageReport) -> String {
    let name = stage.name.clone().or(stage.index.map(|index| format!("stage {index}")));
    text::escape(&name.unwrap_or_else(|| "before the first stage".to_owned()))
}

/// Stages that stand together: one, or several of hits alone; of many of those only the first and the last are named.
fn write_stages(out: &mut String, stages: &[&StageReport], page: &Page<'_>) {
    if let ([first, .., last], true) = (stages, stages.len() > N_FOLDED) {
        let stages = text::count(stages.len(), "stage");
        let _ = writeln!(
            out,
            "{HEADLINE}{}{HEADLINE:#} to {HEADLINE}{}{HEADLINE:#}: {stages}, all hit",
            name(first),
            name(last)
        );
        return;
    }
    for stage in stages {
        write_stage(out, stage, !page.is_whole && is_all_hit(stage), page);
    }
}

/// A stage; a folded one, of hits alone, takes one line.
fn write_stage(out: &mut String, stage: &StageReport, is_folded: bool, page: &Page<'_>) {
    let shown: Vec<&InstructionReport> =
        stage.instructions.iter().filter(|step| page.verbose || step.status != Status::None).collect();
    let name = name(stage);
    let base = if stage.base.is_empty() { String::new() } else { format!(" from {}", text::escape(&stage.base)) };
    let unused = if stage.used { "" } else { ", not needed" };
    let hits = if is_folded { format!(": {}, all hit", text::count(shown.len(), "step")) } else { String::new() };
    let _ = writeln!(out, "{HEADLINE}{name}{HEADLINE:#}{FAINT}{base}{unused}{FAINT:#}{hits}");
    if !is_folded {
        shown.iter().for_each(|step| write_step(out, step, page));
    }
}

/// A step; what it reads and took stands at the end of the line if there is room, else below.
fn write_step(out: &mut String, step: &InstructionReport, page: &Page<'_>) {
    let style = palette::of_status(step.status);
    let left = N_COLUMNS - N_BEFORE;
    let trigger = if step.placed.trigger { "ONBUILD " } else { "" };
    let whole = format!("{trigger}{}", text::escape(&step.placed.text));
    let instruction = if page.verbose { whole } else { text::cut(&whole, left) };
    let mark = if is_marked(step) { '*' } else { ' ' };
    let status = if fails(step) { "fails" } else { step.status.name() };
    let _ = write!(out, "{style}{status:<8}{style:#}{FAINT}{:>4}{FAINT:#} {mark} {instruction}", step.placed.line);
    let details = details(step, page).join("; ");
    let (n_used, n_more) = (instruction.chars().count(), details.chars().count());
    if details.is_empty() {
        let _ = writeln!(out);
    } else if n_used + 2 + n_more <= left {
        let _ = writeln!(out, "{FAINT}{details:>width$}{FAINT:#}", width = left - n_used);
    } else {
        let _ = writeln!(out, "\n{:N_BEFORE$}{FAINT}{details}{FAINT:#}", "");
    }
}

/// Whether a step is marked as one of the critical path; where all hit, nothing is critical.
fn is_marked(step: &InstructionReport) -> bool {
    step.critical && step.status != Status::Hit
}

fn details(step: &InstructionReport, page: &Page<'_>) -> Vec<String> {
    let mut details = Vec::new();
    if step.reads.files > 0 {
        let (files, bytes) = (text::count(step.reads.files, "file"), text::bytes(step.reads.bytes));
        details.push(format!("reads {files}, {bytes}"));
    }
    if step.placed.step.is_some_and(|id| page.unreached.contains(&id)) {
        details.push("not reached".to_owned());
    } else if let Some(seconds) = step.seconds.filter(|_| step.status != Status::Hit) {
        details.push(text::seconds(seconds));
    }
    details.extend(step.odds.map(text::odds));
    if page.verbose && !step.waits_for.is_empty() {
        let names: Vec<String> = step.waits_for.iter().map(|name| text::escape(name)).collect();
        details.push(format!("waits for {}", names.join(", ")));
    }
    details
}

#[cfg(test)]
mod tests {
    use planner::plan::Plan;

    use super::took;

    #[test]
    fn a_time_is_told_only_as_far_as_it_is_known() {
        let cases = [
            (48.0, Some(48.2), Some("about 48 s")),
            (40.0, Some(52.0), Some("40 s to 52 s")),
            (0.0, Some(52.0), Some("up to 52 s")),
            (12.0, None, Some("at least 12 s")),
            (0.0, None, None),
        ];
        for (least_seconds, seconds, told) in cases {
            assert_eq!(took(&Plan { least_seconds, seconds, ..Plan::default() }).as_deref(), told);
        }
    }
}
