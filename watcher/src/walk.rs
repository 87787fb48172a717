//! A context folder to the entries a build is sent, unread: folders are listed by several threads, and the ignore
//! file and the request decide before anything is looked at, so that what cannot matter is never entered. Each entry
//! comes with its stamp and with what the stat cache knows of it. Nothing is opened here but folders.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use planner::ignorefile::{BrokenPattern, Decision, Ignorefile, State};
use planner::requested::{Requested, Want};
use rayon::Scope;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir};
use rustix::io::Errno;

use crate::hash::Stamp;
use crate::stat_cache::{FolderRecords, Record, StatCache};

/// Bytes of a folder's list read at once.
const LISTING: usize = 32 << 10;

/// Why a context could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Nothing stands at the root.
    #[error("the build context `{}` does not exist", .0.display())]
    RootMissing(PathBuf),
    /// The root is a file.
    #[error("the build context `{}` is not a folder", .0.display())]
    RootIsNoFolder(PathBuf),
    /// The system refused a file or folder that the build needs.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It changed at each of several readings.
    #[error("`{}` keeps changing while it is read", .0.display())]
    KeepsChanging(PathBuf),
    /// The ignore file holds a pattern that cannot be matched; BuildKit fails at it too.
    #[error(transparent)]
    BrokenPattern(#[from] BrokenPattern),
}

/// What to look for.
pub(crate) struct Search<'a> {
    pub(crate) ignorefile: &'a Ignorefile,
    pub(crate) requested: &'a Requested,
    pub(crate) cache: &'a StatCache,
    /// Whether ignored entries are reported too.
    pub(crate) lists_ignored: bool,
}

/// An entry of a folder.
pub(crate) struct Found {
    pub(crate) name: Box<[u8]>,
    pub(crate) what: What,
}

/// What an entry is.
pub(crate) enum What {
    /// Not a folder; sent.
    File(Stamp, Option<Record>),
    /// A folder that was entered.
    Folder(Stamp, Option<Record>, Arc<FoundFolder>),
    /// Left out by the rule of this line of the ignore file; a folder with all it holds.
    Ignored(u32),
}

/// A folder that was entered.
pub(crate) struct FoundFolder {
    /// Below the context root, as [`planner::context::ContextPath`] has it.
    pub(crate) path: Vec<u8>,
    /// The line of the rule that ignores the folder itself; it then counts only for what it holds.
    pub(crate) ignored_by: Option<u32>,
    /// Whether the folder is sent even when it holds nothing.
    pub(crate) is_kept: bool,
    /// What the stat cache knows of its entries.
    pub(crate) records: FolderRecords,
    state: State,
    is_within_request: bool,
    /// Whether its own stamp is as recorded.
    is_unmoved: bool,
    listed: Mutex<Option<Listed>>,
}

/// What was found in a folder.
pub(crate) enum Listed {
    /// These entries, in byte order of their names, among so many names.
    Entries(Vec<Found>, usize),
    /// What the stat cache has recorded of it, unchanged, nothing more and nothing less, among so many names. The
    /// folders among that are given in order; they may hold changes.
    AsRecorded(Box<[Arc<FoundFolder>]>, usize),
    /// The folder went away during the walk.
    Vanished,
}

impl Listed {
    /// Most folders have not changed since the last scan; their entries are then let go at once, as there may be very
    /// many.
    fn new(entries: Vec<Found>, n_names: usize, records: FolderRecords, cache: &StatCache) -> Self {
        let is_recorded = |found: &Found| matches!(found.what, What::File(_, Some(_)) | What::Folder(_, Some(_), _));
        if !cache.is_whole(records) || entries.len() != records.n_records() || !entries.iter().all(is_recorded) {
            return Self::Entries(entries, n_names);
        }
        let folders = entries.into_iter().filter_map(|found| match found.what {
            What::Folder(_, _, inner) => Some(inner),
            _ => None,
        });
        // A vector would keep the room of all entries.
        Self::AsRecorded(folders.collect(), n_names)
    }

    /// The folders in it that are to be entered.
    fn folders(&self) -> Vec<Arc<FoundFolder>> {
        let folder = |found: &Found| match &found.what {
            What::Folder(_, _, inner) => Some(inner.clone()),
            _ => None,
        };
        match self {
            Self::Entries(entries, _) => entries.iter().filter_map(folder).collect(),
            Self::AsRecorded(folders, _) => folders.to_vec(),
            Self::Vanished => Vec::new(),
        }
    }
}

impl FoundFolder {
    /// The folder at `path`, which is to be entered: it is wanted or on the way, and the rule of line `ignored_by`
    /// leaves it out for itself only.
    pub(crate) fn new(path: Vec<u8>, want: Want, ignored_by: Option<u32>, state: State, cache: &StatCache) -> Self {
        Self {
            ignored_by,
            is_kept: want == Want::Within && ignored_by.is_none(),
            state,
            is_within_request: want == Want::Within,
            is_unmoved: false,
            records: cache.folder(&path),
            path,
            listed: Mutex::default(),
        }
    }

    /// Takes out what was found; nothing where the folder may not be read and need not be.
    pub(crate) fn take(&self) -> Listed {
        locked(&self.listed).take().unwrap_or(Listed::Entries(Vec::new(), 0))
    }
}

/// The folder a context root really is.
pub(crate) fn resolve_root(root: &Path) -> Result<PathBuf, ScanError> {
    let resolved = std::fs::canonicalize(root).map_err(|source| match source.kind() {
        ErrorKind::NotFound => ScanError::RootMissing(root.to_owned()),
        ErrorKind::NotADirectory => ScanError::RootIsNoFolder(root.to_owned()),
        _ => ScanError::Unreadable { path: root.to_owned(), source },
    })?;
    if resolved.is_dir() { Ok(resolved) } else { Err(ScanError::RootIsNoFolder(root.to_owned())) }
}

/// Walks a resolved root.
pub(crate) fn walk(root: &Path, search: &Search<'_>) -> Result<Arc<FoundFolder>, ScanError> {
    let want = if search.requested.is_everything() { Want::Within } else { Want::OnTheWay };
    let mut top = FoundFolder::new(Vec::new(), want, None, search.ignorefile.root(), search.cache);
    top.is_kept = true;
    walk_folder(root, search, top)
}

/// Walks a folder below a resolved root.
pub(crate) fn walk_folder(root: &Path, search: &Search<'_>, top: FoundFolder) -> Result<Arc<FoundFolder>, ScanError> {
    let top = Arc::new(top);
    let walk = Walk { root, search, errors: Mutex::default() };
    rayon::scope(|scope| walk.enter(&top, scope));
    // Threads meet errors in any order; the first by path is told.
    let first = walk.errors.into_inner().unwrap_or_else(PoisonError::into_inner);
    let first = first.into_iter().min_by(|a, b| a.0.cmp(&b.0));
    first.map_or(Ok(top), |(_, error)| Err(error))
}

/// What the threads share.
struct Walk<'a> {
    root: &'a Path,
    search: &'a Search<'a>,
    errors: Mutex<Vec<(PathBuf, ScanError)>>,
}

/// The folder a thread is in.
struct Entered<'a> {
    folder: &'a FoundFolder,
    /// Open, so that the system need not find the folder again for each entry.
    handle: OwnedFd,
    /// The path of the entry at hand, below the root.
    path: Vec<u8>,
    /// How long the part of it is that does not change from entry to entry.
    n_folder: usize,
}

impl<'a> Walk<'a> {
    /// Lists a folder; those in it that are to be entered go to whichever thread is free.
    fn enter<'scope>(&'scope self, folder: &Arc<FoundFolder>, scope: &Scope<'scope>)
    where
        'a: 'scope,
    {
        match self.list(folder) {
            Ok(listed) => {
                for inner in listed.folders() {
                    scope.spawn(move |scope| self.enter(&inner, scope));
                }
                *locked(&folder.listed) = Some(listed);
            }
            Err(errno) => self.fail_to_enter(folder, errno),
        }
    }

    /// What of a folder matters.
    fn list(&self, folder: &FoundFolder) -> Result<Listed, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let handle = rustix::fs::open(self.on_disk(&folder.path), flags, Mode::empty())?;
        let mut path = folder.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        let mut entered = Entered { folder, handle, n_folder: path.len(), path };
        if let Some(folders) = self.unmoved(&mut entered) {
            return Ok(Listed::AsRecorded(folders, folder.records.n_records()));
        }
        let (names, mut records) = (names(&entered.handle, folder.records.n_records())?, folder.records);
        let n_names = names.len();
        let found = names.into_iter().filter_map(|(name, kind)| {
            let what = self.what(&mut entered, &name, kind, &mut records)?;
            Some(Found { name, what })
        });
        Ok(Listed::new(found.collect(), n_names, folder.records, self.search.cache))
    }

    /// The folders in a folder that has not moved and whose every entry is as recorded; else `None`.
    fn unmoved(&self, entered: &mut Entered<'_>) -> Option<Box<[Arc<FoundFolder>]>> {
        let (folder, cache) = (entered.folder, self.search.cache);
        if !(folder.is_unmoved && folder.records.are_all() && cache.is_whole(folder.records)) {
            return None;
        }
        let (mut rest, mut folders, mut n_found) = (folder.records, Vec::new(), 0);
        for (name, kind) in cache.names(folder.records) {
            match self.what(entered, name, kind, &mut rest)? {
                What::File(_, Some(_)) => {}
                What::Folder(_, Some(_), inner) => folders.push(inner),
                _ => return None,
            }
            n_found += 1;
        }
        (n_found == folder.records.n_records()).then(|| folders.into())
    }

    /// What an entry is; `None` where it does not matter or has vanished. `records` are those of the folder that
    /// stand behind the entries before.
    fn what(
        &self,
        entered: &mut Entered<'_>,
        name: &[u8],
        kind: FileType,
        records: &mut FolderRecords,
    ) -> Option<What> {
        entered.path.truncate(entered.n_folder);
        entered.path.extend_from_slice(name);
        let entered = &*entered;
        let (folder, path) = (entered.folder, entered.path.as_slice());
        let want = if folder.is_within_request { Want::Within } else { self.search.requested.wants_bytes(path) };
        if want == Want::No {
            return None;
        }
        // Some file systems do not say what an entry is.
        let stamp = if kind == FileType::Unknown { Some(self.stamp(entered, name)?) } else { None };
        let is_folder = stamp.map_or(kind == FileType::Directory, |stamp| stamp.is_folder());
        if want == Want::OnTheWay && !is_folder {
            return None;
        }
        let ignorefile = self.search.ignorefile;
        let (decision, state) = match ignorefile.decide(&folder.state, path) {
            Ok(decided) => decided,
            Err(broken) => {
                self.fail(path, broken.into());
                return None;
            }
        };
        let ignored_by = match decision {
            Decision::Kept(_) => None,
            Decision::Ignored(rule) => Some(rule.line),
        };
        if let Some(line) = ignored_by
            && (!is_folder || ignorefile.can_skip(path))
        {
            return self.search.lists_ignored.then_some(What::Ignored(line));
        }
        let stamp = match stamp {
            Some(stamp) => stamp,
            None => self.stamp(entered, name)?,
        };
        // The kind read from the folder may be out of date; the stamp says what stands there.
        if is_folder != stamp.is_folder() {
            self.fail(path, ScanError::KeepsChanging(self.on_disk(path)));
            return None;
        }
        let known = self.search.cache.find_next(records, name, &stamp);
        if !is_folder {
            return Some(What::File(stamp, known));
        }
        let mut inner = FoundFolder::new(path.to_owned(), want, ignored_by, state, self.search.cache);
        inner.is_unmoved = known.is_some();
        Some(What::Folder(stamp, known, Arc::new(inner)))
    }

    /// The stamp of an entry; `None` if it has vanished, or if the system will not say, which is then an error.
    fn stamp(&self, entered: &Entered<'_>, name: &[u8]) -> Option<Stamp> {
        match rustix::fs::statat(&entered.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(Stamp::of(&stat)),
            Err(Errno::NOENT | Errno::NOTDIR) => None,
            Err(errno) => {
                let path = self.on_disk(&entered.path);
                self.fail(&entered.path, ScanError::Unreadable { path, source: errno.into() });
                None
            }
        }
    }

    fn fail_to_enter(&self, folder: &FoundFolder, errno: Errno) {
        match errno {
            // It has vanished, or something else has taken its place.
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => *locked(&folder.listed) = Some(Listed::Vanished),
            // BuildKit's client passes by what it would not have sent (fsutil's filter).
            Errno::ACCESS | Errno::PERM if !folder.is_kept => {}
            _ => {
                let path = self.on_disk(&folder.path);
                self.fail(&folder.path, ScanError::Unreadable { path, source: errno.into() });
            }
        }
    }

    fn fail(&self, path: &[u8], error: ScanError) {
        locked(&self.errors).push((self.on_disk(path), error));
    }

    fn on_disk(&self, path: &[u8]) -> PathBuf {
        if path.is_empty() { self.root.to_owned() } else { self.root.join(OsStr::from_bytes(path)) }
    }
}

/// Names, and what stands there.
type Names = Vec<(Box<[u8]>, FileType)>;

/// The names in a folder and what they are, in byte order; there may be about `n_expected`.
fn names(handle: &OwnedFd, n_expected: usize) -> Result<Names, Errno> {
    let mut names = Vec::with_capacity(n_expected + 1);
    let mut buffer = Vec::with_capacity(LISTING);
    let mut listing = RawDir::new(handle, buffer.spare_capacity_mut());
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push((Box::<[u8]>::from(name), entry.file_type()));
        }
    }
    names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(names)
}

/// A panic elsewhere does not spoil what the mutex holds: it is written whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
