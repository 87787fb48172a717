//! Changing a context tree as a build would see it: what the ignore file and the request leave out stays out, and
//! folders come and go with what they hold. In go a tree and paths, out comes a tree. Of the disk only the modes of
//! folders are asked.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use planner::context::{BuildContext, ContextPath, FileEntry, Folder, FolderHeader, Found, Node};
use planner::ignorefile::{BrokenPattern, Ignorefile};
use planner::requested::{Requested, Want};

/// What of a context a build is sent.
pub(crate) struct Sieve<'a> {
    /// The context's folder.
    pub(crate) root: &'a Path,
    pub(crate) rules: &'a Ignorefile,
    pub(crate) requested: &'a Requested,
}

/// What is sent of a file and the folders it lies in.
pub(crate) struct Sent {
    /// The folders that are sent with the file, or without it.
    pub(crate) folders: Vec<ContextPath>,
    /// Whether the file is.
    pub(crate) file: bool,
}

impl Sieve<'_> {
    /// What is sent if a file stands at `path`.
    pub(crate) fn sent(&self, path: &ContextPath) -> Result<Sent, BrokenPattern> {
        let (mut on_the_way, mut sent) = (Vec::new(), Sent { folders: Vec::new(), file: false });
        let mut state = self.rules.root();
        let mut here = ContextPath::root();
        let mut names = path.components().peekable();
        while let Some(name) = names.next() {
            here = here.join(name);
            let want = self.requested.wants(&here);
            let (decision, next) = self.rules.decide(&state, here.as_bytes())?;
            let is_ignored = decision.is_ignored();
            state = next;
            if names.peek().is_none() {
                sent.file = want == Want::Within && !is_ignored;
            } else if want == Want::No || (is_ignored && self.rules.can_skip(here.as_bytes())) {
                return Ok(sent);
            } else {
                on_the_way.push(here.clone());
                if want == Want::Within && !is_ignored {
                    sent.folders.push(here.clone());
                }
            }
        }
        if sent.file {
            sent.folders = on_the_way;
        }
        Ok(sent)
    }

    /// An empty folder with the mode of the folder that stands there now; 0755 if there is none.
    pub(crate) fn empty_folder(&self, path: &ContextPath) -> Node {
        let now = fs::symlink_metadata(self.root.join(OsStr::from_bytes(path.as_bytes())));
        let mode = now.ok().filter(fs::Metadata::is_dir).map_or(0o755, |now| now.mode() & 0o7777);
        Node::Folder(Arc::new(Folder::new(Some(FolderHeader::new(mode)), Vec::new())))
    }

    /// The tree with these files, and the folders they bring.
    pub(crate) fn with_files(
        &self,
        tree: &BuildContext,
        files: Vec<(ContextPath, Option<FileEntry>)>,
    ) -> Result<BuildContext, BrokenPattern> {
        let mut changes = Vec::new();
        let mut made = BTreeSet::new();
        for (path, entry) in files {
            let sent = self.sent(&path)?;
            for folder in sent.folders {
                let is_there = matches!(tree.find(&folder), Some(Found::Folder(_)));
                if !is_there && made.insert(folder.clone()) {
                    changes.push((folder.clone(), Some(self.empty_folder(&folder))));
                }
            }
            let node = entry.map_or_else(|| self.empty_folder(&path), |entry| Node::File(Arc::new(entry)));
            changes.extend(sent.file.then_some((path, Some(node))));
        }
        changes.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(tree.with_all(&changes))
    }
}

/// The tree without these paths, and without the folders that this leaves empty, save those in `folders`.
pub(crate) fn without(
    tree: &BuildContext,
    gone: &BTreeSet<ContextPath>,
    folders: &BTreeSet<ContextPath>,
) -> BuildContext {
    let taken_out: Vec<_> = gone.iter().map(|path| (path.clone(), None)).collect();
    let mut tree = tree.with_all(&taken_out);
    let mut open: BTreeSet<ContextPath> = gone.iter().filter_map(ContextPath::parent).collect();
    // What a folder holds stands behind it.
    while let Some(path) = open.pop_last() {
        let is_empty = matches!(tree.find(&path), Some(Found::Folder(folder)) if folder.entries().is_empty());
        let is_absent = tree.find(&path).is_none();
        if !path.is_root() && !folders.contains(&path) && (is_empty || is_absent) {
            tree = tree.without(&path);
            open.extend(path.parent());
        }
    }
    tree
}
