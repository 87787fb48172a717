//! A git revision as if it had been built: its Dockerfile and ignore files, its build contexts as this machine would
//! check them out, and the [`Snapshot`] of it all. In go a project, what was observed of it now, and a revision; out
//! comes a [`Revision`] to compare with. What git does not track is taken as unchanged, and counted. Nothing is
//! checked out, nothing written, nothing predicted.

pub(crate) mod tree;
mod folders;
mod contexts;
mod sources;

use std::collections::BTreeMap;

use anyhow::Context as _;
use jiff::Timestamp;
use planner::cache_key::Sealer;
use planner::cause::umask::of_most_files;
use planner::context::{BuildContext, FileKind, Folder, Node};
use planner::dockerfile::Dockerfile;
use planner::graph::lower::MAIN_CONTEXT;
use planner::request::Request;
use planner::snapshot::Snapshot;

use crate::fault::Fault;
use crate::git::{Commit, Differences, GitError, Repository};
use crate::observation::{Observation, Reading, context_source, ignorefile, patterns, read_dockerfile};
use crate::project::Project;
use crate::store::Store;
use contexts::{Asked, context_then};
use sources::{dockerfile_then, ignorefile_then};

/// What a build of a revision would be made from.
pub(crate) struct Revision {
    /// The commit's whole name.
    pub(crate) id: String,
    /// When it was committed, RFC 3339.
    pub(crate) committed_at: String,
    /// The inputs of the build.
    pub(crate) snapshot: Snapshot,
    /// The contexts it would read.
    pub(crate) contexts: Vec<BuildContext>,
    /// The frontend's image, where nothing is known of it.
    pub(crate) unknown_frontend: Option<String>,
    /// What was taken for granted, in the user's words.
    pub(crate) notes: Vec<String>,
}

/// A commit of the repository that holds the project, and how the work tree differs from it.
struct Past {
    repository: Repository,
    commit: Commit,
    /// As the user wrote it.
    revision: String,
    differences: Differences,
}

/// Finds out what a build of `revision` would be made from; `observed` is the project now.
///
/// # Errors
/// If git cannot say, the revision or its Dockerfile is not there, or BuildKit would refuse that Dockerfile.
pub(crate) fn at_revision(
    project: &Project,
    requests: &[Request],
    observed: &Observation,
    store: &Store,
    revision: &str,
) -> anyhow::Result<Revision> {
    let past = Past::open(project, revision)?;
    let mut notes = Vec::new();
    let dockerfile = dockerfile_then(project, &past, &mut notes)?;
    let shown = format!("{} at {revision}", dockerfile.shown);
    let requests = requests_then(&dockerfile.bytes, requests, revision, &mut notes);
    let Reading { graph, unknown_frontend, .. } = read_dockerfile(&dockerfile.bytes, &shown, &requests)?;

    let named = project.local_contexts()?;
    let (mut contexts, mut ignorefiles) = (BTreeMap::new(), BTreeMap::new());
    let mut n_unchanged = 0;
    for (name, patterns) in patterns(&graph) {
        let Some((dir, source)) = context_source(project, &named, &name) else { continue };
        let own = dockerfile.own_ignorefile.as_ref().filter(|_| name == MAIN_CONTEXT);
        let then = ignorefile_then(dir, own, source, &past)?;
        if let Some(then) = &then {
            ignorefiles.insert(name.clone(), String::from_utf8_lossy(&then.bytes).into_owned());
        }
        let is_same_file = then.as_ref().map(|then| &then.bytes) == source.map(|now| &now.bytes);
        let now = observed.contexts.get(&name).filter(|_| is_same_file);
        let patterns = patterns.into_iter().map(<[u8]>::to_vec).collect();
        let asked = Asked { dir, rules: ignorefile(then.as_ref())?, patterns, now };
        let context = context_then(&asked, &past, store, &mut notes)?;
        n_unchanged += context.n_unchanged;
        contexts.insert(name, context.tree);
    }
    notes.extend(unchanged(n_unchanged));
    notes.extend(unusual_umask(&contexts));
    let key = store.secret_key()?;
    let snapshot = Snapshot { ignorefiles, ..Snapshot::take(&graph, &contexts, &Sealer::new(&key)) };
    let committed_at = Timestamp::from_second(past.commit.committed_at).context("the commit has no date")?.to_string();
    let contexts = contexts.into_values().collect();
    Ok(Revision { id: past.commit.id, committed_at, snapshot, contexts, unknown_frontend, notes })
}

/// That modes are taken as this checkout has them, where that is not what most checkouts have.
fn unusual_umask(contexts: &BTreeMap<String, BuildContext>) -> Option<String> {
    let mut modes = Vec::new();
    contexts.values().for_each(|context| first_modes(context.root(), &mut modes));
    let umask = of_most_files(&modes).filter(|umask| *umask != 0o022)?;
    Some(format!(
        "file modes are taken as this checkout has them, made under umask {umask:03o}; after a build from a checkout \
         under umask 022 every file counts as changed (`umask 022` before `git clone` cures it)"
    ))
}

/// The modes of the first files of a folder and of those in it; a few tell the umask.
fn first_modes(folder: &Folder, modes: &mut Vec<u32>) {
    const N_FILES: usize = 100;
    for (_, node) in folder.entries() {
        match node {
            _ if modes.len() == N_FILES => return,
            Node::File(file) => modes.extend(matches!(file.kind, FileKind::File { .. }).then_some(file.mode)),
            Node::Folder(inner) => first_modes(inner, modes),
        }
    }
}

/// The requests as they could be made then: where a target's stage is newer, the last stage is taken to have been built.
fn requests_then(bytes: &[u8], requests: &[Request], revision: &str, notes: &mut Vec<String>) -> Vec<Request> {
    let (dockerfile, _) = Dockerfile::parse(bytes);
    let has = |name: &String| {
        dockerfile.stages.iter().any(|stage| stage.name.as_deref() == Some(name.to_lowercase().as_str()))
    };
    let mut requests = requests.to_vec();
    for request in &mut requests {
        if let Some(name) = request.stage.take_if(|name| !has(name)) {
            notes.push(format!(
                "the Dockerfile at {revision} has no stage `{name}`; its last stage is taken as what was built"
            ));
        }
    }
    requests
}

fn unchanged(n_files: usize) -> Option<String> {
    let (files, are) = if n_files == 1 { ("file", "is") } else { ("files", "are") };
    (n_files > 0).then(|| format!("{n_files} {files} that git ignores or keeps in `.git` {are} taken as unchanged"))
}

impl Past {
    fn open(project: &Project, revision: &str) -> anyhow::Result<Self> {
        Ok(Self::read(project, revision).map_err(Fault::from)?)
    }

    fn read(project: &Project, revision: &str) -> Result<Self, GitError> {
        let repository = Repository::of(&project.context.root)?;
        let commit = repository.commit(revision)?;
        let scope: Vec<_> = sources::scope(project, &repository);
        let differences = repository.differences(&commit.id, &scope)?;
        Ok(Self { repository, commit, revision: revision.to_owned(), differences })
    }
}
