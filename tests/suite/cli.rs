//! The program at its edges: streams, exit statuses, errors, text that came from files.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What a run of the program gave.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program in a folder, with a state folder of its own and no settings from outside.
pub(crate) fn stageplan(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stageplan"));
    command.current_dir(dir).env("STAGEPLAN_STATE_DIR", dir.join("../state"));
    for name in ["SOURCE_DATE_EPOCH", "DOCKER_DEFAULT_PLATFORM", "CLICOLOR_FORCE", "CLICOLOR"] {
        command.env_remove(name);
    }
    command
}

/// Runs a command with that text on its standard input.
pub(crate) fn outcome(command: &mut Command, stdin: &str) -> Outcome {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome { status: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs the program in a folder with these words.
pub(crate) fn run(dir: &TempDir, words: &[&str]) -> Outcome {
    outcome(stageplan(&dir.path().join("project")).args(words), "")
}

/// A folder `project` with these files, beside an empty place for the state folder.
pub(crate) fn project(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("project")).unwrap();
    for (name, text) in files {
        let path = dir.path().join("project").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

#[test]
fn parse_prints_the_tree_and_exits_0() {
    let dir = project(&[("Dockerfile", "FROM a AS b\nONBUILD COPY x /\n")]);
    let expected = r#"{
  "ok": true,
  "escape": "\\",
  "stages": [
    {
      "name": "b",
      "base": "a",
      "line": 1
    }
  ],
  "instructions": [
    {
      "line": 1,
      "end_line": 1,
      "keyword": "FROM",
      "flags": [],
      "args": [
        "a",
        "AS",
        "b"
      ],
      "json": false
    },
    {
      "line": 2,
      "end_line": 2,
      "keyword": "ONBUILD",
      "flags": [],
      "args": [],
      "json": false,
      "onbuild": {
        "keyword": "COPY",
        "flags": [],
        "args": [
          "x",
          "/"
        ],
        "json": false
      }
    }
  ]
}
"#;
    let answered = Outcome { status: 0, stdout: expected.to_owned(), stderr: String::new() };
    assert_eq!(run(&dir, &["parse", "Dockerfile"]), answered);
    let text = fs::read_to_string(dir.path().join("project/Dockerfile")).unwrap();
    assert_eq!(outcome(stageplan(dir.path()).args(["parse", "-"]), &text), answered);
}

#[test]
fn parse_refuses_with_buildkits_line_and_words_and_exits_2() {
    let dir = project(&[("Dockerfile", "FROM a\nRUNN\u{1b}[31m x\n")]);
    let expected = r#"{
  "ok": false,
  "line": 2,
  "error": "dockerfile parse error on line 2: unknown instruction: RUNN\u001b[31m"
}
"#;
    let refused = Outcome { status: 2, stdout: expected.to_owned(), stderr: String::new() };
    assert_eq!(run(&dir, &["parse", "Dockerfile"]), refused);
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_made_harmless() {
    let dir = project(&[]);
    let outcome = run(&dir, &["parse", "no\u{1b}[31m/such"]);
    let stderr = "error: cannot read `no\\x1b[31m/such`: No such file or directory (os error 2)\n".to_owned();
    assert_eq!(outcome, Outcome { status: 2, stdout: String::new(), stderr });
}

#[test]
fn wrong_usage_exits_2_and_help_exits_0() {
    let dir = project(&[]);
    for words in [&["no-such-command"][..], &["parse"], &["parse", "a", "b"], &[]] {
        let outcome = run(&dir, words);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (2, ""), "{words:?}");
    }
    for words in [&["--help"][..], &["-h"], &["parse", "--help"], &["--version"]] {
        let outcome = run(&dir, words);
        assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""), "{words:?}");
    }
}

#[test]
fn a_reader_who_closes_the_pipe_is_no_error() {
    let dir = project(&[("Dockerfile", &format!("FROM a\n{}", "RUN x\n".repeat(100_000)))]);
    let script = format!("set -o pipefail; '{}' parse Dockerfile | head -c 1", env!("CARGO_BIN_EXE_stageplan"));
    let outcome = outcome(Command::new("bash").current_dir(dir.path().join("project")).args(["-c", &script]), "");
    assert_eq!(outcome, Outcome { status: 0, stdout: "{".to_owned(), stderr: String::new() });
}
