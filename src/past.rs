//! What is recorded of a builder: its builds, which say what to ask of it and what to compare with, and the steps of all
//! of them, which say what is in its cache. In goes the store, out come values. Nothing is predicted here, and nothing
//! recorded.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::thread;

use jiff::Timestamp;
use planner::built::{Experience, Source, experience};
use planner::engine_profile::EngineProfile;
use planner::history::{BuildRecord, Ledger, ProjectId};
use planner::image::{Image, ImageName};
use planner::snapshot::Snapshot;

use crate::args::EngineProfileName;
use crate::project::Project;
use crate::store::{Begun, Steps, Store};

/// Everything recorded that a prediction needs.
pub(crate) struct Past {
    /// The recorded builds of the builder.
    pub(crate) builds: Builds,
    /// All recorded steps of the builder.
    pub(crate) ledger: Ledger,
    /// The projects of which nobody knows what a build has read that was begun.
    pub(crate) unread: Vec<ProjectId>,
}

/// So long, in seconds, a build that was killed before it was seen to read its files may have left anything: a day.
/// Later it would take the very files that stood there for a moment then.
const UNREAD: i64 = 24 * 60 * 60;

/// All recorded builds of a builder, oldest first, without their steps.
#[derive(Default)]
pub(crate) struct Builds(Vec<BuildRecord>);

impl Past {
    /// Reads what the store knows of that builder: what another one built is not in its cache.
    pub(crate) fn read(store: &Store, builder: &str) -> anyhow::Result<Self> {
        let mut builds = store.builds()?;
        builds.retain(|build| build.builder == builder);
        let ledger = Ledger::new(builds.iter_mut().flat_map(|build| std::mem::take(&mut build.steps)));
        Self::settled(builds, ledger, store, builder)
    }

    /// The same while `look` is at work with the builds alone. The steps are most of what is recorded, and nobody needs
    /// them before a prediction: another thread reads them meanwhile.
    pub(crate) fn read_beside<T>(
        store: &Store,
        builder: &str,
        look: impl Fn(&Builds) -> anyhow::Result<T>,
    ) -> anyhow::Result<(Self, T)> {
        let mut listed = store.builds_listed()?;
        listed.retain(|(build, _)| build.builder == builder);
        let (builds, steps): (Vec<BuildRecord>, Vec<Steps>) = listed.into_iter().unzip();
        let builds = Builds(builds);
        let (ledger, seen) = thread::scope(|scope| {
            let reading = scope.spawn(|| ledger(store, &steps));
            let seen = look(&builds);
            (reading.join().unwrap_or_else(|panic| resume_unwind(panic)), seen)
        });
        if let Some(ledger) = ledger? {
            return Ok((Self::settled(builds.0, ledger, store, builder)?, seen?));
        }
        // Builds whose steps are damaged count for nothing, so what was seen may be wrong.
        let past = Self::read(store, builder)?;
        let seen = look(&past.builds)?;
        Ok((past, seen))
    }

    fn settled(mut builds: Vec<BuildRecord>, mut ledger: Ledger, store: &Store, builder: &str) -> anyhow::Result<Self> {
        for build in &mut builds {
            ledger.add_unsettled(std::mem::take(&mut build.unsettled), &build.absent);
        }
        let mut unread = Vec::new();
        for Begun { record, is_unread } in store.begun()?.into_iter().filter(|begun| begun.record.builder == builder) {
            if is_unread && is_recent(&record.recorded_at) {
                unread.push(record.project);
            }
            ledger.add_unsettled(record.unsettled, &[]);
        }
        Ok(Self { builds: Builds(builds), ledger, unread })
    }

    /// Whether a build of the project was begun, and nobody knows what it read: what no record knows may be cached.
    pub(crate) fn is_unread(&self, id: &ProjectId) -> bool {
        self.unread.iter().any(|unread| is_same_project(unread, id))
    }
}

fn is_recent(recorded_at: &str) -> bool {
    let age = recorded_at.parse::<Timestamp>().map(|then| Timestamp::now().as_second() - then.as_second());
    age.is_ok_and(|seconds| seconds < UNREAD)
}

/// All of these steps; `None` where some cannot be read.
fn ledger(store: &Store, each: &[Steps]) -> anyhow::Result<Option<Ledger>> {
    let mut ledger = Ledger::default();
    for steps in each {
        let Some(steps) = store.steps(steps)? else { return Ok(None) };
        ledger.reserve(steps.len());
        steps.into_iter().for_each(|step| ledger.add(step));
    }
    Ok(Some(ledger))
}

impl Builds {
    /// The builds of a project, newest first.
    pub(crate) fn of_project(&self, id: &ProjectId) -> Vec<&BuildRecord> {
        self.0.iter().rev().filter(|build| is_same_project(&build.project, id)).collect()
    }

    /// What the engine's reports of this project's builds, the newest few, say of the present steps.
    pub(crate) fn experience(
        &self,
        project: &Project,
        snapshot: &Snapshot,
        store: &Store,
    ) -> anyhow::Result<Experience> {
        const N_REPORTS: usize = 20;
        /// Edited instructions are looked for in so many of them.
        const N_SNAPSHOTS: usize = 2;
        let mut reports = Vec::new();
        for build in self.of_project(&project.id) {
            if reports.len() == N_REPORTS {
                break;
            }
            let Some(built) = store.built(&build.id)? else { continue };
            let older = if reports.len() < N_SNAPSHOTS { store.snapshot(&build.id)? } else { None };
            reports.push((older, built));
        }
        Ok(experience(snapshot, &reports))
    }

    /// The builds of whatever project had this very Dockerfile, newest first: a project that was moved or checked out
    /// elsewhere has a new path, and where it is no repository nothing else to be known by.
    pub(crate) fn of_lookalikes(&self, snapshot: &Snapshot, store: &Store) -> Vec<&BuildRecord> {
        const N_SEARCHED: usize = 50;
        let last = self.0.iter().rev().take(N_SEARCHED);
        let is_alike = |build: &&BuildRecord| {
            let recorded = store.snapshot(&build.id).ok().flatten();
            recorded.is_some_and(|recorded| instructions(&recorded).eq(instructions(snapshot)))
        };
        last.filter(is_alike).collect()
    }

    /// What is known of images by the builds that looked them up, the last of which counts.
    pub(crate) fn images(&self) -> BTreeMap<ImageName, Image> {
        let recorded = || self.0.iter().flat_map(|build| &build.images);
        let mut known: BTreeMap<ImageName, Image> = recorded().cloned().collect();
        for (name, image) in &mut known {
            image.before = image.after(self.first_image(name));
        }
        known
    }

    /// What the first build that looked up an image found.
    pub(crate) fn first_image(&self, name: &ImageName) -> Option<&Image> {
        self.0.iter().flat_map(|build| &build.images).find(|(known, _)| known == name).map(|(_, image)| image)
    }

    /// The rules to follow: those asked for, else those of the last recorded build, of this project if it has
    /// one, else those of the newest BuildKit. Of this project's build and the builder's, one whose engine was asked counts first.
    pub(crate) fn profile(
        &self,
        asked: Option<EngineProfileName>,
        store: &Store,
        id: &ProjectId,
    ) -> anyhow::Result<EngineProfile> {
        if let Some(preset) = asked.and_then(|name| EngineProfile::preset(name.as_str())) {
            return Ok(preset);
        }
        let last = [self.of_project(id).first().copied(), self.0.last()];
        let mut known = Vec::new();
        for build in last.into_iter().flatten() {
            known.extend(store.profile(&build.id)?.as_ref().and_then(engine_rules));
            if known.last().is_some_and(|profile| profile.buildkit.is_some()) {
                return Ok(known.swap_remove(known.len() - 1));
            }
        }
        Ok(known.into_iter().next().unwrap_or_else(EngineProfile::buildkit))
    }
}

/// The engine's own rules: a `# syntax=` line of the build may have changed the version of those it followed.
fn engine_rules(followed: &EngineProfile) -> Option<EngineProfile> {
    let preset = EngineProfile::preset(&followed.name)?;
    Some(followed.buildkit.map_or(preset.clone(), |buildkit| preset.with_buildkit(buildkit)))
}

/// The text of every instruction with its stage.
fn instructions(snapshot: &Snapshot) -> impl Iterator<Item = (usize, &str)> {
    let stages = snapshot.targets.iter().flat_map(|target| target.stages.iter().enumerate());
    stages.flat_map(|(index, stage)| stage.instructions.iter().map(move |placed| (index, placed.text.as_str())))
}

/// Whether a recorded build is one of that project.
pub(crate) fn is_same_project(recorded: &ProjectId, now: &ProjectId) -> bool {
    recorded.context == now.context || (now.repository.is_some() && recorded.repository == now.repository)
}

/// The engine of the last of these builds that an engine reported, newest first; the last few are asked.
pub(crate) fn engine_before<'a>(
    store: &Store,
    builds: impl IntoIterator<Item = &'a BuildRecord>,
) -> anyhow::Result<Option<String>> {
    const N_ASKED: usize = 20;
    for build in builds.into_iter().take(N_ASKED) {
        let engine = store.built(&build.id)?.filter(|built| built.source == Source::Build).map(|built| built.engine);
        if let Some(engine) = engine.filter(|engine| !engine.is_empty()) {
            return Ok(Some(engine));
        }
    }
    Ok(None)
}
