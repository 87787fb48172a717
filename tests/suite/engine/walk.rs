//! Random walks: a project is built, edited, built again, some dozen times, and each prediction compared with what the
//! engine did. A wrong one is made small and printed as a case for `tests/fixtures/semantics`.
//!
//! STAGEPLAN_SEED starts other walks than the usual ones, STAGEPLAN_EDITS (320) is how many builds follow an edit.
//! A seed gives the same walk on every machine, as long as its builds fail and succeed alike.

use super::live::{Counts, Live, new_salt};
use super::replay::agree;
use super::{images, is_here, say};
use crate::case::edit::Edit;
use crate::case::{self, Case};

use self::dice::Dice;
use self::state::State;

pub(crate) mod dice;
mod edits;
mod shape;
mod shrink;
mod state;
mod steps;

/// How many edits one walk has; each starts from another project.
const EDITS: usize = 20;

const DEFAULT_SEED: u64 = 20;

/// How many walks that went wrong are made small; the others may well be of the same cause.
const SHRUNK: usize = 3;

/// What was built: a project, and the edits before each further build.
#[derive(Clone)]
struct Walk {
    case: Case,
    changes: Vec<Vec<Edit>>,
}

/// What went wrong in a walk.
#[derive(PartialEq)]
enum Wrong {
    /// The engine did something else.
    Prediction(String),
    /// It did so in a build that failed.
    Failing(String),
    /// Something else is wrong with an answer.
    Answer(String),
}

impl Wrong {
    fn told(&self) -> &str {
        match self {
            Self::Prediction(told) | Self::Failing(told) | Self::Answer(told) => told,
        }
    }
}

#[test]
fn random_edits_are_predicted() {
    if !is_here() {
        return;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seed = number("STAGEPLAN_SEED").unwrap_or(DEFAULT_SEED);
    let n_edits = number("STAGEPLAN_EDITS").unwrap_or(320);
    say(&format!("engine walk: STAGEPLAN_SEED={seed}"));
    let n_walks = n_edits.div_ceil(EDITS as u64);
    let seeds: Vec<u64> = (0..n_walks).map(|index| seed * 1_000_000 + index).collect();
    let (mut counts, mut n_builds, mut n_failed, mut wrongs) = (Counts::default(), 0, 0, Vec::new());
    for outcome in case::on_two_threads(&seeds, |seed| walk(*seed)) {
        counts.merge(outcome.counts);
        n_builds += outcome.n_builds;
        n_failed += outcome.n_failed;
        wrongs.extend(outcome.wrong);
    }
    let walked = format!("{n_walks} walks, {n_builds} builds after an edit, {n_failed} of them failed");
    say(&format!("engine walk: {walked}, {}", counts.told()));
    wrongs.iter().for_each(|(_, wrong)| say(&format!("engine walk: wrong\n{}", wrong.told())));
    let told: Vec<_> = wrongs.iter().take(SHRUNK).map(|(walk, wrong)| shrink::told(walk, wrong)).collect();
    assert!(told.is_empty(), "{} walks went wrong; made small:\n\n{}", wrongs.len(), told.join("\n\n"));
}

#[derive(Default)]
struct Outcome {
    counts: Counts,
    n_builds: usize,
    n_failed: usize,
    wrong: Option<(Walk, Wrong)>,
}

/// One walk: a project and edits chosen by the dice. An edit that makes the build fail is taken back by the next.
fn walk(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed);
    let mut state = shape::start(&mut dice);
    let mut walk = Walk { case: state.case(), changes: Vec::new() };
    let mut outcome = Outcome::default();
    let salted = Salted::new(&walk.case);
    let mut live = Live::lay_out(&walk.case, &salted.salt);
    let mut earlier: Vec<State> = Vec::new();
    let mut built = build(&live, &mut Counts::default());
    for _ in 0..EDITS {
        let next = match (&built, earlier.last()) {
            (Ok(false), Some(good)) => good.clone(),
            _ => edits::edit(&state, &earlier, &mut dice),
        };
        let edits = state.edits_to(&next);
        edits.iter().for_each(|edit| live.apply(edit));
        walk.changes.push(edits);
        state = next;
        built = build(&live, &mut outcome.counts);
        outcome.n_builds += 1;
        match &built {
            Ok(true) => earlier.push(state.clone()),
            Ok(false) => outcome.n_failed += 1,
            Err(_) => break,
        }
    }
    outcome.wrong = built.err().map(|wrong| (walk, wrong));
    outcome
}

/// Repeats a walk on images of its own.
fn repeat(walk: &Walk) -> Result<(), Wrong> {
    let salted = Salted::new(&walk.case);
    let mut live = Live::lay_out(&walk.case, &salted.salt);
    build(&live, &mut Counts::default())?;
    for edits in &walk.changes {
        edits.iter().for_each(|edit| live.apply(edit));
        build(&live, &mut Counts::default())?;
    }
    Ok(())
}

/// One build; whether it succeeded.
fn build(live: &Live, counts: &mut Counts) -> Result<bool, Wrong> {
    let explained = live.explain().map_err(Wrong::Answer)?;
    let built = live.build().map_err(Wrong::Answer)?;
    counts.add(&built.steps);
    let wrong: Vec<_> = built.steps.iter().filter(|step| step.is_wrong()).map(|step| step.told()).collect();
    let is_ok = built.end == "succeeded";
    if !wrong.is_empty() {
        let told = wrong.join("\n");
        return Err(if is_ok { Wrong::Prediction(told) } else { Wrong::Failing(told) });
    }
    if is_ok {
        agree(&explained, &built).map_err(Wrong::Answer)?;
    }
    Ok(is_ok)
}

/// The images of one walk, until it has ended.
struct Salted {
    salt: String,
    images: Vec<(String, String)>,
}

impl Salted {
    fn new(case: &Case) -> Self {
        let salt = new_salt();
        let images: Vec<_> = images::of_case(case).into_iter().map(|image| (image, salt.clone())).collect();
        images::make(&images);
        Self { salt, images }
    }
}

impl Drop for Salted {
    fn drop(&mut self) {
        images::remove(&self.images);
    }
}
