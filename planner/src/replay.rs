//! What one machine would have run again, had it built the versions of a project one after another: every build is
//! predicted with what the builds before it left, and recorded, so that the cache only grows and a revert hits again.
//! In go a build graph and the contexts of each version; out come the verdicts of each build, and which changed files
//! its steps read. It predicts and records by the functions that every command uses, and so can't differ from them.

pub mod tally;
pub mod churn;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::cache_key::Sealer;
use crate::cause::files;
use crate::context::{BuildContext, ContextPath, Found};
use crate::digest::ContentDigest;
use crate::graph::BuildGraph;
use crate::history::{Ledger, RecordedInput};
use crate::prediction::{Verdict, predict};
use crate::recording;
use crate::snapshot::{Snapshot, Step, StepKind};

/// The contexts of one version, by name.
pub type Contexts = BTreeMap<String, BuildContext>;

/// A file of a context: the context's name, and the path in it.
pub type ContextFile = (String, ContextPath);

/// The builds of a sequence of versions.
#[derive(Clone, Debug)]
pub struct Replays {
    /// The inputs of the last build. The steps are the same in all.
    pub snapshot: Snapshot,
    /// One for each version.
    pub builds: Vec<Replayed>,
}

/// Builds versions one after another on a machine that has built `before` and nothing else. Each has a name of its own.
#[must_use]
pub fn replay<'a>(
    graph: &BuildGraph,
    key: &[u8; 32],
    before: &Contexts,
    versions: impl IntoIterator<Item = (&'a str, &'a Contexts)>,
) -> Replays {
    let mut machine = Replay::of(graph, key);
    machine.build("before all others", before);
    let mut snapshot = Snapshot::take(graph, before, &machine.sealer);
    let mut builds = Vec::new();
    for (id, contexts) in versions {
        builds.push(machine.build(id, contexts));
    }
    if let Some((last, _)) = machine.before {
        snapshot = last;
    }
    Replays { snapshot, builds }
}

/// A machine that builds one version after another.
pub struct Replay<'a> {
    graph: &'a BuildGraph,
    sealer: Sealer<'a>,
    ledger: Ledger,
    trees: HashMap<ContentDigest, BuildContext>,
    before: Option<(Snapshot, Contexts)>,
}

/// One of its builds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replayed {
    /// What became of each step, in the order of the snapshot's steps, which is that of the graph's vertices.
    pub verdicts: Vec<Verdict>,
    /// The source, absolute, for the want of which the build fails.
    pub missing: Option<String>,
    /// By step that runs, or may, and reads files that the version before did not hold so: these files.
    pub changed: BTreeMap<usize, Vec<ContextFile>>,
}

impl<'a> Replay<'a> {
    /// A machine with an empty cache. `key` seals what looks like a secret, see [`Sealer`].
    #[must_use]
    pub fn of(graph: &'a BuildGraph, key: &'a [u8; 32]) -> Self {
        let (ledger, trees) = (Ledger::default(), HashMap::new());
        Self { graph, sealer: Sealer::new(key), ledger, trees, before: None }
    }

    /// Builds a version; `id` names it among all of them.
    pub fn build(&mut self, id: &str, contexts: &Contexts) -> Replayed {
        let snapshot = Snapshot::take(self.graph, contexts, &self.sealer);
        self.trees.extend(contexts.values().map(|context| (context.digest(), context.clone())));
        let trees = &self.trees;
        let prediction = predict(&snapshot, &self.ledger, &|digest| trees.get(digest).cloned());
        for mut step in recording::record(&snapshot, &prediction, &self.ledger, id) {
            // A step whose outcome is always open may be any of its earlier results.
            step.may_be = self.ledger.thinned(&step.may_be);
            self.ledger.add(step);
        }
        let replayed = Replayed {
            verdicts: prediction.standings.iter().map(|standing| standing.verdict).collect(),
            missing: recording::missing_source(&prediction).map(str::to_owned),
            changed: self.changed(&snapshot, contexts, &|index| {
                matches!(prediction.standings[index].verdict, Verdict::Miss | Verdict::Pending)
            }),
        };
        self.before = Some((snapshot, contexts.clone()));
        replayed
    }

    /// The changed files that steps read which run, or may.
    fn changed(
        &self,
        snapshot: &Snapshot,
        contexts: &Contexts,
        runs: &dyn Fn(usize) -> bool,
    ) -> BTreeMap<usize, Vec<ContextFile>> {
        let Some((before, older)) = &self.before else { return BTreeMap::new() };
        let pairs = snapshot.steps.iter().zip(&before.steps).enumerate().filter(|(index, _)| runs(*index));
        let changed = pairs.map(|(index, (now, then))| (index, changed_files(now, then, snapshot, older, contexts)));
        changed.filter(|(_, files)| !files.is_empty()).collect()
    }
}

/// The files that a step reads and that are others now; folders only where no file is.
fn changed_files(now: &Step, then: &Step, snapshot: &Snapshot, older: &Contexts, newer: &Contexts) -> Vec<ContextFile> {
    let mut changed = BTreeSet::new();
    for (n, (input, id)) in now.record.inputs.iter().zip(&now.inputs).enumerate() {
        let RecordedInput::Context { content, selectors, .. } = input else { continue };
        let StepKind::Context(name) = &snapshot.steps[id.index()].kind else { continue };
        if let Some(RecordedInput::Context { content: was, .. }) = then.record.inputs.get(n)
            && was == content
        {
            continue;
        }
        let (Some(old), Some(new)) = (older.get(name), newer.get(name)) else { continue };
        let causes = files::changed(selectors, old, new);
        changed.extend(causes.into_iter().filter_map(|cause| Some((name.clone(), cause.path?))));
    }
    let is_file = |(name, path): &ContextFile| {
        let find = |contexts: &Contexts| contexts.get(name).and_then(|context| context.find(path));
        [older, newer].into_iter().any(|contexts| matches!(find(contexts), Some(Found::File(_))))
    };
    let (files, folders): (Vec<_>, Vec<_>) = changed.into_iter().partition(is_file);
    if files.is_empty() { folders } else { files }
}
