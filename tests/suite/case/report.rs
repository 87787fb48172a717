//! What `explain --format json` and `plan --format json` say, read strictly: as the contract has it, nothing missing.
//!
//! In: bytes from stdout. Out: a [`Report`], and [`Report::check`] for what must hold in every answer whatever was asked.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One answer.
#[derive(Deserialize)]
pub(crate) struct Report {
    pub(crate) schema: String,
    pub(crate) baseline: Baseline,
    pub(crate) summary: Summary,
    pub(crate) stages: Vec<Stage>,
}

#[derive(Deserialize)]
pub(crate) struct Baseline {
    pub(crate) kind: String,
}

#[derive(Deserialize)]
pub(crate) struct Summary {
    pub(crate) hit: usize,
    pub(crate) miss: usize,
    pub(crate) pending: usize,
    pub(crate) unknown: usize,
    pub(crate) unused: usize,
}

/// A stage; index -1 holds what stands above the first `FROM`.
#[derive(Deserialize)]
pub(crate) struct Stage {
    pub(crate) index: i64,
    pub(crate) name: Option<String>,
    pub(crate) base: Option<String>,
    pub(crate) instructions: Vec<Instruction>,
}

#[derive(Deserialize)]
pub(crate) struct Instruction {
    pub(crate) line: usize,
    pub(crate) keyword: String,
    pub(crate) text: String,
    pub(crate) status: String,
    pub(crate) stale_risk: bool,
    pub(crate) causes: Vec<Cause>,
    #[serde(default)]
    pub(crate) trigger: bool,
    pub(crate) link: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Cause {
    pub(crate) kind: String,
    pub(crate) path: Option<String>,
    pub(crate) path_b64: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) detail: Option<String>,
    /// The step an `upstream` cause follows from, as `STAGE:LINE`, with the stage's name or index.
    pub(crate) root: Option<String>,
}

/// The causes the contract knows.
pub(crate) const KINDS: &[&str] = &[
    "never-recorded",
    "file-added",
    "file-removed",
    "file-modified",
    "source-missing",
    "instruction-edited",
    "instruction-added",
    "build-arg-changed",
    "env-changed",
    "workdir-changed",
    "user-changed",
    "shell-changed",
    "mount-changed",
    "network-changed",
    "host-config-changed",
    "base-image-changed",
    "base-stage-changed",
    "platform-changed",
    "no-cache-requested",
    "upstream",
    "ignorefile-changed",
    "stale-source",
    "remote-source",
    "unknown-frontend",
    "base-unresolved",
];

/// Those of them that say why nobody can tell.
const GAPS: &[&str] = &["never-recorded", "remote-source", "unknown-frontend", "base-unresolved"];

impl Report {
    /// Every instruction with its stage.
    pub(crate) fn instructions(&self) -> impl Iterator<Item = (&Stage, &Instruction)> {
        self.stages.iter().flat_map(|stage| stage.instructions.iter().map(move |instruction| (stage, instruction)))
    }

    /// The status of the only instruction whose text begins so.
    pub(crate) fn status(&self, text: &str) -> &str {
        &self.instruction(text).status
    }

    /// The only instruction whose text begins so.
    pub(crate) fn instruction(&self, text: &str) -> &Instruction {
        let mut found = self.instructions().filter(|(_, instruction)| instruction.text.starts_with(text));
        let (_, instruction) = found.next().unwrap_or_else(|| panic!("no instruction begins with `{text}`"));
        assert!(found.next().is_none(), "several instructions begin with `{text}`");
        instruction
    }

    /// How many instructions have each status.
    pub(crate) fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for (_, instruction) in self.instructions() {
            *counts.entry(instruction.status.as_str()).or_default() += 1;
        }
        counts
    }

    /// What holds in every answer: known words, causes that lead to a root, a summary that adds up.
    pub(crate) fn check(&self) -> Vec<String> {
        let mut wrong: Vec<_> = self.instructions().flat_map(|(_, instruction)| self.check_one(instruction)).collect();
        let counts = self.counts();
        let said = [
            ("hit", self.summary.hit),
            ("miss", self.summary.miss),
            ("pending", self.summary.pending),
            ("unknown", self.summary.unknown),
            ("unused", self.summary.unused),
        ];
        for (status, said) in said {
            let counted = counts.get(status).copied().unwrap_or(0);
            if said != counted {
                wrong.push(format!("the summary says {said} {status}, the instructions {counted}"));
            }
        }
        wrong
    }

    fn check_one(&self, instruction: &Instruction) -> Vec<String> {
        let mut wrong = Vec::new();
        let kinds: Vec<_> = instruction.causes.iter().map(|cause| cause.kind.as_str()).collect();
        wrong.extend(
            kinds.iter().filter(|kind| !KINDS.contains(kind)).map(|kind| format!("no cause is named `{kind}`")),
        );
        match instruction.status.as_str() {
            "miss" if kinds.is_empty() => wrong.push("a miss without a cause".to_owned()),
            "miss" => wrong.extend(self.roots(instruction, 0).err()),
            "unknown" if !kinds.iter().any(|kind| GAPS.contains(kind) || *kind == "upstream") => {
                wrong.push("an unknown that names no gap".to_owned());
            }
            "hit" if instruction.stale_risk != kinds.contains(&"stale-source") => {
                wrong.push("`stale_risk` and the cause `stale-source` do not go together".to_owned());
            }
            "hit" | "unknown" | "pending" | "unused" | "none" => {}
            other => wrong.push(format!("no status is named `{other}`")),
        }
        let place = format!("line {}: {}", instruction.line, instruction.text);
        wrong.into_iter().map(|what| format!("{place}\n    {what}")).collect()
    }

    /// Follows `upstream` causes until no step names another.
    fn roots(&self, instruction: &Instruction, depth: usize) -> Result<(), String> {
        if depth > self.instructions().count() {
            return Err("its causes lead round in a circle".to_owned());
        }
        for cause in instruction.causes.iter().filter(|cause| cause.kind == "upstream") {
            let named = cause.root.as_deref().ok_or("an upstream cause that names no root")?;
            let steps = self.steps_at(named);
            if steps.is_empty() {
                return Err(format!("its root `{named}` is no step"));
            }
            if !steps.iter().any(|step| !step.causes.is_empty() && self.roots(step, depth + 1).is_ok()) {
                return Err(format!("its root `{named}` leads to no cause"));
            }
        }
        Ok(())
    }

    fn steps_at(&self, named: &str) -> Vec<&Instruction> {
        let Some((stage_named, line)) = named.rsplit_once(':') else { return Vec::new() };
        self.instructions()
            .filter(|(stage, instruction)| {
                let by_name = stage.name.as_deref() == Some(stage_named) || stage.index.to_string() == stage_named;
                by_name && instruction.line.to_string() == line
            })
            .map(|(_, instruction)| instruction)
            .collect()
    }
}

impl Instruction {
    /// One line for a failure's message: where, what was said, and why.
    pub(crate) fn line_of_report(&self) -> String {
        let causes: Vec<_> = self.causes.iter().map(Cause::clause).collect();
        let trigger = if self.trigger { " (trigger)" } else { "" };
        format!("line {}{trigger}: {}\n    predicted {} [{}]", self.line, self.text, self.status, causes.join(", "))
    }

    /// Whether a cause of this kind is among its causes.
    pub(crate) fn has_cause(&self, kind: &str) -> bool {
        self.causes.iter().any(|cause| cause.kind == kind)
    }
}

impl Cause {
    fn clause(&self) -> String {
        let words = [Some(&self.kind), self.path.as_ref(), self.detail.as_ref(), self.root.as_ref()];
        words.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::Report;

    fn report(instructions: &serde_json::Value, misses: usize) -> Report {
        let text = serde_json::json!({
            "schema": "stageplan.explain/1", "targets": [], "baseline": { "kind": "record" },
            "summary": { "hit": 0, "miss": misses, "pending": 0, "unknown": 0, "unused": 0 },
            "stages": [{ "index": 0, "name": "build", "base": "img", "used": true, "instructions": instructions }],
        });
        serde_json::from_value(text).expect("a report")
    }

    fn step(line: usize, causes: &serde_json::Value) -> serde_json::Value {
        serde_json::json!({ "line": line, "end_line": line, "keyword": "RUN", "text": "RUN x", "status": "miss",
            "stale_risk": false, "causes": causes, "root": null, "seconds": null })
    }

    #[test]
    fn causes_that_end_at_an_edit_are_in_order() {
        let edited = step(2, &serde_json::json!([{ "kind": "instruction-edited" }]));
        let after = step(3, &serde_json::json!([{ "kind": "upstream", "root": "build:2" }]));
        assert_eq!(report(&serde_json::json!([edited, after]), 2).check(), Vec::<String>::new());
    }

    #[test]
    fn causes_that_lead_nowhere_are_found() {
        for causes in [
            serde_json::json!([]),
            serde_json::json!([{ "kind": "weather" }]),
            serde_json::json!([{ "kind": "upstream" }]),
            serde_json::json!([{ "kind": "upstream", "root": "build:9" }]),
            serde_json::json!([{ "kind": "upstream", "root": "build:2" }]),
        ] {
            assert_eq!(report(&serde_json::json!([step(2, &causes)]), 1).check().len(), 1, "{causes}");
        }
    }

    #[test]
    fn a_summary_that_does_not_add_up_is_found() {
        assert_eq!(report(&serde_json::json!([]), 1).check().len(), 1);
    }
}
