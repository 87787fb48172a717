//! The report of `explain`: the conclusion, then each step that will run for reasons of its own with those that
//! follow from it, then what is open, then what BuildKit will get wrong. In goes a [`Forecast`], out comes text of at
//! most 80 columns unless it is to be whole.

pub(in crate::render) mod files;
mod hint;
mod told;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use planner::cause::CauseKind;
use planner::explanation::roots;
use planner::explanation::{InstructionReport, StageReport, Status};
use planner::prediction::Gap;

use self::told::Told;
use super::palette::{self, FAINT, HEADLINE};
use super::{layout, text};
use crate::forecast::{Baseline, Forecast};

/// Columns of a report, without `--verbose`.
const N_COLUMNS: usize = 80;
/// Columns for `stage:line`.
const NAME_COLUMNS: usize = 12;
/// Columns before a cause.
const INDENT: usize = 21;

/// The report as text; everything if `verbose`.
pub(crate) fn write(forecast: &Forecast, verbose: bool) -> String {
    let mut out = String::new();
    let steps = steps(forecast);
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{HEADLINE}{}{HEADLINE:#}", conclusion(forecast));
    let reports: Vec<&InstructionReport> = steps.iter().map(|(_, step)| *step).collect();
    let drift = roots::drift(&reports);
    let mut told = Told::new(drift, verbose, &forecast.roots);
    for group in roots::groups(&reports, |place| is_told_itself(&steps, place)) {
        let _ = writeln!(out);
        of_one_cause(&mut out, &steps, &group, &mut told, verbose);
    }
    pending(&mut out, &steps, &mut told, verbose);
    if forecast.gap.is_none() {
        unknown(&mut out, &steps, &mut told, verbose);
    }
    stale(&mut out, &steps, &mut told, verbose);
    if verbose {
        section(&mut out, &steps, Status::Hit, "taken from the cache");
    }
    taken_for_granted(&mut out, forecast);
    hint_line(&mut out, hint::of(forecast, &steps, drift).as_deref());
    out
}

/// Each step with its name, `stage:line`, in file order.
pub(crate) fn steps(forecast: &Forecast) -> Vec<(String, &InstructionReport)> {
    let stages = forecast.stages().into_iter().map(|(_, stage)| stage);
    let named = |stage: &StageReport, step: &InstructionReport| {
        let stage_name = stage.name.clone().or(stage.index.map(|index| index.to_string())).unwrap_or_default();
        format!("{stage_name}:{}", step.placed.line)
    };
    let steps = stages.flat_map(|stage| stage.instructions.iter().map(move |step| (named(stage, step), step)));
    steps.filter(|(_, step)| !matches!(step.status, Status::None | Status::Unused)).collect()
}

/// One sentence that answers the question.
pub(crate) fn conclusion(forecast: &Forecast) -> String {
    let steps = steps(forecast);
    let count = |status| steps.iter().filter(|(_, step)| step.status == status).count();
    let (all, hits) = (text::count(steps.len(), "step"), count(Status::Hit));
    let n_stale = steps.iter().filter(|(_, step)| step.stale_risk).count();
    let stale = if n_stale > 0 { format!("; {n_stale} with a stale result") } else { String::new() };
    match forecast.gap {
        Some(Gap::UnknownFrontend) => return "nobody can say: another frontend reads this Dockerfile".to_owned(),
        Some(_) => return "nothing is recorded for this project yet".to_owned(),
        None if steps.is_empty() => return unneeded(forecast).unwrap_or_else(|| "no step is made here".to_owned()),
        None if hits == 1 && steps.len() == 1 => return format!("the step will come from the cache{stale}"),
        None if hits == steps.len() => return format!("all {all} will come from the cache{stale}"),
        None => {}
    }
    let mut parts = Vec::new();
    let reports: Vec<&InstructionReport> = steps.iter().map(|(_, step)| *step).collect();
    let is_root = |place: usize| reports[place].status == Status::Miss && reports[place].root.is_none();
    let roots = roots::groups(&reports, is_root).len();
    if count(Status::Miss) > 0 {
        let roots = if roots > 0 { format!(", {}", text::count(roots, "root cause")) } else { String::new() };
        let missing = steps.iter().filter(|(_, step)| step.status == Status::Miss);
        let seconds = missing.filter_map(|(_, step)| step.seconds).reduce(|a, b| a + b);
        let seconds = seconds.map(|sum| format!(" (about {})", layout::seconds(sum))).unwrap_or_default();
        parts.push(format!("{} of {all} will run{seconds}{roots}", count(Status::Miss)));
    } else {
        parts.push(format!("none of {all} is sure to run"));
    }
    if count(Status::Pending) > 0 {
        parts.push(format!("{} may", count(Status::Pending)));
    }
    if count(Status::Unknown) > 0 {
        parts.push(format!("of {} nobody can say", count(Status::Unknown)));
    }
    if steps.iter().any(|(_, step)| is_missing_source(step)) {
        parts.push("the build will fail".to_owned());
    }
    format!("{}{stale}", parts.join("; "))
}

/// What is said of a step that was asked for and that the target does not need.
pub(crate) fn unneeded(forecast: &Forecast) -> Option<String> {
    forecast.narrowed.as_ref()?;
    let mut targets = forecast.explanation.targets.iter();
    targets.find_map(|target| {
        let stage = target.stages.iter().find(|stage| !stage.used && stage.index.is_some())?;
        let line = stage.instructions.first()?.placed.line;
        let (name, hint) = match &stage.name {
            Some(name) => (name.clone(), format!("; add --target {}", text::escape(name))),
            None => (stage.index?.to_string(), String::new()),
        };
        let (name, target) = (text::escape(&name), text::escape(&target.stage));
        Some(format!("{name}:{line} is not needed for target {target}{hint}"))
    })
}

fn is_missing_source(step: &InstructionReport) -> bool {
    step.causes.iter().any(|cause| cause.kind == CauseKind::SourceMissing)
}

/// Whether a step runs for reasons of its own; what follows from a step that is shown stands below that one.
fn is_told_itself(steps: &[(String, &InstructionReport)], place: usize) -> bool {
    let runs = |step: &InstructionReport| step.status == Status::Miss;
    let is_told = |root: &str| steps.iter().any(|(name, step)| name == root && runs(step));
    let step = steps[place].1;
    runs(step) && !step.root.as_deref().is_some_and(is_told)
}

/// The first step of a cause, the others that it makes run, and what follows from each.
fn of_one_cause(
    out: &mut String,
    steps: &[(String, &InstructionReport)],
    group: &[usize],
    told: &mut Told<'_>,
    verbose: bool,
) {
    let mut all = Vec::new();
    for place in group {
        let (name, step) = &steps[*place];
        match group.first().filter(|first| *first != place) {
            None => {
                line(out, "runs", name, step, verbose);
                told.causes(out, name, step);
            }
            Some(first) => {
                line(out, "also", name, step, verbose);
                told.again(out, name, (step, steps[*first].1));
            }
        }
        all.push(*step);
        let followers = steps.iter().skip(place + 1).filter(|(_, other)| other.root.as_ref() == Some(name));
        for (other, follower) in followers.filter(|(_, other)| other.status == Status::Miss) {
            line(out, "then", other, follower, verbose);
            all.push(follower);
        }
    }
    total(out, all.into_iter());
}

/// Steps that may run, by the steps whose results decide.
fn pending(out: &mut String, steps: &[(String, &InstructionReport)], told: &mut Told<'_>, verbose: bool) {
    let mut groups: Vec<(String, Vec<&(String, &InstructionReport)>)> = Vec::new();
    for step in steps.iter().filter(|(_, step)| step.status == Status::Pending) {
        let title = decider(steps, step.1);
        match groups.iter_mut().find(|(known, _)| *known == title) {
            Some((_, group)) => group.push(step),
            None => groups.push((title, vec![step])),
        }
    }
    for (title, group) in groups {
        heading(out, &title);
        for (name, step) in group {
            line(out, "pending", name, step, verbose);
            if let Some(odds) = step.odds {
                let _ = writeln!(out, "{:INDENT$}{FAINT}{}{FAINT:#}", "", text::odds(odds));
            }
            if !step.causes.iter().all(|cause| cause.kind == CauseKind::Upstream) {
                told.causes(out, name, step);
            }
        }
    }
}

fn decider(steps: &[(String, &InstructionReport)], step: &InstructionReport) -> String {
    if step.causes.first().is_some_and(|cause| cause.kind != CauseKind::Upstream) {
        return "one of these is the same step as another, and only one of them runs".to_owned();
    }
    let mut names = BTreeSet::new();
    let mut open = vec![step];
    let mut seen = BTreeSet::new();
    while let Some(step) = open.pop() {
        let inputs = step.waits_for.iter().filter(|name| seen.insert((*name).clone()));
        for (name, input) in inputs.filter_map(|name| steps.iter().find(|(known, _)| known == name)) {
            match input.status {
                Status::Pending => open.push(input),
                Status::Miss | Status::Unknown => drop(names.insert(name.clone())),
                _ => {}
            }
        }
    }
    if names.is_empty() {
        names.extend(step.root.clone());
    }
    let names: Vec<String> = names.iter().map(|name| text::escape(name)).collect();
    match names.as_slice() {
        [] => "decided by what a step before it makes".to_owned(),
        [name] => format!("decided by what {name} makes"),
        names => format!("decided by what {} make", names.join(" and ")),
    }
}

/// Steps of which nobody can say, each reason once.
fn unknown(out: &mut String, steps: &[(String, &InstructionReport)], told: &mut Told<'_>, verbose: bool) {
    let of_status: Vec<_> = steps.iter().filter(|(_, step)| step.status == Status::Unknown).collect();
    if !of_status.is_empty() {
        heading(out, "nobody can say");
    }
    for (index, (name, step)) in of_status.iter().enumerate() {
        line(out, "unknown", name, step, verbose);
        if of_status.get(index + 1).is_none_or(|(_, next)| next.causes != step.causes) {
            told.causes(out, name, step);
        }
    }
}

fn stale(out: &mut String, steps: &[(String, &InstructionReport)], told: &mut Told<'_>, verbose: bool) {
    let of_status: Vec<_> = steps.iter().filter(|(_, step)| step.stale_risk).collect();
    if !of_status.is_empty() {
        heading(out, "BuildKit will not notice an edit, and take a stale result");
    }
    for (name, step) in of_status {
        line(out, "stale", name, step, verbose);
        told.causes(out, name, step);
    }
}

fn section(out: &mut String, steps: &[(String, &InstructionReport)], status: Status, title: &str) {
    let of_status: Vec<_> = steps.iter().filter(|(_, step)| step.status == status).collect();
    if !of_status.is_empty() {
        heading(out, title);
    }
    of_status.iter().for_each(|(name, step)| line(out, status.name(), name, step, true));
}

fn heading(out: &mut String, title: &str) {
    let _ = writeln!(out, "\n{HEADLINE}{}{HEADLINE:#}", layout::wrap(title, N_COLUMNS).join("\n"));
}

/// `word  stage:line  INSTRUCTION`.
fn line(out: &mut String, word: &str, name: &str, step: &InstructionReport, verbose: bool) {
    named_line(out, word, &format!("{:<NAME_COLUMNS$}", text::escape(name)), step, verbose);
}

/// `word  name  INSTRUCTION  seconds`; the name is safe to show, and as wide as its column.
pub(crate) fn named_line(out: &mut String, word: &str, name: &str, step: &InstructionReport, verbose: bool) {
    let style = palette::of_status(step.status);
    let trigger = if step.placed.trigger { "ONBUILD " } else { "" };
    let seconds = step.seconds.map(|seconds| format!("  {}", layout::seconds(seconds))).unwrap_or_default();
    let taken = 9 + name.chars().count() + seconds.chars().count();
    let left = N_COLUMNS.saturating_sub(taken).max(N_COLUMNS / 4);
    let instruction = format!("{trigger}{}", text::escape(&step.placed.text));
    let instruction = if verbose { instruction } else { layout::cut(&instruction, left) };
    let padding = if seconds.is_empty() { 0 } else { left.saturating_sub(instruction.chars().count()) };
    let _ = writeln!(
        out,
        "{style}{word:<8}{style:#}{FAINT}{name}{FAINT:#} {instruction}{:padding$}{FAINT}{seconds}{FAINT:#}",
        ""
    );
}

/// The seconds of a root and all that follows from it, if several of them were timed.
fn total<'a>(out: &mut String, steps: impl Iterator<Item = &'a InstructionReport>) {
    let seconds: Vec<f64> = steps.filter_map(|step| step.seconds).collect();
    if seconds.len() > 1 {
        let sum = format!("{} in all", layout::seconds(seconds.iter().sum()));
        let _ = writeln!(out, "{FAINT}{sum:>N_COLUMNS$}{FAINT:#}");
    }
}

/// What the answer takes for granted, and what to do where nothing could be said.
pub(crate) fn closing(out: &mut String, forecast: &Forecast) {
    taken_for_granted(out, forecast);
    let hint = match forecast.gap {
        Some(Gap::NeverRecorded) => Some(hint::never_recorded()),
        None if forecast.lost => Some(hint::lost()),
        _ => None,
    };
    hint_line(out, hint);
}

fn hint_line(out: &mut String, hint: Option<&str>) {
    let style = palette::HINT;
    if let Some(hint) = hint {
        let lines = layout::wrap(hint, N_COLUMNS - "hint: ".len());
        let _ = writeln!(out, "\n{style}hint{style:#}: {}", lines.join("\n      "));
    }
}

/// What the answer takes for granted.
fn taken_for_granted(out: &mut String, forecast: &Forecast) {
    let write = |out: &mut String, text: &str| {
        for (index, line) in layout::wrap(text, N_COLUMNS - 2).iter().enumerate() {
            let _ = writeln!(out, "{FAINT}{}{line}{FAINT:#}", if index > 0 { "  " } else { "" });
        }
    };
    if matches!(forecast.baseline, Baseline::Git { .. }) || !forecast.notes.is_empty() {
        let _ = writeln!(out);
    }
    if let Baseline::Git { id, committed_at } = &forecast.baseline {
        let id = id.get(..12).unwrap_or(id);
        write(out, &format!("note: compared with commit {id} of {committed_at}"));
    }
    for note in &forecast.notes {
        write(out, &format!("note: {}", text::escape(note)));
    }
    if forecast.gap.is_none() && !forecast.unmoved.is_empty() {
        let images = text::escape(&forecast.unmoved.join(", "));
        let _ = writeln!(out);
        write(out, &format!("not looked up, taken as unmoved: {images}"));
    }
}
