//! What the store promises: sizes, damage, concurrent writers, torn writes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use planner::context::{BuildContext, ContextPath, FileEntry, FileKind, Folder, FolderHeader, Found, Node, Stamped};
use planner::digest::ContentDigest;
use planner::engine_profile::EngineProfile;
use planner::history::{BuildRecord, Producer, ProjectId, RecordedInput, StepRecord, Writes};
use planner::snapshot::{self, Snapshot};

use super::{Addition, Begun, Keep, Store, locate};

fn snapshot(context: &BuildContext) -> Snapshot {
    Snapshot {
        version: snapshot::VERSION,
        profile: EngineProfile::buildkit(),
        targets: Vec::new(),
        steps: Vec::new(),
        contexts: [("context".to_owned(), context.digest())].into(),
        ignorefiles: BTreeMap::new(),
    }
}

/// A chain of steps that all depend on the context.
fn steps(context: &BuildContext) -> Vec<StepRecord> {
    let digest = |n: usize, kind: &str| ContentDigest::of(format!("{kind} {n} {:?}", context.digest()).as_bytes());
    let step = |n: usize| StepRecord {
        key: digest(n, "key"),
        op: ContentDigest::of(&[n as u8]),
        assumed: None,
        inputs: vec![RecordedInput::Base(Producer {
            key: digest(n + 1, "key"),
            image: None,
            is_known: false,
            checksum: None,
        })],
        writes: Writes::Anything,
        is: [digest(n, "is")].into(),
        may_be: [].into(),
        rerun: None,
    };
    (0..8).map(step).collect()
}

fn addition(id: &str, trees: Vec<BuildContext>) -> Addition {
    let context = trees.last().cloned().unwrap_or_default();
    let record = BuildRecord {
        id: id.to_owned(),
        recorded_at: "2026-01-01T00:00:00Z".to_owned(),
        project: ProjectId::default(),
        builder: "default".to_owned(),
        steps: steps(&context),
        unsettled: Vec::new(),
        absent: Vec::new(),
        images: Vec::new(),
    };
    Addition { record, snapshot: snapshot(&context), trees, sent: Vec::new(), built: None }
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
    entries
        .map(|entry| if entry.path().is_dir() { n_bytes(&entry.path()) } else { entry.metadata().unwrap().len() })
        .sum()
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
        let builds = fresh.builds().unwrap();
        assert_eq!((builds.len(), &builds[99].steps), (100, &steps(&context)));
        assert_eq!(fresh.snapshot("99").unwrap(), Some(snapshot(&context)));
        assert_eq!(fresh.tree(&context.digest(), &BuildContext::default()).unwrap(), Some(context));
    }
}

#[test]
fn a_tree_comes_back_with_every_kind_of_entry_and_shares_what_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().to_owned());
    let xattrs = Some(ContentDigest::of(b"xattrs"));
    let device = |block| FileKind::Device { block, major: 8, minor: 300 };
    let kinds =
        [FileKind::Fifo, FileKind::Socket, device(false), device(true), FileKind::Symlink { target: vec![0xff] }];
    let mut entries: Vec<(Box<[u8]>, Node)> = Vec::new();
    for (index, kind) in kinds.into_iter().enumerate() {
        let entry = FileEntry { kind, mode: 0o4777, xattrs: xattrs.filter(|_| index % 2 == 0) };
        entries.push((vec![0xf0, index as u8].into(), Node::File(Arc::new(entry))));
    }
    let header = FolderHeader { mode: 0o2750, xattrs };
    let odd = Node::Folder(Arc::new(Folder::new(Some(header), entries)));
    let before = ten_thousand(100).with(&ContextPath::new("odd/one"), odd).with(&ContextPath::new("a"), file("a"));
    let after = before.with(&ContextPath::new("odd/two"), folder(Vec::new()));
    store.append(&addition("1", vec![before.clone(), after.clone()])).unwrap();

    let read = Store::open(dir.path().to_owned()).tree(&after.digest(), &before).unwrap().unwrap();
    assert_eq!(read, after);
    let at = |context: &BuildContext, path: &str| context.find(&ContextPath::new(path)).unwrap();
    let same_folder = |path: &str| match (at(&read, path), at(&before, path)) {
        (Found::Folder(read), Found::Folder(before)) => Arc::ptr_eq(&read, &before),
        (Found::File(read), Found::File(before)) => Arc::ptr_eq(&read, &before),
        _ => false,
    };
    assert!(same_folder("folder-0007") && same_folder("odd/one") && same_folder("a"));
    assert!(!same_folder("odd"));
    assert_eq!(store.tree(&ContentDigest::of(b"unknown"), &before).unwrap(), None);
}

#[test]
fn nothing_is_written_before_something_is_recorded_and_then_privately() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("a/b");
    let store = Store::open(state.clone());
    let key = store.secret_key().unwrap();
    assert_eq!(
        (ids(&store), store.snapshot("1").unwrap(), store.sent("x", &BuildContext::default()).unwrap()),
        (vec![], None, None)
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

    let mut addition = addition("1", vec![ten_thousand(100)]);
    addition.sent.push(("x".to_owned(), Some(Stamped::default())));
    store.append(&addition).unwrap();
    assert_eq!(Store::open(state.clone()).secret_key().unwrap(), key);
    assert_eq!(Store::open(state.clone()).keep_secret_key().unwrap(), key);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    for path in ["", "packs", "sent"] {
        assert_eq!(mode(&state.join(path)), 0o700, "{path}");
        for entry in fs::read_dir(state.join(path)).unwrap().map(Result::unwrap) {
            assert!(entry.path().is_dir() || mode(&entry.path()) == 0o600, "{entry:?}");
        }
    }
}

#[test]
fn a_lost_key_is_replaced_and_counts_as_lost_builds() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path().to_owned()).append(&addition("1", Vec::new())).unwrap();
    let old = Store::open(dir.path().to_owned()).secret_key().unwrap();
    fs::write(dir.path().join("key"), &old[..31]).unwrap();
    let store = Store::open(dir.path().to_owned());
    assert!(!store.has_lost_builds(), "the damage is not known yet");
    let new = store.keep_secret_key().unwrap();
    assert!(new != old && store.has_lost_builds());
    assert_eq!(store.take_warnings().len(), 1);
    assert_eq!(Store::open(dir.path().to_owned()).secret_key().unwrap(), new);
}

#[test]
fn what_the_engine_received_is_replaced_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().to_owned());
    let context = BuildContext::default().with(&ContextPath::new("a/b"), file("b"));
    for mtimes in [vec![1, 2], vec![-5, i64::MAX]] {
        let sent = Stamped { context: context.clone(), mtimes };
        let mut addition = addition("1", Vec::new());
        addition.sent.push(("app".to_owned(), Some(sent.clone())));
        store.append(&addition).unwrap();
        assert_eq!(store.sent("app", &BuildContext::default()).unwrap(), Some(sent));
    }
    assert_eq!(store.sent("other", &BuildContext::default()).unwrap(), None);
    fs::write(only_file(dir.path().join("sent")), b"SPLNSENT").unwrap();
    assert_eq!(store.sent("app", &BuildContext::default()).unwrap(), None);
    assert_eq!(store.take_warnings().len(), 1);
    assert!(only_file(dir.path().join("sent")).to_string_lossy().ends_with(".damaged-1"));
}

#[test]
fn a_torn_last_line_is_not_a_build_and_does_not_join_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().to_owned());
    store.append(&addition("1", Vec::new())).unwrap();
    store.append(&addition("2", Vec::new())).unwrap();
    let log = dir.path().join("builds.jsonl");
    let whole = fs::read(&log).unwrap();
    let line = whole.len() / 2;
    for end in line..whole.len() {
        fs::write(&log, &whole[..end]).unwrap();
        assert_eq!(ids(&Store::open(dir.path().to_owned())), ["1"], "cut at {end}");
    }
    store.append(&addition("3", Vec::new())).unwrap();
    assert_eq!(ids(&store), ["1", "3"]);
    assert!(store.has_lost_builds(), "the second build may have been whole once");
}

#[test]
fn a_log_cut_between_two_builds_is_told_and_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().to_owned());
    ["1", "2", "3"].into_iter().for_each(|id| store.append(&addition(id, Vec::new())).unwrap());
    assert!(store.take_warnings().is_empty() && !store.has_lost_builds());
    let log = dir.path().join("builds.jsonl");
    let whole = fs::read(&log).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    fs::write(&log, &whole[..first]).unwrap();
    let store = Store::open(dir.path().to_owned());
    assert_eq!(ids(&store), ["1"]);
    let warnings = store.take_warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("was cut"), "{warnings:?}");
    assert!(store.has_lost_builds());
    store.append(&addition("4", Vec::new())).unwrap();
    assert_eq!(ids(&Store::open(dir.path().to_owned())), ["1", "4"]);
    assert!(store.take_warnings().is_empty(), "told once");
}

#[test]
fn a_damaged_or_newer_line_is_set_aside_and_the_others_stay() {
    for damage in
        ["{\"version\":2,\"builds\":[]}", "\u{0}\u{0}", "", "{\"version\":1,\"check\":\"0000000000000000\",\"a\":1}"]
    {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_owned());
        store.append(&addition("1", Vec::new())).unwrap();
        let log = dir.path().join("builds.jsonl");
        fs::write(&log, format!("{}{damage}\n", fs::read_to_string(&log).unwrap())).unwrap();
        let damaged = fs::read(&log).unwrap();
        store.append(&addition("2", Vec::new())).unwrap();
        assert_eq!(ids(&store), ["1", "2"]);
        assert_eq!(store.take_warnings().len(), 1, "{damage}");
        assert!(store.has_lost_builds());
        assert_eq!(fs::read(dir.path().join("builds.jsonl.damaged-1")).unwrap(), damaged);
        assert_eq!(ids(&Store::open(dir.path().to_owned())), ["1", "2"]);
    }
}

#[test]
fn a_damaged_pack_is_set_aside_and_its_objects_are_kept_again() {
    let dir = tempfile::tempdir().unwrap();
    let context = ten_thousand(100);
    Store::open(dir.path().to_owned()).append(&addition("1", vec![context.clone()])).unwrap();
    let pack = only_file(dir.path().join("packs"));
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&pack, bytes).unwrap();

    let store = Store::open(dir.path().to_owned());
    let nothing = BuildContext::default();
    assert_eq!(store.tree(&context.digest(), &nothing).unwrap(), None);
    assert_eq!((store.snapshot("1").unwrap(), ids(&store)), (None, vec![]));
    assert_eq!(store.take_warnings().len(), 3, "the pack, the inputs and the build that were in it");
    assert!(store.has_lost_builds());
    store.append(&addition("2", vec![context.clone()])).unwrap();
    assert_eq!(ids(&store), ["2"]);
    assert_eq!(store.take_warnings(), Vec::<String>::new());
    assert_eq!(store.tree(&context.digest(), &nothing).unwrap(), Some(context.clone()));
    assert_eq!(store.snapshot("2").unwrap(), Some(snapshot(&context)));
}

#[test]
fn writers_at_once_lose_nothing_also_while_packs_are_folded() {
    let dir = tempfile::tempdir().unwrap();
    let contexts = |writer: usize| {
        (0..40).map(move |n| {
            let path = ContextPath::new(format!("w{writer}/f{n}"));
            (format!("{writer}-{n}"), BuildContext::default().with(&path, file(&path.to_lossy())))
        })
    };
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let dir = dir.path().to_owned();
            scope.spawn(move || {
                let store = Store::open(dir);
                store.keep_secret_key().unwrap();
                for (id, context) in contexts(writer) {
                    store.append(&addition(&id, vec![context.clone()])).unwrap();
                    assert_eq!(store.tree(&context.digest(), &BuildContext::default()).unwrap(), Some(context));
                }
            });
        }
    });
    let store = Store::open(dir.path().to_owned());
    assert_eq!(ids(&store).len(), 160);
    for (id, context) in (0..4).flat_map(contexts) {
        assert!(store.snapshot(&id).unwrap().is_some(), "{id}");
        assert_eq!(store.tree(&context.digest(), &BuildContext::default()).unwrap(), Some(context));
    }
    assert!(fs::read_dir(dir.path().join("packs")).unwrap().count() <= 65);
    assert_eq!(store.take_warnings(), Vec::<String>::new());
}

#[test]
fn the_state_folder_is_where_the_user_says() {
    let variables = [("STAGEPLAN_STATE_DIR", "/own"), ("XDG_STATE_HOME", "/xdg"), ("HOME", "/home/me")];
    let env = |from: usize| {
        move |name: &str| {
            variables[from..].iter().find(|(known, _)| *known == name).map(|(_, path)| PathBuf::from(path))
        }
    };
    assert_eq!(locate(Some("flag".into()), env(0)).unwrap(), Path::new("flag"));
    assert_eq!(locate(None, env(0)).unwrap(), Path::new("/own"));
    assert_eq!(locate(None, env(1)).unwrap(), Path::new("/xdg/stageplan"));
    assert_eq!(locate(None, env(2)).unwrap(), Path::new("/home/me/.local/state/stageplan"));
    assert!(locate(None, env(3)).is_err());
    let relative = |name: &str| (name != "STAGEPLAN_STATE_DIR").then(|| PathBuf::from("relative"));
    assert!(locate(None, relative).is_err());
}

#[test]
fn a_build_that_was_begun_is_known_until_it_is_forgotten_or_all_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().to_owned());
    assert!(store.begun().unwrap().is_empty());
    let records = ["one", "two"]
        .map(|id| BuildRecord { unsettled: steps(&BuildContext::default()), ..addition(id, Vec::new()).record })
        .map(|record| Begun { is_unread: record.id == "one", record });
    records.iter().for_each(|record| store.begin(record).unwrap());
    assert_eq!(store.begun().unwrap(), records);
    store.forget_begun("one").unwrap();
    store.forget_begun("never begun").unwrap();
    assert_eq!(store.begun().unwrap(), records[1..]);
    fs::write(dir.path().join("begun/torn"), "SPLNBEGN").unwrap();
    assert_eq!((store.begun().unwrap().len(), store.take_warnings().len()), (1, 1));
    assert_eq!((store.begun().unwrap().len(), store.take_warnings().len()), (1, 0));
    store.prune(&|_| Keep::Nothing).unwrap();
    assert!(store.begun().unwrap().is_empty());
}
