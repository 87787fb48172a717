//! Builds as entries of the store: an id, a time, the project, the builder, and what the build left behind. In go an
//! observation and what was foreseen or seen of its steps; out comes a new record. It does not decide what a step's
//! record says.

use std::collections::BTreeMap;

use anyhow::Context as _;
use jiff::Timestamp;
use planner::built::Built;
use planner::cache_key::Sealer;
use planner::digest::Hasher;
use planner::history::BuildRecord;
use planner::recording::Left;

use crate::observation::{Observation, ObservedContext, Receipt};
use crate::project::Project;
use crate::store::{Addition, Begun, Store};

/// A build that is about to be recorded.
pub(crate) struct Entry {
    /// Its id.
    pub(crate) id: String,
    recorded_at: Timestamp,
}

impl Entry {
    /// A new entry for a build of the project. No two processes of one moment share a process number.
    ///
    /// # Errors
    /// If the clock stands before 1970.
    pub(crate) fn new(project: &Project) -> anyhow::Result<Self> {
        let recorded_at = Timestamp::now();
        let nanoseconds = u64::try_from(recorded_at.as_nanosecond()).context("the clock stands before 1970")?;
        let mut hasher = Hasher::new("build id");
        hasher.number(nanoseconds).number(std::process::id().into()).text(&project.id.context);
        Ok(Self { id: hasher.finish().short(), recorded_at })
    }

    /// Records the build: its inputs, what it left, what the engine has `received`
    /// of the contexts (`None`: all that was observed), and what it reported.
    ///
    /// # Errors
    /// If the store cannot be written; then nothing is recorded.
    pub(crate) fn keep(
        &self,
        project: &Project,
        observation: &Observation,
        received: Option<&BTreeMap<String, ObservedContext>>,
        left: Left,
        built: Option<Built>,
        store: &Store,
    ) -> anyhow::Result<()> {
        let key = store.secret_key()?;
        let sealer = Sealer::new(&key);
        let images = observation.images.iter().filter_map(|(name, image)| Some((name.clone(), sealer.kept(image)?)));
        let record = BuildRecord { images: images.collect(), ..self.record(project, left) };
        let trees = observation.contexts.values().map(|context| context.view.context.clone()).collect();
        let received = received.unwrap_or(&observation.contexts).values().filter_map(|context| match context.receipt {
            Receipt::Whole => Some((context.sent_name.clone(), Some(context.after()))),
            Receipt::Partial => Some((context.sent_name.clone(), None)),
            Receipt::Nothing => None,
        });
        let sent = received.collect();
        store.append(&Addition { record, snapshot: observation.snapshot.clone(), trees, sent, built })
    }

    /// Notes that the build begins, and what of it may be in the engine's cache if nobody sees its end; `is_unread` as
    /// long as nobody saw the engine read the project.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub(crate) fn begin(&self, project: &Project, left: Left, is_unread: bool, store: &Store) -> anyhow::Result<()> {
        store.begin(&Begun { record: self.record(project, left), is_unread })
    }

    fn record(&self, project: &Project, left: Left) -> BuildRecord {
        BuildRecord {
            id: self.id.clone(),
            recorded_at: self.recorded_at.to_string(),
            project: project.id.clone(),
            builder: project.builder.clone(),
            steps: left.steps,
            unsettled: left.unsettled,
            absent: left.absent,
            images: Vec::new(),
        }
    }
}
