//! What BuildKit's client adds to a request: the targets of symbolic links that stand on a requested path, the
//! last component included. Targets are taken inside the context, absolute ones from its root; what leads out
//! is clamped there. Wildcards are looked up in the folder they stand in. Requested source paths go in, the full
//! [`Requested`] comes out. Only links and folder lists are read.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use planner::context::ContextPath;
use planner::glob::{self, Glob};
use planner::requested::Requested;

/// How many links one requested path may lead through, as for the kernel's `ELOOP` on a path BuildKit resolves.
const MOST_LINKS: usize = 255;

/// The request for these source paths with what their symbolic links lead to. What cannot be read leads nowhere:
/// the step that needs it will find it missing.
#[must_use]
pub fn resolve_requested(root: &Path, patterns: impl IntoIterator<Item = Vec<u8>>) -> Requested {
    let mut requested = BTreeSet::new();
    for pattern in patterns {
        follow(root, ContextPath::new(pattern), &mut requested);
    }
    Requested::of(requested.into_iter().map(|path| path.as_bytes().to_vec()))
}

/// Adds `path` and all that its links lead to.
fn follow(root: &Path, path: ContextPath, requested: &mut BTreeSet<ContextPath>) {
    let mut seen = BTreeSet::new();
    let mut waiting = VecDeque::from([path]);
    while let Some(path) = waiting.pop_front() {
        if seen.len() > MOST_LINKS || !seen.insert(path.clone()) {
            continue;
        }
        requested.insert(path.clone());
        let mut folder = ContextPath::root();
        let mut names = path.components();
        while let Some(name) = names.next() {
            let targets = targets(root, &folder, name);
            folder = folder.join(name);
            if !targets.is_empty() {
                let rest: Vec<&[u8]> = names.collect();
                waiting.extend(
                    targets.iter().map(|target| rest.iter().fold(target.clone(), |path, name| path.join(name))),
                );
                // The link itself is sent too, besides what it leads to.
                requested.insert(folder);
                break;
            }
        }
    }
}

/// Where the links of this name in `folder` lead; nowhere if there is none.
fn targets(root: &Path, folder: &ContextPath, name: &[u8]) -> Vec<ContextPath> {
    if !glob::has_wildcard(name) {
        return target(root, folder, name).into_iter().collect();
    }
    let on_disk = root.join(OsStr::from_bytes(folder.as_bytes()));
    let (Ok(glob), Ok(entries)) = (Glob::new(name), std::fs::read_dir(on_disk)) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().as_bytes().to_vec()));
    let mut names: Vec<Vec<u8>> = names.filter(|entry| glob.matches(entry)).collect();
    names.sort_unstable();
    names.iter().filter_map(|name| target(root, folder, name)).collect()
}

/// Where a link leads, below the root; `None` if it is no link.
fn target(root: &Path, folder: &ContextPath, name: &[u8]) -> Option<ContextPath> {
    let on_disk = root.join(OsStr::from_bytes(folder.join(name).as_bytes()));
    let target = std::fs::read_link(on_disk).ok()?;
    let target = target.as_os_str().as_bytes();
    if target.starts_with(b"/") {
        return Some(ContextPath::new(target));
    }
    Some(ContextPath::new([folder.as_bytes(), b"/", target].concat()))
}
