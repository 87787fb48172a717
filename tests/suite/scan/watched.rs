//! A real watch on a folder made for the purpose: what it tells of, and that a context refreshed at the told places is the
//! one a scan finds. Nothing waits for a time: a file written last is waited for, as events come in order.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use planner::context::{BuildContext, ContextPath, Node, Stamped};
use planner::ignorefile::Ignorefile;
use planner::requested::Requested;
use watcher::{Place, Refresh, Shortage, StatCache, Subject, Watch, WatchEvent, Watched, Why};

use super::refreshed::Step;
use super::trust::{Dice, entries};
use super::{Context, requested};

/// Longer than any machine needs.
const FOREVER: Duration = Duration::from_secs(120);

/// A context with a watch on it, and what is known of it.
pub(super) struct Sight {
    pub(super) context: Context,
    watched: Arc<Watched>,
    watch: Watch,
    events: Receiver<WatchEvent>,
    pub(super) stamped: Stamped,
    n_settled: usize,
}

/// What was told until a file written last was.
#[derive(Default)]
pub(super) struct Told {
    pub(super) paths: BTreeSet<ContextPath>,
    pub(super) files: BTreeSet<PathBuf>,
    pub(super) rescans: Vec<Why>,
}

impl Told {
    pub(super) fn names(&self, path: &str) -> bool {
        self.paths.contains(&ContextPath::new(path))
    }
}

fn subject(watched: &Arc<Watched>, files: &[PathBuf]) -> Subject {
    Subject { contexts: [("main".to_owned(), watched.clone())].into(), files: files.iter().cloned().collect() }
}

impl Sight {
    pub(super) fn of(context: Context, rules: &str, requested: Requested) -> Self {
        let root = context.0.path().to_owned();
        let watched = Arc::new(Watched { root, ignorefile: Ignorefile::parse(rules.as_bytes()).0, requested });
        Self::on(context, watched, &[], usize::MAX)
    }

    fn on(context: Context, watched: Arc<Watched>, files: &[PathBuf], most: usize) -> Self {
        let (push, events) = mpsc::channel();
        let watch = Watch::start(subject(&watched, files), most, move |event| drop(push.send(event))).unwrap();
        let stamped = scan(&watched);
        Self { context, watched, watch, events, stamped, n_settled: 0 }
    }

    fn replace(&mut self, rules: &str) {
        let ignorefile = Ignorefile::parse(rules.as_bytes()).0;
        self.watched = Arc::new(Watched { ignorefile, ..(*self.watched).clone() });
        self.watch.replace(subject(&self.watched, &[]));
        self.stamped = scan(&self.watched);
    }

    /// Writes a file and takes what is told until it is; once more after a rescan was asked for, as what was told before
    /// that may have been dropped.
    pub(super) fn settle(&mut self) -> Told {
        let mut all = Told::default();
        loop {
            self.n_settled += 1;
            let last = format!("last-{}", self.n_settled);
            fs::write(self.watched.root.join(&last), "").unwrap();
            let told = self.until(|told| told.names(&last) || !told.rescans.is_empty());
            let is_settled = told.rescans.is_empty();
            all.paths.extend(told.paths);
            all.files.extend(told.files);
            all.rescans.extend(told.rescans);
            if is_settled {
                return all;
            }
        }
    }

    /// Takes what is told until it is enough.
    fn until(&self, is_enough: impl Fn(&Told) -> bool) -> Told {
        let (mut told, end) = (Told::default(), Instant::now() + FOREVER);
        while !is_enough(&told) {
            let event = self.events.recv_timeout(end.saturating_duration_since(Instant::now()));
            match event.unwrap_or_else(|_| panic!("not told: {:?}, {:?}", told.paths, told.rescans)) {
                WatchEvent::Touched(Place::Context { name, path }) => {
                    assert_eq!(name, "main");
                    told.paths.insert(path);
                }
                WatchEvent::Touched(Place::File(file)) => drop(told.files.insert(file)),
                WatchEvent::Rescan(why) => told.rescans.push(why),
                WatchEvent::Polling(shortage) => panic!("{shortage}"),
            }
        }
        told
    }

    /// Settles, brings the context up to date at the told places and checks it.
    pub(super) fn refresh(&mut self, when: &str) -> Told {
        let told = self.settle();
        assert!(told.rescans.is_empty(), "{when}: {:?}", told.rescans);
        self.refresh_at(&told, when);
        told
    }

    fn refresh_at(&mut self, told: &Told, when: &str) {
        let Watched { root, ignorefile, requested } = &*self.watched;
        let came = watcher::refresh(root, ignorefile, requested, &mut self.stamped, &told.paths).unwrap();
        assert_eq!(came, Refresh::Done, "{when}");
        let fresh = scan(&self.watched);
        assert_eq!(entries(&self.stamped.context), entries(&fresh.context), "{when}, told {:?}", told.paths);
        assert_eq!(self.stamped.context.digest(), fresh.context.digest(), "{when}");
        assert_eq!(file_times(&self.stamped), file_times(&fresh), "{when}, told {:?}", told.paths);
    }
}

fn scan(watched: &Watched) -> Stamped {
    watcher::scan(&watched.root, &watched.ignorefile, &watched.requested, &StatCache::none()).unwrap().stamped
}

/// The times of what is no folder: those of folders also change by what is ignored in them.
fn file_times(stamped: &Stamped) -> Vec<(ContextPath, i64)> {
    let (mut times, mut mtimes) = (Vec::new(), stamped.mtimes.iter());
    stamped.context.visit(&mut |path, node| {
        let mtime = mtimes.next().unwrap();
        if matches!(node, Node::File(_)) {
            times.push((path.clone(), *mtime));
        }
    });
    times
}

fn all_files(context: &BuildContext) -> BTreeSet<ContextPath> {
    let mut files = BTreeSet::new();
    context.visit(&mut |path, node| {
        if matches!(node, Node::File(_)) {
            files.insert(path.clone());
        }
    });
    files
}

#[test]
fn no_file_of_trees_made_at_once_is_lost() {
    let mut sight = Sight::of(Context::new(&[]), "", Requested::everything());
    for number in 0..200 {
        for path in ["x", "deep/y", "deep/er/z"] {
            sight.context.write(format!("tree-{number}/{path}"), "text");
        }
    }
    let told = sight.refresh("200 trees");
    let files = all_files(&sight.stamped.context);
    assert_eq!(files.len(), 600 + 1);
    assert!(files.is_subset(&told.paths), "{:?}", files.difference(&told.paths).collect::<Vec<_>>());
    sight.context.write("tree-117/deep/er/z", "edited");
    assert!(sight.refresh("an edit in one of them").names("tree-117/deep/er/z"));
}

#[test]
fn folders_that_come_go_and_come_back_are_watched() {
    let mut sight = Sight::of(Context::new(&[("a/b/c", "1"), ("d", "")]), "", Requested::everything());
    fs::rename(sight.context.at("a"), sight.context.at("moved")).unwrap();
    sight.context.write("moved/b/c", "2");
    assert!(sight.refresh("renamed").names("moved/b/c"));
    sight.context.write("moved/b/c", "3");
    assert!(sight.refresh("an edit in a renamed folder").names("moved/b/c"));
    sight.context.write("a/b/c", "another");
    assert!(sight.refresh("another in its place").names("a/b/c"));
    fs::remove_dir_all(sight.context.at("a")).unwrap();
    sight.context.write("a/b/c", "made again");
    assert!(sight.refresh("made again").names("a/b/c"));
    sight.context.write("a/b/c", "edited");
    assert!(sight.refresh("an edit in what was made again").names("a/b/c"));
    // In from outside, and out again.
    let outside = Context::new(&[("tree/x/y", "1")]);
    fs::rename(outside.at("tree"), sight.context.at("in")).unwrap();
    assert!(sight.refresh("moved in").names("in/x/y"));
    sight.context.write("in/x/y", "2");
    assert!(sight.refresh("an edit in what was moved in").names("in/x/y"));
    fs::rename(sight.context.at("in"), outside.at("tree")).unwrap();
    assert!(sight.refresh("moved out").names("in"));
    outside.write("tree/x/y", "3");
    assert!(!sight.refresh("an edit outside").names("in/x/y"));
}

#[test]
fn what_is_left_out_is_not_told() {
    let files = [("src/a", ""), ("node_modules/x/y", ""), ("out/keep", ""), ("README.md", "")];
    let rules = "node_modules\n*.log\nout\n!out/keep\n";
    let mut sight = Sight::of(Context::new(&files), rules, requested(&["src", "out", "last-1", "last-2", "last-3"]));
    for path in ["node_modules/x/y", "node_modules/new/z", "build.log", "out/other", "docs/new"] {
        sight.context.write(path, "edited");
    }
    let told = sight.refresh("edits of what is left out");
    assert_eq!(told.paths, BTreeSet::from([ContextPath::new("last-1")]));
    sight.context.write("out/keep", "edited");
    sight.context.write("README.md", "edited");
    let told = sight.refresh("edits of what is kept, and of what no step asks for");
    assert_eq!(told.paths, ["README.md", "last-2", "out/keep"].map(ContextPath::new).into());
    sight.replace("*.log\nout\n!out/keep\nsrc\n");
    sight.context.write("src/a", "edited");
    sight.context.write("out/keep", "edited again");
    assert_eq!(sight.refresh("another ignore file").paths, ["last-3", "out/keep"].map(ContextPath::new).into());
}

#[test]
fn single_files_are_told_wherever_they_are() {
    let context =
        Context::new(&[("ctx/a", ""), ("docker/Dockerfile", "1"), ("real/ignore", "1"), ("other/ignore", "2")]);
    std::os::unix::fs::symlink("real/ignore", context.at("linked")).unwrap();
    let watched =
        Watched { root: context.at("ctx"), ignorefile: Ignorefile::default(), requested: Requested::everything() };
    let names = ["docker/Dockerfile", "docker/Dockerfile.dockerignore", "linked", "ctx/a"];
    let files = names.map(|name| context.at(name));
    let mut sight = Sight::on(context, Arc::new(watched), &files, usize::MAX);
    let mut told_after = |edit: &dyn Fn(&Context)| {
        edit(&sight.context);
        sight.settle().files
    };
    let only = |name: usize| BTreeSet::from([files[name].clone()]);
    let save = |context: &Context, path: &str| {
        context.write("beside", "new");
        fs::rename(context.at("beside"), context.at(path)).unwrap();
    };
    assert_eq!(told_after(&|context| context.write("docker/unrelated", "")), BTreeSet::new());
    assert_eq!(told_after(&|context| save(context, "docker/Dockerfile")), only(0));
    assert_eq!(told_after(&|context| context.write("docker/Dockerfile", "in place")), only(0));
    assert_eq!(told_after(&|context| context.write("docker/Dockerfile.dockerignore", "new")), only(1));
    assert_eq!(told_after(&|context| context.write("real/ignore", "what a link leads to")), only(2));
    assert_eq!(told_after(&|context| context.write("ctx/a", "in the context")), only(3));
    let relink = |context: &Context| {
        fs::remove_file(context.at("linked")).unwrap();
        std::os::unix::fs::symlink("other/ignore", context.at("linked")).unwrap();
    };
    assert_eq!(told_after(&relink), only(2));
    assert_eq!(told_after(&|context| context.write("other/ignore", "what it leads to now")), only(2));
}

#[test]
fn a_root_that_is_replaced_is_scanned_and_watched_anew() {
    let context = Context::new(&[("above/ctx/a", "1"), ("beside/ctx/b", "2")]);
    let watched = Watched {
        root: context.at("above/ctx"),
        ignorefile: Ignorefile::default(),
        requested: Requested::everything(),
    };
    let mut sight = Sight::on(context, Arc::new(watched), &[], usize::MAX);
    type Replace = fn(&Context);
    let ways: &[(&str, Replace)] = &[
        ("made anew", |context| {
            fs::remove_dir_all(context.at("above/ctx")).unwrap();
            context.write("above/ctx/c", "3");
        }),
        ("moved away, another in its place", |context| {
            fs::rename(context.at("above/ctx"), context.at("above/old")).unwrap();
            fs::rename(context.at("beside/ctx"), context.at("above/ctx")).unwrap();
        }),
        ("the folder above moved away and made anew", |context| {
            fs::rename(context.at("above"), context.at("old")).unwrap();
            context.write("above/ctx/d/e", "4");
        }),
        ("the folder above removed and made anew", |context| {
            fs::remove_dir_all(context.at("above")).unwrap();
            context.write("above/ctx/f", "5");
        }),
    ];
    for (way, replace) in ways {
        replace(&sight.context);
        // Watches are placed before a rescan is asked for, the last time on the folder that stays.
        let is_watched = |sight: &Sight| {
            fs::write(sight.watched.root.join("probe"), "").unwrap();
            sight.until(|told| told.names("probe") || told.rescans.contains(&Why::Moved)).names("probe")
        };
        sight.until(|told| told.rescans.contains(&Why::Moved));
        while !is_watched(&sight) {}
        sight.stamped = scan(&sight.watched);
        sight.context.write("above/ctx/edited", way);
        assert!(sight.refresh(way).names("edited"), "{way}");
    }
}

#[test]
fn where_watches_run_out_rescans_are_asked_for() {
    let context = Context::new(&[("a/b/c/d/e", "1")]);
    let (all, root) = (Requested::everything(), context.0.path().to_owned());
    let watched = Arc::new(Watched { root, ignorefile: Ignorefile::default(), requested: all });
    let (push, events) = mpsc::channel();
    let watch = Watch::start(subject(&watched, &[]), 2, move |event| drop(push.send(event))).unwrap();
    let next = || events.recv_timeout(FOREVER).unwrap();
    assert_eq!(next(), WatchEvent::Polling(Shortage::Watches));
    assert_eq!(Shortage::Watches.parameter(), Some("fs.inotify.max_user_watches"));
    assert_eq!(next(), WatchEvent::Rescan(Why::Polled));
    watch.rescanned(Duration::ZERO, true);
    assert_eq!(next(), WatchEvent::Rescan(Why::Polled));
}

#[test]
fn a_context_refreshed_at_what_a_watch_tells_is_a_scanned_one() {
    for (seed, rules) in (0x5eed..).zip(["", "a\n!a/b\n", "*\n!b\n!**/keep\n!last-*\n", "/c\n*.tmp\n!c/keep/\n"]) {
        let context = Context::new(&[("a/b/c", "1"), ("b/c/keep", "2"), ("c/a/x.tmp", "3"), ("keep", "4")]);
        let mut sight = Sight::of(context, rules, Requested::everything());
        let mut dice = Dice(seed);
        for round in 0..60 {
            let steps: Vec<Step> = (0..1 + dice.below(12)).map(|_| Step::any(&mut dice)).collect();
            steps.iter().for_each(|step| drop(step.take(&sight.context)));
            let told = sight.settle();
            // A link may take a folder's place at the very moment at which that is to be watched.
            if told.rescans.is_empty() {
                let when = format!("seed {seed:#x}, ignore file {rules:?}, round {round}, after {steps:?}");
                sight.refresh_at(&told, &when);
            } else {
                assert!(told.rescans.iter().all(|why| *why == Why::Moved));
                sight.stamped = scan(&sight.watched);
            }
        }
    }
}

#[test]
#[ignore = "stops the whole process while 200,000 files are made"]
fn after_a_burst_that_the_system_drops_events_of_a_rescan_finds_all() {
    let mut sight = Sight::of(Context::new(&[("d/0", "")]), "", Requested::everything());
    // While nobody takes events from the system's queue, it overflows.
    let script = "kill -STOP $PPID; seq 1 200000 | xargs touch; kill -CONT $PPID";
    let made = std::process::Command::new("sh").args(["-c", script]).current_dir(sight.context.at("d")).status();
    assert!(made.unwrap().success());
    let told = sight.settle();
    assert!(told.rescans.contains(&Why::Overflow), "{} places told", told.paths.len());
    sight.stamped = scan(&sight.watched);
    assert_eq!(all_files(&sight.stamped.context).len(), 200_001 + sight.n_settled);
    sight.context.write("d/7", "edited");
    assert!(sight.refresh("an edit afterwards").names("d/7"));
}
