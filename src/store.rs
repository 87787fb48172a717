//! The state folder: what earlier builds were made of and did. [`Store`] reads and appends; it never changes
//! what a line or a pack says, and writes nothing until something is recorded. In go records, snapshots and
//! context trees, out come the same. Files it cannot use are set aside with a warning. It does not decide
//! what a record means, and never touches a build context.
//!
//! `builds.jsonl` lists the builds, `packs/` holds snapshots and trees by digest, `sent/` what the engine
//! last received, `begun/` the builds at work, `scans/` what is known of files by their stat, `engines/` which engine a
//! builder was found to be, `key` the secret key; `lock` is held while one process writes.

mod wire;
mod files;
mod pack;
mod listing;
mod document;
mod tree;
mod key;
mod log;
mod sent;
mod begun;
mod prune;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::Context as _;
use planner::built::Built;
use planner::context::{BuildContext, Stamped};
use planner::digest::ContentDigest;
use planner::engine_profile::EngineProfile;
use planner::history::{BuildRecord, StepRecord};
use planner::snapshot::Snapshot;

use crate::scanning::Trust;
pub(crate) use begun::Begun;
use files::Warnings;
use pack::{Additions, Objects};
pub(crate) use prune::{Keep, Pruned};

/// A state folder, which need not exist yet. Several threads may read it at a time.
pub(crate) struct Store {
    dir: PathBuf,
    warnings: Warnings,
    trust: Trust,
    key: OnceLock<[u8; 32]>,
    objects: Mutex<Option<Arc<Objects>>>,
    /// The object of each build's snapshot, by the build's id.
    snapshots: Mutex<BTreeMap<String, ContentDigest>>,
    /// The engine profile of each build, by the build's id, where the log names it.
    profiles: Mutex<BTreeMap<String, EngineProfile>>,
    /// The object of each build's report, by the build's id.
    reports: Mutex<BTreeMap<String, ContentDigest>>,
}

/// The document that holds the steps of a recorded build.
pub(crate) struct Steps(ContentDigest);

/// Everything that one build adds.
pub(crate) struct Addition {
    /// The build; its id must be new.
    pub(crate) record: BuildRecord,
    /// What it was made from.
    pub(crate) snapshot: Snapshot,
    /// The trees that the snapshot names by digest.
    pub(crate) trees: Vec<BuildContext>,
    /// What the engine has received of each context, by the context's name; replaces what was known of it. `None`
    /// where nobody knows.
    pub(crate) sent: Vec<(String, Option<Stamped>)>,
    /// What the engine reported; `None` where it was not asked.
    pub(crate) built: Option<Built>,
}

impl Store {
    /// The store in that folder. Nothing is read or written yet.
    pub(crate) fn open(dir: PathBuf) -> Self {
        Self {
            dir,
            warnings: Warnings::default(),
            trust: Trust::default(),
            key: OnceLock::new(),
            objects: Mutex::default(),
            snapshots: Mutex::default(),
            profiles: Mutex::default(),
            reports: Mutex::default(),
        }
    }

    /// The same store; `trust` says how far its stat caches are believed.
    pub(crate) fn trusting(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// How far the stat caches are believed.
    pub(crate) fn trust(&self) -> Trust {
        self.trust
    }

    /// The warnings since the last call: files that were set aside.
    pub(crate) fn take_warnings(&self) -> Vec<String> {
        self.warnings.take()
    }

    /// Adds a warning for the user.
    pub(crate) fn warn(&self, warning: String) {
        self.warnings.push(warning);
    }

    /// The key for digests of values that look like secrets. Where none is kept yet the key is one of its own,
    /// good for this run; [`Store::append`] keeps it. What is going to record calls [`Store::keep_secret_key`].
    pub(crate) fn secret_key(&self) -> anyhow::Result<[u8; 32]> {
        if let Some(key) = self.key.get() {
            return Ok(*key);
        }
        let key = match key::read(&self.dir, &self.warnings)? {
            Some(key) => key,
            None => key::random()?,
        };
        Ok(*self.key.get_or_init(|| key))
    }

    /// The same key, kept from now on, so that two processes that record at once use one key.
    pub(crate) fn keep_secret_key(&self) -> anyhow::Result<[u8; 32]> {
        let _lock = files::lock(&self.dir)?;
        self.settle_key()
    }

    /// Every recorded build, oldest first. Builds whose steps cannot be read are set aside.
    pub(crate) fn builds(&self) -> anyhow::Result<Vec<BuildRecord>> {
        let read = |(record, steps): (BuildRecord, Steps)| {
            let steps = self.steps(&steps)?;
            Ok(steps.map(|steps| BuildRecord { steps, ..record }))
        };
        let listed = self.builds_listed()?;
        let n_listed = listed.len();
        let read: anyhow::Result<Vec<Option<BuildRecord>>> = listed.into_iter().map(read).collect();
        let builds: Vec<BuildRecord> = read?.into_iter().flatten().collect();
        if builds.len() < n_listed {
            let _lock = files::lock(&self.dir)?;
            let is_whole = |line: &log::Line| matches!(self.steps(&Steps(line.steps)), Ok(Some(_)));
            log::repair(&self.dir, is_whole, &self.warnings)?;
        }
        Ok(builds)
    }

    /// Every recorded build, oldest first, without its steps, and what [`Store::steps`] reads these by.
    pub(crate) fn builds_listed(&self) -> anyhow::Result<Vec<(BuildRecord, Steps)>> {
        Ok(self.read_log()?.into_iter().map(|line| (line.record, Steps(line.steps))).collect())
    }

    /// The steps of a recorded build; `None` where they cannot be read.
    pub(crate) fn steps(&self, steps: &Steps) -> anyhow::Result<Option<Vec<StepRecord>>> {
        let json = self.find_object(|objects| document::find(&steps.0, objects))?;
        Ok(json.and_then(|json| serde_json::from_slice(&json).ok()))
    }

    /// Whether builds were recorded that can no longer be read, or were recorded under a secret key that is gone:
    /// then a step that no record knows may have been built all the same.
    pub(crate) fn has_lost_builds(&self) -> bool {
        log::has_lost_builds(&self.dir) || (log::exists(&self.dir) && !key::is_first(&self.dir))
    }

    /// What the build of that id was made from; `None` where it is not kept, or kept in a form that cannot be read.
    pub(crate) fn snapshot(&self, id: &str) -> anyhow::Result<Option<Snapshot>> {
        if !locked(&self.snapshots).contains_key(id) {
            drop(self.read_log()?);
        }
        let Some(object) = locked(&self.snapshots).get(id).copied() else { return Ok(None) };
        let Some(json) = self.find_object(|objects| document::find(&object, objects))? else {
            self.warnings.push(format!("the inputs of the recorded build `{id}` are missing"));
            return Ok(None);
        };
        let snapshot = serde_json::from_slice(&json);
        if let Err(error) = &snapshot {
            self.warnings.push(format!("the inputs of the recorded build `{id}` cannot be read ({error})"));
        }
        Ok(snapshot.ok())
    }

    /// The engine profile that the build of that id followed; `None` where that is not kept.
    pub(crate) fn profile(&self, id: &str) -> anyhow::Result<Option<EngineProfile>> {
        if !locked(&self.profiles).contains_key(id) {
            drop(self.read_log()?);
        }
        match locked(&self.profiles).get(id) {
            Some(profile) => Ok(Some(profile.clone())),
            None => Ok(self.snapshot(id)?.map(|snapshot| snapshot.profile)),
        }
    }

    /// Whether what the build of that id was made from was pruned.
    pub(crate) fn is_pruned(&self, id: &str) -> anyhow::Result<bool> {
        if !locked(&self.snapshots).contains_key(id) {
            drop(self.read_log()?);
        }
        Ok(!locked(&self.snapshots).contains_key(id))
    }

    /// What the engine reported of the build of that id; `None` where it did not, or the report cannot be read.
    pub(crate) fn built(&self, id: &str) -> anyhow::Result<Option<Built>> {
        if !locked(&self.snapshots).contains_key(id) {
            drop(self.read_log()?);
        }
        let Some(object) = locked(&self.reports).get(id).copied() else { return Ok(None) };
        let json = self.find_object(|objects| document::find(&object, objects))?;
        let built = json.and_then(|json| serde_json::from_slice(&json).ok());
        if built.is_none() {
            self.warnings.push(format!("what the engine reported of the recorded build `{id}` cannot be read"));
        }
        Ok(built)
    }

    /// The context tree of that digest; `None` where it is not kept. Folders and files that `like` has at the
    /// same paths are shared with it.
    pub(crate) fn tree(&self, root: &ContentDigest, like: &BuildContext) -> anyhow::Result<Option<BuildContext>> {
        let found = self.find_object(|objects| tree::find(root, Some(like.root()), objects))?;
        Ok(found.map(BuildContext::from_root))
    }

    /// What the engine last received of the context of that name; `None` where that is not known. Folders that
    /// `like` has too are shared with it instead of read.
    pub(crate) fn sent(&self, name: &str, like: &BuildContext) -> anyhow::Result<Option<Stamped>> {
        let Some((root, mtimes)) = sent::read(&self.dir, name, &self.warnings)? else { return Ok(None) };
        let Some(context) = self.tree(&root, like)? else { return Ok(None) };
        if context.root().n_below() != mtimes.len() {
            sent::set_aside(&self.dir, name, &self.warnings);
            return Ok(None);
        }
        Ok(Some(Stamped { context, mtimes }))
    }

    /// Records a build. When this returns every process sees it; when it fails or is stopped, the build is not
    /// recorded and all that was recorded before still is. Other processes wait meanwhile.
    pub(crate) fn append(&self, addition: &Addition) -> anyhow::Result<()> {
        let _lock = files::lock(&self.dir)?;
        self.settle_key()?;
        log::repair(&self.dir, |_| true, &self.warnings)?;
        let packs = self.dir.join("packs");
        let present = Objects::load(&packs, &self.warnings)?;
        let mut additions = Additions::to(&present);
        let contexts =
            addition.trees.iter().chain(addition.sent.iter().filter_map(|(_, sent)| Some(&sent.as_ref()?.context)));
        for context in contexts {
            tree::keep(context.root(), &mut additions);
        }
        let json = serde_json::to_vec(&addition.snapshot).context("cannot write a snapshot as JSON")?;
        let snapshot = document::keep(&json, &mut additions);
        let json = serde_json::to_vec(&addition.record.steps).context("cannot write the steps of a build as JSON")?;
        let steps = document::keep(&json, &mut additions);
        let built = addition.built.as_ref().map(serde_json::to_vec).transpose();
        let built = built.context("cannot write a report as JSON")?.map(|json| document::keep(&json, &mut additions));
        present.write(&packs, &additions.into_new())?;
        for (name, sent) in &addition.sent {
            match sent {
                Some(sent) => sent::write(&self.dir, name, sent)?,
                None => sent::forget(&self.dir, name)?,
            }
        }
        *locked(&self.objects) = None;
        let head = &addition.record;
        let record = BuildRecord {
            id: head.id.clone(),
            recorded_at: head.recorded_at.clone(),
            project: head.project.clone(),
            builder: head.builder.clone(),
            steps: Vec::new(),
            unsettled: head.unsettled.clone(),
            absent: head.absent.clone(),
            images: head.images.clone(),
        };
        let profile = Some(addition.snapshot.profile.clone());
        log::append(&self.dir, &log::Line { snapshot: Some(snapshot), profile, steps, built, record })
    }

    /// Notes that a build begins, in place of what was noted of it before. What it may leave counts until it is
    /// [recorded](Self::append) and the note [taken away](Self::forget_begun), or for good if this process is killed before.
    pub(crate) fn begin(&self, begun: &Begun) -> anyhow::Result<()> {
        begun::write(&self.dir, begun)
    }

    /// Takes the note away that the build of that id begins.
    pub(crate) fn forget_begun(&self, id: &str) -> anyhow::Result<()> {
        begun::remove(&self.dir, id)
    }

    /// The builds that were begun and not recorded: they are at work, or their process was killed.
    pub(crate) fn begun(&self) -> anyhow::Result<Vec<Begun>> {
        begun::read(&self.dir, &self.warnings)
    }

    /// Where the stat cache of a context is kept. The folder is named by the context's canonical path.
    pub(crate) fn stat_cache_path(&self, context_root: &Path) -> PathBuf {
        let path = context_root.as_os_str().as_encoded_bytes();
        self.dir.join("scans").join(ContentDigest::of(path).short())
    }

    /// What was noted of an engine under a key.
    pub(crate) fn engine_note(&self, key: &ContentDigest) -> Option<Vec<u8>> {
        files::read(&self.engine_note_path(key)).ok().flatten()
    }

    /// Notes something of an engine. Without it the engine is asked again.
    pub(crate) fn keep_engine_note(&self, key: &ContentDigest, note: &[u8]) {
        let path = self.engine_note_path(key);
        if let Err(error) = self.create_parent(&path).and_then(|()| files::replace(&path, note)) {
            self.warn(format!("cannot note which engine answers: {error:#}"));
        }
    }

    fn engine_note_path(&self, key: &ContentDigest) -> PathBuf {
        self.dir.join("engines").join(key.short())
    }

    /// Makes the folder that a file of the store is about to be written into, with the store's modes.
    pub(crate) fn create_parent(&self, path: &Path) -> anyhow::Result<()> {
        path.parent().map_or(Ok(()), files::create_dir)
    }

    /// Reads everything again when it is next asked for.
    fn forget_what_was_read(&self) {
        *locked(&self.objects) = None;
        locked(&self.snapshots).clear();
        locked(&self.profiles).clear();
        locked(&self.reports).clear();
    }

    fn read_log(&self) -> anyhow::Result<Vec<log::Line>> {
        let lines = log::read(&self.dir, &self.warnings)?;
        let snapshots = lines.iter().filter_map(|line| Some((line.record.id.clone(), line.snapshot?)));
        locked(&self.snapshots).extend(snapshots);
        let profiles = lines.iter().filter_map(|line| Some((line.record.id.clone(), line.profile.clone()?)));
        locked(&self.profiles).extend(profiles);
        let reports = lines.iter().filter_map(|line| Some((line.record.id.clone(), line.built?)));
        locked(&self.reports).extend(reports);
        Ok(lines)
    }

    /// Keeps the key that is in use, or takes the kept one into use. The caller holds the lock.
    fn settle_key(&self) -> anyhow::Result<[u8; 32]> {
        if let Some(kept) = key::read(&self.dir, &self.warnings)? {
            anyhow::ensure!(
                *self.key.get_or_init(|| kept) == kept,
                "another process has just set up the state folder `{}`; try again",
                self.dir.display()
            );
            return Ok(kept);
        }
        let key = self.secret_key()?;
        key::write(&self.dir, &key)?;
        Ok(key)
    }

    fn objects(&self) -> anyhow::Result<Arc<Objects>> {
        // Held while the packs are read: a second thread waits for them instead of reading them, too.
        let mut known = locked(&self.objects);
        if let Some(objects) = &*known {
            return Ok(objects.clone());
        }
        let objects = Arc::new(Objects::load(&self.dir.join("packs"), &self.warnings)?);
        *known = Some(objects.clone());
        Ok(objects)
    }

    /// What `find` finds among the objects; they are read again once where it finds nothing, because another
    /// process may have added some.
    fn find_object<T>(&self, find: impl Fn(&Objects) -> Option<T>) -> anyhow::Result<Option<T>> {
        let was_read = locked(&self.objects).is_some();
        if let Some(found) = find(&*self.objects()?) {
            return Ok(Some(found));
        }
        if was_read {
            *locked(&self.objects) = None;
        }
        Ok(if was_read { find(&*self.objects()?) } else { None })
    }
}

/// A panic elsewhere leaves nothing half-done in what the store remembers.
fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state folder the user means: `--state-dir`, else `$STAGEPLAN_STATE_DIR`, else
/// `$XDG_STATE_HOME/stageplan`, else `~/.local/state/stageplan`. `env` looks up an environment variable.
pub(crate) fn locate(flag: Option<PathBuf>, env: impl Fn(&str) -> Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let set = |name: &str| env(name).filter(|path| !path.as_os_str().is_empty());
    // The XDG base directory specification: relative paths in these variables are invalid and ignored.
    let absolute = |name: &str| set(name).filter(|path| path.is_absolute());
    flag.or_else(|| set("STAGEPLAN_STATE_DIR"))
        .or_else(|| absolute("XDG_STATE_HOME").map(|dir| dir.join("stageplan")))
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state/stageplan")))
        .context("no folder for recorded builds: `HOME` is not set")
}
