//! A watch that is killed at any moment, without a chance to put anything in order: the next one starts, and whatever was
//! told to be finished is recorded.
//!
//! In: a seed. Out: the builds that were told beside those that `history` lists. The pauses only make the moments random.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::{PASSES, PLAYS, Watch, save};
use crate::building::Desk;
use crate::scan::trust::Dice;

const N_KILLS: usize = 70;

/// The ids of the builds that were told to be finished.
pub(crate) fn finished(events: &[Value]) -> impl Iterator<Item = String> {
    let finished = events.iter().filter(|event| event["event"] == "build-finished");
    finished.map(|event| event["id"].as_str().expect("an id").to_owned())
}

/// The ids of the builds that `history` lists.
pub(crate) fn listed(answer: &std::process::Output) -> BTreeSet<String> {
    assert!(answer.status.success(), "{answer:?}");
    let said = String::from_utf8_lossy(&answer.stderr);
    assert!(said.is_empty(), "{said}");
    let history: Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    let builds = history["builds"].as_array().expect("builds").iter();
    builds.map(|build| build["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn a_watch_that_is_killed_at_any_moment_loses_nothing() {
    let (desk, mut dice, mut told) = (Desk::new(PASSES, PLAYS), Dice(0xdead), BTreeSet::new());
    for round in 0..N_KILLS {
        let watch = Watch::start(&desk, &[]);
        // The first builds; what was saved while it was off is built, too.
        watch.wait("ready");
        for save_number in 0..dice.below(3) {
            save(&desk, "src/a.txt", &format!("{round} {save_number}\n"));
        }
        let n_events = usize::try_from(dice.below(14)).expect("below a usize");
        save(&desk, "src/b.txt", &format!("{round}\n"));
        let events = watch.kill_after(n_events, Duration::from_micros(dice.below(100_000)));
        told.extend(finished(&events));
        let builds = listed(&desk.run(&["history", "--limit", "1000", "--format", "json"]));
        assert!(told.is_subset(&builds), "round {round}: told {told:?}, listed {builds:?}");
    }
    assert!(told.len() > N_KILLS / 10, "only {} builds came to their end", told.len());
    let watch = Watch::start(&desk, &[]);
    save(&desk, "src/a.txt", "at the end\n");
    while !is_fresh(&desk) {
        watch.wait("build-finished");
    }
    assert_eq!(watch.end().0, Some(0));
    let names = fs::read_dir(desk.path("state")).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let aside: Vec<_> = names.filter(|name| name.to_string_lossy().contains("damaged")).collect();
    assert!(aside.is_empty(), "{aside:?}");
}

fn is_fresh(desk: &Desk) -> bool {
    let report: Value = serde_json::from_slice(&desk.run(&["explain", "--format", "json"]).stdout).expect("JSON");
    report["summary"]["miss"] == 0 && report["summary"]["unknown"] == 0
}
