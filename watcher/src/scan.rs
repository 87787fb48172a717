//! A context root, an ignore file and a request to the [`Stamped`] context a build would be sent. The walk tells
//! what is there; files the stat cache does not answer for are hashed by rayon; the tree is then built from the
//! leaves up, save for folders in which nothing has moved: their digests are known, and their entries are made when
//! somebody asks. Out come the context and a fresh stat cache for the next scan. A file that vanishes meanwhile is
//! absent; one that will not hold still is an error.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use planner::context::{BuildContext, FileEntry, FileKind, Folder, FolderHeader, Node, Stamped, Summary};
use planner::digest::ContentDigest;
use planner::ignorefile::Ignorefile;
use planner::requested::Requested;
use rayon::prelude::*;

use crate::hash::{self, HashError, Stamp};
use crate::stat_cache::{Builder, Entry, FolderRecords, Record, Remembered, StatCache};
use crate::walk::{self, Found, FoundFolder, Listed, ScanError, Search, What};

/// What a scan found.
#[derive(Debug)]
pub struct Scan {
    /// The context, with the modification times of its entries.
    pub stamped: Stamped,
    /// What the next scan of this root can build on.
    pub cache: StatCache,
    /// How many files were read.
    pub n_hashed: usize,
    /// How many bytes were read of them.
    pub n_bytes_hashed: u64,
}

impl Scan {
    /// Whether the cache should be written in the place of the one that the scan began with: reading again what was
    /// read now would cost the next scan more, or much has gone since.
    #[must_use]
    pub fn is_worth_keeping(&self, before: &StatCache) -> bool {
        /// What it costs to open a file, in bytes that could be written meanwhile; and what an entry of the cache takes.
        const TO_OPEN: u64 = 16 << 10;
        const ENTRY: usize = 108;
        let (n_before, n_now) = (before.n_entries(), self.cache.n_entries());
        let again = (self.n_hashed as u64).saturating_mul(TO_OPEN).saturating_add(self.n_bytes_hashed);
        again > (n_now * ENTRY) as u64 || n_before.abs_diff(n_now) * 8 > n_before
    }
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
    let mut tree = Branch::of(&top, cache).unwrap_or_default();
    if let Some(root) = tree.known(None, cache) {
        let stamped = Stamped { context: BuildContext::new(root), mtimes: tree.mtimes(cache) };
        return Ok(Scan { stamped, cache: cache.clone(), n_hashed: 0, n_bytes_hashed: 0 });
    }
    let (n_hashed, n_bytes_hashed) = tree.read(&root)?;
    let built = tree.build(cache);
    let context = BuildContext::new(Folder::new(None, built.entries));
    let mut builder = Builder::new(moment);
    tree.remember(cache, Some(context.root()), &mut builder);
    let stamped = Stamped { context, mtimes: built.mtimes };
    Ok(Scan { stamped, cache: builder.finish(), n_hashed, n_bytes_hashed })
}

/// What a folder below a resolved root holds, every file of it read; `None` if it has vanished.
///
/// # Errors
/// [`ScanError`] with the path at fault.
pub(crate) fn scan_folder(root: &Path, search: &Search<'_>, top: FoundFolder) -> Result<Option<Built>, ScanError> {
    let top = walk::walk_folder(root, search, top)?;
    let Some(mut tree) = Branch::of(&top, search.cache) else { return Ok(None) };
    tree.read(root)?;
    Ok(Some(tree.build(search.cache)))
}

/// A folder that was walked, its entries in byte order of their names.
#[derive(Default)]
struct Branch {
    path: Vec<u8>,
    /// Whether it is sent even when it holds nothing.
    is_kept: bool,
    /// What the earlier scan's cache says of it.
    records: FolderRecords,
    /// How many names were found in it.
    n_names: usize,
    /// Whether all below is as recorded; then it has no leaves, only the branches among them.
    is_known: bool,
    branches: Vec<Branch>,
    leaves: Vec<Leaf>,
    /// Entries below, at any depth, that are not as recorded.
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
pub(crate) struct Built {
    pub(crate) entries: Vec<(Box<[u8]>, Node)>,
    pub(crate) mtimes: Vec<i64>,
}

impl Branch {
    /// Takes over what a walk found; `None` if the folder has vanished.
    fn of(found: &FoundFolder, cache: &StatCache) -> Option<Self> {
        let (path, is_kept, records) = (found.path.clone(), found.is_kept, found.records);
        let branch = Self { path, is_kept, records, ..Self::default() };
        match found.take() {
            Listed::Entries(entries, n_names) => Some(Self { n_names, ..branch }.with_entries(entries, cache)),
            Listed::AsRecorded(folders, n_names) => Some(Self { n_names, ..branch }.with_recorded(&folders, cache)),
            Listed::Vanished => None,
        }
    }

    fn with_recorded(mut self, folders: &[Arc<FoundFolder>], cache: &StatCache) -> Self {
        let inner: Vec<Option<Self>> = folders.iter().map(|folder| Self::of(folder, cache)).collect();
        let is_known = |inner: &Option<Self>| inner.as_ref().is_some_and(|inner| inner.is_known && inner.is_sent());
        self.is_known = inner.iter().all(is_known);
        if self.is_known {
            self.branches = inner.into_iter().flatten().collect();
            return self;
        }
        let mut inner = inner.into_iter();
        for entry in cache.entries(self.records) {
            let branch = if entry.stamp.is_folder() { inner.next() } else { None };
            self.add(entry.name.into(), entry.stamp, Some(entry.record), branch);
        }
        self
    }

    fn with_entries(mut self, entries: Vec<Found>, cache: &StatCache) -> Self {
        self.leaves.reserve(entries.len());
        for entry in entries {
            let (stamp, known, inner) = match entry.what {
                What::Ignored(_) => continue,
                What::File(stamp, known) => (stamp, known, None),
                What::Folder(stamp, known, inner) => (stamp, known, Some(Self::of(&inner, cache))),
            };
            self.add(entry.name, stamp, known, inner);
        }
        self
    }

    /// Adds an entry; `branch` is that of a folder, `None` in it if the folder has vanished.
    fn add(&mut self, name: Box<[u8]>, stamp: Stamp, known: Option<Record>, branch: Option<Option<Self>>) {
        let branch = match branch {
            None => None,
            Some(Some(inner)) if inner.is_sent() => Some(Box::new(inner)),
            Some(_) => return,
        };
        self.n_below += 1 + branch.as_ref().map_or(0, |inner| inner.n_below);
        let state = known.map_or(LeafState::Unread, LeafState::Recorded);
        self.leaves.push(Leaf { name, stamp, state, branch });
    }

    /// Whether the folder may be sent: it is asked for, or something in it is.
    fn is_sent(&self) -> bool {
        self.is_kept || !self.leaves.is_empty() || (self.is_known && self.records.n_records() > 0)
    }

    /// The folder, if all below is as recorded.
    fn known(&self, header: Option<FolderHeader>, cache: &StatCache) -> Option<Folder> {
        let summary = cache.summary(self.records).filter(|_| self.is_known)?;
        Some(known_folder(header, summary, self.path.clone(), self.records, cache))
    }

    /// The times of all that lies below a folder that is as recorded, in canonical order.
    fn mtimes(&self, cache: &StatCache) -> Vec<i64> {
        let mut mtimes = Vec::with_capacity(cache.summary(self.records).map_or(0, |summary| summary.n_below));
        self.add_mtimes(cache, &mut mtimes);
        mtimes
    }

    fn add_mtimes(&self, cache: &StatCache, mtimes: &mut Vec<i64>) {
        let mut branches = self.branches.iter();
        for stamp in cache.stamps(self.records) {
            mtimes.push(stamp.mtime);
            if stamp.is_folder()
                && let Some(branch) = branches.next()
            {
                branch.add_mtimes(cache, mtimes);
            }
        }
    }

    /// Reads what is not as recorded; how many files that were, and how many bytes.
    fn read(&mut self, root: &Path) -> Result<(usize, u64), ScanError> {
        let mut pending = Vec::new();
        self.collect_pending(&mut pending);
        let hashed = || pending.iter().filter(|pending| pending.is_regular_file()).map(|pending| pending.stamp.size);
        let (n_hashed, n_bytes_hashed) = (hashed().count(), hashed().fold(0, u64::saturating_add));
        pending.into_par_iter().try_for_each_init(Reader::default, |reader, pending| reader.read(root, pending))?;
        Ok((n_hashed, n_bytes_hashed))
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

    /// Tells the next scan of the folder, which was built as `built`; whether all below was told.
    fn remember(&self, cache: &StatCache, built: Option<&Arc<Folder>>, builder: &mut Builder) -> bool {
        let number = builder.folder(&self.path, self.n_names);
        if self.is_known {
            for Entry { name, stamp, remembered, .. } in cache.entries(self.records) {
                builder.record(name, &stamp, &remembered);
            }
            for branch in &self.branches {
                branch.remember(cache, None, builder);
            }
            // Inside a folder that is as recorded, all is; this one's own attributes may have changed.
            let summary = built.map(|built| *built.summary()).or_else(|| cache.summary(self.records));
            summary.into_iter().for_each(|summary| builder.summarize(number, summary));
            return true;
        }
        let mut is_whole = built.is_some_and(|built| built.entries().len() == self.leaves.len());
        for leaf in &self.leaves {
            match leaf.known(cache) {
                Some(known) => builder.record(&leaf.name, &leaf.stamp, &known),
                None => is_whole = false,
            }
        }
        for leaf in &self.leaves {
            let Some(branch) = &leaf.branch else { continue };
            let built = match built.and_then(|built| built.entry(&leaf.name)) {
                Some(Node::Folder(inner)) => Some(inner),
                _ => None,
            };
            is_whole &= branch.remember(cache, built, builder);
        }
        if let Some(built) = built.filter(|_| is_whole) {
            builder.summarize(number, *built.summary());
        }
        is_whole
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
        let header = FolderHeader { mode, xattrs: known.xattrs };
        if branch.is_known {
            // The folder's own attributes are part of the digest that is recorded.
            let is_recorded = matches!(self.state, LeafState::Recorded(_));
            let folder = branch.known(Some(header.clone()), cache).filter(|_| is_recorded);
            let with_entries = || Folder::new(Some(header), recorded_entries(&branch.path, branch.records, cache));
            return Some((Node::Folder(Arc::new(folder.unwrap_or_else(with_entries))), branch.mtimes(cache)));
        }
        let built = branch.build(cache);
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

/// A folder that is as recorded. Its entries are made of the records when they are asked for.
fn known_folder(
    header: Option<FolderHeader>,
    summary: Summary,
    path: Vec<u8>,
    records: FolderRecords,
    cache: &StatCache,
) -> Folder {
    let cache = cache.clone();
    Folder::known(header, summary, move || recorded_entries(&path, records, &cache))
}

fn recorded_entries(path: &[u8], records: FolderRecords, cache: &StatCache) -> Vec<(Box<[u8]>, Node)> {
    let node = |entry: &Entry<'_>| {
        let (mode, xattrs) = (hash::permissions(entry.stamp.st_mode), entry.remembered.xattrs);
        if !entry.stamp.is_folder() {
            let file = FileEntry::file(mode, entry.stamp.size, entry.remembered.content);
            return Node::File(Arc::new(FileEntry { xattrs, ..file }));
        }
        let header = Some(FolderHeader { mode, xattrs });
        let inner = if path.is_empty() { entry.name.to_vec() } else { [path, b"/", entry.name].concat() };
        let records = cache.folder(&inner);
        Node::Folder(Arc::new(match cache.summary(records) {
            Some(summary) => known_folder(header, summary, inner, records, cache),
            None => Folder::new(header, recorded_entries(&inner, records, cache)),
        }))
    };
    cache.entries(records).map(|entry| (entry.name.into(), node(&entry))).collect()
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
            Err(error) => not_vanished(error, path).map_or(Ok(LeafState::Vanished), Err)?,
        };
        Ok(())
    }
}

/// Why a path could not be read, unless because nothing stands there any more.
pub(crate) fn not_vanished(error: HashError, path: &Path) -> Option<ScanError> {
    match error {
        HashError::Io(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
        HashError::Io(source) => Some(ScanError::Unreadable { path: path.to_owned(), source }),
        HashError::KeepsChanging | HashError::IsFolder => Some(ScanError::KeepsChanging(path.to_owned())),
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
