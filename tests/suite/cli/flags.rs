//! The builder's flags: they mean what they mean to docker, before `--` and behind it.

use std::io::Write as _;
use std::process::Stdio;

use super::{assert_refused, project, recorded, small_project};
use crate::case::project::{Answer, Project};

const WITH_ARGUMENT: &str = "FROM alpine:3.20\nARG V=0\nRUN echo 1\n";

fn status_of_run(project: &Project, more: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = project.command("explain", &[&["--format", "json"], more].concat());
    let answer = Answer::from(command.envs(variables.iter().copied()).output().expect("the program starts"));
    answer.report().status("RUN echo 1").to_owned()
}

#[test]
fn a_build_argument_without_value_is_taken_from_the_environment() {
    let project = project(WITH_ARGUMENT, &[]);
    recorded(&project);
    assert_eq!(status_of_run(&project, &["--build-arg", "V"], &[]), "hit", "not set there, so not passed");
    assert_eq!(status_of_run(&project, &["--build-arg", "V"], &[("V", "1")]), "miss");
    assert_eq!(status_of_run(&project, &["--build-arg", "V"], &[("V", "0")]), "hit");
    assert_eq!(status_of_run(&project, &["--build-arg", "V=1", "--build-arg", "V=0"], &[]), "hit", "the last counts");
    assert_eq!(status_of_run(&project, &[], &[("V", "1")]), "hit", "not asked for");
}

#[test]
fn flags_behind_the_dashes_count_when_they_enter_keys() {
    let project = project(WITH_ARGUMENT, &[]);
    recorded(&project);
    let behind = |words: &[&str]| {
        let mut command = project.command("explain", &["--format", "json"]);
        let answer = Answer::from(command.arg("--").args(words).output().expect("the program starts"));
        answer.report().status("RUN echo 1").to_owned()
    };
    assert_eq!(behind(&["--load", "-t", "name", "--progress=plain"]), "hit");
    assert_eq!(behind(&["--load", "--build-arg", "V=1"]), "miss");
    assert_eq!(behind(&["-t", "--no-cache"]), "hit", "the name of an image");
    assert_eq!(behind(&["--no-cache"]), "miss");
}

#[test]
fn a_dockerfile_is_read_from_standard_input() {
    let project = small_project();
    recorded(&project);
    let mut command = project.command("explain", &["--format", "json", "-f", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(super::DOCKERFILE.as_bytes()).expect("an open pipe");
    let report = Answer::from(child.wait_with_output().expect("an end")).report();
    assert_eq!(report.status("RUN npm run build"), "hit");
}

#[test]
fn a_lower_case_dockerfile_stands_in() {
    let project = small_project();
    recorded(&project);
    std::fs::rename(project.path("Dockerfile"), project.path("dockerfile")).expect("another name");
    assert_eq!(project.explain().report().status("RUN npm run build"), "hit");
}

#[test]
fn values_that_docker_refuses_are_refused() {
    let project = small_project();
    let refused: [&[&str]; 9] = [
        &["--ulimit", "nofile=2:1"],
        &["--add-host", "db"],
        &["--shm-size", "big"],
        &["--network", "bridge"],
        &["--no-cache", "--no-cache-filter", "a"],
        &["--secret", "nonsense"],
        &["--build-context", "x=no-such-folder"],
        &["--platform", "linux/amd64,linux/arm64"],
        &["--label", "=x"],
    ];
    for words in refused {
        assert_refused(&project.run("explain", words), words[words.len() - 1].split(',').next().unwrap_or_default());
    }
}
