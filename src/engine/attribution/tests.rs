//! Streams that Docker 26.1 (BuildKit 0.13, buildx 0.13) printed, each with its Dockerfile and the golden answer in
//! a folder of `tests/fixtures/progress`; and the names it gave to every step of the recorded builds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use planner::cache_key::Sealer;
use planner::dockerfile::Dockerfile;
use planner::engine_profile::EngineProfile;
use planner::graph::lower::lower;
use planner::request::{NamedContext, Request};
use planner::snapshot::Snapshot;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::observed::Observed;
use super::super::{BuildEvent, Outcome, VertexUpdate};
use super::{Attribution, StepOutcome, attribute};

/// What the builder was asked beside the Dockerfile.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    /// The stage of each target of a plan.
    targets: BTreeMap<String, String>,
    contexts: BTreeMap<String, String>,
    target: Option<String>,
    build_args: BTreeMap<String, String>,
    /// That of the classic image store unless given.
    profile: Option<String>,
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn snapshot(dockerfile: &str, asked: &Asked) -> Snapshot {
    let profile = asked.profile.as_deref().unwrap_or("docker-legacy");
    let profile = EngineProfile::preset(profile).expect("a profile");
    let (dockerfile, _) = Dockerfile::parse(dockerfile.as_bytes());
    let mut request = Request::new("linux/amd64", profile.clone());
    request.stage.clone_from(&asked.target);
    request.build_args.clone_from(&asked.build_args);
    for (name, value) in &asked.contexts {
        let image = value.strip_prefix("docker-image://").map(|image| NamedContext::Image(image.to_owned()));
        request.contexts.insert(name.clone(), image.unwrap_or(NamedContext::Local));
    }
    let plan = asked.targets.iter().map(|(name, stage)| Request {
        name: name.clone(),
        stage: Some(stage.clone()),
        ..request.clone()
    });
    let mut requests: Vec<Request> = plan.collect();
    if requests.is_empty() {
        requests.push(request);
    }
    let targets: Vec<_> = requests.iter().map(|request| (&dockerfile, request)).collect();
    let (graph, diagnostics) = lower(&targets, &profile);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    Snapshot::take(&graph, &BTreeMap::new(), &Sealer::new(&[7; 32]))
}

/// The attribution instruction by instruction.
fn told(snapshot: &Snapshot, observed: &Observed, attribution: &Attribution) -> Value {
    let mut steps = Vec::new();
    for target in &snapshot.targets {
        for (index, stage) in target.stages.iter().enumerate().filter(|(_, stage)| stage.used) {
            for placed in &stage.instructions {
                for (step, text) in [(placed.step, placed.text.clone()), (placed.link, format!("LINK {}", placed.text))]
                {
                    let Some(step) = step else { continue };
                    let outcome = outcome(attribution.steps.get(&step));
                    let place = json!({ "target": target.name, "stage": index, "line": placed.line, "text": text });
                    steps.push(json!([place, outcome]));
                }
            }
        }
    }
    json!({ "steps": steps, "unattributed": attribution.unattributed, "unseen": attribution.unseen.len(),
        "others": attribution.n_others, "garbage": observed.n_garbage, "messages": observed.messages })
}

fn outcome(step: Option<&StepOutcome>) -> Value {
    let Some(step) = step else { return json!("unseen") };
    let name = match &step.outcome {
        Outcome::NotStarted => "not started",
        Outcome::Cached => "cached",
        Outcome::Ran => "ran",
        Outcome::Running => "running",
        Outcome::Canceled => "canceled",
        Outcome::Failed(error) => error,
    };
    let seconds = step.seconds.map(|seconds| (seconds * 1000.0).round() / 1000.0);
    json!({ "outcome": name, "seconds": seconds, "log": step.log.lines().collect::<Vec<_>>() })
}

#[test]
fn recorded_streams_have_their_outcomes() {
    let entries = fs::read_dir(tests().join("fixtures/progress")).expect("the folder is there");
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert!(cases.len() >= 16, "only {} cases", cases.len());
    for case in cases {
        let dockerfile = fs::read_to_string(case.join("Dockerfile")).expect("a Dockerfile");
        let asked = fs::read(case.join("request.json")).ok();
        let asked = asked.map(|bytes| serde_json::from_slice(&bytes).expect("a request")).unwrap_or_default();
        let snapshot = snapshot(&dockerfile, &asked);
        let observed = Observed::of_stream(&fs::read(case.join("stream.rawjson")).expect("a stream"));
        let told = told(&snapshot, &observed, &attribute(&snapshot, &observed));
        let told = serde_json::to_string_pretty(&told).expect("JSON") + "\n";
        let expected = snapbox::Data::read_from(&case.join("expected.json"), None).raw();
        snapbox::Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV).eq(told, expected);
    }
}

/// A recorded build of the conformance suite, as far as it is needed here.
#[derive(Deserialize)]
struct Recorded {
    case: Case,
    recording: Recording,
}

#[derive(Deserialize)]
struct Case {
    dockerfile: String,
    target: Option<String>,
    #[serde(default)]
    build_args: BTreeMap<String, String>,
    #[serde(default)]
    before: Vec<Vec<Edit>>,
    mutation: Vec<Edit>,
}

#[derive(Deserialize)]
struct Edit {
    op: String,
}

#[derive(Deserialize)]
struct Recording {
    second_ok: bool,
    instructions: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    /// -1 above the first stage.
    stage: i64,
    line: u32,
    state: String,
    reached: Option<bool>,
}

/// The names of one build, and whether each vertex reads anything.
#[derive(Deserialize)]
struct Named {
    case: String,
    vertices: Vec<(String, bool)>,
}

/// Vertices by name, with the indexes of those they read, all of them cached.
fn cached<'a>(vertices: impl IntoIterator<Item = (&'a str, Vec<usize>)>) -> Observed {
    let mut observed = Observed::default();
    for (index, (name, inputs)) in vertices.into_iter().enumerate() {
        observed.take(BuildEvent::Vertex(VertexUpdate {
            digest: index.to_string(),
            inputs: inputs.iter().map(ToString::to_string).collect(),
            name: name.to_owned(),
            started: Some(Timestamp::UNIX_EPOCH),
            completed: Some(Timestamp::UNIX_EPOCH),
            cached: true,
            error: None,
        }));
    }
    observed
}

/// The engine that gave the names knew one image.
fn with_one_image(dockerfile: &str) -> String {
    const IMAGES: [&str; 14] = [
        "gcr.io/distroless/nodejs20-debian12",
        "gcr.io/distroless/static-debian12",
        "node:20-alpine3.19",
        "node:20-alpine",
        "node:22-alpine",
        "node:20-slim",
        "python:3.12-slim",
        "debian:12-slim",
        "nginx:alpine",
        "busybox:1.36",
        "alpine:3.20",
        "golang:1.22",
        "rust:1.80",
        "node:20",
    ];
    IMAGES.iter().fold(dockerfile.to_owned(), |text, image| text.replace(image, "stageplan/base:busybox"))
}

#[test]
fn every_name_of_the_recorded_builds_is_that_of_its_line() {
    let (mut n_steps, mut n_compared) = (0, 0);
    let text = fs::read_to_string(tests().join("fixtures/progress/names.jsonl")).expect("the names");
    for line in text.lines() {
        let named: Named = serde_json::from_str(line).expect("a build's names");
        let name = &named.case;
        let path = tests().join(format!("conformance/public/{name}.json"));
        let recorded: Recorded = serde_json::from_slice(&fs::read(path).expect("a case")).expect("a recorded build");
        let Case { dockerfile, target, build_args, before, mutation } = recorded.case;
        let asked = Asked { target, build_args, ..Asked::default() };
        let snapshot = snapshot(&with_one_image(&dockerfile), &asked);
        // What they read stays untold, so that names alone decide.
        let untold = |reads: bool| if reads { vec![usize::MAX] } else { Vec::new() };
        let observed = cached(named.vertices.iter().map(|(name, reads)| (name.as_str(), untold(*reads))));
        let attribution = attribute(&snapshot, &observed);
        assert_eq!(attribution.unattributed, [""; 0], "{name}");
        assert_eq!(attribution.unseen, BTreeSet::new(), "{name}: {:?}", named.vertices);
        n_steps += attribution.steps.len();
        let edits_files = before.iter().flatten().chain(&mutation).all(|edit| {
            matches!(
                edit.op.as_str(),
                "write" | "append" | "chmod" | "touch" | "rename" | "delete" | "mkdir" | "symlink"
            )
        });
        if edits_files {
            let seen = seen(&snapshot, &attribution);
            let rows = recorded.recording.instructions.iter().filter(|row| row.reached != Some(false));
            let steps = rows.filter(|row| matches!(row.state.as_str(), "cached" | "executed"));
            let steps: BTreeSet<_> = steps.map(|row| (row.stage, row.line)).collect();
            n_compared += steps.len();
            if recorded.recording.second_ok {
                assert_eq!(seen, steps, "{name}");
            } else {
                assert!(seen.is_superset(&steps), "{name}");
            }
        }
    }
    assert!(n_steps > 4_000, "only {n_steps} steps");
    assert!(n_compared > 1_000, "only {n_compared} rows compared");
}

/// Stage and line of every step that was seen.
fn seen(snapshot: &Snapshot, attribution: &Attribution) -> BTreeSet<(i64, u32)> {
    let stages = snapshot.targets.iter().flat_map(|target| (0_i64..).zip(&target.stages));
    let placed = stages.flat_map(|(index, stage)| stage.instructions.iter().map(move |placed| (index, placed)));
    let is_seen = |step: Option<usize>| step.is_some_and(|step| attribution.steps.contains_key(&step));
    placed.filter(|(_, placed)| is_seen(placed.step)).map(|(index, placed)| (index, placed.line)).collect()
}

#[test]
fn a_wrong_text_a_second_platform_or_a_twin_is_not_attributed() {
    let snapshot = snapshot("FROM x AS a\nRUN one\nRUN two\n", &Asked::default());
    let attributed = |vertices: &[(&str, &[usize])]| {
        let observed = cached(vertices.iter().map(|(name, inputs)| (*name, inputs.to_vec())));
        let attribution = attribute(&snapshot, &observed);
        (attribution.steps.len(), attribution.unattributed)
    };
    assert_eq!(attributed(&[("[a 2/3] RUN one", &[9]), ("[a 3/3] RUN two", &[0])]), (2, vec![]));
    assert_eq!(attributed(&[("[a 2/3] RUN other", &[9])]), (0, vec!["[a 2/3] RUN other".to_owned()]));
    let both = ["[linux/amd64 a 2/3] RUN one", "[linux/arm64 a 2/3] RUN one"];
    assert_eq!(attributed(&[(both[0], &[9]), (both[1], &[9])]), (0, both.map(str::to_owned).to_vec()));
    assert_eq!(attributed(&[("[a 2/3] RUN one", &[8]), ("[a 2/3] RUN one", &[9])]).0, 0);
    // The name of another build is no hindrance where a known step reads the vertex, and its text agrees.
    assert_eq!(attributed(&[("[b 5/9] RUN one", &[9]), ("[a 3/3] RUN two", &[0])]), (2, vec![]));
    assert_eq!(attributed(&[("[b 5/9] RUN ones", &[9]), ("[a 3/3] RUN two", &[0])]).0, 1);
    assert_eq!(attributed(&[("[b 5/9] RUN one", &[9]), ("[a 3/3] RUN two", &[7])]).0, 1);
}

#[test]
fn a_name_that_another_build_gave_and_that_fits_by_chance_is_not_believed() {
    let dockerfile = "FROM one AS a\nRUN x\nRUN y\nFROM two AS b\nRUN x\nCOPY --from=a / /\n";
    let snapshot = snapshot(dockerfile, &Asked::default());
    let from = ["[a 1/3] FROM docker.io/library/one:latest@sha256:00", "[b 1/3] FROM docker.io/library/two:latest"];
    let attributed = |x: &str, y: &str| {
        let copy = "[b 3/3] COPY --from=a / /";
        let vertices = [
            (from[0], vec![]),
            (from[1], vec![]),
            (x, vec![0]),
            ("[a 3/3] RUN y", vec![2]),
            (y, vec![1]),
            (copy, vec![4, 3]),
        ];
        attribute(&snapshot, &cached(vertices))
    };
    let all = attributed("[a 2/3] RUN x", "[b 2/3] RUN x");
    assert_eq!((all.steps.len(), all.unseen.len(), all.n_others), (4, 0, 2));
    let swapped = attributed("[b 2/3] RUN x", "[a 2/3] RUN x");
    assert_eq!((swapped.steps.len(), swapped.unseen.len()), (0, 4), "{swapped:?}");
}
