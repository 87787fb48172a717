//! Following symbolic links inside a tree, as BuildKit's content hash does: targets stay below the root,
//! absolute ones start there, and 255 links are enough for anybody.

use std::sync::Arc;

use crate::context::{BuildContext, ContextPath, FileKind, Found, Node};

const MAX_LINKS: usize = 255;

/// The place a path leads to and what stands there; `None` if nothing does or the links never end.
/// `last` says whether a link in the last component is followed as well.
#[must_use]
pub fn resolve(tree: &BuildContext, path: &ContextPath, last: bool) -> Option<(ContextPath, Node)> {
    let reached = follow(path, last, |path| link_target(tree, path))?;
    let node = match tree.find(&reached)? {
        Found::Folder(folder) => Node::Folder(folder),
        Found::File(entry) => Node::File(entry),
    };
    Some((reached, node))
}

/// The place a path leads to, given the target of each link on the way; `None` if the links never end.
#[must_use]
pub fn follow(path: &ContextPath, last: bool, target: impl Fn(&ContextPath) -> Option<Vec<u8>>) -> Option<ContextPath> {
    let mut reached = ContextPath::root();
    let mut rest: Vec<Vec<u8>> = path.components().map(<[u8]>::to_vec).collect();
    rest.reverse();
    let mut n_links = 0;
    while let Some(component) = rest.pop() {
        let next = match component.as_slice() {
            b"." | b"" => continue,
            b".." => reached.parent().unwrap_or_default(),
            name => reached.join(name),
        };
        let link = if rest.is_empty() && !last { None } else { target(&next) };
        let Some(target) = link else {
            reached = next;
            continue;
        };
        n_links += 1;
        if n_links > MAX_LINKS {
            return None;
        }
        if target.first() == Some(&b'/') {
            reached = ContextPath::root();
        }
        rest.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
    }
    Some(reached)
}

fn link_target(tree: &BuildContext, path: &ContextPath) -> Option<Vec<u8>> {
    match tree.find(path)? {
        Found::File(entry) => match &Arc::as_ref(&entry).kind {
            FileKind::Symlink { target } => Some(target.clone()),
            _ => None,
        },
        Found::Folder(_) => None,
    }
}
