//! A context folder to the entries a build is sent, unread: `ignore` walks on several threads, and the ignore
//! file and the request decide in its `filter_entry`, so that what cannot matter is never entered. Each entry
//! comes with its stamp and with what the stat cache knows of it. Nothing is opened here but folders.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ignore::{DirEntry, WalkBuilder, WalkState};
use planner::ignorefile::{BrokenPattern, Decision, Ignorefile, State};
use planner::requested::{Requested, Want};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::hash::Stamp;
use crate::stat_cache::{FolderRecords, Record, StatCache};

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
#[derive(Default)]
pub(crate) struct FoundFolder {
    /// Below the context root, as [`planner::context::ContextPath`] has it.
    pub(crate) path: Vec<u8>,
    /// The line of the rule that ignores the folder itself; it then counts only for what it holds.
    pub(crate) ignored_by: Option<u32>,
    /// Whether the folder is sent even when it holds nothing.
    pub(crate) is_kept: bool,
    walk: u64,
    state: State,
    is_within_request: bool,
    records: FolderRecords,
    has_vanished: AtomicBool,
    entries: Mutex<Vec<Found>>,
}

impl FoundFolder {
    /// Takes the entries out, in no order; `None` if the folder went away during the walk.
    pub(crate) fn take(&self) -> Option<Vec<Found>> {
        let entries = std::mem::take(&mut *locked(&self.entries));
        (!self.has_vanished.load(Ordering::Relaxed)).then_some(entries)
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
    static N_WALKS: AtomicU64 = AtomicU64::new(0);
    let number = N_WALKS.fetch_add(1, Ordering::Relaxed);
    let top = Arc::new(FoundFolder {
        walk: number,
        is_kept: true,
        state: search.ignorefile.root(),
        is_within_request: search.requested.is_everything(),
        records: search.cache.folder(b""),
        ..FoundFolder::default()
    });
    let walk = Arc::new(Walk {
        number,
        n_root: root.as_os_str().len() + usize::from(root != Path::new("/")),
        ignorefile: search.ignorefile.clone(),
        requested: search.requested.clone(),
        cache: search.cache.clone(),
        lists_ignored: search.lists_ignored,
        folders: Mutex::new(HashMap::from([(Vec::new(), top.clone())])),
        errors: Mutex::default(),
    });
    let filter = walk.clone();
    WalkBuilder::new(root)
        .standard_filters(false)
        .filter_entry(move |entry| filter.admits(entry))
        .build_parallel()
        .run(|| Box::new(|entry| walk.enter(entry)));
    // Threads meet errors in any order; the first by path is told.
    let first = std::mem::take(&mut *locked(&walk.errors)).into_iter().min_by(|a, b| a.0.cmp(&b.0));
    first.map_or(Ok(top), |(_, error)| Err(error))
}

/// What the threads share. `filter_entry` demands that it borrows nothing.
struct Walk {
    number: u64,
    /// How many bytes of a full path come before the path below the root.
    n_root: usize,
    ignorefile: Ignorefile,
    requested: Requested,
    cache: StatCache,
    lists_ignored: bool,
    folders: Mutex<HashMap<Vec<u8>, Arc<FoundFolder>>>,
    errors: Mutex<Vec<(PathBuf, ScanError)>>,
}

thread_local! {
    /// The folder whose entries this thread of the walker filters: a short cut past `Walk::folders`, as
    /// `filter_entry` sees one entry at a time.
    static CURRENT: RefCell<Option<Entered>> = const { RefCell::new(None) };
}

struct Entered {
    folder: Arc<FoundFolder>,
    /// Open, so that the system need not find the folder again for each entry; `None` if that failed.
    handle: Option<OwnedFd>,
}

impl Entered {
    fn new(folder: Arc<FoundFolder>, path: &Path) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Self { folder, handle: rustix::fs::open(path, flags, Mode::empty()).ok() }
    }
}

impl Walk {
    /// Notes which folder's entries the thread will filter next, or that it could not read a folder.
    fn enter(&self, entry: Result<DirEntry, ignore::Error>) -> WalkState {
        match entry {
            Ok(entry) => {
                let folder = self.folder(self.below_root(entry.path()));
                let entered = folder.map(|folder| Entered::new(folder, entry.path()));
                CURRENT.with_borrow_mut(|current| *current = entered);
            }
            Err(error) => self.fail_to_enter(error),
        }
        WalkState::Continue
    }

    /// Records an entry; says whether it is a folder to enter.
    fn admits(&self, entry: &DirEntry) -> bool {
        let path = self.below_root(entry.path());
        let n_folder = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let is_of = |folder: &FoundFolder| folder.walk == self.number && folder.path == path[..n_folder];
        CURRENT.with_borrow(|current| match current {
            Some(current) if is_of(&current.folder) => self.admits_to(current, entry, path),
            _ => self
                .folder(&path[..n_folder])
                .is_some_and(|folder| self.admits_to(&Entered { folder, handle: None }, entry, path)),
        })
    }

    fn admits_to(&self, entered: &Entered, entry: &DirEntry, path: &[u8]) -> bool {
        let folder = entered.folder.as_ref();
        let want = if folder.is_within_request { Want::Within } else { self.requested.wants_bytes(path) };
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        if want == Want::No || (want == Want::OnTheWay && !is_folder) {
            return false;
        }
        let (decision, state) = match self.ignorefile.decide(&folder.state, path) {
            Ok(decided) => decided,
            Err(broken) => {
                self.fail(entry.path(), broken.into());
                return false;
            }
        };
        let ignored_by = match decision {
            Decision::Kept(_) => None,
            Decision::Ignored(rule) => Some(rule.line),
        };
        if let Some(line) = ignored_by
            && (!is_folder || self.ignorefile.can_skip(path))
        {
            if self.lists_ignored {
                folder.push(path, What::Ignored(line));
            }
            return false;
        }
        let Some(stamp) = self.stamp(entered, entry.path(), name_of(path)) else {
            return false;
        };
        // The kind read from the folder may be out of date; the stamp says what stands there.
        if is_folder != stamp.is_folder() {
            self.fail(entry.path(), ScanError::KeepsChanging(entry.path().to_owned()));
            return false;
        }
        let known = self.cache.find(folder.records, name_of(path), &stamp);
        if is_folder {
            let inner = Arc::new(FoundFolder {
                path: path.to_owned(),
                ignored_by,
                is_kept: want == Want::Within && ignored_by.is_none(),
                walk: self.number,
                state,
                is_within_request: want == Want::Within,
                records: self.cache.folder(path),
                ..FoundFolder::default()
            });
            locked(&self.folders).insert(path.to_owned(), inner.clone());
            folder.push(path, What::Folder(stamp, known, inner));
        } else {
            folder.push(path, What::File(stamp, known));
        }
        is_folder
    }

    /// The stamp of a path; `None` if it has vanished, or if the system will not say, which is then an error.
    fn stamp(&self, entered: &Entered, path: &Path, name: &[u8]) -> Option<Stamp> {
        let stat = match &entered.handle {
            Some(handle) => rustix::fs::statat(handle, name, AtFlags::SYMLINK_NOFOLLOW),
            None => rustix::fs::lstat(path),
        };
        match stat {
            Ok(stat) => Some(Stamp::of(&stat)),
            Err(Errno::NOENT | Errno::NOTDIR) => None,
            Err(errno) => {
                self.fail(path, ScanError::Unreadable { path: path.to_owned(), source: errno.into() });
                None
            }
        }
    }

    fn fail_to_enter(&self, error: ignore::Error) {
        let path = path_in(&error).map(Path::to_owned).unwrap_or_default();
        let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other("the walk failed"));
        let folder = self.folder(self.below_root(&path));
        match (source.kind(), folder) {
            (ErrorKind::NotFound | ErrorKind::NotADirectory, Some(folder)) => {
                folder.has_vanished.store(true, Ordering::Relaxed);
            }
            (ErrorKind::NotFound, None) => {}
            // BuildKit's client passes by what it would not have sent (fsutil's filter).
            (ErrorKind::PermissionDenied, Some(folder)) if !folder.is_kept => {}
            _ => self.fail(&path.clone(), ScanError::Unreadable { path, source }),
        }
    }

    fn fail(&self, path: &Path, error: ScanError) {
        locked(&self.errors).push((path.to_owned(), error));
    }

    fn folder(&self, path: &[u8]) -> Option<Arc<FoundFolder>> {
        locked(&self.folders).get(path).cloned()
    }

    fn below_root<'a>(&self, full: &'a Path) -> &'a [u8] {
        full.as_os_str().as_bytes().get(self.n_root..).unwrap_or_default()
    }
}

impl FoundFolder {
    fn push(&self, path: &[u8], what: What) {
        locked(&self.entries).push(Found { name: name_of(path).into(), what });
    }
}

fn name_of(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

fn path_in(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_in(err),
        ignore::Error::Partial(errors) => errors.iter().find_map(path_in),
        _ => None,
    }
}

/// A panic elsewhere does not spoil what the mutex holds: each entry is pushed whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
