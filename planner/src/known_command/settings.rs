//! Settings of tools that come from the environment. A command goes in, out come reasons to doubt what it reads: a
//! variable that could make it read another file of the project, load code, or run another program.

use super::effect::{Effect, is_within, join};
use super::shell::Invocation;
use super::visible::Visible;

/// Variables that make programs load code or other settings.
const LOADERS: &[&str] = &[
    "NODE_OPTIONS",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RUBYOPT",
    "LD_PRELOAD",
    "BASH_ENV",
    "PYENV_ROOT",
    "ASDF_DIR",
    "RBENV_ROOT",
    "VOLTA_HOME",
    "MISE_DATA_DIR",
];

/// Notes what in the environment could change what a tool reads. `prefixes` are those of its own variables.
pub(super) fn doubt_environment(
    effect: &mut Effect,
    invocation: &Invocation,
    visible: &Visible<'_>,
    prefixes: &[&str],
) {
    for (name, value) in &invocation.env {
        if LOADERS.contains(&name.as_str()) && !is_memory_limit(value) {
            effect.doubt(format!("the variable `{name}` may load files"));
        }
        let upper = name.to_ascii_uppercase();
        let is_own = prefixes.iter().any(|prefix| upper.starts_with(prefix));
        // A plain word may be the name of what lies in the folder.
        let is_there = !value.is_empty()
            && !value.starts_with('/')
            && visible.below(&join(&invocation.folder, value)).next().is_some();
        if is_own && (is_there || !is_harmless(value, &invocation.folder)) {
            effect.doubt(format!("the variable `{name}` may name a file of the project"));
        }
    }
}

/// `NODE_OPTIONS` that only say how much memory may be used.
fn is_memory_limit(value: &str) -> bool {
    value.split_whitespace().all(|word| word.starts_with("--max-old-space-size="))
}

/// Whether a value names no file below the folder: a plain word, a number, an address, or a path elsewhere.
fn is_harmless(value: &str, folder: &str) -> bool {
    if value.contains("://") && !value.starts_with("file:") {
        return true;
    }
    if value.starts_with('/') {
        return folder != "/" && !is_within(value, folder) && !is_within(folder, value);
    }
    !value.contains('/') && !value.starts_with(['.', '~']) && !value.contains(".txt") && !value.contains(".toml")
}

/// The folders that `PATH` names, as far as they are absolute; `None` stands for one that is not.
pub fn program_folders(invocation: &Invocation) -> impl Iterator<Item = Option<&str>> {
    let path = invocation.env.get("PATH").map(String::as_str).unwrap_or_default();
    path.split(':').map(|folder| folder.starts_with('/').then_some(folder))
}
