//! What README, the example pages and the page on pull requests show is what the program prints.
//!
//! In: the `console` blocks of a page whose commands begin with `$`. Each block is run from the top of a copy of the
//! examples, with a state folder of its own. Out: the block as it should be; it must be the block as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::case::project::below;

const PROGRAM: &str = "cargo run --release -- ";

/// A copy of the examples, beside it a state folder.
fn copied_examples() -> TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in below(&top.join("examples")).into_iter().filter(|path| !path.is_dir()) {
        let to = copy.path().join("repository").join(path.strip_prefix(top).expect("a path below the top"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(&path, to).expect("a copy");
    }
    copy
}

/// What a command of a page prints.
fn printed(command: &str, copy: &Path) -> String {
    let repository = copy.join("repository");
    let Some(arguments) = command.strip_prefix(PROGRAM) else {
        let status = Command::new("/bin/sh").args(["-c", command]).current_dir(repository).status();
        assert!(status.expect("a shell").success(), "{command}");
        return String::new();
    };
    let output = Command::new(env!("CARGO_BIN_EXE_stageplan"))
        .args(arguments.split(' '))
        .current_dir(repository)
        .env_clear()
        .env("STAGEPLAN_STATE_DIR", copy.join("state"))
        .output()
        .expect("the program starts");
    assert!(output.status.success() && output.stderr.is_empty(), "{command}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The `console` blocks that show answers.
fn shown_blocks(page: &str) -> Vec<&str> {
    let blocks = page.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.starts_with("$ cargo run")).collect()
}

fn assert_shows_what_is_printed(page: &str, n_blocks: usize) {
    let text = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(page)).expect("a page");
    let blocks = shown_blocks(&text);
    assert_eq!(blocks.len(), n_blocks, "{page}");
    for block in blocks {
        let copy = copied_examples();
        let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
        let expected: String = commands.map(|line| format!("$ {line}\n{}", printed(line, copy.path()))).collect();
        assert!(block == expected, "{page} shows\n{block}\nbut the program prints\n{expected}");
    }
}

#[test]
fn the_readme_shows_what_the_first_command_prints() {
    assert_shows_what_is_printed("README.md", 1);
    let readme = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("a page");
    let first = readme.split("```console\n").nth(1).and_then(|rest| rest.lines().next()).expect("a command");
    assert!(shown_blocks(&readme)[0].starts_with(&format!("$ {first}\n")), "{first}");
}

#[test]
fn the_example_pages_show_what_their_commands_print() {
    for example in ["node-multi-stage", "node-parallel-test", "node-single-stage"] {
        assert_shows_what_is_printed(&format!("examples/{example}/README.md"), 2);
    }
}

#[test]
fn the_page_on_pull_requests_shows_a_comment() {
    assert_shows_what_is_printed("docs/pull-requests.md", 1);
}
