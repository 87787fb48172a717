//! Whether two selections hold the same files: for certain, for certain not, or nobody can say.

use std::collections::BTreeMap;

use super::{Filesystem, Known, Origin, OwnedBy, Rights};
use crate::context::{BuildContext, ContextPath};
use crate::glob;
use crate::selector::{Selected, Selector};

/// What can be said of two selections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Likeness {
    /// They differ, whatever the unknown parts are.
    Different,
    /// It hangs on files nobody has seen.
    Unknown,
    /// They are equal.
    Equal,
}

/// What one selector takes of one file system, as far as it is known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    /// What is known to be selected, by the path below the source.
    known: BTreeMap<ContextPath, Known>,
    /// What else is selected: unseen files, where they stand below the source, and where they come from.
    rest: Vec<(ContextPath, Origin, String)>,
    /// Whether the matches of a pattern are listed, by their names.
    listed: bool,
    /// Whether the root of a build context is taken, whose own attributes BuildKit does not hash.
    of_root: bool,
    /// Whether the source is known not to be there.
    missing: bool,
}

impl View {
    /// What `selector` takes of a file system.
    #[must_use]
    pub fn of_filesystem(filesystem: &Filesystem, selector: &Selector) -> Self {
        if !selector.include.is_empty() || !selector.exclude.is_empty() {
            let rest = vec![(ContextPath::root(), filesystem.identity(), format!("{selector:?}"))];
            return Self { rest, listed: true, ..Self::default() };
        }
        if selector.wildcard {
            filesystem.matches(selector)
        } else {
            filesystem.view(&ContextPath::new(&selector.path))
        }
    }

    /// What `selector` takes of a build context.
    #[must_use]
    pub fn of_context(context: &BuildContext, selector: &Selector) -> Self {
        match selector.take(context) {
            Err(_) => Self { missing: true, ..Self::default() },
            Ok(Selected::Whole(picked)) => {
                let mut view = Filesystem::of_context(context).view(&picked.path);
                view.of_root = picked.path.is_root();
                view
            }
            Ok(Selected::Listed(matches)) => {
                let prefix = selector.fixed_prefix();
                let filesystem = Filesystem::of_context(context);
                let entries = matches.iter().filter_map(|entry| {
                    let known = filesystem.entries.get(&filesystem.resolve(&entry.path))?.clone();
                    Some((entry.path.strip(&prefix)?, known))
                });
                Self { known: entries.collect(), listed: true, ..Self::default() }
            }
        }
    }

    /// Whether the source is known not to be there, so that the build fails.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.missing
    }

    /// Compares two selections.
    #[must_use]
    pub fn likeness(&self, other: &Self) -> Likeness {
        if self.missing || other.missing || self.of_root != other.of_root {
            return Likeness::Different;
        }
        if self.known == other.known && self.rest == other.rest && self.listed == other.listed {
            return Likeness::Equal;
        }
        if self.listed != other.listed || self.has_other_file(other) {
            return if self.listed == other.listed { Likeness::Different } else { Likeness::Unknown };
        }
        // Names of listed matches may enter without their folders, so other folders alone decide nothing.
        if !self.listed && (self.has_lone_file(other) || other.has_lone_file(self)) {
            return Likeness::Different;
        }
        Likeness::Unknown
    }

    fn has_other_file(&self, other: &Self) -> bool {
        self.known
            .iter()
            .any(|(path, known)| other.known.get(path).is_some_and(|another| known.surely_differs(another)))
    }

    /// Whether something here is certain to be missing there.
    fn has_lone_file(&self, other: &Self) -> bool {
        self.known.iter().any(|(path, known)| {
            known.is_certain()
                && !other.known.contains_key(path)
                && !other.rest.iter().any(|(root, ..)| path.is_within(root))
        })
    }
}

impl Filesystem {
    /// Everything at and below a path.
    fn view(&self, path: &ContextPath) -> View {
        let path = self.resolve(path);
        let mut view = View::default();
        if let Some((root, Known::Graft { origin, path: taken, rights })) = self.graft_above(&path) {
            let below = path.strip(root).unwrap_or_default();
            view.rest.push((ContextPath::root(), *origin, format!("{taken} {rights:?} {below:?}")));
        }
        let ground = self.ground.map(|origin| (ContextPath::root(), origin, path.to_lossy()));
        match self.entries.get(&path) {
            Some(file @ Known::File { or_inside, .. }) => {
                view.known.insert(ContextPath::root(), file.clone());
                view.rest.extend(ground.filter(|_| *or_inside));
                return view;
            }
            Some(folder @ Known::Folder { header: Some(_) }) => {
                view.known.insert(ContextPath::root(), folder.clone());
            }
            _ => view.missing = self.ground.is_none() && view.rest.is_empty() && !self.is_folder(&path),
        }
        view.rest.extend(ground);
        for (other, known) in self.below(&path) {
            view.add(other.strip(&path).unwrap_or_default(), known);
        }
        view
    }

    /// The known matches of a wildcard; what else may match stands for itself.
    fn matches(&self, selector: &Selector) -> View {
        let pattern = ContextPath::new(&selector.path);
        let prefix = selector.fixed_prefix();
        let mut view = View { listed: true, ..View::default() };
        let unseen = self.ground.into_iter().chain(self.graft_above(&prefix).map(|_| self.identity()));
        view.rest = unseen.map(|origin| (ContextPath::root(), origin, selector.path.clone())).collect();
        let resolved = self.resolve(&prefix);
        let n_components = pattern.components().count();
        for (path, known) in self.below(&resolved) {
            let Some(below) = path.strip(&resolved) else { continue };
            let named = prefix.append(&below);
            let (root, _) = named.split(n_components);
            if glob::matches(pattern.as_bytes(), root.as_bytes()).unwrap_or(false) {
                view.add(below, known);
            } else if matches!(known, Known::Graft { .. }) {
                view.rest.push((ContextPath::root(), self.identity(), selector.path.clone()));
            }
        }
        view
    }
}

impl View {
    fn add(&mut self, path: ContextPath, known: &Known) {
        match known {
            Known::Folder { header: None } => {}
            Known::Graft { origin, path: taken, rights } => {
                self.rest.push((path, *origin, format!("{taken} {rights:?}")));
            }
            known => drop(self.known.insert(path, known.clone())),
        }
    }
}

impl Known {
    /// Whether the digests of two entries at one path are bound to differ.
    fn surely_differs(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { entry: a, rights: of_a, .. }, Self::File { entry: b, rights: of_b, .. }) => {
                a.kind != b.kind || a.xattrs != b.xattrs || of_a.surely_differ(a.mode, of_b, b.mode)
            }
            (Self::Folder { header: Some((a, of_a)) }, Self::Folder { header: Some((b, of_b)) }) => {
                a.xattrs != b.xattrs || of_a.surely_differ(a.mode, of_b, b.mode)
            }
            (Self::File { or_inside: a, .. }, Self::Folder { .. })
            | (Self::Folder { .. }, Self::File { or_inside: a, .. }) => !a,
            _ => false,
        }
    }

    fn is_certain(&self) -> bool {
        match self {
            Self::File { or_inside, .. } => !or_inside,
            Self::Folder { header } => header.is_some(),
            Self::Graft { .. } => false,
        }
    }
}

impl Rights {
    /// Whether two sets of rights, applied to these modes, are bound to differ.
    fn surely_differ(&self, mode: u32, other: &Self, other_mode: u32) -> bool {
        let modes_differ = self.mode.is_none() && other.mode.is_none() && mode != other_mode;
        // Without a given owner the source's is kept, and every known source belongs to root.
        let ids = |rights: &Self| match &rights.owner {
            None => Some((0, 0)),
            Some(OwnedBy::Ids(user, group)) => Some((*user, *group)),
            Some(OwnedBy::Named(..)) => None,
        };
        let owners_differ = ids(self).zip(ids(other)).is_some_and(|(a, b)| a != b);
        modes_differ || owners_differ
    }
}
