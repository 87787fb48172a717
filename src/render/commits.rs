//! The report of `history commits`: what a commit costs on the whole, then the steps that cost most, then the files that
//! make them run. In go replayed builds added up, out comes text of at most 80 columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use planner::graph::lower::MAIN_CONTEXT;
use planner::replay::Replays;
use planner::replay::churn::{Churn, dearest};
use planner::replay::tally::{Costs, StepTally, Tally};

use super::palette::{FAINT, HEADLINE, HINT};
use super::{layout, text};
use crate::commits::{Commits, History};
use crate::project::Project;

/// Rows of each table without `--verbose`.
const N_ROWS: usize = 8;

/// Rows of files with `--verbose`.
const N_FILES: usize = 40;

const N_COLUMNS: usize = 80;

/// Replayed commits, added up.
pub(crate) struct CommitsReport<'a> {
    /// Whose commits they are.
    pub(crate) project: &'a Project,
    /// What git told of them.
    pub(crate) history: &'a History,
    /// The commits, oldest first.
    pub(crate) commits: &'a Commits,
    /// A build for each.
    pub(crate) replays: &'a Replays,
    /// What steps cost.
    pub(crate) costs: Costs<'a>,
    /// The builds added up.
    pub(crate) tally: Tally,
}

/// A step of the report.
pub(crate) struct Row {
    /// Its index in the snapshot.
    pub(crate) step: usize,
    /// `stage:line`.
    pub(crate) name: String,
    /// The instruction.
    pub(crate) text: String,
    /// What became of it.
    pub(crate) tally: StepTally,
}

impl CommitsReport<'_> {
    /// The steps that instructions make, the dearest first, then in file order.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let snapshot = &self.replays.snapshot;
        let labels: BTreeMap<usize, (String, String)> = snapshot.step_labels();
        let stages = snapshot.targets.iter().flat_map(|target| &target.stages).filter(|stage| stage.used);
        let mut steps: Vec<usize> = Vec::new();
        for step in stages.flat_map(|stage| stage.instructions.iter().filter_map(|placed| placed.step)) {
            if !steps.contains(&step) {
                steps.push(step);
            }
        }
        let row = |step: usize| {
            let (name, text) = labels.get(&step).cloned().unwrap_or_default();
            Row { step, name, text, tally: self.tally.steps.get(step).copied().unwrap_or_default() }
        };
        let mut rows: Vec<Row> = steps.into_iter().map(row).collect();
        rows.sort_by(|a, b| b.tally.seconds.total_cmp(&a.tally.seconds));
        rows
    }

    /// The first source for the want of which a commit's build fails.
    pub(crate) fn missing(&self) -> Option<&str> {
        self.replays.builds.iter().find_map(|build| build.missing.as_deref())
    }

    fn has_assumed(&self) -> bool {
        let weights = self.costs.weights.iter().zip(&self.tally.steps);
        weights.into_iter().any(|(weight, tally)| weight.is_assumed && tally.seconds > 0.0)
    }

    /// How many steps hang on what nobody can say.
    fn n_unknown(&self) -> usize {
        self.tally.steps.iter().filter(|step| step.n_unknown > 0).count()
    }
}

/// The report as text; more rows if `verbose`.
pub(crate) fn write(report: &CommitsReport<'_>, verbose: bool) -> String {
    let mut out = headline(report);
    let rows: Vec<Row> = report.rows().into_iter().filter(|row| row.tally.seconds > 0.0).collect();
    let n_rows = if verbose { usize::MAX } else { N_ROWS };
    steps(&mut out, report, &rows, n_rows);
    files(&mut out, report, &dearest(&report.tally.files, if verbose { N_FILES } else { N_ROWS }));
    notes(&mut out, report);
    out
}

fn headline(report: &CommitsReport<'_>) -> String {
    let Tally { n_built, n_idle, seconds, waiting_seconds, .. } = report.tally;
    let n_commits = report.replays.builds.len();
    let commits = if n_commits == 1 { "the last commit".to_owned() } else { format!("the last {n_commits} commits") };
    let (about, over) = (approximate(report.has_assumed()), format!("over {commits} of the context"));
    let conclusion = match (n_built, n_idle) {
        (0, _) => format!("every build fails {over}"),
        (built, idle) if built == idle => format!("nothing runs again {over}"),
        _ => format!("{about}{} of steps run again per commit, {over}", text::seconds(seconds)),
    };
    let mut out = format!("{HEADLINE}{conclusion}{HEADLINE:#}\n");
    let mut more = vec![period(report)];
    if n_idle > 0 && n_idle < n_built {
        let commits = text::count(n_idle, "commit");
        more.push(format!("{commits} {} nothing again", if n_idle == 1 { "runs" } else { "run" }));
    }
    // As soon as the difference is seen.
    if text::seconds(waiting_seconds) != text::seconds(seconds) {
        more.push(format!("{about}{} to wait with stages side by side", text::seconds(waiting_seconds)));
    }
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{FAINT}{}{FAINT:#}", more.join("; "));
    out
}

/// From when to when, in days.
fn period(report: &CommitsReport<'_>) -> String {
    let day = |time: &str| time.split('T').next().unwrap_or_default().to_owned();
    let times = || report.commits.each.iter().map(|commit| day(&commit.committed_at));
    match (times().min(), times().max()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (first, _) => first.unwrap_or_default(),
    }
}

fn approximate(is_assumed: bool) -> &'static str {
    if is_assumed { "~" } else { "" }
}

fn steps(out: &mut String, report: &CommitsReport<'_>, rows: &[Row], n_rows: usize) {
    if rows.is_empty() {
        return;
    }
    let shown = &rows[..rows.len().min(n_rows)];
    let name_width = shown.iter().map(|row| row.name.chars().count().min(20)).max().unwrap_or(0).max(4);
    let text_width = N_COLUMNS - name_width - 34;
    let _ = writeln!(
        out,
        "\n{FAINT}{:<name_width$}  {:<text_width$} {:>9} {:>10} {:>10}{FAINT:#}",
        "step", "instruction", "run again", "takes", "per commit"
    );
    for row in shown {
        let weight = report.costs.weights.get(row.step).copied().unwrap_or_default();
        let name = layout::cut_front(&text::escape(&row.name), 20);
        let instruction = layout::cut(&text::escape(&row.text), text_width);
        let takes = format!("{}{}", approximate(weight.is_assumed), text::seconds(weight.seconds));
        let _ = writeln!(
            out,
            "{name:<name_width$}  {instruction:<text_width$} {:>9} {takes:>10} {:>10}",
            share(&row.tally, report.tally.n_built),
            text::seconds(row.tally.seconds)
        );
    }
    let rest = &rows[shown.len()..];
    if !rest.is_empty() {
        let seconds = text::seconds(rest.iter().map(|row| row.tally.seconds).sum());
        let _ = writeln!(out, "{FAINT}{} more, {seconds} per commit{FAINT:#}", text::count(rest.len(), "step"));
    }
}

/// In how many of a hundred commits the step runs, or may.
fn share(step: &StepTally, n_built: usize) -> String {
    let most = if step.n_pending > 0 { "≤ " } else { "" };
    format!("{most}{}", percent(step.n_ran + step.n_pending, n_built))
}

fn percent(n: usize, of: usize) -> String {
    match 100.0 * n as f64 / of.max(1) as f64 {
        share if share > 0.0 && share < 1.0 => "< 1 %".to_owned(),
        share => format!("{share:.0} %"),
    }
}

fn files(out: &mut String, report: &CommitsReport<'_>, dearest: &[Churn]) {
    if dearest.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{FAINT}{:<49} {:>19} {:>10}{FAINT:#}", "because of", "in commits", "per commit");
    for churn in dearest {
        let context = if churn.context == MAIN_CONTEXT { String::new() } else { format!("{}: ", churn.context) };
        let slash = if churn.is_folder { "/" } else { "" };
        let path = layout::cut_front(&format!("{}{}{slash}", text::escape(&context), text::path(&churn.path)), 49);
        let (share, seconds) = (percent(churn.n_builds, report.tally.n_built), text::seconds(churn.seconds));
        let _ = writeln!(out, "{path:<49} {share:>19} {seconds:>10}");
    }
}

fn notes(out: &mut String, report: &CommitsReport<'_>) {
    let mut notes = Vec::new();
    if let Some(missing) = report.missing() {
        let (commits, missing) = (text::count(report.tally.n_failing, "commit"), text::escape(missing));
        notes.push(format!("today's Dockerfile fails at {commits}, left out above: `{missing}` is missing there"));
    }
    if report.tally.steps.iter().any(|step| step.n_pending > 0) {
        notes.push("`≤`: whether such a step runs hangs on bytes that only a build knows".to_owned());
    }
    match report.n_unknown() {
        0 => {}
        n => notes.push(format!("{} that a server decides count as unchanged", text::count(n, "step"))),
    }
    if report.history.is_cut {
        let n = text::count(report.history.n_commits(), "commit");
        notes.push(format!(
            "this clone is shallow and holds no more than {n}; `git fetch --unshallow` brings the others"
        ));
    }
    notes.extend(report.commits.notes.iter().cloned());
    if !notes.is_empty() {
        out.push('\n');
    }
    for note in notes {
        let lines = layout::wrap(&text::escape(&note), N_COLUMNS - 6);
        let _ = writeln!(out, "{FAINT}note: {}{FAINT:#}", lines.join("\n      "));
    }
    if report.has_assumed() {
        let _ = writeln!(
            out,
            "\n{HINT}hint{HINT:#}: `~` is a default; `stageplan build` or `history import` times the steps"
        );
    }
}
