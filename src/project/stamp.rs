//! Whether a file was written since it was read, or a link to a folder leads elsewhere: size, times and place on disk,
//! taken before it is read. In go paths, out come those that are no longer what they were. A file that holds its old bytes
//! again was written all the same. No content is read.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What some paths were.
#[derive(Default)]
pub(super) struct Stamps(BTreeMap<PathBuf, Option<Stamp>>);

/// What a regular file was, or a link to a folder. Its device and inode, size, and the times of its content and of itself, in seconds and
/// nanoseconds.
#[derive(PartialEq, Eq)]
struct Stamp([u64; 3], [i64; 4]);

impl Stamps {
    /// What these paths are now; they may be missing.
    pub(super) fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(paths.into_iter().map(|path| (path.clone(), stamp(&path))).collect())
    }

    /// All of them.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// The paths that are something else now.
    pub(super) fn changed(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter(|(path, then)| stamp(path) != **then).map(|(path, _)| path.as_path())
    }
}

/// `None` where there is neither: a pipe is read once, and says nothing by its times; those of a folder tell of its names.
fn stamp(path: &Path) -> Option<Stamp> {
    let mut now = fs::metadata(path).ok()?;
    if now.is_dir() {
        now = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_symlink)?;
    } else if !now.is_file() {
        return None;
    }
    Some(Stamp([now.dev(), now.ino(), now.len()], [now.mtime(), now.mtime_nsec(), now.ctime(), now.ctime_nsec()]))
}
