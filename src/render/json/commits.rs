//! `stageplan.commits/1`: the last commits replayed, added up and one by one.

use planner::prediction::Verdict;
use planner::replay::churn::dearest;
use serde::Serialize;

use super::PathView;
use crate::render::commits::{CommitsReport, Row};

/// So many files and folders are named.
const N_FILES: usize = 100;

/// The answer of `history commits --format json`.
#[derive(Serialize)]
pub(crate) struct CommitsView {
    schema: &'static str,
    dockerfile: String,
    context: String,
    targets: Vec<String>,
    summary: SummaryView,
    steps: Vec<StepView>,
    files: Vec<FileView>,
    commits: Vec<CommitView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Serialize)]
struct SummaryView {
    commits: usize,
    /// Whether a shallow clone holds no more of them.
    shallow: bool,
    failing: usize,
    idle: usize,
    seconds_per_commit: f64,
    waiting_seconds_per_commit: f64,
    /// Whether some of it was never timed.
    assumed: bool,
}

#[derive(Serialize)]
struct StepView {
    step: String,
    text: String,
    ran: usize,
    pending: usize,
    unknown: usize,
    seconds: f64,
    assumed: bool,
    seconds_per_commit: f64,
}

#[derive(Serialize)]
struct FileView {
    context: String,
    #[serde(flatten)]
    path: PathView,
    folder: bool,
    commits: usize,
    seconds_per_commit: f64,
}

#[derive(Serialize)]
struct CommitView {
    id: String,
    committed_at: String,
    subject: String,
    /// The steps that run, that may, and of which nobody can say, as `stage:line` in file order.
    missed: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pending: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
    seconds: f64,
    waiting_seconds: f64,
    /// The source for the want of which the build fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
}

impl CommitsView {
    /// The view of a report.
    pub(crate) fn new(report: &CommitsReport<'_>) -> Self {
        let (dockerfile, context) = report.project.shown();
        let rows = report.rows();
        let mut in_order: Vec<&Row> = rows.iter().collect();
        in_order.sort_by_key(|row| row.step);
        let steps: Vec<StepView> = rows.iter().map(|row| StepView::new(row, report)).collect();
        let tally = &report.tally;
        let files = dearest(&tally.files, N_FILES).into_iter().map(|churn| FileView {
            path: PathView::from(&churn.path),
            context: churn.context,
            folder: churn.is_folder,
            commits: churn.n_builds,
            seconds_per_commit: churn.seconds,
        });
        Self {
            schema: "stageplan.commits/1",
            dockerfile,
            context,
            targets: report.replays.snapshot.stages(),
            summary: SummaryView {
                commits: report.replays.builds.len(),
                shallow: report.history.is_cut,
                failing: tally.n_failing,
                idle: tally.n_idle,
                seconds_per_commit: tally.seconds,
                waiting_seconds_per_commit: tally.waiting_seconds,
                assumed: steps.iter().any(|step| step.assumed && step.seconds_per_commit > 0.0),
            },
            steps,
            files: files.collect(),
            commits: (0..report.commits.each.len()).map(|n| CommitView::new(n, &in_order, report)).collect(),
            notes: report.commits.notes.clone(),
        }
    }
}

impl StepView {
    fn new(row: &Row, report: &CommitsReport<'_>) -> Self {
        let weight = report.costs.weights.get(row.step).copied().unwrap_or_default();
        Self {
            step: row.name.clone(),
            text: row.text.clone(),
            ran: row.tally.n_ran,
            pending: row.tally.n_pending,
            unknown: row.tally.n_unknown,
            seconds: weight.seconds,
            assumed: weight.is_assumed,
            seconds_per_commit: row.tally.seconds,
        }
    }
}

impl CommitView {
    fn new(number: usize, rows: &[&Row], report: &CommitsReport<'_>) -> Self {
        let (commit, build) = (&report.commits.each[number], &report.replays.builds[number]);
        let named = |is: fn(Verdict) -> bool| -> Vec<String> {
            let wanted = rows.iter().filter(|row| build.verdicts.get(row.step).is_some_and(|verdict| is(*verdict)));
            wanted.map(|row| row.name.clone()).collect()
        };
        Self {
            id: commit.id.clone(),
            committed_at: commit.committed_at.clone(),
            subject: commit.subject.clone(),
            missed: named(|verdict| verdict == Verdict::Miss),
            pending: named(|verdict| verdict == Verdict::Pending),
            unknown: named(|verdict| matches!(verdict, Verdict::Unknown(_))),
            seconds: report.costs.of_build(build),
            waiting_seconds: report.costs.waiting(build),
            missing: build.missing.clone(),
        }
    }
}
