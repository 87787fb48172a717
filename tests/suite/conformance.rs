//! Replays every recorded build of `tests/conformance/public` and compares the answers with what the engine did.
//!
//! No `hit` may have been executed and no `miss` cached. How often the answer is `pending` or `unknown` is held in
//! `tests/conformance/tally.txt` and may only fall. What a recording holds is told in the README beside the cases.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use self::judge::Row;
use crate::case::project::Project;
use crate::case::report::Report;
use crate::case::{self, Case};

mod edits;
mod judge;

#[derive(Deserialize)]
struct Recorded {
    case: Case,
    recording: Recording,
    #[serde(default)]
    confirmed_by: Vec<Engine>,
    #[serde(default)]
    alternatives: Vec<Recording>,
}

#[derive(Deserialize)]
struct Recording {
    engine: Engine,
    baseline_ok: bool,
    before_ok: Option<Vec<bool>>,
    error: Option<String>,
    instructions: Vec<Row>,
}

#[derive(Deserialize)]
struct Engine {
    image_store: Option<String>,
}

impl Engine {
    fn profile(&self) -> &'static str {
        if self.image_store.as_deref() == Some("graphdriver") { "docker-legacy" } else { "buildkit" }
    }
}

impl Recording {
    /// Whether every earlier build succeeded, so that what the cache held is known.
    fn is_scored(&self) -> bool {
        self.baseline_ok && self.before_ok.iter().flatten().all(|&ok| ok)
    }

    /// Whether the engine refused the Dockerfile or the target before it looked at anything else.
    fn was_refused(&self) -> bool {
        let refusals = ["dockerfile parse error", "the Dockerfile cannot be empty", "target stage "];
        self.error.as_ref().is_some_and(|error| refusals.iter().any(|refusal| error.contains(refusal)))
    }
}

impl Recorded {
    /// The recordings that count as right under a profile, each as a whole.
    fn recordings(&self, profile: &str) -> Vec<&Recording> {
        let engines = [&self.recording.engine].into_iter().chain(&self.confirmed_by);
        let main = engines.into_iter().any(|engine| engine.profile() == profile).then_some(&self.recording);
        main.into_iter().chain(self.alternatives.iter().filter(|other| other.engine.profile() == profile)).collect()
    }
}

/// How many rows were answered how, and how many answers were wrong.
type Tally = BTreeMap<String, usize>;

#[test]
fn every_recorded_build_is_predicted_as_it_happened() {
    let replays: Vec<(PathBuf, &str)> = case::files_in("conformance/public")
        .into_iter()
        .flat_map(|path| ["docker-legacy", "buildkit"].map(|profile| (path.clone(), profile)))
        .collect();
    assert!(replays.len() > 1000, "the recorded builds are gone");
    let (mut tally, mut failures) = (Tally::new(), Vec::new());
    for (counts, wrong) in case::on_two_threads(&replays, |(path, profile)| replay(path, profile)) {
        for (name, count) in counts {
            *tally.entry(name).or_default() += count;
        }
        failures.extend(wrong);
    }
    println!("{}", written(&tally));
    assert!(failures.is_empty(), "{} of the replays are wrong:\n\n{}", failures.len(), failures.join("\n"));
    compare_with_golden(&tally);
}

/// Replays one case under one profile: what was answered, and what was wrong with it.
fn replay(path: &Path, profile: &str) -> (Tally, Option<String>) {
    let recorded: Recorded = case::read(path);
    let recordings = recorded.recordings(profile);
    let mut tally = Tally::new();
    let Some(main) = recordings.first() else { return (tally, None) };
    let result = answer(&recorded.case, profile, main).and_then(|answered| match answered {
        Some((report, dockerfiles)) => {
            judge_all(&recorded.case, &report, &recordings, (&dockerfiles, profile), &mut tally)
        }
        None => Ok(()),
    });
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    (tally, result.err().map(|wrong| format!("{name} under {profile}\n{wrong}")))
}

/// The report on the last build and the Dockerfiles of the earlier ones; none where there is nothing to judge.
fn answer(case: &Case, profile: &str, main: &Recording) -> Result<Option<(Report, Vec<String>)>, String> {
    let mut project = Project::lay_out(case, profile);
    let mut dockerfiles = Vec::new();
    let changes = case.before.iter().chain([&case.mutation]);
    for change in changes {
        let recorded = project.record();
        dockerfiles.push(std::fs::read_to_string(project.dockerfile()).unwrap_or_default());
        let allowed: &[i32] = if main.is_scored() { &[0] } else { &[0, 1, 2] };
        if !recorded.code.is_some_and(|code| allowed.contains(&code)) {
            return Err(format!("  record: exit {:?}\n{}", recorded.code, recorded.stderr));
        }
        change.iter().for_each(|edit| project.apply(edit));
    }
    let explained = project.explain();
    match explained.code {
        Some(2) if main.was_refused() && explained.stdout.is_empty() => Ok(None),
        Some(0) if main.was_refused() => Err(format!("  the engine refused this: {:?}", main.error)),
        Some(0) if main.is_scored() => Ok(Some((explained.try_report()?, dockerfiles))),
        Some(0 | 2) if !main.is_scored() => Ok(None),
        code => Err(format!("  explain: exit {code:?}\n{}", explained.stderr)),
    }
}

/// The answer is right if one of the recordings agrees with all of it.
fn judge_all(
    case: &Case,
    report: &Report,
    recordings: &[&Recording],
    (dockerfiles, profile): (&[String], &str),
    tally: &mut Tally,
) -> Result<(), String> {
    let mut general = report.check();
    if report.baseline.kind != "record" {
        general.push(format!("the baseline is `{}`, not a record", report.baseline.kind));
    }
    let judged = recordings.iter().map(|recording| {
        let merges = profile == "buildkit" && recording.engine.profile() != profile;
        (judge::judge(report, &recording.instructions, dockerfiles, merges), recording)
    });
    let ((wrong, statuses), recording) =
        judged.min_by_key(|((wrong, _), _)| wrong.len()).expect("at least one recording");
    if let Some(named) = edits::judge(case, report, &recording.instructions) {
        *tally.entry(format!("{profile} edited file named")).or_default() += usize::from(named.is_ok());
        general.extend(named.err());
    }
    for status in statuses {
        *tally.entry(format!("{profile} {status}")).or_default() += 1;
    }
    *tally.entry(format!("{profile} wrong")).or_default() += wrong.len();
    general.extend(wrong);
    if general.is_empty() { Ok(()) } else { Err(general.iter().map(|what| format!("  {what}\n")).collect()) }
}

fn tally_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/tally.txt")
}

/// The tally as its file has it: a line for each count, then what share of the steps is pending.
fn written(tally: &Tally) -> String {
    let mut text =
        String::from("# How the rows of the recorded builds are answered. Pending and unknown may only fall.\n");
    for (name, count) in tally {
        writeln!(text, "{name} {count}").expect("a String takes all");
    }
    for profile in ["buildkit", "docker-legacy"] {
        let count = |status: &str| tally.get(&format!("{profile} {status}")).copied().unwrap_or(0);
        let n_steps: usize = ["hit", "miss", "pending", "unknown"].map(count).iter().sum();
        let per_mille = count("pending") * 1000 / n_steps.max(1);
        writeln!(text, "# {profile}: {}.{} % of {n_steps} steps are pending", per_mille / 10, per_mille % 10)
            .expect("a String takes all");
    }
    text
}

/// The counts in the text of a tally.
fn counts(text: &str) -> Tally {
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    lines.map(|(name, count)| (name.to_owned(), count.parse().expect("a count"))).collect()
}

fn compare_with_golden(tally: &Tally) {
    let golden = counts(&std::fs::read_to_string(tally_path()).unwrap_or_default());
    let rises = risen(&golden, tally);
    assert!(rises.is_empty(), "more doubt than before:\n{}", rises.join("\n"));
    if std::env::var_os("UPDATE_TALLY").is_some() {
        std::fs::write(tally_path(), written(tally)).expect("a tally that can be written");
        return;
    }
    let differing =
        golden.iter().chain(tally).find(|(name, count)| golden.get(*name) != tally.get(*name) && **count > 0);
    assert!(
        differing.is_none(),
        "there is less doubt than tests/conformance/tally.txt says, or other rows are counted:\n{}\n\
         run `UPDATE_TALLY=1 cargo test --test suite conformance` and commit the file",
        written(tally)
    );
}

/// The counts of doubt that are above the golden ones.
fn risen(golden: &Tally, tally: &Tally) -> Vec<String> {
    let doubts = tally.iter().filter(|(name, _)| name.ends_with(" pending") || name.ends_with(" unknown"));
    let rises = doubts.filter(|(name, count)| **count > golden.get(*name).copied().unwrap_or(0));
    rises.map(|(name, count)| format!("{name}: {count}, was {}", golden.get(name).copied().unwrap_or(0))).collect()
}

#[test]
fn a_tally_is_read_as_it_is_written_and_doubt_may_not_rise() {
    let tally = Tally::from([("buildkit hit".to_owned(), 12), ("buildkit pending".to_owned(), 3)]);
    assert_eq!(counts(&written(&tally)), tally);
    assert!(written(&tally).contains("20.0 % of 15 steps are pending"));
    let more = Tally::from([("buildkit hit".to_owned(), 90), ("buildkit pending".to_owned(), 4)]);
    assert_eq!(risen(&tally, &more), ["buildkit pending: 4, was 3"]);
    assert!(risen(&more, &tally).is_empty());
}
