//! The secret key under which values that look like secrets are digested: 32 random bytes in the file
//! `key`, made on first need and never changed. Values are told apart by it, but nobody who reads the
//! state folder without it can test a guess.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;

use super::files::{self, Warnings};

const NAME: &str = "key";

/// The kept key; `None` if there is none yet. A file that is no key is set aside.
pub(super) fn read(dir: &Path, warnings: &Warnings) -> anyhow::Result<Option<[u8; 32]>> {
    let path = dir.join(NAME);
    let Some(bytes) = files::read(&path)? else { return Ok(None) };
    match <[u8; 32]>::try_from(bytes) {
        Ok(key) => Ok(Some(key)),
        Err(_) => {
            files::set_aside(&path, "is damaged", warnings);
            Ok(None)
        }
    }
}

/// Keeps a key.
pub(super) fn write(dir: &Path, key: &[u8; 32]) -> anyhow::Result<()> {
    files::replace(&dir.join(NAME), key)
}

/// Whether there is a key and there was never another one.
pub(super) fn is_first(dir: &Path) -> bool {
    let path = dir.join(NAME);
    path.exists() && files::aside(&path) == path.with_file_name(format!("{NAME}.damaged-1"))
}

/// A new key from the system's random source.
pub(super) fn random() -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut key))
        .context("cannot read random bytes")?;
    Ok(key)
}
