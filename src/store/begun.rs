//! Builds that were begun and are not recorded yet: one file each in `begun/`, gone when the build is recorded. What is
//! left there is of processes that were killed: the engine may hold what they were building, and nobody saw it. In go
//! and come out records without steps of their own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use planner::history::BuildRecord;
use serde::{Deserialize, Serialize};

use super::files::{self, Warnings};
use super::wire::{Unframed, frame, unframe};

const MAGIC: [u8; 8] = *b"SPLNBEGN";
const VERSION: u8 = 1;

/// A build that was begun.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// What it may leave.
    #[serde(flatten)]
    pub(crate) record: BuildRecord,
    /// Whether nobody saw the engine read the project yet: until then a file that is saved may be in the build.
    #[serde(default)]
    pub(crate) is_unread: bool,
}

fn path(dir: &Path, id: &str) -> PathBuf {
    dir.join("begun").join(id)
}

/// Notes that a build begins.
pub(super) fn write(dir: &Path, begun: &Begun) -> anyhow::Result<()> {
    let json = serde_json::to_vec(begun).context("cannot write a build as JSON")?;
    files::create_dir(&dir.join("begun"))?;
    files::replace(&path(dir, &begun.record.id), &frame(MAGIC, VERSION, &json))
}

/// Forgets that the build of that id was begun.
pub(super) fn remove(dir: &Path, id: &str) -> anyhow::Result<()> {
    let path = path(dir, id);
    match fs::remove_file(&path) {
        Err(error) if !files::is_absent(&error) => {
            Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

/// The builds that were begun, by their ids. Files that cannot be used are set aside.
pub(super) fn read(dir: &Path, warnings: &Warnings) -> anyhow::Result<Vec<Begun>> {
    let entries = match fs::read_dir(dir.join("begun")) {
        Ok(entries) => entries,
        Err(error) if files::is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", dir.join("begun").display())),
    };
    // A dot begins what is about to be written, and what was set aside has an extension.
    let is_note = |path: &PathBuf| path.file_name().is_some_and(|name| !name.as_encoded_bytes().contains(&b'.'));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_note).collect();
    paths.sort();
    let mut begun = Vec::new();
    for path in paths {
        // Its build may have been recorded meanwhile.
        let Some(bytes) = files::read(&path)? else { continue };
        let record = match unframe(MAGIC, VERSION, &bytes) {
            Unframed::Whole(json) => serde_json::from_slice(json).ok(),
            Unframed::OtherVersion | Unframed::Damaged => None,
        };
        match record {
            Some(record) => begun.push(record),
            None => files::set_aside(&path, "cannot be read", warnings),
        }
    }
    Ok(begun)
}
