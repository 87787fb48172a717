//! What `context` says: what goes in, what is left out by which line, what no step reads.

use serde_json::{Value, json};

use super::{DOCKERFILE, assert_refused, project, small_project};
use crate::case::project::Project;

fn context(project: &Project, more: &[&str]) -> Value {
    let answer = project.run("context", &[&["--format", "json"], more].concat());
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    serde_json::from_slice(&answer.stdout).expect("JSON")
}

fn paths(rows: &Value) -> Vec<&str> {
    rows.as_array().expect("a list").iter().map(|row| row["path"].as_str().expect("a path")).collect()
}

#[test]
fn it_names_what_goes_in_what_stays_out_and_what_is_not_read() {
    let files = [
        (".dockerignore", "# a comment\nnode_modules\n*.log\n!keep.log\n"),
        ("package.json", "{}\n"),
        ("src/a.js", "aa\n"),
        ("docs/x.md", "x\n"),
        ("keep.log", "k\n"),
        ("drop.log", "d\n"),
        ("node_modules/m/index.js", "m\n"),
    ];
    let said = context(&project(DOCKERFILE, &files), &[]);
    assert_eq!((&said["schema"], &said["ignorefile"]), (&json!("stageplan.context/1"), &json!(".dockerignore")));
    let kept = [".dockerignore", "Dockerfile", "docs", "docs/x.md", "keep.log", "package.json", "src", "src/a.js"];
    assert_eq!(paths(&said["entries"]), kept);
    assert_eq!(said["entries"][7], json!({"path": "src/a.js", "bytes": 3, "mode": "0644", "type": "file"}));
    assert_eq!(said["entries"][6], json!({"path": "src", "bytes": 0, "mode": "0755", "type": "directory"}));
    assert_eq!(said["files"], 6);
    let ignored = json!([
        {"path": "drop.log", "line": 3, "pattern": "*.log"},
        {"path": "node_modules", "line": 2, "pattern": "node_modules"},
    ]);
    assert_eq!(said["ignored"], ignored);
    assert_eq!(said["unread"], json!([".dockerignore", "Dockerfile", "docs/x.md", "keep.log"]));
}

#[test]
fn it_works_without_a_dockerfile_but_not_without_one_that_was_named() {
    let project = small_project();
    std::fs::remove_file(project.dockerfile()).expect("a Dockerfile");
    let said = context(&project, &[]);
    assert_eq!(paths(&said["entries"]), ["package.json", "src", "src/a.js"]);
    assert_eq!((&said["ignorefile"], &said["unread"]), (&Value::Null, &Value::Null));
    assert_refused(&project.run("context", &["--file", "project/Dockerfile"]), "project/Dockerfile");
}

#[test]
fn the_ignore_file_beside_the_dockerfile_wins_even_when_empty() {
    let files = [(".dockerignore", "src\n"), ("src/a.js", "a\n"), ("Dockerfile.dockerignore", "")];
    let project = project("FROM scratch\nCOPY . /\n", &files);
    let said = context(&project, &[]);
    assert_eq!((&said["ignorefile"], &said["ignored"]), (&json!("Dockerfile.dockerignore"), &json!([])));
    std::fs::remove_file(project.path("Dockerfile.dockerignore")).expect("a file");
    let said = context(&project, &[]);
    assert_eq!((&said["ignorefile"], paths(&said["ignored"])), (&json!(".dockerignore"), vec!["src"]));
    std::fs::remove_file(project.path(".dockerignore")).expect("a file");
    std::fs::create_dir(project.path(".dockerignore")).expect("a folder");
    assert_eq!(context(&project, &[])["ignorefile"], Value::Null, "a folder is no ignore file");
}
