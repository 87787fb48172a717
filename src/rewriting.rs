//! A Dockerfile, written anew in one step: readers see the old text or the new one, its rights are kept, and a link stays a
//! link. In go the file as it was read and the new text. A file that was edited meanwhile is left alone.

use std::fs;
use std::io::{self, Write as _};
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
    replace(&path, text).with_context(|| format!("cannot write `{shown}`"))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let rights = fs::metadata(path)?.permissions();
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(rights)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
