//! `optimize` at its edges: what is printed, what is written and what is not, exit statuses, rules left out.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use serde_json::Value;

use super::{fingerprint, project};
use crate::case::project::Project;

const DOCKERFILE: &str = "# The app.\r\nFROM node:22\r\nARG GIT_SHA\r\nWORKDIR /app\r\nCOPY . .\r\nRUN npm ci\r\n";
const AFTER: &str = "# The app.\r\nFROM node:22\r\nWORKDIR /app\r\nCOPY package-lock.json package.json ./\r\nRUN npm ci\r\nCOPY . .\r\nARG GIT_SHA\r\n";

fn app() -> Project {
    let files = [
        ("package.json", "{}\n"),
        ("package-lock.json", "{}\n"),
        ("src/a.js", "a\n"),
        (".dockerignore", "Dockerfile\n"),
    ];
    project(DOCKERFILE, &files)
}

fn json(project: &Project, flags: &[&str]) -> Value {
    let answer = project.run("optimize", &[&["--format", "json"], flags].concat());
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{}", answer.text());
    serde_json::from_slice(&answer.stdout).expect("JSON")
}

fn rules(report: &Value) -> Vec<&str> {
    report["suggestions"].as_array().expect("a list").iter().map(|one| one["rule"].as_str().expect("a rule")).collect()
}

#[test]
fn suggestions_are_shown_as_diffs_and_nothing_is_written() {
    let project = app();
    let before = fingerprint(&project.context());
    for flags in [&[][..], &["--diff"], &["--check"], &["--diff", "--check"]] {
        let answer = project.run("optimize", flags);
        let text = answer.text();
        assert_eq!(answer.code, Some(i32::from(flags.contains(&"--check"))), "{text}");
        assert!(text.starts_with("2 suggestions for `Dockerfile`, 2 safe (--write applies what is safe)\n"), "{text}");
        assert!(
            text.contains("\n-COPY . .\n+COPY package-lock.json package.json ./\n RUN npm ci\n+COPY . .\n"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
    assert_eq!(fingerprint(&project.context()), before);
}

#[test]
fn json_holds_the_same() {
    let report = json(&app(), &[]);
    assert_eq!(report["schema"], "stageplan.optimize/1");
    assert_eq!((&report["summary"]["safe"], &report["summary"]["review"]), (&2.into(), &0.into()));
    assert_eq!(rules(&report), ["early-variable", "sources-before-dependencies"]);
    let first = &report["suggestions"][0];
    assert_eq!(
        (&first["line"], &first["applicability"], &first["doubts"]),
        (&3.into(), &"safe".into(), &serde_json::json!([]))
    );
    assert!(first["diff"].as_str().expect("a diff").starts_with("--- Dockerfile\n+++ Dockerfile\n@@ "));
    assert!(report.get("written").is_none());
}

#[test]
fn what_is_safe_is_written_once_with_line_ends_and_rights_kept() {
    let project = app();
    let path = project.dockerfile();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("another mode");
    let report = json(&project, &["--write"]);
    assert_eq!(fs::read_to_string(&path).expect("a file"), AFTER);
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o640);
    assert_eq!(report["written"]["applied"], serde_json::json!(["early-variable", "sources-before-dependencies"]));
    assert_eq!(rules(&report), Vec::<&str>::new());
    let before = fingerprint(&project.context());
    let again = project.run("optimize", &["--write"]);
    assert_eq!(again.text(), "`Dockerfile` is left as it is: nothing is safe to apply\n");
    assert_eq!(fingerprint(&project.context()), before, "a second time nothing is touched");
    assert_eq!(project.run("optimize", &["--check"]).code, Some(0));
}

#[test]
fn a_link_stays_a_link_and_its_target_is_written() {
    let project = app();
    let (path, target) = (project.dockerfile(), project.path("build.dockerfile"));
    fs::rename(&path, &target).expect("another name");
    symlink("build.dockerfile", &path).expect("a link");
    assert_eq!(project.run("optimize", &["--write"]).code, Some(0));
    assert!(fs::symlink_metadata(&path).expect("a link").is_symlink());
    assert_eq!(fs::read_to_string(&target).expect("a file"), AFTER);
}

#[test]
fn a_file_that_may_not_be_written_is_left_alone() {
    let project = app();
    let path = project.dockerfile();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("another mode");
    let before = fingerprint(&project.context());
    let answer = project.run("optimize", &["--write"]);
    assert_eq!((answer.code, answer.text().as_str()), (Some(2), ""), "{}", answer.stderr);
    assert!(answer.stderr.contains("may not be written") && answer.stderr.contains("chmod u+w"), "{}", answer.stderr);
    assert_eq!(fingerprint(&project.context()), before);
}

#[test]
fn another_name_of_the_file_shows_what_was_written() {
    let project = app();
    let other = project.path("other.dockerfile");
    fs::hard_link(project.dockerfile(), &other).expect("another name");
    assert_eq!(project.run("optimize", &["--write"]).code, Some(0));
    assert_eq!(fs::read_to_string(&other).expect("a file"), AFTER);
}

#[test]
fn rules_are_left_out_by_flags_and_comments() {
    let mut project = app();
    assert_eq!(rules(&json(&project, &["--ignore", "early-variable"])), ["sources-before-dependencies"]);
    let silenced = DOCKERFILE.replace("COPY", "# stageplan ignore=sources-before-dependencies\r\nCOPY");
    super::edit(&mut project, "Dockerfile", &silenced);
    assert_eq!(rules(&json(&project, &[])), ["early-variable"]);
    let misspelt = DOCKERFILE.replace("COPY", "# stageplan ignore=sources-first\r\nCOPY");
    super::edit(&mut project, "Dockerfile", &misspelt);
    let answer = project.run("optimize", &[]);
    assert_eq!(answer.code, Some(0));
    assert!(
        answer.stderr.contains("the comment in line 5 silences `sources-first`, which is no rule"),
        "{}",
        answer.stderr
    );
    assert_eq!(project.run("optimize", &["--ignore", "no-such-rule"]).code, Some(2));
}

#[test]
fn a_file_of_the_project_leaves_rules_out() {
    let project = app();
    let path = project.path("stageplan.toml");
    fs::write(&path, "# Ours.\n[optimize]\nignore = [\"early-variable\"]\n").expect("a file");
    assert_eq!(rules(&json(&project, &[])), ["sources-before-dependencies"]);
    assert_eq!(rules(&json(&project, &["--ignore", "sources-before-dependencies"])), Vec::<&str>::new());
    fs::write(&path, "").expect("a file");
    assert_eq!(rules(&json(&project, &[])).len(), 2);
}

#[test]
fn a_file_of_the_project_that_says_something_unknown_is_refused() {
    let project = app();
    let path = project.path("stageplan.toml");
    let rows = [
        (
            "[optimize]\nignore = [\n  \"early-variable\",\n  \"early-variabel\",\n]\n",
            "line 4: no rule is called `early-variabel`",
            "the rules are",
        ),
        ("[optimize]\nignore = \"early-variable\"\n", "line 2: ", "`[optimize]`"),
        ("[optimise]\nignore = []\n", "line 1: unknown field `optimise`", "`[optimize]`"),
        ("ignore = []\n", "line 1: unknown field `ignore`", "`[optimize]`"),
        ("[optimize]\nignore = [\"early-variable\"\n", "stageplan.toml` line ", "`[optimize]`"),
    ];
    for (text, why, hint) in rows {
        fs::write(&path, text).expect("a file");
        let answer = project.run("optimize", &["--check"]);
        assert_eq!((answer.code, answer.text().as_str()), (Some(2), ""), "{text}");
        assert!(answer.stderr.contains(why) && answer.stderr.contains(hint), "{text}\n{}", answer.stderr);
        assert!(answer.stderr.contains("stageplan.toml"), "{}", answer.stderr);
    }
}

#[test]
fn the_nearest_file_of_the_repository_counts_and_none_above_it() {
    let project = app();
    let context = project.context();
    let above = context.parent().expect("a folder").join("stageplan.toml");
    fs::write(&above, "[optimize]\nignore = [\"early-variable\"]\n").expect("a file");
    assert_eq!(rules(&json(&project, &[])).len(), 2, "without a repository only the context counts");
    let git = Command::new("git").args(["init", "-q", ".."]).current_dir(&context).env_remove("GIT_DIR").output();
    assert!(git.expect("git starts").status.success());
    assert_eq!(rules(&json(&project, &[])).len(), 1);
    fs::write(project.path("stageplan.toml"), "").expect("a file");
    assert_eq!(rules(&json(&project, &[])).len(), 2, "the nearest one counts");
}

#[test]
fn a_manifest_that_is_not_in_the_repository_is_not_named_without_review() {
    let project = app();
    fs::write(project.path(".npmrc"), "fund=false\n").expect("a file");
    let report = json(&project, &[]);
    assert_eq!(report["summary"]["safe"], 2, "without git all files count");
    let git = |words: &[&str]| {
        let done = Command::new("git").args(words).current_dir(project.context()).env_remove("GIT_DIR").output();
        assert!(done.expect("git starts").status.success(), "git {words:?}");
    };
    git(&["init", "-q", "."]);
    git(&["add", "Dockerfile", "package.json", "package-lock.json", "src"]);
    let report = json(&project, &[]);
    assert_eq!(report["summary"]["safe"], 1);
    let doubt = report["suggestions"][1]["doubts"][0].as_str().expect("a doubt");
    assert!(doubt.starts_with("`.npmrc` is not in the repository"), "{doubt}");
    git(&["add", ".npmrc"]);
    assert_eq!(json(&project, &[])["summary"]["safe"], 2);
}

#[test]
fn what_cannot_be_answered_is_an_error() {
    let mut project = app();
    assert_eq!(project.run("optimize", &["--write", "--check"]).code, Some(2));
    super::edit(&mut project, "Dockerfile", "FROM node:22\nRUNN x\n");
    let answer = project.run("optimize", &[]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("unknown instruction: RUNN"), "{}", answer.stderr);
    super::edit(&mut project, "Dockerfile", "# syntax=example.org/other:1\nFROM node:22\n");
    let answer = project.run("optimize", &[]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("example.org/other:1"), "{}", answer.stderr);
}

#[test]
fn secrets_are_masked_and_nothing_acts_on_a_terminal() {
    let dockerfile = "FROM node:22\nWORKDIR /app\nENV API_TOKEN=0123456789abcdef0123\nCOPY . .\nRUN npm ci\nLABEL a=\"\u{1b}[31m\"\n";
    let project = project(dockerfile, &[("package.json", "{}\n"), ("package-lock.json", "{}\n"), ("a.js", "a\n")]);
    for flags in [&[][..], &["--format", "json"]] {
        let answer = project.run("optimize", flags);
        let text = answer.text();
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        assert!(text.contains("COPY . .") && !text.contains("0123456789abcdef") && !text.contains('\u{1b}'), "{text}");
    }
    assert_eq!(project.run("optimize", &["--write"]).code, Some(0));
    let written = fs::read_to_string(project.dockerfile()).expect("a file");
    assert!(
        written.contains("API_TOKEN=0123456789abcdef0123") && written.contains("RUN npm ci\nCOPY . .\n"),
        "{written}"
    );
}
