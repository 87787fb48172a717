//! The command of `watch --exec`: when it is started, how it is ended, what is told of it.
//!
//! In: builds that pass, of the project of a recorded stream. Out: which processes run, and the events.

use std::fs;

use super::{PASSES, PLAYS, Watch, reach, wait_until};
use crate::building::Desk;

#[test]
fn a_command_follows_each_build_and_ends_with_all_it_started() {
    let desk = Desk::new(PASSES, PLAYS);
    let watch = Watch::start(&desk, &["--exec", "sleep 1000 & echo $! >> ../pids; wait"]);
    let pids = || -> Vec<i32> {
        let text = fs::read_to_string(desk.path("pids")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    };
    let wait_for = |n: usize| wait_until(|| pids().len() >= n);
    watch.wait("build-finished");
    wait_for(1);
    reach(&desk, &watch, "edited\n");
    watch.wait("build-finished");
    wait_for(2);
    assert_eq!(pids().into_iter().map(is_at_work).collect::<Vec<_>>(), [false, true]);
    assert_eq!(watch.end().0, Some(0));
    assert_eq!(pids().into_iter().map(is_at_work).collect::<Vec<_>>(), [false, false]);
}

#[test]
fn a_command_that_fails_is_told_and_one_that_takes_its_time_to_end_holds_nothing_up() {
    let desk = Desk::new(PASSES, PLAYS);
    let watch = Watch::start(&desk, &["--exec", "exit 3"]);
    let failed = loop {
        let event = watch.next();
        if event["event"] == "error" {
            break event;
        }
    };
    assert_eq!(failed["message"], "`exit 3` ended with exit status 3");
    drop(watch);

    let stubborn = "trap 'while [ ! -e ../let-go ]; do sleep 0.01; done; echo done >> ../let-go; exit' TERM; \
                    echo >> ../ready; while :; do sleep 0.01; done";
    let watch = Watch::start(&desk, &["--exec", stubborn]);
    watch.wait("build-finished");
    wait_until(|| desk.path("ready").exists());
    reach(&desk, &watch, "edited\n");
    watch.wait("build-finished");
    // The first command is being ended; the watch hears of saves all the same.
    reach(&desk, &watch, "edited again\n");
    fs::write(desk.path("let-go"), "").expect("a file");
    watch.wait("build-finished");
    assert_eq!(watch.end().0, Some(0));
    let ends = fs::read_to_string(desk.path("let-go")).expect("a file");
    assert!(!ends.is_empty(), "each was given the time to end by itself");
}

/// Whether a process is there and has not ended (proc(5), stat).
fn is_at_work(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('Z'))
}
