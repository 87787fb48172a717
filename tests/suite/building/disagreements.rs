//! Builds that do not go as predicted: what is said of them, and that it is kept.

use std::fs;

use super::{Desk, PASSES, text};

/// The recorded stream with what it says of a step turned round: cached steps ran.
const RAN: &str = "sed 's/\"cached\": true/\"cached\": false/' \"$stream\" >&2";

fn then(desk: &Desk, before: &str, docker: &str) {
    let script = fs::read_to_string(desk.path("bin/docker")).expect("a script");
    assert!(script.contains(before));
    desk.program("docker", &script.replace(before, docker));
}

fn newest(desk: &Desk) -> serde_json::Value {
    let listed = desk.run(&["history", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    listed["builds"][0].clone()
}

#[test]
fn a_hit_that_ran_is_told_with_a_reason_and_kept() {
    let desk = Desk::new(PASSES, "cat \"$stream\" >&2");
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    then(&desk, "cat \"$stream\" >&2", RAN);
    let built = text(&desk.run(&["build"]).stdout);
    assert!(built.contains("not as predicted") && built.contains("docker buildx du"), "{built}");
    let newest = newest(&desk);
    assert_eq!(newest["agrees"], false);
    let id = newest["id"].as_str().expect("an id");
    let json = text(&desk.run(&["history", "show", id, "--format", "json"]).stdout);
    assert!(json.contains("\"reason\": \"its base image `stageplan/base:busybox` moved"), "{json}");
    let shown = text(&desk.run(&["history", "show", id]).stdout);
    assert!(shown.contains("not as predicted") && shown.contains("docker buildx du"), "{shown}");
    // It is in the cache again.
    assert!(desk.statuses().iter().all(|step| step.ends_with(" hit")), "{:?}", desk.statuses());
}

#[test]
fn a_miss_that_was_cached_is_told_with_a_reason_and_kept() {
    let desk = Desk::new(PASSES, "cat \"$stream\" >&2");
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    fs::write(desk.path("app/src/a.txt"), "an edit that somebody else built\n").expect("a file");
    assert!(desk.statuses().contains(&"3 miss".to_owned()));
    let built = text(&desk.run(&["build"]).stdout);
    assert!(built.contains("not as predicted") && built.contains("in the cache already"), "{built}");
    let newest = newest(&desk);
    assert_eq!(newest["agrees"], false);
    assert!(desk.statuses().iter().all(|step| step.ends_with(" hit")), "{:?}", desk.statuses());
}

#[test]
fn another_engine_behind_the_same_name_is_named() {
    let desk = Desk::new(PASSES, "cat \"$stream\" >&2");
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    then(&desk, "cat \"$stream\" >&2", RAN);
    then(&desk, "28.5.2\\n[]", "29.0.0\\n[]");
    let built = text(&desk.run(&["build"]).stdout);
    assert!(
        built.contains("not as predicted")
            && built.contains("Docker Engine 28.5.2")
            && built.contains("Docker Engine 29.0.0"),
        "{built}"
    );
}

#[test]
fn another_builder_is_promised_nothing() {
    let desk = Desk::new(PASSES, "cat \"$stream\" >&2");
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    then(&desk, "cat \"$stream\" >&2", RAN);
    let built = text(&desk.run(&["build", "--builder", "other"]).stdout);
    assert!(built.contains("nothing was predicted") && !built.contains("not as predicted"), "{built}");
    // What it did says nothing of the first one.
    let again = text(&desk.run(&["build", "--builder", "other"]).stdout);
    assert!(again.contains("not as predicted"), "{again}");
    assert!(desk.statuses().iter().all(|step| step.ends_with(" hit")), "{:?}", desk.statuses());
}

#[test]
fn an_engine_that_was_replaced_since_the_last_build_teaches_by_its_own_rules() {
    let desk = Desk::new(PASSES, "cat \"$stream\" >&2");
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    let rules = |desk: &Desk| {
        let log = fs::read_to_string(desk.path("state/builds.jsonl")).expect("a log");
        let line: serde_json::Value = serde_json::from_str(log.lines().last().expect("a build")).expect("JSON");
        line["profile"]["name"].as_str().map(str::to_owned)
    };
    assert_eq!(rules(&desk).as_deref(), Some("docker-legacy"));
    then(&desk, "28.5.2\\n[]", "29.0.0\\n[[\"driver-type\",\"io.containerd.snapshotter.v1\"]]");
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    assert_eq!(rules(&desk).as_deref(), Some("buildkit"));
    assert!(desk.statuses().iter().all(|step| step.ends_with(" hit")), "{:?}", desk.statuses());
}

#[test]
fn an_engine_that_is_gone_since_the_last_build_is_no_build() {
    let desk = Desk::new(PASSES, "cat \"$stream\" >&2");
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    then(&desk, "cat \"$stream\" >&2", "echo 'ERROR: no daemon' >&2; exit 1");
    let built = desk.run(&["build"]);
    assert_eq!(built.status.code(), Some(2), "{built:?}");
    let told = text(&built.stderr);
    assert!(told.contains("ERROR: no daemon") && told.contains("the builder did not build"), "{told}");
    assert!(text(&desk.run(&["history"]).stdout).starts_with("1 build"));
}
