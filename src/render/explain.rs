//! The report of `explain`: the conclusion, then each step that will run for reasons of its own with those that
//! follow from it, then what is open, then what BuildKit will get wrong. In goes a [`Forecast`], out comes text of at
//! most 80 columns unless it is to be whole.

pub(in crate::render) mod files;
mod hint;
mod row;
mod told;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use planner::cause::CauseKind;
use planner::explanation::roots;
use planner::explanation::{Explanation, InstructionReport, StageReport, Status};
use planner::prediction::Gap;

use self::row::Rows;
use self::told::Told;
use super::cause::is_ignorefile;
use super::palette::{self, FAINT, HEADLINE};
use super::review::fails;
use super::{layout, text};
use crate::forecast::{Baseline, Forecast};

/// Columns of a report, without `--verbose`.
const N_COLUMNS: usize = 80;

/// The report as text; everything if `verbose`.
pub(crate) fn write(forecast: &Forecast, verbose: bool) -> String {
    let mut out = String::new();
    let steps = steps(forecast);
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{HEADLINE}{}{HEADLINE:#}", concluded(forecast, &steps));
    let rows = Rows::new(&steps, verbose);
    let reports: Vec<&InstructionReport> = steps.iter().map(|(_, step)| *step).collect();
    let drift = roots::drift(&reports);
    let mut told = Told::new(drift, verbose, rows.indent(), &forecast.roots);
    for group in roots::groups(&reports, |place| is_told_itself(&steps, place)) {
        let _ = writeln!(out);
        of_one_cause(&mut out, &rows, &group, &mut told);
    }
    let whole = forecast.whole.as_ref().map(steps_of);
    pending(&mut out, &rows, whole.as_ref().unwrap_or(&steps), &mut told);
    if forecast.gap.is_none() {
        unknown(&mut out, &rows, &mut told);
    }
    stale(&mut out, &rows, &mut told);
    if verbose {
        hits(&mut out, &rows);
    }
    taken_for_granted(&mut out, forecast);
    hint_line(&mut out, hint::of(forecast, &steps, drift).as_deref());
    out
}

/// Each step with its name, `stage:line`, in file order.
pub(crate) fn steps(forecast: &Forecast) -> Vec<(String, &InstructionReport)> {
    steps_of(&forecast.explanation)
}

fn steps_of(explanation: &Explanation) -> Vec<(String, &InstructionReport)> {
    let stages = explanation.stages().into_iter().map(|(_, stage)| stage);
    let named = |stage: &StageReport, step: &InstructionReport| {
        let stage_name = stage.name.clone().or(stage.index.map(|index| index.to_string())).unwrap_or_default();
        format!("{stage_name}:{}", step.placed.line)
    };
    let steps = stages.flat_map(|stage| stage.instructions.iter().map(move |step| (named(stage, step), step)));
    steps.filter(|(_, step)| !matches!(step.status, Status::None | Status::Unused)).collect()
}

/// One sentence that answers the question.
pub(crate) fn conclusion(forecast: &Forecast) -> String {
    concluded(forecast, &steps(forecast))
}

fn concluded(forecast: &Forecast, steps: &[(String, &InstructionReport)]) -> String {
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
    if let Some(failure) = failure(steps) {
        return format!("{failure}{stale}");
    }
    let mut parts = Vec::new();
    let reports: Vec<&InstructionReport> = steps.iter().map(|(_, step)| *step).collect();
    let is_root = |place: usize| reports[place].status == Status::Miss && reports[place].root.is_none();
    let roots = roots::groups(&reports, is_root).len();
    if count(Status::Miss) > 0 {
        let roots = if roots > 0 { format!(", {}", text::count(roots, "root cause")) } else { String::new() };
        let missing = steps.iter().filter(|(_, step)| step.status == Status::Miss);
        let seconds = sum(missing.map(|(_, step)| *step));
        let seconds = seconds.map(|(how, sum)| format!(" ({how} {sum})")).unwrap_or_default();
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
    format!("{}{stale}", parts.join("; "))
}

/// Where the build will fail, because a file is missing.
fn failure(steps: &[(String, &InstructionReport)]) -> Option<String> {
    let mut failing = steps.iter().filter(|(_, step)| fails(step));
    let (name, step) = failing.next()?;
    let cause = step.causes.iter().find(|cause| cause.kind == CauseKind::SourceMissing)?;
    let path = cause.path.as_ref().map(text::path).unwrap_or_default();
    let name = text::escape(name);
    let how = if is_ignorefile(cause) { "left out by the ignore file" } else { "missing" };
    let others = match failing.count() {
        0 => String::new(),
        n => format!(", and {}", text::count(n, "more step")),
    };
    let length = |text: &str| text.chars().count();
    let room = N_COLUMNS.saturating_sub("the build will fail at :  is ".len() + how.len());
    if length(&name) + length(&path) + length(&others) <= room {
        return Some(format!("the build will fail at {name}: {path} is {how}{others}"));
    }
    // The lines below tell of the others.
    let path = layout::cut_front(&path, (room / 2).max(room.saturating_sub(length(&name))));
    let name = layout::cut_front(&name, room.saturating_sub(length(&path)));
    Some(format!("the build will fail at {name}: {path} is {how}"))
}

/// The seconds of some steps, if any was timed, and how exact that is.
fn sum<'a>(steps: impl Iterator<Item = &'a InstructionReport>) -> Option<(&'static str, String)> {
    let (known, unknown): (Vec<_>, Vec<_>) = steps.map(|step| step.seconds).partition(Option::is_some);
    let sum = known.into_iter().flatten().reduce(|a, b| a + b)?;
    Some((if unknown.is_empty() { "about" } else { "at least" }, layout::seconds(sum)))
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

/// Whether a step runs for reasons of its own; what follows from a step that is shown stands below that one.
fn is_told_itself(steps: &[(String, &InstructionReport)], place: usize) -> bool {
    let runs = |step: &InstructionReport| step.status == Status::Miss;
    let is_told = |root: &str| steps.iter().any(|(name, step)| name == root && runs(step));
    let step = steps[place].1;
    runs(step) && !step.root.as_deref().is_some_and(is_told)
}

/// The first step of a cause, then the others that it makes run and what follows from any of them, in file order.
fn of_one_cause(out: &mut String, rows: &Rows<'_>, group: &[usize], told: &mut Told<'_>) {
    let Some(first) = group.first() else { return };
    let steps = rows.steps;
    let follows = |place: usize| {
        let root = steps[place].1.root.as_ref().filter(|_| steps[place].1.status == Status::Miss);
        root.is_some_and(|root| group.iter().any(|of| *of < place && steps[*of].0 == *root))
    };
    let mut reached = Vec::new();
    for place in *first..steps.len() {
        let (name, step) = &steps[place];
        if place == *first {
            rows.line(out, "runs", place);
            told.causes(out, name, step);
        } else if group.contains(&place) {
            rows.line(out, "also", place);
            told.again(out, name, (step, steps[*first].1));
        } else if follows(place) {
            rows.line(out, "then", place);
        } else {
            continue;
        }
        reached.extend(rows.is_reached(place).then_some(*step));
    }
    total(out, &reached);
}

/// Steps that may run, by the steps whose results decide.
fn pending(out: &mut String, rows: &Rows<'_>, whole: &[(String, &InstructionReport)], told: &mut Told<'_>) {
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for place in rows.with(Status::Pending) {
        let title = decider(whole, rows.steps[place].1);
        match groups.iter_mut().find(|(known, _)| *known == title) {
            Some((_, group)) => group.push(place),
            None => groups.push((title, vec![place])),
        }
    }
    for (title, group) in groups {
        heading(out, &title);
        for place in group {
            let (name, step) = &rows.steps[place];
            rows.line(out, "pending", place);
            if let Some(odds) = step.odds {
                let _ = writeln!(out, "{:1$}{FAINT}{2}{FAINT:#}", "", rows.indent(), text::odds(odds));
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
fn unknown(out: &mut String, rows: &Rows<'_>, told: &mut Told<'_>) {
    let places = rows.with(Status::Unknown);
    if !places.is_empty() {
        heading(out, "nobody can say");
    }
    for (index, place) in places.iter().enumerate() {
        let (name, step) = &rows.steps[*place];
        rows.line(out, "unknown", *place);
        if places.get(index + 1).is_none_or(|next| rows.steps[*next].1.causes != step.causes) {
            told.causes(out, name, step);
        }
    }
}

fn stale(out: &mut String, rows: &Rows<'_>, told: &mut Told<'_>) {
    if rows.steps.iter().any(|(_, step)| step.stale_risk) {
        heading(out, "BuildKit will not notice an edit, and take a stale result");
    }
    for (place, (name, step)) in rows.steps.iter().enumerate().filter(|(_, (_, step))| step.stale_risk) {
        rows.line(out, "stale", place);
        told.causes(out, name, step);
    }
}

fn hits(out: &mut String, rows: &Rows<'_>) {
    let places = rows.with(Status::Hit);
    if !places.is_empty() {
        heading(out, "taken from the cache");
    }
    places.into_iter().for_each(|place| rows.line(out, "hit", place));
}

fn heading(out: &mut String, title: &str) {
    let _ = writeln!(out, "\n{HEADLINE}{}{HEADLINE:#}", layout::wrap(title, N_COLUMNS).join("\n"));
}

/// The seconds of a root and all that follows from it, if several of them were timed.
fn total(out: &mut String, steps: &[&InstructionReport]) {
    let n_timed = steps.iter().filter(|step| step.seconds.is_some()).count();
    if let Some((how, sum)) = sum(steps.iter().copied()).filter(|_| n_timed > 1) {
        let how = if how == "about" { String::new() } else { format!("{how} ") };
        let sum = format!("{how}{sum} in all");
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
