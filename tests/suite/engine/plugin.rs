//! The program as a plugin of docker: linked as `docker-stageplan` and called as `docker stageplan …`. In: a
//! configuration of docker that holds nothing but the plugin. Out: the same answers as without docker. Nothing is built.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::is_here;
use crate::case::edit::Edit;
use crate::case::project::{Answer, OWN_PROFILE, Project};
use crate::case::{Case, Text};

fn project() -> Project {
    let case =
        Case { dockerfile: Text::Whole("FROM scratch\nCOPY a.txt /\nCOPY . /all/\n".to_owned()), ..Case::default() };
    let mut project = Project::lay_out(&case, OWN_PROFILE);
    project.apply(&write("a.txt"));
    project
}

fn write(path: &str) -> Edit {
    Edit::Write { path: path.to_owned(), text: Some(format!("{path}\n")), b64: None, mode: None }
}

/// `docker stageplan COMMAND …` with a configuration that holds nothing but the plugin.
fn through_docker(folder: &Path, words: &[&str]) -> Answer {
    let plugins = folder.join("config/cli-plugins");
    if !plugins.exists() {
        fs::create_dir_all(&plugins).expect("a folder for plugins");
        symlink(env!("CARGO_BIN_EXE_stageplan"), plugins.join("docker-stageplan")).expect("a link");
    }
    let mut command = Command::new("docker");
    command.env("DOCKER_CONFIG", folder.join("config")).arg("stageplan").args(words);
    command.output().expect("docker starts").into()
}

#[test]
fn docker_calls_the_program_as_its_plugin() {
    if !is_here() {
        return;
    }
    let mut project = project();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (context, state) = (project.context(), project.state());
    let (context, state) = (context.to_string_lossy(), state.to_string_lossy());
    let recorded = through_docker(folder.path(), &["record", "--state-dir", &state, &context]);
    assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
    project.apply(&write("b.txt"));
    let words = ["explain", "--state-dir", &state, "--format", "json", &context];
    let explained = through_docker(folder.path(), &words);
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    let report = explained.report();
    assert_eq!((report.status("COPY a.txt"), report.status("COPY . ")), ("hit", "miss"));
    let direct = Command::new(env!("CARGO_BIN_EXE_stageplan")).args(words).output().expect("the program starts");
    assert_eq!(explained.text(), String::from_utf8_lossy(&direct.stdout));
    let help = through_docker(folder.path(), &["--help"]);
    assert!(help.text().contains("explain"), "{}", help.text());
    // Docker's own flags hold for the builds, too: this host is none.
    let own = std::env::var("DOCKER_CONFIG").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.docker")));
    let settings = format!(r#"{{"cliPluginsExtraDirs": ["{}/cli-plugins"]}}"#, own.expect("a configuration of docker"));
    fs::write(folder.path().join("config/config.json"), settings).expect("a file");
    let mut command = Command::new("docker");
    command.env("DOCKER_CONFIG", folder.path().join("config")).args(["-H", "unix:///nonexistent.sock", "stageplan"]);
    let unreached: Answer = command.args(["build", "--state-dir", &state, &context]).output().expect("docker").into();
    assert_eq!(unreached.code, Some(2), "{}", unreached.stderr);
    assert!(unreached.stderr.contains("/nonexistent.sock"), "{}", unreached.stderr);
    let refused = through_docker(folder.path(), &["explain", "--no-such-flag"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}
