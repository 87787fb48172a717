//! The commits of a project as a replay takes them: today's Dockerfile, ignore file and arguments over the files of each
//! of the last commits on the line of first parents. In go a project and its contexts as they are now; out come the
//! contexts of each commit, which share the folders that they have in common. Nothing is checked out, no file's content
//! is read from git: a file is known by the name git gives its content.

mod timeline;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Context as _;
use jiff::Timestamp;
use planner::context::ContextPath;
use planner::replay::Contexts;

use crate::fault::Fault;
use crate::git::{GitError, Logged, Repository, Tracked};
use crate::observation::{ObservedContext, context_source, ignorefile};
use crate::project::{ContextDir, Project};
use timeline::{Place, Timeline};

/// What git tells of the last commits.
pub(crate) struct History {
    repository: Repository,
    /// Oldest first; each has a parent.
    commits: Vec<Logged>,
    /// What the parent of the oldest holds.
    base: Vec<(ContextPath, Tracked)>,
    /// The targets of symbolic links, by the names of their objects.
    links: HashMap<String, Vec<u8>>,
    /// Whether older commits are missing because the clone is shallow.
    pub(crate) is_cut: bool,
}

/// The commits, ready to be replayed.
pub(crate) struct Commits {
    /// The contexts before the first of them.
    pub(crate) before: Contexts,
    /// Oldest first, at least one.
    pub(crate) each: Vec<Commit>,
    /// What was taken for granted, in the user's words.
    pub(crate) notes: Vec<String>,
}

/// One commit.
pub(crate) struct Commit {
    /// Its whole name.
    pub(crate) id: String,
    /// When it was committed, RFC 3339.
    pub(crate) committed_at: String,
    /// The first line of its message.
    pub(crate) subject: String,
    /// What a build of it would read.
    pub(crate) contexts: Contexts,
}

impl History {
    /// Reads the last `n_commits` commits that touch one of the project's contexts. One that has nothing before it to be
    /// compared with only sets the start: the first of a history, or of what a shallow clone has of it, and the first with
    /// files in a context.
    ///
    /// # Errors
    /// If git cannot say, or there is no such commit.
    pub(crate) fn read(project: &Project, n_commits: usize) -> anyhow::Result<Self> {
        Ok(Self::of(project, n_commits)?)
    }

    fn of(project: &Project, n_commits: usize) -> Result<Self, Fault> {
        let repository = Repository::of(&project.context.root).map_err(fault)?;
        if !repository.has_commits() {
            let fault = Fault::new("there is no commit in this repository to replay");
            return Err(
                fault.with_hint("commit the project first; `plan --changed FILE` asks about an edit without git")
            );
        }
        let scope = scope(project, &repository);
        let mut commits = repository.log(n_commits, &scope).map_err(fault)?;
        let mut base = match commits.first().map(|first| &first.parent) {
            Some(Some(parent)) => repository.files(parent, &scope).map_err(fault)?,
            _ => Vec::new(),
        };
        let starts = base.is_empty() && !commits.is_empty();
        let is_cut = starts && commits[0].parent.is_none() && repository.is_shallow();
        if starts {
            base = repository.files(&commits.remove(0).id, &scope).map_err(fault)?;
        }
        if commits.is_empty() {
            return Err(nothing_to_replay(starts, is_cut));
        }
        let links = links(&repository, &commits, &base).map_err(fault)?;
        Ok(Self { repository, commits, base, links, is_cut })
    }

    /// How many commits there are.
    pub(crate) fn n_commits(&self) -> usize {
        self.commits.len()
    }

    /// The contexts of every commit under the project's ignore files. `now` are the contexts as they are: what git does
    /// not know of them is taken to have been there all the time.
    ///
    /// # Errors
    /// If BuildKit would refuse an ignore file.
    pub(crate) fn commits(
        &self,
        project: &Project,
        now: &BTreeMap<String, ObservedContext>,
    ) -> anyhow::Result<Commits> {
        let named = project.local_contexts()?;
        let (mut before, mut notes) = (Contexts::new(), Vec::new());
        let mut each = self.commits.iter().map(Commit::of).collect::<anyhow::Result<Vec<_>>>()?;
        let mut kept = timeline::Kept::default();
        for (name, observed) in now {
            let Some((dir, source)) = context_source(project, &named, name) else { continue };
            let Some(strip) = self.place(dir) else {
                notes.push(format!("`{}` is in no commit and is taken as unchanged", dir.shown.display()));
                before.insert(name.clone(), observed.now.context.clone());
                for commit in &mut each {
                    commit.contexts.insert(name.clone(), observed.now.context.clone());
                }
                continue;
            };
            let rules = ignorefile(source)?;
            let place = Place { root: &dir.root, rules: &rules, strip };
            let mut timeline = Timeline::start(&place, self, &observed.now.context)?;
            kept.add(timeline.kept());
            before.insert(name.clone(), timeline.context().clone());
            for (logged, commit) in self.commits.iter().zip(&mut each) {
                timeline.advance(logged)?;
                commit.contexts.insert(name.clone(), timeline.context().clone());
            }
        }
        notes.extend(kept.notes());
        Ok(Commits { before, each, notes })
    }

    /// Where a context lies in the repository; `None` if its files are not the repository's own.
    fn place(&self, dir: &ContextDir) -> Option<ContextPath> {
        let below = self.repository.below(&dir.root)?;
        let own = Repository::of(&dir.root).ok()?;
        (own.top == self.repository.top).then_some(below)
    }
}

impl Commit {
    fn of(logged: &Logged) -> anyhow::Result<Self> {
        let committed_at = Timestamp::from_second(logged.committed_at).context("a commit has no date")?.to_string();
        let (id, subject) = (logged.id.clone(), logged.subject.clone());
        Ok(Self { id, committed_at, subject, contexts: Contexts::new() })
    }
}

/// The folders of the repository that a build reads.
fn scope(project: &Project, repository: &Repository) -> Vec<ContextPath> {
    let named = project.local_contexts().unwrap_or_default();
    let folders = named.into_values().map(|context| context.dir.root).chain([project.context.root.clone()]);
    let scope: BTreeSet<ContextPath> = folders.filter_map(|path| repository.below(&path)).collect();
    scope.into_iter().collect()
}

/// The targets of all links of these commits.
fn links(
    repository: &Repository,
    commits: &[Logged],
    base: &[(ContextPath, Tracked)],
) -> Result<HashMap<String, Vec<u8>>, GitError> {
    let changed = commits.iter().flat_map(|commit| &commit.changes).filter_map(|(_, now)| now.as_ref());
    let tracked = base.iter().map(|(_, tracked)| tracked).chain(changed);
    let ids: BTreeSet<&String> = tracked.filter(|tracked| tracked.is_symlink()).map(|tracked| &tracked.id).collect();
    let (mut names, mut links) = (ids.iter(), HashMap::new());
    repository.objects(ids.iter().map(|id| (*id).clone()), |bytes| {
        links.extend(names.next().zip(bytes).map(|(id, bytes)| ((*id).clone(), bytes)));
    })?;
    Ok(links)
}

fn nothing_to_replay(has_first: bool, is_cut: bool) -> Fault {
    match (has_first, is_cut) {
        (_, true) => {
            Fault::new("this shallow clone holds one commit that touches the build context, and none before it")
                .with_hint("`git fetch --unshallow` brings the whole history")
        }
        (true, false) => Fault::new("one commit touches the build context, and there is none before it")
            .with_hint("a replay needs a second one; `plan --changed FILE` asks about an edit without any"),
        (false, _) => Fault::new("no commit touches the build context")
            .with_hint("commit its files, or name the folder whose history is meant"),
    }
}

fn fault(error: GitError) -> Fault {
    match error {
        GitError::Missing => Fault::new(error.to_string()).with_hint("install git: the history is read through it"),
        GitError::NoRepository(_) => Fault::new(error.to_string())
            .with_hint("`stageplan history` lists recorded builds, which need no repository"),
        error => error.into(),
    }
}
