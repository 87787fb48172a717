//! Streams, colours, exit statuses, and what the planning commands answer on an ordinary project.

use std::io::Write;
use std::process::Stdio;

use super::{assert_refused, edit, project, recorded, small_project};
use crate::case::project::{Answer, Project};
use crate::case::report::Report;

fn statuses(report: &Report) -> Vec<(&str, &str)> {
    let steps = report.instructions().filter(|(_, step)| step.status != "none");
    steps.map(|(_, step)| (step.text.as_str(), step.status.as_str())).collect()
}

/// What the small project answers when the sources have changed.
const SOURCES_CHANGED: &[(&str, &str)] = &[
    ("WORKDIR /app", "hit"),
    ("COPY package.json ./", "hit"),
    ("RUN npm ci", "hit"),
    ("COPY src/ src/", "miss"),
    ("RUN npm run build", "miss"),
];

#[test]
fn with_nothing_recorded_every_step_is_unknown() {
    let project = small_project();
    let answer = project.explain();
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let report = answer.report();
    assert_eq!((report.schema.as_str(), report.baseline.kind.as_str()), ("stageplan.explain/1", "none"));
    let steps: Vec<_> = report.instructions().filter(|(_, step)| step.status != "none").collect();
    assert_eq!(steps.len(), 5);
    for (_, step) in steps {
        assert!(step.status == "unknown" && step.has_cause("never-recorded"), "{}", step.line_of_report());
    }
    let text = project.run("explain", &[]);
    let told = format!("{}{}", text.text(), text.stderr);
    assert!(told.contains("stageplan record"), "no hint says what to do:\n{told}");
}

#[test]
fn what_was_recorded_is_a_hit_until_it_changes_and_again_when_taken_back() {
    let mut project = small_project();
    recorded(&project);
    let report = project.explain().report();
    assert_eq!(report.baseline.kind, "record");
    assert!(statuses(&report).iter().all(|(_, status)| *status == "hit"), "{:?}", statuses(&report));
    edit(&mut project, "src/a.js", "edited\n");
    assert_eq!(statuses(&project.explain().report()), SOURCES_CHANGED);
    recorded(&project);
    edit(&mut project, "src/a.js", "a\n");
    let report = project.explain().report();
    assert!(statuses(&report).iter().all(|(_, status)| *status == "hit"), "{:?}", statuses(&report));
    assert_eq!(report.check(), Vec::<String>::new());
}

#[test]
fn a_stage_that_two_targets_share_stands_and_counts_once() {
    let dockerfile = "FROM alpine:3.20 AS base\nRUN one\nFROM base AS left\nRUN two\nFROM base AS right\nRUN three\n\
        FROM scratch AS idle\nRUN four\n";
    let project = project(dockerfile, &[]);
    let targets = ["--target", "left", "--target", "right"];
    assert_eq!(project.run("record", &targets).code, Some(0));
    std::fs::write(project.dockerfile(), dockerfile.replace("one", "uno")).expect("a file");
    let plan = project.run("plan", &targets).text();
    assert!(plan.starts_with("3 of 3 steps will run, 1 root cause\n"), "{plan}");
    assert_eq!(plan.matches("RUN uno").count(), 1, "{plan}");
    assert!(plan.contains("\ntarget left\n") && plan.contains("\ntarget right\n"), "{plan}");
    assert!(plan.contains("\nbase stands above\n"), "{plan}");
    let explain = project.run("explain", &targets).text();
    assert!(explain.starts_with("3 of 3 steps will run, 1 root cause\n"), "{explain}");
    assert_eq!(explain.matches("base:2").count(), 1, "{explain}");
    let comment = project.run("plan", &[&targets[..], &["--format", "markdown"]].concat()).text();
    assert!(comment.contains("3 of 3 steps run again in `base`, `left` and `right`"), "{comment}");
    assert!(comment.contains("| `base:2` `RUN uno` | 2 steps in `left` and `right` |"), "{comment}");
    let report = project.run("plan", &[&targets[..], &["--format", "json"]].concat()).report();
    assert_eq!((report.summary.miss, report.summary.unused), (3, 2), "the lines of `idle` count once");
    let of_base = report.stages.iter().filter(|stage| stage.name.as_deref() == Some("base"));
    assert_eq!(of_base.count(), 2, "programs find all stages of each target");
}

#[test]
fn two_answers_to_one_question_are_equal() {
    let mut project = small_project();
    recorded(&project);
    edit(&mut project, "src/a.js", "edited\n");
    assert_eq!(statuses(&project.explain().report()), SOURCES_CHANGED);
    for arguments in [&[][..], &["--format", "json"]] {
        assert_eq!(project.run("explain", arguments).text(), project.run("explain", arguments).text());
    }
}

#[test]
fn records_of_one_project_serve_another() {
    let project = small_project();
    recorded(&project);
    let mut other = small_project();
    edit(&mut other, "src/a.js", "other\n");
    std::fs::create_dir_all(other.state().parent().expect("a parent")).expect("a folder");
    std::os::unix::fs::symlink(project.state(), other.state()).expect("a shared state");
    recorded(&other);
    edit(&mut other, "src/a.js", "a\n");
    let report = other.explain().report();
    assert!(statuses(&report).iter().all(|(_, status)| *status == "hit"), "{:?}", statuses(&report));
}

#[test]
fn exit_code_tells_whether_every_step_hits() {
    let mut project = small_project();
    recorded(&project);
    for command in ["explain", "plan"] {
        assert_eq!(project.run(command, &["--exit-code"]).code, Some(0), "{command}");
    }
    edit(&mut project, "src/a.js", "edited\n");
    for command in ["explain", "plan"] {
        assert_eq!(project.run(command, &["--exit-code"]).code, Some(1), "{command}");
        assert_eq!(project.run(command, &[]).code, Some(0), "{command}");
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let project = small_project();
    recorded(&project);
    for arguments in
        [&["explain"][..], &["explain", "--format", "json"], &["plan"], &["graph"], &["context"], &["--help"]]
    {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let answer =
            Answer::from(project.command(arguments[0], &arguments[1..]).stdout(writer).output().expect("an end"));
        assert!(answer.stderr.is_empty(), "{arguments:?}: {}", answer.stderr);
        assert_ne!(answer.code, Some(101), "{arguments:?}");
    }
}

#[test]
fn colours_are_for_terminals_and_for_those_who_insist() {
    let project = small_project();
    recorded(&project);
    let run = |variables: &[(&str, &str)]| {
        let mut command = project.command("explain", &[]);
        Answer::from(command.envs(variables.iter().copied()).output().expect("the program starts")).text()
    };
    assert!(!run(&[]).contains('\u{1b}'));
    assert!(run(&[("CLICOLOR_FORCE", "1")]).contains('\u{1b}'));
    assert!(!run(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).contains('\u{1b}'));
    let mut json = project.command("explain", &["--format", "json"]);
    let json = Answer::from(json.env("CLICOLOR_FORCE", "1").output().expect("the program starts"));
    assert!(!json.text().contains('\u{1b}'));
}

#[test]
fn stdout_holds_the_answer_and_nothing_else() {
    let project = project("FROM alpine:3.20\nCOPY a.txt /a\nMAINTAINER me\n", &[("a.txt", "a\n")]);
    recorded(&project);
    for command in ["explain", "plan", "graph", "context"] {
        let schema = format!("stageplan.{command}/1");
        let answer = project.run(command, &["--format", "json"]);
        let value: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("JSON from end to end");
        assert_eq!(value["schema"], schema);
    }
}

fn changed(project: &Project, paths: &[&str], stdin: &str) -> Report {
    let mut arguments = vec!["--format", "json"];
    arguments.extend(paths.iter().flat_map(|path| ["--changed", path]));
    let mut command = project.command("plan", &arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("an open pipe");
    Answer::from(child.wait_with_output().expect("an end")).report()
}

#[test]
fn plan_changed_answers_as_if_only_these_files_changed() {
    let project = small_project();
    let ways = [(&["project/src/a.js"][..], ""), (&["-"], "project/src/a.js\n"), (&["-"], "project/src/a.js\0")];
    for is_recorded in [false, true] {
        if is_recorded {
            recorded(&project);
        }
        for (paths, stdin) in ways {
            let report = changed(&project, paths, stdin);
            assert_eq!(report.schema, "stageplan.plan/1");
            assert_eq!(statuses(&report), SOURCES_CHANGED, "recorded: {is_recorded}, {paths:?} {stdin:?}");
            assert!(report.instruction("COPY src").has_cause("file-modified"));
        }
    }
}

#[test]
fn plan_changed_hits_everything_when_no_step_reads_the_file() {
    let mut project = small_project();
    edit(&mut project, "README.md", "r\n");
    for (paths, stdin) in [(&["project/README.md"][..], ""), (&["-"], "")] {
        let report = changed(&project, paths, stdin);
        assert!(statuses(&report).iter().all(|(_, status)| *status == "hit"), "{:?}", statuses(&report));
    }
}

#[test]
fn plan_changed_takes_several_paths_and_names_with_newlines() {
    let project = project(
        "FROM alpine:3.20\nCOPY a /a\nFROM alpine:3.20\nCOPY d /d\nCOPY --from=0 /a /a\n",
        &[("a", "a\n"), ("d/x\ny", "d\n")],
    );
    let report = changed(&project, &["-"], "project/a\0project/d/x\ny\0");
    assert_eq!((report.status("COPY a"), report.status("COPY d")), ("miss", "miss"));
    let report = changed(&project, &["project/a", "project/d/x\ny"], "");
    assert_eq!((report.status("COPY a"), report.status("COPY d")), ("miss", "miss"));
}

#[test]
fn step_narrows_to_one_step_and_an_unknown_step_is_refused() {
    let mut project = small_project();
    recorded(&project);
    edit(&mut project, "src/a.js", "edited\n");
    for step in ["0:5", "5", "COPY src"] {
        let report = project.run("explain", &["--format", "json", "--step", step]).report();
        assert_eq!(statuses(&report), [("COPY src/ src/", "miss")], "{step}");
    }
    assert_refused(&project.run("explain", &["--step", "99"]), "99");
}
