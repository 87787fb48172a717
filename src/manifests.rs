//! The manifests of a context, read: what says which files an install needs. In go a scanned context and the folder it was
//! scanned from, out come bytes by path. A file that was written since the scan, or that is very large, is left out.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use planner::context::{BuildContext, ContextPath, FileKind, Node};
use planner::digest::ContentDigest;
use planner::known_command::visible::{Manifests, is_manifest};

use crate::intake;

/// The largest manifest that is read, in bytes.
const MOST_BYTES: u64 = 16 << 20;

/// The manifests of a context below `root`.
pub(crate) fn read(root: &Path, context: &BuildContext) -> Manifests {
    let mut wanted: Vec<(ContextPath, ContentDigest)> = Vec::new();
    context.visit(&mut |path, node| {
        if let Node::File(entry) = node
            && let FileKind::File { size, content } = &entry.kind
            && *size <= MOST_BYTES
            && is_manifest(path)
        {
            wanted.push((path.clone(), *content));
        }
    });
    let read = wanted.into_iter().filter_map(|(path, content)| {
        let bytes = intake::read(&root.join(OsStr::from_bytes(path.as_bytes()))).ok()?;
        (ContentDigest::of(&bytes) == content).then_some((path, bytes))
    });
    read.collect()
}
