//! What the program promises at its edges: bad input, streams, exit statuses, the state folder, the context it never touches.
//!
//! In: a small project and the program's arguments. Out: what it said and what it left on disk.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::case::Case;
use crate::case::project::{Answer, Project, below};

mod bad_input;
mod context;
mod flags;
mod generated;
mod help;
mod hostile_names;
mod odd_input;
mod optimize;
mod output;
mod reports;
mod state;

/// A project of one stage: two copies, two runs.
const DOCKERFILE: &str =
    "FROM node:22\nWORKDIR /app\nCOPY package.json ./\nRUN npm ci\nCOPY src/ src/\nRUN npm run build\n";

/// A project from the text of its Dockerfile and its files.
fn project(dockerfile: &str, files: &[(&str, &str)]) -> Project {
    let files: BTreeMap<_, _> = files.iter().copied().collect();
    let case = serde_json::json!({ "dockerfile": dockerfile, "files": files });
    Project::lay_out(&serde_json::from_value::<Case>(case).expect("a case"), "buildkit")
}

/// The project of [`DOCKERFILE`].
fn small_project() -> Project {
    project(DOCKERFILE, &[("package.json", "{}\n"), ("src/a.js", "a\n")])
}

/// Changes a file as an editor does.
fn edit(project: &mut Project, path: &str, text: &str) {
    let operation = serde_json::json!({ "op": "write", "path": path, "text": text });
    project.apply(&serde_json::from_value(operation).expect("an operation"));
}

/// Records the present inputs and demands that this worked.
fn recorded(project: &Project) {
    let answer = project.record();
    assert_eq!(answer.code, Some(0), "record: {}", answer.stderr);
}

/// Everything about the entries below a folder that a reader can see, times of access left out.
fn fingerprint(folder: &Path) -> BTreeMap<String, (u32, i64, i64, Vec<u8>)> {
    let paths = if folder.is_dir() { below(folder) } else { Vec::new() };
    let entries = paths.into_iter().map(|path| {
        let data = path.symlink_metadata().expect("an entry");
        let content = if data.is_file() { std::fs::read(&path).expect("a file") } else { Vec::new() };
        (path.to_string_lossy().into_owned(), (data.mode(), data.mtime(), data.mtime_nsec(), content))
    });
    entries.collect()
}

/// The bytes in the files of the state folder; empty files, such as locks, say nothing.
fn recorded_bytes(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let entries = fingerprint(&project.state()).into_iter().map(|(path, (_, _, _, content))| (path, content));
    entries.filter(|(_, content)| !content.is_empty()).collect()
}

/// Demands a refusal: exit 2, `error:` on stderr with these words, nothing on stdout.
fn assert_refused(answer: &Answer, words: &str) {
    let told = format!("exit {:?}\nstdout: {}\nstderr: {}", answer.code, answer.text(), answer.stderr);
    assert_eq!(answer.code, Some(2), "{told}");
    assert!(answer.stdout.is_empty(), "{told}");
    assert!(answer.stderr.lines().any(|line| line.starts_with("error:")), "{told}");
    assert!(answer.stderr.contains(words), "`{words}` is not said\n{told}");
}

/// Demands that all commands refuse a project and that nothing of it is recorded.
fn assert_all_refuse(project: &Project, words: &str) {
    let before = recorded_bytes(project);
    for command in ["record", "explain", "plan", "graph"] {
        assert_refused(&project.run(command, &[]), words);
    }
    assert_refused(&project.explain(), words);
    assert_eq!(recorded_bytes(project), before, "something was recorded");
}
