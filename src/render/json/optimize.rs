//! `stageplan.optimize/1`: what is suggested, and what was written.

use planner::secret::mask;
use planner::suggestion::{Applicability, Suggestion};
use serde::Serialize;

use crate::render::optimize::OptimizeReport;

/// The answer of `optimize --format json`.
#[derive(Serialize)]
pub(crate) struct OptimizeView {
    schema: &'static str,
    dockerfile: String,
    context: String,
    summary: Summary,
    suggestions: Vec<SuggestionView>,
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
    /// `null` without an edit.
    diff: Option<String>,
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
            suggestions: report.suggestions.iter().map(|one| SuggestionView::new(report, one)).collect(),
            written,
        }
    }
}

impl SuggestionView {
    fn new(report: &OptimizeReport, one: &Suggestion) -> Self {
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
            diff: (!diff.is_empty()).then(|| joined(&diff)),
        }
    }
}

fn joined(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}
