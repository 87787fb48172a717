//! Compares one answer with one recording, row by row.
//!
//! In: a [`Report`], the rows of a recording, the Dockerfiles of the earlier builds. Out: what is wrong, in words that show the
//! instruction, the answer and the recording, and the status of each row that was judged.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::case::report::{Instruction, Report, Stage};

/// What an engine did at one instruction.
#[derive(Deserialize)]
pub(super) struct Row {
    stage: i64,
    line: usize,
    keyword: String,
    state: String,
    #[serde(default)]
    trigger: bool,
    reached: Option<bool>,
    link: Option<String>,
}

impl Row {
    /// Whether the engine ran the instruction.
    pub(super) fn was_executed(&self) -> bool {
        self.state == "executed" && self.reached != Some(false)
    }

    /// Whether it is the row of that place.
    pub(super) fn is_at(&self, stage: i64, line: usize, trigger: bool) -> bool {
        (self.stage, self.line, self.trigger) == (stage, line, trigger)
    }
}

/// What is wrong with the answer, and each judged row's status. An engine that merges may agree with a recording of one
/// that does not (`merges`): then what became of the merges is not in the recording.
pub(super) fn judge(report: &Report, rows: &[Row], dockerfiles: &[String], merges: bool) -> (Vec<String>, Vec<String>) {
    let (mut wrong, mut statuses) = (Vec::new(), Vec::new());
    let mut waiting: BTreeMap<_, Vec<&Instruction>> = BTreeMap::new();
    for (stage, instruction) in report.instructions() {
        waiting.entry((stage.index, instruction.line, instruction.trigger)).or_default().push(instruction);
    }
    let foreign = reads_elsewhere(report, dockerfiles);
    for row in rows {
        let place = (row.stage, row.line, row.trigger);
        let Some(instruction) = waiting.get_mut(&place).filter(|left| !left.is_empty()).map(|left| left.remove(0))
        else {
            wrong.push(format!("line {} in stage {}: {} is not in the answer", row.line, row.stage, row.keyword));
            continue;
        };
        if row.reached == Some(false) {
            continue;
        }
        statuses.push(instruction.status.clone());
        let may_be_unknown = foreign.contains(&(row.stage, row.line));
        wrong.extend(disagreement(instruction, row, may_be_unknown, merges).map(|what| {
            format!("{}\n    recorded {} {}\n    {what}", instruction.line_of_report(), row.keyword, row.state)
        }));
    }
    let extra = waiting.into_values().flatten();
    wrong.extend(extra.map(|instruction| format!("{}\n    is not in the recording", instruction.line_of_report())));
    (wrong, statuses)
}

fn disagreement(instruction: &Instruction, row: &Row, may_be_unknown: bool, merges: bool) -> Option<String> {
    if !instruction.keyword.eq_ignore_ascii_case(&row.keyword) {
        return Some(format!("the answer has {} here", instruction.keyword));
    }
    if !agrees(&instruction.status, &row.state, may_be_unknown) {
        return Some(if instruction.status == "unknown" { "this can be known".to_owned() } else { "wrong".to_owned() });
    }
    let (said, recorded) = (instruction.link.as_deref(), row.link.as_deref());
    match (said, recorded) {
        (Some(said), Some(recorded)) if agrees(said, recorded, may_be_unknown) => None,
        (None, None) => None,
        (Some(_), None) if merges => None,
        _ => Some(format!("the merge behind it: predicted {said:?}, recorded {recorded:?}")),
    }
}

fn agrees(status: &str, state: &str, may_be_unknown: bool) -> bool {
    match state {
        "cached" => status == "hit" || status == "pending" || status == "unknown" && may_be_unknown,
        "executed" => status == "miss" || status == "pending" || status == "unknown" && may_be_unknown,
        "not_run" => status == "unused",
        "no_op" => status == "none",
        _ => false,
    }
}

/// The places where nobody can know: an instruction that reads an image no earlier build named, or a URL, and what
/// follows from it in its stage and in the stages that build on it or read from it.
fn reads_elsewhere(report: &Report, dockerfiles: &[String]) -> BTreeSet<(i64, usize)> {
    let mut places = BTreeSet::new();
    let mut stages = BTreeSet::new();
    for stage in &report.stages {
        let mut follows = stage.base.as_ref().is_some_and(|base| stages.contains(&base.to_lowercase()));
        for instruction in &stage.instructions {
            follows |= is_elsewhere(stage, instruction, report, dockerfiles)
                || sources(&instruction.text).any(|source| stages.contains(&source));
            if follows {
                places.insert((stage.index, instruction.line));
            }
        }
        if follows {
            stages.insert(stage.index.to_string());
            stages.extend(stage.name.as_ref().map(|name| name.to_lowercase()));
        }
    }
    places
}

fn is_elsewhere(stage: &Stage, instruction: &Instruction, report: &Report, dockerfiles: &[String]) -> bool {
    let text = &instruction.text;
    let remote = instruction.keyword.eq_ignore_ascii_case("ADD") && (text.contains("://") || text.contains("git@"));
    remote
        || sources(text).any(|source| {
            let names_stage = report.stages.iter().take_while(|other| other.index != stage.index).any(|other| {
                other.index.to_string() == source
                    || other.name.as_ref().is_some_and(|name| name.to_lowercase() == source)
            });
            !names_stage && !dockerfiles.iter().any(|dockerfile| dockerfile.to_lowercase().contains(&source))
        })
}

/// What `--from=` and the `from=` of mounts name, in lower case.
fn sources(text: &str) -> impl Iterator<Item = String> {
    text.split("from=").skip(1).map(|rest| {
        let name = rest.split(|letter: char| letter == ',' || letter.is_whitespace()).next().unwrap_or_default();
        name.trim_matches(['"', '\'']).to_lowercase()
    })
}

#[cfg(test)]
mod tests {
    use super::{Report, Row, judge};

    fn report(instructions: &serde_json::Value) -> Report {
        let text = serde_json::json!({
            "schema": "stageplan.explain/1", "targets": [], "baseline": { "kind": "record" },
            "summary": { "hit": 0, "miss": 0, "pending": 0, "unknown": 0, "unused": 0 },
            "stages": [{ "index": 0, "name": null, "base": "img", "used": true, "instructions": instructions }],
        });
        serde_json::from_value(text).expect("a report")
    }

    fn step(line: usize, text: &str, status: &str) -> serde_json::Value {
        let keyword = text.split(' ').next();
        serde_json::json!({ "line": line, "end_line": line, "keyword": keyword, "text": text, "status": status,
            "stale_risk": false, "causes": [], "root": null, "seconds": null })
    }

    fn row(line: usize, keyword: &str, state: &str) -> serde_json::Value {
        serde_json::json!({ "stage": 0, "line": line, "keyword": keyword, "state": state })
    }

    fn wrongs(instructions: &serde_json::Value, rows: &serde_json::Value) -> usize {
        let rows: Vec<Row> = serde_json::from_value(rows.clone()).expect("rows");
        judge(&report(instructions), &rows, &["FROM img".to_owned()], false).0.len()
    }

    #[test]
    fn each_state_agrees_with_its_status_and_pending_with_both() {
        for (state, status, n_wrong) in [
            ("cached", "hit", 0),
            ("cached", "miss", 1),
            ("cached", "pending", 0),
            ("cached", "unknown", 1),
            ("executed", "miss", 0),
            ("executed", "hit", 1),
            ("executed", "pending", 0),
            ("executed", "none", 1),
            ("no_op", "none", 0),
            ("no_op", "hit", 1),
            ("not_run", "unused", 0),
            ("not_run", "pending", 1),
        ] {
            let instructions = serde_json::json!([step(1, "RUN x", status)]);
            assert_eq!(wrongs(&instructions, &serde_json::json!([row(1, "RUN", state)])), n_wrong, "{state} {status}");
        }
    }

    #[test]
    fn rows_without_an_answer_and_answers_without_a_row_are_wrong() {
        assert_eq!(wrongs(&serde_json::json!([]), &serde_json::json!([row(1, "RUN", "cached")])), 1);
        assert_eq!(wrongs(&serde_json::json!([step(1, "RUN x", "hit")]), &serde_json::json!([])), 1);
    }

    #[test]
    fn only_what_follows_from_an_unread_image_may_be_unknown() {
        let from = step(2, "COPY --from=busybox:1 /a /a", "unknown");
        let instructions = serde_json::json!([step(1, "RUN x", "unknown"), from, step(3, "RUN y", "unknown")]);
        let rows = serde_json::json!([row(1, "RUN", "cached"), row(2, "COPY", "executed"), row(3, "RUN", "cached")]);
        assert_eq!(wrongs(&instructions, &rows), 1);
    }
}
