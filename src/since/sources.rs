//! The Dockerfile and the ignore files of a revision. A file that git calls unmodified, ignores, or does not hold is
//! read from the work tree; any other comes as a checkout would write it. A Dockerfile that has another name now is
//! found by its lines. In go a project and the past, out come bytes; nothing is parsed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use planner::context::ContextPath;

use super::Past;
use crate::fault::Fault;
use crate::git::{GitError, Repository, Tracked};
use crate::project::{ContextDir, IgnoreSource, Project};

/// The most links that are followed to a file.
const MAX_LINKS: usize = 16;

/// The Dockerfile of a revision.
pub(super) struct DockerfileThen {
    /// The bytes.
    pub(super) bytes: Vec<u8>,
    /// Its name then.
    pub(super) shown: String,
    /// Where its own ignore rules would have been, absolute.
    pub(super) own_ignorefile: Option<PathBuf>,
}

/// The paths of the repository that matter to a build of the project.
pub(super) fn scope(project: &Project, repository: &Repository) -> Vec<ContextPath> {
    let dockerfile = dockerfile_path(project);
    let own = dockerfile.as_deref().map(own_ignorefile);
    let named = project.local_contexts().unwrap_or_default();
    let folders = named.into_values().map(|context| context.dir.root).chain([project.context.root.clone()]);
    folders.chain(dockerfile).chain(own).filter_map(|path| repository.below(&path)).collect()
}

/// Where the Dockerfile is, the links to its folder resolved; `None` for standard input.
fn dockerfile_path(project: &Project) -> Option<PathBuf> {
    let shown = &project.dockerfile().ok()?.shown;
    if shown == Path::new("-") {
        return None;
    }
    let dir = shown.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(fs::canonicalize(dir).ok()?.join(shown.file_name()?))
}

fn own_ignorefile(dockerfile: &Path) -> PathBuf {
    let mut name = dockerfile.as_os_str().to_owned();
    name.push(".dockerignore");
    name.into()
}

/// The Dockerfile of the past.
pub(super) fn dockerfile_then(
    project: &Project,
    past: &Past,
    notes: &mut Vec<String>,
) -> anyhow::Result<DockerfileThen> {
    let now = project.dockerfile()?;
    let shown = now.shown.display().to_string();
    if now.shown == Path::new("-") {
        let default = past.repository.below(&project.context.root.join("Dockerfile"));
        let then = default.as_ref().map_or(Ok(None), |place| past.text(place)).map_err(Fault::from)?;
        if let (Some(bytes), Some(place)) = (then, default) {
            let shown = place.to_lossy();
            notes.push(format!("the Dockerfile on standard input is compared with `{shown}` of that commit"));
            return Ok(DockerfileThen { bytes, shown, own_ignorefile: None });
        }
    }
    let path = dockerfile_path(project);
    let place = path.as_deref().and_then(|path| past.repository.below(path));
    let own = path.as_deref().map(own_ignorefile);
    let then = place.as_ref().map_or(Ok(None), |place| past.text(place)).map_err(Fault::from)?;
    if let Some(bytes) = then {
        return Ok(DockerfileThen { bytes, shown, own_ignorefile: own });
    }
    let Some(place) = place.filter(|place| !past.is_ignored(place)) else {
        notes.push(format!("git does not hold `{shown}`, which is taken as unchanged"));
        return Ok(DockerfileThen { bytes: now.bytes.clone(), shown, own_ignorefile: own });
    };
    if let Some((place, bytes)) = past.renamed(&now.bytes).map_err(Fault::from)? {
        let shown = place.to_lossy();
        notes.push(format!("the Dockerfile was `{shown}` then"));
        let own_ignorefile = Some(own_ignorefile(&past.repository.on_disk(&place)));
        return Ok(DockerfileThen { bytes, shown, own_ignorefile });
    }
    let fault = Fault::new(format!("revision `{}` has no `{}`", past.revision, place.to_lossy()));
    Err(fault.with_hint("name a revision that has it, or the Dockerfile it had with --file").into())
}

/// The ignore file that counted for a context in the past: the Dockerfile's own, else the one at the root.
pub(super) fn ignorefile_then(
    dir: &ContextDir,
    own: Option<&PathBuf>,
    now: Option<&IgnoreSource>,
    past: &Past,
) -> anyhow::Result<Option<IgnoreSource>> {
    if past.repository.below(&dir.root).is_none() {
        return Ok(now.cloned());
    }
    let candidates = own.into_iter().cloned().chain([dir.root.join(".dockerignore")]);
    for path in candidates {
        let place = past.repository.below(&path);
        let then = place.as_ref().map_or(Ok(None), |place| past.text(place)).map_err(Fault::from)?;
        let is_unheld = place.is_none_or(|place| past.is_ignored(&place));
        let bytes = then.or_else(|| is_unheld.then(|| fs::read(&path).ok())?);
        if let Some(bytes) = bytes {
            let name = path.strip_prefix(&dir.root).map_or(path.clone(), Path::to_owned);
            return Ok(Some(IgnoreSource { name, bytes }));
        }
    }
    Ok(None)
}

impl Past {
    fn is_ignored(&self, path: &ContextPath) -> bool {
        self.differences.ignored.iter().any(|ignored| path.is_within(ignored))
    }

    /// The bytes of a file as this machine would check it out, links followed; `None` where there is no file.
    fn text(&self, path: &ContextPath) -> Result<Option<Vec<u8>>, GitError> {
        let mut path = path.clone();
        for n_links in 0..MAX_LINKS {
            let Some(entry) = self.repository.entry(&self.commit.id, &path)? else { return Ok(None) };
            if !entry.is_symlink() {
                return self.file(&path, &entry, n_links == 0).map(Some);
            }
            let target = self.repository.checked_out(&entry.id, &path)?;
            let folder = path.parent().unwrap_or_default();
            if target.starts_with(b"/") {
                return Ok(None);
            }
            path = ContextPath::new([folder.as_bytes(), b"/", &target].concat());
        }
        Ok(None)
    }

    /// `is_asked` where the differences cover the path.
    fn file(&self, path: &ContextPath, entry: &Tracked, is_asked: bool) -> Result<Vec<u8>, GitError> {
        if is_asked && !self.differences.changes.contains_key(path) {
            // A work tree without the file (a sparse one) leaves git to say.
            if let Ok(bytes) = fs::read(self.repository.on_disk(path)) {
                return Ok(bytes);
            }
        }
        self.repository.checked_out(&entry.id, path)
    }

    /// The Dockerfile that is gone now and was most like the present one, if most lines are the same.
    fn renamed(&self, now: &[u8]) -> Result<Option<(ContextPath, Vec<u8>)>, GitError> {
        let differences = self.repository.differences(&self.commit.id, &[ContextPath::root()])?;
        let is_candidate = |path: &ContextPath| {
            let name = String::from_utf8_lossy(path.name()).to_lowercase();
            (name.contains("dockerfile") || name.contains("containerfile")) && !name.ends_with(".dockerignore")
        };
        let gone = differences.changes.iter().filter(|(path, change)| {
            let is_gone = change.mode.is_none() && !self.repository.on_disk(path).exists();
            is_gone && change.then.as_ref().is_some_and(|then| !then.is_symlink()) && is_candidate(path)
        });
        let mut best: Option<(usize, ContextPath, Vec<u8>)> = None;
        for (path, change) in gone {
            let Some(then) = &change.then else { continue };
            let bytes = self.repository.checked_out(&then.id, path)?;
            let likeness = likeness(&bytes, now);
            if likeness >= 50 && best.as_ref().is_none_or(|(best, ..)| likeness > *best) {
                best = Some((likeness, path.clone(), bytes));
            }
        }
        Ok(best.map(|(_, path, bytes)| (path, bytes)))
    }
}

/// How many of a hundred lines two texts share.
fn likeness(a: &[u8], b: &[u8]) -> usize {
    let lines = |text: &[u8]| -> BTreeSet<Vec<u8>> {
        let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (a, b) = (lines(a), lines(b));
    let n_shared = a.intersection(&b).count();
    (2 * n_shared * 100).checked_div(a.len() + b.len()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn likeness_is_the_share_of_equal_lines() {
        let cases =
            [("a\nb\n", "b\na", 100), ("a\nb\n", "a\nc\n", 50), ("a\r\n", "a\n", 100), ("a", "b", 0), ("", "", 0)];
        for (a, b, expected) in cases {
            assert_eq!(super::likeness(a.as_bytes(), b.as_bytes()), expected, "{a:?} {b:?}");
        }
    }
}
