//! What the stat cache may be trusted with: clocks that went backwards, restored backups, `touch -r`, a cache that was
//! copied, another file system, and edits at random, each against a scan that reads every file.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use planner::context::{BuildContext, ContextPath, Node};
use planner::digest::ContentDigest;
use planner::ignorefile::Ignorefile;
use planner::requested::Requested;
use tempfile::TempDir;
use watcher::{Scan, StatCache};

use super::{Context, set_mode};

/// Every entry as a digest of itself alone, so that no digest of a folder is relied on.
pub(super) fn entries(context: &BuildContext) -> Vec<(ContextPath, ContentDigest)> {
    let mut entries = Vec::new();
    context.visit(&mut |path, node| {
        let of_itself = match node {
            Node::File(entry) => entry.digest(),
            Node::Folder(folder) => folder.header().unwrap().digest(),
        };
        entries.push((path.clone(), of_itself));
    });
    entries
}

fn assert_same(scan: &Scan, fresh: &Scan, when: &str) {
    assert_eq!(scan.stamped.mtimes, fresh.stamped.mtimes, "{when}");
    assert_eq!(scan.stamped.context.digest(), fresh.stamped.context.digest(), "{when}");
    assert_eq!(entries(&scan.stamped.context), entries(&fresh.stamped.context), "{when}");
    let (known, read) = (scan.stamped.context.root().summary(), fresh.stamped.context.root().summary());
    assert_eq!(known, read, "{when}");
}

/// Waits until the clock that stamps files shows another time: an edit from now on cannot pass for an earlier one.
fn let_the_clock_move_on() {
    let folder = TempDir::new().unwrap();
    let stamp = || {
        let path = folder.path().join("probe");
        fs::write(&path, "").unwrap();
        let metadata = fs::metadata(path).unwrap();
        (metadata.mtime(), metadata.mtime_nsec())
    };
    let first = stamp();
    while stamp() == first {}
}

fn set_modified(path: &Path, time: SystemTime) {
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn a_clock_that_went_backwards_makes_nothing_trusted() {
    let context = Context::new(&[("a", "1"), ("b", "2")]);
    let all = Requested::everything();
    // The scan's clock stands an hour before the one that stamped the files.
    let earlier = SystemTime::now() - Duration::from_hours(1);
    let scan = |cache: &StatCache| watcher::scan_at(earlier, context.0.path(), &Ignorefile::default(), &all, cache);
    let cache = scan(&StatCache::none()).unwrap().cache;
    assert_eq!(scan(&cache).unwrap().n_hashed, 2);
    // One file was written while the clock stood ahead, the others are older than the cache.
    set_modified(&context.at("a"), SystemTime::now() + Duration::from_hours(24));
    let cache = context.settled_cache();
    assert_eq!(context.scan_with(&cache).n_hashed, 1);
}

#[test]
fn a_restored_backup_is_read() {
    let context = Context::new(&[("dir/x", "old"), ("dir/y", "1")]);
    let time = fs::metadata(context.at("dir/x")).unwrap().modified().unwrap();
    let beside = TempDir::new_in(context.0.path().parent().unwrap()).unwrap();
    let kept = beside.path().join("kept");
    fs::copy(context.at("dir/x"), &kept).unwrap();
    set_modified(&kept, time);
    fs::write(context.at("dir/x"), "new").unwrap();
    let cache = context.settled_cache();
    let_the_clock_move_on();
    // As `mv` restores it: another inode with the size and the time of long ago.
    fs::rename(&kept, context.at("dir/x")).unwrap();
    let scan = context.scan_with(&cache);
    assert_eq!(scan.n_hashed, 1);
    assert_same(&scan, &context.scan(), "restored by a rename");
    // As `cp -p` restores it: the same inode.
    fs::write(context.at("dir/x"), "new").unwrap();
    set_modified(&context.at("dir/x"), time);
    let cache = context.settled_cache();
    let_the_clock_move_on();
    fs::write(context.at("dir/x"), "old").unwrap();
    set_modified(&context.at("dir/x"), time);
    let scan = context.scan_with(&cache);
    assert_eq!(scan.n_hashed, 1);
    assert_same(&scan, &context.scan(), "restored in place");
}

#[test]
fn a_time_taken_from_another_file_hides_nothing() {
    let context = Context::new(&[("x", "aaa"), ("y", "bbb")]);
    let cache = context.settled_cache();
    let_the_clock_move_on();
    // `touch -r y x` after an edit that keeps the size.
    fs::write(context.at("x"), "ccc").unwrap();
    set_modified(&context.at("x"), fs::metadata(context.at("y")).unwrap().modified().unwrap());
    let scan = context.scan_with(&cache);
    assert_eq!(scan.n_hashed, 1);
    assert_same(&scan, &context.scan(), "touched");
}

/// Copies files with their times and modes, as `cp -a` does.
fn copy(from: &Path, to: &Path) {
    for name in ["x", "y", "dir/z"] {
        fs::create_dir_all(to.join(name).parent().unwrap()).unwrap();
        fs::copy(from.join(name), to.join(name)).unwrap();
        set_modified(&to.join(name), fs::metadata(from.join(name)).unwrap().modified().unwrap());
    }
}

#[test]
fn a_copied_cache_answers_for_no_copied_file() {
    let context = Context::new(&[("x", "1"), ("y", "2"), ("dir/z", "3")]);
    let cache = context.settled_cache();
    let other = Context::new(&[]);
    copy(context.0.path(), other.0.path());
    let scan = other.scan_with(&cache);
    assert_eq!(scan.n_hashed, 3);
    assert_same(&scan, &other.scan(), "copied");
}

#[test]
fn another_file_system_is_not_answered_for() {
    let context = Context::new(&[("x", "1"), ("y", "2"), ("dir/z", "3")]);
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev());
    let memory = Path::new("/dev/shm");
    if !device(memory).is_ok_and(|dev| Some(dev) != device(context.0.path()).ok()) {
        eprintln!("skipped: no other file system at /dev/shm");
        return;
    }
    let Ok(folder) = TempDir::new_in(memory) else {
        eprintln!("skipped: /dev/shm cannot be written");
        return;
    };
    let other = Context(folder);
    copy(context.0.path(), other.0.path());
    let scan = other.scan_with(&context.settled_cache());
    assert_eq!(scan.n_hashed, 3);
    assert_same(&scan, &other.scan(), "on another file system");
}

#[test]
fn a_small_edit_in_a_large_context_is_not_worth_a_new_cache() {
    let context = Context::new(&[]);
    (0..600).for_each(|number| context.write(format!("d{}/f{number}", number % 7), "x"));
    let cache = context.settled_cache();
    assert!(context.scan().is_worth_keeping(&StatCache::none()));
    assert!(!context.scan_with(&cache).is_worth_keeping(&cache));
    context.write("d3/f3", "edited");
    assert!(!context.scan_with(&cache).is_worth_keeping(&cache));
    (0..300).for_each(|number| context.write(format!("d{}/f{number}", number % 7), "edited"));
    assert!(context.scan_with(&cache).is_worth_keeping(&cache));
    let cache = context.settled_cache();
    (0..300).for_each(|number| fs::remove_file(context.at(format!("d{}/f{number}", number % 7))).unwrap());
    assert!(context.scan_with(&cache).is_worth_keeping(&cache));
}

/// Numbers that look random and are the same in every run (xorshift).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Does one thing to the context that may confuse a stat cache, and says what.
fn edit(context: &Context, dice: &mut Dice) -> String {
    let (folder, file) = (format!("d{}", dice.below(4)), format!("d{}/f{}", dice.below(4), dice.below(6)));
    let other = format!("d{}/f{}", dice.below(4), dice.below(6));
    let (path, is_file) = (context.at(&file), context.at(&file).is_file() && !context.at(&file).is_symlink());
    match dice.below(9) {
        0 if is_file => {
            // The size and the time stay.
            let (text, time) = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
            fs::write(&path, text.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()).unwrap();
            set_modified(&path, time);
        }
        1 if is_file => fs::remove_file(&path).unwrap(),
        2 if is_file => set_mode(&path, 0o600 | u32::try_from(dice.below(0o200)).unwrap()),
        3 if is_file && file != other => {
            fs::create_dir_all(context.at(&other).parent().unwrap()).unwrap();
            fs::rename(&path, context.at(&other)).unwrap();
        }
        4 => {
            let _ = fs::remove_file(&path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink("../d0/f0", &path).unwrap();
        }
        5 => drop(fs::remove_dir_all(context.at(&folder))),
        6 => {
            fs::create_dir_all(context.at(format!("{folder}/empty/{}", dice.below(3)))).unwrap();
            set_mode(&context.at(format!("{folder}/empty")), 0o700 | u32::try_from(dice.below(0o100)).unwrap());
        }
        7 if is_file => set_modified(&path, SystemTime::UNIX_EPOCH + Duration::from_secs(dice.below(1 << 30))),
        _ => {
            let _ = fs::remove_file(&path);
            context.write(&file, &"x".repeat(usize::try_from(dice.below(40)).unwrap()));
        }
    }
    file
}

#[test]
fn what_came_to_a_folder_is_seen_whatever_its_time_says() {
    let context = Context::new(&[("dir/x", "1"), ("dir/y", "2")]);
    let cache = context.settled_cache();
    let time = fs::metadata(context.at("dir")).unwrap().modified().unwrap();
    context.write("dir/z", "3");
    fs::remove_file(context.at("dir/x")).unwrap();
    File::open(context.at("dir")).unwrap().set_modified(time).unwrap();
    assert_same(&context.scan_with(&cache), &context.scan(), "one came, one went");
}

#[test]
fn a_cache_answers_under_any_rules_and_request() {
    let context = Context::new(&[("a/x", "1"), ("a/y", "2"), ("b/deep/x", "3"), ("b/y", "4"), ("c", "5")]);
    let rules = ["", "a/x", "**/x", "a", "b/*\n!b/deep", "c", "*\n!a"].map(|text| Ignorefile::parse(text.as_bytes()).0);
    let requests = [Requested::everything(), Requested::of([b"a".to_vec()]), Requested::of([b"*/x".to_vec()])];
    let asked = || rules.iter().flat_map(|rules| requests.iter().map(move |requested| (rules, requested)));
    let later = SystemTime::now() + Duration::from_secs(60);
    for (rules, requested) in asked() {
        let cache = watcher::scan_at(later, context.0.path(), rules, requested, &StatCache::none()).unwrap().cache;
        for (rules, requested) in asked() {
            let scan = |cache| watcher::scan(context.0.path(), rules, requested, cache).unwrap();
            assert_same(&scan(&cache), &scan(&StatCache::none()), &format!("{rules:?}, {requested:?}"));
        }
    }
}

#[test]
fn after_any_edits_a_scan_with_the_cache_says_what_one_without_says() {
    let (context, state) = (Context::new(&[("d0/f0", "0"), ("d1/deep/er/x", "1")]), TempDir::new().unwrap());
    let (all, rules, file) = (Requested::everything(), Ignorefile::default(), state.path().join("stamps"));
    let mut dice = Dice(0x5eed);
    let mut cache = context.settled_cache();
    let mut n_known = 0;
    for round in 0..200 {
        let_the_clock_move_on();
        let edits: Vec<String> = (0..1 + dice.below(3)).map(|_| edit(&context, &mut dice)).collect();
        let scan = context.scan_with(&cache);
        let fresh = context.scan();
        assert_same(&scan, &fresh, &format!("round {round}, after edits of {edits:?}"));
        n_known += fresh.n_hashed - scan.n_hashed;
        // The next round goes on with the old cache, or with a new one that came from the old one through its file.
        if dice.below(2) == 0 {
            let later = SystemTime::now() + Duration::from_secs(60);
            let scan = watcher::scan_at(later, context.0.path(), &rules, &all, &cache).unwrap();
            scan.cache.save(&file).unwrap();
            cache = StatCache::load(&file);
            let known = context.scan_with(&cache);
            assert_eq!(known.n_hashed, 0, "round {round}");
            assert_same(&known, &fresh, &format!("round {round}, nothing edited"));
        }
    }
    assert!(n_known > 500, "the cache answered for {n_known} files only");
}
