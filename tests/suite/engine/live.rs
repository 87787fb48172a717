//! A project whose builds are real: laid out on images and under a folder name that the engine has never seen.
//!
//! In: a [`Case`] and its edits. Out: for each build what was predicted of every step and what the engine did with it,
//! as `stageplan build --format json` tells it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::images;
use crate::case::edit::Edit;
use crate::case::project::{Answer, OWN_PROFILE, Project};
use crate::case::report::Report;
use crate::case::{Case, Text};

/// What docker needs to be told of the environment.
const PASSED_ON: &[&str] =
    &["BUILDX_BUILDER", "DOCKER_CERT_PATH", "DOCKER_CONTEXT", "DOCKER_HOST", "DOCKER_TLS_VERIFY", "XDG_RUNTIME_DIR"];

/// A salt that no other run and no other project of this one has.
pub(super) fn new_salt() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    format!("{:x}-{}", now.as_micros(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A project and the salt of its images.
pub(super) struct Live {
    project: Project,
    salt: String,
}

/// What `stageplan build --format json` says.
#[derive(Deserialize)]
pub(super) struct Built {
    pub(super) schema: String,
    pub(super) end: String,
    pub(super) agrees: Option<bool>,
    pub(super) steps: Vec<Step>,
    pub(super) unattributed: Vec<String>,
}

/// One step of a build.
#[derive(Clone, Deserialize)]
pub(super) struct Step {
    pub(super) step: String,
    pub(super) text: String,
    pub(super) predicted: Option<String>,
    pub(super) observed: String,
    pub(super) agrees: Option<bool>,
}

impl Step {
    /// Whether something certain was predicted and the engine did something else.
    pub(super) fn is_wrong(&self) -> bool {
        let ran = matches!(self.observed.as_str(), "ran" | "failed");
        match self.predicted.as_deref() {
            Some("hit") => ran,
            Some("miss") => self.observed == "cached",
            _ => false,
        }
    }

    /// Line and column of a report.
    pub(super) fn told(&self) -> String {
        let predicted = self.predicted.as_deref().unwrap_or("nothing");
        format!("{} {}: predicted {predicted}, observed {}", self.step, self.text, self.observed)
    }
}

impl Live {
    /// Lays the case out. The images of `salt` must exist.
    pub(super) fn lay_out(case: &Case, salt: &str) -> Self {
        let mut case = case.clone();
        case.dockerfile = Text::Whole(images::salt_dockerfile(&case.dockerfile.joined(), salt));
        case.files = images::salt_files(&case.files, salt);
        for value in case.build_args.values_mut() {
            *value = images::salt_text(value, salt);
        }
        let mut project = Project::lay_out(&case, OWN_PROFILE);
        // The engine keeps what it received of a context under the name of its folder.
        project.apply(&Edit::RenameContext { to: format!("project-{salt}") });
        project.apply(&Edit::SetEnv { name: "DOCKER_CONFIG".to_owned(), value: docker_config() });
        for name in PASSED_ON {
            if let Ok(value) = std::env::var(name) {
                project.apply(&Edit::SetEnv { name: (*name).to_owned(), value });
            }
        }
        Self { project, salt: salt.to_owned() }
    }

    pub(super) fn apply(&mut self, edit: &Edit) {
        self.project.apply(&images::salt_edit(edit, &self.salt));
    }

    /// `stageplan NAME`, not started yet.
    pub(super) fn command(&self, name: &str) -> Command {
        self.project.command(name, &["--network", "host", "--format", "json"])
    }

    /// `stageplan NAME` with these flags and nothing of a network, which several targets cannot be told.
    pub(super) fn plain(&self, name: &str, flags: &[&str]) -> Command {
        self.project.command(name, flags)
    }

    /// The folder that is built.
    pub(super) fn context(&self) -> PathBuf {
        self.project.context()
    }

    /// Builds through stageplan and checks what must hold of every answer.
    pub(super) fn build(&self) -> Result<Built, String> {
        let answer = self.project.run("build", &["--network", "host", "--format", "json"]);
        let built = read_build(&answer)?;
        self.check(&built)?;
        Ok(built)
    }

    fn check(&self, built: &Built) -> Result<(), String> {
        if built.schema != "stageplan.build/1" {
            return Err(format!("schema {}", built.schema));
        }
        if !built.unattributed.is_empty() {
            return Err(format!("steps that are not ours: {:?}", built.unattributed));
        }
        let wrong = built.steps.iter().any(Step::is_wrong);
        let is_certain = built.steps.iter().any(|step| step.agrees.is_some());
        if built.agrees != is_certain.then_some(!wrong)
            || built.steps.iter().any(|step| step.agrees == Some(step.is_wrong()))
        {
            return Err("`agrees` does not follow from what is predicted and observed".to_owned());
        }
        Ok(())
    }

    /// What `explain` says now, with further flags.
    pub(super) fn explain_text(&self, flags: &[&str]) -> String {
        let words: Vec<&str> = ["--network", "host"].iter().chain(flags).copied().collect();
        let answer = self.project.run("explain", &words);
        format!("{}{}", answer.text(), answer.stderr)
    }

    /// What `explain` says now of each used step, by `stage:line`.
    pub(super) fn explain(&self) -> Result<Report, String> {
        let answer = self.project.run("explain", &["--network", "host", "--format", "json"]);
        if answer.code != Some(0) {
            return Err(format!("explain: exit {:?}\n{}", answer.code, answer.stderr));
        }
        answer.try_report()
    }
}

/// The answer of a build that was begun.
pub(super) fn read_build(answer: &Answer) -> Result<Built, String> {
    serde_json::from_slice(&answer.stdout)
        .map_err(|error| format!("build: exit {:?}, {error}\n{}\n{}", answer.code, answer.text(), answer.stderr))
}

/// Where docker's configuration is, told without the home folder, which is another one in tests.
pub(super) fn docker_config() -> String {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".docker");
    std::env::var("DOCKER_CONFIG").unwrap_or_else(|_| home().to_string_lossy().into_owned())
}

/// How often each thing was predicted and observed.
#[derive(Default)]
pub(super) struct Counts(BTreeMap<(String, String), usize>);

impl Counts {
    pub(super) fn add(&mut self, steps: &[Step]) {
        for step in steps {
            let predicted = step.predicted.clone().unwrap_or_else(|| "nothing".to_owned());
            *self.0.entry((predicted, step.observed.clone())).or_default() += 1;
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (key, count) in other.0 {
            *self.0.entry(key).or_default() += count;
        }
    }

    pub(super) fn of(&self, predicted: &str) -> usize {
        self.0.iter().filter(|((said, _), _)| said == predicted).map(|(_, count)| count).sum()
    }

    /// One line: how many steps, how many certain and right, how many open.
    pub(super) fn told(&self) -> String {
        let n_steps: usize = self.0.values().sum();
        let count = |predicted: &str, observed: &[&str]| -> usize {
            observed.iter().filter_map(|what| self.0.get(&(predicted.to_owned(), (*what).to_owned()))).sum()
        };
        let (hits, misses) = (count("hit", &["cached"]), count("miss", &["ran", "failed"]));
        let (wrong_hits, wrong_misses) = (count("hit", &["ran", "failed"]), count("miss", &["cached"]));
        let (pending, unknown) = (self.of("pending"), self.of("unknown") + self.of("nothing"));
        let per_mille = pending * 1000 / n_steps.max(1);
        format!(
            "{n_steps} steps: {hits} hits and {misses} misses came true, {wrong_hits} wrong hits, {wrong_misses} wrong \
             misses, {pending} pending ({}.{} %; {} of them cached), {unknown} unknown, {} stopped",
            per_mille / 10,
            per_mille % 10,
            count("pending", &["cached"]),
            self.0.iter().filter(|((_, observed), _)| observed == "stopped").map(|(_, count)| count).sum::<usize>(),
        )
    }
}
