//! Writing as BuildKit's file operations do: folders made on the way get mode 0755 and the copy's owner, the
//! content of a source folder is merged into the destination, a file lands in a folder that is there or is asked
//! for by a trailing slash.

use std::sync::Arc;

use super::{Filesystem, Known, OwnedBy, Rights};
use crate::context::{BuildContext, ContextPath, FileEntry, FolderHeader, Node};
use crate::digest::ContentDigest;
use crate::graph::{Chmod, CopyAction, Owner, Principal};
use crate::selector::{Selected, Selector};

/// Where a copy reads.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// A build context.
    Context(&'a BuildContext),
    /// What another step wrote.
    Filesystem(&'a Filesystem),
}

/// One thing to copy: the name it has at the source, and what it is with everything below it.
struct Taken {
    name: Vec<u8>,
    known: Known,
    below: Vec<(ContextPath, Known)>,
}

impl Filesystem {
    /// Makes a folder and its parents.
    pub fn make_folder(&mut self, path: &str, mode: u32, owner: Option<&Owner>) {
        let owner = owner.map(|owner| self.owned_by(owner));
        self.ensure(&ContextPath::new(path), mode, owner.as_ref());
    }

    /// Makes a file in the root.
    pub fn make_file(&mut self, name: &str, mode: u32, size: u64, content: ContentDigest) {
        let entry = Arc::new(FileEntry::file(mode, size, content));
        self.put(&ContextPath::new(name), Known::File { entry, rights: Rights::default(), or_inside: false });
    }

    /// Copies one source.
    pub fn copy(&mut self, action: &CopyAction, source: Source<'_>) {
        let owner = action.owner.as_ref().map(|owner| self.owned_by(owner));
        let folder_mode = match action.mode {
            Some(Chmod::Octal(bits)) => bits,
            _ => 0o755,
        };
        let into = action.dest.ends_with('/') || action.dest.ends_with("/.");
        let dest = self.resolve(&ContextPath::new(&action.dest));
        for taken in take(&action.selector, source) {
            let Taken { name, known, below } = taken;
            let known = known.with_rights(owner.as_ref(), action.mode.as_ref());
            let target = match &known {
                // The destination itself keeps its header if it is there, and gets the default if it is not.
                Known::Folder { .. } => {
                    self.ensure(&dest, folder_mode, owner.as_ref());
                    dest.clone()
                }
                Known::Graft { .. } => {
                    self.ensure(&dest, folder_mode, owner.as_ref());
                    self.graft(&dest, known);
                    continue;
                }
                Known::File { .. } => self.put_file(&dest, into, &name, known, folder_mode, owner.as_ref()),
            };
            for (path, known) in below {
                let path = target.append(&path);
                self.put(&path, known.with_rights(owner.as_ref(), action.mode.as_ref()));
            }
        }
    }

    fn put_file(
        &mut self,
        dest: &ContextPath,
        into: bool,
        name: &[u8],
        known: Known,
        mode: u32,
        owner: Option<&OwnedBy>,
    ) -> ContextPath {
        let inside = into || self.is_folder(dest);
        let target = if inside { dest.join(name) } else { dest.clone() };
        self.ensure(&target.parent().unwrap_or_default(), mode, owner);
        let unsure = !inside && self.ground.is_some() && !matches!(self.entries.get(&target), Some(Known::File { .. }));
        let known = match known {
            Known::File { entry, rights, or_inside } => Known::File { entry, rights, or_inside: or_inside || unsure },
            other => other,
        };
        self.put(&target, known);
        target
    }

    /// Files of an unknown place: which of the paths below `dest` they touch, nobody knows. What stood there is
    /// covered by the name of the graft.
    fn graft(&mut self, dest: &ContextPath, known: Known) {
        let Known::Graft { origin, path, rights } = known else { return };
        let under = self.identity();
        let gone: Vec<ContextPath> = self.below(dest).map(|(path, _)| path.clone()).collect();
        for path in gone {
            self.entries.remove(&path);
        }
        let mut hasher = crate::digest::Hasher::new("graft");
        let origin = hasher.digest(&origin).digest(&under).finish();
        self.entries.insert(dest.clone(), Known::Graft { origin, path, rights });
    }

    /// Makes the folders down to `path` that are not there. Upon an unknown ground they may be.
    fn ensure(&mut self, path: &ContextPath, mode: u32, owner: Option<&OwnedBy>) {
        let path = self.resolve(path);
        let mut reached = ContextPath::root();
        for name in path.components() {
            reached = reached.join(name);
            if self.entries.contains_key(&reached) {
                continue;
            }
            let rights = Rights { owner: Rights::default().owned_after(owner), mode: None };
            let header = self.ground.is_none().then(|| (FolderHeader::new(mode), rights));
            self.entries.insert(reached.clone(), Known::Folder { header });
        }
    }

    fn owned_by(&self, owner: &Owner) -> OwnedBy {
        match (&owner.user, &owner.group) {
            (Principal::Id(user), Some(Principal::Id(group))) => OwnedBy::Ids(*user, *group),
            (Principal::Id(user), None) => OwnedBy::Ids(*user, *user),
            _ => OwnedBy::Named(format!("{owner:?}"), Some(self.identity())),
        }
    }

    /// What stands at a path with everything below it; `None` if nothing is known to stand there.
    fn taken(&self, selector: &Selector) -> Option<Taken> {
        let path = self.resolve(&ContextPath::new(&selector.path));
        let unknown = |origin, path: &ContextPath| Taken {
            name: Vec::new(),
            known: Known::Graft { origin, path: path.to_lossy(), rights: Rights::default() },
            below: Vec::new(),
        };
        if selector.is_listed() || self.graft_above(&path).is_some() {
            let text = format!("{selector:?}");
            return Some(unknown(self.identity(), &ContextPath::new(text)));
        }
        match self.entries.get(&path) {
            Some(file @ Known::File { or_inside: false, .. }) => {
                let name = ContextPath::new(&selector.path).name().to_vec();
                Some(Taken { name, known: file.clone(), below: Vec::new() })
            }
            Some(_) | None if self.ground.is_some() => Some(unknown(self.identity(), &path)),
            None if !self.is_folder(&path) => None,
            _ => {
                let below = self.below(&path);
                let below: Vec<_> =
                    below.filter_map(|(other, known)| Some((other.strip(&path)?, known.clone()))).collect();
                if below.iter().any(|(_, known)| matches!(known, Known::Graft { .. })) {
                    return Some(unknown(self.identity(), &path));
                }
                Some(Taken { name: path.name().to_vec(), known: Known::Folder { header: None }, below })
            }
        }
    }

    /// The graft at a path or above it.
    pub(super) fn graft_above(&self, path: &ContextPath) -> Option<(&ContextPath, &Known)> {
        self.entries
            .range(..=path)
            .rev()
            .find(|(other, known)| matches!(known, Known::Graft { .. }) && path.is_within(other))
    }
}

fn take(selector: &Selector, source: Source<'_>) -> Vec<Taken> {
    match source {
        Source::Filesystem(filesystem) => filesystem.taken(selector).into_iter().collect(),
        Source::Context(context) => match selector.take(context) {
            Ok(Selected::Whole(picked)) => {
                vec![of_node(ContextPath::new(&selector.path).name().to_vec(), &picked.node)]
            }
            Ok(Selected::Listed(matches)) if selector.include.is_empty() => listed(&matches),
            Ok(Selected::Listed(matches)) => with_parents(&matches),
            Err(_) => Vec::new(),
        },
    }
}

fn of_node(name: Vec<u8>, node: &Node) -> Taken {
    let rights = Rights::default;
    match node {
        Node::File(entry) => {
            let known = Known::File { entry: entry.clone(), rights: rights(), or_inside: false };
            Taken { name, known, below: Vec::new() }
        }
        Node::Folder(folder) => {
            let filesystem = Filesystem::of_context(&BuildContext::from_root(folder.clone()));
            let below = filesystem.entries.into_iter().collect();
            Taken { name, known: Known::Folder { header: None }, below }
        }
    }
}

/// The matches of a wildcard or of what `--exclude` left, grouped by the source that matched.
fn listed(matches: &[crate::selector::Match]) -> Vec<Taken> {
    let mut taken: Vec<(ContextPath, Taken)> = Vec::new();
    for entry in matches {
        let (root, below) = entry.path.split(entry.depth);
        if entry.path == root {
            let node = match &entry.node {
                Node::Folder(folder) if !entry.followed => Node::Folder(Arc::new(empty_like(folder))),
                node => node.clone(),
            };
            taken.push((root, of_node(entry.path.name().to_vec(), &node)));
        } else if let Some((_, of_root)) = taken.iter_mut().find(|(other, _)| *other == root) {
            of_root.below.push((below, shallow(&entry.node)));
        }
    }
    taken.into_iter().map(|(_, taken)| taken).collect()
}

/// The matches of `--parents`: every one below the destination by its whole path.
fn with_parents(matches: &[crate::selector::Match]) -> Vec<Taken> {
    let below = matches
        .iter()
        .map(|entry| {
            let (_, below) = entry.path.split(entry.depth);
            (below, shallow(&entry.node))
        })
        .collect();
    vec![Taken { name: Vec::new(), known: Known::Folder { header: None }, below }]
}

fn shallow(node: &Node) -> Known {
    match node {
        Node::File(entry) => Known::File { entry: entry.clone(), rights: Rights::default(), or_inside: false },
        Node::Folder(folder) => {
            Known::Folder { header: folder.header().map(|header| (header.clone(), Rights::default())) }
        }
    }
}

fn empty_like(folder: &crate::context::Folder) -> crate::context::Folder {
    crate::context::Folder::new(folder.header().cloned(), Vec::new())
}
