//! What a progress stream said of each vertex, put together: one vertex is told many times, begun more than once, found
//! cached late. In go events in their order; out comes what became of every vertex by then. Bounded in memory: of output
//! and messages only the end is kept.
//!
//! In a plan of several targets buildx mixes the streams of several builds, with shifted clocks and a prefix to each name,
//! so a vertex is known by digest and name together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use std::time::Duration;

use jiff::Timestamp;
use planner::built::Telling;
use planner::digest::Hasher;

use super::rawjson::Reader;
use super::{BuildEvent, BuildWarning, LogChunk, Outcome, VertexUpdate};

/// How much of a vertex's output is kept.
const MOST_LOG_BYTES: usize = 64 << 10;
/// The same in lines.
const MOST_LOG_LINES: usize = 200;
/// How many messages and warnings are kept.
const MOST_LINES: usize = 1000;

/// A stream so far.
#[derive(Default, Debug)]
pub(crate) struct Observed {
    /// By digest and name, in order of appearance.
    records: Vec<Record>,
    index: BTreeMap<(String, String), usize>,
    logs: BTreeMap<String, VecDeque<u8>>,
    /// Text between the reports, the last lines of it.
    pub(crate) messages: VecDeque<String>,
    /// What the builder advises against.
    pub(crate) warnings: BTreeSet<BuildWarning>,
    /// How many bytes of the stream were neither reports nor text.
    pub(crate) n_garbage: usize,
}

/// What became of a vertex by now.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ObservedVertex<'a> {
    /// Its digest.
    pub(crate) digest: &'a str,
    /// Its name.
    pub(crate) name: &'a str,
    /// The digests of what it reads.
    pub(crate) inputs: &'a [String],
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// How long it was at work, in seconds; `None` unless it was executed.
    pub(crate) seconds: Option<f64>,
    /// When it last came to an end; `None` before.
    pub(crate) completed: Option<Timestamp>,
}

#[derive(Debug)]
struct Record {
    digest: String,
    name: String,
    inputs: Vec<String>,
    /// By the time they began.
    intervals: BTreeMap<Timestamp, Interval>,
    /// An error without a time.
    error: Option<String>,
}

#[derive(Clone, Default, Debug)]
struct Interval {
    /// Whether the update named inputs.
    reads: bool,
    completed: Option<Timestamp>,
    cached: bool,
    error: Option<String>,
}

impl Observed {
    /// What a whole stream says.
    pub(crate) fn of_stream(bytes: &[u8]) -> Self {
        let mut reader = Reader::default();
        let mut observed = Self::default();
        reader.feed(bytes).into_iter().for_each(|event| observed.take(event));
        reader.finish().into_iter().for_each(|event| observed.take(event));
        observed.n_garbage = reader.n_garbage();
        observed
    }

    /// Takes the next event.
    pub(crate) fn take(&mut self, event: BuildEvent) {
        match event {
            BuildEvent::Vertex(update) => self.take_vertex(update),
            BuildEvent::Log(chunk) => self.take_log(chunk),
            BuildEvent::Transfer(_) => {}
            BuildEvent::Warning(warning) => {
                if self.warnings.len() < MOST_LINES {
                    self.warnings.insert(warning);
                }
            }
            BuildEvent::Message(line) => {
                self.messages.push_back(line);
                if self.messages.len() > MOST_LINES {
                    self.messages.pop_front();
                }
            }
        }
    }

    /// All vertices, in order of appearance.
    pub(crate) fn vertices(&self) -> Vec<ObservedVertex<'_>> {
        let begun = self.records.iter().filter(|record| !record.intervals.is_empty());
        let consumed: BTreeSet<&str> = begun.flat_map(|record| &record.inputs).map(String::as_str).collect();
        let supposed = self.supposed();
        let is_consumed = |record: &Record| consumed.contains(record.digest.as_str());
        let records = self.records.iter().enumerate();
        records.map(|(index, record)| record.observed(is_consumed(record), supposed.contains(&index))).collect()
    }

    /// The vertices that are called cached only because one that reads them began: what had not completed by then is
    /// taken to be cached (solver/progress.go). One whose key cannot be computed, as when a source is missing, begins
    /// without anything it reads having been done (CalcSlowCache in solver/jobs.go).
    fn supposed(&self) -> BTreeSet<usize> {
        let failing = |(index, record): (usize, &Record)| {
            let errors = record.intervals.iter().filter(|(_, interval)| interval.error.is_some());
            errors.map(|(began, _)| (index, *began)).collect::<Vec<_>>()
        };
        let mut readers: Vec<_> = self.records.iter().enumerate().flat_map(failing).collect();
        let mut supposed = BTreeSet::new();
        while let Some((reader, began)) = readers.pop() {
            for (index, record) in self.records.iter().enumerate() {
                let is_read = self.records.get(reader).is_some_and(|reader| reader.inputs.contains(&record.digest));
                if is_read && record.is_called_cached_at(began) && supposed.insert(index) {
                    readers.push((index, began));
                }
            }
        }
        supposed
    }

    /// From the first beginning to the last end.
    pub(crate) fn elapsed(&self) -> Duration {
        let intervals = || self.records.iter().flat_map(|record| &record.intervals);
        let first = intervals().map(|(started, _)| *started).min();
        let last = intervals().filter_map(|(_, interval)| interval.completed).max();
        let elapsed = first.zip(last).map(|(first, last)| last.duration_since(first));
        elapsed.and_then(|elapsed| Duration::try_from(elapsed).ok()).unwrap_or_default()
    }

    /// What names this stream among those of all builds, by the vertices that are steps; `None` if none was begun.
    pub(crate) fn telling(&self, is_step: &dyn Fn(&str) -> bool) -> Option<Telling> {
        let steps = || self.records.iter().filter(|record| is_step(&record.digest));
        let first = steps().filter_map(|record| record.intervals.first_key_value()).map(|(began, _)| *began).min()?;
        let since = |moment: Timestamp| u64::try_from(moment.duration_since(first).as_nanos()).unwrap_or_default();
        let mut told: Vec<(&str, u64, u64)> = Vec::new();
        for record in steps() {
            let ended = record.intervals.iter().filter_map(|(began, interval)| Some((*began, interval.completed?)));
            told.extend(ended.map(|(began, completed)| (record.digest.as_str(), since(began), since(completed))));
        }
        told.sort_unstable();
        told.dedup();
        let mut hasher = Hasher::new("telling");
        for (digest, began, completed) in told {
            hasher.text(digest).number(began).number(completed);
        }
        Some(Telling { shape: hasher.finish(), began: first.as_second() })
    }

    /// The end of a vertex's output: its last lines, as text.
    pub(crate) fn log(&self, digest: &str) -> String {
        let Some(bytes) = self.logs.get(digest) else { return String::new() };
        let (front, back) = bytes.as_slices();
        let bytes = [front, back].concat();
        let text = String::from_utf8_lossy(&bytes);
        let n_lines = text.split_inclusive('\n').count();
        text.split_inclusive('\n').skip(n_lines.saturating_sub(MOST_LOG_LINES)).collect()
    }

    fn take_vertex(&mut self, update: VertexUpdate) {
        let key = (update.digest.clone(), update.name.clone());
        let index = *self.index.entry(key).or_insert_with(|| {
            let VertexUpdate { digest, name, .. } = &update;
            let (digest, name, inputs) = (digest.clone(), name.clone(), Vec::new());
            self.records.push(Record { digest, name, inputs, intervals: BTreeMap::new(), error: None });
            self.records.len() - 1
        });
        if let Some(record) = self.records.get_mut(index) {
            record.take(update);
        }
    }

    fn take_log(&mut self, chunk: LogChunk) {
        let log = self.logs.entry(chunk.vertex).or_default();
        let kept = chunk.data.len().saturating_sub(MOST_LOG_BYTES);
        log.extend(&chunk.data[kept..]);
        log.drain(..log.len().saturating_sub(MOST_LOG_BYTES));
    }
}

impl Record {
    fn take(&mut self, update: VertexUpdate) {
        let reads = !update.inputs.is_empty();
        if !update.inputs.is_empty() {
            self.inputs = update.inputs;
        }
        let Some(started) = update.started else {
            self.error = update.error.or(self.error.take());
            return;
        };
        let interval = self.intervals.entry(started).or_default();
        interval.reads |= reads;
        match update.completed {
            Some(_) => {
                interval.completed = update.completed;
                interval.cached = update.cached;
                interval.error = update.error;
            }
            // An error told at a beginning is that of an earlier attempt (notifyStarted in solver/jobs.go).
            None => interval.cached |= update.cached,
        }
    }

    /// Whether all that is known of it is that it was called cached at this moment.
    fn is_called_cached_at(&self, moment: Timestamp) -> bool {
        let last = self.intervals.last_key_value();
        last.is_some_and(|(began, last)| last.cached && *began == moment && last.completed == Some(moment))
    }

    /// `is_consumed`: whether a vertex that reads it was begun; `is_supposed`: whether its being cached means nothing.
    fn observed(&self, is_consumed: bool, is_supposed: bool) -> ObservedVertex<'_> {
        let outcome = if is_supposed { Outcome::NotStarted } else { self.outcome(is_consumed) };
        let worked = matches!(outcome, Outcome::Ran | Outcome::Failed(_) | Outcome::Canceled);
        let seconds = worked.then(|| self.seconds());
        let completed = self.own().filter_map(|(_, interval)| interval.completed).max();
        ObservedVertex { digest: &self.digest, name: &self.name, inputs: &self.inputs, outcome, seconds, completed }
    }

    fn outcome(&self, is_consumed: bool) -> Outcome {
        let Some((_, last)) = self.own().last() else {
            return self.error.as_deref().map_or(Outcome::NotStarted, failure);
        };
        match last {
            Interval { completed: None, .. } => Outcome::Running,
            Interval { error: Some(error), .. } => failure(error),
            Interval { cached: true, .. } => Outcome::Cached,
            _ if self.inputs.is_empty() => self.outcome_on_nothing(is_consumed),
            _ => Outcome::Ran,
        }
    }

    /// A vertex that reads nothing is begun once to find its key and a second time to be executed (CacheMap in
    /// solver/jobs.go); the first alone says nothing of its result.
    fn outcome_on_nothing(&self, is_consumed: bool) -> Outcome {
        let is_loaded = self.own().any(|(_, interval)| interval.cached && interval.error.is_none());
        match self.own().count() {
            _ if is_loaded => Outcome::Cached,
            1 if is_consumed => Outcome::Cached,
            1 => Outcome::NotStarted,
            _ => Outcome::Ran,
        }
    }

    /// The times it was at work itself. When its result is laid out on disk late (a merge, a pulled layer), it is begun once
    /// more, and that update names no inputs.
    fn own(&self) -> impl DoubleEndedIterator<Item = (&Timestamp, &Interval)> {
        self.intervals.iter().filter(|(_, interval)| interval.reads || self.inputs.is_empty())
    }

    /// The time covered by its intervals, as BuildKit's own display adds them up (util/progress/progressui).
    fn seconds(&self) -> f64 {
        let mut seconds = 0.0;
        let mut until: Option<Timestamp> = None;
        for (started, interval) in self.own().filter(|(_, interval)| !interval.cached) {
            let Some(completed) = interval.completed else { continue };
            let from = until.map_or(*started, |until| until.max(*started));
            if completed > from {
                seconds += completed.duration_since(from).as_secs_f64();
                until = Some(completed);
            }
        }
        seconds
    }
}

/// A step that was given up says so at the very end of its error; one that failed by itself ends with an exit code or
/// another cause.
fn failure(error: &str) -> Outcome {
    if error.ends_with("context canceled") { Outcome::Canceled } else { Outcome::Failed(error.to_owned()) }
}

#[cfg(test)]
mod tests;
