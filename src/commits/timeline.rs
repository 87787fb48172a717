//! One build context from commit to commit: each commit costs what it changed, times the depth of that. In go what git
//! tells of a start and of each commit; out comes the context as a checkout would have it, sieved by ignore rules. What
//! git does not know, it is asked once how it is now, and taken to have been so all the time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::Path;

use planner::context::{BuildContext, ContextPath, FileEntry, FileKind, Node};
use planner::digest::{ContentDigest, Hasher};
use planner::ignorefile::{BrokenPattern, Ignorefile};
use planner::requested::Requested;

use super::History;
use crate::git::{Logged, Tracked};
use crate::since::tree::{Sieve, without};

/// Where a context lies, and what of it is sent.
pub(super) struct Place<'a> {
    /// The context's folder.
    pub(super) root: &'a Path,
    pub(super) rules: &'a Ignorefile,
    /// The folder's path in the repository.
    pub(super) strip: ContextPath,
}

/// A context at one commit, and what is needed to go on to the next.
pub(super) struct Timeline<'a> {
    place: &'a Place<'a>,
    history: &'a History,
    everything: Requested,
    /// What no commit holds, as it is now; `None` for an empty folder.
    kept: BTreeMap<ContextPath, Option<FileEntry>>,
    /// What the submodules hold that are checked out, by the path of the submodule.
    submodules: BTreeMap<ContextPath, Vec<(ContextPath, FileEntry)>>,
    /// Files of git's own that every commit changes.
    of_git: Vec<ContextPath>,
    tracked: HashSet<ContextPath>,
    /// How many tracked files lie in each folder, at any depth.
    folders: HashMap<ContextPath, usize>,
    context: BuildContext,
}

/// What was taken to have been there all the time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Kept {
    n_files: usize,
    has_git: bool,
}

impl Kept {
    pub(super) fn add(&mut self, other: Self) {
        self.n_files += other.n_files;
        self.has_git |= other.has_git;
    }

    /// What is said of it.
    pub(super) fn notes(self) -> Vec<String> {
        let (files, are) = if self.n_files == 1 { ("file", "is") } else { ("files", "are") };
        let n_files = self.n_files;
        let unknown = (n_files > 0).then(|| {
            format!("{n_files} {files} that git ignores or does not track {are} taken as now in every commit")
        });
        let git = self.has_git.then(|| {
            "`.git` is sent with the context and changes with every commit; a line `.git` in .dockerignore leaves it out"
                .to_owned()
        });
        unknown.into_iter().chain(git).collect()
    }
}

impl<'a> Timeline<'a> {
    /// The context before the first commit; `now` is what is there now.
    pub(super) fn start(place: &'a Place<'a>, history: &'a History, now: &BuildContext) -> Result<Self, BrokenPattern> {
        let mut timeline = Self {
            place,
            history,
            everything: Requested::everything(),
            kept: BTreeMap::new(),
            submodules: BTreeMap::new(),
            of_git: Vec::new(),
            tracked: HashSet::new(),
            folders: HashMap::new(),
            context: BuildContext::default(),
        };
        timeline.keep(now);
        let kept = timeline.kept.clone();
        let base = history.base.iter().map(|(path, tracked)| (path, Some(tracked)));
        timeline.apply(base, kept.into_iter().collect())?;
        Ok(timeline)
    }

    /// The context at this commit.
    pub(super) fn context(&self) -> &BuildContext {
        &self.context
    }

    /// What was taken to have been there all the time.
    pub(super) fn kept(&self) -> Kept {
        let is_git = |path: &&ContextPath| path.components().next() == Some(b".git");
        let files = self.kept.iter().filter(|(_, entry)| entry.is_some()).map(|(path, _)| path);
        Kept { n_files: files.filter(|path| !is_git(path)).count(), has_git: !self.of_git.is_empty() }
    }

    /// Goes on to the next commit.
    pub(super) fn advance(&mut self, commit: &Logged) -> Result<(), BrokenPattern> {
        let changes = commit.changes.iter().map(|(path, now)| (path, now.as_ref()));
        let of_git = self.of_git.iter().filter_map(|path| {
            let entry = self.kept.get(path)?.as_ref()?;
            Some((path.clone(), Some(renewed(entry, &commit.id))))
        });
        self.apply(changes, of_git.collect())
    }

    /// Finds out what of the present files no commit accounts for.
    fn keep(&mut self, now: &BuildContext) {
        let (mut tracked, mut once_tracked) = (HashSet::new(), HashSet::new());
        let mut submodules = BTreeSet::new();
        let base = self.history.base.iter().map(|(path, tracked)| (path, Some(tracked)));
        let commits = self.history.commits.iter().flat_map(|commit| &commit.changes);
        for (path, now) in base.chain(commits.map(|(path, now)| (path, now.as_ref()))) {
            let Some(here) = path.strip(&self.place.strip) else { continue };
            submodules.extend(now.filter(|now| now.is_submodule()).map(|_| here.clone()));
            match now {
                Some(_) => drop(tracked.insert(here)),
                None => drop(tracked.take(&here).map(|here| once_tracked.insert(here))),
            }
        }
        now.visit(&mut |path, node| {
            let mut above = std::iter::successors(path.parent(), ContextPath::parent);
            let submodule = above.find(|path| submodules.contains(path));
            match (submodule, node) {
                (Some(submodule), Node::File(entry)) => {
                    let files = self.submodules.entry(submodule).or_default();
                    files.push((path.clone(), FileEntry::clone(entry)));
                }
                (None, Node::File(entry)) if !tracked.contains(path) => {
                    self.kept.insert(path.clone(), Some(FileEntry::clone(entry)));
                }
                (None, Node::Folder(folder)) if folder.entries().is_empty() && !tracked.contains(path) => {
                    self.kept.insert(path.clone(), None);
                }
                _ => {}
            }
        });
        self.name_as_git_does(&once_tracked);
        if self.place.strip.is_root() {
            self.of_git = moving(self.place.root).into_iter().filter(|path| self.kept.contains_key(path)).collect();
        }
    }

    /// Knows files that git once tracked by the names it would give their content, so that one it only stopped tracking
    /// is the same as before.
    fn name_as_git_does(&mut self, once_tracked: &HashSet<ContextPath>) {
        let is_file = |entry: &FileEntry| matches!(entry.kind, FileKind::File { .. });
        let kept = self.kept.iter_mut().filter_map(|(path, entry)| Some((path, entry.as_mut()?)));
        let kept: Vec<_> = kept.filter(|(path, entry)| once_tracked.contains(*path) && is_file(entry)).collect();
        let paths: Vec<ContextPath> = kept.iter().map(|(path, _)| self.place.strip.append(path)).collect();
        for ((_, entry), name) in kept.into_iter().zip(self.history.repository.names_of_content(&paths)) {
            if let Some(name) = name {
                let mode = if entry.mode & 0o100 == 0 { 0o644 } else { 0o755 };
                *entry = FileEntry { xattrs: entry.xattrs, ..FileEntry::file(mode, 0, content(&name)) };
            }
        }
    }

    /// Takes changes of tracked paths, and more files.
    fn apply<'c>(
        &mut self,
        changes: impl Iterator<Item = (&'c ContextPath, Option<&'c Tracked>)>,
        mut files: Vec<(ContextPath, Option<FileEntry>)>,
    ) -> Result<(), BrokenPattern> {
        let mut gone = BTreeSet::new();
        for (path, now) in changes {
            let Some(here) = path.strip(&self.place.strip).filter(|here| !here.is_root()) else { continue };
            self.count(&here, now.is_some());
            match now {
                None => {
                    files.extend(self.kept.get(&here).map(|entry| (here.clone(), entry.clone())));
                    gone.extend(self.submodules.get(&here).into_iter().flatten().map(|(path, _)| path.clone()));
                    gone.insert(here);
                }
                Some(tracked) if tracked.is_submodule() => {
                    let held = self.submodules.get(&here).into_iter().flatten();
                    files.extend(held.map(|(path, entry)| (path.clone(), Some(renewed(entry, &tracked.id)))));
                    files.push((here, None));
                }
                Some(tracked) => files.push((here, Some(self.entry(tracked)))),
            }
        }
        let above = gone.iter().flat_map(|path| std::iter::successors(path.parent(), ContextPath::parent));
        let left = above.filter(|folder| self.folders.get(folder).is_some_and(|n_files| *n_files > 0)).collect();
        let Place { root, rules, .. } = self.place;
        let sieve = Sieve { root, rules, requested: &self.everything };
        let context = if gone.is_empty() { self.context.clone() } else { without(&self.context, &gone, &left) };
        self.context = sieve.with_files(&context, files)?;
        Ok(())
    }

    /// Notes that a tracked path is there, or not.
    fn count(&mut self, path: &ContextPath, is_there: bool) {
        let is_change = if is_there { self.tracked.insert(path.clone()) } else { self.tracked.remove(path) };
        if !is_change {
            return;
        }
        for folder in std::iter::successors(path.parent(), ContextPath::parent) {
            let n_files = self.folders.entry(folder).or_default();
            *n_files = if is_there { *n_files + 1 } else { n_files.saturating_sub(1) };
        }
    }

    /// The entry that a checkout would make. A link whose object is not in the clone leads where no other does.
    fn entry(&self, tracked: &Tracked) -> FileEntry {
        if tracked.is_symlink() {
            let target = self.history.links.get(&tracked.id).cloned();
            return FileEntry::symlink(target.unwrap_or_else(|| tracked.id.clone().into_bytes()));
        }
        FileEntry::file(tracked.mode & 0o777, 0, content(&tracked.id))
    }
}

/// The digest that stands for the content git calls `id`. It is compared with others of its kind only: that a file in git
/// holds what another source holds, is not seen.
fn content(id: &str) -> ContentDigest {
    Hasher::new("git blob").text(id).finish()
}

/// The same entry with what the commit `id` makes of it.
fn renewed(entry: &FileEntry, id: &str) -> FileEntry {
    let kind = match &entry.kind {
        FileKind::File { size, .. } => {
            let content = Hasher::new("of a git commit").digest(&entry.digest()).text(id).finish();
            FileKind::File { size: *size, content }
        }
        other => other.clone(),
    };
    FileEntry { kind, ..entry.clone() }
}

/// The files of a repository's own, relative to its top, that are others after each commit.
fn moving(top: &Path) -> Vec<ContextPath> {
    let head = fs::read_to_string(top.join(".git/HEAD")).unwrap_or_default();
    let branch = head.strip_prefix("ref: ").map(str::trim_end);
    let of_branch = branch.into_iter().flat_map(|branch| [format!(".git/{branch}"), format!(".git/logs/{branch}")]);
    let always = [".git/index", ".git/logs/HEAD"].map(str::to_owned);
    always.into_iter().chain(of_branch).map(ContextPath::new).collect()
}
