//! What the store promises: sizes, damage, concurrent writers, torn writes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use planner::context::{BuildContext, ContextPath, FileEntry, Folder, FolderHeader, Node, Stamped};
use planner::digest::ContentDigest;
use planner::history::{BuildRecord, ProjectId};
use planner::snapshot::Snapshot;

use super::{Addition, Store, locate};

fn snapshot(version: u32) -> Snapshot {
    Snapshot { version }
}

fn addition(id: &str, trees: Vec<BuildContext>) -> Addition {
    let record = BuildRecord {
        id: id.to_owned(),
        recorded_at: "2026-01-01T00:00:00Z".to_owned(),
        project: ProjectId::default(),
        steps: Vec::new(),
    };
    Addition { record, snapshot: snapshot(7), trees, sent: Vec::new() }
}

fn file(content: &str) -> Node {
    let content = ContentDigest::of(content.as_bytes());
    Node::File(Arc::new(FileEntry::file(0o644, 1000 + u64::from(content.as_bytes()[0]), content)))
}

fn folder(entries: Vec<(Box<[u8]>, Node)>) -> Node {
    Node::Folder(Arc::new(Folder::new(Some(FolderHeader::new(0o755)), entries)))
}

/// 10,000 files, `n` to a folder.
fn ten_thousand(n: usize) -> BuildContext {
    let name = |index: usize| format!("component-{index:05}.ts").into_bytes().into_boxed_slice();
    let folders = (0..10_000 / n).map(|outer| {
        let entries = (0..n).map(|inner| (name(inner), file(&format!("{outer} {inner}")))).collect();
        (format!("folder-{outer:04}").into_bytes().into_boxed_slice(), folder(entries))
    });
    BuildContext::new(Folder::new(None, folders.collect()))
}

fn n_bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries.map(|entry| if entry.path().is_dir() { n_bytes(&entry.path()) } else { entry.metadata().unwrap().len() }).sum()
}

fn ids(store: &Store) -> Vec<String> {
    store.builds().unwrap().into_iter().map(|record| record.id).collect()
}

fn only_file(dir: PathBuf) -> PathBuf {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(paths.len(), 1);
    paths.remove(0)
}

#[test]
fn a_hundred_edits_take_less_than_three_times_one_record() {
    for n in [100, 10_000] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("state"));
        let mut context = ten_thousand(n);
        store.append(&addition("0", vec![context.clone()])).unwrap();
        let one = n_bytes(dir.path());
        for edit in 1..100 {
            let path = ContextPath::new(format!("folder-{:04}/component-{:05}.ts", edit % (10_000 / n), edit % n));
            context = context.with(&path, file(&format!("edit {edit}")));
            store.append(&addition(&edit.to_string(), vec![context.clone()])).unwrap();
        }
        let hundred = n_bytes(dir.path());
        assert!(hundred < 2 * one, "{n} files in a folder: one record {one}, a hundred {hundred}");
        let fresh = Store::open(dir.path().join("state"));
        assert_eq!(fresh.builds().unwrap().len(), 100);
        assert_eq!(fresh.tree(&context.digest(), &BuildContext::default()).unwrap(), Some(context));
    }
}
