//! Walks a folder of a watched context as far as a scan would enter it. Each folder is handed out before its list is
//! read, so that whoever watches it first misses nothing: what was there before is in the list, what comes later is told
//! by the watch. No file is opened.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ignore::{DirEntry, WalkBuilder};
use planner::context::ContextPath;

use crate::place::{Passage, Watched};

/// Something found on the walk.
pub(crate) struct Met<'a> {
    pub(crate) on_disk: &'a Path,
    pub(crate) path: ContextPath,
    pub(crate) is_folder: bool,
}

/// Calls `meet` for `folder`, which is to be entered, and for all that matters below it. `root` is resolved. What cannot
/// be read is passed by.
pub(crate) fn enter(watched: &Arc<Watched>, root: &Path, folder: &ContextPath, mut meet: impl FnMut(&Met<'_>)) {
    let (_, state) = watched.passage_from_root(folder, true);
    // The states of the folders that the walk is in.
    let states = Mutex::new(vec![if folder.is_root() { watched.ignorefile.root() } else { state }]);
    let (rules, base) = (watched.clone(), root.to_owned());
    let is_open = move |entry: &DirEntry| {
        let Some(path) = below(entry.path(), &base) else { return false };
        let mut states = states.lock().unwrap_or_else(PoisonError::into_inner);
        states.truncate(entry.depth());
        let Some(above) = states.last() else { return false };
        let (passage, inner) = rules.passage(above, &path, is_folder(entry));
        states.push(inner);
        passage == Passage::Open
    };
    // A folder is opened before it is handed out, but its list is read only when the next entry is asked for.
    let top = root.join(std::ffi::OsStr::from_bytes(folder.as_bytes()));
    let walk = WalkBuilder::new(top).standard_filters(false).follow_links(false).filter_entry(is_open).build();
    for entry in walk.filter_map(Result::ok) {
        if let Some(path) = below(entry.path(), root) {
            meet(&Met { on_disk: entry.path(), path, is_folder: is_folder(&entry) });
        }
    }
}

/// The path of something below a root.
pub(crate) fn below(on_disk: &Path, root: &Path) -> Option<ContextPath> {
    Some(ContextPath::new(on_disk.strip_prefix(root).ok()?.as_os_str().as_bytes()))
}

fn is_folder(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir())
}
