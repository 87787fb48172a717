//! The projects that walks start from: the examples, and generated ones of two to four stages whose steps read what
//! others write.
//!
//! In: dice. Out: a [`State`] that builds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::dice::Dice;
use super::state::{Node, Stage, State, Step};
use super::steps;
use crate::case::project::below;
use crate::engine::images::SALT;

/// The base image, of which every walk gets a copy of its own.
const BASE: &str = "stageplan/base:busybox";

/// A project to start with; one in five is an example.
pub(super) fn start(dice: &mut Dice) -> State {
    if dice.percent(20) {
        let examples = ["node-single-stage", "node-multi-stage", "node-parallel-test"];
        return example(examples[dice.below(examples.len())]);
    }
    let mut state = State {
        stages: Vec::new(),
        files: files(dice),
        ignorefile: String::new(),
        target: None,
        build_args: BTreeMap::new(),
        arguments: Vec::new(),
        next: 1,
    };
    let n_stages = 2 + dice.below(3);
    for index in 0..n_stages {
        let stage = first_steps(&state, index, dice);
        state.stages.push(stage);
        for _ in 0..2 + dice.below(4) {
            let step = steps::new(&mut state, index, dice);
            state.stages[index].steps.push(step);
        }
    }
    // The last stage needs all the others.
    for index in 0..n_stages - 1 {
        let step = steps::copy_from(&mut state, index, dice);
        state.stages[n_stages - 1].steps.push(step);
    }
    state
}

/// A stage with what its later steps rely on.
fn first_steps(state: &State, index: usize, dice: &mut Dice) -> Stage {
    let name = format!("s{index}");
    let made = |text: &str, makes: &str| Step { text: text.to_owned(), makes: Some(makes.to_owned()) };
    let kinds: &[(usize, &str)] =
        if index == 0 { &[(1, "image")] } else { &[(3, "image"), (2, "stage"), (2, "scratch")] };
    match dice.weighed(kinds) {
        "stage" => {
            let base = dice.pick(&state.stages).clone();
            Stage { from: format!("FROM {} AS {name}", base.name), name, is_bare: base.is_bare, steps: Vec::new() }
        }
        "scratch" => {
            let steps = vec![made("COPY a.txt src/main.c /out/", "/out/")];
            Stage { from: format!("FROM scratch AS {name}"), name, is_bare: true, steps }
        }
        _ => {
            let run = "RUN mkdir -p /out /shared && chmod 777 /out /shared && echo SALT > /out/base";
            Stage { from: format!("FROM {BASE} AS {name}"), name, is_bare: false, steps: vec![made(run, "/out/")] }
        }
    }
}

/// The context of a generated project.
fn files(dice: &mut Dice) -> BTreeMap<String, Node> {
    let mut files = BTreeMap::new();
    for path in ["a.txt", "b.txt", "conf/app.yml", "data/one.csv", "data/two.csv", "docs/guide.md"] {
        files.insert(path.to_owned(), Node::file(words(dice)));
    }
    for path in ["src/gen.tmp", "src/lib/list.c", "src/main.c", "src/util.c"] {
        files.insert(path.to_owned(), Node::file(words(dice)));
    }
    files.insert("src/link.c".to_owned(), Node::Link("main.c".to_owned()));
    for path in ["data", "src", "src/lib"] {
        files.insert(path.to_owned(), Node::Folder { mode: "755".to_owned() });
    }
    files
}

/// Some lines, of which some are comments that steps leave out; none was ever seen by the engine.
pub(super) fn words(dice: &mut Dice) -> String {
    let words = ["alpha", "beta", "gamma", "delta", "# note", "# more", "include main"];
    (0..1 + dice.below(4)).map(|_| format!("{} {SALT}\n", dice.pick(&words))).collect()
}

/// One of the examples, as a walk takes it.
fn example(name: &str) -> State {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    let mut files = BTreeMap::new();
    for path in below(&folder) {
        let name = path.strip_prefix(&folder).expect("below it").to_string_lossy().into_owned();
        let is_ours = !name.starts_with("node_modules") && !name.starts_with("dist");
        if path.is_file() && is_ours && !matches!(name.as_str(), "Dockerfile" | ".dockerignore") {
            files.insert(name, Node::file(fs::read_to_string(&path).expect("a text")));
        }
    }
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    State {
        stages: stages(&text("Dockerfile")),
        files,
        ignorefile: text(".dockerignore"),
        target: None,
        build_args: BTreeMap::new(),
        arguments: Vec::new(),
        next: 1,
    }
}

/// The stages of a Dockerfile that has each instruction on one line.
fn stages(text: &str) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match (line.strip_prefix("FROM "), stages.last_mut()) {
            (Some(rest), _) => {
                let name = rest.split(" AS ").nth(1).unwrap_or("only").to_owned();
                stages.push(Stage { from: line.to_owned(), name, is_bare: false, steps: Vec::new() });
            }
            (None, Some(stage)) => stage.steps.push(Step { text: line.to_owned(), makes: None }),
            (None, None) => {}
        }
    }
    stages
}
