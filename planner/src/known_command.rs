//! What the command of a `RUN` does: which files of the project it reads, which it writes, and whether that is certain.
//! In go an execution and what it sees, out comes an [`Effect`]. A command that nobody knows may read and write
//! everything. Nothing is run, and no file is opened: contents of manifests come in with what is visible.
//!
//! The lists come from the tools' own documentation; where that says too little, the effect bears a doubt.

pub mod effect;
pub mod json;
pub mod shell;
pub mod visible;
mod settings;
mod compiler;
mod javascript;
mod python;
mod compiled;
mod scripting;
mod system;

use crate::graph::exec::Exec;
use effect::{Effect, Kind, is_within};
use shell::Invocation;
use visible::Visible;

pub use settings::program_folders;

/// What an execution does, all its commands taken together.
#[must_use]
pub fn read(exec: &Exec, visible: &Visible<'_>) -> Effect {
    let folder = effect::join("/", &exec.workdir);
    let Some(commands) = shell::read(exec) else {
        return Effect::unbounded(Kind::Other, shown(exec), &folder);
    };
    let mut visible = std::borrow::Cow::Borrowed(visible);
    let mut whole: Option<Effect> = None;
    for command in &commands {
        let one = of_command(command, &visible);
        if commands.len() > 1 {
            visible.to_mut().run(&one);
        }
        whole = Some(match whole {
            None => one,
            Some(whole) => joined(whole, one),
        });
    }
    let mut whole = whole.unwrap_or_else(|| Effect::unbounded(Kind::Other, shown(exec), &folder));
    let is_variable = exec.args.get(exec.n_shell_args..).unwrap_or_default().iter().any(|word| word.contains('$'));
    if is_variable && exec.n_shell_args > 0 && whole.kind == Kind::Install {
        whole.doubt("a variable in its words may name other files");
    }
    if !exec.secret_env.is_empty() || exec.security.is_some() {
        whole.doubt("it is given secrets or rights of its own");
    }
    whole
}

/// Settings of a user, whose home the folder may be.
const OF_A_USER: &[&str] =
    &[".netrc", ".gitconfig", ".bashrc", ".profile", ".bash_profile", ".curlrc", ".wgetrc", ".pip/pip.conf", ".gemrc"];

fn of_command(command: &Invocation, visible: &Visible<'_>) -> Effect {
    let found = javascript::effect(command, visible)
        .or_else(|| python::effect(command, visible))
        .or_else(|| compiled::effect(command, visible))
        .or_else(|| scripting::effect(command, visible))
        .or_else(|| system::effect(command));
    let name = command.words.iter().take(2).cloned().collect::<Vec<_>>().join(" ");
    let mut effect = found.unwrap_or_else(|| Effect::unbounded(Kind::Other, name, &command.folder));
    effect.reads.add_files(&command.folder, OF_A_USER.iter().copied());
    effect.reads.add_folders(&command.folder, [".config", ".ssh"]);
    if command.has_brackets && effect.kind == Kind::Install {
        effect.doubt("a word in brackets without quotes may be taken for the name of a file");
    }
    if effect.is_closed() {
        doubt_programs(&mut effect, command, visible);
    }
    effect
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
