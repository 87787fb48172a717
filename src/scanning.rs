//! A context folder scanned with what earlier runs noted of unchanged files, as far as that is to be believed. In go the
//! folder, its rules and the place of the notes; out comes the scan. Checking costs a second scan that reads every
//! file; a difference between the two, or from a walk of
//! another kind, is an error that names a path.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::Context as _;
use clap::ValueEnum;
use planner::context::{BuildContext, ContextPath, Node};
use planner::ignorefile::Ignorefile;
use planner::requested::Requested;
use watcher::{Scan, ScanError, StatCache};

/// How far to believe what earlier runs noted of unchanged files.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
pub(crate) enum Trust {
    /// Files that did not move are not read.
    #[default]
    On,
    /// Every file is read.
    Off,
    /// Every file is read, and what the notes say of it must agree.
    Check,
}

/// What an earlier run noted of a folder; nothing where that is not to be believed.
pub(crate) fn remembered(trust: Trust, notes: &Path) -> StatCache {
    if trust == Trust::Off { StatCache::none() } else { StatCache::load(notes) }
}

/// Scans a folder.
///
/// # Errors
/// If a file cannot be read, or a check finds a difference.
pub(crate) fn scan(
    trust: Trust,
    root: &Path,
    rules: &Ignorefile,
    requested: &Requested,
    remembered: &StatCache,
) -> anyhow::Result<Result<Scan, ScanError>> {
    let scan = watcher::scan(root, rules, requested, remembered);
    if let (Trust::Check, Ok(scan)) = (trust, &scan) {
        let fresh = watcher::scan(root, rules, requested, &StatCache::none()).context("cannot check the stat cache")?;
        if let Some(path) = first_difference(&scan.stamped.context, &fresh.stamped.context) {
            anyhow::bail!("the stat cache is wrong about `{}`", path.to_lossy());
        }
        anyhow::ensure!(scan.stamped == fresh.stamped, "the stat cache is wrong about a modification time or a folder");
        let counted = watcher::census(root, rules, requested).context("cannot check the walk")?;
        if let Some(path) = first_missed(root, &fresh.stamped.context, &counted) {
            anyhow::bail!("the walk is wrong about `{}`", path.to_lossy());
        }
    }
    Ok(scan)
}

/// The first file that one of two walks found and the other did not. Only files and links were counted.
fn first_missed(root: &Path, context: &BuildContext, counted: &BTreeSet<ContextPath>) -> Option<ContextPath> {
    let mut walked = BTreeSet::new();
    context.visit(&mut |path, node| {
        if let Node::File(_) = node {
            walked.insert(path.clone());
        }
    });
    let is_counted = |path: &&ContextPath| {
        let on_disk = root.join(OsStr::from_bytes(path.as_bytes()));
        on_disk.symlink_metadata().is_ok_and(|found| found.is_file() || found.is_symlink())
    };
    counted.difference(&walked).next().or_else(|| walked.difference(counted).find(is_counted)).cloned()
}

/// The first path by which two contexts differ, entry by entry: digests that were taken over are not relied on.
fn first_difference(a: &BuildContext, b: &BuildContext) -> Option<ContextPath> {
    let list = |context: &BuildContext| {
        let mut list = Vec::new();
        context.visit(&mut |path, node| {
            let of_itself = match node {
                Node::File(entry) => entry.digest(),
                Node::Folder(folder) => folder.header().map_or(folder.digest(), planner::context::FolderHeader::digest),
            };
            list.push((path.clone(), of_itself, node.digest()));
        });
        list
    };
    let (a, b) = (list(a), list(b));
    let differing = a.iter().zip(&b).find(|(a, b)| a != b).map(|(a, _)| a.0.clone());
    differing.or_else(|| a.get(b.len()).or(b.get(a.len())).map(|entry| entry.0.clone()))
}
