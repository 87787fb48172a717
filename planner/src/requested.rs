//! What a build asks its client to send of a context: the paths that COPY, ADD and context mounts of the
//! reachable stages name, and nothing else. Source paths go in, wildcards and all; out comes, path by path,
//! whether it is wanted. Symbolic links on the way are the business of whoever can read them.

use crate::context::ContextPath;
use crate::glob::Glob;

/// The requested part of a context. The default requests nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Requested {
    everything: bool,
    patterns: Vec<Vec<Component>>,
}

/// Whether a path is requested.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Want {
    /// Neither it nor anything below it.
    No,
    /// Not it, but something below it may be.
    OnTheWay,
    /// It is a requested path or lies below one, and so is everything below it.
    Within,
}

/// One component of a requested path.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Component {
    Literal(Vec<u8>),
    /// The text as a wildcard, and as it stands: a name with a backslash is asked for by either reading.
    Wildcard(Glob, Vec<u8>),
    /// `**`: BuildKit's client takes it for any number of folders, though COPY itself then picks from one level.
    AnyDepth,
}

impl Requested {
    /// The whole context.
    #[must_use]
    pub fn everything() -> Self {
        Self { everything: true, patterns: Vec::new() }
    }

    /// These source paths, relative to the context root; the root itself requests everything. A `*` takes no
    /// slash.
    #[must_use]
    pub fn of(patterns: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut requested = Self::default();
        for pattern in patterns {
            let path = ContextPath::new(pattern);
            requested.everything |= path.is_root();
            let mut components: Vec<Component> = path.components().map(Component::new).collect();
            components.dedup_by(|later, earlier| *later == Component::AnyDepth && later == earlier);
            if !requested.patterns.contains(&components) {
                requested.patterns.push(components);
            }
        }
        requested
    }

    /// Whether the whole context is requested.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether the same paths are requested.
    #[must_use]
    pub fn asks_like(&self, other: &Self) -> bool {
        self.everything && other.everything || self == other
    }

    /// Whether `path` is a requested path or leads to one, which what merely lies below one does not. A symbolic link
    /// there says what else is requested.
    #[must_use]
    pub fn names(&self, path: &ContextPath) -> bool {
        self.patterns.iter().any(|pattern| names(pattern, path.as_bytes()))
    }

    /// Whether `path` is requested.
    #[must_use]
    pub fn wants(&self, path: &ContextPath) -> Want {
        self.wants_bytes(path.as_bytes())
    }

    /// The same for the bytes of a [`ContextPath`].
    #[must_use]
    pub fn wants_bytes(&self, path: &[u8]) -> Want {
        if self.everything {
            return Want::Within;
        }
        self.patterns.iter().map(|pattern| want(pattern, path)).max().unwrap_or(Want::No)
    }
}

fn want(pattern: &[Component], path: &[u8]) -> Want {
    let Some((component, deeper)) = pattern.split_first() else {
        return Want::Within;
    };
    if *component == Component::AnyDepth {
        let here = want(deeper, path);
        return if path.is_empty() { here } else { here.max(want(pattern, split_first_name(path).1)) };
    }
    if path.is_empty() {
        return Want::OnTheWay;
    }
    let (name, below) = split_first_name(path);
    if component.matches(name) { want(deeper, below) } else { Want::No }
}

fn names(pattern: &[Component], path: &[u8]) -> bool {
    if path.is_empty() {
        return true;
    }
    let Some((component, deeper)) = pattern.split_first() else { return false };
    let (name, below) = split_first_name(path);
    match component {
        Component::AnyDepth => names(deeper, path) || names(pattern, below),
        component => component.matches(name) && names(deeper, below),
    }
}

fn split_first_name(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().position(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (path, b""),
    }
}

impl Component {
    fn new(name: &[u8]) -> Self {
        if name == b"**" {
            return Self::AnyDepth;
        }
        match Glob::new(name) {
            Ok(glob) if name.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\')) => {
                Self::Wildcard(glob, name.to_vec())
            }
            // A build with a malformed pattern fails, whatever was sent.
            _ => Self::Literal(name.to_vec()),
        }
    }

    fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Literal(literal) => literal == name,
            Self::Wildcard(glob, literal) => glob.matches(name) || literal == name,
            Self::AnyDepth => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ContextPath, Requested, Want};

    #[test]
    fn a_path_is_wanted_at_below_or_on_the_way_to_a_source() {
        let requested = ["/src", "/pkg/*/go.mod", "assets/**/*.png", "a\\b"].map(|source| source.as_bytes().to_vec());
        let requested = Requested::of(requested);
        for (path, expected) in [
            ("", Want::OnTheWay),
            ("src", Want::Within),
            ("src/a/b", Want::Within),
            ("srcs", Want::No),
            ("pkg", Want::OnTheWay),
            ("pkg/x", Want::OnTheWay),
            ("pkg/x/go.mod", Want::Within),
            ("pkg/x/y/go.mod", Want::No),
            ("assets", Want::OnTheWay),
            ("assets/a.png", Want::Within),
            ("assets/a/b/c.png", Want::Within),
            ("assets/a/b/c.svg", Want::OnTheWay),
            ("a\\b", Want::Within),
            ("ab", Want::Within),
        ] {
            assert_eq!(requested.wants(&ContextPath::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_path_is_named_where_a_source_leads_through_it() {
        let requested = ["/src", "/pkg/*/go.mod", "assets/**/*.png"].map(|source| source.as_bytes().to_vec());
        let requested = Requested::of(requested);
        for (path, expected) in [
            ("src", true),
            ("src/a", false),
            ("srcs", false),
            ("pkg", true),
            ("pkg/x", true),
            ("pkg/x/go.mod", true),
            ("pkg/x/go.sum", false),
            ("pkg/x/go.mod/y", false),
            ("assets/a/b", true),
            ("other", false),
        ] {
            assert_eq!(requested.names(&ContextPath::new(path)), expected, "{path}");
        }
        assert!(!Requested::everything().names(&ContextPath::new("src")));
    }

    #[test]
    fn the_root_requests_everything_and_no_source_nothing() {
        let root = Requested::of([b"src".to_vec(), b"./..".to_vec()]);
        assert!(root.is_everything());
        assert_eq!(root.wants(&ContextPath::new("x/y")), Want::Within);
        // A link in the place of `src` would say what else is requested, even beside everything.
        assert!(root.names(&ContextPath::new("src")) && !root.names(&ContextPath::new("x")));
        assert_eq!(Requested::default().wants(&ContextPath::root()), Want::No);
    }
}
