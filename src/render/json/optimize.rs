//! `stageplan.optimize/1`: what is suggested, and what was written.

use planner::saving::Saving;
use planner::secret::mask;
use planner::suggestion::Applicability;
use serde::Serialize;

use crate::render::optimize::OptimizeReport;
use crate::yardstick::Priced;

/// The answer of `optimize --format json`.
#[derive(Serialize)]
pub(crate) struct OptimizeView {
    schema: &'static str,
    dockerfile: String,
    context: String,
    summary: Summary,
    suggestions: Vec<SuggestionView>,
    /// `null` where no history tells.
    history: Option<HistoryView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<WrittenView>,
}

#[derive(Serialize)]
struct Summary {
    safe: usize,
    review: usize,
}

#[derive(Serialize)]
struct SuggestionView {
    rule: &'static str,
    line: u32,
    end_line: u32,
    stage: usize,
    applicability: &'static str,
    title: String,
    reason: String,
    /// Why it is not safe.
    doubts: Vec<String>,
    /// In what the image differs afterwards.
    declares: Vec<String>,
    /// What it saves by itself; `null` without an edit, and where no history tells.
    saving: Option<SavingView>,
    /// `null` without an edit.
    diff: Option<String>,
}

/// Seconds per commit.
#[derive(Serialize)]
struct SavingView {
    seconds_before: f64,
    seconds_after: f64,
    /// How many commits both Dockerfiles build.
    commits: usize,
}

impl SavingView {
    fn of(saving: &Saving) -> Self {
        Self { seconds_before: saving.before, seconds_after: saving.after, commits: saving.n_versions }
    }
}

/// What the safe suggestions save on the last commits.
#[derive(Serialize)]
struct HistoryView {
    commits: usize,
    /// All of them.
    all: SavingView,
    /// Those that are cheapest together.
    cheapest: SavingView,
    /// Their rules, in the order in which they are applied.
    cheapest_rules: Vec<&'static str>,
}

/// What `--write` did.
#[derive(Serialize)]
struct WrittenView {
    /// The rules whose suggestions were applied, in order.
    applied: Vec<&'static str>,
    diff: String,
}

impl From<&OptimizeReport> for OptimizeView {
    fn from(report: &OptimizeReport) -> Self {
        let n_safe = report.n_safe();
        let written = report.written.as_ref().map(|(applied, _)| WrittenView {
            applied: applied.iter().map(|one| one.rule).collect(),
            diff: joined(&report.written_diff()),
        });
        Self {
            schema: "stageplan.optimize/1",
            dockerfile: report.dockerfile.clone(),
            context: report.context.clone(),
            summary: Summary { safe: n_safe, review: report.suggestions.len() - n_safe },
            suggestions: report.suggestions.iter().map(|priced| SuggestionView::new(report, priced)).collect(),
            history: report.savings.as_ref().map(|savings| HistoryView {
                commits: savings.n_commits,
                all: SavingView::of(&savings.all),
                cheapest: SavingView::of(&savings.cheapest.saving),
                cheapest_rules: savings.cheapest.applied.iter().map(|one| one.rule).collect(),
            }),
            written,
        }
    }
}

impl SuggestionView {
    fn new(report: &OptimizeReport, Priced { one, saving }: &Priced) -> Self {
        let diff = report.diff(one);
        let said = |clauses: &[String]| clauses.iter().map(|clause| mask(clause)).collect();
        Self {
            rule: one.rule,
            line: one.line,
            end_line: one.end_line,
            stage: one.stage,
            applicability: match one.applicability {
                Applicability::Safe => "safe",
                Applicability::Review => "review",
            },
            title: mask(&one.title),
            reason: mask(&one.reason),
            doubts: said(&one.doubts),
            declares: said(&one.declares),
            saving: saving.as_ref().map(SavingView::of),
            diff: (!diff.is_empty()).then(|| joined(&diff)),
        }
    }
}

fn joined(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}
