//! A build context of a revision: the work tree as the revision's ignore file and steps would have it sent, with what
//! git calls different taken back. Content that is not at hand is never equal to what is there now. In go a context
//! and the past, out comes a tree. Files that git calls unmodified are not read for it beyond the scan.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use planner::context::{BuildContext, ContextPath, FileEntry, FileKind, Found, Node};
use planner::digest::{ContentDigest, Hasher};
use planner::hypothesis;
use planner::ignorefile::Ignorefile;
use planner::requested::Requested;

use super::Past;
use super::folders::{Known, bare, kept};
use super::tree::{Sieve, without};
use crate::fault::Fault;
use crate::git::{Change, Commit, Differences, GitError, Repository, Tracked};
use crate::observation::ObservedContext;
use crate::project::ContextDir;
use crate::scanning;
use crate::store::Store;

/// Which context, and what a build of the revision asks of it.
pub(super) struct Asked<'a> {
    pub(super) dir: &'a ContextDir,
    pub(super) rules: Ignorefile,
    pub(super) patterns: Vec<Vec<u8>>,
    /// What is there now, where it was scanned by the same rules.
    pub(super) now: Option<&'a ObservedContext>,
}

/// A context as it was.
pub(super) struct ContextThen {
    pub(super) tree: BuildContext,
    /// How many files were taken as unchanged because git knows nothing of them.
    pub(super) n_unchanged: usize,
}

/// The context of the past.
pub(super) fn context_then(
    asked: &Asked<'_>,
    past: &Past,
    store: &Store,
    notes: &mut Vec<String>,
) -> anyhow::Result<ContextThen> {
    let root = &asked.dir.root;
    let requested = requested(asked, past);
    let now = match asked.now.filter(|now| now.requested.asks_like(&requested)) {
        Some(now) => now.now.context.clone(),
        None => {
            let remembered = scanning::remembered(store.trust(), &store.stat_cache_path(root));
            scanning::scan(store.trust(), root, &asked.rules, &requested, &remembered)??.stamped.context
        }
    };
    let Some(prefix) = past.repository.below(root) else {
        notes.push(format!("`{}` is not in the repository and is taken as unchanged", asked.dir.shown.display()));
        return Ok(ContextThen { tree: now, n_unchanged: 0 });
    };
    let sieve = Sieve { root, rules: &asked.rules, requested: &requested };
    let mut back = TakingBack {
        now: &now,
        sieve,
        gone: [].into(),
        folders: [].into(),
        bare: bare(&now),
        asked: [].into(),
        files: Vec::new(),
        unknown: Vec::new(),
        ignored: Vec::new(),
    };
    let place = Place { strip: prefix, add: ContextPath::root() };
    back.take(&past.repository, &past.commit.id, &past.differences, &place)?;
    back.take_unchanged_submodules()?;
    notes.extend(kept(back.take_bare()));
    for path in &back.unknown {
        let path = path.to_lossy();
        notes.push(format!("the submodule `{path}` does not hold its older commit; its files are taken as changed"));
    }
    let tree = back.tree()?;
    let n_unchanged = n_unchanged(&tree, &back.ignored);
    Ok(ContextThen { tree, n_unchanged })
}

/// What a build of the revision asks for. Links lead elsewhere in another version; then all is looked at.
fn requested(asked: &Asked<'_>, past: &Past) -> Requested {
    let is_link = |tracked: &Option<Tracked>| tracked.as_ref().is_some_and(Tracked::is_symlink);
    let changes = past.differences.changes.values();
    if changes.clone().any(|change| is_link(&change.then) || is_link(&change.now) || change.mode == Some(0o120_000)) {
        return Requested::everything();
    }
    watcher::resolve_requested(&asked.dir.root, asked.patterns.clone())
}

/// Files that git ignores, and those of git itself.
fn n_unchanged(tree: &BuildContext, ignored: &[ContextPath]) -> usize {
    let mut n_files = 0;
    let ignored: BTreeSet<&ContextPath> = ignored.iter().collect();
    tree.visit(&mut |path, node| {
        let is_git = path.components().any(|name| name == b".git");
        let is_ignored = || {
            let above = std::iter::successors(Some(path.clone()), ContextPath::parent);
            above.into_iter().any(|path| ignored.contains(&path))
        };
        n_files += usize::from(matches!(node, Node::File(_)) && (is_git || is_ignored()));
    });
    n_files
}

/// Where the paths of a repository stand in a context.
struct Place {
    strip: ContextPath,
    add: ContextPath,
}

impl Place {
    fn of(&self, path: &ContextPath) -> Option<ContextPath> {
        let below = path.strip(&self.strip)?;
        Some(self.add.append(&below))
    }
}

/// The differences of one context as they gather, the submodules' too.
struct TakingBack<'a> {
    now: &'a BuildContext,
    sieve: Sieve<'a>,
    /// What was not there.
    gone: BTreeSet<ContextPath>,
    /// The folders of the revision.
    folders: BTreeSet<ContextPath>,
    /// Folders that stand there without a file that is sent.
    bare: Vec<ContextPath>,
    /// The submodules that were asked.
    asked: BTreeSet<ContextPath>,
    /// What stood there: a file, or an empty folder.
    files: Vec<(ContextPath, Option<FileEntry>)>,
    /// Folders of which nothing is known.
    unknown: Vec<ContextPath>,
    ignored: Vec<ContextPath>,
}

/// A file that was there.
struct Wanted<'a> {
    here: ContextPath,
    path: &'a ContextPath,
    then: &'a Tracked,
    change: &'a Change,
    /// The regular file that stands there now.
    now: Option<std::sync::Arc<FileEntry>>,
}

impl TakingBack<'_> {
    fn take(
        &mut self,
        repository: &Repository,
        commit: &str,
        differences: &Differences,
        place: &Place,
    ) -> anyhow::Result<()> {
        let mut wanted = Vec::new();
        let mut repositories = BTreeSet::new();
        for (path, change) in &differences.changes {
            let Some(here) = place.of(path) else { continue };
            match &change.then {
                None => drop(self.gone.insert(here)),
                Some(then) if then.is_submodule() => {
                    repositories.insert(path);
                    self.take_submodule(repository, path, then, here)?;
                }
                Some(then) => {
                    if self.sieve.sent(&here)?.file {
                        let now = self.regular_file(&here);
                        wanted.push(Wanted { here, path, then, change, now });
                    } else {
                        // Folders that held it are sent all the same.
                        self.files.push((here, Some(FileEntry::symlink(""))));
                    }
                }
            }
        }
        let untracked = differences.untracked.iter().filter(|path| !repositories.contains(path));
        self.gone.extend(untracked.filter_map(|path| place.of(path)));
        if !self.gone.is_empty() || !self.bare.is_empty() {
            let folders = repository.folders(commit).map_err(Fault::from)?;
            self.folders.extend(folders.iter().filter_map(|path| place.of(path)));
        }
        let ignored = differences.ignored.iter();
        let all_ignored = |path: &ContextPath| place.strip.is_within(path).then(|| place.add.clone());
        self.ignored.extend(ignored.filter_map(|path| place.of(path).or_else(|| all_ignored(path))));
        self.take_files(repository, wanted).map_err(Fault::from)?;
        Ok(())
    }

    /// A submodule that was checked out then is one that is checked out now: its own repository says what was in it.
    fn take_submodule(
        &mut self,
        parent: &Repository,
        path: &ContextPath,
        then: &Tracked,
        here: ContextPath,
    ) -> anyhow::Result<()> {
        let disk = parent.on_disk(path);
        if !disk.join(".git").exists() {
            if !disk.is_dir() {
                self.files.push((here, None));
            }
            return Ok(());
        }
        self.asked.insert(here.clone());
        let found = Repository::of(&disk).ok().filter(|repository| repository.top == disk);
        let commit = found.as_ref().and_then(|repository| repository.commit(&then.id).ok());
        let (Some(repository), Some(commit)) = (found, commit) else {
            self.unknown.push(here);
            return Ok(());
        };
        let differences = repository.differences(&commit.id, &[ContextPath::root()]).map_err(Fault::from)?;
        self.take(&repository, &commit.id, &differences, &Place { strip: ContextPath::root(), add: here })
    }

    /// Asks the submodules that hold bare folders and that git calls unchanged.
    fn take_unchanged_submodules(&mut self) -> anyhow::Result<()> {
        let mut folders: Vec<ContextPath> = self.bare.iter().filter_map(ContextPath::parent).collect();
        folders.dedup();
        for folder in folders {
            let above = std::iter::successors(Some(folder), ContextPath::parent).filter(|path| !path.is_root());
            for here in above {
                if self.asked.insert(here.clone()) && self.on_disk(&here).join(".git").exists() {
                    self.take_unchanged(here)?;
                }
            }
        }
        Ok(())
    }

    fn take_unchanged(&mut self, here: ContextPath) -> anyhow::Result<()> {
        let is_elsewhere = |known: &ContextPath| here.is_within(known);
        if self.gone.iter().chain(&self.ignored).any(is_elsewhere) {
            return Ok(());
        }
        let (repository, commit, differences) = at_head(&self.on_disk(&here)).map_err(Fault::from)?;
        self.take(&repository, &commit.id, &differences, &Place { strip: ContextPath::root(), add: here })
    }

    /// Takes away the bare folders that were not there; says how many more are taken as unchanged.
    fn take_bare(&mut self) -> usize {
        let known = Known { folders: &self.folders, unknown: &self.unknown, ignored: &self.ignored };
        let (new, n_kept) = known.new_ones(&self.bare);
        let of_ignored = known.of_ignored();
        self.gone.extend(new);
        // A folder that loses its last new file stays for the sake of the others.
        self.folders.extend(of_ignored);
        n_kept
    }

    fn on_disk(&self, path: &ContextPath) -> PathBuf {
        self.sieve.root.join(OsStr::from_bytes(path.as_bytes()))
    }

    fn regular_file(&self, here: &ContextPath) -> Option<std::sync::Arc<FileEntry>> {
        match self.now.find(here) {
            Some(Found::File(entry)) if matches!(entry.kind, FileKind::File { .. }) => Some(entry),
            _ => None,
        }
    }

    fn take_files(&mut self, repository: &Repository, wanted: Vec<Wanted<'_>>) -> Result<(), GitError> {
        let is_asked = |wanted: &&Wanted<'_>| wanted.change.now.is_none() && wanted.may_be_same();
        let asked: Vec<ContextPath> = wanted.iter().filter(is_asked).map(|wanted| wanted.path.clone()).collect();
        let mut names = repository.names_of_content(&asked).into_iter();
        let mut unread = Vec::new();
        for wanted in wanted {
            let name = match &wanted.change.now {
                Some(now) => Some(now.id.clone()),
                None if wanted.may_be_same() => names.next().flatten(),
                None => None,
            };
            match &wanted.now {
                Some(now) if wanted.may_be_same() && name.as_ref() == Some(&wanted.then.id) => {
                    let entry = FileEntry { mode: wanted.mode(), ..FileEntry::clone(now) };
                    self.files.push((wanted.here, Some(entry)));
                }
                _ => unread.push(wanted),
            }
        }
        let ids: Vec<String> = unread.iter().map(|wanted| wanted.then.id.clone()).collect();
        let mut unread = unread.into_iter();
        repository.objects(ids, |bytes| {
            let read = unread.next().map(|wanted| (wanted.here.clone(), Some(wanted.entry(bytes))));
            self.files.extend(read);
        })
    }

    /// The tree of the past. The `.git` of a folder of which nothing is known is taken as unchanged, like any.
    fn tree(&self) -> anyhow::Result<BuildContext> {
        let mut unseen = Vec::new();
        self.now.visit(&mut |path, node| {
            let is_unknown = self.unknown.iter().any(|folder| path.is_within(folder));
            if is_unknown && matches!(node, Node::File(_)) && !path.components().any(|name| name == b".git") {
                unseen.push(path.clone());
            }
        });
        let tree = hypothesis::edited(self.now, &unseen);
        let tree = without(&tree, &self.gone, &self.folders);
        Ok(self.sieve.with_files(&tree, self.files.clone())?)
    }
}

fn at_head(dir: &Path) -> Result<(Repository, Commit, Differences), GitError> {
    let repository = Repository::of(dir)?;
    let commit = repository.commit("HEAD")?;
    let differences = repository.differences(&commit.id, &[ContextPath::root()])?;
    Ok((repository, commit, differences))
}

impl Wanted<'_> {
    /// Whether a regular file stood there and stands there still.
    fn may_be_same(&self) -> bool {
        self.now.is_some() && !self.then.is_symlink()
    }

    /// The mode a checkout would give: that of the present file where git's executable bit agrees, else the same with
    /// that bit as it was, for those who may read the file.
    fn mode(&self) -> u32 {
        let Some(now) = &self.now else { return self.then.mode & 0o777 };
        let is_executable = self.change.mode.map_or(now.mode & 0o100 != 0, |mode| mode & 0o111 != 0);
        match (is_executable, self.then.is_executable()) {
            (false, true) => now.mode | (now.mode & 0o444) >> 2,
            (true, false) => now.mode & !0o111,
            _ => now.mode,
        }
    }

    /// The entry with the bytes of git's object; with bytes that nothing else has where it is not at hand.
    fn entry(&self, bytes: Option<Vec<u8>>) -> FileEntry {
        if self.then.is_symlink() {
            return FileEntry::symlink(bytes.unwrap_or_else(|| self.then.id.clone().into_bytes()));
        }
        let xattrs = self.now.as_ref().and_then(|now| now.xattrs);
        let (size, content) = match bytes {
            Some(bytes) => (bytes.len() as u64, ContentDigest::of(&bytes)),
            None => (0, Hasher::new("git object not at hand").text(&self.then.id).finish()),
        };
        FileEntry { xattrs, ..FileEntry::file(self.mode(), size, content) }
    }
}
