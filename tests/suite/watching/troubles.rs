//! What a watch does about an engine that does not answer, or goes away for a while; about files that editors and builds write
//! beside the sources; about its own output; about steps that fail.
//!
//! In: a docker that only plays back, or nothing. Out: the events, and the calls that docker got.

use std::fs;

use serde_json::{Value, json};

use super::{FAILS, PASSES, PLAYS, Watch, calls, reach, save, wait_until};
use crate::building::Desk;

#[test]
fn without_an_engine_it_plans_and_says_why() {
    let desk = Desk::new(PASSES, PLAYS);
    desk.program(
        "docker",
        "#!/bin/sh\n[ \"$*\" = --version ] || { echo 'Cannot connect to the Docker daemon' >&2; exit 1; }\n",
    );
    let watch = Watch::start(&desk, &[]);
    let ready = watch.wait("ready");
    assert_eq!(ready["builds"], false);
    assert!(ready["reason"].as_str().is_some_and(|reason| reason.contains("no builder answers")), "{ready}");
    reach(&desk, &watch, "edited\n");
    assert_eq!(watch.end().0, Some(0));
}

#[test]
fn a_daemon_that_is_not_there_is_no_engine_though_docker_is() {
    let desk = Desk::new(PASSES, PLAYS);
    let script = fs::read_to_string(desk.path("bin/docker")).expect("a script");
    let inspected = "Driver: docker\\nEndpoint: default\\n";
    assert!(script.contains(inspected));
    desk.program("docker", &script.replace(inspected, "Driver:\\nError: Cannot connect to the Docker daemon\\n"));
    let watch = Watch::start(&desk, &[]);
    let ready = watch.wait("ready");
    assert_eq!(ready["builds"], false, "{ready}");
    assert!(ready["reason"].as_str().is_some_and(|reason| reason.contains("Cannot connect")), "{ready}");
}

#[test]
fn what_an_engine_did_not_take_is_built_when_it_is_back() {
    let desk =
        Desk::new(PASSES, &format!("[ -e ../away ] && {{ echo gone >&2; echo >> ../refused; exit 1; }}; {PLAYS}"));
    let watch = Watch::start(&desk, &[]);
    watch.wait("build-finished");
    fs::write(desk.path("away"), "").expect("a file");
    reach(&desk, &watch, "edited\n");
    assert!(watch.until_error().iter().all(|event| event["event"] != "build-finished"));
    // It is tried again by itself, and the same error is not told twice.
    wait_until(|| fs::read_to_string(desk.path("refused")).is_ok_and(|refused| refused.lines().count() > 1));
    fs::remove_file(desk.path("away")).expect("a file");
    watch.wait("build-finished");
    assert_eq!((watch.end().0, calls(&desk)), (Some(0), 2));
}

/// Has the whole of the sources copied.
fn copy_all(desk: &Desk) {
    let dockerfile = fs::read_to_string(desk.path("app/Dockerfile")).expect("a Dockerfile");
    fs::write(desk.path("app/Dockerfile"), dockerfile + "COPY src /all\n").expect("a Dockerfile");
}

#[test]
fn an_editors_own_file_starts_no_build_and_the_file_it_edits_one() {
    let desk = Desk::new(PASSES, PLAYS);
    copy_all(&desk);
    let watch = Watch::start(&desk, &[]);
    watch.wait("build-finished");
    let n_calls = calls(&desk);
    save(&desk, "src/.a.txt.swp", "swap");
    let change = watch.wait("change");
    assert_eq!((&change["paths"], &change["effect"]), (&json!(["src/.a.txt.swp"]), &json!("editors-file")));
    save(&desk, "src/a.txt", "edited\n");
    assert_eq!(watch.wait("change")["effect"], "steps");
    watch.wait("build-finished");
    fs::remove_file(desk.path("app/src/.a.txt.swp")).expect("a file");
    assert_eq!(watch.wait("change")["effect"], "editors-file");
    let (status, left) = watch.end();
    assert_eq!((status, left, calls(&desk)), (Some(0), Vec::new(), n_calls + 1));
}

#[test]
fn its_own_output_is_no_change() {
    let desk = Desk::new(PASSES, PLAYS);
    copy_all(&desk);
    let run = |script: &str| {
        let program = env!("CARGO_BIN_EXE_stageplan");
        let ours = desk.command(&[]);
        let mut words = std::process::Command::new("/bin/sh");
        words.args(["-c", script, program]).current_dir(desk.path("app")).env_clear();
        words.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
        words
    };
    let refused = run("\"$0\" watch --plan-only > src/watch.log").output().expect("a shell");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("each line would be a change"), "{refused:?}");
    fs::remove_file(desk.path("app/src/watch.log")).expect("a file");

    let mut watch = run("exec \"$0\" watch --plan-only --format json > events.json").spawn().expect("a shell");
    let events = || -> Vec<Value> {
        let text = fs::read_to_string(desk.path("app/events.json")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    wait_until(|| events().iter().any(|event| event["event"] == "prediction"));
    for n in 0..3 {
        save(&desk, "notes.md", &format!("{n}\n"));
        wait_until(|| events().iter().filter(|event| event["paths"] == json!(["notes.md"])).count() > n);
    }
    watch.kill().and_then(|()| watch.wait()).expect("an end");
    let others =
        events().into_iter().filter(|event| event["event"] == "change" && event["paths"] != json!(["notes.md"]));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<Value>::new());
}

#[test]
fn why_a_step_failed_is_told_and_no_command_follows() {
    let desk = Desk::new(FAILS, &format!("{PLAYS}; exit 1"));
    let watch = Watch::start(&desk, &["--exec", "echo >> ../followed"]);
    let finished = watch.wait("build-finished");
    assert_eq!(finished["end"], "failed");
    let failures = finished["failures"].as_array().expect("failures");
    assert!(!failures.is_empty() && failures.iter().all(|failure| !failure["message"].as_str().unwrap().is_empty()));
    assert!(failures.iter().all(|failure| failure["step"].as_str().is_some_and(|step| step.contains(':'))));
    assert_eq!(watch.end().0, Some(0));
    assert!(!desk.path("followed").exists());
}

#[test]
fn when_what_was_broken_is_as_before_that_is_told() {
    let desk = Desk::new(PASSES, PLAYS);
    let watch = Watch::start(&desk, &["--plan-only"]);
    watch.wait("prediction");
    fs::rename(desk.path("app/Dockerfile"), desk.path("app/away")).expect("another name");
    watch.until_error();
    fs::rename(desk.path("app/away"), desk.path("app/Dockerfile")).expect("its name");
    while watch.wait("change")["effect"] != "same-plan" {}
}

#[test]
fn a_build_that_writes_what_it_reads_does_not_go_on_for_ever() {
    let desk = Desk::new(PASSES, &format!("touch src/a.txt; {PLAYS}"));
    let watch = Watch::start(&desk, &[]);
    for _ in 0..3 {
        watch.wait("build-finished");
    }
    save(&desk, "src/a.txt", "edited\n");
    // The build's own touch is told, too.
    let events = std::iter::repeat_with(|| watch.until("change"));
    for event in events.flatten().take_while(|event| event["effect"] != "steps") {
        assert_ne!(event["event"], "build-started", "it waits for a change");
    }
    watch.wait("build-started");
}

#[test]
fn a_docker_that_does_not_answer_can_be_left() {
    let desk = Desk::new(PASSES, PLAYS);
    desk.program(
        "docker",
        "#!/bin/sh\necho >> ../asked\nwhile [ -e ../asked ] && [ ! -e ../answer ]; do sleep 0.01; done\nexit 1\n",
    );
    let watch = Watch::start(&desk, &[]);
    wait_until(|| desk.path("asked").exists());
    assert_eq!(watch.end().0, Some(0));
    fs::write(desk.path("answer"), "").expect("a file");
}
