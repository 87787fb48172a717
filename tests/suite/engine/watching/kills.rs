//! A watch that is killed while it sees saves and builds: what it recorded is true, and of what nobody saw the end of
//! nothing is promised.
//!
//! In: a seed, printed; WATCH_SEED=N takes another one. Out: each step that was promised something beside what the
//! engine did, in the builds of the watches that follow. The pauses only make the moments random.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::{is_here, lay_out, save, say, start};
use crate::engine::live::Live;
use crate::scan::trust::Dice;
use crate::watching::kills::{finished, listed};

/// So many projects, each with a state of its own.
const N_PLACES: usize = 6;
/// So many kills in each.
const N_KILLS: usize = 5;
const DOCKERFILE: &str = "\
FROM stageplan/base:busybox AS made
COPY a.txt /
RUN --network=none sleep 0.2; cat /a.txt > /a
COPY b.txt /
RUN --network=none sleep 0.2; cat /b.txt > /b

FROM stageplan/base:busybox
COPY --from=made /a /b /
RUN --network=none cat /a /b > /c
";

/// Builds that did not go as predicted.
fn wrong(events: &[Value]) -> Vec<&Value> {
    let is_wrong = |event: &&Value| event["disagreements"].as_array().is_some_and(|steps| !steps.is_empty());
    events.iter().filter(is_wrong).collect()
}

fn history(live: &Live) -> BTreeSet<String> {
    listed(&live.plain("history", &["--limit", "1000", "--format", "json"]).output().expect("the program"))
}

#[test]
fn a_watch_that_is_killed_at_any_moment_promises_nothing_wrong_afterwards() {
    if !is_here() {
        return;
    }
    let seed = std::env::var("WATCH_SEED").map_or(0xdead, |seed| seed.parse().expect("a number"));
    let (mut dice, mut n_started, mut n_finished) = (Dice(seed), 0, 0);
    // After a kill that nobody saw the files read before little is promised for a day: elsewhere it is.
    for place in 0..N_PLACES {
        let live = lay_out(DOCKERFILE, &[("a.txt", "a\n"), ("b.txt", "b\n")]);
        let mut told = BTreeSet::new();
        for kill in 0..N_KILLS {
            let events = kill_once(&live, &mut dice);
            assert!(wrong(&events).is_empty(), "seed {seed}, place {place}, kill {kill}: {events:#?}");
            n_started += events.iter().filter(|event| event["event"] == "build-started").count();
            told.extend(finished(&events));
            let builds = history(&live);
            assert!(told.is_subset(&builds), "place {place}, kill {kill}: told {told:?}, listed {builds:?}");
        }
        n_finished += told.len();
        check(&live, &format!("seed {seed}, place {place}"));
    }
    say(&format!("{} kills, seed {seed}: {n_started} builds begun, {n_finished} finished", N_PLACES * N_KILLS));
}

/// Saves while nobody watches, and while somebody does who is killed at a random moment; what was told until then.
fn kill_once(live: &Live, dice: &mut Dice) -> Vec<Value> {
    // Few texts, so that much of what is saved was there before.
    let edit =
        |dice: &mut Dice| save(live, ["a.txt", "b.txt"][dice.below(2) as usize], &format!("{}\n", dice.below(6)));
    edit(dice);
    let watch = start(live, &[]);
    watch.wait("ready");
    edit(dice);
    let n_events = 1 + usize::try_from(dice.below(20)).expect("below a usize");
    watch.kill_after(n_events, Duration::from_micros(dice.below(1_500_000)))
}

/// Builds every text that may have been built before, and compares.
fn check(live: &Live, place: &str) {
    for text in 0..6 {
        save(live, "a.txt", &format!("{text}\n"));
        save(live, "b.txt", "0\n");
        let built = live.plain("build", &["--format", "json"]).output().expect("the program");
        let built = crate::engine::live::read_build(&built.into()).expect("an answer");
        let wrong: Vec<String> = built.steps.iter().filter(|step| step.is_wrong()).map(|step| step.told()).collect();
        assert!(wrong.is_empty(), "{place}, text {text}: {wrong:?}");
    }
}
