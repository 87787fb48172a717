//! Whether a command of one Dockerfile is that of another: the words, all it starts with, and what its mounts show. Two
//! environments may differ in variables that the command does not look at.

use crate::graph::exec::Exec;
use crate::known_command::effect::Kind;
use crate::steps::RunStep;

/// Parts of names that say which build it is. Tools that install from manifests do not look at them.
const VOLATILE: &[&str] = &[
    "SHA",
    "COMMIT",
    "REVISION",
    "GIT_REF",
    "VCS_REF",
    "BRANCH",
    "BUILD_DATE",
    "BUILD_TIME",
    "BUILD_NUMBER",
    "BUILD_ID",
    "TIMESTAMP",
    "CREATED",
];

/// Whether a variable only says which build it is.
#[must_use]
pub fn is_volatile(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    VOLATILE.iter().any(|part| {
        let at = upper.find(part);
        let is_start = at.is_some_and(|at| at == 0 || upper.as_bytes()[at - 1] == b'_');
        let is_end = at.is_some_and(|at| matches!(upper.as_bytes().get(at + part.len()), None | Some(b'_')));
        is_start && is_end
    })
}

/// Whether one command is another; the reason if it is not.
pub(super) fn difference(old: &RunStep, new: &RunStep) -> Option<String> {
    let name = &old.effect.name;
    if plain(&old.exec) != plain(&new.exec) || old.mounts != new.mounts {
        return Some(format!("`{name}` is run in another way"));
    }
    let values = |exec: &Exec| -> std::collections::BTreeMap<String, String> {
        exec.env.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect()
    };
    let (one, two) = (values(&old.exec), values(&new.exec));
    let names = one.keys().chain(two.keys());
    let differing = names.filter(|name| one.get(*name) != two.get(*name));
    for variable in differing {
        let looks_away = matches!(old.effect.kind, Kind::Install | Kind::Packages | Kind::Setup);
        if !looks_away || !old.effect.is_closed() || !is_volatile(variable) {
            return Some(format!("`{name}` may look at the variable `{variable}`"));
        }
    }
    None
}

/// An execution without its environment, and without the order in which its mounts share inputs.
fn plain(exec: &Exec) -> Exec {
    let mut plain = exec.clone();
    plain.env.clear();
    for mount in &mut plain.mounts {
        mount.shares_input_of = None;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::is_volatile;

    #[test]
    fn names_of_builds_are_told_from_others() {
        for name in ["GIT_SHA", "COMMIT", "SOURCE_COMMIT", "VCS_REF", "BUILD_DATE", "git_sha", "GIT_COMMIT_SHORT"] {
            assert!(is_volatile(name), "{name}");
        }
        for name in ["SHARED", "NODE_ENV", "PASHA", "COMMITTEE", "VERSION", "DATE"] {
            assert!(!is_volatile(name), "{name}");
        }
    }
}
