//! What the engine last received of a context: one file per context name in `sent/`, replaced as a whole.
//! The file holds the digest of the tree, which is kept among the objects, and the modification time of
//! each entry. In go and out come [`Stamped`] contexts.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use planner::context::Stamped;
use planner::digest::ContentDigest;

use super::files::{self, Warnings};
use super::wire::{Reader, Unframed, frame, put_bytes, put_number, unframe};

const MAGIC: [u8; 8] = *b"SPLNSENT";
const VERSION: u8 = 1;

/// Where the state of that name is kept; any text is a good name.
pub(super) fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join("sent").join(ContentDigest::of(name.as_bytes()).short())
}

/// Writes the state of that name. Its tree must be among the objects already.
pub(super) fn write(dir: &Path, name: &str, sent: &Stamped) -> anyhow::Result<()> {
    let path = path(dir, name);
    let mut payload = Vec::new();
    put_bytes(&mut payload, name.as_bytes());
    payload.extend_from_slice(sent.context.digest().as_bytes());
    put_number(&mut payload, sent.mtimes.len() as u64);
    for mtime in &sent.mtimes {
        payload.extend_from_slice(&mtime.to_le_bytes());
    }
    files::create_dir(&dir.join("sent"))?;
    files::replace(&path, &frame(MAGIC, VERSION, &payload))
}

/// Forgets the state of that name.
pub(super) fn forget(dir: &Path, name: &str) -> anyhow::Result<()> {
    let path = path(dir, name);
    match fs::remove_file(&path) {
        Err(error) if !files::is_absent(&error) => {
            Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

/// Reads the digest of the tree and the times of its entries; `None` where there are none that can be used.
pub(super) fn read(dir: &Path, name: &str, warnings: &Warnings) -> anyhow::Result<Option<(ContentDigest, Vec<i64>)>> {
    let path = path(dir, name);
    let Some(bytes) = files::read(&path)? else { return Ok(None) };
    let parsed = match unframe(MAGIC, VERSION, &bytes) {
        Unframed::Whole(payload) => parse(payload, name).ok_or("is damaged"),
        Unframed::OtherVersion => Err("was written by another version of stageplan"),
        Unframed::Damaged => Err("is damaged"),
    };
    match parsed {
        Ok(parsed) => Ok(Some(parsed)),
        Err(why) => {
            files::set_aside(&path, why, warnings);
            Ok(None)
        }
    }
}

/// The trees that any state names.
pub(super) fn roots(dir: &Path) -> anyhow::Result<Vec<ContentDigest>> {
    let Ok(entries) = fs::read_dir(dir.join("sent")) else { return Ok(Vec::new()) };
    let mut roots = Vec::new();
    for entry in entries.flatten() {
        let Some(bytes) = files::read(&entry.path())? else { continue };
        if let Unframed::Whole(payload) = unframe(MAGIC, VERSION, &bytes) {
            let mut reader = Reader(payload);
            roots.extend(reader.bytes().and_then(|_| reader.digest()));
        }
    }
    Ok(roots)
}

/// Sets aside a state whose times do not fit its tree.
pub(super) fn set_aside(dir: &Path, name: &str, warnings: &Warnings) {
    files::set_aside(&path(dir, name), "does not fit its tree", warnings);
}

fn parse(payload: &[u8], name: &str) -> Option<(ContentDigest, Vec<i64>)> {
    let mut reader = Reader(payload);
    if reader.bytes()? != name.as_bytes() {
        return None;
    }
    let root = reader.digest()?;
    let n_entries = usize::try_from(reader.number()?).ok()?;
    let bytes = reader.take(n_entries.checked_mul(8)?)?;
    let mtimes = bytes.as_chunks::<8>().0.iter().map(|mtime| i64::from_le_bytes(*mtime)).collect();
    reader.is_empty().then_some((root, mtimes))
}
