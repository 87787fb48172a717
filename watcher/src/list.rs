//! What is in a context and what is left out of it by which line: the answer to "what would `COPY . /` copy". A
//! root and an ignore file go in; entries come out in canonical order (a folder, then what it holds). No file is
//! opened.

use std::path::Path;

use planner::context::ContextPath;
use planner::ignorefile::Ignorefile;
use planner::requested::Requested;
use rustix::fs::FileType;

use crate::hash;
use crate::stat_cache::StatCache;
use crate::walk::{self, FoundFolder, Listed, ScanError, Search, What};

/// The entries of a context, and what its ignore file takes out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listing {
    /// What is sent, folders included.
    pub kept: Vec<Kept>,
    /// What is not; a folder of which nothing is sent stands for all it holds.
    pub ignored: Vec<Ignored>,
}

/// An entry that is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Where it is.
    pub path: ContextPath,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits with setuid, setgid and sticky (octal 0..=07777); 0777 for symlinks.
    pub mode: u32,
    /// Length of a regular file in bytes; 0 for all else.
    pub bytes: u64,
}

/// The kinds of entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A block or character device.
    Device,
}

/// An entry that is left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ignored {
    /// Where it is.
    pub path: ContextPath,
    /// The deciding line of the ignore file, counted from 1.
    pub line: u32,
    /// That line as written, without white space around it.
    pub pattern: String,
}

/// Lists the context at `root`.
///
/// # Errors
/// [`ScanError`] with the path at fault.
pub fn list(root: &Path, ignorefile: &Ignorefile) -> Result<Listing, ScanError> {
    let root = walk::resolve_root(root)?;
    let (requested, cache) = (Requested::everything(), StatCache::none());
    let top = walk::walk(&root, &Search { ignorefile, requested: &requested, cache: &cache, lists_ignored: true })?;
    let mut listing = Listing::default();
    listing.add_folder(&top, &ContextPath::root(), ignorefile);
    Ok(listing)
}

impl Listing {
    fn add_folder(&mut self, folder: &FoundFolder, path: &ContextPath, ignorefile: &Ignorefile) {
        // Without a cache nothing is as recorded.
        let Listed::Entries(entries, _) = folder.take() else { return };
        for entry in entries {
            let path = path.join(&entry.name);
            match entry.what {
                What::Ignored(line) => self.ignored.push(Ignored::by(ignorefile, path, line)),
                What::File(stamp, _) => self.kept.push(Kept::new(path, stamp.st_mode, stamp.size)),
                What::Folder(stamp, _, inner) => {
                    let (n_kept, n_ignored) = (self.kept.len(), self.ignored.len());
                    self.kept.push(Kept::new(path.clone(), stamp.st_mode, 0));
                    self.add_folder(&inner, &path, ignorefile);
                    if let Some(line) = inner.ignored_by
                        && self.kept.len() == n_kept + 1
                    {
                        self.kept.truncate(n_kept);
                        self.ignored.truncate(n_ignored);
                        self.ignored.push(Ignored::by(ignorefile, path, line));
                    }
                }
            }
        }
    }
}

impl Kept {
    fn new(path: ContextPath, st_mode: u32, size: u64) -> Self {
        let kind = match FileType::from_raw_mode(st_mode) {
            FileType::Directory => EntryKind::Folder,
            FileType::Symlink => EntryKind::Symlink,
            FileType::Fifo => EntryKind::Fifo,
            FileType::Socket => EntryKind::Socket,
            FileType::CharacterDevice | FileType::BlockDevice => EntryKind::Device,
            FileType::RegularFile | FileType::Unknown => EntryKind::File,
        };
        let mode = if kind == EntryKind::Symlink { 0o777 } else { hash::permissions(st_mode) };
        Self { path, kind, mode, bytes: if kind == EntryKind::File { size } else { 0 } }
    }
}

impl Ignored {
    fn by(ignorefile: &Ignorefile, path: ContextPath, line: u32) -> Self {
        let rule = ignorefile.rules().iter().find(|rule| rule.line == line);
        Self { path, line, pattern: rule.map_or(String::new(), |rule| rule.written.clone()) }
    }
}
