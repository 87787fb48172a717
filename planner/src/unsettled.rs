//! A build context that was edited while an engine was reading it: nobody can say which of two versions a step saw. In
//! go the context as scanned before and after, out come the steps in doubt. Steps that only stand on those are not
//! named here.

use std::collections::{BTreeMap, BTreeSet};

use crate::context::{BuildContext, ContextPath, Node, Stamped};
use crate::history::RecordedInput;
use crate::selector::Selected;
use crate::snapshot::{Snapshot, StepKind};

/// The steps that read something of the context `name` that differs between the two scans, be it only in its
/// modification time: a file that was written twice may hold its old bytes again.
#[must_use]
pub fn readers(snapshot: &Snapshot, name: &str, before: &Stamped, after: &Stamped) -> BTreeSet<usize> {
    // What is missing now may have been there.
    readers_of(snapshot, name, &[&before.context, &after.context], &changed(before, after))
}

/// The steps that read one of these paths of the context `name`, in any of these versions of it.
#[must_use]
pub fn readers_of(
    snapshot: &Snapshot,
    name: &str,
    versions: &[&BuildContext],
    paths: &BTreeSet<ContextPath>,
) -> BTreeSet<usize> {
    let reads = |index: &usize| {
        let step = &snapshot.steps[*index];
        step.record.inputs.iter().zip(&step.inputs).any(|(input, id)| match input {
            RecordedInput::Context { selectors, .. } => {
                let takes = |context: &&BuildContext| {
                    selectors.iter().any(|selector| selector.take(context).is_ok_and(|taken| holds(&taken, paths)))
                };
                matches!(&snapshot.steps[id.index()].kind, StepKind::Context(read) if read == name)
                    && versions.iter().any(takes)
            }
            _ => false,
        })
    };
    if paths.is_empty() { BTreeSet::new() } else { (0..snapshot.steps.len()).filter(reads).collect() }
}

fn holds(taken: &Selected, paths: &BTreeSet<ContextPath>) -> bool {
    match taken {
        Selected::Whole(picked) => paths.iter().any(|path| path.is_within(&picked.path)),
        Selected::Listed(matches) => matches.iter().any(|entry| {
            paths.iter().any(|path| entry.path == *path || (entry.followed && path.is_within(&entry.path)))
        }),
    }
}

/// The paths that differ, and the files that have another modification time.
#[must_use]
pub fn changed(before: &Stamped, after: &Stamped) -> BTreeSet<ContextPath> {
    if before == after {
        return BTreeSet::new();
    }
    let mut paths: BTreeSet<ContextPath> =
        before.context.diff(&after.context).changes.into_iter().map(|(path, _)| path).collect();
    let (then, now) = (times(before), times(after));
    paths.extend(
        then.into_iter().filter(|(path, time)| now.get(path).is_some_and(|now| now != time)).map(|(path, _)| path),
    );
    paths
}

/// The modification time of each file; a folder's says only that something in it came or went.
fn times(stamped: &Stamped) -> BTreeMap<ContextPath, i64> {
    let mut times = BTreeMap::new();
    let mut all = stamped.mtimes.iter();
    let context: &BuildContext = &stamped.context;
    context.visit(&mut |path, node| {
        if let (Some(time), Node::File(_)) = (all.next(), node) {
            times.insert(path.clone(), *time);
        }
    });
    times
}
