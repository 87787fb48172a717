//! Paths below a context root. Bytes, because file names need not be UTF-8; `/` between components; no
//! leading or trailing slash; the root is the empty path. Ordered as BuildKit orders its tree keys: a
//! folder stands right before what it holds.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A clean path relative to a context root.
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ContextPath(Vec<u8>);

impl ContextPath {
    /// The context root itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Cleans a path lexically: empty and `.` components vanish, `..` is clamped at the root.
    #[must_use]
    pub fn new(path: impl AsRef<[u8]>) -> Self {
        let mut components: Vec<&[u8]> = Vec::new();
        for component in path.as_ref().split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => drop(components.pop()),
                name => components.push(name),
            }
        }
        Self(components.join(&b'/'))
    }

    /// The path of an entry of this folder.
    #[must_use]
    pub fn join(&self, name: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        bytes.extend_from_slice(&self.0);
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        Self(bytes)
    }

    /// The path of `below`, which is relative to this folder.
    #[must_use]
    pub fn append(&self, below: &Self) -> Self {
        if below.is_root() { self.clone() } else { self.join(&below.0) }
    }

    /// The first `n` components, and the path that is left below them.
    #[must_use]
    pub fn split(&self, n: usize) -> (Self, Self) {
        let first = self.components().take(n).fold(Self::root(), |path, name| path.join(name));
        let rest = self.strip(&first).unwrap_or_default();
        (first, rest)
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The components from the root downwards; none for the root.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|component| !component.is_empty())
    }

    /// The last component; empty for the root.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// The folder that holds this path; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let end = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Some(Self(self.0[..end].to_vec()))
    }

    /// Whether this path is `folder` or lies below it.
    #[must_use]
    pub fn is_within(&self, folder: &Self) -> bool {
        folder.is_root()
            || self.0.strip_prefix(folder.0.as_slice()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }

    /// What is left of the path below `folder`.
    #[must_use]
    pub fn strip(&self, folder: &Self) -> Option<Self> {
        if !self.is_within(folder) {
            return None;
        }
        let rest = &self.0[folder.0.len()..];
        Some(Self(rest.strip_prefix(b"/").unwrap_or(rest).to_vec()))
    }

    /// The text, with U+FFFD for what is not UTF-8.
    #[must_use]
    pub fn to_lossy(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl Ord for ContextPath {
    fn cmp(&self, other: &Self) -> Ordering {
        // Component by component, found at the first byte that differs: the end of a name comes before all that go on.
        let place = |byte: &u8| if *byte == b'/' { 0 } else { u16::from(*byte) + 1 };
        match self.0.iter().zip(&other.0).find(|(one, other)| one != other) {
            Some((one, other)) => place(one).cmp(&place(other)),
            None => self.0.len().cmp(&other.0.len()),
        }
    }
}

impl PartialOrd for ContextPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for ContextPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_lossy())
    }
}

#[cfg(test)]
mod tests {
    use super::ContextPath;

    #[test]
    fn a_path_is_cleaned_and_clamped_at_the_root() {
        let cases = [("", ""), ("/", ""), ("./a//b/", "a/b"), ("a/../b", "b"), ("../../a", "a"), ("a/./b/..", "a")];
        for (written, clean) in cases {
            assert_eq!(ContextPath::new(written).as_bytes(), clean.as_bytes(), "{written}");
        }
    }

    #[test]
    fn a_path_is_split_and_put_together_again() {
        let path = ContextPath::new("a/b/c");
        for (n, first, rest) in [(0, "", "a/b/c"), (1, "a", "b/c"), (3, "a/b/c", ""), (9, "a/b/c", "")] {
            let split = path.split(n);
            assert_eq!(split, (ContextPath::new(first), ContextPath::new(rest)));
            assert_eq!(split.0.append(&split.1), path);
        }
    }

    #[test]
    fn a_folder_stands_right_before_what_it_holds() {
        let mut paths = ["a.b", "a/z", "a", "ab", "a/b/c"].map(ContextPath::new);
        paths.sort();
        assert_eq!(paths, ["a", "a/b/c", "a/z", "a.b", "ab"].map(ContextPath::new));
        let bytes =
            [&b"\0"[..], b"\0/a", b"a\0", b"a/\xff", b"a\xff", b"\xff", b"", b"a", b"a/b"].map(ContextPath::new);
        for (one, other) in bytes.iter().flat_map(|one| bytes.iter().map(move |other| (one, other))) {
            assert_eq!(one.cmp(other), one.components().cmp(other.components()), "{one:?} {other:?}");
        }
    }
}
