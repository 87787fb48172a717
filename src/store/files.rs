//! Files of the state folder: private to the user, replaced in one step, and set aside when they cannot be
//! used. In go paths and bytes. What the bytes mean is the business of the modules that call this one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;

use crate::intake;

/// What the user should hear about the state folder; told once each, by whoever holds the store.
#[derive(Default)]
pub(super) struct Warnings(Mutex<Vec<String>>);

impl Warnings {
    /// Adds a warning: one clause, without a final period.
    pub(super) fn push(&self, warning: String) {
        let mut warnings = self.locked();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Takes the warnings out, oldest first.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.locked())
    }

    fn locked(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a folder and those above it, mode 0700. Folders that exist keep their mode.
pub(super) fn create_dir(dir: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot create the state folder `{}`", dir.display()))
}

/// The bytes of a file; `None` if there is no such file.
pub(super) fn read(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match intake::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

/// Whether an error says that there is nothing at the path.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Writes a file of mode 0600 in one step: readers see the old bytes or the new ones. Nobody waits for the disk:
/// what a power failure leaves half-written fails its checksum and is set aside, and a first record would otherwise
/// wait for all that the project's tools wrote lately.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        let dir = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

/// Waits until a file and its name are on disk.
pub(super) fn settle(path: &Path) -> anyhow::Result<()> {
    let settle = || {
        File::open(path)?.sync_all()?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    settle().with_context(|| format!("cannot write `{}`", path.display()))
}

/// Opens a file for appending, made with mode 0600 if it is missing.
pub(super) fn open_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)
}

/// Waits until no other process writes into the state folder. The lock ends with the returned file, also when
/// the process is killed.
pub(super) fn lock(dir: &Path) -> anyhow::Result<File> {
    create_dir(dir)?;
    let path = dir.join("lock");
    let locked = open_append(&path).and_then(|file| file.lock().map(|()| file));
    locked.with_context(|| format!("cannot lock `{}`", path.display()))
}

/// Where a file that cannot be used is kept: the first of `<file>.damaged-1`, `-2` … that is free.
pub(super) fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut candidates = (1_u32..).map(|n| path.with_file_name(format!("{name}.damaged-{n}")));
    candidates.find(|candidate| !candidate.exists()).unwrap_or_else(|| path.with_extension("damaged"))
}

/// Renames a file that cannot be used and warns. `why` ends the sentence "`<file>` …".
pub(super) fn set_aside(path: &Path, why: &str, warnings: &Warnings) {
    let aside = aside(path);
    match fs::rename(path, &aside) {
        Ok(()) => warnings.push(format!("`{}` {why}; set aside as `{}`", path.display(), aside.display())),
        // Another process was faster, and has told its user.
        Err(error) if is_absent(&error) => {}
        Err(error) => warnings.push(format!("`{}` {why} and is left out ({error})", path.display())),
    }
}
