//! Which of our steps the vertices of a progress stream are, and so what became of each step. In go the inputs of a build
//! and what was observed of it; out comes one [`StepOutcome`] per step and a list of what could not be told.
//!
//! A name tells the stage, the number and the text, and all three must agree; so must the images that are read. A vertex
//! that another build of the same engine named first bears that build's name: it is found as an input of one that is
//! known, if the text agrees. What is left, or fits more than one step, is not attributed. Nothing is guessed.

use std::collections::{BTreeMap, BTreeSet};

use planner::graph::Placed;
use planner::graph::progress_name::{ProgressName, fits};
use planner::snapshot::{Snapshot, StepKind};

use super::Outcome;
use super::observed::{Observed, ObservedVertex};

/// What became of the steps of a build.
#[derive(PartialEq, Debug, Default)]
pub(crate) struct Attribution {
    /// By step of the snapshot. A step that several targets or stages share is one step.
    pub(crate) steps: BTreeMap<usize, StepOutcome>,
    /// The steps that the stream does not mention.
    pub(crate) unseen: BTreeSet<usize>,
    /// The names of numbered steps that are none of ours, or could be several, in order.
    pub(crate) unattributed: Vec<String>,
    /// How many vertices are no steps: loading of contexts and images, exporting.
    pub(crate) n_others: usize,
}

/// What became of a step.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct StepOutcome {
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// How long it was at work, in seconds; `None` unless it was executed.
    pub(crate) seconds: Option<f64>,
    /// The digest of the vertex that says so.
    pub(crate) digest: String,
    /// The end of its output.
    pub(crate) log: String,
}

/// Attributes what was observed to the steps of a snapshot.
pub(crate) fn attribute(snapshot: &Snapshot, observed: &Observed) -> Attribution {
    let mut attributing = Attributing {
        snapshot,
        observed,
        vertices: observed.vertices(),
        texts: texts(snapshot),
        claims: BTreeMap::new(),
        open: Vec::new(),
        n_others: 0,
    };
    attributing.by_name();
    while attributing.by_consumer() {}
    attributing.finish()
}

/// What stands behind a step: the texts of its instructions, and whether it is the merge behind one.
type Texts<'a> = BTreeMap<usize, Vec<(&'a Placed, bool)>>;

fn texts(snapshot: &Snapshot) -> Texts<'_> {
    let mut texts = Texts::new();
    let stages = snapshot.targets.iter().flat_map(|target| &target.stages).filter(|stage| stage.used);
    for placed in stages.flat_map(|stage| &stage.instructions) {
        for (step, is_link) in [(placed.step, false), (placed.link, true)] {
            step.into_iter().for_each(|step| texts.entry(step).or_default().push((placed, is_link)));
        }
    }
    texts
}

struct Attributing<'a> {
    snapshot: &'a Snapshot,
    observed: &'a Observed,
    vertices: Vec<ObservedVertex<'a>>,
    texts: Texts<'a>,
    /// For each step the vertices that are it, as indexes.
    claims: BTreeMap<usize, Vec<usize>>,
    /// Vertices that are steps, nobody knows which.
    open: Vec<usize>,
    n_others: usize,
}

impl<'a> Attributing<'a> {
    fn by_name(&mut self) {
        let mut named = Vec::new();
        for (index, vertex) in self.vertices.iter().enumerate() {
            let Some(name) = ProgressName::parse(vertex.name).filter(|name| !name.is_base()) else {
                self.n_others += 1;
                continue;
            };
            let steps: BTreeSet<usize> =
                self.snapshot.targets.iter().flat_map(|target| target.steps_named(&name)).collect();
            match steps.first() {
                Some(step) if steps.len() == 1 => named.push((index, *step)),
                _ => self.open.push(index),
            }
        }
        let strangers = self.strangers(&named);
        for (index, step) in named {
            if strangers.contains(self.vertices[index].digest) {
                self.open.push(index);
            } else {
                self.claims.entry(step).or_default().push(index);
            }
        }
    }

    /// The vertices that read another image than the step of their name, and all that build upon them: the name is
    /// another build's, and fits by chance.
    fn strangers(&self, named: &[(usize, usize)]) -> BTreeSet<&'a str> {
        let images: BTreeMap<&str, &str> =
            self.vertices.iter().filter_map(|vertex| Some((vertex.digest, image(vertex.name)?))).collect();
        let is_other = |input: &String, step: usize| {
            images.get(input.as_str()).is_some_and(|image| !self.reads_image(step, image))
        };
        let mut strangers: BTreeSet<&'a str> = BTreeSet::new();
        loop {
            let is_stranger = |(index, step): &&(usize, usize)| {
                let inputs = self.vertices[*index].inputs;
                inputs.iter().any(|input| strangers.contains(input.as_str()) || is_other(input, *step))
            };
            let found: BTreeSet<&str> =
                named.iter().filter(is_stranger).map(|(index, _)| self.vertices[*index].digest).collect();
            if found.len() == strangers.len() {
                return strangers;
            }
            strangers = found;
        }
    }

    fn reads_image(&self, step: usize, image: &str) -> bool {
        let inputs = self.snapshot.steps.get(step).into_iter().flat_map(|step| &step.inputs);
        let kinds = inputs.filter_map(|input| self.snapshot.step(*input)).map(|step| &step.kind);
        kinds.into_iter().any(|kind| matches!(kind, StepKind::Image { reference, .. } if unpinned(reference) == image))
    }

    /// Finds open vertices among the inputs of known ones. Whether there were any.
    fn by_consumer(&mut self) -> bool {
        let mut found = Vec::new();
        for index in &self.open {
            let steps = self.read_by_known(&self.vertices[*index]);
            if let Some(step) = steps.first().filter(|_| steps.len() == 1) {
                found.push((*index, *step));
            }
        }
        // Two vertices that could be one step are told apart by nothing.
        let digest = |index: usize| self.vertices[index].digest;
        let rivals = |(index, step): &(usize, usize)| {
            found.iter().any(|(other, same)| same == step && digest(*other) != digest(*index))
        };
        let found: Vec<_> = found.iter().copied().filter(|pair| !rivals(pair)).collect();
        for (index, step) in &found {
            self.claims.entry(*step).or_default().push(*index);
            self.open.retain(|open| open != index);
        }
        !found.is_empty()
    }

    /// The steps without a vertex whose text is that of `vertex`, and that are read by a step whose vertex reads it.
    fn read_by_known(&self, vertex: &ObservedVertex<'_>) -> BTreeSet<usize> {
        let Some(name) = ProgressName::parse(vertex.name) else { return BTreeSet::new() };
        let reads_it = |index: &usize| self.vertices[*index].inputs.iter().any(|input| input == vertex.digest);
        let consumers = self.claims.iter().filter(|(_, indexes)| indexes.iter().any(reads_it)).map(|(step, _)| *step);
        let inputs = consumers.filter_map(|step| self.snapshot.steps.get(step)).flat_map(|step| &step.inputs);
        let steps = inputs.map(|input| input.index()).filter(|step| !self.claims.contains_key(step));
        let images = self.vertices.iter().filter(|image| vertex.inputs.iter().any(|input| input == image.digest));
        let images: Vec<&str> = images.filter_map(|vertex| image(vertex.name)).collect();
        let steps = steps.filter(|step| images.iter().all(|image| self.reads_image(*step, image)));
        let is_text = |step: &usize| {
            let texts = self.texts.get(step).into_iter().flatten();
            texts.into_iter().any(|(placed, is_link)| *is_link == name.link && fits(&placed.text, name.text))
        };
        steps.filter(is_text).collect()
    }

    fn finish(mut self) -> Attribution {
        let mut steps = BTreeMap::new();
        for (step, indexes) in std::mem::take(&mut self.claims) {
            match self.outcome(&indexes) {
                Some(outcome) => drop(steps.insert(step, outcome)),
                None => self.open.extend(indexes),
            }
        }
        self.open.sort_unstable();
        let mut unattributed: Vec<String> = Vec::new();
        for index in &self.open {
            let name = self.vertices[*index].name;
            if !unattributed.iter().any(|known| known == name) {
                unattributed.push(name.to_owned());
            }
        }
        let unseen = self.texts.keys().copied().filter(|step| !steps.contains_key(step)).collect();
        Attribution { steps, unseen, unattributed, n_others: self.n_others }
    }

    /// What became of a step that is these vertices: what most was done of. In a plan, targets that share a step each have
    /// a vertex for it, and the engine executes one of them, which then bears the names of all. `None` where two bear the
    /// very same names, so that one of them is somebody else's, and where one names a platform: that is said only in a
    /// build for several, each of which has steps of its own, and a snapshot holds those of one.
    fn outcome(&self, indexes: &[usize]) -> Option<StepOutcome> {
        let vertices: Vec<_> = indexes.iter().map(|index| &self.vertices[*index]).collect();
        let names_platform = |name| ProgressName::parse(name).is_some_and(|name| name.platform().is_some());
        if vertices.iter().any(|vertex| names_platform(vertex.name)) {
            return None;
        }
        // `ADD` of a URL or a repository shows the download under the same name; it reads nothing.
        let reads = vertices.iter().any(|vertex| !vertex.inputs.is_empty());
        let steps: Vec<_> = vertices.iter().filter(|vertex| !reads || !vertex.inputs.is_empty()).collect();
        let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for vertex in &steps {
            names.entry(vertex.digest).or_default().insert(vertex.name);
        }
        if names.values().collect::<BTreeSet<_>>().len() < names.len() {
            return None;
        }
        let seconds = |vertex: &ObservedVertex<'_>| vertex.seconds.unwrap_or(0.0);
        let decisive = steps
            .into_iter()
            .max_by(|a, b| a.outcome.cmp(&b.outcome).then_with(|| seconds(a).total_cmp(&seconds(b))))?;
        Some(StepOutcome {
            outcome: decisive.outcome.clone(),
            seconds: decisive.seconds,
            digest: decisive.digest.to_owned(),
            log: self.observed.log(decisive.digest),
        })
    }
}

/// The digest that the engine found behind an image's normalised reference, where it told one.
pub(crate) fn found_digest<'a>(observed: &'a Observed, reference: &str) -> Option<&'a str> {
    observed.vertices().into_iter().find_map(|vertex| {
        let text = ProgressName::parse(vertex.name).map_or(vertex.name, |name| name.text);
        let (image, digest) = text.strip_prefix("FROM ")?.split_once('@')?;
        (image == reference && digest.starts_with("sha256:")).then_some(digest)
    })
}

/// The image that a vertex is, from its name.
fn image(name: &str) -> Option<&str> {
    let text = ProgressName::parse(name).map_or(name, |name| name.text);
    text.strip_prefix("FROM ").map(unpinned)
}

/// A reference without the digest that the engine put behind it.
fn unpinned(reference: &str) -> &str {
    reference.split('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
