//! What a step reads of build contexts, and what it waits for. In go a snapshot and contexts; out come sizes, paths
//! and names. Nothing is decided here.

use std::collections::{BTreeMap, BTreeSet};

use crate::context::{BuildContext, ContextPath, Node};
use crate::digest::ContentDigest;
use crate::graph::Placed;
use crate::history::RecordedInput;
use crate::selector::{Selected, Selector};
use crate::snapshot::{Snapshot, Step};

/// How much a step reads of build contexts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reads {
    /// Files, links and devices; folders do not count.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// The files, links and devices that selectors take of a build context, each once, with their bytes.
#[must_use]
pub fn files(selectors: &[Selector], context: &BuildContext) -> BTreeMap<ContextPath, u64> {
    let mut files = BTreeMap::new();
    let mut add = |path: ContextPath, node: &Node| {
        if let Node::File(entry) = node {
            files.insert(path, entry.size());
        }
    };
    for selected in selectors.iter().filter_map(|selector| selector.take(context).ok()) {
        match &selected {
            Selected::Whole(picked) => match &picked.node {
                Node::Folder(folder) => BuildContext::from_root(folder.clone())
                    .visit(&mut |below, node| add(picked.path.append(below), node)),
                node => add(picked.path.clone(), node),
            },
            Selected::Listed(matches) => matches.iter().for_each(|entry| add(entry.path.clone(), &entry.node)),
        }
    }
    files
}

/// What a step selects of build contexts.
pub(super) fn of_step(step: &Step, context: &dyn Fn(&ContentDigest) -> Option<BuildContext>) -> Reads {
    let mut reads = Reads::default();
    for input in &step.record.inputs {
        let RecordedInput::Context { tree, selectors, .. } = input else { continue };
        let Some(context) = context(tree) else { continue };
        for selected in selectors.iter().filter_map(|selector| selector.take(&context).ok()) {
            add(&selected, &mut reads);
        }
    }
    reads
}

fn add(selected: &Selected, reads: &mut Reads) {
    let mut file = |node: &Node| {
        if let Node::File(entry) = node {
            reads.files += 1;
            reads.bytes += entry.size();
        }
    };
    match selected {
        Selected::Whole(picked) => match &picked.node {
            Node::Folder(folder) => {
                reads.files += folder.summary().n_files;
                reads.bytes += folder.summary().n_bytes;
            }
            node => file(node),
        },
        Selected::Listed(matches) => matches.iter().for_each(|entry| file(&entry.node)),
    }
}

/// The paths of a build context that some step of the snapshot selects, by context.
#[must_use]
pub fn read_paths(
    snapshot: &Snapshot,
    contexts: &BTreeMap<String, BuildContext>,
) -> BTreeMap<String, BTreeSet<ContextPath>> {
    let mut paths: BTreeMap<String, BTreeSet<ContextPath>> = BTreeMap::new();
    for step in &snapshot.steps {
        for (input, id) in step.record.inputs.iter().zip(&step.inputs) {
            let (RecordedInput::Context { selectors, .. }, crate::snapshot::StepKind::Context(name)) =
                (input, &snapshot.steps[id.index()].kind)
            else {
                continue;
            };
            let Some(context) = contexts.get(name) else { continue };
            let of_context = paths.entry(name.clone()).or_default();
            for selected in selectors.iter().filter_map(|selector| selector.take(context).ok()) {
                collect(&selected, of_context);
            }
        }
    }
    paths
}

fn collect(selected: &Selected, paths: &mut BTreeSet<ContextPath>) {
    match selected {
        Selected::Whole(picked) => {
            paths.insert(picked.path.clone());
            if let Node::Folder(folder) = &picked.node {
                BuildContext::from_root(folder.clone()).visit(&mut |below, _| {
                    paths.insert(picked.path.append(below));
                });
            }
        }
        Selected::Listed(matches) => paths.extend(matches.iter().map(|entry| entry.path.clone())),
    }
}

/// The steps whose results an instruction needs. Vertices that no instruction shows pass on theirs.
pub(super) fn waits_for(snapshot: &Snapshot, names: &BTreeMap<usize, String>, placed: &Placed) -> Vec<String> {
    let mut waits = BTreeSet::new();
    let mut open: Vec<usize> = [placed.step, placed.link].into_iter().flatten().collect();
    let own: Vec<usize> = open.clone();
    while let Some(id) = open.pop() {
        for input in &snapshot.steps[id].inputs {
            match names.get(&input.index()) {
                Some(name) if !own.contains(&input.index()) => drop(waits.insert((input.index(), name.clone()))),
                Some(_) => {}
                None => open.push(input.index()),
            }
        }
    }
    waits.into_iter().map(|(_, name)| name).collect()
}
