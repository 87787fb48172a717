//! Logs of builds that went another way: whole ones, ones that were cut short, and ones that were read before.
//!
//! In: pieces of recorded streams. Out: what `history import` says, and what `explain` knows afterwards.

use std::fs;
use std::process::Output;

use super::{Desk, FAILS, PASSES, text};

/// The reports of a recorded stream, one text each.
fn reports(stream: &str) -> Vec<String> {
    let stream = fs::read_to_string(Desk::recorded(stream).join("stream.rawjson")).expect("a stream");
    stream.split_inclusive("\n}\n").map(str::to_owned).collect()
}

fn import(desk: &Desk, log: &str) -> Output {
    fs::write(desk.path("log"), log).expect("a file");
    desk.run(&["history", "import", "../log"])
}

fn newest(desk: &Desk) -> serde_json::Value {
    let listed = desk.run(&["history", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    listed["builds"][0].clone()
}

#[test]
fn a_log_cut_between_two_steps_is_no_success() {
    let whole = reports(PASSES);
    let listed = whole.iter().position(|report| report.contains("RUN echo")).expect("the list of steps");
    let last = whole.iter().rposition(|report| report.contains("\"cached\": true")).expect("the last step");
    for n in listed + 1..=last {
        for rest in ["", "\u{0}garbage", "{\"vertexes\": [{\"dig"] {
            let desk = Desk::new(PASSES, "exit 64");
            let imported = import(&desk, &(whole[..n].concat() + rest));
            assert_eq!(imported.status.code(), Some(0), "{n}: {imported:?}");
            assert_eq!(newest(&desk)["end"], "interrupted", "{n}");
            // What came behind the cut, nobody can say.
            assert!(desk.statuses().iter().all(|step| step.ends_with(" unknown")), "{n}: {:?}", desk.statuses());
        }
    }
    let desk = Desk::new(PASSES, "exit 64");
    assert_eq!(import(&desk, &whole.concat()).status.code(), Some(0));
    assert_eq!(newest(&desk)["end"], "succeeded");
    assert!(desk.all(&[], " hit"), "{:?}", desk.statuses());
}

#[test]
fn a_log_cut_while_steps_ran_leaves_open_what_came_behind_them() {
    let whole = reports(FAILS);
    let is_end = |report: &String| report.contains("\"error\"");
    let n = whole.iter().position(is_end).expect("the step that fails");
    let desk = Desk::new(FAILS, "exit 64");
    assert_eq!(import(&desk, &whole[..n].concat()).status.code(), Some(0));
    assert!(desk.statuses().iter().all(|step| !step.ends_with(" miss")), "{:?}", desk.statuses());
    assert!(!desk.statuses().contains(&"5 hit".to_owned()), "{:?}", desk.statuses());
}

#[test]
fn into_an_empty_state_nothing_was_predicted() {
    let desk = Desk::new(PASSES, "exit 64");
    let imported = import(&desk, &reports(PASSES).concat());
    let told = text(&imported.stdout);
    assert!(told.contains("nothing was predicted") && !told.contains("predicted = observed"), "{told}");
    assert_eq!(newest(&desk)["agrees"], serde_json::Value::Null);
}

#[test]
fn a_log_is_learned_from_once() {
    let desk = Desk::new(PASSES, "cat \"$stream\" >&2");
    let log = reports(PASSES).concat();
    import(&desk, &log);
    let again = import(&desk, &log);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert!(text(&again.stdout).contains("imported already"), "{again:?}");
    assert!(text(&desk.run(&["history"]).stdout).starts_with("1 build recorded"));
    // Of other files it says something else.
    fs::write(desk.path("app/src/a.txt"), "what was really built\n").expect("a file");
    assert!(text(&import(&desk, &log).stdout).contains("learned from"));
    assert!(text(&desk.run(&["history"]).stdout).starts_with("2 builds recorded"));
}

#[test]
fn the_log_of_a_build_that_was_watched_teaches_nothing() {
    let desk = Desk::new(PASSES, "cat \"$stream\" >&2");
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    fs::write(desk.path("app/src/a.txt"), "edited since\n").expect("a file");
    // The engine's own log of it, of another clock.
    let log = reports(PASSES).concat();
    let shifted = log.replace(":08:", ":11:");
    assert_ne!(log, shifted);
    let imported = import(&desk, &shifted);
    assert!(text(&imported.stdout).contains("recorded when it was built"), "{imported:?}");
    assert!(text(&desk.run(&["history"]).stdout).starts_with("1 build recorded"));
    assert!(desk.statuses().contains(&"3 miss".to_owned()), "{:?}", desk.statuses());
    // The same steps a day later are another build.
    let later = import(&desk, &log.replace("-21T", "-22T"));
    assert!(text(&later.stdout).contains("learned from"), "{later:?}");
}
