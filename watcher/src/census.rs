//! The files of a context counted another way: `ignore` walks the folder with none of its own rules, and every entry is
//! judged from the root down, each by itself. Slow and simple, so that a check need not believe the walk that scans
//! share. In go the folder, its ignore file and the request; out come paths. No file is opened.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use ignore::{DirEntry, WalkBuilder};
use planner::context::ContextPath;
use planner::ignorefile::Ignorefile;
use planner::requested::{Requested, Want};

use crate::walk::{ScanError, resolve_root};

/// The regular files and symbolic links of the context at `root` that a build is sent. Folders that cannot be read are
/// passed by.
///
/// # Errors
/// [`ScanError`] where there is no such folder, or a pattern cannot be matched.
pub fn census(root: &Path, ignorefile: &Ignorefile, requested: &Requested) -> Result<BTreeSet<ContextPath>, ScanError> {
    let root = resolve_root(root)?;
    let mut sent = BTreeSet::new();
    let walk = WalkBuilder::new(&root).standard_filters(false).follow_links(false).build();
    for entry in walk.filter_map(Result::ok).filter(is_counted) {
        let Ok(below) = entry.path().strip_prefix(&root) else { continue };
        let path = ContextPath::new(below.as_os_str().as_bytes());
        if requested.wants(&path) == Want::Within && !ignorefile.ignores(&path)? {
            sent.insert(path);
        }
    }
    Ok(sent)
}

fn is_counted(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_file() || kind.is_symlink())
}
