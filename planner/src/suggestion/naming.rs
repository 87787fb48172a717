//! Names of stages: which are free, whether stages are meant by number, and a `FROM` line with another name. In go facts,
//! out come answers and text.

use super::Facts;
use crate::dockerfile::{Command, CopySource};

/// Whether no stage, image or context bears a name.
#[must_use]
pub fn is_free(facts: &Facts<'_>, name: &str) -> bool {
    let is_it = |word: &str| word.trim_matches(['"', '\'', ',']).eq_ignore_ascii_case(name);
    let words = |text: &str| text.split([' ', '\t', '\n', '=', ',']).any(is_it);
    let instructions = &facts.dockerfile.instructions;
    let is_named = instructions.iter().enumerate().any(|(at, instruction)| match &instruction.command {
        Command::From => words(&facts.shown(at)),
        Command::Copy(copy) => copy.from.as_ref().is_some_and(|from| is_it(from)),
        Command::Add(add) => add.copy.from.as_ref().is_some_and(|from| is_it(from)),
        Command::Run(run) => run.mounts.iter().any(|mount| words(mount)),
        _ => false,
    });
    !is_named && !facts.around.request.contexts.contains_key(name)
}

/// Whether a stage is meant by its number, or by a variable.
#[must_use]
pub fn has_numbers(facts: &Facts<'_>) -> bool {
    let is_number =
        |from: &str| from.contains('$') || (!from.is_empty() && from.bytes().all(|byte| byte.is_ascii_digit()));
    facts.dockerfile.instructions.iter().any(|instruction| match &instruction.command {
        Command::Copy(copy) => copy.from.as_ref().is_some_and(|from| is_number(from)),
        Command::Run(run) => run
            .mounts
            .iter()
            .flat_map(|mount| mount.split(','))
            .any(|field| field.strip_prefix("from=").is_some_and(is_number)),
        _ => false,
    })
}

/// A `FROM` line whose stage has another name; `None` where it is not plain where the name stands.
#[must_use]
pub fn renamed(from: &str, name: &str, other: &str) -> Option<String> {
    let rest = from.strip_suffix(name)?;
    let ends = rest.trim_end();
    let is_plain = rest.len() > ends.len() && ends.len() >= 2 && ends.get(ends.len() - 2..)?.eq_ignore_ascii_case("as");
    is_plain.then(|| format!("{rest}{other}"))
}

/// Whether a source of a copy is exactly this path.
#[must_use]
pub fn is_path(source: &CopySource, path: &str) -> bool {
    matches!(source, CopySource::Path(text) if text.trim_end_matches('/') == path)
}
