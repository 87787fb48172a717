//! Pictures of builds: what `graph` draws in each format, and the lanes and lists of `plan`. A case is a folder in
//! `tests/fixtures/graph` whose name is a fact: `case.json` in the form of `case.rs`, and the golden answers. Each list
//! of `before` is carried out after a record. `SNAPSHOTS=overwrite` writes the answers anew.
//!
//! What every picture keeps, whatever is in it, is checked beside the golden files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::case::project::Project;
use crate::case::{self, Case};

/// The golden answers of a case, with the command that gives each.
const ANSWERS: &[(&str, &[&str])] = &[
    ("plan.txt", &["plan"]),
    ("graph.txt", &["graph"]),
    ("graph.dot", &["graph", "--format", "dot"]),
    ("graph.mermaid", &["graph", "--format", "mermaid"]),
    ("graph.json", &["graph", "--format", "json"]),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/graph").join(name)
}

fn folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder("")).expect("the folder is there");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    folders.sort();
    folders
}

fn laid_out(folder: &Path) -> Project {
    let case: Case = case::read(&folder.join("case.json"));
    let mut project = Project::lay_out(&case, "buildkit");
    for edits in &case.before {
        recorded(&project);
        edits.iter().for_each(|edit| project.apply(edit));
    }
    project
}

fn answer(project: &Project, command: &[&str]) -> String {
    let answer = project.run(command[0], &command[1..]);
    assert_eq!(answer.code, Some(0), "{command:?}: {}", answer.stderr);
    answer.text()
}

/// The answer without what differs from run to run: which record it was compared with.
fn without_baseline(json: &str) -> String {
    let mut value: Value = serde_json::from_str(json).expect("JSON");
    let baseline = value.as_object_mut().expect("an object").remove("baseline");
    assert!(baseline.is_some_and(|baseline| baseline["kind"].is_string()), "{json}");
    serde_json::to_string_pretty(&value).expect("JSON") + "\n"
}

#[test]
fn every_case_is_drawn_as_it_was() {
    let folders = folders();
    assert!(folders.len() >= 15, "only {} cases", folders.len());
    for folder in folders {
        let project = laid_out(&folder);
        for (file, command) in ANSWERS {
            let found = answer(&project, command);
            let found = if *file == "graph.json" { without_baseline(&found) } else { found };
            let expected = snapbox::Data::read_from(&folder.join(file), None).raw();
            snapbox::Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV).eq(found, expected);
        }
    }
}

#[test]
fn text_keeps_to_eighty_columns() {
    for folder in folders() {
        let project = laid_out(&folder);
        for command in ["plan", "graph"] {
            let text = answer(&project, &[command]);
            let mut lines = text.lines().filter(|line| !line.starts_with("hint:"));
            let wide = lines.find(|line| line.chars().count() > 80);
            assert!(wide.is_none(), "{}: {command}: {wide:?}", folder.display());
        }
    }
}

#[test]
fn every_arrow_leads_from_a_node_to_a_node_and_no_node_stands_alone() {
    for folder in folders() {
        let json = answer(&laid_out(&folder), &["graph", "--format", "json"]);
        let graph: Value = serde_json::from_str(&json).expect("JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let nodes = graph["nodes"].as_array().expect("nodes").iter();
        let nodes: Vec<String> = nodes.map(|node| text(&node["id"])).collect();
        let ids: BTreeSet<&String> = nodes.iter().collect();
        assert_eq!(ids.len(), nodes.len(), "{}: two nodes of one id", folder.display());
        let edges = graph["edges"].as_array().expect("edges");
        let ends: BTreeSet<String> = edges.iter().flat_map(|edge| [text(&edge["from"]), text(&edge["to"])]).collect();
        let strange: Vec<_> = ends.iter().filter(|end| !ids.contains(end)).collect();
        assert!(strange.is_empty(), "{}: {strange:?}", folder.display());
        let alone: Vec<_> = nodes.iter().filter(|node| !ends.contains(*node)).collect();
        assert!(alone.is_empty(), "{}: {alone:?}", folder.display());
    }
}

#[test]
fn stages_that_are_not_needed_are_drawn_with_verbose() {
    let project = laid_out(&folder("stages-that-are-not-needed-are-left-out"));
    for format in ["text", "dot", "mermaid"] {
        let short = answer(&project, &["graph", "--format", format]);
        let whole = answer(&project, &["graph", "--format", format, "--verbose"]);
        assert!(short.contains("2 stages") && !short.contains("RUN lint"), "{format}: {short}");
        assert!(whole.contains("RUN lint") && whole.contains("golang:1.24"), "{format}: {whole}");
    }
}

#[test]
fn programs_learn_what_the_drawing_shows() {
    let project = laid_out(&folder("a-diamond-is-two-wide"));
    let plan: Value = serde_json::from_str(&answer(&project, &["plan", "--format", "json"])).expect("JSON");
    let target = &plan["targets"][0];
    let path = ["left:5", "left:6", "whole:11", "whole:12"];
    assert_eq!(target["width"], 2);
    assert_eq!(target["least_seconds"], 0.0);
    assert_eq!(target["critical_path"], serde_json::json!(path));
    assert!(plan["summary"]["expected_seconds"].is_null());
    let stages = plan["stages"].as_array().expect("stages").iter();
    let steps: Vec<&Value> = stages.flat_map(|stage| stage["instructions"].as_array().expect("a list")).collect();
    let levels: Vec<i64> = steps.iter().filter_map(|step| step["level"].as_i64()).collect();
    assert_eq!(levels, [0, 1, 2, 3, 2, 3, 4, 5]);
    assert_eq!(steps.iter().filter(|step| step["critical"] == true).count(), path.len());
    recorded(&project);
    let plan: Value = serde_json::from_str(&answer(&project, &["plan", "--format", "json"])).expect("JSON");
    assert_eq!((&plan["targets"][0]["width"], &plan["summary"]["expected_seconds"]), (&0.into(), &0.0.into()));
}

fn recorded(project: &Project) {
    let answer = project.record();
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
}

#[test]
fn a_picture_can_be_compared_with_a_git_revision() {
    let case: Case = case::read(&folder("a-diamond-is-two-wide").join("case.json"));
    let project = Project::lay_out(&case, "buildkit");
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command
            .current_dir(project.context())
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")]);
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let output = command.args(identity).args(arguments).output().expect("git starts");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    std::fs::write(project.path("left/a"), "edited\n").expect("a file");
    let text = answer(&project, &["graph", "--since", "HEAD"]);
    for line in ["miss       5 COPY left ./left", "hit        8 COPY right ./right", "compared with commit"] {
        assert!(text.contains(line), "{line}: {text}");
    }
}
