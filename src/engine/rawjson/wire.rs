//! The JSON of one report (`SolveStatus` in BuildKit's client/graph.go) to events. Every field may be missing or null, and
//! others may stand beside; a list's element of another shape is left out and counted, its neighbours are not.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::super::{BuildEvent, BuildWarning, LogChunk, TransferUpdate, VertexUpdate};
use super::base64;

/// The events of a report, and how many bytes of it said nothing; `None` if it is no report.
pub(super) fn events(text: &[u8]) -> Option<(Vec<BuildEvent>, usize)> {
    let text = String::from_utf8_lossy(text);
    let mut report: Map<String, Value> = serde_json::from_str(&text).ok()?;
    const LISTS: [&str; 4] = ["vertexes", "statuses", "warnings", "logs"];
    if !report.is_empty() && !LISTS.iter().any(|list| report.contains_key(*list)) {
        return None;
    }
    let mut events = Vec::new();
    let [vertexes, statuses, warnings, logs] = LISTS.map(|list| report.remove(list).unwrap_or_default());
    let n_garbage = each(vertexes, &mut events, Vertex::event)
        + each(statuses, &mut events, Status::event)
        + each(warnings, &mut events, Warning::event)
        + each(logs, &mut events, Log::event);
    Some((events, n_garbage))
}

/// Reads the elements of a list; gives back how many bytes could not be read.
fn each<T: DeserializeOwned>(
    list: Value,
    events: &mut Vec<BuildEvent>,
    event: impl Fn(T) -> Option<BuildEvent>,
) -> usize {
    let elements = match list {
        Value::Null => return 0,
        Value::Array(elements) => elements,
        other => vec![other],
    };
    let mut n_garbage = 0;
    for element in elements {
        let n_bytes = element.to_string().len();
        match serde_json::from_value(element).ok().and_then(&event) {
            Some(event) => events.push(event),
            None => n_garbage += n_bytes,
        }
    }
    n_garbage
}

#[derive(Deserialize)]
struct Vertex {
    digest: Option<String>,
    inputs: Option<Vec<String>>,
    name: Option<String>,
    started: Option<String>,
    completed: Option<String>,
    cached: Option<bool>,
    error: Option<String>,
}

impl Vertex {
    fn event(self) -> Option<BuildEvent> {
        Some(BuildEvent::Vertex(VertexUpdate {
            digest: self.digest?,
            inputs: self.inputs.unwrap_or_default(),
            name: self.name.unwrap_or_default(),
            started: time(self.started),
            completed: time(self.completed),
            cached: self.cached.unwrap_or(false),
            error: self.error.filter(|error| !error.is_empty()),
        }))
    }
}

#[derive(Deserialize)]
struct Status {
    id: Option<String>,
    vertex: Option<String>,
    total: Option<i64>,
    current: Option<i64>,
    started: Option<String>,
    completed: Option<String>,
}

impl Status {
    fn event(self) -> Option<BuildEvent> {
        Some(BuildEvent::Transfer(TransferUpdate {
            id: self.id?,
            vertex: self.vertex.unwrap_or_default(),
            total: self.total.unwrap_or(0),
            current: self.current.unwrap_or(0),
            started: time(self.started),
            completed: time(self.completed),
        }))
    }
}

#[derive(Deserialize)]
struct Log {
    vertex: Option<String>,
    stream: Option<i64>,
    data: Option<String>,
}

impl Log {
    fn event(self) -> Option<BuildEvent> {
        let data = base64::decode(&self.data.unwrap_or_default())?;
        Some(BuildEvent::Log(LogChunk { vertex: self.vertex?, stream: self.stream.unwrap_or(0), data }))
    }
}

#[derive(Deserialize)]
struct Warning {
    vertex: Option<String>,
    short: Option<String>,
    detail: Option<Vec<String>>,
    url: Option<String>,
    range: Option<Vec<Range>>,
}

#[derive(Deserialize)]
struct Range {
    start: Option<Position>,
    end: Option<Position>,
}

#[derive(Deserialize)]
struct Position {
    line: Option<u32>,
}

impl Warning {
    fn event(self) -> Option<BuildEvent> {
        let text = |text: String| {
            let bytes = base64::decode(&text)?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let ranges = self.range.unwrap_or_default();
        let line = |position: Option<&Position>| position.and_then(|position| position.line);
        let first = ranges.first().and_then(|range| line(range.start.as_ref()));
        let last = ranges.last().and_then(|range| line(range.end.as_ref()));
        Some(BuildEvent::Warning(BuildWarning {
            vertex: self.vertex.unwrap_or_default(),
            short: text(self.short?)?,
            detail: self.detail.unwrap_or_default().into_iter().filter_map(text).collect(),
            url: self.url.unwrap_or_default(),
            lines: first.map(|first| (first, last.unwrap_or(first).max(first))),
        }))
    }
}

/// A time as RFC 3339 has it; none where it is something else.
fn time(text: Option<String>) -> Option<Timestamp> {
    text?.parse().ok()
}
