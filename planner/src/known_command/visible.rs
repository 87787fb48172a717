//! The files that a command sees, as far as they are those of the build context. Copies and executions are told to it
//! in order; a path is asked for. It knows contents only of the manifests that were handed in.

use std::collections::{BTreeMap, BTreeSet};

use super::effect::{Effect, Kind, is_within, join};
use super::json::Json;
use crate::context::ContextPath;

/// The bytes of manifests, by their path in the build context. Who makes it asks [`is_manifest`] which files to read.
pub type Manifests = BTreeMap<ContextPath, Vec<u8>>;

/// Names of files that say what a project depends on, or how that is installed.
const NAMES: &[&str] = &[
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    "yarn.lock",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "bun.lock",
    "bunfig.toml",
    "pyproject.toml",
    "poetry.lock",
    "poetry.toml",
    "uv.lock",
    "uv.toml",
    "Pipfile",
    "Pipfile.lock",
    "environment.yml",
    "environment.yaml",
    "go.mod",
    "go.sum",
    "go.work",
    "Cargo.toml",
    "Gemfile",
    "Gemfile.lock",
    "composer.json",
    "composer.lock",
    "pubspec.yaml",
];

/// Endings of such names.
const ENDINGS: &[&str] = &[".txt", ".in"];

/// Whether a file of the context may be a manifest whose content decides what a command reads.
#[must_use]
pub fn is_manifest(path: &ContextPath) -> bool {
    let name = String::from_utf8_lossy(path.name());
    let is_named = NAMES.contains(&name.as_ref()) || ENDINGS.iter().any(|ending| name.ends_with(ending));
    is_named && !path.components().any(|part| matches!(part, b"node_modules" | b".git" | b"vendor" | b".venv"))
}

/// What stands at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen<'a> {
    /// Nothing, as far as the project goes.
    Nothing,
    /// A file of the context, with its bytes if they were handed in.
    File(Option<&'a [u8]>),
    /// Nobody can say.
    Unclear,
}

/// What a command sees.
#[derive(Clone, Debug)]
pub struct Visible<'a> {
    manifests: &'a Manifests,
    /// Files by path.
    entries: BTreeMap<String, Placed>,
    /// Folders that may hold anything.
    unclear: BTreeSet<String>,
    /// Whether Corepack stands in for package managers: it writes the version it takes into `package.json`.
    pub has_corepack: bool,
}

/// A file that was put somewhere.
#[derive(Clone, Debug)]
struct Placed {
    /// The file of the context that it was when it was put there.
    was: Option<ContextPath>,
    /// Whether it certainly still is.
    is_kept: bool,
}

impl<'a> Visible<'a> {
    /// Nothing yet.
    #[must_use]
    pub fn new(manifests: &'a Manifests) -> Self {
        Self { manifests, entries: BTreeMap::new(), unclear: BTreeSet::new(), has_corepack: false }
    }

    /// A file of the context was put at a path; `is_kept` says that no command has touched it on the way.
    pub fn put(&mut self, path: &str, from: ContextPath, is_kept: bool) {
        self.entries.insert(path.to_owned(), Placed { was: Some(from), is_kept });
    }

    /// Something unknown was put at a path or below it.
    pub fn blur(&mut self, folder: &str) {
        self.unclear.insert(folder.to_owned());
        for (path, placed) in &mut self.entries {
            placed.is_kept &= !is_within(path, folder);
        }
    }

    /// Whether something unknown may lie in a folder.
    #[must_use]
    pub fn is_unclear_in(&self, folder: &str) -> bool {
        self.unclear.iter().any(|unclear| is_within(unclear, folder) || is_within(folder, unclear))
    }

    /// A command has run.
    pub fn run(&mut self, effect: &Effect) {
        self.has_corepack |= effect.uses_corepack;
        if effect.writes.everything {
            for placed in self.entries.values_mut() {
                placed.is_kept &= effect.keeps_manifests && placed.was.as_ref().is_some_and(is_manifest);
            }
            if effect.folder != "/" && !effect.keeps_manifests {
                self.unclear.insert(effect.folder.clone());
            }
            return;
        }
        if effect.kind == Kind::Other {
            self.blur(&effect.folder);
        }
        for (path, placed) in &mut self.entries {
            placed.is_kept &= !effect.writes.has(path);
        }
    }

    /// What stands at a path.
    #[must_use]
    pub fn at(&self, path: &str) -> Seen<'a> {
        match self.entries.get(path) {
            Some(Placed { was: Some(from), is_kept: true }) => Seen::File(self.manifests.get(from).map(Vec::as_slice)),
            Some(_) => Seen::Unclear,
            None if self.unclear.iter().any(|folder| is_within(path, folder)) => Seen::Unclear,
            None => Seen::Nothing,
        }
    }

    /// Where in the context the file at a path comes from.
    #[must_use]
    pub fn origin(&self, path: &str) -> Option<&ContextPath> {
        self.entries.get(path).filter(|placed| placed.is_kept)?.was.as_ref()
    }

    /// The same, also where a command may have changed the file since.
    #[must_use]
    pub fn lineage(&self, path: &str) -> Option<&ContextPath> {
        self.entries.get(path)?.was.as_ref()
    }

    /// Whether a file of the context, or something unclear, stands at a path.
    #[must_use]
    pub fn is_there(&self, path: &str) -> bool {
        self.entries.contains_key(path)
    }

    /// The files below a folder.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str).filter(move |path| is_within(path, folder))
    }

    /// The files below a folder of which `is_wanted` accepts the name; those of installed packages are left out.
    pub fn named(&self, folder: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let is_own = |path: &&str| !path.contains("/node_modules/") && !path.contains("/.git/");
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        self.below(folder).filter(is_own).filter(|path| is_wanted(&name(path))).map(str::to_owned).collect()
    }

    /// The text of a manifest, or why it is not known; `None` where it is not there.
    ///
    /// # Errors
    /// A clause that says why nobody knows the text.
    pub fn text(&self, path: &str) -> Result<Option<&'a str>, String> {
        let name = path.rsplit('/').next().unwrap_or(path);
        match self.at(path) {
            Seen::Nothing => Ok(None),
            Seen::File(Some(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(format!("`{name}` is not UTF-8")),
            },
            Seen::File(None) => Err(format!("`{name}` was not read")),
            Seen::Unclear => Err(format!("a step above may have made or changed `{name}`")),
        }
    }

    /// The same as JSON.
    ///
    /// # Errors
    /// A clause that says why nobody knows the value.
    pub fn json(&self, path: &str) -> Result<Option<Json>, String> {
        let Some(text) = self.text(path)? else { return Ok(None) };
        let name = path.rsplit('/').next().unwrap_or(path);
        Json::parse(text.as_bytes()).map(Some).ok_or_else(|| format!("`{name}` is not JSON"))
    }

    /// Whether one of several files is there.
    #[must_use]
    pub fn has_any(&self, folder: &str, names: &[&str]) -> bool {
        names.iter().any(|name| self.is_there(&join(folder, name)))
    }
}
