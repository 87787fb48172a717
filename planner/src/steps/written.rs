//! What a copy writes: files known one by one, and places where nobody can say which. In go a selector and the context
//! it takes from; out come paths inside the image. Rights are not looked at.

use std::collections::BTreeMap;

use crate::context::{BuildContext, ContextPath, Node};
use crate::digest::ContentDigest;
use crate::glob;
use crate::graph::stage_state::clean;
use crate::known_command::effect::{Paths, is_within};
use crate::selector::{Match, Selected, Selector};

/// What is written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// Files and folders by path.
    pub entries: BTreeMap<String, Entry>,
    /// Places where more may be written.
    pub regions: Vec<Region>,
    /// Of those places files that were this one of the context before a command may have changed them.
    pub changed: BTreeMap<String, ContextPath>,
}

/// A file or a folder that is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What it is: two entries of one digest are the same.
    pub digest: ContentDigest,
    /// The file of the context.
    pub from: ContextPath,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// Places inside an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Region {
    /// A path and all below it.
    Below(String),
    /// What is in a folder under names that match, and all below those.
    Named(String, String),
}

impl Region {
    /// Whether a path lies in it.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        match self {
            Self::Below(folder) => is_within(path, folder),
            Self::Named(folder, pattern) => {
                let below = path.strip_prefix(folder.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
                let name = below.and_then(|below| below.split('/').next()).filter(|_| path != folder);
                name.is_some_and(|name| glob::matches(pattern.as_bytes(), name.as_bytes()).unwrap_or(true))
            }
        }
    }

    /// Whether something may lie in both.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Below(one), Self::Below(two)) => is_within(one, two) || is_within(two, one),
            (Self::Below(folder), named @ Self::Named(of, _)) | (named @ Self::Named(of, _), Self::Below(folder)) => {
                is_within(of, folder) || named.has(folder)
            }
            // Which names match both patterns is not worked out.
            (Self::Named(one, _), Self::Named(two, _)) => is_within(one, two) || is_within(two, one),
        }
    }

    /// Whether one of these paths may lie in it.
    #[must_use]
    pub fn meets_paths(&self, paths: &Paths) -> bool {
        match self {
            Self::Below(folder) => paths.touches(folder),
            Self::Named(folder, _) => {
                let is_hit = |path: &String| self.has(path) || is_within(folder, path);
                paths.everything || paths.files.iter().any(|path| self.has(path)) || paths.folders.iter().any(is_hit)
            }
        }
    }
}

impl Written {
    /// Nobody can say what is written below a path.
    #[must_use]
    pub fn somewhere(dest: &str) -> Self {
        Self { regions: vec![Region::Below(clean(dest))], ..Self::default() }
    }

    /// The files alone.
    pub fn files(&self) -> impl Iterator<Item = (&String, &Entry)> {
        self.entries.iter().filter(|(_, entry)| !entry.is_folder)
    }

    /// Whether a path is or may be written.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.entries.contains_key(path) || self.regions.iter().any(|region| region.has(path))
    }

    /// A path that both may write, so that the later one counts; entries that are equal do not matter.
    #[must_use]
    pub fn conflict(&self, other: &Self, same_rights: bool) -> Option<String> {
        let (small, large) = if self.entries.len() <= other.entries.len() { (self, other) } else { (other, self) };
        for (path, entry) in &small.entries {
            match large.entries.get(path) {
                Some(found) if entry.digest == found.digest && same_rights => {}
                Some(_) => return Some(path.clone()),
                None if !entry.is_folder && large.is_above(path) => return Some(path.clone()),
                None => {}
            }
            let above = crate::known_command::effect::upwards(path).skip(1);
            let is_file = |above: &&str| large.entries.get(*above).is_some_and(|entry| !entry.is_folder);
            if let Some(file) = above.into_iter().find(is_file) {
                return Some(file.to_owned());
            }
        }
        for (one, two) in [(self, other), (other, self)] {
            let hit = |path: &&String| one.regions.iter().any(|region| region.has(path));
            if let Some(path) = two.entries.keys().find(hit) {
                return Some(path.clone());
            }
        }
        let meets = |one: &&Region| other.regions.iter().any(|two| one.meets(two));
        self.regions.iter().find(meets).map(|region| match region {
            Region::Below(path) | Region::Named(path, _) => path.clone(),
        })
    }

    /// Whether something is written below a path.
    fn is_above(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.entries.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below))
    }
}

/// What a copy from the context writes. `is_folder` tells of a path whether a folder is known to stand there.
#[must_use]
pub fn of_context(
    selector: &Selector,
    context: &BuildContext,
    dest: &str,
    is_folder: &dyn Fn(&str) -> bool,
) -> Written {
    let taken = match selector.take(context) {
        Ok(taken) => taken,
        // The build fails there, before and after.
        Err(_) => return Written::somewhere(dest),
    };
    let into = dest.ends_with('/') || dest.ends_with("/.");
    let dest = clean(dest);
    let mut written = Written::default();
    let placed = match taken {
        Selected::Whole(picked) if picked.path != ContextPath::new(&selector.path) => None,
        Selected::Whole(picked) => match &picked.node {
            Node::File(_) => written.place_file(&picked.path, &picked.node, &dest, into, is_folder),
            Node::Folder(folder) => {
                BuildContext::from_root(folder.clone()).visit(&mut |below, node| {
                    written.add(&dest, below, &picked.path.append(below), node);
                });
                Some(())
            }
        },
        Selected::Listed(matches) => written.place_matches(selector, &matches, &dest, into, is_folder),
    };
    if placed.is_none() { Written::somewhere(&dest) } else { written }
}

impl Written {
    fn add(&mut self, dest: &str, below: &ContextPath, from: &ContextPath, node: &Node) {
        let path = clean(&format!("{dest}/{}", below.to_lossy()));
        let (digest, is_folder) = match node {
            Node::File(entry) => (entry.digest(), false),
            Node::Folder(folder) => {
                (folder.header().map_or_else(|| ContentDigest::of(b""), crate::context::FolderHeader::digest), true)
            }
        };
        self.entries.insert(path, Entry { digest, from: from.clone(), is_folder });
    }

    /// A file lands at the destination, or in it where it is a folder; `None` where nobody can say which.
    fn place_file(
        &mut self,
        from: &ContextPath,
        node: &Node,
        dest: &str,
        into: bool,
        is_folder: &dyn Fn(&str) -> bool,
    ) -> Option<()> {
        let name = ContextPath::new(from.name());
        let dest_name = dest.rsplit('/').next().unwrap_or_default();
        if into || is_folder(dest) {
            self.add(dest, &name, from, node);
        } else if dest_name.as_bytes() == from.name() || dest_name.contains('.') {
            self.add(dest, &ContextPath::root(), from, node);
        } else {
            return None;
        }
        Some(())
    }

    fn place_matches(
        &mut self,
        selector: &Selector,
        matches: &[Match],
        dest: &str,
        into: bool,
        is_folder: &dyn Fn(&str) -> bool,
    ) -> Option<()> {
        for one in matches {
            if one.followed {
                return None;
            }
            let (root, below) = one.path.split(one.depth);
            match &one.node {
                _ if !selector.include.is_empty() => self.add(dest, &below, &one.path, &one.node),
                Node::File(_) if one.path == root => self.place_file(&one.path, &one.node, dest, into, is_folder)?,
                Node::Folder(_) if one.path == root => {}
                node => self.add(dest, &below, &one.path, node),
            }
        }
        Some(())
    }
}
