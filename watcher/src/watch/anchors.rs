//! Where the contexts and single files of a [`Subject`] are on disk, and which folders must be watched for a name in
//! them: those of the single files, and those above a context, whose root may be replaced. Links to single files are
//! followed, since the file is what they lead to. Folders are looked up here; nothing is watched.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::place::Subject;
use crate::walk;

/// The places of a subject, resolved.
#[derive(PartialEq, Eq, Debug, Default)]
pub(crate) struct Anchors {
    /// The roots of the contexts that are there, by name.
    pub(crate) roots: BTreeMap<String, PathBuf>,
    /// The single files: by the place that an event names, as they are told.
    pub(crate) files: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    /// Folders to watch for a name in them.
    pub(crate) folders: BTreeSet<PathBuf>,
    /// Folders that, coming, going or replaced, lead to other contexts or single files.
    pub(crate) spine: BTreeSet<PathBuf>,
    /// Whether a context or the folder of a single file is missing.
    pub(crate) is_incomplete: bool,
}

impl Anchors {
    pub(crate) fn of(subject: &Subject) -> Self {
        let mut anchors = Self::default();
        for (name, watched) in &subject.contexts {
            match walk::resolve_root(&watched.root) {
                Ok(root) => {
                    anchors
                        .folders
                        .extend(root.ancestors().skip(1).filter(|above| is_quiet(above)).map(Path::to_owned));
                    anchors.spine.extend(root.ancestors().map(Path::to_owned));
                    anchors.roots.insert(name.clone(), root);
                }
                Err(_) => anchors.is_incomplete = true,
            }
        }
        for file in &subject.files {
            anchors.add_file(file);
        }
        anchors
    }

    fn add_file(&mut self, file: &Path) {
        let spots = spots(file);
        self.is_incomplete |= spots.is_empty();
        for spot in spots {
            if let Some(folder) = spot.parent() {
                self.folders.insert(folder.to_owned());
                self.spine.extend(folder.ancestors().map(Path::to_owned));
            }
            self.files.entry(spot).or_default().insert(file.to_owned());
        }
    }
}

/// Where a file really stands, and where the links that lead there do; nothing if its folder is missing.
pub(crate) fn spots(file: &Path) -> BTreeSet<PathBuf> {
    /// As many links as the kernel follows.
    const MOST_LINKS: usize = 40;
    let (mut spots, mut at) = (BTreeSet::new(), file.to_owned());
    for _ in 0..MOST_LINKS {
        let folder = at.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (Ok(folder), Some(name)) = (folder.canonicalize(), at.file_name()) else { break };
        let spot = folder.join(name);
        let target = spot.read_link();
        spots.insert(spot);
        let Ok(target) = target else { break };
        at = folder.join(target);
    }
    spots
}

/// Whether a folder above a context is worth a watch: in those that are open to everybody, such as `/tmp`, and in the
/// topmost, something always moves, and the folders next to the context tell of it as well.
fn is_quiet(folder: &Path) -> bool {
    const OPEN_TO_EVERYBODY: u32 = 0o1002;
    let is_open = folder.metadata().is_ok_and(|found| found.mode() & OPEN_TO_EVERYBODY == OPEN_TO_EVERYBODY);
    folder.parent().is_some() && !is_open
}
