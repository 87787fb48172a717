//! Everything one build was made from: the parts of every key. Not BuildKit's layer snapshot. Build contexts
//! stand in it by digest, so that a store can keep trees once, as git does.
//!
//! In go a graph and the contexts it reads, as the engine will see them; out comes a value that can be compared
//! with any other, stored, and read back years later.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cache_key::{self, CacheKey, InputKey, KeyPart, PartKind, Sealer};
use crate::context::BuildContext;
use crate::digest::ContentDigest;
use crate::engine_profile::EngineProfile;
use crate::graph::{BuildGraph, FileAction, Input, Op, Placed, Reads, TargetGraph, Used, Vertex, VertexId};
use crate::history::{Producer, RecordedInput, StepRecord, Writes};
use crate::image::Before;
use crate::secret::{MASK, mask, mask_in, places, taint};
use crate::selector::{self, SourceMissing};

/// The version of the stored form.
pub const VERSION: u32 = 1;

/// The inputs of one build.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Version of this form; a reader that does not know it leaves the snapshot alone.
    pub version: u32,
    /// The rules the keys were made under.
    pub profile: EngineProfile,
    /// The targets with their stages and instructions; what looks like a secret is masked.
    pub targets: Vec<TargetGraph>,
    /// One for each vertex, inputs before those who read them.
    pub steps: Vec<Step>,
    /// The digest of each build context that was read.
    pub contexts: BTreeMap<String, ContentDigest>,
    /// The text of each context's ignore file.
    pub ignorefiles: BTreeMap<String, String>,
}

/// One vertex with the parts of its key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// What kind of vertex it is.
    pub kind: StepKind,
    /// The parts of its operation.
    pub parts: Vec<KeyPart>,
    /// The vertices it reads, in the order of the recorded inputs.
    pub inputs: Vec<VertexId>,
    /// Its key and all that a later build needs to know of it.
    pub record: StepRecord,
    /// Whether it runs whatever the cache holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_cache: bool,
    /// A source that is not there, absolute: the step fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Whether the configuration of the image below it is only assumed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_assumed: bool,
    /// What it was to builds that assumed the configuration of the image below it.
    #[serde(skip)]
    pub assumed: Option<Box<Assumed>>,
}

/// A step upon an image that is known, as builds recorded it that did not know the image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assumed {
    /// The digest of its operation.
    pub op: ContentDigest,
    /// The parts of its operation.
    pub parts: Vec<KeyPart>,
    /// The variables that its text used.
    pub variables: BTreeMap<String, Used>,
}

/// The kinds of vertices, as far as a prediction tells them apart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum StepKind {
    /// An image, always there.
    Image {
        /// Its normalised reference.
        reference: String,
        /// Whether the engine or a registry was asked what it is.
        resolved: bool,
        /// The digest it is known by, now or from earlier.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
    },
    /// A build context, by name.
    Context(String),
    /// A remote source.
    Remote {
        /// Its address.
        address: String,
        /// Whether the address says what the content is, so that no server need be asked.
        pinned: bool,
    },
    /// Something BuildKit executes or takes from its cache.
    Step,
}

impl Snapshot {
    /// The inputs of a build of `graph`, reading `contexts` as the engine will see them.
    #[must_use]
    pub fn take(graph: &BuildGraph, contexts: &BTreeMap<String, BuildContext>, sealer: &Sealer<'_>) -> Self {
        Self::take_spread(graph, contexts, sealer, |n_vertices, make| make(0..n_vertices))
    }

    /// The same for a caller who has threads. `spread` is given the number of vertices and what makes the operations of
    /// a run of them, whatever becomes of others; it gives back those of all, in order.
    #[must_use]
    pub fn take_spread(
        graph: &BuildGraph,
        contexts: &BTreeMap<String, BuildContext>,
        sealer: &Sealer<'_>,
        spread: impl FnOnce(usize, &(dyn Fn(Range<usize>) -> Vec<Operation> + Sync)) -> Vec<Operation>,
    ) -> Self {
        let tainted = Tainted::of(graph);
        let mut taking = Taking::new(graph, contexts, sealer, &tainted);
        let make = |run: Range<usize>| -> Vec<Operation> {
            let vertices = run.filter_map(|index| graph.id(index));
            vertices.map(|id| taking.operation(id, graph.vertex(id))).collect()
        };
        let operations = spread(taking.assumed.len(), &make);
        for ((id, vertex), operation) in graph.vertices().zip(operations) {
            let step = taking.step(id, vertex, operation);
            taking.steps.push(step);
        }
        let steps = taking.steps;
        Self {
            version: VERSION,
            profile: graph.profile.clone(),
            targets: graph.targets.iter().map(|target| masked(target, sealer, &tainted)).collect(),
            steps,
            contexts: contexts.iter().map(|(name, context)| (name.clone(), context.digest())).collect(),
            ignorefiles: BTreeMap::new(),
        }
    }

    /// Notes what each step was to builds that assumed the plainest configuration of every image; `plain` is the same
    /// build lowered with nothing known of images.
    pub fn note_assumed(&mut self, plain: &BuildGraph, sealer: &Sealer<'_>) {
        let tainted = Tainted::of(plain);
        let contexts = BTreeMap::new();
        let taking = Taking::new(plain, &contexts, sealer, &tainted);
        let mut assumed = BTreeMap::new();
        for (own, other) in self.targets.iter().zip(&plain.targets) {
            for (own, other) in own.stages.iter().zip(&other.stages) {
                // A trigger of an image that nobody knew made no step; what stands upon it was never recorded so.
                if own.instructions.len() != other.instructions.len() {
                    continue;
                }
                for (own, other) in own.instructions.iter().zip(&other.instructions) {
                    for (step, id) in [(own.step, other.step), (own.link, other.link)] {
                        assumed.extend(step.zip(id.and_then(|id| plain.id(id))).map(|(step, id)| (step, (id, other))));
                    }
                }
            }
        }
        for (step, (id, placed)) in assumed {
            let vertex = plain.vertex(id);
            let Operation { op, parts } = taking.operation(id, vertex);
            let Some(step) = self.steps.get_mut(step).filter(|step| step.record.op != op) else { continue };
            let seen = |(name, used): (&String, &Used)| {
                let value = sealer.value(name, &used.value).shown;
                (name.clone(), Used { value, from_arg: used.from_arg })
            };
            let variables = placed.variables.iter().map(seen).collect();
            step.record.assumed = Some(op);
            step.assumed = Some(Box::new(Assumed { op, parts, variables }));
        }
    }

    /// The stages that are built, by name or index, one for each target.
    #[must_use]
    pub fn stages(&self) -> Vec<String> {
        let name = |target: &TargetGraph| {
            target
                .stages
                .get(target.stage)
                .and_then(|stage| stage.name.clone())
                .unwrap_or_else(|| target.stage.to_string())
        };
        self.targets.iter().map(name).collect()
    }

    /// Each step's name, `stage:line`, and its instruction: those of the first instruction it is made by.
    #[must_use]
    pub fn step_labels(&self) -> BTreeMap<usize, (String, String)> {
        let mut labels = BTreeMap::new();
        for target in &self.targets {
            for (index, stage) in target.stages.iter().enumerate().filter(|(_, stage)| stage.used) {
                for placed in &stage.instructions {
                    let name =
                        || format!("{}:{}", stage.name.clone().unwrap_or_else(|| index.to_string()), placed.line);
                    for step in [placed.step, placed.link].into_iter().flatten() {
                        labels.entry(step).or_insert_with(|| (name(), placed.text.clone()));
                    }
                }
            }
        }
        labels
    }

    /// The step of a vertex.
    #[must_use]
    pub fn step(&self, id: VertexId) -> Option<&Step> {
        self.steps.get(id.index())
    }
}

/// What a vertex does, whatever it does it to.
pub struct Operation {
    op: ContentDigest,
    parts: Vec<KeyPart>,
}

struct Taking<'a> {
    graph: &'a BuildGraph,
    contexts: &'a BTreeMap<String, BuildContext>,
    sealer: &'a Sealer<'a>,
    tainted: &'a Tainted,
    /// For each vertex, whether it continues an image whose configuration is only assumed.
    assumed: Vec<bool>,
    steps: Vec<Step>,
}

impl<'a> Taking<'a> {
    fn new(
        graph: &'a BuildGraph,
        contexts: &'a BTreeMap<String, BuildContext>,
        sealer: &'a Sealer<'a>,
        tainted: &'a Tainted,
    ) -> Self {
        let assumed = graph.continuing_assumed();
        Self { graph, contexts, sealer, tainted, steps: Vec::with_capacity(assumed.len()), assumed }
    }

    fn is_assumed(&self, id: VertexId) -> bool {
        self.assumed.get(id.index()).is_some_and(|is_assumed| *is_assumed)
    }

    /// The digest of an operation, and its parts as they may be shown.
    fn operation(&self, id: VertexId, vertex: &Vertex) -> Operation {
        let continues = vertex.inputs.iter().any(|input| input.reads == Reads::Base);
        let mut parts = self.sealer.parts(&vertex.op, continues);
        let op = op_digest(&vertex.op, &parts, self.is_assumed(id));
        // Only now: what a value was made from must not decide the key.
        parts.iter_mut().for_each(|part| self.tainted.hide(part, self.sealer));
        Operation { op, parts }
    }

    fn step(&self, id: VertexId, vertex: &Vertex, Operation { op, parts }: Operation) -> Step {
        let mut missing = None;
        let n_inputs = vertex.inputs.len();
        let (mut keys, mut inputs) = (Vec::with_capacity(n_inputs), Vec::with_capacity(n_inputs));
        for input in &vertex.inputs {
            match self.input(input) {
                Ok((key, recorded)) => {
                    keys.push(key);
                    inputs.push(recorded);
                }
                Err(SourceMissing { path }) => missing = missing.or(Some(path)),
            }
        }
        if let Some(path) = &missing {
            keys.push(InputKey::Content(ContentDigest::of(path.as_bytes())));
        }
        let key = cache_key::key(&op, &keys);
        let record = StepRecord {
            key,
            op,
            assumed: None,
            inputs,
            writes: writes(vertex),
            is: [].into(),
            may_be: [].into(),
            rerun: None,
        };
        let record = self.named_otherwise(vertex, record);
        Step {
            kind: kind(&vertex.op),
            parts,
            inputs: vertex.inputs.iter().map(|input| input.from).collect(),
            record,
            ignore_cache: vertex.ignore_cache,
            missing,
            is_assumed: self.is_assumed(id),
            assumed: None,
        }
    }

    /// An image whose layers are known also bears the key that its reference had when nobody looked.
    fn named_otherwise(&self, vertex: &Vertex, mut record: StepRecord) -> StepRecord {
        if let Op::Image(image) = &vertex.op {
            let key = self.sealer.key_by_reference(image);
            match image.before {
                Before::This => record.is.extend(key),
                Before::Unclear => record.may_be.extend(key),
                Before::Another => {}
            }
        }
        record
    }

    fn input(&self, input: &Input) -> Result<(InputKey, RecordedInput), SourceMissing> {
        let producer = self.producer(input.from);
        match &input.reads {
            Reads::Base => Ok((InputKey::Base(producer.key), RecordedInput::Base(producer))),
            Reads::Content(selectors) => {
                let Op::Context(name) = &self.graph.vertex(input.from).op else {
                    let selectors = selector::deduplicated(selectors);
                    let key = InputKey::Files(producer.key, selectors.clone());
                    return Ok((key, RecordedInput::Files(producer, selectors)));
                };
                let empty = BuildContext::default();
                let tree = self.contexts.get(name).unwrap_or(&empty);
                let content = selector::content_digest(selectors, tree, &self.graph.profile)?;
                let selectors = selector::deduplicated(selectors);
                let recorded = RecordedInput::Context { content, tree: tree.digest(), selectors };
                Ok((InputKey::Content(content), recorded))
            }
        }
    }

    fn producer(&self, id: VertexId) -> Producer {
        let key = self.steps.get(id.index()).map_or_else(|| CacheKey::of(b""), |step| step.record.key);
        let producer = Producer { key, image: None, is_known: false, checksum: None };
        match &self.graph.vertex(id).op {
            Op::Image(image) => {
                Producer { image: Some(image.name.reference.clone()), is_known: image.layers.is_some(), ..producer }
            }
            Op::Remote(address) => Producer { checksum: checksum(address).map(str::to_owned), ..producer },
            _ => producer,
        }
    }
}

fn op_digest(op: &Op, parts: &[KeyPart], is_assumed: bool) -> ContentDigest {
    let digest = cache_key::op_digest(op, parts);
    if is_assumed { cache_key::upon_assumed(&digest) } else { digest }
}

fn kind(op: &Op) -> StepKind {
    match op {
        Op::Image(image) => StepKind::Image {
            reference: image.name.reference.clone(),
            resolved: image.is_looked_up,
            digest: image.digest.clone(),
        },
        Op::Context(name) => StepKind::Context(name.clone()),
        Op::Remote(address) => StepKind::Remote { address: mask(address), pinned: is_pinned(address) },
        Op::Exec(_) | Op::File(_) | Op::Merge => StepKind::Step,
    }
}

/// What the file at an address must hash to.
fn checksum(address: &str) -> Option<&str> {
    address.split(' ').skip(1).find_map(|word| word.strip_prefix("checksum=").filter(|sum| sum.starts_with("sha256:")))
}

/// Whether an address holds a checksum or a whole commit id.
fn is_pinned(address: &str) -> bool {
    let is_commit = |text: &str| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut words = address.split(' ');
    let url = words.next().unwrap_or_default();
    let fragment = url.split_once('#').map_or("", |(_, fragment)| fragment);
    checksum(address).is_some()
        || words.any(|word| word.strip_prefix("checksum=").is_some_and(is_commit))
        || is_commit(fragment.split(':').next().unwrap_or_default())
}

fn writes(vertex: &Vertex) -> Writes {
    match &vertex.op {
        Op::File(actions) if !actions.iter().any(unpacks) => Writes::Files(actions.clone()),
        Op::Merge => Writes::Layers,
        _ => Writes::Anything,
    }
}

/// Whether an action may unpack an archive, so that nobody can tell what it writes.
fn unpacks(action: &FileAction) -> bool {
    matches!(action, FileAction::Copy(copy) if copy.unpack)
}

/// What looks secret only by where it comes from.
struct Tainted {
    /// The variables that take their value from what looks like a secret.
    names: BTreeSet<String>,
    /// What is written for secrets that are unset.
    words: BTreeSet<String>,
}

impl Tainted {
    fn of(graph: &BuildGraph) -> Self {
        let stages = || graph.targets.iter().flat_map(|target| &target.stages);
        let preambles = || graph.targets.iter().flat_map(|target| &target.preamble);
        let placed = || preambles().chain(stages().flat_map(|stage| &stage.instructions));
        let texts = || placed().map(|placed| placed.text.as_str());
        let bodies = placed().map(|placed| placed.body.as_str());
        Self { names: taint::names(texts()), words: taint::words(texts().chain(bodies)) }
    }

    fn hide(&self, part: &mut KeyPart, sealer: &Sealer<'_>) {
        match part.kind {
            PartKind::Env | PartKind::Arg if self.names.contains(&part.name) => {
                part.value = sealer.hidden(&part.name, &part.value);
            }
            PartKind::Workdir | PartKind::User | PartKind::Destination | PartKind::Owner | PartKind::Mount => {
                let is_in = |word: &&String| part.value.shown.contains(*word) || part.name.contains(*word);
                for word in self.words.iter().filter(is_in).cloned().collect::<Vec<_>>() {
                    part.value = sealer.hidden(&part.name, &part.value);
                    part.name = part.name.replace(&word, MASK);
                }
            }
            _ => {}
        }
    }
}

/// The targets without values that look like secrets.
fn masked(target: &TargetGraph, sealer: &Sealer<'_>, tainted: &Tainted) -> TargetGraph {
    let mut target = target.clone();
    let mask_placed = |placed: &mut Arc<Placed>| {
        let hidden = placed.variables.iter().filter_map(|(name, used)| {
            let value = sealer.value(name, &used.value);
            let value = if tainted.names.contains(name) { sealer.hidden(name, &value) } else { value };
            (value.shown != used.value).then(|| (name.clone(), value.shown))
        });
        let hidden: Vec<(String, String)> = hidden.collect();
        // Most are shown as they are, and shared with the graph.
        if hidden.is_empty() && places(&placed.text).is_empty() && places(&placed.body).is_empty() {
            return;
        }
        let placed = Arc::make_mut(placed);
        mask_in(&mut placed.text);
        mask_in(&mut placed.body);
        for (name, shown) in hidden {
            placed.variables.entry(name).and_modify(|used| used.value = shown);
        }
    };
    target.preamble.iter_mut().for_each(mask_placed);
    for stage in &mut target.stages {
        mask_in(&mut stage.base);
        stage.instructions.iter_mut().for_each(mask_placed);
    }
    target
}
