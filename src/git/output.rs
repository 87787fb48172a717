//! What git prints for programs (`-z` forms, the raw diff, porcelain v2, commit objects), read into values. In go
//! bytes; out comes `None` where they are not of the form that git documents. Nothing runs here.

use std::collections::BTreeMap;

use planner::context::ContextPath;

/// What a version of the repository holds at a path, folders apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Tracked {
    /// git's mode: 0o100644, 0o100755, 0o120000 for symbolic links, 0o160000 for submodules.
    pub(crate) mode: u32,
    /// The name of the object in hexadecimal.
    pub(crate) id: String,
}

impl Tracked {
    pub(crate) fn is_symlink(&self) -> bool {
        self.mode == 0o120_000
    }

    pub(crate) fn is_submodule(&self) -> bool {
        self.mode == 0o160_000
    }

    pub(crate) fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }
}

/// A tracked path at which a revision and the work tree differ, or may.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Change {
    /// What the revision holds there.
    pub(crate) then: Option<Tracked>,
    /// What the work tree holds there, where git knows it without reading.
    pub(crate) now: Option<Tracked>,
    /// The mode git sees in the work tree, where something stands there.
    pub(crate) mode: Option<u32>,
}

/// What differs between a revision and the work tree. Paths are relative to the top of the repository.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Differences {
    /// The tracked paths.
    pub(crate) changes: BTreeMap<ContextPath, Change>,
    /// Files that are in no version and that git does not ignore; a repository inside this one stands for all it holds.
    pub(crate) untracked: Vec<ContextPath>,
    /// Files, and folders with all they hold, that git ignores.
    pub(crate) ignored: Vec<ContextPath>,
}

impl Differences {
    /// Joins `git diff-index --cached --raw -z` (revision against index) and `git status --porcelain=v2 -z` (index
    /// against work tree).
    pub(super) fn read(diff: &[u8], status: &[u8]) -> Option<Self> {
        let mut differences = Self { changes: raw_diff(diff)?, ..Self::default() };
        let mut records = records(status);
        while let Some(record) = records.next() {
            let (kind, rest) = record.split_at_checked(2)?;
            match kind {
                b"? " => differences.untracked.push(ContextPath::new(rest)),
                b"! " => differences.ignored.push(ContextPath::new(rest)),
                b"1 " => differences.add_changed(rest)?,
                b"u " => differences.add_unmerged(rest)?,
                // Renames are not asked for, but a path of its own would follow.
                b"2 " => drop(records.next()?),
                _ => {}
            }
        }
        Some(differences)
    }

    /// `XY sub mH mI mW hH hI path`.
    fn add_changed(&mut self, record: &[u8]) -> Option<()> {
        let fields: Vec<&[u8]> = record.splitn(8, |byte| *byte == b' ').collect();
        let [states, _, _, index_mode, work_mode, _, id, path] = fields.try_into().ok()?;
        if states.get(1)? == &b'.' {
            return Some(());
        }
        let index = tracked(index_mode, id)?;
        let change = self.changes.entry(ContextPath::new(path)).or_insert(Change { then: index, ..Change::default() });
        change.now = None;
        change.mode = Some(mode(work_mode)?).filter(|mode| *mode != 0);
        Some(())
    }

    /// `XY sub m1 m2 m3 mW h1 h2 h3 path`. The raw diff has told what the revision holds.
    fn add_unmerged(&mut self, record: &[u8]) -> Option<()> {
        let fields: Vec<&[u8]> = record.splitn(10, |byte| *byte == b' ').collect();
        let [_, _, _, _, _, work_mode, _, _, _, path] = fields.try_into().ok()?;
        let change = self.changes.entry(ContextPath::new(path)).or_default();
        change.now = None;
        change.mode = Some(mode(work_mode)?).filter(|mode| *mode != 0);
        Some(())
    }
}

/// `:mode mode id id status NUL path NUL`.
fn raw_diff(bytes: &[u8]) -> Option<BTreeMap<ContextPath, Change>> {
    let mut changes = BTreeMap::new();
    let mut records = records(bytes);
    while let Some(record) = records.next() {
        let (then, now) = raw_change(record)?;
        let mode = now.as_ref().map(|now| now.mode);
        changes.insert(ContextPath::new(records.next()?), Change { then, now, mode });
    }
    Some(changes)
}

/// `:mode mode id id status`: what stood at a path, and what stands there.
pub(super) fn raw_change(record: &[u8]) -> Option<(Option<Tracked>, Option<Tracked>)> {
    let fields: Vec<&[u8]> = record.strip_prefix(b":")?.split(|byte| *byte == b' ').collect();
    let [old_mode, new_mode, old_id, new_id, _] = fields.try_into().ok()?;
    Some((tracked(old_mode, old_id)?, tracked(new_mode, new_id)?))
}

/// The one of [`tree_entries`]; the inner `None` where nothing is listed.
pub(super) fn tree_entry(bytes: &[u8]) -> Option<Option<Tracked>> {
    Some(tree_entries(bytes)?.pop().map(|(_, tracked)| tracked))
}

/// The lines of `git ls-tree -z`: `mode type id TAB path`.
pub(super) fn tree_entries(bytes: &[u8]) -> Option<Vec<(ContextPath, Tracked)>> {
    let entries = records(bytes).map(|record| {
        let tab = record.iter().position(|byte| *byte == b'\t')?;
        let fields: Vec<&[u8]> = record[..tab].split(|byte| *byte == b' ').collect();
        let [mode, _, id] = fields.try_into().ok()?;
        Some((ContextPath::new(&record[tab + 1..]), tracked(mode, id)??))
    });
    entries.collect()
}

/// The paths of a `-z` list.
pub(super) fn paths(bytes: &[u8]) -> Vec<ContextPath> {
    records(bytes).map(ContextPath::new).collect()
}

/// When a commit object says it was committed, in seconds since 1970.
pub(super) fn committer_time(commit: &[u8]) -> Option<i64> {
    let mut head = commit.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    let committer = head.find_map(|line| line.strip_prefix(b"committer "))?;
    let after = committer.rsplit(|byte| *byte == b'>').next()?;
    std::str::from_utf8(after).ok()?.split_whitespace().next()?.parse().ok()
}

/// The head of an answer of `git cat-file --batch`: how many bytes follow; the inner `None` for a missing object.
pub(super) fn batch_head(line: &[u8]) -> Option<Option<usize>> {
    let fields: Vec<&str> = std::str::from_utf8(line).ok()?.split_whitespace().collect();
    match fields.as_slice() {
        [_, "missing"] => Some(None),
        [_, _, size] => size.parse().ok().map(Some),
        _ => None,
    }
}

fn records(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == 0).filter(|record| !record.is_empty())
}

fn tracked(mode_text: &[u8], id: &[u8]) -> Option<Option<Tracked>> {
    let mode = mode(mode_text)?;
    let id = std::str::from_utf8(id).ok()?.to_owned();
    Some((mode != 0).then_some(Tracked { mode, id }))
}

fn mode(text: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(text).ok()?, 8).ok()
}

#[cfg(test)]
mod tests {
    use planner::context::ContextPath;

    use super::{Differences, Tracked, batch_head, committer_time, tree_entry};

    #[test]
    fn staged_and_unstaged_changes_are_joined() {
        let diff = b":100644 100755 aa aa M\0staged\0:100644 000000 bb 00 D\0gone\0:100644 100644 cc dd M\0both\0";
        let status = b"# head\x001 M. N... 100644 100755 100755 aa aa staged\x001 MM N... 100644 100644 100644 cc dd both\0\
            1 .M N... 100644 100644 100755 ee ee a b\x001 .D N... 100644 100644 000000 ff ff lost\0? new\nline\0! out/\0";
        let read = Differences::read(diff, status).unwrap();
        let change = |path: &str| read.changes[&ContextPath::new(path)].clone();
        let tracked = |mode, id: &str| Some(Tracked { mode, id: id.to_owned() });
        assert_eq!(change("staged").now, tracked(0o100_755, "aa"));
        assert_eq!((change("gone").then, change("gone").mode), (tracked(0o100_644, "bb"), None));
        assert_eq!((change("both").then, change("both").now), (tracked(0o100_644, "cc"), None));
        assert_eq!((change("a b").then, change("a b").mode), (tracked(0o100_644, "ee"), Some(0o100_755)));
        assert_eq!((change("lost").then, change("lost").mode), (tracked(0o100_644, "ff"), None));
        assert_eq!(read.untracked, [ContextPath::new("new\nline")]);
        assert_eq!(read.ignored, [ContextPath::new("out")]);
    }

    #[test]
    fn a_conflict_keeps_what_the_revision_holds() {
        let diff = b":100644 000000 aa 00 U\0a\0";
        let status = b"u UU N... 100644 100644 100644 100644 b1 b2 b3 a\0";
        let read = Differences::read(diff, status).unwrap();
        let change = &read.changes[&ContextPath::new("a")];
        assert_eq!(change.then, Some(Tracked { mode: 0o100_644, id: "aa".to_owned() }));
        assert_eq!((&change.now, change.mode), (&None, Some(0o100_644)));
    }

    #[test]
    fn what_git_does_not_print_is_refused() {
        assert_eq!(Differences::read(b":100644 100644 aa M\0a\0", b""), None);
        assert_eq!(Differences::read(b":100644 100644 aa bb M\0", b""), None);
        assert_eq!(Differences::read(b"", b"1 .M N... 100644\0"), None);
    }

    #[test]
    fn objects_are_read() {
        let commit =
            b"tree aa\nparent bb\nauthor A <a@b> 1 +0000\ncommitter A > B <a@b> 1700000000 +0200\n\ncommitter x\n";
        assert_eq!(committer_time(commit), Some(1_700_000_000));
        assert_eq!(committer_time(b"tree aa\n\ncommitter A <a> 1 +0000\n"), None);
        assert_eq!(batch_head(b"aa blob 12"), Some(Some(12)));
        assert_eq!(batch_head(b"aa missing"), Some(None));
        assert_eq!(batch_head(b"aa"), None);
        assert_eq!(tree_entry(b""), Some(None));
        let entry = Tracked { mode: 0o100_644, id: "aa".to_owned() };
        assert_eq!(tree_entry(b"100644 blob aa\ta\tb\0"), Some(Some(entry)));
    }
}
