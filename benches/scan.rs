//! How long a scan takes of 1,000 and 10,000 files in a temporary folder: with nothing known of them, with all of them
//! known and unmoved, and with one of them edited. The page cache is warm.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up may stop")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, SystemTime};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use planner::ignorefile::Ignorefile;
use planner::requested::Requested;
use watcher::{Scan, StatCache};

fn make_files(root: &Path, n_files: usize) {
    for number in 0..n_files {
        let folder = root.join(format!("package-{:03}/part-{:02}", number / 500, number / 25 % 20));
        if number % 25 == 0 {
            fs::create_dir_all(&folder).expect("a folder");
        }
        let size = [400, 900, 1_600, 2_500, 4_000, 6_000, 9_000, 14_000, 27_600, 0][number % 10];
        fs::write(folder.join(format!("module-{number:06}.ts")), vec![number as u8; size]).expect("a file");
    }
}

fn scan(root: &Path, cache: &StatCache) -> Scan {
    // Files just made would not be trusted yet.
    let later = SystemTime::now() + Duration::from_secs(60);
    watcher::scan_at(later, root, &Ignorefile::default(), &Requested::everything(), cache).expect("a scan")
}

fn scans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    for n_files in [1_000, 10_000] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        make_files(folder.path(), n_files);
        let nothing = StatCache::none();
        let known = scan(folder.path(), &nothing).cache;
        let named = |name: &str| BenchmarkId::new(name, n_files);
        group.bench_function(named("first"), |b| b.iter(|| scan(folder.path(), black_box(&nothing))));
        group.bench_function(named("second"), |b| b.iter(|| scan(folder.path(), black_box(&known))));
        fs::write(folder.path().join("package-000/part-00/module-000003.ts"), "edited").expect("a file");
        group.bench_function(named("edited"), |b| b.iter(|| scan(folder.path(), black_box(&known))));
    }
    group.finish();
}

criterion_group!(benches, scans);
criterion_main!(benches);
