//! `--format markdown` and `--format github`: what a reviewer of a pull request sees.
//!
//! In: the cases of `tests/fixtures/comment`, each a project, what changes and the two texts. Out: that the program
//! writes these texts, every time; that a parser of CommonMark finds nothing in a comment that a file put there.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::case::project::Project;
use crate::case::{self, Case};

mod bounds;
mod parsed;

#[derive(Deserialize)]
struct Commented {
    /// Whether nothing is recorded before the change.
    #[serde(default)]
    unrecorded: bool,
    #[serde(flatten)]
    case: Case,
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/comment");
    let entries = fs::read_dir(&folder).expect("the folder of the cases");
    let mut cases: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    cases
}

/// The project of a case after its change.
fn changed(folder: &Path) -> Project {
    let commented: Commented = case::read(&folder.join("case.json"));
    let mut project = Project::lay_out(&commented.case, "buildkit");
    if !commented.unrecorded {
        assert_eq!(project.record().code, Some(0), "{}", folder.display());
    }
    commented.case.mutation.iter().for_each(|edit| project.apply(edit));
    project
}

fn named(name: &str) -> Project {
    changed(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/comment").join(name))
}

/// What a command says in a format, and nothing else.
fn said(project: &Project, command: &str, format: &str) -> String {
    let answer = project.run(command, &["--format", format]);
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{command} --format {format}");
    String::from_utf8(answer.stdout).expect("text")
}

#[test]
fn each_case_is_told_as_its_two_texts() {
    let cases = cases();
    assert!(cases.len() >= 10, "{cases:?}");
    for folder in &cases {
        let project = changed(folder);
        for (format, file) in [("markdown", "comment.md"), ("github", "annotations.txt")] {
            let text = said(&project, "plan", format);
            assert_eq!(said(&project, "plan", format), text, "a second run says the same");
            assert_eq!(said(&project, "explain", format), text, "explain says the same");
            let expected = snapbox::Data::read_from(&folder.join(file), None).raw();
            snapbox::Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV).eq(text, expected);
        }
    }
}

#[test]
fn annotations_are_commands_and_nothing_else() {
    for folder in cases() {
        let text = said(&changed(&folder), "plan", "github");
        assert!(!text.is_empty() && text.ends_with('\n'), "{}", folder.display());
        for line in text.lines() {
            let rest = ["::error ", "::warning ", "::notice "].iter().find_map(|kind| line.strip_prefix(kind));
            let (properties, _) = rest.and_then(|rest| rest.split_once("::")).unwrap_or_else(|| panic!("{line}"));
            for property in properties.split(',') {
                let (name, value) = property.split_once('=').unwrap_or_else(|| panic!("{line}"));
                assert!(["file", "line", "endLine", "title"].contains(&name) && !value.contains(':'), "{line}");
            }
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}

#[test]
fn a_comment_on_one_step_says_so_and_is_another_comment() {
    let project = named("an-edited-source-runs-its-stage-and-leaves-what-copies-from-it-open");
    let narrowed = |format: &str, step: &str| {
        let answer = project.run("explain", &["--format", format, "--step", step]);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        String::from_utf8(answer.stdout).expect("text")
    };
    let whole = said(&project, "explain", "markdown");
    let (step, hit) = (narrowed("markdown", "COPY src"), narrowed("markdown", "deps:4"));
    let marker = |comment: &str| comment.lines().next().unwrap_or_default().to_owned();
    assert_eq!(marker(&step), marker(&whole).replace(" -->", " step=COPY%20src -->"));
    assert!(marker(&hit).ends_with(" step=deps%3a4 -->") && marker(&hit).starts_with("<!-- stageplan file="), "{hit}");
    assert!(step.contains("`project/Dockerfile`, only step `COPY src`: 1 step runs again"), "{step}");
    assert!(hit.contains("`project/Dockerfile`, only step `deps:4`: it stays cached,"), "{hit}");
    for (told, step) in [(narrowed("github", "COPY src"), "COPY src"), (narrowed("github", "4"), "4")] {
        assert!(told.lines().all(|line| line.contains(&format!(" (only {step})::"))), "{told}");
    }
}

#[test]
fn a_secret_stands_in_no_format() {
    let project = named("a-secret-is-masked");
    for command in ["plan", "explain"] {
        for format in ["text", "json", "markdown", "github"] {
            let text = said(&project, command, format);
            for secret in ["hunter", "t0k3n", "k3y-", "abcdef123456", "s3cr3tpw"] {
                assert!(!text.contains(secret), "{command} --format {format} tells `{secret}`:\n{text}");
            }
        }
    }
}

#[test]
fn a_format_that_a_command_does_not_know_is_refused_with_those_it_does() {
    let project = named("nothing-changed-is-one-calm-line");
    for (command, known) in [
        ("plan", "[possible values: text, json, markdown, github]"),
        ("explain", "[possible values: text, json, markdown, github]"),
        ("context", "[possible values: text, json]"),
    ] {
        let answer = project.run(command, &["--format", "html"]);
        assert_eq!(answer.code, Some(2), "{command}");
        assert!(answer.stdout.is_empty() && answer.stderr.contains(known), "{command}: {}", answer.stderr);
    }
}
