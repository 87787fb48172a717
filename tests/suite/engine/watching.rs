//! `watch` on a real engine: what each save is told to run is what the engine then runs, as few builds as can be follow
//! it, and none of many saves is lost.
//!
//! In: saves in a project of stages that depend on each other. Out: the events of `--format json`, each waited for, and
//! what stands in the image at the end. No `RUN` has a network: builds of several targets cannot be given the host's.

mod kills;
pub(super) mod saves;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::live::{Live, new_salt};
use super::{images, is_here, say};
use crate::case::{Case, Text};
use crate::watching::Watch;

/// The image that the Dockerfiles name.
const BASE: &str = "stageplan/base:busybox";

/// Tests and a program on the same dependencies; two leaves.
const STAGES: &str = "\
FROM stageplan/base:busybox AS deps
COPY package.json /app/
RUN --network=none sleep 1; cp /app/package.json /app/modules

FROM deps AS test
COPY src /app/src
RUN --network=none sleep 2; cat /app/modules /app/src/* > /app/passed

FROM deps AS build
COPY src /app/src
RUN --network=none sleep 2; cat /app/modules /app/src/* > /app/program

FROM stageplan/base:busybox AS runtime
COPY --from=build /app/program /program
";

/// A project whose builds are real, and that nobody has built before.
fn lay_out(dockerfile: &str, files: &[(&str, &str)]) -> Live {
    let salt = new_salt();
    images::make(&[(BASE.to_owned(), salt.clone())]);
    let live = Live::lay_out(&Case { dockerfile: Text::Whole(dockerfile.to_owned()), ..Case::default() }, &salt);
    files.iter().for_each(|(path, text)| save(&live, path, text));
    live
}

fn save(live: &Live, path: &str, text: &str) {
    let path = live.context().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn start(live: &Live, flags: &[&str]) -> Watch {
    let mut command = live.plain("watch", &[&["--format", "json"], flags].concat());
    // To check the stat cache is to read twice, which only agrees where nobody saves meanwhile.
    command.env("STAGEPLAN_STAT_CACHE", "on");
    Watch::of(command)
}

/// `step` of all events of that name and status.
fn steps<'a>(events: impl IntoIterator<Item = &'a Value>, status: &str) -> BTreeSet<String> {
    let of_status = events.into_iter().filter(|event| event["status"] == status);
    of_status.map(|event| event["step"].as_str().expect("a step").to_owned()).collect()
}

fn names(steps: &[&str]) -> BTreeSet<String> {
    steps.iter().map(|step| (*step).to_owned()).collect()
}

/// Whether each step of the watched stages is in the cache, as a new process sees it.
fn is_fresh(live: &Live, targets: &[&str]) -> bool {
    let flags: Vec<&str> = targets.iter().flat_map(|target| ["--target", target]).collect();
    let answer = live.plain("explain", &[&["--format", "json"], &flags[..]].concat()).output().expect("the program");
    let report: Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    let count = |status: &str| report["summary"][status].as_u64().expect("a number");
    count("hit") > 0 && count("miss") + count("pending") + count("unknown") == 0
}

/// A build that a save has led to, and what was said of it.
struct Rebuild {
    change: Value,
    predicted: Vec<Value>,
    events: Vec<Value>,
    built: Value,
}

impl Rebuild {
    /// Waits for it.
    fn of(watch: &Watch) -> Self {
        let change = watch.next();
        assert_eq!((&change["event"], &change["effect"]), (&"change".into(), &"steps".into()), "{change}");
        let predicted = watch.next()["steps"].as_array().expect("steps of a prediction").clone();
        assert_eq!(watch.next()["event"], "build-started");
        let mut events = watch.until("build-finished");
        let built = events.pop().expect("an event");
        assert_eq!((&built["end"], &built["agrees"]), (&"succeeded".into(), &true.into()), "{built}");
        Self { change, predicted, events, built }
    }

    fn ran(&self) -> BTreeSet<String> {
        steps(&self.events, "ran")
    }

    /// Whether two steps were at work at one moment: both had begun before one of them was over.
    fn overlap(&self, one: &str, other: &str) -> bool {
        let at = |step: &str, status: &str| {
            let is_it = |event: &Value| event["step"] == step && event["status"] == status;
            self.events.iter().position(is_it).unwrap_or_else(|| panic!("{step} not {status}: {:?}", self.events))
        };
        at(one, "running").max(at(other, "running")) < at(one, "ran").min(at(other, "ran"))
    }
}

#[test]
fn a_save_runs_the_predicted_steps_side_by_side_and_nothing_else() {
    if !is_here() {
        return;
    }
    let files = [("package.json", "{}\n"), ("src/a.txt", "a\n"), ("README.md", "Read me\n")];
    let live = lay_out(STAGES, &files);
    let watch = start(&live, &["--leaves"]);
    let ready = watch.wait("ready");
    assert_eq!((&ready["targets"], &ready["unwatched"]), (&json!(["test", "runtime"]), &json!([])));
    assert_eq!(watch.wait("build-finished")["end"], "succeeded");

    save(&live, "src/a.txt", "edited\n");
    let source = Rebuild::of(&watch);
    assert_eq!(source.change["paths"], json!(["src/a.txt"]));
    // What both stages copy is one step.
    assert_eq!(steps(&source.predicted, "miss"), names(&["test:6", "test:7", "build:11"]));
    assert_eq!(steps(&source.predicted, "pending"), names(&["runtime:14"]));
    let ran = names(&["test:6", "test:7", "build:11", "runtime:14"]);
    assert_eq!(source.ran(), ran);
    assert!(source.overlap("test:7", "build:11"), "{:?}", source.events);
    assert!(steps(&source.events, "cached").is_superset(&names(&["deps:2", "deps:3"])), "{:?}", source.events);
    assert_eq!(source.built["targets"], json!(["test", "runtime"]));

    save(&live, "README.md", "Read it again\n");
    assert_eq!(watch.next()["effect"], "not-read");

    save(&live, "package.json", "{\"name\": \"shop\"}\n");
    let package = Rebuild::of(&watch);
    let all = names(&["deps:2", "deps:3", "test:6", "test:7", "build:11"]);
    assert!(steps(&package.predicted, "miss").is_subset(&all) && !package.predicted.is_empty());
    assert_eq!(package.ran(), &all | &names(&["runtime:14"]));

    // Only one of the leaves reads the whole of what is edited now.
    save(
        &live,
        "Dockerfile",
        &fs::read_to_string(live.context().join("Dockerfile")).expect("a file").replace("passed", "ok"),
    );
    let test = Rebuild::of(&watch);
    assert_eq!((test.ran(), &test.built["targets"]), (names(&["test:7"]), &json!(["test"])));
    let (status, left) = watch.end();
    assert_eq!((status, left), (Some(0), Vec::new()));
    assert!(is_fresh(&live, &["test", "runtime"]));
}

fn git(folder: &Path, words: &[&str]) {
    let mut git = Command::new("git");
    git.current_dir(folder).args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]);
    let done = git.args(words).env_remove("GIT_DIR").output().expect("git starts");
    assert!(done.status.success(), "{done:?}");
}

/// A repository with two branches that differ in hundreds of files; `one` is checked out.
fn repository() -> Live {
    let live = lay_out(
        "FROM stageplan/base:busybox\nCOPY . /all\nRUN --network=none sleep 1\n",
        &[(".dockerignore", ".git\n")],
    );
    let folder = live.context();
    git(&folder, &["init", "-q", "-b", "one"]);
    let fill = |text: &str, folders: std::ops::Range<usize>| {
        for folder in folders {
            (0..40).for_each(|file| save(&live, &format!("src/d{folder}/f{file}"), text));
        }
    };
    fill("one\n", 0..10);
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-q", "-m", "one"]);
    git(&folder, &["checkout", "-q", "-b", "two"]);
    fs::remove_dir_all(folder.join("src/d0")).expect("a folder");
    fill("two\n", 5..15);
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-q", "-m", "two"]);
    git(&folder, &["checkout", "-q", "one"]);
    live
}

#[test]
fn another_branch_is_one_batch_and_one_build_after_a_long_quiet() {
    if !is_here() {
        return;
    }
    let live = repository();
    let watch = start(&live, &["--debounce", "500"]);
    watch.wait("build-finished");
    git(&live.context(), &["checkout", "-q", "two"]);
    let checkout = Rebuild::of(&watch);
    // The folders that go and come are among them.
    assert_eq!(checkout.change["paths"].as_array().map(Vec::len), Some(440 + 6));
    assert!(is_fresh(&live, &[]));
    // Nothing was left of the checkout.
    save(&live, "last", "");
    assert_eq!(Rebuild::of(&watch).change["paths"], json!(["last"]));
}

#[test]
fn another_branch_is_two_builds_at_most() {
    if !is_here() {
        return;
    }
    let live = repository();
    let watch = start(&live, &[]);
    watch.wait("build-finished");
    git(&live.context(), &["checkout", "-q", "two"]);
    let mut n_builds = 0;
    while n_builds == 0 || !is_fresh(&live, &[]) {
        watch.wait("build-finished");
        n_builds += 1;
        assert!(n_builds <= 2, "{n_builds} builds");
    }
    save(&live, "last", "");
    assert_eq!(Rebuild::of(&watch).change["paths"], json!(["last"]));
}

#[test]
fn a_save_during_a_build_leads_to_one_more() {
    if !is_here() {
        return;
    }
    let live = lay_out(STAGES, &[("package.json", "{}\n"), ("src/a.txt", "a\n")]);
    let watch = start(&live, &["--target", "runtime"]);
    watch.wait("build-finished");
    save(&live, "src/a.txt", "one\n");
    watch.wait("build-started");
    while watch.wait("step")["step"] != "build:11" {}
    save(&live, "src/a.txt", "two\n");
    assert_eq!(watch.wait("change")["effect"], "steps");
    save(&live, "src/a.txt", "three\n");
    assert_eq!(watch.wait("change")["effect"], "steps");
    assert_eq!(watch.wait("build-finished")["end"], "succeeded");
    assert_eq!(watch.next()["event"], "build-started");
    assert_eq!(watch.wait("build-finished")["agrees"], true);
    let (status, left) = watch.end();
    assert_eq!((status, left), (Some(0), Vec::new()));
    assert!(is_fresh(&live, &["runtime"]));
}
