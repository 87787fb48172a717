//! A Dockerfile, written anew in one step: readers see the old text or the new one, its owner and its rights are kept, and a
//! link stays a link. In go the file as it was read and the new text. A file that was edited meanwhile, or may not be
//! written, is left alone.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;

use anyhow::Context as _;

use crate::fault::Fault;
use crate::intake;
use crate::project::DockerfileSource;

/// Writes a Dockerfile.
///
/// # Errors
/// If it came from standard input, was edited meanwhile, or cannot be written.
pub(crate) fn rewrite(source: &DockerfileSource, text: &str) -> anyhow::Result<()> {
    let shown = source.shown.display();
    if source.shown == Path::new("-") {
        let fault = Fault::new("cannot write a Dockerfile that came from standard input");
        return Err(fault.with_hint("leave --write out to see the suggestions").into());
    }
    let path = fs::canonicalize(&source.shown).with_context(|| format!("cannot write `{shown}`"))?;
    let now = intake::read(&path).with_context(|| format!("cannot read `{shown}`"))?;
    if now != source.bytes {
        let fault = Fault::new(format!("`{shown}` was edited meanwhile, so it is left alone"));
        return Err(fault.with_hint("run the command again").into());
    }
    let rights = fs::metadata(&path).with_context(|| format!("cannot read `{shown}`"))?;
    let is_locked = rights.permissions().readonly() || OpenOptions::new().append(true).open(&path).is_err();
    if is_locked {
        let fault = Fault::new(format!("`{shown}` may not be written, so it is left alone"));
        return Err(fault
            .with_hint(format!("`chmod u+w {shown}` allows it; leave --write out to see the edits"))
            .into());
    }
    replace(&path, &rights, text).with_context(|| format!("cannot write `{shown}`"))
}

/// A file with another name, or that cannot be given to its owner, is written where it is.
fn replace(path: &Path, rights: &Metadata, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let fresh = match tempfile::NamedTempFile::new_in(folder) {
        Ok(fresh) if rights.nlink() == 1 && give(fresh.as_file(), rights).is_ok() => Some(fresh),
        _ => None,
    };
    let Some(mut fresh) = fresh else { return fs::write(path, text) };
    fresh.write_all(text.as_bytes())?;
    fresh.as_file().set_permissions(rights.permissions())?;
    fresh.as_file().sync_all()?;
    fresh.persist(path)?;
    Ok(())
}

/// Gives a file to the owner of another.
fn give(file: &File, rights: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) == (rights.uid(), rights.gid()) {
        return Ok(());
    }
    fchown(file, Some(rights.uid()), Some(rights.gid()))
}
