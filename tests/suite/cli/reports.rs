//! What the text reports say beside the statuses: what a step follows from, what is taken for granted, what helps.

use super::{edit, project, recorded, recorded_bytes, small_project};
use crate::case::project::{Answer, Project};

/// What an answer says on both streams.
fn told(answer: &Answer) -> String {
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    format!("{}{}", answer.text(), answer.stderr)
}

fn assert_told(project: &Project, command: &str, more: &[&str], words: &[&str]) {
    let told = told(&project.run(command, more));
    for word in words {
        assert!(told.contains(word), "`{word}` is not said:\n{told}");
    }
}

#[test]
fn a_step_asked_for_alone_tells_what_it_follows_from() {
    let mut project = small_project();
    recorded(&project);
    edit(&mut project, "src/a.js", "edited\n");
    for step in ["0:6", "6", "run  npm run"] {
        let words = ["1 of 1 step will run\n", "RUN npm run build", "follows from 0:5: src/a.js changed"];
        assert_told(&project, "explain", &["--step", step], &words);
    }
    assert_told(&project, "explain", &["--step", "0:3"], &["the step will come from the cache"]);
    assert_eq!(project.run("explain", &["--step", ""]).code, Some(2));
}

#[test]
fn an_image_that_nobody_looked_up_is_said_once_to_be_taken_as_unmoved() {
    let project = small_project();
    recorded(&project);
    for command in ["explain", "plan"] {
        let told = told(&project.run(command, &[]));
        assert_eq!(told.matches("taken as unmoved: node:22\n").count(), 1, "{told}");
    }
}

#[test]
fn a_plan_without_records_says_what_to_do() {
    assert_told(&small_project(), "plan", &[], &["stageplan record"]);
}

#[test]
fn a_remote_source_is_named_by_its_own_address() {
    let project = project("FROM alpine:3.20\nADD https://example.com/x /x\nRUN echo 1\n", &[]);
    recorded(&project);
    let report = project.explain().report();
    for step in ["ADD", "RUN echo 1"] {
        assert!(report.instruction(step).has_cause("remote-source"), "{step}");
    }
    let words = ["only a server knows what https://example.com/x holds", "none of 2 steps is sure to run"];
    assert_told(&project, "explain", &[], &words);
    let told = told(&project.run("explain", &[]));
    assert_eq!(told.matches("what https://example.com/x holds").count(), 1, "{told}");
}

#[test]
fn a_path_that_no_step_can_see_is_warned_of() {
    let project = small_project();
    let below = project.context();
    let inside = |name: &str| below.join(name).display().to_string();
    assert_told(&project, "plan", &["--changed", "/etc/passwd"], &["warning: `/etc/passwd` is in no build context"]);
    assert_told(&project, "plan", &["--changed", &inside("Dockerfile")], &["warning: ", "is not foreseen"]);
    let quiet = project.run("plan", &["--changed", &inside("src/a.js")]);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_step_that_the_target_does_not_need_is_said_to_be_unneeded_and_judged_alone() {
    let mut project = project("FROM alpine:3.20 AS a\nRUN a\nFROM alpine:3.20 AS b\nRUN b\nRUN c\n", &[]);
    recorded(&project);
    assert_told(&project, "explain", &["--step", "a:2"], &["a:2 is not needed for target b; add --target a"]);
    project.apply(&serde_json::from_value(serde_json::json!(
        { "op": "write", "path": "Dockerfile", "text": "FROM alpine:3.20 AS a\nRUN a\nFROM alpine:3.20 AS b\nRUN b\nRUN d\n" }
    )).expect("an operation"));
    for (step, code) in [("b:4", 0), ("b:5", 1), ("a:2", 0)] {
        assert_eq!(project.run("explain", &["--step", step, "--exit-code"]).code, Some(code), "{step}");
    }
}

#[test]
fn a_changed_path_that_is_not_there_is_warned_of_and_made_only_where_no_source_is_missing() {
    let mut project = small_project();
    let path = |project: &Project, name: &str| project.context().join(name).display().to_string();
    let new = path(&project, "src/new.js");
    assert_told(&project, "plan", &["--changed", &new], &["does not exist and is taken as a new file"]);
    edit(&mut project, "package.json", "{}\n");
    std::fs::remove_file(path(&project, "package.json")).expect("a file that was there");
    let gone = path(&project, "package.json");
    assert_told(
        &project,
        "plan",
        &["--changed", &gone],
        &["does not exist and is taken as removed", "the build will fail"],
    );
}

#[test]
fn a_path_that_git_prints_from_the_top_is_told_from_one_that_is_new() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let below = folder.path().join("svc/src");
    std::fs::create_dir_all(&below).expect("folders");
    std::fs::write(below.join("a"), "a").expect("a file");
    std::fs::write(folder.path().join("svc/Dockerfile"), "FROM alpine:3.20\nCOPY src /src\n").expect("a Dockerfile");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_stageplan"))
        .args(["plan", "--state-dir", "../state", "--changed", "svc/src/a"])
        .current_dir(folder.path().join("svc"))
        .output()
        .expect("the program");
    let warned = String::from_utf8_lossy(&output.stderr);
    assert!(warned.contains("unless it is given --relative"), "{warned}");
}

#[test]
fn nothing_is_said_to_be_known_under_another_frontend() {
    let project = project("# syntax=example.com/frontend:1\nFROM alpine:3.20\nRUN echo 1\n", &[]);
    assert_told(&project, "record", &[], &["recorded no step", "another frontend"]);
}

#[test]
fn a_log_that_was_cut_never_turns_a_recorded_step_into_a_miss() {
    let mut project = small_project();
    recorded(&project);
    edit(&mut project, "src/a.js", "edited\n");
    recorded(&project);
    let (path, bytes) = recorded_bytes(&project).into_iter().find(|(path, _)| path.ends_with(".jsonl")).expect("a log");
    std::fs::write(path, &bytes[..bytes.len() - 9]).expect("a shorter log");
    assert_told(&project, "explain", &[], &["warning: ", "hint: recorded builds were lost"]);
    assert_eq!(project.explain().report().status("COPY src"), "unknown");
}
