//! The report of `explain`: the conclusion, then each step that will run for reasons of its own with those that
//! follow from it, then what is open, then what BuildKit will get wrong. In goes a [`Forecast`], out comes text.

use std::fmt::Write as _;

use planner::cause::{Cause, CauseKind};
use planner::explanation::{InstructionReport, StageReport, Status};
use planner::prediction::Gap;

use super::palette::{self, FAINT, HEADLINE};
use super::text;
use crate::forecast::{Baseline, Forecast};

/// Causes of one step that are shown without `--verbose`.
const N_CAUSES: usize = 4;
/// Characters of a value that are shown without `--verbose`.
const N_CHARACTERS: usize = 72;
/// Columns of a line that names a step, without `--verbose`.
const N_COLUMNS: usize = 80;
/// Columns for `stage:line`.
const NAME_COLUMNS: usize = 12;

/// The report as text; everything if `verbose`.
pub(crate) fn write(forecast: &Forecast, verbose: bool) -> String {
    let mut out = String::new();
    let steps = steps(forecast);
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{HEADLINE}{}{HEADLINE:#}", conclusion(forecast));
    let is_told = |root: &str| steps.iter().any(|(name, step)| name == root && step.status == Status::Miss);
    for (index, (name, step)) in steps.iter().enumerate().filter(|(_, (_, step))| step.status == Status::Miss) {
        // What follows from a step that is shown stands below that one.
        if step.root.as_deref().is_some_and(is_told) {
            continue;
        }
        let _ = writeln!(out);
        line(&mut out, "runs", name, step, verbose);
        causes(&mut out, step, verbose);
        let followers = steps.iter().skip(index + 1).filter(|(_, other)| other.root.as_deref() == Some(name));
        for (other, follower) in followers.filter(|(_, other)| other.status == Status::Miss) {
            line(&mut out, "then", other, follower, verbose);
        }
    }
    section(&mut out, &steps, Status::Pending, "decided by what a step before it makes", verbose);
    if forecast.gap.is_none() {
        section(&mut out, &steps, Status::Unknown, "nobody can say", verbose);
    }
    stale(&mut out, &steps, verbose);
    if verbose {
        section(&mut out, &steps, Status::Hit, "taken from the cache", verbose);
    }
    closing(&mut out, forecast);
    out
}

/// Each step with its name, `stage:line`, in file order.
pub(crate) fn steps(forecast: &Forecast) -> Vec<(String, &InstructionReport)> {
    let stages = forecast.explanation.targets.iter().flat_map(|target| &target.stages);
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
    match forecast.gap {
        Some(Gap::UnknownFrontend) => return "nobody can say: another frontend reads this Dockerfile".to_owned(),
        Some(_) => return "nothing is recorded for this project yet".to_owned(),
        None if steps.is_empty() => return "no step is made here".to_owned(),
        None if hits == 1 && steps.len() == 1 => return "the step will come from the cache".to_owned(),
        None if hits == steps.len() => return format!("all {all} will come from the cache"),
        None => {}
    }
    let mut parts = Vec::new();
    let roots = steps.iter().filter(|(_, step)| step.status == Status::Miss && step.root.is_none()).count();
    if count(Status::Miss) > 0 {
        let roots = if roots > 0 { format!(", {}", text::count(roots, "root cause")) } else { String::new() };
        parts.push(format!("{} of {all} will run{roots}", count(Status::Miss)));
    } else {
        parts.push(format!("none of {all} is sure to run"));
    }
    if count(Status::Pending) > 0 {
        parts.push(format!("{} may", count(Status::Pending)));
    }
    if count(Status::Unknown) > 0 {
        parts.push(format!("of {} nobody can say", count(Status::Unknown)));
    }
    let fails = steps.iter().any(|(_, step)| is_missing_source(step));
    if fails {
        parts.push("the build will fail".to_owned());
    }
    parts.join("; ")
}

fn is_missing_source(step: &InstructionReport) -> bool {
    step.causes.iter().any(|cause| cause.kind == CauseKind::SourceMissing)
}

fn section(out: &mut String, steps: &[(String, &InstructionReport)], status: Status, title: &str, verbose: bool) {
    let of_status: Vec<_> = steps.iter().filter(|(_, step)| step.status == status).collect();
    if of_status.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{HEADLINE}{title}{HEADLINE:#}");
    for (name, step) in of_status {
        line(out, status.name(), name, step, verbose);
        if status == Status::Unknown {
            causes(out, step, verbose);
        }
    }
}

fn stale(out: &mut String, steps: &[(String, &InstructionReport)], verbose: bool) {
    for (name, step) in steps.iter().filter(|(_, step)| step.stale_risk) {
        let _ = writeln!(out, "\n{HEADLINE}BuildKit will not notice an edit, and take a stale result{HEADLINE:#}");
        line(out, "stale", name, step, verbose);
        causes(out, step, verbose);
    }
}

/// `word  stage:line  INSTRUCTION`.
fn line(out: &mut String, word: &str, name: &str, step: &InstructionReport, verbose: bool) {
    named_line(out, word, &format!("{:<NAME_COLUMNS$}", text::escape(name)), step, verbose);
}

/// `word  name  INSTRUCTION`; the name is safe to show, and as wide as its column.
pub(crate) fn named_line(out: &mut String, word: &str, name: &str, step: &InstructionReport, verbose: bool) {
    let style = palette::of_status(step.status);
    let trigger = if step.placed.trigger { "ONBUILD " } else { "" };
    let left = N_COLUMNS.saturating_sub(9 + name.chars().count()).max(N_COLUMNS / 2);
    let instruction = cut(&format!("{trigger}{}", text::escape(&step.placed.text)), left, verbose);
    let _ = writeln!(out, "{style}{word:<8}{style:#}{FAINT}{name}{FAINT:#} {instruction}");
}

fn causes(out: &mut String, step: &InstructionReport, verbose: bool) {
    let n_shown = if verbose { usize::MAX } else { N_CAUSES };
    for cause in step.causes.iter().take(n_shown) {
        let _ = writeln!(out, "{:21}{}", "", sentence(cause, verbose));
    }
    if step.causes.len() > n_shown {
        let _ =
            writeln!(out, "{:21}{FAINT}and {} more (--verbose shows all){FAINT:#}", "", step.causes.len() - n_shown);
    }
}

/// A cause in the user's words.
pub(crate) fn sentence(cause: &Cause, verbose: bool) -> String {
    let path = cause.path.as_ref().map_or_else(|| "a file".to_owned(), text::path);
    let name = text::escape(cause.name.as_deref().unwrap_or_default());
    let value = |value: &Option<String>| value.as_deref().map(|value| shortened(&text::escape(value), verbose));
    let change = match (value(&cause.old), value(&cause.new)) {
        // Two secrets look the same.
        (Some(old), Some(new)) if old == new => String::new(),
        (Some(old), Some(new)) => format!(": {old} → {new}"),
        (None, Some(new)) => format!(": now {new}"),
        (Some(old), None) => format!(": was {old}"),
        (None, None) => String::new(),
    };
    let root = text::escape(cause.root.as_deref().unwrap_or("another step"));
    match cause.kind {
        CauseKind::NeverRecorded => "no recorded build made this step".to_owned(),
        CauseKind::FileAdded => format!("{path} is new"),
        CauseKind::FileRemoved => format!("{path} is gone"),
        CauseKind::FileModified => match cause.detail.as_deref() {
            None | Some("content") => format!("{path} changed"),
            Some(detail) => format!("{path} changed its {detail}"),
        },
        CauseKind::SourceMissing => format!("{path} is not in the build context; the build fails here"),
        CauseKind::InstructionEdited => match cause.detail.as_deref() {
            Some(detail) => format!("the instruction's {} was edited", text::escape(detail)),
            None => format!("the instruction was edited{change}"),
        },
        CauseKind::InstructionAdded => "the instruction is new".to_owned(),
        CauseKind::BuildArgChanged => format!("build argument {name} changed{change}"),
        CauseKind::EnvChanged => format!("variable {name} changed{change}"),
        CauseKind::WorkdirChanged => format!("the working folder changed{change}"),
        CauseKind::UserChanged => format!("the user changed{change}"),
        CauseKind::ShellChanged => format!("the shell changed{change}"),
        CauseKind::MountChanged => format!("mount {name} changed{change}"),
        CauseKind::NetworkChanged => format!("the network changed{change}"),
        CauseKind::HostConfigChanged => format!("{name} of the build's host configuration changed{change}"),
        CauseKind::BaseImageChanged => format!("the base image changed{change}"),
        CauseKind::BaseStageChanged => format!("it stands upon another stage{change}"),
        CauseKind::PlatformChanged => format!("the platform changed{change}"),
        CauseKind::NoCacheRequested => "--no-cache asks for it".to_owned(),
        CauseKind::Upstream => format!("follows from {root}"),
        CauseKind::IgnorefileChanged => "the ignore file changed".to_owned(),
        CauseKind::StaleSource => format!("{path} changed its {}", cause.detail.as_deref().unwrap_or("content")),
        CauseKind::RemoteSource => format!("only a server knows what {name} holds"),
        CauseKind::UnknownFrontend => "another frontend reads the Dockerfile".to_owned(),
        CauseKind::BaseUnresolved => format!("{name} may be the image that was used before, or not"),
    }
}

/// What the answer takes for granted, and what to do where nothing could be said.
pub(crate) fn closing(out: &mut String, forecast: &Forecast) {
    let hint = palette::HINT;
    notes(out, forecast);
    match forecast.gap {
        Some(Gap::NeverRecorded) => {
            let what =
                "after a build, `stageplan record` takes the present state as built; `--since REV` compares with git";
            let _ = writeln!(out, "\n{hint}hint{hint:#}: {what}");
        }
        None if !forecast.unmoved.is_empty() => {
            let images = text::escape(&forecast.unmoved.join(", "));
            let _ = writeln!(out, "\n{FAINT}not looked up, taken as unmoved: {images}{FAINT:#}");
        }
        _ => {}
    }
    if forecast.lost && forecast.gap.is_none() {
        let what =
            "recorded builds were lost; once the cache is pruned, delete the `.damaged-` files of the state folder";
        let _ = writeln!(out, "{hint}hint{hint:#}: {what}");
    }
}

/// What the answer takes for granted.
fn notes(out: &mut String, forecast: &Forecast) {
    if let Baseline::Git { id, committed_at } = &forecast.baseline {
        let id = id.get(..12).unwrap_or(id);
        let _ = writeln!(out, "{FAINT}note: compared with commit {id} of {committed_at}{FAINT:#}");
    }
    for note in &forecast.notes {
        let _ = writeln!(out, "{FAINT}note: {}{FAINT:#}", text::escape(note));
    }
}

fn shortened(text: &str, verbose: bool) -> String {
    cut(text, N_CHARACTERS, verbose)
}

/// The text, of which at most `n` characters are shown unless `verbose`.
fn cut(text: &str, n: usize, verbose: bool) -> String {
    if verbose || text.chars().count() <= n {
        return text.to_owned();
    }
    text.chars().take(n - 1).chain(['…']).collect()
}
