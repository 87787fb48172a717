//! Which files of a selection came, went or changed between two versions of a context.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Cause, CauseKind};
use crate::context::{BuildContext, Change, ContextPath, Entry, FileEntry, FileKind, Folder, Node};
use crate::selector::{Selected, Selector, resolve};

/// The changes of what `selectors` take, in path order.
#[must_use]
pub fn changed(selectors: &[Selector], older: &BuildContext, newer: &BuildContext) -> Vec<Cause> {
    let mut known: BTreeSet<Cause> = BTreeSet::new();
    let all = selectors.iter().flat_map(|selector| selection_changes(selector, older, newer));
    let mut causes: Vec<Cause> = all.filter(|cause| known.insert(cause.clone())).collect();
    causes.sort_by(|a, b| a.path.cmp(&b.path));
    causes
}

fn selection_changes(selector: &Selector, older: &BuildContext, newer: &BuildContext) -> Vec<Cause> {
    match (selector.take(older), selector.take(newer)) {
        (Ok(Selected::Whole(old)), Ok(Selected::Whole(new))) => {
            let moved = (old.path != new.path).then(|| relinked(&ContextPath::new(&selector.path), older, newer));
            moved.flatten().unwrap_or_else(|| node_changes(&new.path, &old.node, &new.node))
        }
        (Ok(Selected::Listed(old)), Ok(Selected::Listed(new))) => {
            let by_path = |matches: Vec<crate::selector::Match>| {
                matches.into_iter().map(|entry| (entry.path, entry.node)).collect::<BTreeMap<_, _>>()
            };
            listed_changes((&by_path(old), older), (&by_path(new), newer))
        }
        (Err(_), Ok(new)) => taken(new).iter().flat_map(|(path, node)| all(path, node, CauseKind::FileAdded)).collect(),
        (Ok(old), Err(_)) => {
            taken(old).iter().flat_map(|(path, node)| all(path, node, CauseKind::FileRemoved)).collect()
        }
        _ => Vec::new(),
    }
}

fn taken(selected: Selected) -> Vec<(ContextPath, Node)> {
    match selected {
        Selected::Whole(picked) => vec![(picked.path, picked.node)],
        Selected::Listed(matches) => matches.into_iter().map(|entry| (entry.path, entry.node)).collect(),
    }
}

fn all(path: &ContextPath, node: &Node, kind: CauseKind) -> Vec<Cause> {
    let mut causes = Vec::new();
    if matches!(node, Node::File(_)) {
        causes.push(Cause::of(kind).about(path.clone(), None));
    }
    if let Node::Folder(folder) = node {
        causes.push(Cause::of(kind).about(path.clone(), None));
        BuildContext::from_root(folder.clone()).visit(&mut |below, _| {
            causes.push(Cause::of(kind).about(path.append(below), None));
        });
    }
    causes
}

/// The first link on the way to a source that came, went or points elsewhere: the source leads to another place by it.
fn relinked(path: &ContextPath, older: &BuildContext, newer: &BuildContext) -> Option<Vec<Cause>> {
    (1..=path.components().count()).find_map(|n| link_changes(&path.split(n).0, older, newer))
}

/// What happened to what stands at a path, if that is or was a link.
fn link_changes(path: &ContextPath, older: &BuildContext, newer: &BuildContext) -> Option<Vec<Cause>> {
    let (_, old) = resolve(older, path, false)?;
    let (at, new) = resolve(newer, path, false)?;
    let is_link = |node: &Node| matches!(node, Node::File(file) if matches!(file.kind, FileKind::Symlink { .. }));
    let differs = Entry::from(&old) != Entry::from(&new) && (is_link(&old) || is_link(&new));
    differs.then(|| modified(&at, &(&old).into(), &(&new).into()))
}

/// The entries of two listed selections, each with the context it is of.
fn listed_changes(
    (old, older): (&BTreeMap<ContextPath, Node>, &BuildContext),
    (new, newer): (&BTreeMap<ContextPath, Node>, &BuildContext),
) -> Vec<Cause> {
    let shallow = |node: &Node| match node {
        Node::Folder(folder) => Node::Folder(Arc::new(Folder::new(folder.header().cloned(), Vec::new()))),
        file => file.clone(),
    };
    let mut causes = Vec::new();
    for (path, node) in new {
        match old.get(path) {
            Some(before) => {
                let changes = node_changes(path, &shallow(before), &shallow(node));
                let by_link = (!changes.is_empty()).then(|| link_changes(path, older, newer)).flatten();
                causes.extend(by_link.unwrap_or(changes));
            }
            None => causes.push(Cause::of(CauseKind::FileAdded).about(path.clone(), None)),
        }
    }
    let gone = old.keys().filter(|path| !new.contains_key(path));
    causes.extend(gone.map(|path| Cause::of(CauseKind::FileRemoved).about(path.clone(), None)));
    causes
}

fn node_changes(path: &ContextPath, old: &Node, new: &Node) -> Vec<Cause> {
    let mut causes = Vec::new();
    if Entry::from(old) != Entry::from(new) {
        causes.extend(modified(path, &old.into(), &new.into()));
    }
    let below = |node: &Node| match node {
        Node::Folder(folder) => BuildContext::from_root(folder.clone()),
        Node::File(_) => BuildContext::default(),
    };
    for (inner, change) in below(old).diff(&below(new)).changes {
        let path = path.append(&inner);
        match &change {
            Change::Added(_) => causes.push(Cause::of(CauseKind::FileAdded).about(path, None)),
            Change::Removed(_) => causes.push(Cause::of(CauseKind::FileRemoved).about(path, None)),
            Change::Modified(old, new) => causes.extend(modified(&path, old, new)),
        }
    }
    causes
}

/// The most telling attribute that differs; a mode is told beside content, as either alone would be a miss.
fn modified(path: &ContextPath, old: &Entry, new: &Entry) -> Vec<Cause> {
    let mode = |mode: u32| Some(format!("{mode:04o}"));
    let cause = |(detail, before, after)| {
        Cause::of(CauseKind::FileModified).about(path.clone(), Some(detail)).values(before, after)
    };
    if let (Entry::File(old), Entry::File(new)) = (old, new)
        && matches!((&old.kind, &new.kind), (FileKind::File { .. }, FileKind::File { .. }))
        && old.kind != new.kind
    {
        let modes = (old.mode != new.mode).then(|| ("mode", mode(old.mode), mode(new.mode)));
        return [("content", None, None)].into_iter().chain(modes).map(cause).collect();
    }
    let difference = match (old, new) {
        (Entry::Folder(Some(old)), Entry::Folder(Some(new))) if old.mode != new.mode => {
            ("mode", mode(old.mode), mode(new.mode))
        }
        (Entry::Folder(_), Entry::Folder(_)) => ("xattr", None, None),
        (Entry::File(old), Entry::File(new)) => match (&old.kind, &new.kind) {
            (FileKind::Symlink { target: a }, FileKind::Symlink { target: b }) if a != b => {
                let text = |target: &[u8]| Some(String::from_utf8_lossy(target).into_owned());
                ("symlink", text(a), text(b))
            }
            (a, b) if std::mem::discriminant(a) != std::mem::discriminant(b) => ("type", kind(old), kind(new)),
            (a, b) if a != b => ("content", None, None),
            _ if old.mode != new.mode => ("mode", mode(old.mode), mode(new.mode)),
            _ => ("xattr", None, None),
        },
        (Entry::File(old), Entry::Folder(_)) => ("type", kind(old), Some("folder".to_owned())),
        (Entry::Folder(_), Entry::File(new)) => ("type", Some("folder".to_owned()), kind(new)),
    };
    vec![cause(difference)]
}

fn kind(entry: &FileEntry) -> Option<String> {
    let name = match entry.kind {
        FileKind::File { .. } => "file",
        FileKind::Symlink { .. } => "symlink",
        FileKind::Fifo => "fifo",
        FileKind::Socket => "socket",
        FileKind::Device { .. } => "device",
    };
    Some(name.to_owned())
}
