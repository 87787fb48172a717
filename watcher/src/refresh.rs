//! A context of which only some paths were touched since it was scanned: what a scan would now find, at a cost that
//! grows with the number of touched paths, their depth and the entries beside them, not with the size of the tree.
//! In go the rules of the scan, its [`Stamped`] and the touched paths; the context is brought up to date in place.
//!
//! Touched files are read, whatever their stamps say; what was not touched is not looked at, save for the folders above.
//! Where more could have changed than the touched paths, the answer is to scan anew. The stat cache stays as it is.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use planner::context::{BuildContext, ContextPath, FileEntry, FileKind, Folder, FolderHeader, Node, Stamped};
use planner::ignorefile::{BrokenPattern, Ignorefile, State};
use planner::requested::{Requested, Want};

use crate::hash::{self, Hashed, Stamp};
use crate::scan;
use crate::stat_cache::StatCache;
use crate::walk::{self, FoundFolder, ScanError, Search};

/// What came of an attempt to refresh a context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Refresh {
    /// The context is what a scan would find.
    Done,
    /// It is as before and must be scanned anew: the root was touched, or a path that decides what else is requested.
    ScanAnew,
}

/// Brings `stamped`, which a scan of `root` with the same rules gave, up to date with the disk at the `touched` paths:
/// those of files that were written, made or removed, of folders that came or went or got other attributes. A touched
/// folder is read with all it holds. After an error the context is as before, and the same paths are to be told again.
///
/// # Errors
/// [`ScanError`] with the path at fault, as a scan would give it.
pub fn refresh<'a>(
    root: &Path,
    ignorefile: &Ignorefile,
    requested: &Requested,
    stamped: &mut Stamped,
    touched: impl IntoIterator<Item = &'a ContextPath>,
) -> Result<Refresh, ScanError> {
    let mut tree = TouchedTree::default();
    touched.into_iter().for_each(|path| tree.add(path));
    if tree.is_itself || stamped.mtimes.len() != stamped.context.root().n_below() {
        return Ok(Refresh::ScanAnew);
    }
    let root = walk::resolve_root(root)?;
    let (cache, mut edits) = (StatCache::none(), Vec::new());
    let search = Search { ignorefile, requested, cache: &cache, lists_ignored: false };
    let top = Level {
        path: ContextPath::root(),
        state: ignorefile.root(),
        want: if requested.is_everything() { Want::Within } else { Want::OnTheWay },
    };
    let before = stamped.context.root().clone();
    let entries = match (Look { root: &root, search, edits: &mut edits, buffer: Vec::new() }).entries(
        &tree,
        before.entries(),
        0,
        &top,
    ) {
        Ok(entries) => entries,
        Err(Stop::ScanAnew) => return Ok(Refresh::ScanAnew),
        Err(Stop::Failed(error)) => return Err(error),
    };
    if let Some(entries) = entries {
        stamped.context = BuildContext::new(Folder::new(None, entries));
    }
    splice(&mut stamped.mtimes, edits);
    Ok(Refresh::Done)
}

/// What a folder holds, in byte order of the names.
type Entries = Vec<(Box<[u8]>, Node)>;

/// Touched paths as a tree.
#[derive(Default)]
struct TouchedTree {
    is_itself: bool,
    below: BTreeMap<Box<[u8]>, TouchedTree>,
}

impl TouchedTree {
    fn add(&mut self, path: &ContextPath) {
        let mut at = self;
        for name in path.components() {
            at = at.below.entry(name.into()).or_default();
        }
        at.is_itself = true;
    }
}

/// A folder on the way to touched paths.
struct Level {
    path: ContextPath,
    state: State,
    want: Want,
}

/// Why a context cannot be refreshed.
enum Stop {
    ScanAnew,
    Failed(ScanError),
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        Self::Failed(error)
    }
}

impl From<BrokenPattern> for Stop {
    fn from(broken: BrokenPattern) -> Self {
        Self::Failed(broken.into())
    }
}

/// A change of the times: from position `at` on, `n_old` give way to new ones.
struct Edit {
    at: usize,
    n_old: usize,
    new: Vec<i64>,
}

/// What stands at a path, measured against what stood there.
enum Now {
    /// The same, its time apart.
    Same,
    /// Nothing that is sent.
    Gone,
    /// Something else.
    Is(Node),
}

/// A path on the way or touched, and what stood there.
struct Spot<'a> {
    path: ContextPath,
    touched: &'a TouchedTree,
    before: Option<&'a Node>,
    /// The position of its time, or that where it would stand.
    position: usize,
}

impl Spot<'_> {
    fn n_before(&self) -> usize {
        self.before.map_or(0, n_entries)
    }
}

fn n_entries(node: &Node) -> usize {
    match node {
        Node::Folder(folder) => 1 + folder.n_below(),
        Node::File(_) => 1,
    }
}

struct Look<'a> {
    root: &'a Path,
    search: Search<'a>,
    /// In the order of their positions.
    edits: &'a mut Vec<Edit>,
    /// Kept from file to file.
    buffer: Vec<u8>,
}

impl Look<'_> {
    /// What a folder holds, which held `before`, the first of it at position `first`; `None` if that is unchanged.
    fn entries(
        &mut self,
        touched: &TouchedTree,
        before: &[(Box<[u8]>, Node)],
        first: usize,
        level: &Level,
    ) -> Result<Option<Entries>, Stop> {
        let (mut index, mut position, mut n_taken) = (0, first, 0);
        let mut entries = Vec::new();
        for (name, touched) in &touched.below {
            while let Some((_, node)) = before.get(index).filter(|(other, _)| other < name) {
                position += n_entries(node);
                index += 1;
            }
            let stood = before.get(index).filter(|(other, _)| other == name).map(|(_, node)| node);
            let spot = Spot { path: level.path.join(name), touched, before: stood, position };
            let now = match self.spot(&spot, level)? {
                Now::Same => continue,
                Now::Gone => None,
                Now::Is(node) => Some((name.clone(), node)),
            };
            entries.reserve(before.len() + 1 - n_taken);
            entries.extend_from_slice(&before[n_taken..index]);
            n_taken = index + usize::from(stood.is_some());
            entries.extend(now);
        }
        let is_changed = n_taken > 0 || !entries.is_empty();
        entries.extend_from_slice(if is_changed { &before[n_taken..] } else { &[] });
        Ok(is_changed.then_some(entries))
    }

    fn spot(&mut self, spot: &Spot<'_>, level: &Level) -> Result<Now, Stop> {
        let Search { ignorefile, requested, .. } = self.search;
        let want = if level.want == Want::Within { Want::Within } else { requested.wants(&spot.path) };
        if want == Want::No {
            return Ok(Now::Same);
        }
        let (decision, state) = ignorefile.decide(&level.state, spot.path.as_bytes())?;
        let is_ignored = decision.is_ignored();
        let is_barred = is_ignored && ignorefile.can_skip(spot.path.as_bytes());
        let is_named = requested.names(&spot.path);
        if is_barred && !is_named {
            return Ok(Now::Same);
        }
        let stamp = self.stamp(&spot.path)?;
        let is_folder = stamp.is_some_and(|stamp| stamp.is_folder());
        // What is left out is not known to the context; it may have been a link, or held one.
        let is_left_out = if is_folder { is_barred } else { is_ignored };
        let may_be_link = !is_folder && (stamp.is_some_and(|stamp| stamp.is_link()) || may_hold_links(spot));
        if is_named && (is_left_out || may_be_link) {
            return Err(Stop::ScanAnew);
        }
        match stamp {
            Some(_) if is_folder && is_barred => Ok(Now::Same),
            Some(stamp) if is_folder => {
                let inner = Level { path: spot.path.clone(), state, want };
                self.folder(spot, stamp, &inner, is_ignored, is_named)
            }
            stamp => self.file(spot, stamp.filter(|_| !is_ignored && want == Want::Within)),
        }
    }

    /// Something that is no folder; `stamp` is that of an entry to be sent.
    fn file(&mut self, spot: &Spot<'_>, stamp: Option<Stamp>) -> Result<Now, Stop> {
        let now = match stamp {
            Some(stamp) => self.read(&spot.path, stamp)?,
            None => None,
        };
        let Some(Hashed { entry, stamp }) = now else { return Ok(self.gone(spot)) };
        self.edits.push(Edit { at: spot.position, n_old: spot.n_before(), new: vec![stamp.mtime] });
        match spot.before {
            Some(Node::File(before)) if **before == entry => Ok(Now::Same),
            _ => Ok(Now::Is(Node::File(Arc::new(entry)))),
        }
    }

    fn folder(
        &mut self,
        spot: &Spot<'_>,
        stamp: Stamp,
        level: &Level,
        is_ignored: bool,
        is_named: bool,
    ) -> Result<Now, Stop> {
        let is_kept = level.want == Want::Within && !is_ignored;
        // A folder that counts only for what it holds may have been there before, holding nothing.
        let is_new = match spot.before {
            Some(Node::Folder(_)) => false,
            Some(Node::File(_)) => true,
            None => is_kept,
        };
        if (spot.touched.is_itself || is_new) && is_named {
            return Err(Stop::ScanAnew);
        }
        let Some(xattrs) = self.xattrs(&spot.path)? else { return Ok(self.gone(spot)) };
        let header = FolderHeader { mode: hash::permissions(stamp.st_mode), xattrs };
        if spot.touched.is_itself || is_new {
            return self.whole_folder(spot, stamp, header, level, is_ignored);
        }
        let before = match spot.before {
            Some(Node::Folder(before)) => Some(before),
            _ => None,
        };
        let n_edits = self.edits.len();
        let n_old = usize::from(before.is_some());
        self.edits.push(Edit { at: spot.position, n_old, new: vec![stamp.mtime] });
        let old = before.map_or(&[][..], |before| before.entries());
        let entries = self.entries(spot.touched, old, spot.position + n_old, level)?;
        if !is_kept && entries.as_deref().unwrap_or(old).is_empty() {
            self.edits.truncate(n_edits);
            return Ok(self.gone(spot));
        }
        if entries.is_none() && before.is_some_and(|before| before.header() == Some(&header)) {
            return Ok(Now::Same);
        }
        let entries = entries.unwrap_or_else(|| old.to_vec());
        Ok(Now::Is(Node::Folder(Arc::new(Folder::new(Some(header), entries)))))
    }

    /// A folder of which nothing that was known still holds.
    fn whole_folder(
        &mut self,
        spot: &Spot<'_>,
        stamp: Stamp,
        header: FolderHeader,
        level: &Level,
        is_ignored: bool,
    ) -> Result<Now, Stop> {
        // Which line ignores it is of no interest here.
        let ignored_by = is_ignored.then_some(0);
        let path = spot.path.as_bytes().to_vec();
        let top = FoundFolder::new(path, level.want, ignored_by, level.state.clone(), self.search.cache);
        let is_kept = top.is_kept;
        let built = scan::scan_folder(self.root, &self.search, top)?;
        let Some(built) = built.filter(|built| is_kept || !built.entries.is_empty()) else {
            return Ok(self.gone(spot));
        };
        let mut new = vec![stamp.mtime];
        new.extend(built.mtimes);
        self.edits.push(Edit { at: spot.position, n_old: spot.n_before(), new });
        Ok(Now::Is(Node::Folder(Arc::new(Folder::new(Some(header), built.entries)))))
    }

    fn gone(&mut self, spot: &Spot<'_>) -> Now {
        if spot.before.is_none() {
            return Now::Same;
        }
        self.edits.push(Edit { at: spot.position, n_old: spot.n_before(), new: Vec::new() });
        Now::Gone
    }

    fn on_disk(&self, path: &ContextPath) -> PathBuf {
        self.root.join(OsStr::from_bytes(path.as_bytes()))
    }

    /// `None` if nothing stands there.
    fn stamp(&self, path: &ContextPath) -> Result<Option<Stamp>, ScanError> {
        let path = self.on_disk(path);
        match rustix::fs::lstat(&path) {
            Ok(stat) => Ok(Some(Stamp::of(&stat))),
            Err(errno) => scan::not_vanished(errno.into(), &path).map_or(Ok(None), Err),
        }
    }

    fn read(&mut self, path: &ContextPath, stamp: Stamp) -> Result<Option<Hashed>, ScanError> {
        let path = self.on_disk(path);
        match hash::entry_of(&path, stamp, &mut self.buffer) {
            Ok(hashed) => Ok(Some(hashed)),
            Err(error) => scan::not_vanished(error, &path).map_or(Ok(None), Err),
        }
    }

    /// A folder's attributes; the outer `None` if nothing stands there.
    #[expect(clippy::option_option, reason = "no folder, no attributes, some attributes")]
    fn xattrs(&self, path: &ContextPath) -> Result<Option<Option<planner::digest::ContentDigest>>, ScanError> {
        let path = self.on_disk(path);
        match hash::path_xattrs(&path) {
            Ok(xattrs) => Ok(Some(xattrs)),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ScanError::Unreadable { path, source }),
        }
    }
}

/// Whether what stood there was a symbolic link, or may have held one.
fn may_hold_links(spot: &Spot<'_>) -> bool {
    match spot.before {
        None => false,
        Some(Node::Folder(_)) => true,
        Some(Node::File(before)) => matches!(**before, FileEntry { kind: FileKind::Symlink { .. }, .. }),
    }
}

/// Applies edits in the order of their positions.
fn splice(mtimes: &mut Vec<i64>, edits: Vec<Edit>) {
    /// So many times the rest of the list is moved before it is made anew.
    const FEW: usize = 4;
    let n_moving = edits.iter().filter(|edit| edit.n_old != edit.new.len()).count();
    if n_moving <= FEW {
        for edit in edits.into_iter().rev() {
            if let [new] = edit.new[..]
                && edit.n_old == 1
            {
                mtimes[edit.at] = new;
            } else {
                mtimes.splice(edit.at..edit.at + edit.n_old, edit.new);
            }
        }
        return;
    }
    let old = std::mem::take(mtimes);
    mtimes.reserve(old.len() + edits.iter().map(|edit| edit.new.len()).sum::<usize>());
    let mut n_taken = 0;
    for edit in edits {
        mtimes.extend_from_slice(&old[n_taken..edit.at]);
        mtimes.extend_from_slice(&edit.new);
        n_taken = edit.at + edit.n_old;
    }
    mtimes.extend_from_slice(&old[n_taken..]);
}
