//! What earlier builds left in BuildKit's cache. A [`BuildRecord`] is one build; it holds only the steps that no
//! earlier record holds, so a log of builds grows by what changed. A [`Ledger`] is all of them together, as
//! BuildKit's cache knows them: without projects, and growing only.

mod groups;

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::cache_key::CacheKey;
use crate::digest::ContentDigest;
use crate::graph::FileAction;
use crate::image::{Image, ImageName};
use crate::selector::Selector;
use groups::Groups;

/// One build whose steps are in BuildKit's cache.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BuildRecord {
    /// Unique; names the build's [`crate::snapshot::Snapshot`] in the store.
    pub id: String,
    /// When it was recorded, RFC 3339.
    pub recorded_at: String,
    /// Which project it belongs to.
    pub project: ProjectId,
    /// Whose cache the steps are in: the name of a builder. Builders know nothing of each other.
    #[serde(default = "default_builder")]
    pub builder: String,
    /// The steps that were new with this build.
    pub steps: Vec<StepRecord>,
    /// The steps whose results it may have left: nobody saw their end, or what they read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<StepRecord>,
    /// The keys of steps that an earlier build may have left, and that it found to be in no cache.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<CacheKey>,
    /// The images it read, as far as they were looked up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<(ImageName, Image)>,
}

fn default_builder() -> String {
    DEFAULT_BUILDER.to_owned()
}

/// The builder of docker's default context, which is also that of records that name none.
pub const DEFAULT_BUILDER: &str = "default";

/// What makes two builds builds of one project: the context's path, else the repository and the path inside.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ProjectId {
    /// The canonical path of the context folder.
    pub context: String,
    /// The repository's address and the context's path inside it, where there is a repository.
    pub repository: Option<String>,
}

/// One step that BuildKit can answer from its cache.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step's key, from the keys of its inputs.
    pub key: CacheKey,
    /// The digest of its operation.
    pub op: ContentDigest,
    /// The digest it has where the configuration of the image below it is only assumed; `None` if it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<ContentDigest>,
    /// What it read.
    pub inputs: Vec<RecordedInput>,
    /// What it wrote, as far as that can be told without running it.
    pub writes: Writes,
    /// Other keys under which BuildKit found this very result.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub is: BTreeSet<CacheKey>,
    /// Keys under which it may have found it: whether it did hung on bytes that only the build knew.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub may_be: BTreeSet<CacheKey>,
    /// Set where the step ran although its key was known (`--no-cache`): tells its result from the earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun: Option<String>,
}

/// One input of a recorded step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum RecordedInput {
    /// The file system it continued.
    Base(Producer),
    /// Files of another vertex.
    Files(Producer, Vec<Selector>),
    /// Files of a build context.
    Context {
        /// The digest of what was selected.
        content: ContentDigest,
        /// The digest of the whole context.
        tree: ContentDigest,
        /// What was selected.
        selectors: Vec<Selector>,
    },
}

/// What a step's first input is known by: the key of its producer, or the digest of a context's files.
pub(crate) fn first_input(inputs: &[RecordedInput]) -> Option<ContentDigest> {
    inputs.first().map(|input| match input {
        RecordedInput::Base(producer) | RecordedInput::Files(producer, _) => producer.key,
        RecordedInput::Context { content, .. } => *content,
    })
}

/// The vertex that made an input.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Producer {
    /// Its key.
    pub key: CacheKey,
    /// The reference, if it is an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Whether the layers of that image were known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_known: bool,
    /// What the file at an address must hash to (`ADD --checksum`), as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

/// What a step writes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Writes {
    /// Nobody can tell without running it.
    Anything,
    /// What these actions make of the inputs.
    Files(Vec<FileAction>),
    /// The second input's files upon the first's.
    Layers,
}

/// All steps ever recorded.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    steps: Vec<StepRecord>,
    by_key: HashMap<CacheKey, usize>,
    by_op: HashMap<ContentDigest, Vec<usize>>,
    /// The same narrowed down by the first input: many stages may hold one operation.
    by_first_input: HashMap<(ContentDigest, Option<ContentDigest>), Vec<usize>>,
    /// Keys that certainly name one result.
    same: Groups,
    /// Keys that may name one result, those that certainly do among them.
    alike: Groups,
    /// By operation, the steps that nobody saw completed.
    unsettled: HashMap<ContentDigest, Vec<StepRecord>>,
}

impl Ledger {
    /// All steps of these records, oldest first.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = StepRecord>) -> Self {
        let mut ledger = Self::default();
        for record in records {
            ledger.add(record);
        }
        ledger
    }

    /// Makes room for so many more steps.
    pub fn reserve(&mut self, n_steps: usize) {
        self.steps.reserve(n_steps);
        self.by_key.reserve(n_steps);
        self.by_op.reserve(n_steps);
        self.by_first_input.reserve(n_steps);
    }

    /// Adds a step; of two with one key the newer one counts, and what was known of its aliases stays known.
    pub fn add(&mut self, mut step: StepRecord) {
        if let Some(index) = self.by_key.get(&step.key).copied() {
            step.is.extend(self.steps[index].is.iter().copied());
            step.may_be.extend(self.steps[index].may_be.iter().copied());
            if step.rerun.is_none() {
                step.rerun.clone_from(&self.steps[index].rerun);
            }
            self.name(&step);
            self.steps[index] = step;
            return;
        }
        let index = self.steps.len();
        self.by_key.insert(step.key, index);
        let first = first_input(&step.inputs);
        for op in step.assumed.into_iter().chain([step.op]) {
            self.by_op.entry(op).or_default().push(index);
            self.by_first_input.entry((op, first)).or_default().push(index);
        }
        self.name(&step);
        self.steps.push(step);
    }

    /// Adds steps that may have been completed, after a build that found these keys to be in no cache.
    pub fn add_unsettled(&mut self, steps: impl IntoIterator<Item = StepRecord>, absent: &[CacheKey]) {
        if !absent.is_empty() {
            self.unsettled.values_mut().for_each(|known| known.retain(|step| !absent.contains(&step.key)));
        }
        for step in steps {
            self.unsettled.entry(step.op).or_default().push(step);
        }
    }

    /// The steps of an operation that may have been completed, though nobody saw it.
    pub fn unsettled_with_op(&self, op: &ContentDigest) -> impl Iterator<Item = &StepRecord> {
        self.unsettled.get(op).into_iter().flatten()
    }

    fn name(&mut self, step: &StepRecord) {
        for key in &step.is {
            self.same.join(step.key, *key);
        }
        for key in step.is.iter().chain(&step.may_be) {
            self.alike.join(step.key, *key);
        }
    }

    /// Whether nothing was ever recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The step of that key.
    #[must_use]
    pub fn step(&self, key: &CacheKey) -> Option<&StepRecord> {
        self.by_key.get(key).map(|index| &self.steps[*index])
    }

    /// The steps that did the same operation, or did so as far as the configuration of an image was assumed for it; oldest
    /// first.
    pub fn with_op(&self, op: &ContentDigest) -> impl Iterator<Item = &StepRecord> {
        self.by_op.get(op).into_iter().flatten().map(|index| &self.steps[*index])
    }

    /// How many these are.
    pub(crate) fn n_with_op(&self, op: &ContentDigest) -> usize {
        self.by_op.get(op).map_or(0, Vec::len)
    }

    /// Those among them whose [`first_input`] this is.
    pub(crate) fn with_first_input(
        &self,
        op: ContentDigest,
        input: Option<ContentDigest>,
    ) -> impl Iterator<Item = &StepRecord> {
        self.by_first_input.get(&(op, input)).into_iter().flatten().map(|index| &self.steps[*index])
    }

    /// Every key that certainly names the same result as one of `keys`, those included.
    #[must_use]
    pub fn same_as(&self, keys: impl IntoIterator<Item = CacheKey>) -> BTreeSet<CacheKey> {
        self.same.with(keys)
    }

    /// Every key that may name the same result as one of `keys`, those included.
    #[must_use]
    pub fn may_be(&self, keys: impl IntoIterator<Item = CacheKey>) -> BTreeSet<CacheKey> {
        self.alike.with(keys)
    }

    /// Of these keys one for each result that they may name: what may be one of them may be the others.
    #[must_use]
    pub fn thinned(&self, keys: &BTreeSet<CacheKey>) -> BTreeSet<CacheKey> {
        self.alike.one_of_each(keys)
    }
}
