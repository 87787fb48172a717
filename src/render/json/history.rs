//! `stageplan.history/1`: recorded builds, newest first.

use planner::built::Outcome;
use serde::Serialize;

use super::build::{end, source};
use crate::render::history::Listed;

/// The answer of `history --format json`.
#[derive(Serialize)]
pub(crate) struct HistoryView {
    schema: &'static str,
    /// How many builds are recorded, those not listed included.
    recorded: usize,
    builds: Vec<ListedView>,
}

#[derive(Serialize)]
struct ListedView {
    id: String,
    recorded_at: String,
    context: String,
    repository: Option<String>,
    builder: String,
    targets: Vec<String>,
    /// `record` where no engine was watched.
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ran: Option<usize>,
    /// Absent where no engine was watched, `null` where nothing certain was predicted.
    #[serde(skip_serializing_if = "Option::is_none")]
    agrees: Option<Option<bool>>,
}

impl HistoryView {
    /// The view of a list.
    pub(crate) fn new(listed: &[Listed], n_all: usize) -> Self {
        Self { schema: "stageplan.history/1", recorded: n_all, builds: listed.iter().map(ListedView::new).collect() }
    }
}

impl ListedView {
    fn new(listed: &Listed) -> Self {
        let (record, built) = (&listed.record, listed.built.as_ref());
        Self {
            id: record.id.clone(),
            recorded_at: record.recorded_at.clone(),
            context: record.project.context.clone(),
            repository: record.project.repository.clone(),
            builder: record.builder.clone(),
            targets: listed.targets.clone(),
            source: built.map_or("record", |built| source(built.source)),
            engine: built.map(|built| built.engine.clone()),
            end: built.map(|built| end(built.end)),
            seconds: built.map(|built| built.seconds),
            cached: built.map(|built| built.count(Outcome::Cached)),
            ran: built.map(|built| built.count(Outcome::Ran)),
            agrees: built.map(planner::built::Built::agrees),
        }
    }
}
