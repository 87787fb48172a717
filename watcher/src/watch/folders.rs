//! The folders that are watched, each by one watch of `notify` that does not reach below it. Events of them go to the
//! sender with the number of this set. It does not know why a folder is watched.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use crate::place::Shortage;

/// What the watching thread is sent.
pub(crate) type Raw = (u64, notify::Result<Event>);

/// A set of watched folders.
pub(crate) struct Folders {
    notify: Option<RecommendedWatcher>,
    /// Ends when `notify` has ended.
    ended: Receiver<()>,
    placed: BTreeMap<PathBuf, Identity>,
    most: usize,
    /// Why not every folder is watched.
    pub(crate) shortage: Option<Shortage>,
    /// Whether a watch may have come to stand on another folder than the one of its path.
    pub(crate) is_suspect: bool,
}

/// What tells a folder from another that took its place: device and inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity(u64, u64);

impl Identity {
    /// That of the folder at `path`; `None` if there is none. A link is not followed.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = path.symlink_metadata().ok()?;
        metadata.is_dir().then(|| Self(metadata.dev(), metadata.ino()))
    }
}

impl Folders {
    /// An empty set of at most so many watches.
    pub(crate) fn new(number: u64, most: usize, wrap: impl Fn(Raw) + Send + 'static) -> Self {
        let (guard, ended): (Sender<()>, _) = mpsc::channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let _held = &guard;
            // The system's queue is short: nothing else is done here.
            if !event.as_ref().is_ok_and(|event| event.kind.is_access()) {
                wrap((number, event));
            }
        });
        let (notify, shortage) = match watcher {
            Ok(notify) => (Some(notify), None),
            Err(error) => (None, Some(shortage(&error).unwrap_or(Shortage::Instances))),
        };
        Self { notify, ended, placed: BTreeMap::new(), most, shortage, is_suspect: false }
    }

    /// A set that can watch nothing.
    pub(crate) fn nothing() -> Self {
        let (_, ended) = mpsc::channel();
        let placed = BTreeMap::new();
        Self { notify: None, ended, placed, most: 0, shortage: None, is_suspect: false }
    }

    /// Watches a folder, unless it is watched. What has gone or may not be read is passed by.
    pub(crate) fn add(&mut self, path: &Path) {
        if self.placed.contains_key(path) || self.shortage.is_some() {
            return;
        }
        if self.placed.len() >= self.most {
            self.shortage = Some(Shortage::Watches);
            return;
        }
        let Some(notify) = &mut self.notify else { return };
        if let Err(error) = notify.watch(path, RecursiveMode::NonRecursive) {
            self.shortage = shortage(&error);
            return;
        }
        match Identity::of(path) {
            Some(identity) => drop(self.placed.insert(path.to_owned(), identity)),
            // A watch follows links: if one has come here, the watch may stand on a folder of the set.
            None => {
                let _gone = notify.unwatch(path);
                self.is_suspect |= path.symlink_metadata().is_ok();
            }
        }
    }

    /// Whether the folder at `path` is watched.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        self.placed.contains_key(path)
    }

    /// Whether the very folder that stands at `path` is watched.
    pub(crate) fn holds_this(&self, path: &Path, identity: Identity) -> bool {
        self.placed.get(path) == Some(&identity)
    }

    /// Ends the watches on `path` and below it.
    pub(crate) fn remove_within(&mut self, path: &Path) {
        let range = self.placed.range(path.to_owned()..).map(|(path, _)| path);
        let within: Vec<PathBuf> = range.take_while(|other| other.starts_with(path)).cloned().collect();
        self.remove(within);
    }

    /// Ends all watches but these.
    pub(crate) fn retain(&mut self, kept: &BTreeSet<PathBuf>) {
        let others: Vec<PathBuf> = self.placed.keys().filter(|path| !kept.contains(*path)).cloned().collect();
        self.remove(others);
    }

    fn remove(&mut self, paths: Vec<PathBuf>) {
        for path in paths {
            if let Some(notify) = &mut self.notify {
                // What has gone has lost its watch already.
                let _gone = notify.unwatch(&path);
            }
            self.placed.remove(&path);
        }
    }

    /// How many folders are watched.
    #[cfg(test)]
    pub(crate) fn n_placed(&self) -> usize {
        self.placed.len()
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        self.notify = None;
        // Its watches count until its thread has ended; the set that follows may need them.
        let _ended = self.ended.recv();
    }
}

/// What keeps a folder from being watched; `None` if only it is at fault: it has gone, or may not be read.
fn shortage(error: &notify::Error) -> Option<Shortage> {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => Some(Shortage::Watches),
        notify::ErrorKind::PathNotFound | notify::ErrorKind::WatchNotFound => None,
        notify::ErrorKind::Io(source) => match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied => None,
            ErrorKind::StorageFull => Some(Shortage::Watches),
            _ if source.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => Some(Shortage::Instances),
            _ => Some(Shortage::Other(source.to_string())),
        },
        _ => Some(Shortage::Other(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Shortage, shortage};

    #[test]
    fn errors_tell_what_is_short() {
        let io = |errno: rustix::io::Errno| notify::Error::io(errno.into());
        assert_eq!(shortage(&notify::Error::new(notify::ErrorKind::MaxFilesWatch)), Some(Shortage::Watches));
        assert_eq!(shortage(&io(rustix::io::Errno::NOSPC)), Some(Shortage::Watches));
        assert_eq!(shortage(&io(rustix::io::Errno::MFILE)), Some(Shortage::Instances));
        assert_eq!(shortage(&io(rustix::io::Errno::NOENT)), None);
        assert_eq!(shortage(&io(rustix::io::Errno::ACCESS)), None);
        assert_eq!(shortage(&notify::Error::path_not_found()), None);
        assert!(matches!(shortage(&io(rustix::io::Errno::NOMEM)), Some(Shortage::Other(_))));
    }
}
