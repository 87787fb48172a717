//! The events of `watch --format json`: one object per line, `stageplan.watch/1` (contract: `docs/json.md`).

use planner::built::Outcome;
use planner::prediction::Verdict;
use serde::Serialize;

use super::{Change, Effect, Failure, Outlook, Row};
use crate::render::build::{Closing, disagreements};
use crate::render::json::build::end;
use crate::render::progress::State;

/// The version of these events.
pub(super) const SCHEMA: &str = "stageplan.watch/1";

/// One line.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    pub(super) schema: &'static str,
    pub(super) at: String,
    #[serde(flatten)]
    pub(super) event: &'a Event<'a>,
}

/// What happened.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Event<'a> {
    /// The watch is on.
    Ready { targets: &'a [String], unwatched: &'a [String], entries: usize, builds: bool, reason: Option<&'a str> },
    /// Something was saved.
    Change { paths: &'a [String], effect: &'static str },
    /// What the next build does.
    Prediction { targets: &'a [String], summary: Summary, steps: Vec<Step<'a>> },
    /// A build begins.
    BuildStarted { targets: &'a [String] },
    /// What became of a step.
    Step(StepView<'a>),
    /// A build is over.
    BuildFinished(Finished<'a>),
    /// Something went wrong; the watch goes on.
    Error { message: &'a str, hint: Option<&'a str> },
}

impl<'a> Event<'a> {
    pub(super) fn of_change(change: &'a Change) -> Self {
        let effect = match change.effect {
            Effect::Steps => "steps",
            Effect::EditorsFile => "editors-file",
            Effect::SameContent => "same-content",
            Effect::NotRead => "not-read",
            Effect::SamePlan => "same-plan",
        };
        Self::Change { paths: &change.paths, effect }
    }

    pub(super) fn of_outlook(outlook: &'a Outlook) -> Self {
        let count = |name: &str| outlook.rows.iter().filter(|row| row.verdict.name() == name).count();
        let summary = Summary {
            hit: count("hit"),
            miss: count("miss"),
            pending: count("pending"),
            unknown: count("unknown"),
            expected_seconds: outlook.seconds,
        };
        let open = outlook.rows.iter().filter(|row| row.verdict != Verdict::Hit);
        Self::Prediction { targets: &outlook.targets, summary, steps: open.map(Step::of).collect() }
    }
}

/// How many steps have which status.
#[derive(Serialize)]
pub(super) struct Summary {
    hit: usize,
    miss: usize,
    pending: usize,
    unknown: usize,
    expected_seconds: Option<f64>,
}

/// A step that will or may run.
#[derive(Serialize)]
pub(super) struct Step<'a> {
    step: &'a str,
    text: &'a str,
    status: &'static str,
    seconds: Option<f64>,
}

impl<'a> Step<'a> {
    fn of(row: &'a Row) -> Self {
        Self { step: &row.name, text: &row.text, status: row.verdict.name(), seconds: row.seconds }
    }
}

/// A step of a build that began or ended.
#[derive(Serialize)]
pub(super) struct StepView<'a> {
    step: &'a str,
    text: &'a str,
    status: &'static str,
    seconds: Option<f64>,
}

impl<'a> StepView<'a> {
    pub(super) fn new(step: &'a str, text: &'a str, state: State) -> Self {
        let (status, seconds) = match state {
            State::Running => ("running", None),
            State::Over(outcome, seconds) => (outcome.name(), seconds),
        };
        Self { step, text, status, seconds }
    }
}

/// A step that came out otherwise than it was predicted.
#[derive(Serialize)]
pub(super) struct Disagreement<'a> {
    step: &'a str,
    predicted: Option<&'static str>,
    observed: &'static str,
    reason: String,
}

/// How a build ended.
#[derive(Serialize)]
pub(super) struct Finished<'a> {
    id: &'a str,
    targets: &'a [String],
    end: &'static str,
    seconds: f64,
    ran: usize,
    cached: usize,
    saved_seconds: f64,
    agrees: Option<bool>,
    disagreements: Vec<Disagreement<'a>>,
    failures: Vec<Failure>,
}

impl<'a> Finished<'a> {
    pub(super) fn new(
        id: &'a str,
        targets: &'a [String],
        closing: &'a Closing<'_>,
        (saved_seconds, failures): (f64, Vec<Failure>),
    ) -> Self {
        let built = closing.built;
        let wrong = disagreements(closing).into_iter().map(|(step, reason)| Disagreement {
            step: &step.name,
            predicted: step.predicted.map(Verdict::name),
            observed: step.outcome.name(),
            reason,
        });
        Self {
            id,
            targets,
            end: end(built.end),
            seconds: built.seconds,
            ran: built.count(Outcome::Ran),
            cached: built.count(Outcome::Cached),
            saved_seconds,
            agrees: built.agrees(),
            disagreements: wrong.collect(),
            failures,
        }
    }
}
