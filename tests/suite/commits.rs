//! `history commits`: the commits of a repository replayed.
//!
//! In: small repositories in temporary folders, made by the `git` program. Out: which steps each commit is said to run
//! again, what that costs, and because of which files.

use serde::Deserialize;

use crate::since::{Place, Repo};

mod boundaries;
mod costs;
mod generated;

/// The answer as JSON, read strictly.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Replayed {
    schema: String,
    #[serde(rename = "dockerfile")]
    _dockerfile: String,
    #[serde(rename = "context")]
    _context: String,
    targets: Vec<String>,
    summary: Summary,
    steps: Vec<Step>,
    files: Vec<File>,
    commits: Vec<Commit>,
    #[serde(default)]
    notes: Vec<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Summary {
    commits: usize,
    shallow: bool,
    failing: usize,
    idle: usize,
    seconds_per_commit: f64,
    waiting_seconds_per_commit: f64,
    assumed: bool,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Step {
    step: String,
    text: String,
    ran: usize,
    pending: usize,
    unknown: usize,
    seconds: f64,
    assumed: bool,
    seconds_per_commit: f64,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct File {
    context: String,
    path: String,
    path_b64: Option<String>,
    folder: bool,
    commits: usize,
    seconds_per_commit: f64,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Commit {
    id: String,
    committed_at: String,
    subject: String,
    missed: Vec<String>,
    #[serde(default)]
    pending: Vec<String>,
    #[serde(default)]
    unknown: Vec<String>,
    seconds: f64,
    waiting_seconds: f64,
    missing: Option<String>,
}

impl Replayed {
    /// What each commit is said to run, its steps joined.
    fn missed(&self) -> Vec<String> {
        self.commits.iter().map(|commit| commit.missed.join(" ")).collect()
    }

    fn step(&self, name: &str) -> &Step {
        self.steps.iter().find(|step| step.step == name).unwrap_or_else(|| panic!("no {name} in {:?}", self.steps))
    }
}

/// The commits of a context below the top of a repository replayed.
fn replayed_in(repo: &Repo<'_>, context: &str, more: &[&str]) -> Replayed {
    let answer = repo.answer("history commits", context, &[&["--format", "json"], more].concat());
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{}", answer.text());
    let replayed: Replayed = serde_json::from_slice(&answer.stdout).expect("the form of docs/json.md");
    assert_eq!(replayed.schema, "stageplan.commits/1");
    assert_eq!(replayed.summary.commits, replayed.commits.len());
    replayed
}

fn replayed(repo: &Repo<'_>) -> Replayed {
    replayed_in(repo, "", &[])
}

/// A repository with a Dockerfile, an ignore file that leaves git's own out, and nothing committed.
fn with_dockerfile<'a>(place: &'a Place, dockerfile: &str) -> Repo<'a> {
    let repo = place.repo("app");
    repo.write("Dockerfile", dockerfile);
    repo.write(".dockerignore", ".git\nDockerfile\n.dockerignore\n");
    repo
}
