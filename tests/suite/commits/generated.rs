//! A replay is what building each commit one after the other comes to: every commit of a generated repository is checked
//! out, explained and recorded by the program itself, and each step must be said to run in both or in neither.
//!
//! In: a seed and a number of commits; edits, reverts, renames, modes, links, merges and removed sources are among them.
//! Out: the statuses of each commit by either way.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{Commit, replayed_in};
use crate::engine::walk::dice::Dice;
use crate::since::{Place, Repo, with_identity};

const DOCKERFILE: &str = "\
FROM node:22 AS deps
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
FROM deps AS build
COPY conf? config
COPY src src
RUN npm run build
FROM scratch AS assets
COPY static /static
WORKDIR /more
FROM node:22
WORKDIR /srv
COPY --from=deps /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=assets /static static
COPY --link bin /bin
COPY here/ /linked
RUN --mount=type=bind,source=docs,target=/docs ./check
RUN ls
";

const IGNOREFILE: &str = "**/*.md\n!docs/kept.md\nsrc/generated\n";

/// Mode and content of each file, by path.
type Tree = BTreeMap<String, (&'static str, String)>;

const FILES: [&str; 14] = [
    "app/package.json",
    "app/src/a.js",
    "app/src/b.js",
    "app/src/lib/c.js",
    "app/src/README.md",
    "app/src/generated/d.js",
    "app/conf/x.toml",
    "app/static/logo",
    "app/static/deep/er/page",
    "app/bin/run",
    "app/docs/kept.md",
    "app/docs/other.md",
    "app/docs/page.html",
    "elsewhere/y",
];

fn first_tree() -> Tree {
    let mut tree: Tree = FILES.iter().map(|path| ((*path).to_owned(), ("100644", "first\n".to_owned()))).collect();
    tree.insert("app/package-lock.json".to_owned(), ("100644", "{}\n".to_owned()));
    tree.insert("app/here".to_owned(), ("120000", "static".to_owned()));
    tree
}

/// A later tree: one of the things that people do.
fn edited(tree: &Tree, earlier: &[Tree], dice: &mut Dice, number: usize) -> Tree {
    let mut next = tree.clone();
    let path = dice.pick(&tree.keys().cloned().collect::<Vec<_>>()).clone();
    let text = format!("{number}\n");
    match dice.below(12) {
        0..=3 => {
            for _ in 0..=dice.below(3) {
                let path = (*dice.pick(&FILES)).to_owned();
                next.insert(path, ("100644", text.clone()));
            }
        }
        4 => drop(next.insert(format!("app/src/new{}.js", dice.below(5)), ("100644", text))),
        5 if !path.ends_with("package.json") => drop(next.remove(&path)),
        6 => {
            let (from, to) = *dice.pick(&[("app/src/lib/", "app/src/moved/"), ("app/src/moved/", "app/src/lib/")]);
            let moved: Vec<String> = tree.keys().filter(|path| path.starts_with(from)).cloned().collect();
            for path in moved {
                let file = next.remove(&path).expect("a file that is there");
                next.insert(path.replacen(from, to, 1), file);
            }
        }
        7 => {
            let file = next.entry("app/bin/run".to_owned()).or_insert(("100644", text));
            file.0 = if file.0 == "100755" { "100644" } else { "100755" };
        }
        8 | 9 => next.clone_from(&earlier[dice.below(earlier.len())]),
        10 => {
            let target = *dice.pick(&["static", "src", "conf"]);
            next.insert("app/here".to_owned(), ("120000", target.to_owned()));
        }
        // A file where a folder was, and a folder where a file was.
        _ => {
            let (file, folder) = ("app/conf/sub", "app/conf/sub/z");
            let (gone, come) = if next.contains_key(file) { (file, folder) } else { (folder, file) };
            next.remove(gone);
            next.insert(come.to_owned(), ("100644", text));
        }
    }
    next
}

/// The lines of `git fast-import` that turn one tree into another.
fn difference(from: &Tree, to: &Tree) -> String {
    let gone = from.keys().filter(|path| !to.contains_key(*path)).map(|path| format!("D {path}\n"));
    let come = to.iter().filter(|(path, file)| from.get(*path) != Some(file));
    let come = come.map(|(path, (mode, text))| format!("M {mode} inline {path}\ndata {}\n{text}\n", text.len()));
    gone.chain(come).collect()
}

/// A history whose first parents are `n_commits` commits behind the first; every tenth or so merges a branch.
fn history(n_commits: usize, seed: u64) -> String {
    let mut dice = Dice::new(seed);
    let mut stream = String::new();
    let mut commit = |mark: usize, parents: &[usize], changes: &str| {
        let time = 1_600_000_000 + 60 * mark;
        let parents: Vec<String> = parents.iter().map(|parent| format!(":{parent}")).collect();
        let linked = ["from ", "merge "].iter().zip(&parents).map(|(word, parent)| format!("{word}{parent}\n"));
        let head = format!("commit refs/heads/main\nmark :{mark}\ncommitter A <a@example.com> {time} +0000\n");
        stream += &format!("{head}data 1\nx\n{}{changes}\n", linked.collect::<String>());
    };
    let (mut tree, mut earlier, mut last, mut mark) = (first_tree(), Vec::new(), 1, 1);
    commit(1, &[], &difference(&Tree::new(), &tree));
    for number in 1..=n_commits {
        earlier.push(tree.clone());
        let next = edited(&tree, &earlier, &mut dice, number);
        let mut parents = vec![last];
        if dice.percent(10) {
            mark += 1;
            commit(mark, &[last], &difference(&tree, &next));
            parents.push(mark);
        }
        mark += 1;
        commit(mark, &parents, &difference(&tree, &next));
        (tree, last) = (next, mark);
    }
    stream
}

fn import(repo: &Repo<'_>, stream: &str) {
    let mut command = Command::new("git");
    with_identity(&mut command).current_dir(&repo.top).args(["fast-import", "--quiet"]).stdin(Stdio::piped());
    let mut child = command.spawn().expect("git starts");
    child.stdin.take().expect("a pipe").write_all(stream.as_bytes()).expect("git reads");
    assert!(child.wait().expect("git ends").success());
}

/// The statuses that `explain` tells, as a replay's row tells them.
fn explained(repo: &Repo<'_>, more: &[&str]) -> BTreeMap<&'static str, Vec<String>> {
    let answer = repo.answer("explain", "app", &[&["--format", "json"], more].concat());
    let report = answer.report();
    let mut statuses: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (index, stage) in report.stages.iter().filter(|stage| stage.index >= 0).enumerate() {
        let name = stage.name.clone().unwrap_or_else(|| index.to_string());
        for step in &stage.instructions {
            let status = ["miss", "pending", "unknown"].into_iter().find(|status| *status == step.status);
            if let Some(status) = status {
                statuses.entry(status).or_default().push(format!("{name}:{}", step.line));
            }
        }
    }
    statuses
}

fn of_row(commit: &Commit) -> BTreeMap<&'static str, Vec<String>> {
    let rows = [("miss", &commit.missed), ("pending", &commit.pending), ("unknown", &commit.unknown)];
    rows.into_iter().filter(|(_, steps)| !steps.is_empty()).map(|(status, steps)| (status, steps.clone())).collect()
}

fn assert_replay_is_one_by_one(n_commits: usize, seed: u64) {
    let place = Place::new();
    let repo = place.repo("mono");
    import(&repo, &history(n_commits, seed));
    repo.git(&["checkout", "-q", "main"]);
    fs::write(place.0.path().join("today"), DOCKERFILE).expect("a Dockerfile");
    fs::write(place.0.path().join("today.dockerignore"), IGNOREFILE).expect("an ignore file");
    let file = ["--file", "today"];
    let replayed = replayed_in(&repo, "app", &[&file[..], &["--commits", &n_commits.to_string()]].concat());
    let touching = repo.git(&["rev-list", "--first-parent", "--count", "main", "--", "app"]);
    assert_eq!(replayed.commits.len() + 1, touching.parse::<usize>().expect("a number"), "all but the first");
    repo.git(&["checkout", "-q", &format!("{}~1", replayed.commits[0].id)]);
    assert_eq!(repo.answer("record", "app", &file).code, Some(0));
    let (mut seen, mut n_steps) = (BTreeMap::<&str, usize>::new(), 0);
    for (number, commit) in replayed.commits.iter().enumerate() {
        repo.git(&["checkout", "-q", &commit.id]);
        let expected = explained(&repo, &file);
        assert_eq!(of_row(commit), expected, "seed {seed}: commit {number}, {}", commit.id);
        let recorded = repo.answer("record", "app", &file);
        assert_eq!(recorded.code, Some(i32::from(commit.missing.is_some())), "{}", recorded.stderr);
        expected.iter().for_each(|(status, steps)| *seen.entry(status).or_default() += steps.len());
        n_steps += replayed.steps.len();
    }
    assert!(seen["miss"] > n_commits && seen["pending"] > n_commits / 4, "{seen:?}");
    println!("{} commits, {n_steps} steps, of which {seen:?}", replayed.commits.len());
}

#[test]
fn a_replay_of_a_few_commits_is_what_each_comes_to_one_by_one() {
    assert_replay_is_one_by_one(40, 7);
}

#[test]
#[ignore = "runs the program some thousand times; part of .ci/run"]
fn a_replay_of_300_commits_is_what_each_comes_to_one_by_one() {
    assert_replay_is_one_by_one(300, 11);
}
