//! Versions of a small project built one after another: what hits again, what runs because of which files, what it
//! costs; and that a ledger with fewer aliases answers like one with all of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::tally::{Costs, Tally};
use super::{Contexts, Replayed, Replays, replay};
use crate::built::{Experience, Odds};
use crate::cache_key::Sealer;
use crate::context::{BuildContext, ContextPath, FileEntry, Node};
use crate::digest::ContentDigest;
use crate::dockerfile::Dockerfile;
use crate::engine_profile::EngineProfile;
use crate::graph::BuildGraph;
use crate::graph::lower::{MAIN_CONTEXT, lower};
use crate::history::Ledger;
use crate::prediction::{Verdict, predict};
use crate::recording;
use crate::request::Request;
use crate::snapshot::{Snapshot, StepKind};
use crate::weight::weights;

const DOCKERFILE: &str = "\
FROM node:22 AS build
COPY lock /
RUN npm ci
COPY src /src
RUN npm run build
FROM scratch AS assets
COPY static /static
FROM node:22
COPY --from=assets /static /static
COPY --from=build /dist /dist
RUN check
";

fn graph(text: &str) -> BuildGraph {
    let request = Request::new("linux/amd64", EngineProfile::buildkit());
    let (dockerfile, _) = Dockerfile::parse(text.as_bytes());
    let (graph, diagnostics) = lower(&[(&dockerfile, &request)], &EngineProfile::buildkit());
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    graph
}

/// A version: files as `path=text`.
fn version(files: &str) -> Contexts {
    let files = files.split_whitespace().filter_map(|file| file.split_once('='));
    let context = files.fold(BuildContext::default(), |context, (path, text)| {
        let entry = FileEntry::file(0o644, text.len() as u64, ContentDigest::of(text.as_bytes()));
        context.with(&ContextPath::new(path), Node::File(Arc::new(entry)))
    });
    [(MAIN_CONTEXT.to_owned(), context)].into()
}

fn replayed(before: &str, versions: &[&str]) -> Replays {
    let versions: Vec<(String, Contexts)> =
        versions.iter().enumerate().map(|(n, files)| (n.to_string(), version(files))).collect();
    let named = versions.iter().map(|(id, contexts)| (id.as_str(), contexts));
    replay(&graph(DOCKERFILE), &[0; 32], &version(before), named)
}

/// The lines of the steps that run, and with `?` of those that may.
fn lines(replays: &Replays, build: &Replayed) -> String {
    let labels = replays.snapshot.step_labels();
    let told = build.verdicts.iter().enumerate().filter_map(|(step, verdict)| {
        let mark = match verdict {
            Verdict::Miss if replays.snapshot.steps[step].kind == StepKind::Step => "",
            Verdict::Pending => "?",
            _ => return None,
        };
        Some(format!("{}{mark}", labels.get(&step)?.0.rsplit(':').next()?))
    });
    told.collect::<Vec<_>>().join(" ")
}

const START: &str = "lock=1 src/a=1 src/b=1 static/logo=1";

fn tally(replays: &Replays, odds: &BTreeMap<usize, Odds>) -> Tally {
    let weights = weights(&replays.snapshot, &Experience::default());
    Costs { snapshot: &replays.snapshot, weights: &weights, odds }.tally(&replays.builds)
}

#[test]
fn each_version_is_built_upon_all_before_it() {
    let versions = [
        START,
        "lock=1 src/a=2 src/b=1 static/logo=1",
        "lock=2 src/a=2 src/b=1 static/logo=1",
        "lock=1 src/a=1 src/b=1 static/logo=1 docs=new",
        "lock=1 src/a=1 src/b=1 static/logo=2",
    ];
    let replays = replayed(START, &versions);
    let told: Vec<String> = replays.builds.iter().map(|build| lines(&replays, build)).collect();
    assert_eq!(told, ["", "4 5 10? 11?", "2 3 4 5 10? 11?", "", "7 9 10 11"]);
    let changed = |build: usize| replays.builds[build].changed.values().flatten().cloned().collect::<Vec<_>>();
    assert_eq!(changed(1), [(MAIN_CONTEXT.to_owned(), ContextPath::new("src/a"))]);
    assert_eq!(changed(2), [(MAIN_CONTEXT.to_owned(), ContextPath::new("lock"))]);
    assert_eq!(changed(3), []);
}

#[test]
fn what_runs_is_added_up_by_step_and_by_file() {
    let versions = [START, "lock=1 src/a=2 src/b=2 static/logo=1", "lock=2 src/a=2 src/b=2 static/logo=1", "lock=2"];
    let replays = replayed(START, &versions);
    let tally = tally(&replays, &BTreeMap::new());
    assert_eq!((tally.n_built, tally.n_failing, tally.n_idle), (3, 1, 1));
    assert_eq!(replays.builds[3].missing.as_deref(), Some("/src"));
    // COPY 0.5 and builds of 30 in the second; another install of 30 and COPY in the third; two steps behind in both.
    let (build, behind, install) = (30.5, 2.5, 30.5);
    assert!((tally.seconds - (2.0 * (build + behind) + install) / 3.0).abs() < 1e-9, "{tally:?}");
    assert!(tally.waiting_seconds <= tally.seconds);
    let of_files: f64 = tally.files.values().map(|file| file.seconds).sum();
    assert!((of_files - tally.seconds).abs() < 1e-9, "{tally:?}");
    let file = |path: &str| &tally.files[&(MAIN_CONTEXT.to_owned(), ContextPath::new(path))];
    assert_eq!(file("src/a"), file("src/b"));
    assert!(
        file("lock").seconds > file("src/a").seconds && !tally.files.keys().any(|(_, path)| path.name() == b"logo")
    );
}

#[test]
fn a_step_that_hangs_on_bytes_counts_with_its_odds() {
    let replays = replayed(START, &["lock=1 src/a=2 src/b=1 static/logo=1"]);
    let open: Vec<usize> = (0..replays.snapshot.steps.len())
        .filter(|step| replays.builds[0].verdicts[*step] == Verdict::Pending)
        .collect();
    assert_eq!(open.len(), 2);
    let without = tally(&replays, &BTreeMap::new());
    let odds = open.iter().map(|step| (*step, Odds { ran: 1, of: 4 })).collect();
    let with = tally(&replays, &odds);
    assert!((without.seconds - with.seconds - 0.75 * 2.5).abs() < 1e-9, "{without:?} {with:?}");
    assert_eq!(without.steps[open[0]].n_pending, 1);
}

/// Numbers that look random and are the same in every run.
fn dice(state: &mut u64, n: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % n
}

#[test]
fn a_replay_says_what_a_ledger_with_every_alias_says() {
    let (graph, sealer, mut state) = (graph(DOCKERFILE), Sealer::new(&[0; 32]), 5);
    let mut files = [1, 1, 1, 1];
    let mut versions = Vec::new();
    for n in 0..60 {
        files[usize::try_from(dice(&mut state, 4)).unwrap()] = dice(&mut state, 5);
        let [lock, a, b, logo] = files;
        versions.push((n.to_string(), version(&format!("lock={lock} src/a={a} src/b={b} static/logo={logo}"))));
    }
    let named = versions.iter().map(|(id, contexts)| (id.as_str(), contexts));
    let replays = replay(&graph, &[0; 32], &version(START), named);
    let (mut ledger, mut trees) = (Ledger::default(), HashMap::new());
    let mut n_pending = 0;
    let before = ("before all others".to_owned(), version(START));
    for (n, (id, contexts)) in [before].iter().chain(&versions).enumerate() {
        let snapshot = Snapshot::take(&graph, contexts, &sealer);
        trees.extend(contexts.values().map(|context| (context.digest(), context.clone())));
        let prediction = predict(&snapshot, &ledger, &|digest| trees.get(digest).cloned());
        for step in recording::record(&snapshot, &prediction, &ledger, id) {
            ledger.add(step);
        }
        let verdicts: Vec<Verdict> = prediction.standings.iter().map(|standing| standing.verdict).collect();
        n_pending += verdicts.iter().filter(|verdict| **verdict == Verdict::Pending).count();
        if let Some(n) = n.checked_sub(1) {
            assert_eq!(replays.builds[n].verdicts, verdicts, "{n}");
        }
    }
    assert!(n_pending > 40, "{n_pending}");
}

#[test]
fn folders_that_were_copied_on_are_told_apart_by_content() {
    let text = "FROM node:22 AS src\nWORKDIR /app\nCOPY . .\nFROM node:22\nCOPY --from=src /app/src /src\nRUN check\n";
    let versions: Vec<(String, Contexts)> = ["src/a=1 n=2", "src/a=2 n=2", "src/a=1 n=3", "src/a=2 src/b=1", "n=1"]
        .iter()
        .enumerate()
        .map(|(n, files)| (n.to_string(), version(files)))
        .collect();
    let named = versions.iter().map(|(id, contexts)| (id.as_str(), contexts));
    let replays = replay(&graph(text), &[0; 32], &version("src/a=1 n=1"), named);
    let told: Vec<String> = replays.builds.iter().map(|build| lines(&replays, build)).collect();
    // What stands below the folder is known, what the image held there is not.
    assert_eq!(told, ["3", "3 5 6", "3", "3 5? 6?", "3 5? 6?"]);
}
