//! What `explain` says, each case a folder in `tests/fixtures/explain` whose name is the situation.
//!
//! In: `case.json`, in the form of `case.rs` with the `change` before the last build, and the arguments of `explain` where
//! it has some. Out: `report.txt`, what is printed, and for cases that ask for it `causes.json`, the causes as programs
//! read them. `UPDATE_REPORTS=1 cargo test --test suite explain` writes both anew; read what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::case::docker::{FakeDocker, Where};
use crate::case::edit::Edit;
use crate::case::project::{Answer, Project};
use crate::case::report::{Cause, KINDS};
use crate::case::{self, Case};

/// The keys a case may have; a misspelt one would be passed over otherwise.
const KEYS: &[&str] = &[
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
    "recorded",
    "explain",
    "causes",
    "images",
];

/// Columns of a terminal.
const N_COLUMNS: usize = 80;

#[derive(Deserialize)]
struct Situation {
    profile: Option<String>,
    #[serde(flatten)]
    case: Case,
    /// Whether a build is recorded before the change; it is unless this says no.
    recorded: Option<bool>,
    #[serde(default)]
    change: Vec<Edit>,
    /// Further arguments of `explain`.
    #[serde(default)]
    explain: Vec<String>,
    /// The engine's images by normalised reference, before the change and after it; builds and answers look them up.
    images: Option<[BTreeMap<String, Value>; 2]>,
    /// Whether `causes.json` is kept, too.
    #[serde(default)]
    causes: bool,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/explain")
}

fn situations() -> Vec<(PathBuf, Situation)> {
    let folders = fs::read_dir(folder()).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders.into_iter().map(|folder| (folder.clone(), case::read(&folder.join("case.json")))).collect()
}

/// What is said of a situation: the text, and the JSON of all instructions.
fn said(situation: &Situation) -> (Answer, Answer) {
    let mut project = Project::lay_out(&situation.case, situation.profile.as_deref().unwrap_or("buildkit"));
    let docker = FakeDocker::new("docker");
    let hold = |n: usize| {
        let images = situation.images.as_ref().map(|images| &images[n]);
        images.into_iter().flatten().for_each(|(reference, image)| docker.put(Where::Engine, reference, image));
    };
    let lookup: &[&str] = if situation.images.is_some() { &["--resolve"] } else { &[] };
    if situation.images.is_some() {
        project.apply(&Edit::SetEnv { name: "PATH".to_owned(), value: docker.path() });
    }
    hold(0);
    for edits in situation.case.before.iter().chain([&situation.change]) {
        if situation.recorded != Some(false) {
            let recorded = project.run("record", lookup);
            assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
        }
        edits.iter().for_each(|edit| project.apply(edit));
    }
    hold(1);
    let more: Vec<&str> = situation.explain.iter().map(String::as_str).chain(lookup.iter().copied()).collect();
    let in_json: Vec<&str> = ["--format", "json"].iter().chain(lookup).copied().collect();
    (project.run("explain", &more), project.run("explain", &in_json))
}

/// The causes of each instruction that has some.
fn causes(json: &Answer) -> Value {
    let report: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let stages = report["stages"].as_array().expect("stages");
    let instructions = stages.iter().flat_map(|stage| stage["instructions"].as_array().expect("instructions"));
    let told = instructions.filter(|instruction| instruction["causes"] != serde_json::json!([]));
    told.map(|instruction| {
        let keys = ["line", "text", "status", "causes", "root"];
        keys.iter().map(|key| ((*key).to_owned(), instruction[*key].clone())).collect::<Value>()
    })
    .collect()
}

/// What is wrong with the answers to one situation.
fn check(folder: &Path, situation: &Situation) -> Vec<String> {
    let (text, json) = said(situation);
    let mut wrong = json.report().check();
    if text.code != Some(0) || !text.stderr.is_empty() {
        wrong.push(format!("exit {:?}: {}", text.code, text.stderr));
    }
    let text = text.text();
    let is_whole = situation.explain.iter().any(|argument| argument == "--verbose");
    let wide = text.lines().filter(|line| !is_whole && line.chars().count() > N_COLUMNS);
    wrong.extend(wide.map(|line| format!("wider than {N_COLUMNS} columns: {line}")));
    let mut golden = vec![("report.txt", text)];
    if situation.causes {
        golden.push(("causes.json", format!("{:#}\n", causes(&json))));
    }
    for (name, said) in golden {
        let path = folder.join(name);
        if std::env::var_os("UPDATE_REPORTS").is_some() {
            fs::write(&path, &said).expect("a report that can be written");
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        if kept != said {
            wrong.push(format!("{name} has\n{kept}\nbut the program says\n{said}"));
        }
    }
    wrong
}

#[test]
fn every_situation_is_told_as_its_report_has_it() {
    let situations = situations();
    let answers = case::on_two_threads(&situations, |(folder, situation)| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name, check(folder, situation))
    });
    let wrong = answers.into_iter().filter(|(_, wrong)| !wrong.is_empty());
    let wrong: Vec<_> = wrong.map(|(name, wrong)| format!("{name}\n{}", wrong.join("\n"))).collect();
    assert!(wrong.is_empty(), "{} situations are told otherwise:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn what_a_failing_build_never_came_to_is_no_baseline() {
    let text = r#"{
        "dockerfile": ["FROM node:22", "COPY start.sh /", "COPY package*.json ./", "COPY src src", "RUN make one"],
        "files": { "start.sh": "a\n", "package.json": "{}\n", "src/a": "a\n" }
    }"#;
    let mut project = Project::lay_out(&serde_json::from_str(text).expect("a case"), "buildkit");
    let apply = |project: &mut Project, edit: Value| {
        project.apply(&serde_json::from_value(edit).expect("an edit"));
    };
    assert_eq!(project.record().code, Some(0));
    for path in ["start.sh", "package.json"] {
        apply(&mut project, serde_json::json!({ "op": "delete", "path": path }));
    }
    apply(&mut project, serde_json::json!({ "op": "write", "path": "src/a", "text": "never built\n" }));
    apply(&mut project, serde_json::json!({ "op": "edit_dockerfile", "replace": ["make one", "make two"] }));
    assert_eq!(project.record().code, Some(1), "a source is missing");
    apply(&mut project, serde_json::json!({ "op": "write", "path": "start.sh", "text": "b\n" }));
    apply(&mut project, serde_json::json!({ "op": "write", "path": "package.json", "text": "{ }\n" }));
    let report = project.explain().report();
    let told = |step: &str| {
        let causes = report.instruction(step).causes.iter();
        causes.map(|cause| format!("{} {}", cause.kind, cause.path.as_deref().unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(told("COPY start.sh"), ["file-modified start.sh"]);
    assert_eq!(told("COPY package"), ["file-modified package.json", "upstream "]);
    assert_eq!(told("COPY src"), ["file-modified src/a", "upstream "]);
    assert_eq!(told("RUN make"), ["instruction-edited ", "upstream "]);
}

#[test]
fn every_kind_of_cause_is_told_in_some_situation() {
    let situations = situations();
    let kinds = case::on_two_threads(&situations, |(_, situation)| {
        let report = said(situation).1.report();
        let causes = report.instructions().flat_map(|(_, instruction)| &instruction.causes);
        causes.map(|cause| cause.kind.clone()).collect::<BTreeSet<_>>()
    });
    let kinds: BTreeSet<_> = kinds.into_iter().flatten().collect();
    let untold: Vec<_> = KINDS.iter().filter(|kind| !kinds.contains(**kind)).collect();
    assert!(untold.is_empty(), "no situation has {untold:?}");
}

#[test]
fn every_key_of_a_situation_is_read() {
    for (folder, _) in situations() {
        let keys: BTreeMap<String, Value> = case::read(&folder.join("case.json"));
        let unknown: Vec<_> = keys.keys().filter(|key| !KEYS.contains(&key.as_str())).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", folder.display());
    }
}

#[test]
fn no_colour_reaches_a_pipe_and_all_of_it_a_terminal() {
    let (_, situation) = situations().swap_remove(0);
    let project = Project::lay_out(&situation.case, "buildkit");
    let forced = Answer::from(project.command("explain", &[]).env("CLICOLOR_FORCE", "1").output().expect("an answer"));
    assert!(forced.text().starts_with("\u{1b}[1m"), "{}", forced.text());
    assert!(!project.run("explain", &[]).text().contains('\u{1b}'));
}

/// Two services on what they share, each a target.
const SERVICES: &str = r#"{
    "dockerfile": ["FROM golang:1.27-alpine AS shared", "COPY go.mod /", "COPY internal /internal", "RUN make shared",
                   "FROM shared AS build-api", "COPY api /api", "RUN make api", "RUN make check",
                   "FROM alpine:3.20 AS api", "RUN adduser me", "COPY --from=build-api /out /",
                   "FROM shared AS worker", "COPY worker /worker", "RUN make worker"],
    "files": { "go.mod": "m\n", "internal/a": "a\n", "api/a": "a\n", "worker/a": "a\n" }
}"#;

/// Records these targets, edits, and explains another list of them: the root steps with their causes.
fn roots(recorded: &[&str], edit: Value, explained: &[&str]) -> Vec<String> {
    let mut project = Project::lay_out(&serde_json::from_str(SERVICES).expect("a case"), "buildkit");
    let flags = |targets: &[&str]| -> Vec<String> {
        targets.iter().flat_map(|target| ["--target".to_owned(), (*target).to_owned()]).collect()
    };
    let record: Vec<String> = flags(recorded);
    let record = project.command("record", &record.iter().map(String::as_str).collect::<Vec<_>>()).output();
    assert!(record.expect("an answer").status.success());
    project.apply(&serde_json::from_value(edit).expect("an edit"));
    let mut explain = vec!["--format".to_owned(), "json".to_owned()];
    explain.extend(flags(explained));
    let explain = project.command("explain", &explain.iter().map(String::as_str).collect::<Vec<_>>()).output();
    let report = Answer::from(explain.expect("an answer")).report();
    let told = report.instructions().filter(|(_, step)| matches!(step.status.as_str(), "miss" | "unknown"));
    let own = |causes: &[Cause]| -> Vec<String> {
        let own = causes.iter().filter(|cause| cause.kind != "upstream");
        own.map(|cause| cause.path.clone().or(cause.name.clone()).unwrap_or_else(|| cause.kind.clone())).collect()
    };
    let told = told.map(|(_, step)| format!("{}: {}", step.text, own(&step.causes).join(", ")));
    told.filter(|told| !told.ends_with(": ")).collect()
}

#[test]
fn a_step_of_several_targets_is_compared_with_itself_whichever_were_recorded() {
    let edit = || serde_json::json!({ "op": "write", "path": "internal/a", "text": "b\n" });
    for (recorded, explained) in
        [(&["worker", "api"][..], &["api"][..]), (&["api", "worker"], &["api"]), (&["api", "worker"], &["worker"])]
    {
        assert_eq!(roots(recorded, edit(), explained), ["COPY internal /internal: internal/a"], "{recorded:?}");
    }
    assert_eq!(roots(&["worker"], edit(), &["api", "worker"])[0], "COPY internal /internal: internal/a");
}

#[test]
fn a_stage_that_was_not_needed_is_one_cause() {
    let same = serde_json::json!({ "op": "write", "path": "internal/a", "text": "a\n" });
    let told = ["COPY api /api: instruction-added", "RUN adduser me: instruction-added"];
    assert_eq!(roots(&["worker"], same, &["api"]), told);
}

#[test]
fn the_image_in_doubt_is_the_one_that_was_exchanged() {
    let edit =
        serde_json::json!({ "op": "edit_dockerfile", "replace": ["golang:1.27-alpine", "golang:1.27.0-alpine"] });
    let told = roots(&["api"], edit, &["api"]);
    assert!(told.iter().all(|told| !told.contains("alpine:3.20")), "{told:?}");
    assert!(told.iter().any(|told| told.contains("golang:1.27.0-alpine")), "{told:?}");
}
