//! Which file is the Dockerfile, by buildx's rules (build/opt.go): `CONTEXT/Dockerfile`, else what `--file`
//! names relative to the current folder, `-` for standard input; a lower-case `dockerfile` stands in for a
//! missing `Dockerfile`. Out come its bytes and its name. Nothing is parsed.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::{ContextDir, clean};
use crate::fault::Fault;
use crate::intake::{self, reason};

/// A Dockerfile as read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DockerfileSource {
    /// The path to show: `Dockerfile`, `app/Dockerfile`, `-`.
    pub(crate) shown: PathBuf,
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Reads the Dockerfile; `None` where none was named and the default one is missing.
pub(super) fn read(context: &ContextDir, file: Option<&Path>) -> anyhow::Result<Option<DockerfileSource>> {
    let path = match file {
        Some(file) if file == Path::new("-") => return read_stdin().map(Some),
        Some(file) if is_url(file) => {
            let fault = Fault::new(format!("the Dockerfile `{}` is not on this machine", file.display()));
            return Err(fault.with_hint("download it, and name the file").into());
        }
        file => path(context, file),
    };
    match intake::read_by_hand(&path) {
        Ok(bytes) => Ok(Some(DockerfileSource { shown: path, bytes })),
        Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let fault = Fault::new(format!("cannot read `{}`: {}", path.display(), reason(&error)));
            Err(match error.kind() {
                io::ErrorKind::NotFound => fault.with_hint("a path after --file is relative to the current folder"),
                io::ErrorKind::IsADirectory => fault.with_hint("to name the build context, leave --file out"),
                _ => fault,
            }
            .into())
        }
    }
}

/// The path of the file that would hold this Dockerfile's own ignore rules; `None` for standard input.
pub(super) fn ignorefile_candidate(context: &ContextDir, file: Option<&Path>) -> Option<PathBuf> {
    if file.is_some_and(|file| file == Path::new("-") || is_url(file)) {
        return None;
    }
    let mut name = path(context, file).into_os_string();
    name.push(".dockerignore");
    Some(name.into())
}

/// The paths that could be the Dockerfile; none for standard input.
pub(super) fn candidates(context: &ContextDir, file: Option<&Path>) -> Vec<PathBuf> {
    if file.is_some_and(|file| file == Path::new("-") || is_url(file)) {
        return Vec::new();
    }
    let path = clean(&file.map_or_else(|| context.shown.join("Dockerfile"), Path::to_owned));
    let lower = path.with_file_name("dockerfile");
    if path.file_name().is_some_and(|name| name == "Dockerfile") { vec![path, lower] } else { vec![path] }
}

fn path(context: &ContextDir, file: Option<&Path>) -> PathBuf {
    let path = file.map_or_else(|| context.shown.join("Dockerfile"), Path::to_owned);
    let lower = path.with_file_name("dockerfile");
    // The names are compared with a listing of the folder, because some file systems know no case.
    let is_named = |name: &str| {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.file_name() == name)
    };
    let stands_in =
        path.file_name().is_some_and(|name| name == "Dockerfile") && !is_named("Dockerfile") && is_named("dockerfile");
    clean(if stands_in { &lower } else { &path })
}

fn is_url(file: &Path) -> bool {
    file.to_str().is_some_and(|file| file.starts_with("http://") || file.starts_with("https://"))
}

fn read_stdin() -> anyhow::Result<DockerfileSource> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Fault::new(format!("cannot read the Dockerfile from standard input: {}", reason(&error))))?;
    Ok(DockerfileSource { shown: PathBuf::from("-"), bytes })
}
