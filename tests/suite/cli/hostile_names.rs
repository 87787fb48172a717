//! File names and Dockerfiles that try to speak to the terminal, or that are no text at all.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::{edit, project, recorded};
use crate::case::project::Project;

const COMMANDS: &[&[&str]] = &[
    &["explain"],
    &["explain", "--format", "json"],
    &["plan"],
    &["plan", "--format", "json"],
    &["graph"],
    &["graph", "--format", "dot"],
    &["graph", "--format", "mermaid"],
    &["graph", "--format", "json"],
    &["context"],
    &["context", "--format", "json"],
];

/// Demands that neither stream of any report holds one of these bytes, or a line that begins so.
fn assert_quiet(project: &Project, bytes: &[&str], beginning: &str) {
    for arguments in COMMANDS {
        let answer = project.run(arguments[0], &arguments[1..]);
        assert_eq!(answer.code, Some(0), "{arguments:?}: {}", answer.stderr);
        assert!(!answer.stdout.is_empty(), "{arguments:?} says nothing");
        for stream in [answer.text(), answer.stderr] {
            // JSON escapes what controls a terminal; direction marks are text there.
            for raw in bytes.iter().filter(|raw| !(arguments.contains(&"json") && **raw == "\u{202e}")) {
                assert!(!stream.contains(raw), "{arguments:?} says {raw:?} as it is:\n{stream:?}");
            }
            let begins = stream.lines().find(|line| line.trim_start().starts_with(beginning));
            assert!(begins.is_none(), "{arguments:?} lets a name begin a line:\n{stream}");
        }
    }
}

#[test]
fn a_file_name_never_speaks_to_the_terminal() {
    let name = "src/a\nFORGED all is well\u{1b}[31m\u{202e}\r\u{7}";
    let mut project = project("FROM alpine:3.20\nCOPY src /src\nRUN ls\n", &[("src/a", "a\n"), (name, "x\n")]);
    recorded(&project);
    edit(&mut project, name, "edited\n");
    assert_eq!(project.explain().report().status("COPY src"), "miss");
    assert_quiet(&project, &["\u{1b}", "\u{202e}", "\r", "\u{7}"], "FORGED");
}

#[test]
fn a_dockerfile_never_speaks_to_the_terminal() {
    let dockerfile = "FROM alpine:3.20\nRUN echo \u{1b}]0;title\u{7} \u{202e}right to left\n";
    let mut project = project(dockerfile, &[("a", "a\n")]);
    recorded(&project);
    edit(&mut project, "Dockerfile", &dockerfile.replace("echo", "echo  2"));
    assert_quiet(&project, &["\u{1b}", "\u{202e}", "\u{7}"], "FORGED");
}

#[test]
fn a_github_annotation_is_not_ended_by_a_file_name() {
    let name = "src/a\n::error::forged";
    let mut project = project("FROM alpine:3.20\nCOPY src /src\n", &[(name, "x\n")]);
    recorded(&project);
    edit(&mut project, name, "edited\n");
    assert_quiet(&project, &[], "::error::forged");
}

#[test]
fn a_name_that_is_not_utf_8_is_shown_lossy_and_told_exactly() {
    let mut project = project("FROM alpine:3.20\nCOPY src /src\n", &[("src/a", "a\n")]);
    let path = project.path("src").join(OsStr::from_bytes(b"\xff"));
    std::fs::write(&path, "x\n").expect("a file system that takes any bytes");
    recorded(&project);
    std::fs::write(&path, "edited\n").expect("the same file");
    let report = project.explain().report();
    let cause =
        report.instruction("COPY src").causes.iter().find(|cause| cause.kind == "file-modified").expect("a cause");
    assert_eq!(cause.path.as_deref(), Some("src/\u{fffd}"));
    assert_eq!(cause.path_b64.as_deref(), Some("c3JjL/8="));
    edit(&mut project, "src/a", "edited\n");
    assert_quiet(&project, &["\u{1b}"], "FORGED");
}
