//! Folders without files. git keeps none of them, but BuildKit hashes them like any entry: one that no version of git's
//! accounts for was not there. One that git ignores, or that holds what git ignores, is taken as unchanged and counted.
//! In go a context and what git knows of the past, out comes what was not there. No content is read.

use std::collections::BTreeSet;

use planner::context::{BuildContext, ContextPath, Folder, Node};

/// The folders of a context in which no file is sent, git's own aside.
pub(super) fn bare(context: &BuildContext) -> Vec<ContextPath> {
    let mut bare = Vec::new();
    gather(&ContextPath::root(), context.root(), &mut bare);
    bare
}

/// Gathers those below `path`; says whether a file is there.
fn gather(path: &ContextPath, folder: &Folder, bare: &mut Vec<ContextPath>) -> bool {
    let mut has_file = false;
    for (name, node) in folder.entries() {
        match node {
            Node::Folder(below) => {
                let here = path.join(name);
                let is_bare = &**name != b".git" && !gather(&here, below, bare);
                has_file |= !is_bare;
                bare.extend(is_bare.then_some(here));
            }
            Node::File(_) => has_file = true,
        }
    }
    has_file
}

/// What is said of folders that are taken as unchanged.
pub(super) fn kept(n_folders: usize) -> Option<String> {
    let (folders, hold, are) = if n_folders == 1 { ("folder", "holds", "is") } else { ("folders", "hold", "are") };
    (n_folders > 0)
        .then(|| format!("{n_folders} {folders} that {hold} nothing or only what git ignores {are} taken as unchanged"))
}

/// What git knows of the folders of the past.
pub(super) struct Known<'a> {
    /// Those of the revision.
    pub(super) folders: &'a BTreeSet<ContextPath>,
    /// Those of which nothing is known.
    pub(super) unknown: &'a [ContextPath],
    /// Files that git ignores, and folders with all they hold.
    pub(super) ignored: &'a [ContextPath],
}

impl Known<'_> {
    /// The folders that hold something that git ignores.
    pub(super) fn of_ignored(&self) -> BTreeSet<ContextPath> {
        let above = |path: &ContextPath| std::iter::successors(path.parent(), ContextPath::parent);
        self.ignored.iter().flat_map(above).filter(|path| !path.is_root()).collect()
    }

    /// Of bare folders those that were not there, and how many are taken as unchanged.
    pub(super) fn new_ones(&self, bare: &[ContextPath]) -> (Vec<ContextPath>, usize) {
        let is_within = |path: &ContextPath, known: &[ContextPath]| known.iter().any(|above| path.is_within(above));
        let open = bare.iter().filter(|path| !self.folders.contains(path) && !is_within(path, self.unknown));
        let of_ignored = self.of_ignored();
        let is_kept = |path: &&ContextPath| of_ignored.contains(path) || is_within(path, self.ignored);
        let (kept, new): (Vec<_>, Vec<_>) = open.partition(is_kept);
        (new.into_iter().cloned().collect(), kept.len())
    }
}
