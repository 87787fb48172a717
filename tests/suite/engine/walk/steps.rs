//! Steps for generated projects. What a RUN does depends on what it can read, so that an edit sometimes changes its
//! output and sometimes does not.
//!
//! In: dice and the project so far. Out: one instruction that its stage can execute.

use super::dice::Dice;
use super::shape::words;
use super::state::{State, Step};

/// Sources of a COPY; all exist at the start.
const SOURCES: &[&str] = &[
    ".",
    "*.txt",
    "a.txt",
    "a.txt b.txt",
    "conf/app.yml",
    "d*a",
    "data",
    "docs",
    "src",
    "src/",
    "src/*.c",
    "src/lib",
    "src/link.c",
    "src/main.c data/one.csv",
];

/// Commands; `@` is the number of the step.
const COMMANDS: &[&str] = &[
    "echo constant SALT > /out/k@",
    "find / -xdev -name '*.c' -type f | sort | xargs cat | sort -u > /out/c@ || true",
    "find /shared /c* -type f 2>/dev/null | sort | xargs cat | grep -v '^#' > /out/r@ || true",
    "find /shared /c* -type f 2>/dev/null | xargs cat | wc -l > /out/n@ || true",
    "env | grep '^V_' | sort > /out/e@ || true",
    "stat -c '%a %U %n' /c*/* > /out/s@ || true",
    "cat /out/* | sort -u | head -3 > /out/h@ || true",
    "cat /proc/sys/kernel/random/uuid > /out/u@",
    "pwd > /out/w@; id -u >> /out/w@; rm -rf /shared/*",
];

/// A new step for the stage at `stage`.
pub(super) fn new(state: &mut State, stage: usize, dice: &mut Dice) -> Step {
    let kinds: &[(usize, &str)] = match (state.stages[stage].is_bare, stage) {
        (true, 0) => &[(6, "copy"), (1, "heredoc"), (1, "workdir")],
        (true, _) => &[(5, "copy"), (4, "from"), (1, "heredoc"), (1, "workdir"), (1, "env")],
        (false, 0) => &[(5, "run"), (5, "copy"), (2, "mount"), (2, "heredoc"), (2, "workdir"), (5, "config")],
        (false, _) => {
            &[(5, "run"), (5, "copy"), (4, "from"), (3, "mount"), (2, "heredoc"), (2, "workdir"), (5, "config")]
        }
    };
    match dice.weighed(kinds) {
        "copy" => copy(state, dice),
        "from" => copy_from(state, dice.below(stage), dice),
        "mount" => mount(state, stage, dice),
        "heredoc" => heredoc(state, stage, dice),
        "workdir" => plain(format!("WORKDIR {}", dice.pick(&["/w1", "/w2", "/w2/", "w3", "/"]))),
        "env" => plain(format!("ENV V_A={}", dice.pick(&["x", "y"]))),
        "config" => plain(config(dice)),
        _ => {
            let number = number(state);
            plain(format!("RUN {}", dice.pick(COMMANDS).replace('@', &number.to_string())))
        }
    }
}

fn plain(text: String) -> Step {
    Step { text, makes: None }
}

fn number(state: &mut State) -> usize {
    state.next += 1;
    state.next
}

fn config(dice: &mut Dice) -> String {
    let value = dice.pick(&["x", "y", "z"]);
    match dice.below(6) {
        0 => format!("ENV V_{}={value}", dice.pick(&["A", "B"])),
        1 => format!("ENV V_A={value} V_B=${{V_A:-none}}"),
        2 => format!("ARG V_{}={value}", dice.pick(&["C", "D"])),
        3 => format!("USER {}", dice.pick(&["0", "root", "1000", "node"])),
        4 => format!("LABEL l={value}"),
        _ => format!("SHELL [\"/bin/sh\", \"{}\"]", dice.pick(&["-c", "-ec"])),
    }
}

fn copy(state: &mut State, dice: &mut Dice) -> Step {
    let number = number(state);
    let flag = dice.weighed(&[
        (12, ""),
        (1, "--chmod=640 "),
        (1, "--chown=1000:1000 "),
        (1, "--chown=node "),
        (1, "--link "),
        (1, "--chmod=755 --chown=0 "),
    ]);
    let (dest, makes) = match dice.below(4) {
        0 => ("/shared/".to_owned(), Some("/shared/".to_owned())),
        1 => (format!("./c{number}/"), None),
        _ => (format!("/c{number}/"), Some(format!("/c{number}/"))),
    };
    let verb = dice.weighed(&[(9, "COPY"), (1, "ADD")]);
    Step { text: format!("{verb} {flag}{} {dest}", dice.pick(SOURCES)), makes }
}

/// A copy of something that the stage at `from` makes.
pub(super) fn copy_from(state: &mut State, from: usize, dice: &mut Dice) -> Step {
    let number = number(state);
    let stage = &state.stages[from];
    let mut paths: Vec<String> = stage.steps.iter().filter_map(|step| step.makes.clone()).collect();
    // An example's stages make what its own instructions name.
    if paths.is_empty() {
        paths.push(if stage.is_bare { "/".to_owned() } else { "/etc/group".to_owned() });
    }
    let path = dice.pick(&paths).clone();
    let path = match dice.below(5) {
        0 if path.ends_with('/') => format!("{path}*"),
        1 => path.trim_end_matches('/').to_owned(),
        _ => path,
    };
    let path = if path.is_empty() { "/".to_owned() } else { path };
    let flag = dice.weighed(&[(8, ""), (1, "--chown=1000 "), (1, "--link ")]);
    let dest = format!("/f{number}/");
    let text = format!("COPY --from={} {flag}{path} {dest}", stage.name);
    Step { text, makes: Some(dest) }
}

fn mount(state: &mut State, stage: usize, dice: &mut Dice) -> Step {
    let number = number(state);
    let other = (stage > 0).then(|| state.stages[dice.below(stage)].name.clone());
    let options = match (dice.below(6), other) {
        (0, _) => "type=cache,target=/m".to_owned(),
        (1, _) => format!("type=cache,target=/m,id=id{}", dice.below(2)),
        (2, _) => "type=tmpfs,target=/m".to_owned(),
        (3, Some(name)) => format!("type=cache,target=/m,from={name},source=/out"),
        (_, Some(name)) => format!("type=bind,from={name},source=/out,target=/m"),
        (_, None) => format!("type=bind,source={},target=/m", dice.pick(&["src", "a.txt", "data", "src/lib"])),
    };
    let read = "find /m -type f | sort | xargs cat | grep -v '^#' | sort -u";
    plain(format!("RUN --mount={options} {read} > /out/m{number} || true"))
}

fn heredoc(state: &mut State, stage: usize, dice: &mut Dice) -> Step {
    let number = number(state);
    let body = words(dice);
    if state.stages[stage].is_bare || dice.percent(50) {
        let dest = format!("/h{number}/");
        return Step { text: format!("COPY <<END {dest}\n{body}END"), makes: Some(dest) };
    }
    let first = body.lines().next().unwrap_or_default();
    let shebang = if dice.percent(25) { "#!/bin/sh\n" } else { "" };
    plain(format!("RUN <<END\n{shebang}set -e\necho '{first}' > /out/h{number} || true\nEND"))
}
