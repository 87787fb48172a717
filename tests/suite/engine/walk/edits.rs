//! One edit of a walk: of a file, of the ignore file, of the Dockerfile, of how it is built; or back to an earlier moment.
//!
//! In: a state, the earlier states that built, dice. Out: the next state.

use super::dice::Dice;
use super::shape::words;
use super::state::{Node, Stage, State};
use super::steps;

/// Ignore files to choose from.
const IGNORED: &[&str] = &[
    "",
    "*.md\n",
    "**/*.tmp\nDockerfile\n.dockerignore\n",
    "docs\nDockerfile\n.dockerignore\n",
    "src/*\n!src/main.c\n!src/lib\n!src/util.c\n!src/link.c\n",
    "data/two.csv\n",
];

/// The next state: one edit, sometimes two.
pub(super) fn edit(state: &State, earlier: &[State], dice: &mut Dice) -> State {
    if !earlier.is_empty() && dice.percent(8) {
        return dice.pick(earlier).clone();
    }
    let mut next = state.clone();
    // A build that leaves the cache aside is rarely repeated.
    if dice.percent(80) {
        next.arguments.clear();
    }
    for _ in 0..dice.weighed(&[(4, 1), (1, 2)]) {
        let kinds = [(50, "file"), (4, "ignore"), (7, "target"), (4, "arg"), (3, "no-cache"), (32, "step")];
        match dice.weighed(&kinds) {
            "file" => edit_file(&mut next, dice),
            "ignore" => next.ignorefile = (*dice.pick(IGNORED)).to_owned(),
            "target" => {
                let stage = dice.pick(&next.stages).name.clone();
                next.target = (dice.percent(50) && stage != "only").then_some(stage);
            }
            "arg" => edit_build_arg(&mut next, dice),
            "no-cache" => {
                let filter = format!("--no-cache-filter={}", dice.pick(&next.stages).name);
                next.arguments = vec![if dice.percent(70) { filter } else { "--no-cache".to_owned() }];
            }
            _ => edit_step(&mut next, dice),
        }
    }
    next
}

fn edit_build_arg(state: &mut State, dice: &mut Dice) {
    let name = (*dice.pick(&["V_C", "V_D", "HTTP_PROXY", "UNDECLARED"])).to_owned();
    if dice.percent(30) {
        state.build_args.remove(&name);
    } else {
        state.build_args.insert(name, (*dice.pick(&["x", "y", "other"])).to_owned());
    }
}

fn edit_file(state: &mut State, dice: &mut Dice) {
    let path = dice.pick(&state.paths()).clone();
    let kinds = [
        (40, "append"),
        (12, "chmod"),
        (8, "touch"),
        (8, "add"),
        (6, "delete"),
        (6, "rename"),
        (5, "link"),
        (5, "unnoticed"),
        (4, "folder"),
        (3, "folder mode"),
    ];
    match dice.weighed(&kinds) {
        "add" => {
            let name = format!("src/new{}.c", dice.below(3));
            state.files.insert(name, Node::file(words(dice)));
        }
        "delete" => drop(state.files.remove(&path)),
        "rename" => {
            let node = state.files.remove(&path).expect("a path of the state");
            state.files.insert(format!("{}x", path.trim_end_matches('x')), node);
        }
        "link" => {
            let target = *dice.pick(&["main.c", "util.c", "lib/list.c"]);
            if state.files.contains_key("src/link.c") {
                state.files.insert("src/link.c".to_owned(), Node::Link(target.to_owned()));
            }
        }
        "folder" => {
            let name = format!("src/empty{}", dice.below(2));
            if state.files.remove(&name).is_none() {
                state.files.insert(name, Node::Folder { mode: "755".to_owned() });
            }
        }
        "folder mode" => edit_folder_mode(state, dice),
        kind => rewrite(state, &path, kind, dice),
    }
}

/// The engine overlooks the new mode of a folder, and yet writes it into what a COPY makes. Where all steps of a stage
/// are known, what another stage copies from it is predicted without that mode: such projects are left alone here.
fn edit_folder_mode(state: &mut State, dice: &mut Dice) {
    let folder = *dice.pick(&["src", "src/lib", "data"]);
    let is_known = |stage: &Stage| stage.is_bare;
    if !state.stages.iter().any(is_known) && state.files.contains_key(folder) {
        let mode = (*dice.pick(&["755", "700", "750"])).to_owned();
        state.files.insert(folder.to_owned(), Node::Folder { mode });
    }
}

fn rewrite(state: &mut State, path: &str, kind: &str, dice: &mut Dice) {
    let Some(Node::File { text, mode, touched, unnoticed }) = state.files.get_mut(path) else { return };
    match kind {
        "chmod" => *mode = (*dice.pick(&["644", "600", "755"])).to_owned(),
        "touch" => *touched += 1,
        "unnoticed" => {
            *text = text.chars().rev().collect();
            *unnoticed += 1;
        }
        _ if path.ends_with(".json") => text.push(' '),
        _ => match dice.below(3) {
            0 => text.push_str("# note\n"),
            1 => text.push_str("// note\n"),
            _ => text.push_str(&words(dice)),
        },
    }
}

fn edit_step(state: &mut State, dice: &mut Dice) {
    let stage = dice.below(state.stages.len());
    let n_steps = state.stages[stage].steps.len();
    // The first step of a stage makes what the others rely on.
    let first = usize::from(n_steps > 0);
    let at = first + dice.below((n_steps - first).max(1));
    let kinds = [(35, "insert"), (15, "drop"), (15, "swap"), (35, "change")];
    match dice.weighed(&kinds) {
        "insert" => {
            let step = steps::new(state, stage, dice);
            state.stages[stage].steps.insert(at.min(n_steps), step);
        }
        "drop" if at < n_steps => drop(state.stages[stage].steps.remove(at)),
        "swap" if at + 1 < n_steps => state.stages[stage].steps.swap(at, at + 1),
        "change" if at < n_steps => {
            let text = &mut state.stages[stage].steps[at].text;
            *text = changed(text, dice);
        }
        _ => {}
    }
}

/// The same instruction, written a little differently.
fn changed(text: &str, dice: &mut Dice) -> String {
    if text.starts_with("RUN") && !text.contains('\n') {
        return format!("{text}{}", dice.pick(&["; true", " ; :", " # more"]));
    }
    let swaps = [
        ("=x", "=y"),
        ("=y", "=z"),
        ("src/ ", "src "),
        ("/w1", "/w2"),
        ("alpha", "beta"),
        ("COPY --link", "COPY"),
        ("--chmod=640", "--chmod=0640"),
        ("NODE_ENV=production", "NODE_ENV=staging"),
        ("COPY a.txt", "COPY ./a.txt"),
        ("COPY ", "COPY --chmod=644 "),
    ];
    let is_fitting =
        |(from, to): &&(&str, &str)| text.contains(from) && !(to.contains("--chmod=644") && text.contains("--chmod"));
    let fitting: Vec<_> = swaps.iter().filter(is_fitting).collect();
    if fitting.is_empty() {
        return text.to_owned();
    }
    let (from, to) = dice.pick(&fitting);
    text.replacen(from, to, 1)
}
