//! What README, the example pages and the page on pull requests show is what the program prints.
//!
//! In: the `console` blocks of a page whose commands begin with `$`. Each block is run from the top of a copy of the
//! examples, with a state folder of its own. Out: the block as it should be; it must be the block as it is. With
//! `UPDATE_DOCS` in the environment the pages are rewritten instead.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::case::{examples, on_two_threads};

const PROGRAM: &str = "cargo run --release -- ";

/// The pages of the examples and how many blocks with answers each has.
const EXAMPLE_PAGES: [(&str, usize); 7] = [
    ("go-monorepo", 3),
    ("node-distroless", 2),
    ("node-multi-stage", 2),
    ("node-parallel-test", 2),
    ("node-single-stage", 2),
    ("python-api", 2),
    ("rust-service", 2),
];

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

/// The block as it should be, its commands run in order.
fn run_again(block: &str) -> String {
    let copy = tempfile::tempdir().expect("a temporary folder");
    examples::copy_to(&copy.path().join("repository"));
    let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
    commands.map(|line| format!("$ {line}\n{}", printed(line, copy.path()))).collect()
}

/// The `console` blocks that show answers.
fn shown_blocks(page: &str) -> Vec<&str> {
    let blocks = page.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.starts_with("$ cargo run")).collect()
}

fn path_of(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(page)
}

/// Holds a page against what its commands print, or rewrites it.
fn assert_shows_what_is_printed(page: &str, n_blocks: usize) {
    let text = fs::read_to_string(path_of(page)).expect("a page");
    let blocks = shown_blocks(&text);
    assert_eq!(blocks.len(), n_blocks, "{page}");
    let is_update = std::env::var_os("UPDATE_DOCS").is_some();
    let mut updated = text.clone();
    for block in blocks {
        let expected = run_again(block);
        let told = "UPDATE_DOCS=1 cargo test --test suite docs rewrites it";
        assert!(is_update || block == expected, "{page} shows\n{block}\nbut the program prints\n{expected}\n{told}");
        updated = updated.replacen(&format!("```console\n{block}"), &format!("```console\n{expected}"), 1);
    }
    if updated != text {
        fs::write(path_of(page), updated).expect("the page rewritten");
    }
}

#[test]
fn the_readme_shows_what_the_first_command_prints() {
    assert_shows_what_is_printed("README.md", 1);
    let readme = fs::read_to_string(path_of("README.md")).expect("a page");
    let first = readme.split("```console\n").nth(1).and_then(|rest| rest.lines().next()).expect("a command");
    assert!(shown_blocks(&readme)[0].starts_with(&format!("$ {first}\n")), "{first}");
}

#[test]
fn the_example_pages_show_what_their_commands_print() {
    assert_eq!(examples::names(), EXAMPLE_PAGES.map(|(name, _)| name));
    on_two_threads(&EXAMPLE_PAGES, |(name, n_blocks)| {
        assert_shows_what_is_printed(&format!("examples/{name}/README.md"), *n_blocks);
    });
}

#[test]
fn the_page_on_pull_requests_shows_a_comment() {
    assert_shows_what_is_printed("docs/pull-requests.md", 1);
}
