//! What is built, named so that everybody who has the repository knows it: paths from its top, or where there is no
//! repository as the user wrote them. In go the project's parts, out come [`Names`], not yet safe to show. The
//! repository is found by its `.git`; no `git` program runs.

use std::fs;
use std::path::{Path, PathBuf};

use super::identity::top;
use super::{ContextDir, DockerfileSource, clean};

/// The names of what is built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Names {
    /// The Dockerfile; `None` where it came from standard input.
    pub(crate) dockerfile: Option<String>,
    /// The folder of the build context.
    pub(crate) context: String,
    /// The stages that were asked for; `None` for the last one.
    pub(crate) target: Option<String>,
}

impl Names {
    /// Whether the context is the folder that the Dockerfile lies in.
    pub(crate) fn is_beside(&self) -> bool {
        let folder = self.dockerfile.as_deref().and_then(|path| Path::new(path).parent()).map(clean);
        folder.is_none_or(|folder| folder == clean(Path::new(&self.context)))
    }
}

/// Names the context, its Dockerfile and the stage that was asked for.
pub(super) fn read(context: &ContextDir, dockerfile: Option<&DockerfileSource>, targets: &[String]) -> Names {
    let shown = dockerfile.map_or_else(|| context.shown.join("Dockerfile"), |source| source.shown.clone());
    let dockerfile = (shown != Path::new("-")).then(|| {
        let path = below_top(&shown).unwrap_or_else(|| clean(&shown));
        path.to_string_lossy().into_owned()
    });
    let folder = top(&context.root).and_then(|top| context.root.strip_prefix(top).ok());
    let context = clean(folder.unwrap_or(&context.shown)).to_string_lossy().into_owned();
    let targets: Vec<&str> = targets.iter().map(String::as_str).filter(|target| !target.is_empty()).collect();
    let target = (!targets.is_empty()).then(|| targets.join(", "));
    Names { dockerfile, context, target }
}

/// The place of a file below the top of the repository it lies in.
fn below_top(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).ok()?;
    let folder = fs::canonicalize(absolute.parent()?).ok()?;
    Some(folder.strip_prefix(top(&folder)?).ok()?.join(absolute.file_name()?))
}
