//! What `optimize` says is saved: the seconds per commit of the rewritten file are those of a replay of that file, and no safe
//! order of the same steps is cheaper than the one that is found.
//!
//! In: a repository with commits of known churn, and a project in memory with versions. Out: seconds.

use std::collections::BTreeMap;

use planner::context::{BuildContext, ContextPath, FileEntry, Node};
use planner::digest::ContentDigest;
use planner::dockerfile::Dockerfile;
use planner::engine_profile::EngineProfile;
use planner::graph::lower::{MAIN_CONTEXT, lower};
use planner::replay::tally::Costs as Tallied;
use planner::replay::{Contexts, replay};
use planner::request::Request;
use planner::safety;
use planner::saving::{Costs, Saving, cheapest};
use planner::suggestion::Facts;
use planner::weight::weights;
use serde_json::Value;

use super::scene::Scene;
use crate::case::Case;
use crate::since::{Place, Repo};

const DOCKERFILE: &str = "\
FROM node:22-alpine
WORKDIR /app
COPY package.json package-lock.json ./
COPY src src
RUN npm ci
RUN npm run build
";
const PACKAGE: &str = r#"{"name": "app", "scripts": {"build": "tsc"}}"#;
const LOCK: &str = r#"{"packages": {"": {}}}"#;

fn answer(repo: &Repo<'_>, command: &str, flags: &[&str]) -> Value {
    let answer = repo.answer(command, "", &[&["--format", "json"], flags].concat());
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{}", answer.text());
    serde_json::from_slice(&answer.stdout).expect("JSON")
}

fn close(one: &Value, other: &Value) -> bool {
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
    (number(one) - number(other)).abs() < 1e-9
}

#[test]
fn the_total_is_what_a_replay_of_the_rewritten_file_costs() {
    let place = Place::new();
    let repo = place.repo("app");
    repo.write("Dockerfile", DOCKERFILE);
    repo.write(".dockerignore", "Dockerfile\n.git\n");
    repo.write("package.json", PACKAGE);
    repo.write("package-lock.json", LOCK);
    for n in 0..10 {
        repo.write("src/a.ts", &format!("{n}\n"));
        if n % 4 == 3 {
            repo.write("package-lock.json", &LOCK.replace("{}", &format!("{{\"version\": \"{n}\"}}")));
        }
        repo.commit("an edit");
    }
    let before = &answer(&repo, "history commits", &[])["summary"]["seconds_per_commit"];
    let told = answer(&repo, "optimize", &[]);
    let history = &told["history"];
    assert_eq!((&history["commits"], &told["summary"]["safe"]), (&9.into(), &1.into()), "{told}");
    assert!(close(&history["all"]["seconds_before"], before), "{told} {before}");
    assert_eq!(history["cheapest_rules"], serde_json::json!(["sources-before-dependencies"]));
    assert_eq!(told["suggestions"][0]["saving"], history["all"], "there is one, so that its saving is the whole");
    answer(&repo, "optimize", &["--write"]);
    let after = &answer(&repo, "history commits", &[])["summary"]["seconds_per_commit"];
    assert!(close(&history["all"]["seconds_after"], after), "{told} {after}");
    let seconds = |value: &Value| value.as_f64().expect("a number");
    // Seven of nine commits leave the lock file alone: 30 s of install each.
    assert!((seconds(before) - seconds(after) - 30.0 * 7.0 / 9.0).abs() < 0.5, "{before} {after}");
    let nothing = answer(&repo, "optimize", &["--commits", "0"]);
    assert_eq!(nothing["history"], Value::Null);
}

/// Prices Dockerfiles by versions of one context.
struct Versions {
    request: Request,
    before: Contexts,
    each: Vec<Contexts>,
}

impl Versions {
    /// Versions that each change one of these files.
    fn of(files: &[(&str, &str)], changes: &[&str]) -> Self {
        let node = |text: &str| {
            Node::File(FileEntry::file(0o644, text.len() as u64, ContentDigest::of(text.as_bytes())).into())
        };
        let mut context = BuildContext::default();
        for (path, text) in files {
            context = context.with(&ContextPath::new(path), node(text));
        }
        let named = |context: &BuildContext| BTreeMap::from([(MAIN_CONTEXT.to_owned(), context.clone())]);
        let before = named(&context);
        let mut each = Vec::new();
        for (n, path) in changes.iter().enumerate() {
            context = context.with(&ContextPath::new(path), node(&n.to_string()));
            each.push(named(&context));
        }
        Self { request: Request::new("linux/amd64", EngineProfile::buildkit()), before, each }
    }

    fn price(&self, text: &str) -> Option<Costs> {
        let (dockerfile, _) = Dockerfile::parse(text.as_bytes());
        let (graph, diagnostics) = lower(&[(&dockerfile, &self.request)], &self.request.profile);
        if !diagnostics.is_empty() {
            return None;
        }
        let ids: Vec<String> = (0..self.each.len()).map(|n| n.to_string()).collect();
        let versions = ids.iter().map(String::as_str).zip(&self.each);
        let replays = replay(&graph, &[7; 32], &self.before, versions);
        let (weights, odds) = (weights(&replays.snapshot, &planner::built::Experience::default()), BTreeMap::new());
        let costs = Tallied { snapshot: &replays.snapshot, weights: &weights, odds: &odds };
        Some(replays.builds.iter().map(|build| build.missing.is_none().then(|| costs.of_build(build))).collect())
    }
}

/// Every order of some lines.
fn orders(lines: &[&str]) -> Vec<Vec<String>> {
    if lines.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for n in 0..lines.len() {
        let rest: Vec<&str> = lines.iter().enumerate().filter(|(at, _)| *at != n).map(|(_, line)| *line).collect();
        all.extend(orders(&rest).into_iter().map(|order| [vec![lines[n].to_owned()], order].concat()));
    }
    all
}

#[test]
fn no_safe_order_of_the_steps_is_cheaper_than_the_one_that_is_found() {
    let files = [("package.json", PACKAGE), ("package-lock.json", LOCK), ("src/a.ts", "a\n"), ("docs/x.md", "x\n")];
    let changes = ["src/a.ts", "docs/x.md", "src/a.ts", "package-lock.json", "src/a.ts", "docs/x.md", "docs/x.md"];
    let dockerfiles = [
        DOCKERFILE.to_owned(),
        DOCKERFILE.replace("COPY src src\n", "COPY src src\nCOPY docs docs\n"),
        DOCKERFILE.replace("WORKDIR /app\n", "WORKDIR /app\nARG REVISION=1\n"),
    ];
    for dockerfile in dockerfiles {
        let case: Case = serde_json::from_value(serde_json::json!({
            "dockerfile": dockerfile,
            "files": files.iter().map(|(path, text)| ((*path).to_owned(), Value::from(*text))).collect::<serde_json::Map<_, _>>(),
        }))
        .expect("a case");
        let scene = Scene::of(&case, &EngineProfile::buildkit());
        let versions = Versions::of(&files, &changes);
        let price = |text: &str| versions.price(text);
        let found = cheapest(&scene.dockerfile, scene.around(), &|_| true, &mut |text| price(text));
        let found = found.expect("no refusal").expect("a price");
        let before = Facts::read(&scene.dockerfile, scene.around()).expect("no refusal");
        let (from, steps) = dockerfile.split_once('\n').expect("lines");
        let steps: Vec<&str> = steps.lines().collect();
        let (mut n_safe, mut least) = (0, f64::MAX);
        for order in orders(&steps) {
            let text = format!("{from}\n{}\n", order.join("\n"));
            let Ok(after) = Facts::read(text.as_bytes(), scene.around()) else { continue };
            if text != dockerfile && !safety::doubts(&before, &after).is_empty() {
                continue;
            }
            n_safe += 1;
            let saving = price(&dockerfile).zip(price(&text)).and_then(|(one, other)| Saving::between(&one, &other));
            least = least.min(saving.expect("every version is built").after);
        }
        assert!(n_safe > 1 && found.saving.after <= least + 1e-9, "{dockerfile}\n{n_safe} safe, {least}: {found:?}");
    }
}
