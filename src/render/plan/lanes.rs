//! The drawing at the head of `plan`: a lane for each stage, a mark for each step, placed as soon as the steps it
//! waits for allow. What stands in one column can run at the same time. In goes a target's report, out come at
//! most 24 lanes of 80 columns; a build of one lane is not drawn, its list says as much.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use planner::explanation::{StageReport, Status, TargetReport};

use super::super::palette::{self, FAINT, HEADLINE};
use super::super::text;
use super::{N_COLUMNS, is_all_hit, name};

/// Lanes that are drawn without `--verbose`; above that, stages of hits alone are left out first.
const N_LANES: usize = 24;
/// Columns for the name of a stage.
const N_NAME: usize = 20;

/// One stage: its name, the stages it takes from, the mark in each column.
struct Lane {
    name: String,
    sources: Vec<String>,
    marks: BTreeMap<usize, Status>,
    is_all_hit: bool,
}

/// Draws the stages that make steps.
pub(super) fn draw(out: &mut String, target: &TargetReport, verbose: bool) {
    let names = target.step_names();
    let mut lanes: Vec<Lane> = target.stages.iter().filter_map(|stage| lane(target, &names, stage)).collect();
    if lanes.len() < 2 {
        return;
    }
    let n_lanes = lanes.len();
    if !verbose && lanes.len() > N_LANES && !lanes.iter().all(|lane| lane.is_all_hit) {
        lanes.retain(|lane| !lane.is_all_hit);
    }
    if !verbose && lanes.len() > N_LANES {
        // The last one, which is the target, stays.
        lanes.drain(N_LANES - 1..lanes.len() - 1);
    }
    let n_name = lanes.iter().map(|lane| lane.name.chars().count()).max().unwrap_or(0).min(N_NAME);
    let n_levels = lanes.iter().filter_map(|lane| lane.marks.keys().next_back()).max().map_or(0, |last| last + 1);
    let scale = Scale::fit(n_levels, N_COLUMNS - n_name - 2);
    // Writing into a String cannot fail.
    let _ = writeln!(out);
    for lane in &lanes {
        draw_lane(out, lane, n_name, &scale);
    }
    legend(out, &lanes, n_lanes - lanes.len(), &scale);
}

/// How levels become columns.
struct Scale {
    n_levels: usize,
    /// Levels that share a column.
    per_mark: usize,
    /// Columns from one mark to the next.
    pitch: usize,
}

impl Scale {
    fn fit(n_levels: usize, n_columns: usize) -> Self {
        let per_mark = n_levels.div_ceil(n_columns).max(1);
        Self { n_levels, per_mark, pitch: if 2 * n_levels <= n_columns { 2 } else { 1 } }
    }
}

/// The lane of a stage; `None` if it makes no step.
fn lane(target: &TargetReport, names: &BTreeMap<usize, String>, stage: &StageReport) -> Option<Lane> {
    let mut marks: BTreeMap<usize, Status> = BTreeMap::new();
    for step in &stage.instructions {
        let Some(level) = step.placed.step.and_then(|id| target.plan.levels.get(&id)) else { continue };
        let mark = marks.entry(*level).or_insert(step.status);
        *mark = stronger(*mark, step.status);
    }
    let sources = sources(names, stage);
    (!marks.is_empty()).then(|| Lane { name: name(stage), sources, marks, is_all_hit: is_all_hit(stage) })
}

/// The stages whose steps those of this one wait for, safe to show. A step that two stages begin with is its own.
fn sources(names: &BTreeMap<usize, String>, stage: &StageReport) -> Vec<String> {
    let own: Vec<&String> = stage.instructions.iter().filter_map(|step| names.get(&step.placed.step?)).collect();
    let awaited = stage.instructions.iter().flat_map(|step| &step.waits_for).filter(|name| !own.contains(name));
    let mut sources: Vec<String> = Vec::new();
    for (source, _) in awaited.filter_map(|name| name.rsplit_once(':')) {
        let shown = text::escape(source);
        if !sources.contains(&shown) {
            sources.push(shown);
        }
    }
    sources
}

/// Of two statuses that share a mark, the one that costs more.
fn stronger(one: Status, other: Status) -> Status {
    let rank = |status| match status {
        Status::Miss => 3,
        Status::Pending => 2,
        Status::Unknown => 1,
        Status::Hit | Status::Unused | Status::None => 0,
    };
    if rank(other) > rank(one) { other } else { one }
}

fn mark(status: Status) -> char {
    match status {
        Status::Miss => '■',
        Status::Pending => '□',
        Status::Unknown => '?',
        Status::Hit | Status::Unused | Status::None => '·',
    }
}

fn draw_lane(out: &mut String, lane: &Lane, n_name: usize, scale: &Scale) {
    let mut shared: BTreeMap<usize, Status> = BTreeMap::new();
    for (level, status) in &lane.marks {
        let shown = shared.entry(level / scale.per_mark).or_insert(*status);
        *shown = stronger(*shown, *status);
    }
    let _ = write!(out, "{HEADLINE}{:<n_name$}{HEADLINE:#}  ", text::cut(&lane.name, n_name));
    let mut column = 0;
    for (place, status) in &shared {
        let style = palette::of_status(*status);
        let _ = write!(out, "{:1$}{style}{2}{style:#}", "", place * scale.pitch - column, mark(*status));
        column = place * scale.pitch + 1;
    }
    // One column for sources in all lanes.
    let margin = scale.n_levels.div_ceil(scale.per_mark) * scale.pitch + 1;
    let room = N_COLUMNS.saturating_sub(n_name + 2 + margin);
    let sources = format!("← {}", lane.sources.join(", "));
    if !lane.sources.is_empty() && room > 8 {
        let _ = write!(out, "{:1$}{FAINT}{2}{FAINT:#}", "", margin - column, text::cut(&sources, room));
    }
    let _ = writeln!(out);
}

fn legend(out: &mut String, lanes: &[Lane], n_left_out: usize, scale: &Scale) {
    let statuses = [
        (Status::Miss, "runs"),
        (Status::Pending, "may run"),
        (Status::Unknown, "nobody can say"),
        (Status::Hit, "from the cache"),
    ];
    let drawn = |status| lanes.iter().any(|lane| lane.marks.values().any(|other| *other == status));
    let mut parts: Vec<String> = statuses
        .iter()
        .filter(|(status, _)| drawn(*status))
        .map(|(status, word)| format!("{} {word}", mark(*status)))
        .collect();
    if scale.per_mark > 1 {
        parts.push(format!("(a mark is up to {} steps in a row)", scale.per_mark));
    } else {
        parts.push("(one column: at the same time)".to_owned());
    }
    if n_left_out > 0 {
        let stages = text::count(n_left_out, "more stage");
        let _ = writeln!(out, "{FAINT}{stages} not drawn (--verbose draws all){FAINT:#}");
    }
    let _ = writeln!(out, "{FAINT}{}{FAINT:#}", parts.join("  "));
}
