//! Builds recorded cases anew: each of `tests/conformance/public` that is chosen is laid out, built, edited and built
//! again by the engine at hand, and every prediction compared with what that engine does.
//!
//! STAGEPLAN_CASES is how many, evenly spread over all; 200 unless set. Stand-ins take the place of build tools, so an
//! output may differ from the recorded one; what is compared is this engine's doing, never the recording.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::live::{Built, Counts, Live, new_salt};
use super::{images, is_here, say};
use crate::case::report::Report;
use crate::case::{self, Case};

/// How many cases share a call that makes their images.
const BATCH: usize = 25;

/// What frontends older than 1.19 do not know.
const NEWER: &[&str] = &["--exclude=", "--parents", "--unpack=", ",env="];

#[derive(Deserialize)]
struct Recorded {
    case: Case,
    recording: Recording,
}

#[derive(Deserialize)]
struct Recording {
    baseline_ok: bool,
    before_ok: Option<Vec<bool>>,
    second_ok: bool,
}

/// What one case came to.
#[derive(Default)]
struct Outcome {
    counts: Counts,
    wrong: Vec<String>,
}

#[test]
fn recorded_cases_are_predicted_when_they_are_built_again() {
    if !is_here() {
        return;
    }
    let (chosen, newer) = choose();
    let mut total = Outcome::default();
    for batch in chosen.chunks(BATCH) {
        for outcome in replay_batch(batch) {
            total.counts.merge(outcome.counts);
            total.wrong.extend(outcome.wrong);
        }
    }
    say(&format!("engine replay: {} cases, {}", chosen.len(), total.counts.told()));
    say(&format!("engine replay: not built, they need a newer frontend: {}", newer.join(" ")));
    assert!(total.wrong.is_empty(), "{} cases went wrong:\n\n{}", total.wrong.len(), total.wrong.join("\n"));
}

/// The cases to build, and the names of those passed over because only newer engines can build them.
fn choose() -> (Vec<PathBuf>, Vec<String>) {
    let (newer, known): (Vec<_>, Vec<_>) = case::files_in("conformance/public").into_iter().partition(|path| {
        let text = std::fs::read_to_string(path).expect("a case");
        NEWER.iter().any(|word| text.contains(word))
    });
    let wanted = std::env::var("STAGEPLAN_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(200);
    let n_chosen = known.len().min(wanted);
    let chosen = (0..n_chosen).map(|index| known[index * known.len() / n_chosen].clone()).collect();
    (chosen, newer.iter().map(|path| name(path)).collect())
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn replay_batch(paths: &[PathBuf]) -> Vec<Outcome> {
    let cases: Vec<_> = paths.iter().map(|path| (name(path), case::read::<Recorded>(path), new_salt())).collect();
    let salted = |(_, recorded, salt): &(String, Recorded, String)| {
        images::of_case(&recorded.case).into_iter().map(|image| (image, salt.clone())).collect::<Vec<_>>()
    };
    let wanted: Vec<_> = cases.iter().flat_map(salted).collect();
    images::make(&wanted);
    let outcomes = case::on_two_threads(&cases, |(name, recorded, salt)| {
        let mut outcome = Outcome::default();
        if let Err(wrong) = replay(recorded, salt, &mut outcome.counts) {
            outcome.wrong.push(format!("{name}\n  {wrong}"));
        }
        outcome
    });
    images::remove(&wanted);
    outcomes
}

/// Builds a case as often as it was built when it was recorded.
fn replay(recorded: &Recorded, salt: &str, counts: &mut Counts) -> Result<(), String> {
    let Recorded { case, recording } = recorded;
    let mut live = Live::lay_out(case, salt);
    let mut succeeds = vec![recording.baseline_ok];
    succeeds.extend(recording.before_ok.iter().flatten());
    let mut is_last_ok = build(&live, succeeds[0], &mut Counts::default())?;
    let changes: Vec<_> = case.before.iter().chain([&case.mutation]).collect();
    for (index, change) in changes.iter().enumerate() {
        change.iter().for_each(|edit| live.apply(edit));
        let is_last = index + 1 == changes.len();
        let recorded_ok = if is_last { recording.second_ok } else { succeeds.get(index + 1).copied().unwrap_or(true) };
        is_last_ok = build(&live, recorded_ok, counts)?;
    }
    if is_last_ok { all_hit(&live.explain()?) } else { Ok(()) }
}

/// One build: whether it succeeded, as it did when it was recorded.
fn build(live: &Live, recorded_ok: bool, counts: &mut Counts) -> Result<bool, String> {
    let explained = live.explain();
    let built = match live.build() {
        Ok(built) => built,
        // Refused before anything was begun.
        Err(_) if !recorded_ok => return Ok(false),
        Err(error) => return Err(error),
    };
    counts.add(&built.steps);
    let wrong: Vec<_> = built.steps.iter().filter(|step| step.is_wrong()).map(|step| step.told()).collect();
    if !wrong.is_empty() {
        return Err(wrong.join("\n  "));
    }
    let is_ok = built.end == "succeeded";
    if is_ok != recorded_ok {
        return Err(format!("the build {}, and did not when it was recorded", built.end));
    }
    if is_ok {
        agree(&explained?, &built)?;
    }
    Ok(is_ok)
}

/// `explain` and `build` predict the same, and each step that was predicted was seen in a build that succeeded. Equal
/// steps of two stages are one, which `build` shows under the first name.
pub(super) fn agree(report: &Report, built: &Built) -> Result<(), String> {
    let mut predicted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for step in &built.steps {
        predicted.entry(step.step.as_str()).or_default().extend(step.predicted.as_deref());
    }
    let is_seen_elsewhere = |text: &str| built.steps.iter().any(|step| step.text == text);
    for (stage, instruction) in report.instructions() {
        if matches!(instruction.status.as_str(), "none" | "unused") {
            continue;
        }
        let stage = stage.name.clone().unwrap_or_else(|| stage.index.to_string());
        let name = format!("{stage}:{}", instruction.line);
        let agrees = match predicted.get(name.as_str()) {
            Some(said) => said.contains(instruction.status.as_str()),
            None => is_seen_elsewhere(&instruction.text),
        };
        if !agrees {
            return Err(format!("build says {predicted:?}, explain\n{}", instruction.line_of_report()));
        }
    }
    Ok(())
}

/// A build that has just succeeded hits everywhere.
fn all_hit(report: &Report) -> Result<(), String> {
    let other =
        report.instructions().filter(|(_, instruction)| matches!(instruction.status.as_str(), "miss" | "unknown"));
    let told: Vec<_> = other.map(|(_, instruction)| instruction.line_of_report()).collect();
    if told.is_empty() { Ok(()) } else { Err(format!("after the build:\n  {}", told.join("\n  "))) }
}
