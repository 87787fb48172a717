//! Vertices from a few updates: what counts as executed, how long it took, how much is kept.

use jiff::{SignedDuration, Timestamp};

use super::super::{BuildEvent, LogChunk, Outcome, VertexUpdate};
use super::{MOST_LINES, MOST_LOG_BYTES, MOST_LOG_LINES, Observed};

/// A time in milliseconds.
fn at(milliseconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_millis(milliseconds)
}

struct Update(VertexUpdate);

fn update(digest: &str, inputs: &[&str]) -> Update {
    Update(VertexUpdate {
        digest: digest.to_owned(),
        inputs: inputs.iter().map(ToString::to_string).collect(),
        name: digest.to_owned(),
        started: None,
        completed: None,
        cached: false,
        error: None,
    })
}

impl Update {
    fn time(mut self, started: i64, completed: Option<i64>) -> Self {
        self.0.started = Some(at(started));
        self.0.completed = completed.map(at);
        self
    }

    fn cached(mut self) -> Self {
        self.0.cached = true;
        self
    }

    fn error(mut self, error: &str) -> Self {
        self.0.error = Some(error.to_owned());
        self
    }
}

/// What became of the first vertex.
fn first(updates: Vec<Update>) -> (Outcome, Option<f64>) {
    let mut observed = Observed::default();
    updates.into_iter().for_each(|update| observed.take(BuildEvent::Vertex(update.0)));
    let vertices = observed.vertices();
    (vertices[0].outcome.clone(), vertices[0].seconds)
}

#[test]
fn a_vertex_is_what_its_last_beginning_came_to() {
    let v = || update("v", &["base"]);
    assert_eq!(first(vec![v()]), (Outcome::NotStarted, None));
    assert_eq!(first(vec![v(), v().time(0, None)]), (Outcome::Running, None));
    assert_eq!(first(vec![v().time(0, None), v().time(0, Some(1500))]), (Outcome::Ran, Some(1.5)));
    assert_eq!(first(vec![v().time(0, None), v().time(0, Some(1)).cached()]), (Outcome::Cached, None));
    // A cached result that could not be loaded is made anew, and the old error is told once more at the beginning.
    let lost = v().time(0, Some(1)).cached().error("lost");
    let again = v().time(2, None).error("lost");
    assert_eq!(first(vec![lost, again, v().time(2, Some(1002))]), (Outcome::Ran, Some(1.0)));
    let failed = "process \"/bin/sh -c echo context canceled\" did not complete successfully: exit code: 1";
    assert_eq!(first(vec![v().time(0, Some(20)).error(failed)]), (Outcome::Failed(failed.to_owned()), Some(0.02)));
    let canceled =
        "process \"/bin/sh -c x\" did not complete successfully: exit code: 137: context canceled: context canceled";
    assert_eq!(first(vec![v().time(0, Some(20)).error(canceled)]).0, Outcome::Canceled);
    assert_eq!(first(vec![v().error("no")]).0, Outcome::Failed("no".to_owned()));
}

#[test]
fn a_vertex_that_reads_nothing_runs_only_when_it_is_begun_twice() {
    let key = || update("v", &[]).time(0, Some(1));
    let reader = || update("r", &["v"]).time(1, Some(1)).cached();
    assert_eq!(first(vec![key()]).0, Outcome::NotStarted);
    assert_eq!(first(vec![key(), reader()]).0, Outcome::Cached);
    assert_eq!(first(vec![key(), update("v", &[]).time(2, Some(3))]).0, Outcome::Ran);
    let loaded = || update("v", &[]).time(2, Some(3)).cached();
    assert_eq!(first(vec![key(), loaded()]).0, Outcome::Cached);
    assert_eq!(first(vec![key(), loaded(), update("v", &[]).time(4, Some(5))]).0, Outcome::Cached);
}

#[test]
fn laying_out_a_result_is_not_executing() {
    let cached = || update("v", &["base"]).time(0, Some(1)).cached();
    assert_eq!(first(vec![cached(), update("v", &[]).time(2, None)]).0, Outcome::Cached);
    assert_eq!(first(vec![cached(), update("v", &[]).time(2, Some(3))]).0, Outcome::Cached);
    let ran = update("v", &["base"]).time(0, Some(1000));
    assert_eq!(first(vec![ran, update("v", &[]).time(2000, Some(3000))]), (Outcome::Ran, Some(1.0)));
}

#[test]
fn overlapping_times_count_once() {
    let v = |started, completed| update("v", &["base"]).time(started, Some(completed));
    assert_eq!(first(vec![v(0, 1000), v(500, 1500), v(600, 700), v(3000, 3500)]).1, Some(2.0));
    assert_eq!(first(vec![v(1000, 0)]).1, Some(0.0));
}

#[test]
fn of_output_and_messages_only_the_end_is_kept() {
    let mut observed = Observed::default();
    let mut log = |data: Vec<u8>| {
        observed.take(BuildEvent::Log(LogChunk { vertex: "v".to_owned(), stream: 1, data }));
        observed.log("v")
    };
    assert_eq!(log(b"one\ntw".to_vec()), "one\ntw");
    assert_eq!(log(b"o".to_vec()), "one\ntwo");
    let lines = log((0..1000).map(|n| format!("{n}\n")).collect::<String>().into_bytes());
    assert_eq!(lines.lines().count(), MOST_LOG_LINES);
    assert!(lines.starts_with("800\n") && lines.ends_with("999\n"));
    let wide = log(vec![b'x'; 10 * MOST_LOG_BYTES]);
    assert_eq!(wide.len(), MOST_LOG_BYTES);
    assert_eq!(log(b"\xff end".to_vec()).chars().rev().take(5).collect::<String>(), "dne \u{fffd}");
    assert_eq!(observed.log("other"), "");
    for n in 0..=MOST_LINES {
        observed.take(BuildEvent::Message(n.to_string()));
    }
    assert_eq!((observed.messages.len(), observed.messages.front().map(String::as_str)), (MOST_LINES, Some("1")));
}
