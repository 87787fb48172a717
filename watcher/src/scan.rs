//! A context root, an ignore file and a request to the [`Stamped`] context a build would be sent. The walk tells
//! what is there; files the stat cache does not answer for are hashed by rayon; the tree is then built from the
//! leaves up. Out come the context and a fresh stat cache for the next scan. A file that vanishes meanwhile is
//! absent; one that will not hold still is an error.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use planner::context::{BuildContext, FileEntry, FileKind, Folder, FolderHeader, Node, Stamped};
use planner::digest::ContentDigest;
use planner::ignorefile::Ignorefile;
use planner::requested::Requested;
use rayon::prelude::*;

use crate::hash::{self, HashError, Stamp};
use crate::stat_cache::{Builder, Record, Remembered, StatCache};
use crate::walk::{self, FoundFolder, ScanError, Search, What};

/// What a scan found.
#[derive(Debug)]
pub struct Scan {
    /// The context, with the modification times of its entries.
    pub stamped: Stamped,
    /// What the next scan of this root can build on.
    pub cache: StatCache,
    /// How many files were read.
    pub n_hashed: usize,
}

/// Scans the context at `root`, as far as `requested`, with what an earlier scan of it left in `cache`.
///
/// # Errors
/// [`ScanError`] with the path at fault.
pub fn scan(root: &Path, ignorefile: &Ignorefile, requested: &Requested, cache: &StatCache) -> Result<Scan, ScanError> {
    scan_at(SystemTime::now(), root, ignorefile, requested, cache)
}

/// The same, told what time it is: files stamped at `now` or later may change unseen, so the new cache does not
/// answer for them.
///
/// # Errors
/// [`ScanError`] with the path at fault.
pub fn scan_at(
    now: SystemTime,
    root: &Path,
    ignorefile: &Ignorefile,
    requested: &Requested,
    cache: &StatCache,
) -> Result<Scan, ScanError> {
    let moment =
        now.duration_since(UNIX_EPOCH).map_or(i64::MIN, |since| since.as_nanos().try_into().unwrap_or(i64::MAX));
    let root = walk::resolve_root(root)?;
    let top = walk::walk(&root, &Search { ignorefile, requested, cache, lists_ignored: false })?;
    let mut tree = Branch::of(&top).unwrap_or_default();
    let mut pending = Vec::new();
    tree.collect_pending(&mut pending);
    let n_hashed = pending.iter().filter(|pending| pending.is_regular_file()).count();
    pending.into_par_iter().try_for_each_init(Reader::default, |reader, pending| reader.read(&root, pending))?;
    let (built, cache) = rayon::join(|| tree.build(cache), || tree.remember(cache, Builder::new(moment)).finish());
    let context = BuildContext::new(Folder::new(None, built.entries));
    Ok(Scan { stamped: Stamped { context, mtimes: built.mtimes }, cache, n_hashed })
}

/// A folder that was walked, its entries in byte order of their names.
#[derive(Default)]
struct Branch {
    path: Vec<u8>,
    /// Whether it is sent even when it holds nothing.
    is_kept: bool,
    leaves: Vec<Leaf>,
    /// Entries below, at any depth.
    n_below: usize,
}

/// An entry of a folder.
struct Leaf {
    name: Box<[u8]>,
    stamp: Stamp,
    state: LeafState,
    /// What it holds, if it is a folder.
    branch: Option<Box<Branch>>,
}

/// What is known of a leaf; small, as there may be very many.
enum LeafState {
    Unread,
    /// What the earlier scan's cache says of a regular file or a folder.
    Recorded(Record),
    /// Not a folder.
    Read(Arc<FileEntry>),
    /// A folder, with the digest of its extended attributes.
    Entered(Option<Box<ContentDigest>>),
    Vanished,
}

/// What is to be read of one leaf.
struct Pending<'a> {
    folder: &'a [u8],
    name: &'a [u8],
    stamp: &'a mut Stamp,
    state: &'a mut LeafState,
}

/// A folder's digested entries, and the times of all that lies below it in canonical order.
struct Built {
    entries: Vec<(Box<[u8]>, Node)>,
    mtimes: Vec<i64>,
}

impl Branch {
    /// Takes over what a walk found; `None` if the folder has vanished.
    fn of(found: &FoundFolder) -> Option<Self> {
        let entries = found.take()?;
        let mut branch = Self { path: found.path.clone(), is_kept: found.is_kept, ..Self::default() };
        branch.leaves.reserve(entries.len());
        for entry in entries {
            let (stamp, known, inner) = match entry.what {
                What::Ignored(_) => continue,
                What::File(stamp, known) => (stamp, known, None),
                What::Folder(stamp, known, inner) => match Self::of(&inner) {
                    Some(inner) if inner.is_kept || !inner.leaves.is_empty() => (stamp, known, Some(Box::new(inner))),
                    _ => continue,
                },
            };
            branch.n_below += 1 + inner.as_ref().map_or(0, |inner| inner.n_below);
            let state = known.map_or(LeafState::Unread, LeafState::Recorded);
            branch.leaves.push(Leaf { name: entry.name, stamp, state, branch: inner });
        }
        branch.leaves.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Some(branch)
    }

    fn collect_pending<'a>(&'a mut self, pending: &mut Vec<Pending<'a>>) {
        for Leaf { name, stamp, state, branch } in &mut self.leaves {
            if matches!(state, LeafState::Unread) {
                pending.push(Pending { folder: &self.path, name, stamp, state });
            }
            if let Some(branch) = branch {
                branch.collect_pending(pending);
            }
        }
    }

    fn build(&self, cache: &StatCache) -> Built {
        /// Below this many entries a thread's work would cost less than handing it over.
        const WORTH_SHARING: usize = 256;
        let built: Vec<_> = if self.n_below > WORTH_SHARING {
            self.leaves.par_iter().map(|leaf| leaf.build(cache)).collect()
        } else {
            self.leaves.iter().map(|leaf| leaf.build(cache)).collect()
        };
        let (mut entries, mut mtimes) = (Vec::with_capacity(self.leaves.len()), Vec::with_capacity(self.n_below));
        for (leaf, built) in self.leaves.iter().zip(built) {
            if let Some((node, below)) = built {
                entries.push((leaf.name.clone(), node));
                mtimes.push(leaf.stamp.mtime);
                mtimes.extend(below);
            }
        }
        Built { entries, mtimes }
    }

    fn remember(&self, cache: &StatCache, mut builder: Builder) -> Builder {
        builder.folder(&self.path);
        for leaf in &self.leaves {
            if let Some(known) = leaf.known(cache) {
                builder.record(&leaf.name, &leaf.stamp, &known);
            }
        }
        let branches = self.leaves.iter().filter_map(|leaf| leaf.branch.as_ref());
        branches.fold(builder, |builder, inner| inner.remember(cache, builder))
    }
}

impl Leaf {
    /// The node with the times of what lies below it; `None` if nothing would be sent.
    fn build(&self, cache: &StatCache) -> Option<(Node, Vec<i64>)> {
        let mode = hash::permissions(self.stamp.st_mode);
        if let LeafState::Read(entry) = &self.state {
            return Some((Node::File(entry.clone()), Vec::new()));
        }
        let known = self.known(cache)?;
        let Some(branch) = &self.branch else {
            let file = FileEntry::file(mode, self.stamp.size, known.content);
            return Some((Node::File(Arc::new(FileEntry { xattrs: known.xattrs, ..file })), Vec::new()));
        };
        let built = branch.build(cache);
        let header = FolderHeader { mode, xattrs: known.xattrs };
        let is_sent = branch.is_kept || !built.entries.is_empty();
        is_sent.then(|| (Node::Folder(Arc::new(Folder::new(Some(header), built.entries))), built.mtimes))
    }

    /// What the next scan may be told of the leaf.
    fn known(&self, cache: &StatCache) -> Option<Remembered> {
        match &self.state {
            LeafState::Recorded(record) => cache.recall(*record),
            LeafState::Entered(xattrs) => {
                Some(Remembered { content: ContentDigest::from_bytes([0; 32]), xattrs: xattrs.as_deref().copied() })
            }
            LeafState::Read(entry) => match entry.kind {
                FileKind::File { content, .. } => Some(Remembered { content, xattrs: entry.xattrs }),
                _ => None,
            },
            LeafState::Unread | LeafState::Vanished => None,
        }
    }
}

impl Pending<'_> {
    fn is_regular_file(&self) -> bool {
        self.stamp.is_regular_file()
    }
}

/// Buffers that go from file to file.
#[derive(Default)]
struct Reader {
    path: Vec<u8>,
    content: Vec<u8>,
}

impl Reader {
    fn read(&mut self, root: &Path, pending: Pending<'_>) -> Result<(), ScanError> {
        let Pending { folder, name, stamp, state } = pending;
        self.path.clear();
        for part in [root.as_os_str().as_bytes(), folder, name] {
            if !part.is_empty() {
                self.path.extend_from_slice(part);
                self.path.push(b'/');
            }
        }
        // A slash at the end would follow symbolic links.
        self.path.pop();
        let path = Path::new(OsStr::from_bytes(&self.path));
        *state = match read(path, stamp, &mut self.content) {
            Ok(state) => state,
            Err(HashError::Io(error)) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                LeafState::Vanished
            }
            Err(HashError::Io(source)) => return Err(ScanError::Unreadable { path: path.to_owned(), source }),
            Err(HashError::KeepsChanging | HashError::IsFolder) => {
                return Err(ScanError::KeepsChanging(path.to_owned()));
            }
        };
        Ok(())
    }
}

fn read(path: &Path, stamp: &mut Stamp, content: &mut Vec<u8>) -> Result<LeafState, HashError> {
    if stamp.is_folder() {
        return Ok(LeafState::Entered(hash::path_xattrs(path)?.map(Box::new)));
    }
    let hashed = hash::entry_of(path, *stamp, content)?;
    *stamp = hashed.stamp;
    Ok(LeafState::Read(Arc::new(hashed.entry)))
}
