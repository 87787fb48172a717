//! What a replay says commits cost: shares, seconds that were measured or assumed, and the files behind them.

use std::fs;
use std::process::Command;

use super::{Replayed, replayed, replayed_in, with_dockerfile};
use crate::building::Desk;
use crate::since::{Place, with_identity};

const DOCKERFILE: &str = "\
FROM node:22 AS build
COPY package.json /
RUN npm ci
COPY src /src
RUN npm run build
FROM node:22
COPY --from=build /dist /dist
RUN TOKEN=ghp_abcdefghijklmnopqrstuvwxyz0123456789 ./check
";

#[test]
fn seconds_and_shares_add_up() {
    let place = Place::new();
    let repo = with_dockerfile(&place, DOCKERFILE);
    repo.write("package.json", "1\n");
    repo.write("src/a", "1\n");
    repo.write("notes", "1\n");
    repo.commit("first");
    for (path, text) in [("src/a", "2\n"), ("notes", "2\n"), ("package.json", "2\n"), ("src/a", "1\n")] {
        repo.write(path, text);
        repo.commit(path);
    }
    repo.git(&["revert", "--no-edit", "HEAD~1"]);
    let replayed = replayed(&repo);
    let told: Vec<_> = replayed.commits.iter().map(|commit| commit.missed.join(" ")).collect();
    let (source, install) = ("build:4 build:5", "build:2 build:3 build:4 build:5");
    // Sources of before upon another install are new; the install of before with them is not.
    assert_eq!(told, [source, "", install, source, ""]);
    assert_eq!(replayed.commits[0].pending, ["1:7", "1:8"]);
    let build = replayed.step("build:5");
    assert_eq!((build.ran, build.pending, build.unknown, build.assumed), (3, 0, 0, true));
    assert!((build.seconds_per_commit - build.seconds * 3.0 / 5.0).abs() < 1e-9, "{build:?}");
    let sum: f64 = replayed.steps.iter().map(|step| step.seconds_per_commit).sum();
    let mean = replayed.commits.iter().map(|commit| commit.seconds).sum::<f64>() / 5.0;
    let summary = &replayed.summary;
    assert!((sum - summary.seconds_per_commit).abs() < 1e-9 && (mean - sum).abs() < 1e-9, "{summary:?}");
    let of_files: f64 = replayed.files.iter().map(|file| file.seconds_per_commit).sum();
    assert!((of_files - sum).abs() < 1e-9 && summary.assumed && summary.idle == 2, "{:?}", replayed.files);
    assert!(summary.waiting_seconds_per_commit <= summary.seconds_per_commit && replayed.targets == ["1"]);
    assert_eq!((replayed.files[0].path.as_str(), replayed.files[0].commits), ("src/a", 2));
}

#[test]
fn the_report_leads_with_the_conclusion_and_fits_a_screen() {
    let place = Place::new();
    let repo = with_dockerfile(&place, DOCKERFILE);
    repo.write("package.json", "1\n");
    repo.write("src/a", "1\n");
    repo.commit("first");
    for number in 0..12 {
        repo.write(&format!("src/{number}/{}", "long".repeat(30)), "1\n");
        repo.commit("more");
    }
    repo.write("untracked", "1\n");
    let told = repo.answer("history commits", "", &[]).text();
    assert!(
        told.starts_with("~33 s of steps run again per commit, over the last 12 commits of the context\n"),
        "{told}"
    );
    assert!(told.lines().count() <= 30 && told.lines().all(|line| line.chars().count() <= 80), "{told}");
    for words in ["build:5", "~30 s", "100 %", "≤ 100 %", "src/", "note: `≤`", "hint: `~` is a default"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("ghp_") && !told.contains("\u{1b}"), "{told}");
    let json = repo.answer("history commits", "", &["--format", "json"]).text();
    assert!(!json.contains("ghp_"), "{json}");
    let last = replayed_in(&repo, "", &["--commits", "2"]);
    assert_eq!(last.commits.len(), 2);
    assert!(
        last.commits.iter().all(|commit| commit.committed_at == "2020-01-02T03:04:05Z" && commit.waiting_seconds > 0.0)
    );
}

#[test]
fn nothing_to_run_is_said_so_and_a_build_that_fails_is_left_out() {
    let place = Place::new();
    let repo = with_dockerfile(&place, "FROM scratch\nCOPY lock /\nCOPY a /\n");
    repo.write("a", "1\n");
    repo.write("b", "1\n");
    repo.commit("first");
    repo.write("a", "2\n");
    repo.commit("second");
    let told = repo.answer("history commits", "", &[]).text();
    assert!(told.starts_with("every build fails over the last commit of the context\n"), "{told}");
    repo.write("lock", "1\n");
    repo.commit("the lock file comes");
    repo.write("b", "2\n");
    repo.commit("nobody reads it");
    let replayed = replayed(&repo);
    assert_eq!((replayed.summary.failing, replayed.commits[0].missing.as_deref()), (1, Some("/lock")));
    let told = repo.answer("history commits", "", &[]).text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("fails at 1 commit, left out above: `/lock` is missing there"), "{told}");
    let told = repo.answer("history commits", "", &["--commits", "1"]).text();
    assert!(told.starts_with("nothing runs again over the last commit of the context\n"), "{told}");
}

#[test]
fn what_was_measured_counts_before_what_is_assumed() {
    let desk = Desk::new("an-edit-runs-its-own-branch-and-what-reads-it", "cat \"$stream\" >&2");
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        let output = with_identity(&mut command).current_dir(desk.path("app")).args(words).output();
        assert!(output.expect("git starts").status.success(), "{words:?}");
    };
    git(&["init", "-q"]);
    for text in ["1\n", "2\n", "3\n"] {
        fs::write(desk.path("app/src/b.txt"), text).expect("a file");
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", text]);
    }
    let replay = || -> Replayed {
        let output = desk.run(&["history", "commits", "--format", "json"]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("the form of docs/json.md")
    };
    let is_timed = |replayed: &Replayed| replayed.steps.iter().filter(|step| !step.assumed).count();
    assert_eq!(is_timed(&replay()), 0);
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    let timed = replay();
    assert!(is_timed(&timed) > 0, "{:?}", timed.steps);
    let sleeping = timed.steps.iter().find(|step| step.text.starts_with("RUN sleep 1 && cat b.txt")).expect("the step");
    assert!(!sleeping.assumed && (1.0..2.0).contains(&sleeping.seconds) && sleeping.ran == 2, "{sleeping:?}");
}
