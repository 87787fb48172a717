//! Builds on a real engine that fail, are stopped, or lose their docker: what was completed is known, and the next build
//! goes as predicted. Also a base image that is replaced behind the back of the records.
//!
//! In: a Dockerfile in which one step fails or waits. Out: what each build did, beside what was predicted of it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use super::live::{Built, Live, new_salt, read_build};
use super::{images, is_here};
use crate::case::edit::Edit;
use crate::case::{Case, Text};

/// The image that the Dockerfile names.
const BASE: &str = "stageplan/base:busybox";

/// A stage that copies and makes, and a last step of its own.
fn lay_out(salt: &str, last: &str) -> Live {
    images::make(&[(BASE.to_owned(), salt.to_owned())]);
    let mut live = Live::lay_out(&Case { dockerfile: dockerfile(last), ..Case::default() }, salt);
    let write = Edit::Write { path: "a.txt".to_owned(), text: Some("a\n".to_owned()), b64: None, mode: None };
    live.apply(&write);
    live
}

fn dockerfile(last: &str) -> Text {
    Text::Whole(format!("FROM {BASE} AS made\nCOPY a.txt /a\nRUN cat /a > /b\n\nFROM made\nRUN {last}\nRUN echo end\n"))
}

fn edit(live: &mut Live, before: &str, after: &str) {
    live.apply(&Edit::Dockerfile { replace: Some((before.to_owned(), after.to_owned())), text: None });
}

/// `line predicted observed` of each step.
fn told(built: &Built) -> Vec<String> {
    let line = |step: &str| step.rsplit(':').next().unwrap_or_default().to_owned();
    let steps = built.steps.iter();
    let predicted = |step: &super::live::Step| step.predicted.clone().unwrap_or_default();
    steps.map(|step| format!("{} {} {}", line(&step.step), predicted(step), step.observed)).collect()
}

/// Starts a build, and comes back when its last step has begun to wait.
fn start(live: &Live) -> Child {
    let mut command = live.command("build");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a stream")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("waiting")), "the build ended before it waited");
    // What it says from here on is read, so that it can go on.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

fn send(signal: &str, process: &str) {
    let sent = Command::new("kill").args([signal, process]).status();
    assert!(sent.expect("kill starts").success());
}

#[test]
fn a_step_that_fails_leaves_those_before_it() {
    if !is_here() {
        return;
    }
    let mut live = lay_out(&new_salt(), "cat /missing");
    let first = live.build().expect("a build");
    assert_eq!(
        (first.end.as_str(), told(&first)),
        ("failed", strings(&["2 unknown ran", "3 unknown ran", "6 unknown failed"]))
    );
    edit(&mut live, "cat /missing", "cat /b");
    let next = live.build().expect("a build");
    assert_eq!(told(&next), ["2 hit cached", "3 hit cached", "6 miss ran", "7 miss ran"]);
    assert!(
        next.agrees == Some(true) && live.build().expect("a build").steps.iter().all(|step| step.observed == "cached")
    );
}

#[test]
fn a_build_that_is_stopped_or_loses_its_docker_leaves_what_it_completed() {
    if !is_here() {
        return;
    }
    for (signal, end) in [("-INT", "interrupted"), ("-KILL", "failed")] {
        let mut live = lay_out(&new_salt(), "echo waiting; sleep 600");
        let child = start(&live);
        let program = child.id().to_string();
        if signal == "-KILL" {
            let children = Command::new("pgrep").args(["-P", &program]).output().expect("pgrep starts");
            send(signal, String::from_utf8_lossy(&children.stdout).trim());
        } else {
            send(signal, &program);
        }
        let answer = child.wait_with_output().expect("the program ends");
        assert_eq!(answer.status.code(), Some(1), "{answer:?}");
        let built = read_build(&answer.into()).expect("an answer");
        assert_eq!(
            (built.end.as_str(), told(&built)),
            (end, strings(&["2 unknown ran", "3 unknown ran", "6 unknown stopped"]))
        );
        edit(&mut live, "sleep 600", "true");
        let next = live.build().expect("a build");
        assert_eq!(told(&next), ["2 hit cached", "3 hit cached", "6 miss ran", "7 miss ran"], "{signal}");
    }
}

#[test]
fn a_base_image_that_moved_is_noticed_before_the_build() {
    if !is_here() {
        return;
    }
    let (salt, other) = (new_salt(), new_salt());
    let live = lay_out(&salt, "echo more");
    live.build().expect("a build");
    images::make(&[(BASE.to_owned(), other.clone())]);
    let tagged = Command::new("docker")
        .args(["tag", &images::salt_text(BASE, &other), &images::salt_text(BASE, &salt)])
        .status();
    assert!(tagged.expect("docker starts").success());
    let next = live.build().expect("a build");
    assert_eq!(told(&next), ["2 miss ran", "3 miss ran", "6 miss ran", "7 miss ran"]);
    assert_eq!(live.build().expect("a build").agrees, Some(true));
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
