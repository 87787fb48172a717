//! Completion scripts and manual pages are made from the same definition as `--help`.

use std::process::Command;

/// The exit status and what was printed.
fn said(words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_stageplan")).args(words).output().expect("the program starts");
    (output.status.code(), String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (status, script) = said(&["completions", shell]);
        assert_eq!(status, Some(0), "{shell}");
        for command in ["explain", "plan", "graph", "record", "context"] {
            assert!(script.contains(command), "{shell} is not told of {command}");
        }
    }
}

#[test]
fn the_manual_has_a_page_for_the_program_and_for_each_command() {
    let (status, page) = said(&["man"]);
    assert!(status == Some(0) && page.contains(".TH stageplan 1") && page.contains("explain"), "{page}");
    let (status, page) = said(&["man", "plan"]);
    assert!(status == Some(0) && page.contains(r"\-\-changed"), "{page}");
    assert_eq!(said(&["man", "nope"]), (Some(2), String::new()));
}
