//! A burst of files that the system's queue does not hold, through the program: what it predicts afterwards is what a
//! program that has just been started predicts.
//!
//! In: 200,000 files made while the watch stands still. Out: the last prediction beside that of `explain`.

use std::collections::BTreeSet;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{PASSES, PLAYS, Watch, save};
use crate::building::Desk;

/// `step text status` of what does not come from the cache, as `explain` tells it.
fn explained(desk: &Desk) -> BTreeSet<String> {
    let answer = desk.run(&["explain", "--format", "json"]);
    let report: Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    let open = |step: &Value| !matches!(step["status"].as_str(), Some("hit" | "none" | "unused"));
    let stages = report["stages"].as_array().expect("stages").iter();
    let steps = stages.flat_map(|stage| {
        let name = stage["name"].as_str().map_or_else(|| stage["index"].to_string(), str::to_owned);
        let steps = stage["instructions"].as_array().expect("instructions").iter().filter(|step| open(step));
        steps.map(|step| told(&format!("{name}:{}", step["line"]), step)).collect::<Vec<_>>()
    });
    steps.collect()
}

fn told(name: &str, step: &Value) -> String {
    format!("{name} {} {}", step["text"], step["status"])
}

#[test]
#[ignore = "makes 200,000 files"]
fn after_a_burst_that_the_system_drops_events_of_the_prediction_is_that_of_a_fresh_start() {
    let desk = Desk::new(PASSES, PLAYS);
    save(&desk, "Dockerfile", "FROM stageplan/base:busybox\nCOPY src /src\nRUN wc -l /src/*\n");
    assert!(desk.run(&["record"]).status.success());
    let watch = Watch::start(&desk, &["--plan-only"]);
    assert_eq!(watch.wait("prediction")["steps"], serde_json::json!([]));
    // While nobody takes events from the system's queue, it overflows.
    let id = Pid::from_child(&watch.child);
    kill_process(id, Signal::STOP).expect("it runs");
    let made = Command::new("sh").args(["-c", "seq 1 200000 | xargs touch"]).current_dir(desk.path("app/src")).status();
    assert!(made.expect("sh starts").success());
    kill_process(id, Signal::CONT).expect("it runs");
    let mut n_paths = 0;
    while n_paths < 200_000 {
        let change = watch.wait("change");
        assert_eq!(change["effect"], "steps");
        n_paths += change["paths"].as_array().expect("paths").len();
    }
    let last = watch.wait("prediction");
    let predicted: BTreeSet<String> = last["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| told(step["step"].as_str().expect("a name"), step))
        .collect();
    assert_eq!(predicted, explained(&desk));
    assert!(!predicted.is_empty());
    // It has not lost sight of what came with the burst.
    save(&desk, "src/70000", "edited\n");
    assert_eq!(watch.wait("change")["paths"], serde_json::json!(["src/70000"]));
}
