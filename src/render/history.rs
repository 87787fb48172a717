//! The reports of `history`: a line for each build, one build step by step, what was learned from a log, what was
//! pruned. In go records and reports, out comes text.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use planner::built::{Built, End, Outcome, Source};
use planner::history::BuildRecord;

use super::build::{self, Closing};
use super::palette::{FAINT, HEADLINE, HINT, WARNING};
use super::text;
use crate::store::Pruned;

/// A recorded build, ready to be listed.
pub(crate) struct Listed {
    /// Its record.
    pub(crate) record: BuildRecord,
    /// What its engine reported, if it was asked.
    pub(crate) built: Option<Built>,
    /// The stages that were built.
    pub(crate) targets: Vec<String>,
    /// Whether only its steps are kept: whether its engine was watched, nobody knows.
    pub(crate) is_pruned: bool,
}

/// The list, newest build first; `n_all` counts those that were left out, too.
pub(crate) fn write(listed: &[Listed], n_all: usize, verbose: bool) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{HEADLINE}{}{HEADLINE:#}", conclusion(listed, n_all));
    if listed.is_empty() {
        let _ = writeln!(out, "\n{HINT}hint{HINT:#}: `stageplan build` builds and records, `stageplan record` records");
        return out;
    }
    let header = ["id", "when", "target", "cached", "ran", "time", "predicted"];
    let [id, when, target, cached, ran, time, predicted] = header;
    let _ =
        writeln!(out, "\n{FAINT}{id:<9} {when:<16} {target:<14} {cached:>6} {ran:>4} {time:>10}  {predicted}{FAINT:#}");
    for build in listed {
        row(&mut out, build, verbose);
    }
    out
}

fn conclusion(listed: &[Listed], n_all: usize) -> String {
    let shown = listed.len();
    match n_all {
        0 => "no build is recorded".to_owned(),
        n if n == shown => format!("{} recorded", text::count(n, "build")),
        n => format!("{n} builds recorded, the newest {shown} shown"),
    }
}

fn row(out: &mut String, build: &Listed, verbose: bool) {
    let id = short(&build.record.id);
    let when = when(&build.record.recorded_at);
    let target = text::cut(&text::escape(&build.targets.join(", ")), 14);
    let line = match &build.built {
        None => {
            let why = if build.is_pruned { "details pruned" } else { "recorded, not watched" };
            format!("{id:<9} {when:<16} {target:<14} {:>6} {:>4} {:>10}  {why}", "", "", "")
        }
        Some(built) => {
            let (cached, ran) = (built.count(Outcome::Cached), built.count(Outcome::Ran));
            let time = text::seconds(built.seconds);
            format!("{id:<9} {when:<16} {target:<14} {cached:>6} {ran:>4} {time:>10}  {}", agreement(built))
        }
    };
    let _ = writeln!(out, "{}", line.trim_end());
    if verbose {
        let (builder, context) = (text::escape(&build.record.builder), text::escape(&build.record.project.context));
        let engine = build.built.as_ref().map(|built| text::escape(&built.engine)).unwrap_or_default();
        let _ = writeln!(out, "{FAINT}{:10}{context}, builder {builder}, {engine}{FAINT:#}", "");
    }
}

/// How the build ended, and whether it went as predicted.
fn agreement(built: &Built) -> String {
    let n_wrong = built.steps.iter().filter(|step| step.agrees() == Some(false)).count();
    let end = match (built.end, built.source) {
        (End::Failed, _) => "failed; ",
        (End::Interrupted, _) => "stopped; ",
        (End::Succeeded, Source::Import) => "imported; ",
        (End::Succeeded, Source::Build) => "",
    };
    match (n_wrong, built.agrees()) {
        (0, None) => end.trim_end_matches("; ").to_owned(),
        (0, Some(_)) => format!("{end}= observed"),
        (n, _) => format!("{end}{WARNING}{} otherwise{WARNING:#}", text::count(n, "step")),
    }
}

/// One build, its steps with what was predicted and observed where an engine was watched.
pub(crate) fn shown(build: &Listed, closing: Option<&Closing<'_>>) -> String {
    let (id, when) = (text::escape(&build.record.id), when(&build.record.recorded_at));
    let mut out = format!("{HEADLINE}build {id}{HEADLINE:#} of {when}");
    let engine = build.built.as_ref().map(|built| built.engine.clone()).filter(|engine| !engine.is_empty());
    let builder = text::escape(&build.record.builder);
    let engine = engine.map_or_else(String::new, |engine| format!(" ({})", text::escape(&engine)));
    let _ =
        writeln!(out, "\n{FAINT}{}, builder {builder}{engine}{FAINT:#}", text::escape(&build.record.project.context));
    match closing {
        Some(closing) => out.push_str(&build::write(closing)),
        None if build.is_pruned => {
            let _ = writeln!(out, "recorded; its details were pruned");
        }
        None => {
            let _ = writeln!(out, "recorded; no engine was watched, so nothing is known of its steps' times");
        }
    }
    out
}

/// What a progress log taught.
pub(crate) fn imported(closing: &Closing<'_>) -> String {
    let n_steps = text::count(closing.built.steps.len(), "step");
    format!("{HEADLINE}learned from {n_steps}, the present files taken as built{HEADLINE:#}\n{}", build::write(closing))
}

/// That a log holds what is recorded already.
pub(crate) fn imported_before(id: &str, source: Source) -> String {
    let how = match source {
        Source::Build => "recorded when it was built",
        Source::Import => "imported already",
    };
    format!("{HEADLINE}{how}{HEADLINE:#}, as {}; there is nothing new to learn\n", short(id))
}

/// What pruning did.
pub(crate) fn pruned(pruned: Pruned, forgot: bool) -> String {
    let (builds, bytes) = (text::count(pruned.n_builds, "build"), text::bytes(pruned.n_bytes));
    match (pruned.n_builds, forgot) {
        (0, _) => format!("{HEADLINE}nothing to prune{HEADLINE:#}\n"),
        (_, true) => format!("{HEADLINE}{builds} forgotten{HEADLINE:#}, {bytes} freed\n"),
        (_, false) => format!("{HEADLINE}{builds} made smaller{HEADLINE:#}, {bytes} freed; their steps stay known\n"),
    }
}

fn short(id: &str) -> String {
    text::escape(id).chars().take(8).collect()
}

/// `2026-01-31 14:05`, in the user's time zone.
fn when(recorded_at: &str) -> String {
    match recorded_at.parse::<Timestamp>() {
        Ok(time) => time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => text::escape(recorded_at),
    }
}
