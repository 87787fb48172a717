//! The build context as a value: a tree of folders, each with the digest of all that lies below it.
//! Two versions of a context share the folders they have in common, so applying a change costs the
//! depth of the changed path, and comparing two versions visits only the folders that differ.
//!
//! What enters a digest is what BuildKit hashes of a file (cache/contenthash): type, permission bits,
//! size, bytes, link target, extended attributes. Owners and times do not enter: BuildKit's client sends
//! every file as 0:0, and times never matter. Nothing here knows a disk; `watcher` reads one.

mod diff;
mod path;
mod tree;

pub use diff::{Change, ContextDiff, Entry};
pub use path::ContextPath;
pub use tree::{BuildContext, Folder, FolderHeader, Found, Node, Stamped, Summary};

use serde::{Deserialize, Serialize};

use crate::digest::{ContentDigest, Hasher};

/// Everything BuildKit hashes of one entry that is not a folder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileEntry {
    /// What kind of file it is, and its content.
    pub kind: FileKind,
    /// Permission bits with setuid, setgid and sticky (octal 0..=07777); 0777 for symlinks.
    pub mode: u32,
    /// The digest of the extended attributes BuildKit hashes, sorted by name; `None` without any.
    pub xattrs: Option<ContentDigest>,
}

/// The kinds of entries a context can hold, folders apart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FileKind {
    /// A regular file; `size` in bytes.
    File {
        /// Length in bytes.
        size: u64,
        /// blake3 of the bytes.
        content: ContentDigest,
    },
    /// A symbolic link, with its target as stored.
    Symlink {
        /// Bytes of the target, not resolved.
        target: Vec<u8>,
    },
    /// A named pipe.
    Fifo,
    /// A socket, which BuildKit's client sends as an empty entry.
    Socket,
    /// A character or block device with its numbers.
    Device {
        /// Whether it is a block device.
        block: bool,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
}

impl FileEntry {
    /// A regular file without extended attributes.
    #[must_use]
    pub fn file(mode: u32, size: u64, content: ContentDigest) -> Self {
        Self { kind: FileKind::File { size, content }, mode, xattrs: None }
    }

    /// A symbolic link.
    #[must_use]
    pub fn symlink(target: impl Into<Vec<u8>>) -> Self {
        Self { kind: FileKind::Symlink { target: target.into() }, mode: 0o777, xattrs: None }
    }

    /// Length in bytes; 0 for all but regular files.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self.kind {
            FileKind::File { size, .. } => size,
            _ => 0,
        }
    }

    /// The digest of everything BuildKit hashes of this entry; its name is not among that.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        let mut hasher = Hasher::new("entry");
        hasher.number(self.mode.into());
        match &self.kind {
            FileKind::File { size, content } => hasher.text("file").number(*size).digest(content),
            FileKind::Symlink { target } => hasher.text("symlink").field(target),
            FileKind::Fifo => hasher.text("fifo"),
            FileKind::Socket => hasher.text("socket"),
            FileKind::Device { block, major, minor } => {
                hasher.text(if *block { "block" } else { "char" }).number((*major).into()).number((*minor).into())
            }
        };
        if let Some(xattrs) = &self.xattrs {
            hasher.text("xattrs").digest(xattrs);
        }
        hasher.finish()
    }
}
