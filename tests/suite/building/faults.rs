//! Builds that go wrong outside of the Dockerfile: the user stops them, docker is killed, the engine is not there or goes
//! away, the stream is broken or strange.
//!
//! In: what the docker that plays back does. Out: what is said, what is recorded, and what `explain` knows afterwards.

use std::fs;
use std::process::{Command, Stdio};

use super::{Desk, FAILS, PASSES, text};

const INTERRUPTED: &str = "an-interrupted-build-tells-which-step-it-gave-up";
/// Tells that the build is on its way, and waits for what comes.
const WAIT: &str = "sleep 600 >/dev/null 2>&1 & waited=$!; echo ready > ready; while :; do wait $waited; done";

/// How many lines of the interrupted build's stream come before it was stopped.
fn n_lines_before_the_end() -> usize {
    let stream = Desk::recorded(INTERRUPTED).join("stream.rawjson");
    let stream = fs::read_to_string(stream).expect("a stream");
    let lines: Vec<&str> = stream.lines().collect();
    lines.iter().rposition(|line| *line == "{").expect("a report")
}

/// What holds after every build: the records can be read, and nothing is told to be broken.
fn check_records(desk: &Desk, n_builds: &str) {
    let listed = desk.run(&["history"]);
    assert_eq!(listed.status.code(), Some(0));
    assert!(text(&listed.stdout).starts_with(n_builds) && listed.stderr.is_empty(), "{listed:?}");
    let explained = desk.run(&["explain"]);
    assert!(explained.stderr.is_empty() && explained.status.code() == Some(0), "{explained:?}");
}

/// Starts a build and, each time docker has written to `ready`, sends the next signal.
fn stop(desk: &Desk, signals: &[&str]) -> std::process::Output {
    let ready = desk.path("app/ready");
    assert!(Command::new("mkfifo").arg(&ready).status().expect("mkfifo starts").success());
    let mut command = desk.command(&["build"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    for signal in signals {
        fs::read(&ready).expect("docker tells that it waits");
        let sent = Command::new("kill").args([signal, child.id().to_string().as_str()]).status();
        assert!(sent.expect("kill starts").success());
    }
    child.wait_with_output().expect("the program ends")
}

#[test]
fn a_build_that_the_user_stops_leaves_what_it_completed() {
    let n_before = n_lines_before_the_end();
    for signal in ["-INT", "-TERM", "-HUP"] {
        let docker = format!(
            "trap 'echo stopped >> signals; kill $waited; tail -n +{} \"$stream\" >&2; exit 1' INT; \
             head -n {n_before} \"$stream\" >&2; {WAIT}",
            n_before + 1
        );
        let desk = Desk::new(INTERRUPTED, &docker);
        fs::write(desk.path("app/.dockerignore"), "ready\nsignals\n").expect("a file");
        let stopped = stop(&desk, &[signal]);
        assert_eq!(stopped.status.code(), Some(1), "{stopped:?}");
        assert!(text(&stopped.stdout).starts_with("stopped after"), "{stopped:?}");
        // Whatever the signal, docker is asked once, as Ctrl-C would.
        assert_eq!(fs::read_to_string(desk.path("app/signals")).expect("a file"), "stopped\n");
        check_records(&desk, "1 build recorded");
        assert_eq!(desk.statuses(), ["2 hit", "3 miss", "4 miss"], "{signal}");
    }
}

#[test]
fn a_second_ctrl_c_ends_a_docker_that_does_not_listen() {
    let docker = format!("trap 'echo again > ready' INT; head -n 200 \"$stream\" >&2; {WAIT}");
    let desk = Desk::new(INTERRUPTED, &docker);
    let stopped = stop(&desk, &["-INT", "-INT"]);
    assert_eq!(stopped.status.code(), Some(1), "{stopped:?}");
    assert!(text(&stopped.stdout).starts_with("stopped after"), "{stopped:?}");
    check_records(&desk, "1 build recorded");
}

#[test]
fn a_docker_that_is_killed_takes_what_it_began_with_it() {
    // What docker began, buildx, holds the stream open and does not notice.
    let docker = "sh -c 'trap \"echo ended > ended; exit 0\" TERM; sleep 600 >/dev/null 2>&1 & wait' & \
                  head -c 9000 \"$stream\" >&2; kill -9 $$";
    let desk = Desk::new(FAILS, docker);
    let built = desk.run(&["build"]);
    assert_eq!(built.status.code(), Some(1), "{built:?}");
    assert!(text(&built.stdout).starts_with("the build failed after"), "{built:?}");
    assert!(text(&built.stderr).contains("docker ended early: killed by signal 9"), "{built:?}");
    assert!(desk.path("app/ended").exists());
    check_records(&desk, "1 build recorded");
    assert!(!desk.statuses().contains(&"5 hit".to_owned()));
}

#[test]
fn an_engine_that_is_not_there_is_named_and_nothing_is_recorded() {
    let desk = Desk::new(PASSES, "exit 64");
    let words = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
    desk.program("docker", &format!("#!/bin/sh\n[ \"$1\" = --version ] && exit 0\necho '{words}' >&2\nexit 1\n"));
    let built = desk.run(&["build"]);
    assert_eq!(built.status.code(), Some(2), "{built:?}");
    let told = text(&built.stderr);
    assert!(told.contains(words) && told.contains("hint: "), "{told}");
    check_records(&desk, "no build is recorded");
}

#[test]
fn an_engine_that_goes_away_is_a_build_that_failed() {
    let words = "ERROR: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF";
    let docker = format!("head -c 9000 \"$stream\" >&2; printf '\\n%s\\n' '{words}' >&2; exit 1");
    let desk = Desk::new(FAILS, &docker);
    let built = desk.run(&["build"]);
    assert_eq!(built.status.code(), Some(1), "{built:?}");
    assert!(text(&built.stderr).contains(words), "{built:?}");
    check_records(&desk, "1 build recorded");
    // They were at work when the engine was last heard of; it may have completed them.
    assert_eq!(desk.statuses(), ["2 unknown", "4 unknown", "5 unknown", "6 miss", "8 miss", "9 miss"]);
    // The next build reaches an engine again and completes what was left.
    let script = fs::read_to_string(desk.path("bin/docker")).expect("a script");
    desk.program("docker", &script.replace("head -c 9000", "cat"));
    assert_eq!(desk.run(&["build"]).status.code(), Some(1));
    assert_eq!(desk.statuses(), ["2 miss", "4 hit", "5 miss", "6 miss", "8 miss", "9 miss"]);
}

#[test]
fn whatever_stands_between_reports_loses_no_report() {
    let strange = [
        // Invalid UTF-8, bytes of no meaning, a line longer than any report may be.
        "printf '\\377\\376\\n{\\000\\n' >&2; cat \"$stream\" >&2",
        "head -c 40000000 /dev/zero >&2; echo >&2; cat \"$stream\" >&2",
        "head -c 100000 /dev/urandom | tr -d '{' >&2; echo >&2; cat \"$stream\" >&2",
        // Fields and shapes that a later version may bring.
        "sed 's/\"digest\":/\"later\": {\"a\": [1, {}]}, \"digest\":/' \"$stream\" >&2",
        "echo '{\"later\": [{\"digest\": 1}], \"vertexes\": {\"x\": 1}, \"logs\": 7}' >&2; cat \"$stream\" >&2",
        // A report cut in half before a whole one.
        "head -c 700 \"$stream\" >&2; echo >&2; cat \"$stream\" >&2",
    ];
    for docker in strange {
        let desk = Desk::new(PASSES, docker);
        let built = desk.run(&["build"]);
        assert_eq!(built.status.code(), Some(0), "{docker}: {}", text(&built.stdout));
        check_records(&desk, "1 build recorded");
        assert!(desk.statuses().iter().all(|step| step.ends_with(" hit")), "{docker}: {:?}", desk.statuses());
        let stream = "cat \"$stream\" >&2";
        let script = fs::read_to_string(desk.path("bin/docker")).expect("a script");
        desk.program("docker", &script.replace(docker, stream));
        let again = text(&desk.run(&["build"]).stdout);
        assert!(again.contains("predicted = observed for all"), "{docker}: {again}");
    }
}

#[test]
fn a_stream_cut_anywhere_never_records_a_step_that_did_not_end() {
    let stream = fs::read(Desk::recorded(FAILS).join("stream.rawjson")).expect("a stream");
    for n_bytes in (500..stream.len()).step_by(997) {
        let desk = Desk::new(FAILS, &format!("head -c {n_bytes} \"$stream\" >&2; exit 1"));
        let built = desk.run(&["build"]);
        let code = built.status.code();
        assert!(code == Some(1) || (code == Some(2) && n_bytes < 3000), "{n_bytes}: {built:?}");
        let hits: Vec<String> = desk.statuses().into_iter().filter(|step| step.ends_with(" hit")).collect();
        assert!(hits.is_empty() || hits == ["4 hit"], "{n_bytes}: {hits:?}");
    }
}
