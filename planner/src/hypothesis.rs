//! A change that has not been made: the context as it would be if these files had other bytes.

use std::sync::Arc;

use crate::context::{BuildContext, ContextPath, FileEntry, FileKind, Found, Node};
use crate::digest::{ContentDigest, Hasher};

/// The context after an edit of each path: a file gets bytes nobody has seen, of a folder every file does, and what
/// is not there is made.
#[must_use]
pub fn edited(context: &BuildContext, paths: &[ContextPath]) -> BuildContext {
    let mut files = Vec::new();
    for path in paths {
        match context.find(path) {
            Some(Found::File(entry)) => files.push((path.clone(), entry)),
            Some(Found::Folder(folder)) => BuildContext::from_root(folder).visit(&mut |below, node| {
                if let Node::File(entry) = node {
                    files.push((path.append(below), entry.clone()));
                }
            }),
            None if path.is_root() => {}
            None => files.push((path.clone(), Arc::new(FileEntry::file(0o644, 0, ContentDigest::of(b""))))),
        }
    }
    files.into_iter().fold(context.clone(), |context, (path, entry)| {
        let node = Node::File(Arc::new(unseen(&path, &entry)));
        context.with(&path, node)
    })
}

/// The same entry with other bytes, or, where it has none, another target.
fn unseen(path: &ContextPath, entry: &FileEntry) -> FileEntry {
    let mut hasher = Hasher::new("not yet written");
    let content = hasher.field(path.as_bytes()).digest(&entry.digest()).finish();
    let kind = match &entry.kind {
        FileKind::File { size, .. } => FileKind::File { size: *size, content },
        FileKind::Symlink { target } => {
            FileKind::Symlink { target: [target.as_slice(), content.short().as_bytes()].concat() }
        }
        other => other.clone(),
    };
    FileEntry { kind, ..entry.clone() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::edited;
    use crate::context::{BuildContext, Change, ContextPath, FileEntry, Node};
    use crate::digest::ContentDigest;

    #[test]
    fn a_folder_stands_for_every_file_in_it_and_a_new_path_is_made() {
        let file = |text: &str| Node::File(Arc::new(FileEntry::file(0o644, 1, ContentDigest::of(text.as_bytes()))));
        let before = BuildContext::default()
            .with(&ContextPath::new("src/a"), file("a"))
            .with(&ContextPath::new("src/b"), file("b"))
            .with(&ContextPath::new("c"), file("c"));
        let after = edited(&before, &[ContextPath::new("src"), ContextPath::new("new")]);
        let changes: Vec<(String, bool)> = before
            .diff(&after)
            .changes
            .iter()
            .map(|(path, change)| (path.to_lossy(), matches!(change, Change::Added(_))))
            .collect();
        assert_eq!(changes, [("new".to_owned(), true), ("src/a".to_owned(), false), ("src/b".to_owned(), false)]);
    }
}
