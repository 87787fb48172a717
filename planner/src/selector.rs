//! Which paths of a file tree a `COPY`, `ADD` or mount takes, and the digest of what it takes. The rules
//! are those of BuildKit's cache/contenthash: a plain path means the file or the whole folder it leads to,
//! symbolic links followed; wildcards, `--exclude` and `--parents` mean the list of files and folder headers
//! that match. The destination is no part of it, and neither is the name of a plainly named source.

mod links;
mod walk;

use serde::{Deserialize, Serialize};

use crate::context::{BuildContext, ContextPath, Node};
use crate::digest::{ContentDigest, Hasher};
use crate::engine_profile::{EngineProfile, WildcardNames};
use crate::glob;

pub use links::{follow, resolve};

/// One source of a copy or mount, as BuildKit selects it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Selector {
    /// Clean, absolute path below the root of the tree; may hold wildcards if `wildcard` is set.
    pub path: String,
    /// Whether `*`, `?` and `[` in the path are wildcards.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wildcard: bool,
    /// Only what these patterns match is taken (`--parents`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// What these patterns match is left out (`--exclude`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Something below these paths must be taken, or the build fails (`--parents` without wildcards).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
}

/// What a selector takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selected {
    /// One file or one folder with all that is below it, links followed.
    Whole(Picked),
    /// Every match of a wildcard, or what is left of a source after `--exclude` or `--parents`.
    Listed(Vec<Match>),
}

/// A place in a tree and what stands there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picked {
    /// Where it stands, links resolved.
    pub path: ContextPath,
    /// What stands there.
    pub node: Node,
}

/// One entry of a listed selection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Match {
    /// The path as the source names it (a link in front of it is not resolved).
    pub path: ContextPath,
    /// The entry; of a folder only its header counts.
    pub node: Node,
    /// How many leading components belong to the source that matched; what follows is copied below the destination.
    pub depth: usize,
    /// Whether the entry is a link that was replaced by what it leads to.
    pub followed: bool,
}

/// A source that is not there. BuildKit fails with `"PATH": not found`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceMissing {
    /// The path, absolute.
    pub path: String,
}

impl Selector {
    /// A plain path.
    #[must_use]
    pub fn plain(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// Whether the matches are listed instead of taken whole.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.wildcard || !self.include.is_empty() || !self.exclude.is_empty()
    }

    /// What the selector takes from `tree`.
    ///
    /// # Errors
    /// A source that is missing.
    pub fn take(&self, tree: &BuildContext) -> Result<Selected, SourceMissing> {
        if self.is_listed() {
            return walk::list(self, tree).map(Selected::Listed);
        }
        let missing = || SourceMissing { path: self.path.clone() };
        let (path, node) = links::resolve(tree, &ContextPath::new(&self.path), true).ok_or_else(missing)?;
        Ok(Selected::Whole(Picked { path, node }))
    }

    /// The digest of a selection, as BuildKit would key it.
    #[must_use]
    pub fn digest(&self, selected: &Selected, profile: &EngineProfile) -> ContentDigest {
        match selected {
            Selected::Whole(picked) => picked.node.digest(),
            Selected::Listed(matches) => self.list_digest(matches, profile),
        }
    }

    fn list_digest(&self, matches: &[Match], profile: &EngineProfile) -> ContentDigest {
        if let [only] = matches
            && only.path.name() == ContextPath::new(&self.path).name()
            && !only.path.is_root()
        {
            return only.digest();
        }
        let prefix = self.fixed_prefix();
        let mut hasher = Hasher::new("list");
        for entry in matches {
            let name = match profile.wildcard_names {
                WildcardNames::Base => entry.path.name().to_vec(),
                WildcardNames::Relative => {
                    entry.path.strip(&prefix).unwrap_or_else(|| entry.path.clone()).as_bytes().to_vec()
                }
            };
            hasher.field(&name).digest(&entry.digest());
        }
        hasher.finish()
    }

    /// The leading components of the path that hold no wildcard.
    #[must_use]
    pub fn fixed_prefix(&self) -> ContextPath {
        let path = ContextPath::new(&self.path);
        if !self.wildcard {
            return path;
        }
        let mut prefix = ContextPath::root();
        for component in path.components().take_while(|component| !glob::has_wildcard(component)) {
            prefix = prefix.join(component);
        }
        prefix
    }
}

impl Match {
    /// The digest that enters the list: a folder's header, a file, or what a followed link leads to.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        match &self.node {
            Node::Folder(folder) if !self.followed => {
                folder.header().map_or_else(|| ContentDigest::of(b""), crate::context::FolderHeader::digest)
            }
            node => node.digest(),
        }
    }
}

/// The digest of everything one input contributes: its selectors, deduplicated and in path order.
///
/// # Errors
/// The first source that is missing.
pub fn content_digest(
    selectors: &[Selector],
    tree: &BuildContext,
    profile: &EngineProfile,
) -> Result<ContentDigest, SourceMissing> {
    let mut hasher = Hasher::new("input content");
    for selector in deduplicated(selectors) {
        let selected = selector.take(tree)?;
        hasher.digest(&selector.digest(&selected, profile));
    }
    Ok(hasher.finish())
}

/// BuildKit drops a plain path that lies below another one, and sorts by path (solver/llbsolver/ops/file.go).
#[must_use]
pub fn deduplicated(selectors: &[Selector]) -> Vec<Selector> {
    let plain: Vec<ContextPath> = selectors
        .iter()
        .filter(|selector| !selector.is_listed())
        .map(|selector| ContextPath::new(&selector.path))
        .collect();
    let covered = |path: &ContextPath| plain.iter().any(|other| other != path && path.is_within(other));
    let mut kept: Vec<Selector> = selectors
        .iter()
        .filter(|selector| selector.is_listed() || !covered(&ContextPath::new(&selector.path)))
        .cloned()
        .collect();
    kept.sort_by(|a, b| a.path.cmp(&b.path));
    kept.dedup_by(|a, b| a == b && !a.is_listed());
    kept
}
