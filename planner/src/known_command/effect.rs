//! What one command does to the files of an image: the words of `known_command`. Paths are those inside the image,
//! absolute and clean. Everything is the most a command may do: what is not listed, it certainly leaves alone, unless
//! there are doubts.

use std::collections::BTreeSet;

use crate::graph::stage_state::clean;

/// What a command is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Makes users, switches tools on, empties caches: nothing of the project is read.
    Setup,
    /// Installs packages of the system or of a language by name; nothing of the project is read.
    Packages,
    /// Installs or downloads what the project depends on, as its manifests say.
    Install,
    /// Takes out of what was installed what is not needed at run time.
    Prune,
    /// Builds or tests the project: it may read everything.
    Build,
    /// Nobody knows.
    Other,
}

/// Paths inside an image.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Paths {
    /// These, there or not.
    pub files: BTreeSet<String>,
    /// All below these, and they themselves.
    pub folders: BTreeSet<String>,
    /// All.
    pub everything: bool,
}

impl Paths {
    /// Every path.
    #[must_use]
    pub fn all() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// Whether a path is among them.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.everything || self.files.contains(path) || self.folders.iter().any(|folder| is_within(path, folder))
    }

    /// Whether a path, or one below it, is among them.
    #[must_use]
    pub fn touches(&self, folder: &str) -> bool {
        self.has(folder) || self.files.iter().chain(&self.folders).any(|path| is_within(path, folder))
    }

    /// Adds the paths of another.
    pub fn extend(&mut self, other: Self) {
        self.files.extend(other.files);
        self.folders.extend(other.folders);
        self.everything |= other.everything;
    }

    /// Adds files by name in a folder.
    pub fn add_files<'a>(&mut self, folder: &str, names: impl IntoIterator<Item = &'a str>) {
        self.files.extend(names.into_iter().map(|name| join(folder, name)));
    }

    /// Adds folders by name in a folder.
    pub fn add_folders<'a>(&mut self, folder: &str, names: impl IntoIterator<Item = &'a str>) {
        self.folders.extend(names.into_iter().map(|name| join(folder, name)));
    }
}

/// The path of `name` as seen from `folder`; an absolute name stands for itself.
#[must_use]
pub fn join(folder: &str, name: &str) -> String {
    if name.starts_with('/') { clean(name) } else { clean(&format!("{folder}/{name}")) }
}

/// Whether `path` is `folder` or lies below it.
#[must_use]
pub fn is_within(path: &str, folder: &str) -> bool {
    folder == "/" || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The folder and those above it, the root last.
pub fn upwards(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |path| parent(path))
}

fn parent(path: &str) -> Option<&str> {
    let end = path.rfind('/').filter(|_| path != "/")?;
    Some(if end == 0 { "/" } else { &path[..end] })
}

/// What a command does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effect {
    /// What it is for.
    pub kind: Kind,
    /// The words it is known by, such as `npm ci`.
    pub name: String,
    /// The folder it works in.
    pub folder: String,
    /// What it may read of the project.
    pub reads: Paths,
    /// What it may write where a project could lie; caches and folders of the system are not listed.
    pub writes: Paths,
    /// Why it may do more than is listed, each as a clause.
    pub doubts: Vec<String>,
    /// The lock file it installs from.
    pub lock: Option<String>,
    /// Files it fails without, each a list of which one must be there.
    pub needs: Vec<Vec<String>>,
    /// Whether it resolves versions anew where the lock file does not say them.
    pub is_unlocked: bool,
    /// Of a build: whether it downloads what the project depends on, and what to do instead.
    pub advice: Option<&'static str>,
    /// Whether Corepack is at work.
    pub uses_corepack: bool,
    /// Whether, of what it may write, no manifest is changed.
    pub keeps_manifests: bool,
}

impl Effect {
    /// A command of which only this much is known.
    #[must_use]
    pub fn new(kind: Kind, name: impl Into<String>, folder: &str) -> Self {
        Self {
            kind,
            name: name.into(),
            folder: folder.to_owned(),
            reads: Paths::default(),
            writes: Paths::default(),
            doubts: Vec::new(),
            lock: None,
            needs: Vec::new(),
            is_unlocked: false,
            advice: None,
            uses_corepack: false,
            keeps_manifests: false,
        }
    }

    /// A command that may read and write everything.
    #[must_use]
    pub fn unbounded(kind: Kind, name: impl Into<String>, folder: &str) -> Self {
        Self { reads: Paths::all(), writes: Paths::all(), ..Self::new(kind, name, folder) }
    }

    /// Notes a doubt once.
    pub fn doubt(&mut self, doubt: impl Into<String>) {
        let doubt = doubt.into();
        if !self.doubts.contains(&doubt) {
            self.doubts.push(doubt);
        }
    }

    /// Whether it certainly does no more than is listed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.doubts.is_empty() && !self.reads.everything && !self.writes.everything
    }
}

#[cfg(test)]
mod tests {
    use super::{Paths, is_within, join, upwards};

    #[test]
    fn paths_are_joined_held_and_climbed() {
        assert_eq!(join("/app", "./a/../b"), "/app/b");
        assert_eq!(join("/app", "/x/"), "/x");
        assert!(is_within("/app/a", "/app") && is_within("/app", "/app") && !is_within("/apple", "/app"));
        assert_eq!(upwards("/a/b").collect::<Vec<_>>(), ["/a/b", "/a", "/"]);
        assert_eq!(upwards("/").collect::<Vec<_>>(), ["/"]);
        let mut paths = Paths::default();
        paths.add_folders("/app", ["node_modules"]);
        assert!(paths.has("/app/node_modules/x") && !paths.has("/app/src") && paths.touches("/app"));
    }
}
