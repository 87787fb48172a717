//! What the command of a `RUN` does: which files of the project it reads, which it writes, and whether that is certain.
//! In go an execution and what it sees, out comes an [`Effect`]. A command that nobody knows may read and write
//! everything. Nothing is run, and no file is opened: contents of manifests come in with what is visible.
//!
//! The lists come from the tools' own documentation; where that says too little, the effect bears a doubt.

pub mod effect;
pub mod json;
pub mod shell;
pub mod visible;
pub mod selection;
mod seam;
mod settings;
mod compiler;
mod asking;
mod javascript;
mod python;
mod compiled;
mod scripting;
mod system;

use crate::graph::exec::{Exec, MountOp};
use effect::{Effect, Kind, is_within};
use shell::Invocation;
use visible::Visible;

pub use settings::program_folders;

/// What an execution does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// All its commands taken together.
    pub whole: Effect,
    /// The commands it begins with; all of them, or up to one that nobody can read.
    pub parts: Vec<Part>,
    /// Why executions of one command each, one after the other, may do something else.
    pub undivided: Option<String>,
}

/// A command of an execution, and what it does behind those in front of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Its words, and all it is run with.
    pub invocation: Invocation,
    /// What it does.
    pub effect: Effect,
}

/// What an execution does, all its commands taken together.
#[must_use]
pub fn read(exec: &Exec, visible: &Visible<'_>) -> Effect {
    read_in_parts(exec, visible).whole
}

/// What an execution does, and what each of its commands does.
#[must_use]
pub fn read_in_parts(exec: &Exec, visible: &Visible<'_>) -> Reading {
    let folder = effect::join("/", &exec.workdir);
    let script = shell::begin(exec);
    let undivided = seam::undivided(exec, &script);
    let mut visible = std::borrow::Cow::Borrowed(visible);
    // What is mounted hides what was copied there.
    for mount in exec.mounts.iter().filter(|mount| mount.kind == MountOp::Bind) {
        visible.to_mut().blur(&effect::join("/", &mount.target));
    }
    let mut parts: Vec<Part> = Vec::new();
    let n_commands = script.commands.len();
    for invocation in script.commands {
        let mut effect = of_command(&invocation, &visible);
        if n_commands > 1 {
            visible.to_mut().run(&effect);
        }
        doubt_execution(&mut effect, exec);
        parts.push(Part { invocation, effect });
    }
    let unread = || Effect::unbounded(Kind::Other, shown(exec), &folder);
    let effects = parts.iter().map(|part| part.effect.clone());
    let whole = if script.is_whole { effects.reduce(joined) } else { None };
    Reading { whole: whole.unwrap_or_else(unread), parts, undivided }
}

/// What makes every command of an execution doubtful.
fn doubt_execution(effect: &mut Effect, exec: &Exec) {
    let is_variable = exec.args.get(exec.n_shell_args..).unwrap_or_default().iter().any(|word| word.contains('$'));
    if is_variable && exec.n_shell_args > 0 && effect.kind == Kind::Install {
        effect.doubt("a variable in its words may name other files");
    }
    if !exec.secret_env.is_empty() || exec.security.is_some() {
        effect.doubt("it is given secrets or rights of its own");
    }
}

/// Settings of a user, whose home the folder may be.
const OF_A_USER: &[&str] =
    &[".netrc", ".gitconfig", ".bashrc", ".profile", ".bash_profile", ".curlrc", ".wgetrc", ".pip/pip.conf", ".gemrc"];

fn of_command(command: &Invocation, visible: &Visible<'_>) -> Effect {
    let found = asking::effect(command, visible)
        .or_else(|| javascript::effect(command, visible))
        .or_else(|| python::effect(command, visible))
        .or_else(|| compiled::effect(command, visible))
        .or_else(|| scripting::effect(command, visible))
        .or_else(|| system::effect(command));
    let name = command.words.iter().take(2).cloned().collect::<Vec<_>>().join(" ");
    let mut effect = found.unwrap_or_else(|| Effect::unbounded(Kind::Other, name, &command.folder));
    effect.reads.add_files(&command.folder, OF_A_USER.iter().copied());
    effect.reads.add_folders(&command.folder, [".config", ".ssh"]);
    if command.has_brackets && may_match(command, visible) {
        effect.doubt("a word in brackets without quotes may be taken for the name of a file");
    }
    if effect.is_closed() {
        doubt_programs(&mut effect, command, visible);
    }
    effect
}

/// Whether the shell may find a file of the project for a word in brackets.
fn may_match(command: &Invocation, visible: &Visible<'_>) -> bool {
    let folder = &command.folder;
    let is_unclear = visible.at(&effect::join(folder, "[")) == visible::Seen::Unclear;
    let words = command.words.iter().filter(|word| word.contains('['));
    let mut patterns = words.map(|word| effect::join(folder, word));
    let is_hit =
        |pattern: &String, path: &str| crate::glob::matches(pattern.as_bytes(), path.as_bytes()).unwrap_or(true);
    // A folder matches as a file does.
    let above = |path: &str| effect::upwards(path).map(str::to_owned).collect::<Vec<_>>();
    let paths: std::collections::BTreeSet<String> = visible.below(folder).flat_map(above).collect();
    is_unclear || patterns.any(|pattern| paths.iter().any(|path| is_hit(&pattern, path)))
}

/// Programs are looked for in the folders of `PATH`; where the project has put files into one, they may be found first.
fn doubt_programs(effect: &mut Effect, command: &Invocation, visible: &Visible<'_>) {
    for folder in program_folders(command) {
        match folder {
            None => effect.doubt("`PATH` names a folder that is relative"),
            Some(folder) if visible.below(folder).next().is_some() => {
                effect.doubt(format!("the project has programs in `{folder}`, which `PATH` names"));
            }
            Some(_) => {}
        }
    }
    let program = command.words.first().map(String::as_str).unwrap_or_default();
    if program.contains('/') && (!program.starts_with('/') || is_within(program, &effect.folder)) {
        effect.doubt(format!("`{program}` is a program of the project"));
    }
}

/// Two effects, one after the other. The later kinds are the graver ones.
fn joined(first: Effect, second: Effect) -> Effect {
    let (mut main, other) = if second.kind > first.kind { (second, first) } else { (first, second) };
    if main.kind == Kind::Packages && main.name.ends_with(" update") {
        main.name.clone_from(&other.name);
    }
    let keeps = |effect: &Effect| effect.keeps_manifests || !effect.writes.everything;
    main.keeps_manifests = keeps(&main) && keeps(&other);
    main.reads.extend(other.reads);
    main.writes.extend(other.writes);
    other.doubts.into_iter().for_each(|doubt| main.doubt(doubt));
    main.lock = main.lock.or(other.lock);
    main.needs.extend(other.needs);
    main.is_unlocked |= other.is_unlocked;
    main.uses_corepack |= other.uses_corepack;
    main.advice = main.advice.or(other.advice);
    main
}

/// The first words of a command that nobody knows.
fn shown(exec: &Exec) -> String {
    let text = exec.args.get(exec.n_shell_args..).unwrap_or_default().join(" ");
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}
