//! What a step is known to have written, without running it. A [`Filesystem`] is a ground, which may be unknown
//! (an image, whatever a `RUN` made), and upon it the files that `COPY`, here-documents and `WORKDIR` put there.
//!
//! Two selections of such file systems are equal for certain, different for certain, or nobody can say. Equal
//! means: the same known files upon the same ground. One known file that differs decides "different", whatever
//! the ground. The rules of writing are those of tonistiigi/fsutil/copy as BuildKit calls it.

pub mod compare;
pub mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::context::{BuildContext, ContextPath, FileEntry, FileKind, Folder, FolderHeader, Node};
use crate::digest::{ContentDigest, Hasher};
use crate::graph::Chmod;
use crate::selector::follow;

/// A name for files nobody has seen: those of one image, or those one execution made. Equal names, equal files.
pub type Origin = ContentDigest;

/// What is known of a file system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filesystem {
    /// What was there first; `None` for nothing.
    ground: Option<Origin>,
    /// What was put there, by path.
    entries: BTreeMap<ContextPath, Known>,
}

/// Something known to stand at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// A file, link or device.
    File {
        /// Its content and source attributes.
        entry: Arc<FileEntry>,
        /// What changed its attributes.
        rights: Rights,
        /// Whether it may stand in a folder of this path instead: copied to a path without a trailing slash, upon an
        /// unknown ground.
        or_inside: bool,
    },
    /// A folder. Its header is unknown where it may have been there before.
    Folder {
        /// Its attributes.
        header: Option<(FolderHeader, Rights)>,
    },
    /// Files copied from an unknown place: from which file system, and which path or pattern there.
    Graft {
        /// Where they come from.
        origin: Origin,
        /// What was taken there.
        path: String,
        /// What changed their attributes.
        rights: Rights,
    },
}

/// Owner and mode as a copy sets them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Rights {
    /// Who owns it; `None` where the source's owner was kept, which for a build context is root.
    pub(crate) owner: Option<OwnedBy>,
    /// A symbolic mode applied to the source's.
    pub(crate) mode: Option<String>,
}

/// An owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum OwnedBy {
    /// Numbers.
    Ids(u32, u32),
    /// A name that the file system's own `/etc/passwd` resolves: the text, and the ground it was resolved upon.
    Named(String, Option<Origin>),
}

impl Filesystem {
    /// A file system with nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self { ground: None, entries: BTreeMap::new() }
    }

    /// A file system nobody has seen.
    #[must_use]
    pub fn unknown(origin: Origin) -> Self {
        Self { ground: Some(origin), entries: BTreeMap::new() }
    }

    /// A build context as a file system.
    #[must_use]
    pub fn of_context(context: &BuildContext) -> Self {
        let mut filesystem = Self::empty();
        filesystem.put_below(&ContextPath::root(), context.root());
        filesystem
    }

    /// This file system with the known files of `upper` laid upon it, as layers are.
    #[must_use]
    pub fn merged(&self, upper: &Self) -> Self {
        let mut merged = self.clone();
        for (path, known) in &upper.entries {
            merged.put(path, known.clone());
        }
        merged
    }

    /// A name for all that is known: equal names mean equal file systems.
    #[must_use]
    pub fn identity(&self) -> Origin {
        let mut hasher = Hasher::new("filesystem");
        match &self.ground {
            Some(origin) => hasher.digest(origin),
            None => hasher.text("empty"),
        };
        for (path, known) in &self.entries {
            hasher.field(path.as_bytes()).text(&format!("{known:?}"));
            match known {
                Known::File { entry, .. } => hasher.digest(&entry.digest()),
                Known::Folder { header } => hasher.number(header.is_some().into()),
                Known::Graft { origin, .. } => hasher.digest(origin),
            };
        }
        hasher.finish()
    }

    /// The path with known links resolved.
    fn resolve(&self, path: &ContextPath) -> ContextPath {
        let target = |path: &ContextPath| match self.entries.get(path) {
            Some(Known::File { entry, .. }) => match &entry.kind {
                FileKind::Symlink { target } => Some(target.clone()),
                _ => None,
            },
            _ => None,
        };
        follow(path, true, target).unwrap_or_else(|| path.clone())
    }

    /// Everything known strictly below a path.
    fn below<'a>(&'a self, path: &'a ContextPath) -> impl Iterator<Item = (&'a ContextPath, &'a Known)> {
        self.entries
            .range(path..)
            .skip_while(move |(other, _)| *other == path)
            .take_while(move |(other, _)| other.is_within(path))
    }

    fn is_folder(&self, path: &ContextPath) -> bool {
        path.is_root()
            || matches!(self.entries.get(path), Some(Known::Folder { .. }))
            || self.below(path).next().is_some()
    }

    /// Puts something at a path; a file takes the place of all that was below it.
    fn put(&mut self, path: &ContextPath, known: Known) {
        if matches!(known, Known::File { .. }) {
            let gone: Vec<ContextPath> = self.below(path).map(|(path, _)| path.clone()).collect();
            for path in gone {
                self.entries.remove(&path);
            }
        }
        if let (Known::Folder { header: None }, Some(Known::Folder { .. } | Known::Graft { .. })) =
            (&known, self.entries.get(path))
        {
            return;
        }
        self.entries.insert(path.clone(), known);
    }

    fn put_below(&mut self, path: &ContextPath, folder: &Folder) {
        for (name, node) in folder.entries() {
            let path = path.join(name);
            match node {
                Node::File(entry) => {
                    let known = Known::File { entry: entry.clone(), rights: Rights::default(), or_inside: false };
                    self.put(&path, known);
                }
                Node::Folder(inner) => {
                    let header = inner.header().map(|header| (header.clone(), Rights::default()));
                    self.put(&path, Known::Folder { header });
                    self.put_below(&path, inner);
                }
            }
        }
    }
}

impl Known {
    /// The same with a copy's owner and mode.
    fn with_rights(self, owner: Option<&OwnedBy>, mode: Option<&Chmod>) -> Self {
        match self {
            Self::File { entry, rights, or_inside } => {
                let is_link = matches!(entry.kind, FileKind::Symlink { .. });
                let owner = rights.owned_after(owner);
                let (entry, mode) = match mode.filter(|_| !is_link) {
                    Some(Chmod::Octal(bits)) => (Arc::new(FileEntry { mode: *bits, ..(*entry).clone() }), rights.mode),
                    Some(Chmod::Symbolic(text)) => (entry, Some(stacked(rights.mode.as_deref(), text))),
                    None => (entry, rights.mode),
                };
                Self::File { entry, rights: Rights { owner, mode }, or_inside }
            }
            Self::Folder { header } => Self::Folder {
                header: header.map(|(header, rights)| {
                    let owner = rights.owned_after(owner);
                    let (header, mode) = match mode {
                        Some(Chmod::Octal(bits)) => (FolderHeader { mode: *bits, ..header }, rights.mode),
                        Some(Chmod::Symbolic(text)) => (header, Some(stacked(rights.mode.as_deref(), text))),
                        None => (header, rights.mode),
                    };
                    (header, Rights { owner, mode })
                }),
            },
            Self::Graft { origin, path, rights } => {
                let mode = match mode {
                    Some(mode) => Some(stacked(rights.mode.as_deref(), &format!("{mode:?}"))),
                    None => rights.mode,
                };
                Self::Graft { origin, path, rights: Rights { owner: owner.cloned().or(rights.owner), mode } }
            }
        }
    }
}

impl Rights {
    /// The owner of a known file after a copy that gives `owner`. A known file whose owner was kept is root's, so
    /// giving it to root says the same.
    fn owned_after(&self, owner: Option<&OwnedBy>) -> Option<OwnedBy> {
        match owner {
            Some(OwnedBy::Ids(0, 0)) => None,
            Some(owner) => Some(owner.clone()),
            None => self.owner.clone(),
        }
    }
}

/// A symbolic mode applied after another.
fn stacked(before: Option<&str>, text: &str) -> String {
    before.map_or_else(|| text.to_owned(), |before| format!("{before};{text}"))
}
