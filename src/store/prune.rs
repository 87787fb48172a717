//! Making a store smaller: what a build was made from and what its engine reported may go, its steps stay for as long
//! as the engine's cache may hold them. In go the builds to keep, and how; what nobody refers to any more is dropped. It
//! does not decide which builds are old.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use planner::history::BuildRecord;
use planner::snapshot::Snapshot;

use super::pack::{Additions, Objects};
use super::{Store, begun, document, files, log, sent, tree};

/// What is kept of a build.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    /// Everything.
    Whole,
    /// That its steps are in the engine's cache; causes are no longer told against it.
    Steps,
    /// Nothing: its engine's cache no longer holds it.
    Nothing,
}

/// What pruning did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pruned {
    /// Builds that were made smaller or dropped.
    pub(crate) n_builds: usize,
    /// Bytes that the store takes less.
    pub(crate) n_bytes: u64,
}

impl Store {
    /// Keeps of each build what `keep` says. When this fails or is stopped, the store is as it was or pruned, nothing
    /// between; other processes wait meanwhile.
    ///
    /// # Errors
    /// If the store cannot be read or written.
    pub(crate) fn prune(&self, keep: &dyn Fn(&BuildRecord) -> Keep) -> anyhow::Result<Pruned> {
        let _lock = files::lock(&self.dir)?;
        let lines = log::repair(&self.dir, |_| true, &self.warnings)?;
        let packs = self.dir.join("packs");
        let before = n_bytes(&packs)?;
        let present = Objects::load(&packs, &self.warnings)?;
        let empty = Objects::default();
        let mut kept = Additions::to(&empty);
        let (mut left, mut n_builds) = (Vec::new(), 0);
        for line in lines {
            let how = keep(&line.record);
            n_builds += usize::from(how != Keep::Whole && (how == Keep::Nothing || line.snapshot.is_some()));
            left.extend(carry(line, how, &present, &mut kept));
        }
        for root in sent::roots(&self.dir)? {
            carry_tree(&root, &present, &mut kept);
        }
        for begun in begun::read(&self.dir, &self.warnings)?.iter().filter(|begun| keep(&begun.record) == Keep::Nothing)
        {
            begun::remove(&self.dir, &begun.record.id)?;
        }
        present.replace(&packs, &kept.into_new(), || log::replace(&self.dir, &left))?;
        self.forget_what_was_read();
        Ok(Pruned { n_builds, n_bytes: before.saturating_sub(n_bytes(&packs)?) })
    }
}

/// The line as it is kept, its objects carried over.
fn carry(line: log::Line, how: Keep, present: &Objects, kept: &mut Additions<'_>) -> Option<log::Line> {
    let mut again = |id| Some(document::keep(&document::find(id, present)?, kept));
    let steps = again(&line.steps)?;
    match how {
        Keep::Nothing => None,
        Keep::Steps => {
            Some(log::Line { snapshot: None, profile: line.profile, steps, built: None, record: line.record })
        }
        Keep::Whole => {
            let built = line.built.as_ref().and_then(&mut again);
            let snapshot = line.snapshot.as_ref().and_then(&mut again);
            let json = line.snapshot.as_ref().and_then(|id| document::find(id, present));
            let parsed: Option<Snapshot> = json.and_then(|json| serde_json::from_slice(&json).ok());
            for root in parsed.iter().flat_map(|snapshot| snapshot.contexts.values()) {
                carry_tree(root, present, kept);
            }
            Some(log::Line { snapshot, profile: line.profile, steps, built, record: line.record })
        }
    }
}

fn carry_tree(root: &planner::digest::ContentDigest, present: &Objects, kept: &mut Additions<'_>) {
    if let Some(folder) = tree::find(root, None, present) {
        tree::keep(&folder, kept);
    }
}

fn n_bytes(dir: &Path) -> anyhow::Result<u64> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if files::is_absent(&error) => return Ok(0),
        Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", dir.display())),
    };
    Ok(entries.flatten().filter_map(|entry| Some(entry.metadata().ok()?.len())).sum())
}
