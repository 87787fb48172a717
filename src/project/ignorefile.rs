//! Which ignore file counts, by BuildKit's rules (frontend/dockerui): `<Dockerfile>.dockerignore` beside the
//! Dockerfile if it exists, even when empty; else `.dockerignore` at the root of the context. Out come its
//! bytes and its name. Nothing is parsed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{ContextDir, clean};
use crate::fault::Fault;
use crate::intake::{self, reason};

/// An ignore file as read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct IgnoreSource {
    /// The path below the context, or where it lies elsewhere the path to show.
    pub(crate) name: PathBuf,
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Reads the ignore file that counts, if there is one.
pub(super) fn read(context: &ContextDir, own: &Option<PathBuf>) -> anyhow::Result<Option<IgnoreSource>> {
    if let Some(path) = own {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let found = fs::canonicalize(dir).ok().map(|dir| (dir, path.file_name().unwrap_or_default()));
        if let Some((dir, name)) = found
            && let Some(bytes) = read_below(&dir, Path::new(name))?
        {
            let below = dir.strip_prefix(&context.root).map(|below| below.join(name));
            return Ok(Some(IgnoreSource { name: clean(&below.unwrap_or(path.clone())), bytes }));
        }
    }
    read_root(context)
}

/// Reads `.dockerignore` at the root of a context, the only one that counts for a named context.
pub(super) fn read_root(context: &ContextDir) -> anyhow::Result<Option<IgnoreSource>> {
    let name = PathBuf::from(".dockerignore");
    Ok(read_below(&context.root, &name)?.map(|bytes| IgnoreSource { name, bytes }))
}

/// The bytes of a file in the folder `root`. BuildKit fetches the file like any other of its folder: symbolic
/// links are followed with `root` as their root, and what is no file counts as missing.
fn read_below(root: &Path, name: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(path) = follow(root, name) else { return Ok(None) };
    match intake::read_by_hand(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => Ok(None),
        Err(error) => {
            Err(Fault::new(format!("cannot read `{}`: {}", root.join(name).display(), reason(&error))).into())
        }
    }
}

/// Where a path below `root` leads, never out of `root`; `None` for a loop.
fn follow(root: &Path, name: &Path) -> Option<PathBuf> {
    const MAX_LINKS: usize = 255;
    let mut below = PathBuf::new();
    let mut rest: Vec<_> = name.components().map(|part| part.as_os_str().to_owned()).rev().collect();
    let mut n_links = 0;
    while let Some(part) = rest.pop() {
        match part.to_str() {
            Some("." | "") => continue,
            Some("..") => {
                below.pop();
                continue;
            }
            Some("/") => {
                below.clear();
                continue;
            }
            _ => below.push(&part),
        }
        if let Ok(target) = fs::read_link(root.join(&below)) {
            n_links += 1;
            if n_links > MAX_LINKS {
                return None;
            }
            below.pop();
            rest.extend(target.components().map(|part| part.as_os_str().to_owned()).rev());
        }
    }
    Some(root.join(below))
}
