//! Scans of folders made for the purpose: what is sent of them, with which attributes, and what the stat cache
//! may and may not answer for.

pub(crate) mod refreshed;
pub(crate) mod saved;
pub(crate) mod trust;
mod watched;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use planner::context::{ContextPath, FileKind, Found, Node};
use planner::ignorefile::Ignorefile;
use planner::requested::Requested;
use tempfile::TempDir;
use watcher::{Scan, ScanError, StatCache};

/// A folder with files.
pub(crate) struct Context(pub(crate) TempDir);

impl Context {
    fn new(files: &[(&str, &str)]) -> Self {
        let context = Self(TempDir::new().unwrap());
        files.iter().for_each(|(path, content)| context.write(path, content));
        context
    }

    fn at(&self, path: impl AsRef<[u8]>) -> PathBuf {
        self.0.path().join(OsStr::from_bytes(path.as_ref()))
    }

    fn write(&self, path: impl AsRef<[u8]>, content: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        set_mode(&path, 0o644);
    }

    fn scan(&self) -> Scan {
        self.scan_for("", &Requested::everything())
    }

    fn scan_for(&self, ignorefile: &str, requested: &Requested) -> Scan {
        self.try_scan(ignorefile, requested).unwrap()
    }

    fn try_scan(&self, ignorefile: &str, requested: &Requested) -> Result<Scan, ScanError> {
        watcher::scan(self.0.path(), &Ignorefile::parse(ignorefile.as_bytes()).0, requested, &StatCache::none())
    }

    fn scan_with(&self, cache: &StatCache) -> Scan {
        watcher::scan(self.0.path(), &Ignorefile::default(), &Requested::everything(), cache).unwrap()
    }

    /// A cache that answers for all that now stands here, as one written much later than the files would.
    fn settled_cache(&self) -> StatCache {
        let (later, all) = (SystemTime::now() + Duration::from_secs(60), Requested::everything());
        watcher::scan_at(later, self.0.path(), &Ignorefile::default(), &all, &StatCache::none()).unwrap().cache
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn requested(paths: &[&str]) -> Requested {
    Requested::of(paths.iter().map(|path| path.as_bytes().to_vec()))
}

/// The paths of a scan, folders with a slash behind, in canonical order.
fn paths(scan: &Scan) -> Vec<String> {
    let mut paths = Vec::new();
    scan.stamped.context.visit(&mut |path, node| {
        let slash = if matches!(node, Node::Folder(_)) { "/" } else { "" };
        paths.push(path.to_lossy() + slash);
    });
    assert_eq!(paths.len(), scan.stamped.mtimes.len());
    paths
}

fn file(scan: &Scan, path: impl AsRef<[u8]>) -> planner::context::FileEntry {
    match scan.stamped.context.find(&ContextPath::new(path)) {
        Some(Found::File(entry)) => (*entry).clone(),
        other => panic!("no file: {other:?}"),
    }
}

fn folder_mode(scan: &Scan, path: &str) -> u32 {
    match scan.stamped.context.find(&ContextPath::new(path)) {
        Some(Found::Folder(folder)) => folder.header().unwrap().mode,
        other => panic!("no folder: {other:?}"),
    }
}

#[test]
fn entries_come_with_their_modes_contents_and_times() {
    let context = Context::new(&[("b/x", "one"), ("a.txt", "two"), ("b.c", ""), ("é", "é")]);
    set_mode(&context.at("a.txt"), 0o4751);
    set_mode(&context.at("b"), 0o1700);
    symlink("nowhere", context.at("link")).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_234_567_890_123_456_789);
    fs::File::options().write(true).open(context.at("b/x")).unwrap().set_modified(time).unwrap();
    let scan = context.scan();
    assert_eq!(paths(&scan), ["a.txt", "b/", "b/x", "b.c", "link", "é"]);
    assert_eq!(scan.stamped.mtimes[2], 1_234_567_890_123_456_789);
    assert_eq!(scan.n_hashed, 4);
    let a = file(&scan, "a.txt");
    assert_eq!((a.mode, a.size(), a.xattrs), (0o4751, 3, None));
    assert_eq!(a.kind, FileKind::File { size: 3, content: planner::digest::ContentDigest::of(b"two") });
    assert_eq!(file(&scan, "link"), planner::context::FileEntry::symlink("nowhere"));
    assert_eq!(folder_mode(&scan, "b"), 0o1700);
    assert!(scan.stamped.context.root().header().is_none());
}

#[test]
fn what_comes_back_brings_its_folders_and_empty_folders_stay() {
    let context =
        Context::new(&[("dir/sub/keep", ""), ("dir/sub/drop", ""), ("gone/x", ""), ("left/x.tmp", ""), ("y", "")]);
    set_mode(&context.at("dir"), 0o711);
    let scan = context.scan_for("dir\ngone\n**/*.tmp\n!dir/sub/keep\n", &Requested::everything());
    assert_eq!(paths(&scan), ["dir/", "dir/sub/", "dir/sub/keep", "left/", "y"]);
    assert_eq!(folder_mode(&scan, "dir"), 0o711);
    assert_eq!(scan.n_hashed, 2);
}

#[test]
fn only_what_is_requested_is_read() {
    let files = [
        ("src/a.rs", ""),
        ("src/b/c.rs", ""),
        ("pkg/one/go.mod", ""),
        ("pkg/one/x.go", ""),
        ("pkg/two/x.go", ""),
        ("z", ""),
    ];
    let context = Context::new(&files);
    fs::create_dir(context.at("src/empty")).unwrap();
    let scan = context.scan_for("", &requested(&["src", "/pkg/*/go.mod", "missing"]));
    let expected = ["pkg/", "pkg/one/", "pkg/one/go.mod", "src/", "src/a.rs", "src/b/", "src/b/c.rs", "src/empty/"];
    assert_eq!(paths(&scan), expected);
    assert_eq!(scan.n_hashed, 3);
    assert!(paths(&context.scan_for("", &Requested::default())).is_empty());
}

#[test]
fn links_are_kept_as_links_and_loops_end() {
    let context = Context::new(&[("real/x", "1"), ("other/y", "2"), ("other/z", "3")]);
    for (link, target) in [
        ("a", "b"),
        ("b", "a"),
        ("self", "."),
        ("grow", "grow/more"),
        ("out", "../../../etc/passwd"),
        ("absolute", "/real"),
        ("way", "other"),
    ] {
        symlink(target, context.at(link)).unwrap();
    }
    let links = ["a", "absolute", "b", "grow", "other/", "other/y", "other/z", "out", "real/", "real/x", "self", "way"];
    assert_eq!(paths(&context.scan()), links);
    let sent_for = |sources: &[&str]| {
        let sources = sources.iter().map(|source| source.as_bytes().to_vec());
        paths(&context.scan_for("", &watcher::resolve_requested(context.0.path(), sources)))
    };
    assert_eq!(sent_for(&["absolute/x"]), ["absolute", "real/", "real/x"]);
    assert_eq!(sent_for(&["way/y", "way/z"]), ["other/", "other/y", "other/z", "way"]);
    assert_eq!(sent_for(&["w*"]), ["other/", "other/y", "other/z", "way"]);
    assert_eq!(sent_for(&["out"]), ["out"]);
    assert_eq!(sent_for(&["a"]), ["a", "b"]);
    assert_eq!(sent_for(&["grow"]), ["grow"]);
    assert_eq!(sent_for(&["self"]), links);
}

#[test]
fn special_files_are_entries() {
    let context = Context::new(&[]);
    let _socket = std::os::unix::net::UnixListener::bind(context.at("socket")).unwrap();
    assert_eq!(file(&context.scan(), "socket").kind, FileKind::Socket);
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    if let Err(error) = rustix::fs::mknodat(rustix::fs::CWD, context.at("pipe"), rustix::fs::FileType::Fifo, mode, 0) {
        eprintln!("skipped: cannot make a named pipe here: {error}");
        return;
    }
    assert_eq!(file(&context.scan(), "pipe").kind, FileKind::Fifo);
}

#[test]
fn what_is_needed_must_be_readable() {
    let context = Context::new(&[("secret", "x"), ("dir/y", "")]);
    set_mode(&context.at("secret"), 0o000);
    if fs::read(context.at("secret")).is_ok() {
        eprintln!("skipped: this user reads everything");
        return;
    }
    let is_unreadable =
        |error: ScanError, wanted: &str| matches!(error, ScanError::Unreadable { path, .. } if path.ends_with(wanted));
    assert!(is_unreadable(context.try_scan("", &Requested::everything()).unwrap_err(), "secret"));
    assert_eq!(paths(&context.scan_for("secret", &Requested::everything())), ["dir/", "dir/y"]);
    assert_eq!(paths(&context.scan_for("", &requested(&["dir"]))), ["dir/", "dir/y"]);
    set_mode(&context.at("dir"), 0o000);
    let unreadable_folder = context.try_scan("secret", &Requested::everything()).unwrap_err();
    let passed_by = context.scan_for("*\n!**/z", &Requested::everything());
    set_mode(&context.at("dir"), 0o755);
    assert!(is_unreadable(unreadable_folder, "dir"));
    assert!(paths(&passed_by).is_empty());
}

#[test]
fn any_bytes_can_be_a_name() {
    let context = Context::new(&[]);
    for name in [b"\xff\xfe".as_slice(), b"a\nb", b" ", b"x\xe2\x82/\\", b"*"] {
        context.write(name, "x");
    }
    let scan = context.scan_for("a*", &Requested::everything());
    let mut names = Vec::new();
    scan.stamped.context.visit(&mut |path, _| names.push(path.as_bytes().to_vec()));
    assert_eq!(names, [b" ".as_slice(), b"*", b"x\xe2\x82", b"x\xe2\x82/\\", b"\xff\xfe"]);
    assert_eq!(context.scan_with(&context.settled_cache()).n_hashed, 0);
}

#[test]
fn a_root_must_be_a_folder() {
    let context = Context::new(&[("file", "")]);
    let scan = |path: &str| {
        watcher::scan(&context.at(path), &Ignorefile::default(), &Requested::everything(), &StatCache::none())
            .unwrap_err()
    };
    assert!(matches!(scan("nowhere"), ScanError::RootMissing(path) if path == context.at("nowhere")));
    assert!(matches!(scan("file"), ScanError::RootIsNoFolder(_)));
    assert!(matches!(scan("file/x"), ScanError::RootIsNoFolder(_)));
}

#[test]
fn a_link_to_a_root_is_that_root() {
    let context = Context::new(&[("real/x", "")]);
    symlink("real", context.at("link")).unwrap();
    let all = Requested::everything();
    let scan = watcher::scan(&context.at("link"), &Ignorefile::default(), &all, &StatCache::none()).unwrap();
    assert_eq!(paths(&scan), ["x"]);
}

#[test]
fn a_broken_pattern_fails_the_scan() {
    let context = Context::new(&[("x", "")]);
    let error = context.try_scan("\nfo\\o", &Requested::everything()).unwrap_err();
    assert_eq!(error.to_string(), "failed to match excludepatterns: syntax error in pattern");
    assert!(matches!(error, ScanError::BrokenPattern(broken) if broken.line == 2 && broken.written == "fo\\o"));
}

#[test]
fn extended_attributes_count() {
    let context = Context::new(&[("dir/x", "")]);
    let plain = context.scan().stamped.context.digest();
    for path in ["dir/x", "dir"] {
        let set =
            |value: &[u8]| rustix::fs::setxattr(context.at(path), "user.note", value, rustix::fs::XattrFlags::empty());
        if let Err(error) = set(b"1") {
            eprintln!("skipped: no extended attributes here: {error}");
            return;
        }
        let first = context.scan().stamped.context.digest();
        set(b"2").unwrap();
        let second = context.scan().stamped.context.digest();
        assert!(first != plain && second != first, "{path}");
        let cached = context.scan_with(&context.settled_cache()).stamped.context.digest();
        assert_eq!(cached, second);
        rustix::fs::removexattr(context.at(path), "user.note").unwrap();
        assert_eq!(context.scan().stamped.context.digest(), plain);
    }
}

#[test]
fn a_second_scan_reads_only_what_moved() {
    let context = Context::new(&[]);
    for number in 0..600 {
        context.write(format!("d{}/f{number}", number % 7), &format!("content {number}"));
    }
    let cache = context.settled_cache();
    assert_eq!(cache.n_entries(), 607);
    let second = context.scan_with(&cache);
    assert_eq!(second.n_hashed, 0);
    assert_eq!(second.stamped, context.scan().stamped);
    context.write("d3/f3", "another 3");
    fs::remove_file(context.at("d4/f4")).unwrap();
    fs::rename(context.at("d5/f5"), context.at("d5/renamed")).unwrap();
    context.write("d6/new", "new");
    let third = context.scan_with(&cache);
    assert_eq!(third.n_hashed, 3);
    assert_eq!(third.stamped, context.scan().stamped);
}

#[test]
fn an_edit_that_keeps_size_and_time_is_seen() {
    let context = Context::new(&[("x", "old")]);
    let cache = context.settled_cache();
    let time = fs::metadata(context.at("x")).unwrap().modified().unwrap();
    fs::write(context.at("x"), "new").unwrap();
    fs::File::options().write(true).open(context.at("x")).unwrap().set_modified(time).unwrap();
    let scan = context.scan_with(&cache);
    assert_eq!(scan.n_hashed, 1);
    assert_eq!(file(&scan, "x"), file(&context.scan(), "x"));
}

#[test]
fn a_file_as_young_as_the_cache_is_read_again() {
    let context = Context::new(&[("x", "1")]);
    let all = Requested::everything();
    let written_when =
        |now| watcher::scan_at(now, context.0.path(), &Ignorefile::default(), &all, &StatCache::none()).unwrap();
    let changed = fs::metadata(context.at("x")).unwrap().modified().unwrap();
    assert_eq!(context.scan_with(&written_when(changed).cache).n_hashed, 1);
    assert_eq!(context.scan_with(&written_when(changed - Duration::from_secs(5)).cache).n_hashed, 1);
    assert_eq!(context.scan_with(&written_when(changed + Duration::from_secs(5)).cache).n_hashed, 0);
}

#[test]
fn a_file_may_become_a_folder_and_back() {
    let context = Context::new(&[("x", "1"), ("y/z", "2")]);
    let cache = context.settled_cache();
    fs::remove_file(context.at("x")).unwrap();
    context.write("x/inner", "1");
    fs::remove_dir_all(context.at("y")).unwrap();
    symlink("x", context.at("y")).unwrap();
    let scan = context.scan_with(&cache);
    assert_eq!(paths(&scan), ["x/", "x/inner", "y"]);
    assert_eq!(scan.stamped, context.scan().stamped);
}

#[test]
fn a_cache_survives_its_file_and_a_damaged_file_is_no_cache() {
    let context = Context::new(&[("a/x", "1"), ("a/y", "2"), ("b", "3")]);
    let state = TempDir::new().unwrap();
    let path = state.path().join("stamps");
    assert_eq!(StatCache::load(&path).n_entries(), 0);
    let cache = context.settled_cache();
    cache.save(&path).unwrap();
    cache.save(&path).unwrap();
    assert_eq!(context.scan_with(&StatCache::load(&path)).n_hashed, 0);
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
    let bytes = fs::read(&path).unwrap();
    let n_known = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        StatCache::load(&path).n_entries()
    };
    assert_eq!(n_known(&bytes), 4);
    for cut in 0..bytes.len() {
        assert_eq!(n_known(&bytes[..cut]), 0, "cut at {cut}");
    }
    for place in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x40;
        assert_eq!(n_known(&damaged), 0, "damaged at {place}");
    }
}

#[test]
fn a_cache_of_another_version_is_no_cache() {
    let context = Context::new(&[("x", "1")]);
    let state = TempDir::new().unwrap();
    let path = state.path().join("stamps");
    context.settled_cache().save(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len() - 32;
    let rewritten = |bytes: &mut Vec<u8>| {
        let trailer = *blake3::hash(&bytes[..end]).as_bytes();
        bytes[end..].copy_from_slice(&trailer);
        fs::write(&path, bytes).unwrap();
        StatCache::load(&path).n_entries()
    };
    assert_eq!(rewritten(&mut bytes), 1);
    bytes[8] += 1;
    assert_eq!(rewritten(&mut bytes), 0);
    bytes[8] -= 1;
    // Counts that do not add up, under a good trailer.
    bytes[16] += 1;
    assert_eq!(rewritten(&mut bytes), 0);
}

#[test]
fn a_cache_that_knows_nothing_can_be_saved() {
    let state = TempDir::new().unwrap();
    let path = state.path().join("stamps");
    StatCache::none().save(&path).unwrap();
    assert_eq!(StatCache::load(&path).n_entries(), 0);
}

#[test]
fn a_listing_tells_what_is_kept_and_which_line_took_the_rest() {
    let context = Context::new(&[
        ("src/a.ts", "12345"),
        ("src/a.log", ""),
        ("node_modules/x/y", ""),
        ("docs/keep.md", "1"),
        ("docs/deep/drop.md", ""),
        ("docs/drop.md", ""),
    ]);
    symlink("src", context.at("link")).unwrap();
    let (ignorefile, _) = Ignorefile::parse(b"# what\n node_modules/ \n**/*.log\ndocs\n!docs/keep.md\n");
    let listing = watcher::list(context.0.path(), &ignorefile).unwrap();
    let kept: Vec<_> = listing.kept.iter().map(|kept| (kept.path.to_lossy(), kept.kind, kept.bytes)).collect();
    use watcher::EntryKind::{File, Folder, Symlink};
    let expected = [
        ("docs", Folder, 0),
        ("docs/keep.md", File, 1),
        ("link", Symlink, 0),
        ("src", Folder, 0),
        ("src/a.ts", File, 5),
    ];
    assert_eq!(kept, expected.map(|(path, kind, bytes)| (path.to_owned(), kind, bytes)));
    let ignored: Vec<_> = listing
        .ignored
        .iter()
        .map(|ignored| (ignored.path.to_lossy(), ignored.line, ignored.pattern.as_str()))
        .collect();
    let expected = [
        ("docs/deep", 4, "docs"),
        ("docs/drop.md", 4, "docs"),
        ("node_modules", 2, "node_modules/"),
        ("src/a.log", 3, "**/*.log"),
    ];
    assert_eq!(ignored, expected.map(|(path, line, pattern)| (path.to_owned(), line, pattern)));
}

#[test]
fn a_folder_nothing_comes_back_from_is_listed_once() {
    let context = Context::new(&[("dir/a", ""), ("dir/sub/b", "")]);
    let (ignorefile, _) = Ignorefile::parse(b"dir\n!**/*.md\n");
    let listing = watcher::list(context.0.path(), &ignorefile).unwrap();
    assert!(listing.kept.is_empty());
    let ignored: Vec<_> = listing.ignored.iter().map(|ignored| (ignored.path.to_lossy(), ignored.line)).collect();
    assert_eq!(ignored, [("dir".to_owned(), 1)]);
}
