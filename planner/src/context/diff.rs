//! What differs between two versions of a context. Folders with equal digests are not entered.

use std::sync::Arc;

use super::{BuildContext, ContextPath, FileEntry, Folder, FolderHeader, Node};

/// The paths that differ between an older and a newer context, in canonical order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ContextDiff {
    /// Each path once; a folder that came or went is followed by everything below it.
    pub changes: Vec<(ContextPath, Change)>,
}

/// What happened to one path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// It is new.
    Added(Entry),
    /// It is gone.
    Removed(Entry),
    /// It is another: the old entry, then the new one. For folders only the header counts.
    Modified(Entry, Entry),
}

/// An entry by itself, without what lies below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A folder's own attributes.
    Folder(Option<FolderHeader>),
    /// Anything else.
    File(Arc<FileEntry>),
}

impl From<&Node> for Entry {
    fn from(node: &Node) -> Self {
        match node {
            Node::Folder(folder) => Self::Folder(folder.header().cloned()),
            Node::File(entry) => Self::File(entry.clone()),
        }
    }
}

impl BuildContext {
    /// What `newer` changed.
    #[must_use]
    pub fn diff(&self, newer: &Self) -> ContextDiff {
        let mut changes = Vec::new();
        diff_folders(self.root(), newer.root(), &ContextPath::root(), &mut changes);
        ContextDiff { changes }
    }

    /// This context after `diff`. Costs the number of changes times their depth.
    #[must_use]
    pub fn apply(&self, diff: &ContextDiff) -> Self {
        diff.changes.iter().fold(self.clone(), |context, (path, change)| match change {
            Change::Removed(_) => context.without(path),
            Change::Added(entry) | Change::Modified(_, entry) => context.with(path, context.node_for(path, entry)),
        })
    }

    /// The node for `entry` at `path`; a folder keeps what already lies below it.
    fn node_for(&self, path: &ContextPath, entry: &Entry) -> Node {
        match entry {
            Entry::File(entry) => Node::File(entry.clone()),
            Entry::Folder(header) => {
                let below = match self.find(path) {
                    Some(super::Found::Folder(folder)) => folder.entries().to_vec(),
                    _ => Vec::new(),
                };
                Node::Folder(Arc::new(Folder::new(header.clone(), below)))
            }
        }
    }
}

fn diff_folders(
    older: &Arc<Folder>,
    newer: &Arc<Folder>,
    path: &ContextPath,
    changes: &mut Vec<(ContextPath, Change)>,
) {
    if older.digest() == newer.digest() {
        return;
    }
    let (mut old, mut new) = (older.entries().iter().peekable(), newer.entries().iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        let gone = if order.is_le() { old.next() } else { None };
        let come = if order.is_ge() { new.next() } else { None };
        match (gone, come) {
            (Some((name, gone)), Some((_, come))) => diff_nodes(gone, come, &path.join(name), changes),
            (Some((name, gone)), None) => list(gone, &path.join(name), changes, &Change::Removed),
            (None, Some((name, come))) => list(come, &path.join(name), changes, &Change::Added),
            (None, None) => return,
        }
    }
}

fn diff_nodes(older: &Node, newer: &Node, path: &ContextPath, changes: &mut Vec<(ContextPath, Change)>) {
    match (older, newer) {
        (Node::Folder(old), Node::Folder(new)) => {
            if old.header() != new.header() {
                changes.push((path.clone(), Change::Modified(older.into(), newer.into())));
            }
            diff_folders(old, new, path, changes);
        }
        (Node::File(old), Node::File(new)) if old == new => {}
        (Node::File(_), Node::File(_)) => {
            changes.push((path.clone(), Change::Modified(older.into(), newer.into())));
        }
        (Node::File(_), Node::Folder(new)) => {
            changes.push((path.clone(), Change::Modified(older.into(), newer.into())));
            list_below(new, path, changes, &Change::Added);
        }
        (Node::Folder(old), Node::File(_)) => {
            changes.push((path.clone(), Change::Modified(older.into(), newer.into())));
            list_below(old, path, changes, &Change::Removed);
        }
    }
}

fn list(node: &Node, path: &ContextPath, changes: &mut Vec<(ContextPath, Change)>, change: &impl Fn(Entry) -> Change) {
    changes.push((path.clone(), change(node.into())));
    if let Node::Folder(folder) = node {
        list_below(folder, path, changes, change);
    }
}

fn list_below(
    folder: &Folder,
    path: &ContextPath,
    changes: &mut Vec<(ContextPath, Change)>,
    change: &impl Fn(Entry) -> Change,
) {
    for (name, node) in folder.entries() {
        list(node, &path.join(name), changes, change);
    }
}
