//! The sample projects in a repository just cloned: what is told of each without a record, after an edit, and after a
//! checkout under another umask.
//!
//! In: `examples/`, and the edits in `tests/fixtures/examples` with the steps each makes run, read off the Dockerfiles.
//! Out: those steps and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;

use super::{Place, Repo};
use crate::case::report::{Instruction, Report, Stage};
use crate::case::{self, examples};

/// Every example with a stage it is built to, the last one unless named.
const TARGETS: [(&str, Option<&str>); 10] = [
    ("go-monorepo", None),
    ("go-monorepo", Some("api")),
    ("go-monorepo", Some("worker")),
    ("node-distroless", None),
    ("node-distroless", Some("test")),
    ("node-multi-stage", None),
    ("node-parallel-test", None),
    ("node-single-stage", None),
    ("python-api", None),
    ("rust-service", None),
];

/// One file is edited; which steps name it, and what runs. Steps are written `stage:line`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditCase {
    says: String,
    example: String,
    target: Option<String>,
    edit: String,
    named_by: BTreeSet<String>,
    runs: BTreeSet<String>,
    /// What runs or not by the bytes a step before it makes.
    may_run: BTreeSet<String>,
}

/// A repository that holds the examples in one commit.
fn repository(place: &Place) -> Repo<'_> {
    let repo = place.repo("source");
    examples::copy_to(&repo.top);
    repo.commit("examples");
    repo
}

fn explained(repo: &Repo<'_>, example: &str, target: Option<&str>, more: &[&str]) -> Report {
    let words = [&["--format", "json"], &target_words(target)[..], more].concat();
    let answer = repo.answer("explain", &format!("examples/{example}"), &words);
    assert_eq!(answer.code, Some(0), "{example}: {}", answer.stderr);
    answer.report()
}

fn target_words(target: Option<&str>) -> Vec<&str> {
    target.into_iter().flat_map(|target| ["--target", target]).collect()
}

fn named(stage: &Stage, instruction: &Instruction) -> String {
    let stage = stage.name.clone().unwrap_or_else(|| stage.index.to_string());
    format!("{stage}:{}", instruction.line)
}

/// The steps of a status.
fn steps(report: &Report, status: &str) -> BTreeSet<String> {
    let found = report.instructions().filter(|(_, instruction)| instruction.status == status);
    found.map(|(stage, instruction)| named(stage, instruction)).collect()
}

/// The root causes as `kind path detail`, each with the steps that give it.
fn root_causes(report: &Report) -> BTreeMap<String, BTreeSet<String>> {
    let mut causes = BTreeMap::<_, BTreeSet<_>>::new();
    for (stage, instruction) in report.instructions() {
        for cause in instruction.causes.iter().filter(|cause| cause.kind != "upstream") {
            let words = [Some(&cause.kind), cause.path.as_ref(), cause.detail.as_ref()];
            let told = words.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
            causes.entry(told).or_default().insert(named(stage, instruction));
        }
    }
    causes
}

fn assert_nothing_runs(report: &Report, example: &str) {
    assert_eq!(root_causes(report), BTreeMap::new(), "{example}");
    for status in ["miss", "pending", "unknown"] {
        assert_eq!(steps(report, status), BTreeSet::new(), "{example}: {status}");
    }
    assert!(report.summary.hit > 0, "{example}");
}

fn judge(repo: &Repo<'_>, case: &EditCase, name: &str) {
    let path = repo.path(&format!("examples/{}/{}", case.example, case.edit));
    let old = fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    fs::write(&path, [&old[..], b"\n"].concat()).expect("an edit");
    let report = explained(repo, &case.example, case.target.as_deref(), &["--since", "HEAD"]);
    fs::write(&path, old).expect("the edit taken back");
    let cause = (format!("file-modified {} content", case.edit), case.named_by.clone());
    let expected = if case.named_by.is_empty() { BTreeMap::new() } else { BTreeMap::from([cause]) };
    assert_eq!(root_causes(&report), expected, "{name}: {}", case.says);
    assert_eq!(steps(&report, "miss"), case.runs, "{name}: {}", case.says);
    assert_eq!(steps(&report, "pending"), case.may_run, "{name}: {}", case.says);
    assert_eq!(report.summary.unknown, 0, "{name}");
}

#[test]
fn every_example_is_answered_from_a_fresh_clone() {
    let place = Place::new();
    let clone = place.clone(&repository(&place), "clone", "022", "");
    let covered: BTreeSet<_> = TARGETS.map(|(example, _)| example.to_owned()).into();
    assert_eq!(covered, examples::names().into_iter().collect());
    for (example, target) in TARGETS {
        assert_nothing_runs(&explained(&clone, example, target, &["--since", "HEAD"]), example);
    }
}

#[test]
fn an_edit_of_an_example_runs_exactly_the_steps_that_read_it() {
    let place = Place::new();
    let clone = place.clone(&repository(&place), "clone", "022", "");
    let mut edited = BTreeSet::new();
    for file in case::files_in("fixtures/examples") {
        let case: EditCase = case::read(&file);
        judge(&clone, &case, &file.file_stem().expect("a name").to_string_lossy());
        edited.insert(case.example);
    }
    assert_eq!(edited, examples::names().into_iter().collect());
}

#[test]
fn an_example_checked_out_under_another_umask_differs_in_modes_only() {
    let place = Place::new();
    let source = repository(&place);
    let clone = place.clone(&source, "clone", "022", "");
    for (example, target) in TARGETS {
        let answer = clone.answer("record", &format!("examples/{example}"), &target_words(target));
        assert_eq!(answer.code, Some(0), "{example}");
    }
    fs::remove_dir_all(&clone.top).expect("a folder");
    let clone = place.clone(&source, "clone", "002", "");
    for (example, target) in TARGETS {
        assert_nothing_runs(&explained(&clone, example, target, &["--since", "HEAD"]), example);
        let causes = root_causes(&explained(&clone, example, target, &[]));
        assert!(!causes.is_empty(), "{example}");
        for cause in causes.keys() {
            assert!(cause.starts_with("file-modified ") && cause.ends_with(" mode"), "{example}: {cause}");
        }
    }
}

#[test]
fn another_target_built_since_makes_no_instruction_new() {
    let place = Place::new();
    let repo = repository(&place);
    for target in ["api", "worker"] {
        assert_eq!(repo.answer("record", "examples/go-monorepo", &["--target", target]).code, Some(0));
    }
    let path = "examples/go-monorepo/cmd/api/routes.go";
    repo.write(path, &(fs::read_to_string(repo.path(path)).expect("a source") + "// an edit\n"));
    let report = explained(&repo, "go-monorepo", Some("api"), &[]);
    let cause = "file-modified cmd/api/routes.go content".to_owned();
    assert_eq!(root_causes(&report), BTreeMap::from([(cause, BTreeSet::from(["build-api:11".to_owned()]))]));
}
