//! Folders without files. git keeps none of them, but BuildKit hashes them like any entry: one that no version of git's
//! accounts for was not there. One that git ignores, or that holds what git ignores, is taken as unchanged and counted.
//! In go a context and what git knows of the past, out comes what was not there. No content is read.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use planner::context::{BuildContext, ContextPath, Folder, Node};

use super::contexts::{Place, TakingBack};
use crate::fault::Fault;
use crate::git::{Commit, Differences, GitError, Repository};

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

impl TakingBack<'_> {
    /// Asks the submodules that hold bare folders and that git calls unchanged.
    pub(super) fn take_unchanged_submodules(&mut self) -> anyhow::Result<()> {
        let mut folders: Vec<ContextPath> = self.bare.iter().filter_map(ContextPath::parent).collect();
        folders.dedup();
        for folder in folders {
            let above = std::iter::successors(Some(folder), ContextPath::parent).filter(|path| !path.is_root());
            for here in above {
                if self.asked.insert(here.clone()) && self.on_disk(&here).join(".git").exists() {
                    self.take_unchanged(here)?;
                }
            }
        }
        Ok(())
    }

    fn take_unchanged(&mut self, here: ContextPath) -> anyhow::Result<()> {
        let is_elsewhere = |known: &ContextPath| here.is_within(known);
        if self.gone.iter().chain(&self.ignored).any(is_elsewhere) {
            return Ok(());
        }
        let (repository, commit, differences) = at_head(&self.on_disk(&here)).map_err(Fault::from)?;
        self.take(&repository, &commit.id, &differences, &Place { strip: ContextPath::root(), add: here })
    }

    /// Takes away the bare folders that were not there; says how many more are taken as unchanged.
    pub(super) fn take_bare(&mut self) -> usize {
        let is_known = |path: &ContextPath, known: &[ContextPath]| known.iter().any(|above| path.is_within(above));
        let mut of_ignored = BTreeSet::new();
        for ignored in &self.ignored {
            let above = std::iter::successors(ignored.parent(), ContextPath::parent);
            of_ignored.extend(above.take_while(|path| !path.is_root()));
        }
        let mut n_kept = 0;
        for path in &self.bare {
            if self.folders.contains(path) || is_known(path, &self.unknown) {
                continue;
            }
            if of_ignored.contains(path) || is_known(path, &self.ignored) {
                n_kept += 1;
            } else {
                self.gone.insert(path.clone());
            }
        }
        // A folder that loses its last new file stays for the sake of the others.
        self.folders.append(&mut of_ignored);
        n_kept
    }

    fn on_disk(&self, path: &ContextPath) -> PathBuf {
        self.sieve.root.join(OsStr::from_bytes(path.as_bytes()))
    }
}

fn at_head(dir: &Path) -> Result<(Repository, Commit, Differences), GitError> {
    let repository = Repository::of(dir)?;
    let commit = repository.commit("HEAD")?;
    let differences = repository.differences(&commit.id, &[ContextPath::root()])?;
    Ok((repository, commit, differences))
}
