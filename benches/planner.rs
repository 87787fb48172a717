//! How long the core takes for a generated Dockerfile of 100, 1,000 and 10,000 instructions: `parse`, `lower`, `key` (the
//! snapshot with every key), `predict` against a record of all of it. Twenty instructions make a stage, every stage is used,
//! and every third one begins anew. Nothing is read from disk.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up may stop")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use planner::cache_key::Sealer;
use planner::dockerfile::Dockerfile;
use planner::engine_profile::EngineProfile;
use planner::graph::BuildGraph;
use planner::graph::lower::lower;
use planner::history::Ledger;
use planner::prediction::predict;
use planner::recording;
use planner::request::Request;
use planner::snapshot::Snapshot;

const PER_STAGE: usize = 20;

/// A Dockerfile of about `n_instructions` instructions.
fn dockerfile(n_instructions: usize) -> String {
    let n_stages = n_instructions / PER_STAGE;
    let mut text = "ARG BASE=alpine:3\n".to_owned();
    let mut line = |line: String| writeln!(text, "{line}").expect("a String takes all");
    for stage in 0..n_stages {
        let parent = if stage % 3 == 0 { "$BASE".to_owned() } else { format!("stage{}", stage - 1) };
        line(format!("FROM {parent} AS stage{stage}"));
        line(format!("ARG VERSION{stage}=1.{stage}"));
        for number in 0..PER_STAGE - 3 {
            line(match number % 6 {
                0 => format!("ENV NAME{stage}_{number}=value-$VERSION{stage}"),
                1 => format!("WORKDIR /work/{stage}/{number}"),
                2 => format!("COPY src/part-{} ./part-{number}", number % 5),
                3 => format!(
                    "RUN --mount=type=cache,target=/cache make VERSION=$VERSION{stage} && \\\n    echo {number}"
                ),
                4 if stage > 0 => format!("COPY --from=stage{} /work/out /in/{number}", stage - 1),
                _ => format!("LABEL stage{stage}.{number}=\"$VERSION{stage}\""),
            });
        }
    }
    line("FROM scratch".to_owned());
    (0..n_stages).for_each(|stage| line(format!("COPY --from=stage{stage} /work /all/{stage}")));
    text
}

fn lowered(dockerfile: &Dockerfile) -> BuildGraph {
    let request = Request::new("linux/amd64", EngineProfile::buildkit());
    let (graph, diagnostics) = lower(&[(dockerfile, &request)], &EngineProfile::buildkit());
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    graph
}

fn core(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("instructions");
    for n_instructions in [100, 1_000, 10_000] {
        let text = dockerfile(n_instructions);
        let (parsed, _) = Dockerfile::parse(text.as_bytes());
        let graph = lowered(&parsed);
        let contexts = BTreeMap::new();
        let sealer = Sealer::new(&[0; 32]);
        let snapshot = Snapshot::take(&graph, &contexts, &sealer);
        let first = predict(&snapshot, &Ledger::default(), &|_| None);
        let ledger = Ledger::new(recording::record(&snapshot, &first, &Ledger::default(), "bench"));
        let named = |name: &str| BenchmarkId::new(name, n_instructions);
        group.bench_function(named("parse"), |b| b.iter(|| Dockerfile::parse(black_box(text.as_bytes()))));
        group.bench_function(named("lower"), |b| b.iter(|| lowered(black_box(&parsed))));
        group.bench_function(named("key"), |b| b.iter(|| Snapshot::take(black_box(&graph), &contexts, &sealer)));
        group.bench_function(named("predict"), |b| b.iter(|| predict(black_box(&snapshot), &ledger, &|_| None)));
    }
    group.finish();
}

criterion_group!(benches, core);
criterion_main!(benches);
