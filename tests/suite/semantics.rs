//! Facts about BuildKit's cache, each a case in `tests/fixtures/semantics` whose file name is the fact.
//!
//! A case has `says`, the numbers of its `facts`, the form of `case.rs`, one `change` or several `changes` that each have
//! the same effect on their own, and `expect`: every step it does not name is a `hit`. The README there has the details.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::case::edit::Edit;
use crate::case::project::Project;
use crate::case::report::{Instruction, Report};
use crate::case::{self, Case};

/// The keys a case may have; a misspelt one would be passed over otherwise.
const KEYS: &[&str] = &[
    "says",
    "facts",
    "profile",
    "dockerfile",
    "dockerfile_path",
    "files",
    "target",
    "build_args",
    "secrets",
    "arguments",
    "before",
    "change",
    "changes",
    "record_exits",
    "expect",
];

/// How many facts there are.
const N_FACTS: usize = 166;

#[derive(Deserialize)]
struct Fact {
    says: String,
    facts: Vec<usize>,
    profile: Option<String>,
    #[serde(flatten)]
    case: Case,
    #[serde(default)]
    change: Vec<Edit>,
    #[serde(default)]
    changes: Vec<Vec<Edit>>,
    /// What each `record` ends with; 0 where not given.
    #[serde(default)]
    record_exits: Vec<i32>,
    expect: Expected,
}

/// Steps are named by the beginning of their text (`trigger COPY a` for a trigger) or as `line 5`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Each step that misses, with a kind among its causes, or `any`.
    #[serde(default)]
    miss: BTreeMap<String, String>,
    #[serde(default)]
    pending: Vec<String>,
    /// Each step nobody can know, with a kind among its causes, or `any`.
    #[serde(default)]
    unknown: BTreeMap<String, String>,
    /// Stages that are not needed, by name.
    #[serde(default)]
    unused: BTreeSet<String>,
    /// Hits that BuildKit takes although the source differs, with the `detail` of what it does not notice.
    #[serde(default)]
    stale: BTreeMap<String, String>,
    /// What becomes of the merge behind a `COPY --link`.
    #[serde(default)]
    link: BTreeMap<String, String>,
}

fn facts() -> Vec<(PathBuf, Fact)> {
    case::files_in("fixtures/semantics").into_iter().map(|path| (path.clone(), case::read(&path))).collect()
}

#[test]
fn every_fact_is_predicted() {
    let facts = facts();
    let failures: Vec<_> =
        case::on_two_threads(&facts, |(path, fact)| check(path, fact)).into_iter().flatten().collect();
    assert!(failures.is_empty(), "{} answers contradict a fact:\n\n{}", failures.len(), failures.join("\n"));
}

/// Replays each change of a case from the start and tells what is wrong.
fn check(path: &Path, fact: &Fact) -> Vec<String> {
    let changes = if fact.changes.is_empty() { std::slice::from_ref(&fact.change) } else { &fact.changes[..] };
    let replays = changes.iter().enumerate().map(|(index, change)| (index, replay(fact, change)));
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let told = |index: usize, wrong: Vec<String>| format!("{name} (change {})\n  {}\n", index + 1, wrong.join("\n  "));
    replays.filter(|(_, wrong)| !wrong.is_empty()).map(|(index, wrong)| told(index, wrong)).collect()
}

fn replay(fact: &Fact, change: &[Edit]) -> Vec<String> {
    let mut project = Project::lay_out(&fact.case, fact.profile.as_deref().unwrap_or("buildkit"));
    for (index, edits) in fact.case.before.iter().map(Vec::as_slice).chain([change]).enumerate() {
        let (recorded, expected) = (project.record(), fact.record_exits.get(index).copied().unwrap_or(0));
        if recorded.code != Some(expected) {
            return vec![format!("record {}: exit {:?}\n{}", index + 1, recorded.code, recorded.stderr)];
        }
        edits.iter().for_each(|edit| project.apply(edit));
    }
    let explained = project.explain();
    match explained.try_report() {
        Ok(report) if explained.code == Some(0) => {
            let mut wrong = report.check();
            wrong.extend(disagreements(&fact.expect, &report));
            wrong
        }
        Ok(_) => vec![format!("explain: exit {:?}\n{}", explained.code, explained.stderr)],
        Err(error) => vec![error],
    }
}

/// Where the answer is not what the fact says.
fn disagreements(expected: &Expected, report: &Report) -> Vec<String> {
    let names =
        expected.miss.keys().chain(&expected.pending).chain(expected.unknown.keys()).chain(expected.stale.keys());
    let mut wrong: Vec<_> = names
        .chain(expected.link.keys())
        .map(|name| (name, report.instructions().filter(|(_, instruction)| is_named(instruction, name)).count()))
        .filter(|(_, count)| *count != 1)
        .map(|(name, count)| format!("`{name}` names {count} instructions"))
        .collect();
    for (stage, instruction) in report.instructions() {
        let is_unused = stage.name.as_ref().is_some_and(|name| expected.unused.contains(name));
        let (status, cause) = expected.status(instruction, is_unused);
        let has_cause = matches!(cause, None | Some("any")) || cause.is_some_and(|kind| instruction.has_cause(kind));
        if instruction.status != status || !has_cause {
            wrong.push(format!(
                "{}\n    expected {status} {}",
                instruction.line_of_report(),
                cause.unwrap_or_default()
            ));
        }
        wrong.extend(expected.stale_or_link(instruction));
    }
    wrong
}

impl Expected {
    fn status(&self, instruction: &Instruction, is_unused: bool) -> (&'static str, Option<&str>) {
        if is_unused {
            ("unused", None)
        } else if let Some(cause) = cause_of(&self.miss, instruction) {
            ("miss", Some(cause))
        } else if let Some(cause) = cause_of(&self.unknown, instruction) {
            ("unknown", Some(cause))
        } else if self.pending.iter().any(|name| is_named(instruction, name)) {
            ("pending", None)
        } else if makes_step(instruction) {
            ("hit", None)
        } else {
            ("none", None)
        }
    }

    fn stale_or_link(&self, instruction: &Instruction) -> Option<String> {
        let stale = cause_of(&self.stale, instruction);
        let details = instruction.causes.iter().filter(|cause| cause.kind == "stale-source");
        let said: Vec<_> = details.filter_map(|cause| cause.detail.as_deref()).collect();
        if instruction.stale_risk != stale.is_some() || stale.is_some_and(|detail| !said.contains(&detail)) {
            return Some(format!("{}\n    expected stale {stale:?}, said {said:?}", instruction.line_of_report()));
        }
        let link = cause_of(&self.link, instruction);
        let differs = link.is_some() && instruction.link.as_deref() != link;
        differs.then(|| {
            format!("{}\n    expected link {link:?}, said {:?}", instruction.line_of_report(), instruction.link)
        })
    }
}

/// What a map says of an instruction.
fn cause_of<'a>(map: &'a BTreeMap<String, String>, instruction: &Instruction) -> Option<&'a str> {
    map.iter().find(|(name, _)| is_named(instruction, name)).map(|(_, said)| said.as_str())
}

fn is_named(instruction: &Instruction, name: &str) -> bool {
    match (name.strip_prefix("line "), name.strip_prefix("trigger ")) {
        (Some(line), _) => !instruction.trigger && instruction.line.to_string() == line,
        (_, Some(text)) => instruction.trigger && instruction.text.trim_start_matches("ONBUILD ").starts_with(text),
        _ => !instruction.trigger && instruction.text.starts_with(name),
    }
}

fn makes_step(instruction: &Instruction) -> bool {
    match instruction.keyword.to_uppercase().as_str() {
        "RUN" | "COPY" | "ADD" => true,
        "WORKDIR" => instruction.text.split_whitespace().nth(1) != Some("/"),
        _ => false,
    }
}

#[test]
fn every_fact_has_a_case_and_every_case_a_sentence() {
    let facts = facts();
    let numbers: BTreeSet<_> = facts.iter().flat_map(|(_, fact)| fact.facts.iter().copied()).collect();
    let missing: Vec<_> = (1..=N_FACTS).filter(|number| !numbers.contains(number)).collect();
    assert!(missing.is_empty(), "facts without a case: {missing:?}");
    for (path, fact) in &facts {
        assert!(numbers.iter().max() <= Some(&N_FACTS) && !fact.facts.is_empty(), "{}", path.display());
        assert!(fact.says.len() > 20 && !fact.says.ends_with('.'), "{}: says", path.display());
        assert!(fact.change.is_empty() || fact.changes.is_empty(), "{}: one of change and changes", path.display());
        let keys: BTreeMap<String, serde_json::Value> = case::read(path);
        let unknown: Vec<_> = keys.keys().filter(|key| !KEYS.contains(&key.as_str())).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
    }
}

#[test]
fn every_case_can_be_laid_out_and_changed() {
    for (_, fact) in facts() {
        let changes = if fact.changes.is_empty() { vec![fact.change] } else { fact.changes };
        for change in changes {
            let mut project = Project::lay_out(&fact.case, "buildkit");
            fact.case.before.iter().flatten().chain(&change).for_each(|edit| project.apply(edit));
            assert!(project.dockerfile().exists());
        }
    }
}
