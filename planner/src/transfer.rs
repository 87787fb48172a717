//! What the engine last received of a build context, and what it will therefore not notice. BuildKit keeps one copy
//! of each context and compares a new listing with it by type, mode, size and time only: an edit that keeps size
//! and time is invisible, and so is a change of extended attributes; a folder's new mode is sent, but its digest
//! stays. Paths that a build does not ask for are dropped from the copy (tonistiigi/fsutil, cache/contenthash).
//!
//! Contexts with times go in; out come the context as the engine will see it, and what it will see wrongly.

use std::sync::Arc;

use crate::context::{BuildContext, ContextPath, FileEntry, FileKind, Folder, FolderHeader, Node, Stamped};
use crate::requested::{Requested, Want};

/// A context as the engine will see it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    /// What its steps will be keyed by.
    pub context: BuildContext,
    /// Edits it will not notice, in canonical order.
    pub stale: Vec<Stale>,
}

/// An edit the engine will not notice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stale {
    /// The edited path.
    pub path: ContextPath,
    /// What was edited.
    pub what: Unnoticed,
}

/// The kinds of edits an engine does not notice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Unnoticed {
    /// Bytes, size and time being as before.
    Content,
    /// A folder's permission bits.
    Mode,
    /// Extended attributes.
    Xattr,
}

/// The context as an engine sees it that holds `sent` of it.
#[must_use]
pub fn view(sent: &Stamped, now: &Stamped) -> View {
    if sent.context.digest() == now.context.digest() {
        return View { context: now.context.clone(), stale: Vec::new() };
    }
    let mut comparison = Comparison { sent_times: &sent.mtimes, now_times: &now.mtimes, stale: Vec::new() };
    let root = comparison.folder((sent.context.root(), 0), (now.context.root(), 0), &ContextPath::root(), None);
    View { context: BuildContext::from_root(root), stale: comparison.stale }
}

/// What the engine holds after a build that asked for `requested`.
#[must_use]
pub fn after(view: &View, now: &Stamped, requested: &Requested) -> Stamped {
    if requested.is_everything() {
        return Stamped { context: view.context.clone(), mtimes: now.mtimes.clone() };
    }
    let mut kept = Kept { times: &now.mtimes, requested, mtimes: Vec::new() };
    let entries = kept.entries((view.context.root(), 0), &ContextPath::root());
    Stamped { context: BuildContext::new(Folder::new(None, entries)), mtimes: kept.mtimes }
}

/// A folder and the position of its first entry in canonical order.
type At<'a> = (&'a Arc<Folder>, usize);

struct Comparison<'a> {
    sent_times: &'a [i64],
    now_times: &'a [i64],
    stale: Vec<Stale>,
}

impl Comparison<'_> {
    fn folder(&mut self, sent: At<'_>, now: At<'_>, path: &ContextPath, header: Option<FolderHeader>) -> Arc<Folder> {
        let header = header.or_else(|| now.0.header().cloned());
        if sent.0.digest() == now.0.digest() && header.as_ref() == now.0.header() {
            return now.0.clone();
        }
        let mut positions = Vec::with_capacity(sent.0.entries().len());
        let mut position = sent.1;
        for (_, node) in sent.0.entries() {
            positions.push(position);
            position += n_entries(node);
        }
        let mut position = now.1;
        let mut entries = Vec::with_capacity(now.0.entries().len());
        for (name, node) in now.0.entries() {
            let before = sent.0.entries().binary_search_by(|(other, _)| other.cmp(name)).ok();
            let seen = match before {
                Some(index) => {
                    let sent = (&sent.0.entries()[index].1, positions[index]);
                    self.node(sent, (node, position), &path.join(name))
                }
                None => node.clone(),
            };
            entries.push((name.clone(), seen));
            position += n_entries(node);
        }
        Arc::new(Folder::new(header, entries))
    }

    fn node(&mut self, sent: (&Node, usize), now: (&Node, usize), path: &ContextPath) -> Node {
        match (sent.0, now.0) {
            (Node::Folder(before), Node::Folder(after)) => {
                if let (Some(old), Some(new)) = (before.header(), after.header())
                    && old != new
                {
                    let what = if old.mode == new.mode { Unnoticed::Xattr } else { Unnoticed::Mode };
                    self.stale.push(Stale { path: path.clone(), what });
                }
                let folder = self.folder((before, sent.1 + 1), (after, now.1 + 1), path, before.header().cloned());
                Node::Folder(folder)
            }
            (Node::File(before), Node::File(after)) if before != after => {
                let same_time = self.sent_times.get(sent.1).zip(self.now_times.get(now.1)).is_some_and(|(a, b)| a == b);
                match unnoticed(before, after).filter(|_| same_time) {
                    Some(what) => {
                        self.stale.push(Stale { path: path.clone(), what });
                        Node::File(before.clone())
                    }
                    None => now.0.clone(),
                }
            }
            _ => now.0.clone(),
        }
    }
}

/// What differs between two entries that look alike to the engine's comparison; `None` if they do not look alike.
fn unnoticed(before: &FileEntry, after: &FileEntry) -> Option<Unnoticed> {
    let alike = before.mode == after.mode
        && match (&before.kind, &after.kind) {
            (FileKind::File { size: a, .. }, FileKind::File { size: b, .. }) => a == b,
            (a, b) => a == b,
        };
    let what = if before.kind == after.kind { Unnoticed::Xattr } else { Unnoticed::Content };
    alike.then_some(what)
}

fn n_entries(node: &Node) -> usize {
    match node {
        Node::Folder(folder) => 1 + folder.n_below(),
        Node::File(_) => 1,
    }
}

struct Kept<'a> {
    times: &'a [i64],
    requested: &'a Requested,
    mtimes: Vec<i64>,
}

impl Kept<'_> {
    /// The requested entries of a folder. A folder on the way is kept only where it leads to one.
    fn entries(&mut self, (folder, first): At<'_>, path: &ContextPath) -> Vec<(Box<[u8]>, Node)> {
        let mut entries = Vec::new();
        let mut position = first;
        for (name, node) in folder.entries() {
            let (here, path) = (position, path.join(name));
            position += n_entries(node);
            let want = self.requested.wants(&path);
            let start = self.mtimes.len();
            self.mtimes.push(self.times.get(here).copied().unwrap_or_default());
            let kept = match (want, node) {
                (Want::No, _) | (Want::OnTheWay, Node::File(_)) => None,
                (Want::Within, Node::File(_)) => Some(node.clone()),
                (Want::Within, Node::Folder(inner)) => {
                    let below = self.times.iter().skip(here + 1).copied().chain(std::iter::repeat(0));
                    self.mtimes.extend(below.take(inner.n_below()));
                    Some(node.clone())
                }
                (Want::OnTheWay, Node::Folder(inner)) => {
                    let below = self.entries((inner, here + 1), &path);
                    let leads = !below.is_empty();
                    leads.then(|| Node::Folder(Arc::new(Folder::new(inner.header().cloned(), below))))
                }
            };
            match kept {
                Some(kept) => entries.push((name.clone(), kept)),
                None => self.mtimes.truncate(start),
            }
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Unnoticed, after, view};
    use crate::context::{BuildContext, ContextPath, FileEntry, Node, Stamped};
    use crate::digest::ContentDigest;
    use crate::requested::Requested;

    /// Files by path, mode, text and time; folders are made as needed.
    fn stamped(files: &[(&str, u32, &str, i64)]) -> Stamped {
        let context = files.iter().fold(BuildContext::default(), |context, (path, mode, text, _)| {
            let entry = FileEntry::file(*mode, text.len() as u64, ContentDigest::of(text.as_bytes()));
            context.with(&ContextPath::new(path), Node::File(Arc::new(entry)))
        });
        let mut mtimes = Vec::new();
        context.visit(&mut |path, _| {
            let file = files.iter().find(|(other, ..)| ContextPath::new(other) == *path);
            mtimes.push(file.map_or(0, |(.., time)| *time));
        });
        Stamped { context, mtimes }
    }

    #[test]
    fn an_edit_that_keeps_size_and_time_is_not_noticed() {
        let sent = stamped(&[("a/b", 0o644, "one", 7), ("c", 0o644, "x", 1)]);
        let now = stamped(&[("a/b", 0o644, "two", 7), ("c", 0o644, "x", 2)]);
        let seen = view(&sent, &now);
        assert_eq!(seen.context, sent.context);
        assert_eq!(seen.stale.len(), 1);
        assert_eq!((seen.stale[0].path.to_lossy().as_str(), seen.stale[0].what), ("a/b", Unnoticed::Content));
    }

    #[test]
    fn an_edit_of_size_time_or_mode_is_noticed() {
        let sent = stamped(&[("a/b", 0o644, "one", 7)]);
        for edited in [("a/b", 0o644, "four", 7), ("a/b", 0o644, "two", 8), ("a/b", 0o600, "one", 7)] {
            let now = stamped(&[edited]);
            let seen = view(&sent, &now);
            assert_eq!((seen.context, seen.stale), (now.context, Vec::new()));
        }
    }

    #[test]
    fn what_a_build_does_not_ask_for_is_forgotten() {
        let sent = stamped(&[("a/b", 0o644, "one", 7), ("c", 0o644, "x", 1)]);
        let held = after(&view(&sent, &sent), &sent, &Requested::of([b"c".to_vec()]));
        assert_eq!(held, stamped(&[("c", 0o644, "x", 1)]));
        let now = stamped(&[("a/b", 0o644, "two", 7), ("c", 0o644, "x", 1)]);
        let seen = view(&held, &now);
        assert_eq!((seen.context, seen.stale), (now.context, Vec::new()));
    }
}
