//! The tree itself: folders that know the digest and the number of all that lies below them.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::{ContextPath, FileEntry};
use crate::digest::{ContentDigest, Hasher};

/// A version of a build context. Cloning is cheap; equal folders are shared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuildContext {
    root: Arc<Folder>,
}

/// What BuildKit hashes of a folder itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FolderHeader {
    /// Permission bits with setuid, setgid and sticky (octal 0..=07777).
    pub mode: u32,
    /// The digest of the extended attributes BuildKit hashes.
    pub xattrs: Option<ContentDigest>,
}

impl FolderHeader {
    /// A folder without extended attributes.
    #[must_use]
    pub fn new(mode: u32) -> Self {
        Self { mode, xattrs: None }
    }

    /// The digest of the folder itself, its entries left out.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        let mut hasher = Hasher::new("folder header");
        hasher.number(self.mode.into());
        if let Some(xattrs) = &self.xattrs {
            hasher.digest(xattrs);
        }
        hasher.finish()
    }
}

/// A folder with everything below it. Two are equal if their digests are: these tell all that is kept.
pub struct Folder {
    header: Option<FolderHeader>,
    entries: OnceLock<Vec<(Box<[u8]>, Node)>>,
    bring: Option<Box<Bring>>,
    summary: Summary,
}

type Bring = dyn Fn() -> Vec<(Box<[u8]>, Node)> + Send + Sync + UnwindSafe + RefUnwindSafe;

/// What is asked of a folder most often, without a look at its entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Summary {
    /// The digest of the folder with all that lies below it.
    pub digest: ContentDigest,
    /// How many entries lie below, at any depth.
    pub n_below: usize,
    /// How many of them are no folders.
    pub n_files: usize,
    /// The bytes of the regular files among them.
    pub n_bytes: u64,
}

impl PartialEq for Folder {
    fn eq(&self, other: &Self) -> bool {
        self.summary.digest == other.summary.digest
    }
}

impl Eq for Folder {}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folder").field("header", &self.header).field("entries", &self.entries()).finish()
    }
}

/// One entry of a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    /// A folder.
    Folder(Arc<Folder>),
    /// Anything else.
    File(Arc<FileEntry>),
}

impl Node {
    /// The digest of the entry, with all that lies below it.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        match self {
            Self::Folder(folder) => folder.digest(),
            Self::File(entry) => entry.digest(),
        }
    }
}

/// What stands at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// A folder, the root included.
    Folder(Arc<Folder>),
    /// Anything else.
    File(Arc<FileEntry>),
}

impl Folder {
    /// A folder of these entries. `header` is `None` only for a context root, whose mode BuildKit does not
    /// hash. Entries may come in any order; of two with one name the last counts.
    #[must_use]
    pub fn new(header: Option<FolderHeader>, mut entries: Vec<(Box<[u8]>, Node)>) -> Self {
        if !entries.is_sorted_by(|a, b| a.0 < b.0) {
            entries.reverse();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            entries.dedup_by(|later, earlier| later.0 == earlier.0);
        }
        let mut hasher = Hasher::new("folder");
        match &header {
            Some(header) => hasher.digest(&header.digest()),
            None => hasher.text("context root"),
        };
        for (name, node) in &entries {
            hasher.field(name).digest(&node.digest());
        }
        let mut summary = Summary { digest: hasher.finish(), n_below: entries.len(), n_files: 0, n_bytes: 0 };
        for (_, node) in &entries {
            let (n_below, n_files, n_bytes) = match node {
                Node::Folder(folder) => (folder.summary.n_below, folder.summary.n_files, folder.summary.n_bytes),
                Node::File(entry) => (0, 1, entry.size()),
            };
            summary.n_below += n_below;
            summary.n_files += n_files;
            summary.n_bytes = summary.n_bytes.saturating_add(n_bytes);
        }
        Self { header, entries: OnceLock::from(entries), bring: None, summary }
    }

    /// A folder of which all is known but its entries; `bring` gives them, in order, when they are first asked for. The
    /// caller vouches that they give the summary.
    #[must_use]
    pub fn known(
        header: Option<FolderHeader>,
        summary: Summary,
        bring: impl Fn() -> Vec<(Box<[u8]>, Node)> + Send + Sync + UnwindSafe + RefUnwindSafe + 'static,
    ) -> Self {
        Self { header, entries: OnceLock::new(), bring: Some(Box::new(bring)), summary }
    }

    /// What is known of it without its entries.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Mode and attributes; `None` for a context root.
    #[must_use]
    pub fn header(&self) -> Option<&FolderHeader> {
        self.header.as_ref()
    }

    /// The entries in byte order of their names.
    #[must_use]
    pub fn entries(&self) -> &[(Box<[u8]>, Node)] {
        self.entries.get_or_init(|| self.bring.as_ref().map(|bring| bring()).unwrap_or_default())
    }

    /// The entry of that name.
    #[must_use]
    pub fn entry(&self, name: &[u8]) -> Option<&Node> {
        let entries = self.entries();
        let index = entries.binary_search_by(|(entry, _)| entry.as_ref().cmp(name)).ok()?;
        Some(&entries[index].1)
    }

    /// How many entries lie below, at any depth.
    #[must_use]
    pub fn n_below(&self) -> usize {
        self.summary.n_below
    }

    /// The digest of the folder with all that lies below it.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        self.summary.digest
    }

    /// The same folder with one entry replaced, added or (`None`) taken out.
    fn with_entry(&self, name: &[u8], node: Option<Node>) -> Self {
        let mut entries = self.entries().to_vec();
        match (entries.binary_search_by(|(entry, _)| entry.as_ref().cmp(name)), node) {
            (Ok(index), Some(node)) => entries[index].1 = node,
            (Ok(index), None) => drop(entries.remove(index)),
            (Err(index), Some(node)) => entries.insert(index, (name.into(), node)),
            (Err(_), None) => {}
        }
        Self::new(self.header.clone(), entries)
    }
}

impl Default for BuildContext {
    fn default() -> Self {
        Self::new(Folder::new(None, Vec::new()))
    }
}

impl BuildContext {
    /// The context with this root folder.
    #[must_use]
    pub fn new(root: Folder) -> Self {
        Self { root: Arc::new(root) }
    }

    /// The context with this root folder, shared.
    #[must_use]
    pub fn from_root(root: Arc<Folder>) -> Self {
        Self { root }
    }

    /// The root folder.
    #[must_use]
    pub fn root(&self) -> &Arc<Folder> {
        &self.root
    }

    /// The digest of everything in the context.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        self.root.digest()
    }

    /// What stands at a path; symbolic links are not followed.
    #[must_use]
    pub fn find(&self, path: &ContextPath) -> Option<Found> {
        let mut folder = &self.root;
        let mut components = path.components().peekable();
        while let Some(name) = components.next() {
            match folder.entry(name)? {
                Node::Folder(inner) => folder = inner,
                Node::File(entry) if components.peek().is_none() => return Some(Found::File(entry.clone())),
                Node::File(_) => return None,
            }
        }
        Some(Found::Folder(folder.clone()))
    }

    /// The same context with `node` at `path`. Missing folders on the way are made with mode 0755; a file on
    /// the way gives way to a folder.
    #[must_use]
    pub fn with(&self, path: &ContextPath, node: Node) -> Self {
        let names: Vec<&[u8]> = path.components().collect();
        Self::new(replaced(&self.root, &names, Some(node)))
    }

    /// The same context without what stands at `path`.
    #[must_use]
    pub fn without(&self, path: &ContextPath) -> Self {
        if self.find(path).is_none() {
            return self.clone();
        }
        let names: Vec<&[u8]> = path.components().collect();
        Self::new(replaced(&self.root, &names, None))
    }

    /// The same context after many changes at once, sorted by path: a node to stand there, or `None` for what goes.
    /// Of a path and one below it both count, the upper one first. Folders are made as in [`BuildContext::with`].
    #[must_use]
    pub fn with_all(&self, changes: &[(ContextPath, Option<Node>)]) -> Self {
        Self::new(changed(&self.root, changes, 0))
    }

    /// Calls `visit` for each entry in canonical order: a folder, then what it holds, names in byte order.
    /// The root itself is not visited.
    pub fn visit(&self, visit: &mut impl FnMut(&ContextPath, &Node)) {
        visit_folder(&self.root, &ContextPath::root(), visit);
    }
}

fn replaced(folder: &Folder, names: &[&[u8]], node: Option<Node>) -> Folder {
    let Some((name, rest)) = names.split_first() else {
        return Folder::new(folder.header.clone(), folder.entries().to_vec());
    };
    if rest.is_empty() {
        return folder.with_entry(name, node);
    }
    let inner = match folder.entry(name) {
        Some(Node::Folder(inner)) => replaced(inner, rest, node),
        _ => replaced(&Folder::new(Some(FolderHeader::new(0o755)), Vec::new()), rest, node),
    };
    folder.with_entry(name, Some(Node::Folder(Arc::new(inner))))
}

/// The folder, `depth` components below the root, after the changes below it.
fn changed(folder: &Folder, changes: &[(ContextPath, Option<Node>)], depth: usize) -> Folder {
    let mut entries: BTreeMap<Box<[u8]>, Node> = folder.entries().iter().cloned().collect();
    let name_of = |path: &ContextPath| path.components().nth(depth).unwrap_or_default().to_vec();
    for group in changes.chunk_by(|(a, _), (b, _)| name_of(a) == name_of(b)) {
        let name = name_of(&group[0].0);
        let is_here = |(path, _): &&(ContextPath, Option<Node>)| path.components().nth(depth + 1).is_none();
        let n_here = group.iter().take_while(is_here).count();
        if let Some((_, node)) = group[..n_here].last() {
            match node {
                Some(node) => entries.insert(name.as_slice().into(), node.clone()),
                None => entries.remove(name.as_slice()),
            };
        }
        let below = &group[n_here..];
        let is_all_gone = below.iter().all(|(_, node)| node.is_none());
        let inner = match entries.get(name.as_slice()) {
            Some(Node::Folder(inner)) => changed(inner, below, depth + 1),
            _ if is_all_gone => continue,
            _ => changed(&Folder::new(Some(FolderHeader::new(0o755)), Vec::new()), below, depth + 1),
        };
        if !below.is_empty() {
            entries.insert(name.into(), Node::Folder(Arc::new(inner)));
        }
    }
    Folder::new(folder.header.clone(), entries.into_iter().collect())
}

fn visit_folder(folder: &Folder, path: &ContextPath, visit: &mut impl FnMut(&ContextPath, &Node)) {
    for (name, node) in folder.entries() {
        let path = path.join(name);
        visit(&path, node);
        if let Node::Folder(inner) = node {
            visit_folder(inner, &path, visit);
        }
    }
}

/// A context together with the modification time of each entry. Times enter no digest; BuildKit's client
/// compares them (with sizes and modes) to decide what to send again, see `transfer`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stamped {
    /// The context.
    pub context: BuildContext,
    /// Nanoseconds since 1970 of each entry's modification, in canonical order (see [`BuildContext::visit`]).
    pub mtimes: Vec<i64>,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{BuildContext, Folder, FolderHeader, Node};
    use crate::context::{ContextPath, FileEntry};
    use crate::digest::ContentDigest;

    #[test]
    fn many_changes_at_once_are_the_same_as_one_after_another() {
        let file = |text: &str| Node::File(Arc::new(FileEntry::file(0o644, 1, ContentDigest::of(text.as_bytes()))));
        let folder = || Node::Folder(Arc::new(Folder::new(Some(FolderHeader::new(0o700)), Vec::new())));
        let path = |name: &str| ContextPath::new(name);
        let before = ["a/b", "a/c/d", "a.b", "e", "f/g"]
            .iter()
            .fold(BuildContext::default(), |context, name| context.with(&path(name), file(name)));
        let changes = [
            ("a", Some(folder())),
            ("a/b", Some(file("new"))),
            ("a/x/y", Some(file("y"))),
            ("a.b", None),
            ("e", None),
            ("e/h", Some(file("h"))),
            ("f/g", None),
            ("f/nothing/here", None),
            ("z", Some(file("z"))),
        ];
        let mut changes: Vec<_> = changes.into_iter().map(|(name, node)| (path(name), node)).collect();
        changes.sort_by(|a, b| a.0.cmp(&b.0));
        let one_by_one = changes.iter().fold(before.clone(), |context, (path, node)| match node {
            Some(node) => context.with(path, node.clone()),
            None => context.without(path),
        });
        assert_eq!(before.with_all(&changes), one_by_one);
        assert_eq!(before.with_all(&[]), before);
    }
}
