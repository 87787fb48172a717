//! What is said of a file that BuildKit refuses, or only warns of: each folder of `tests/fixtures/diagnostics` and of
//! `tests/fixtures/warnings` is a fact. In: a project of which `explain` says so. Out: `stderr.txt` on standard error;
//! of what is refused exit 2 and nothing on standard output.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use snapbox::assert::DEFAULT_ACTION_ENV;
use tempfile::TempDir;

const GOLDEN: &str = "stderr.txt";

fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(kind);
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("readable").path()).collect();
    cases.sort();
    cases
}

/// A copy of a case without its golden answer.
fn laid_out(case: &Path) -> TempDir {
    let project = tempfile::tempdir().expect("a temporary folder");
    for entry in fs::read_dir(case).expect("a case") {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("a name");
        if name != GOLDEN {
            fs::copy(&path, project.path().join(name)).expect("a copy");
        }
    }
    project
}

/// What a command says of a project.
fn answered(command: &str, project: &Path, environment: &[(&str, &str)]) -> Output {
    let state = tempfile::tempdir().expect("a temporary folder");
    Command::new(env!("CARGO_BIN_EXE_stageplan"))
        .arg(command)
        .current_dir(project)
        .env_clear()
        .env("STAGEPLAN_STATE_DIR", state.path())
        .envs(environment.iter().copied())
        .output()
        .expect("the program starts")
}

/// Whether a character could act on a terminal, line ends left out.
fn acts(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[test]
fn each_refusal_shows_the_lines_at_fault() {
    let cases = cases("diagnostics");
    assert!(cases.len() >= 20, "only {} cases", cases.len());
    for case in cases {
        let project = laid_out(&case);
        let output = answered("explain", project.path(), &[]);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{}", case.display());
        let told = String::from_utf8(output.stderr).expect("text");
        assert!(!told.contains(acts), "{}: {told:?}", case.display());
        let expected = snapbox::Data::read_from(&case.join(GOLDEN), None).raw();
        snapbox::Assert::new().action_env(DEFAULT_ACTION_ENV).eq(told, expected);
    }
}

#[test]
fn plan_and_explain_warn_and_answer_and_others_are_silent() {
    let cases = cases("warnings");
    assert!(cases.len() >= 6, "only {} cases", cases.len());
    for case in cases {
        let project = laid_out(&case);
        for command in ["explain", "plan", "record", "context"] {
            let output = answered(command, project.path(), &[]);
            assert_eq!(output.status.code(), Some(0), "{}: {command}", case.display());
            let told = String::from_utf8(output.stderr).expect("text");
            let expected = match command {
                "explain" | "plan" => snapbox::Data::read_from(&case.join(GOLDEN), None).raw(),
                _ => snapbox::Data::text(""),
            };
            snapbox::Assert::new().action_env(DEFAULT_ACTION_ENV).eq(told, expected);
        }
    }
}

#[test]
fn the_lines_at_fault_fit_eighty_columns_and_hide_secrets() {
    for case in cases("diagnostics") {
        let told = fs::read_to_string(case.join(GOLDEN)).expect("a golden answer");
        let wide = told.lines().filter(|line| line.contains('|') && !line.starts_with("error:"));
        let wide: Vec<&str> = wide.filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{}: {wide:#?}", case.display());
        assert!(!told.contains("swordfish"), "{}: {told}", case.display());
        assert!(told.lines().filter(|line| line.starts_with("hint:")).count() <= 1, "{}: {told}", case.display());
        assert!(told.lines().count() <= 15, "{}: {told}", case.display());
    }
}

#[test]
fn colours_are_shown_only_where_they_are_wanted() {
    let case = cases("diagnostics").into_iter().next().expect("a case");
    let project = laid_out(&case);
    let coloured =
        |environment: &[(&str, &str)]| answered("explain", project.path(), environment).stderr.contains(&0x1b);
    assert!(!coloured(&[]), "in a pipe");
    assert!(!coloured(&[("NO_COLOR", "1")]));
    assert!(!coloured(&[("TERM", "dumb")]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
}
