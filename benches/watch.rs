//! What a save costs in trees of 1,000, 10,000 and 100,000 files: bringing the context up to date at the one touched
//! path, and the time until a watch has told of a file that was made. The page cache is warm.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up may stop")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use planner::context::ContextPath;
use planner::ignorefile::Ignorefile;
use planner::requested::Requested;
use watcher::{Place, StatCache, Subject, Watch, WatchEvent, Watched};

const SAVED: &str = "package-001/part-03/module-000580.ts";
const NEW: &str = "package-000/part-03/new.ts";

fn make_files(root: &Path, n_files: usize) {
    for number in 0..n_files {
        let folder = root.join(format!("package-{:03}/part-{:02}", number / 500, number / 25 % 20));
        if number % 25 == 0 {
            fs::create_dir_all(&folder).expect("a folder");
        }
        fs::write(folder.join(format!("module-{number:06}.ts")), vec![number as u8; 2_000]).expect("a file");
    }
}

fn saves(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("watch");
    for n_files in [1_000, 10_000, 100_000] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        make_files(root, n_files);
        let (rules, all) = (Ignorefile::parse(b"node_modules\n**/*.log\n").0, Requested::everything());
        // Files just made would not be trusted yet.
        let later = SystemTime::now() + Duration::from_secs(60);
        let cache = watcher::scan_at(later, root, &rules, &all, &StatCache::none()).expect("a scan").cache;
        let mut stamped = watcher::scan(root, &rules, &all, &cache).expect("a scan").stamped;
        let named = |name: &str| BenchmarkId::new(name, n_files);
        let mut number = 0;
        let mut save = |path: &str| {
            number += 1;
            fs::write(root.join(path), number.to_string()).expect("a file");
            ContextPath::new(path)
        };
        group.bench_function(named("refresh after a save"), |b| {
            let refresh = |path: ContextPath| watcher::refresh(root, &rules, &all, &mut stamped, [&path]);
            b.iter_batched(|| save(SAVED), refresh, BatchSize::PerIteration);
        });
        group.bench_function(named("refresh after a file came or went"), |b| {
            let toggle = || {
                if fs::remove_file(root.join(NEW)).is_err() {
                    fs::write(root.join(NEW), "new").expect("a file");
                }
                ContextPath::new(NEW)
            };
            let refresh = |path: ContextPath| watcher::refresh(root, &rules, &all, &mut stamped, [&path]);
            b.iter_batched(toggle, refresh, BatchSize::PerIteration);
        });
        let watched = Arc::new(Watched { root: root.to_owned(), ignorefile: rules.clone(), requested: all.clone() });
        let subject = Subject { contexts: [(String::new(), watched)].into(), files: [].into() };
        let (push, events) = mpsc::channel();
        let watch = Watch::start(subject, usize::MAX, move |event| drop(push.send(event))).expect("a watch");
        let mut number = 0;
        group.bench_function(named("told of a file"), |b| {
            b.iter(|| {
                number += 1;
                // Each has a name of its own, as several events tell of one.
                let path = ContextPath::new(format!("package-001/part-03/saved-{number}"));
                let on_disk = root.join(path.to_lossy());
                fs::write(&on_disk, "saved").expect("a file");
                let is_told = |event: WatchEvent| {
                    matches!(event, WatchEvent::Touched(Place::Context { path: told, .. }) if told == path)
                };
                while !is_told(events.recv().expect("an event")) {}
                fs::remove_file(&on_disk).expect("a file");
            });
        });
        drop(watch);
    }
    group.finish();
}

criterion_group!(benches, saves);
criterion_main!(benches);
