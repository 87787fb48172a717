//! Whether a command of one Dockerfile is that of another: the words, all it starts with, and what its mounts show. Two
//! environments may differ in variables that the command does not look at.

use std::collections::BTreeMap;

use crate::graph::exec::Exec;
use crate::known_command::Part;
use crate::known_command::effect::{Effect, Kind};
use crate::known_command::shell::Invocation;
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

/// Words of names that tell of the project itself.
const OF_THE_PROJECT: &[&str] = &[
    "APP",
    "APPLICATION",
    "ARG",
    "BACKEND",
    "BRANCH",
    "BUILD",
    "CI",
    "CLIENT",
    "COMMIT",
    "CONTAINER",
    "CREATED",
    "CURRENT",
    "DATE",
    "DEPLOY",
    "DEPLOYMENT",
    "DOCKER",
    "FRONTEND",
    "FULL",
    "GIT",
    "GITHUB",
    "GITLAB",
    "HASH",
    "HEAD",
    "ID",
    "IMAGE",
    "LAST",
    "LATEST",
    "LONG",
    "NAME",
    "NEXT",
    "NUMBER",
    "NUXT",
    "OCI",
    "PROJECT",
    "PUBLIC",
    "REACT",
    "REF",
    "RELEASE",
    "REPO",
    "REVISION",
    "SCM",
    "SERVER",
    "SERVICE",
    "SHA",
    "SHORT",
    "SOURCE",
    "SRC",
    "TAG",
    "TIME",
    "TIMESTAMP",
    "UTC",
    "VCS",
    "VERSION",
    "VITE",
    "VUE",
    "WEB",
];

/// Whether a variable that says which build it is may mean the build of something else, as `PUPPETEER_CHROMIUM_REVISION`
/// does. Nobody but the project's own history has commits and dates of building.
fn is_of_a_tool(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let mut words = upper.split('_');
    let is_own = words.clone().any(|word| ["GIT", "VCS", "COMMIT"].contains(&word))
        || ["BUILD_DATE", "BUILD_TIME"].iter().any(|part| upper.contains(part));
    !is_own && words.any(|word| !word.is_empty() && !OF_THE_PROJECT.contains(&word))
}

/// A command: a whole execution, or a part of one that does nothing else than its parts one after the other.
#[derive(Clone, Copy)]
pub(super) struct Ran<'a> {
    run: &'a RunStep,
    at: Option<usize>,
}

/// The commands of an execution, as far as they can be told apart.
pub(super) fn of(run: &RunStep) -> impl Iterator<Item = Ran<'_>> {
    let n_parts = if run.undivided.is_none() { run.parts.len() } else { 0 };
    let whole = (n_parts == 0).then_some(Ran { run, at: None });
    whole.into_iter().chain((0..n_parts).map(move |at| Ran { run, at: Some(at) }))
}

impl<'a> Ran<'a> {
    fn part(self) -> Option<&'a Part> {
        self.run.parts.get(self.at?)
    }

    /// Whether nothing follows in its step.
    fn ends_step(self) -> bool {
        self.at.is_none_or(|at| at + 1 == self.run.parts.len())
    }

    /// What it does.
    pub(super) fn effect(self) -> &'a Effect {
        self.part().map_or(&self.run.effect, |part| &part.effect)
    }

    /// The words behind the shell, where the whole execution is meant or its text is another.
    fn is_same_text(self, other: Self) -> bool {
        if self.at == other.at && self.run.exec.args == other.run.exec.args {
            return true;
        }
        let (Some(one), Some(two)) = (self.part(), other.part()) else { return false };
        let shell = |ran: Self| ran.run.exec.args.get(..ran.run.exec.n_shell_args).map(<[String]>::to_vec);
        let text = |part: &Part| {
            let Invocation { words, folder, has_brackets, options, is_strict, .. } = &part.invocation;
            (words.clone(), folder.clone(), *has_brackets, options.clone(), *is_strict)
        };
        shell(self) == shell(other) && text(one) == text(two)
    }

    fn env(self) -> BTreeMap<String, String> {
        let variables = &self.run.exec.env;
        let of_step = || variables.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect();
        self.part().map_or_else(of_step, |part| part.invocation.env.clone())
    }
}

/// Whether one command is another; the reason if it is not.
pub(super) fn difference(old: Ran<'_>, new: Ran<'_>) -> Option<String> {
    let name = &old.effect().name;
    let is_same_way = plain(&old.run.exec) == plain(&new.run.exec) && old.run.mounts == new.run.mounts;
    if !is_same_way || !old.is_same_text(new) {
        return Some(format!("`{name}` is run in another way"));
    }
    let leaves_nothing = matches!(old.effect().kind, Kind::Setup | Kind::Packages | Kind::Install);
    if old.ends_step() != new.ends_step() && !leaves_nothing {
        return Some(format!("`{name}` may leave something running for what follows in its step"));
    }
    let (one, two) = (old.env(), new.env());
    let names = one.keys().chain(two.keys());
    let differing = names.filter(|name| one.get(*name) != two.get(*name));
    for variable in differing {
        let effect = old.effect();
        let looks_away = matches!(effect.kind, Kind::Install | Kind::Packages | Kind::Setup);
        let is_named = old.run.exec.args.iter().any(|text| text.contains(variable.as_str()));
        if is_named || !looks_away || !effect.is_closed() || !is_volatile(variable) || is_of_a_tool(variable) {
            return Some(format!("`{name}` may look at the variable `{variable}`"));
        }
    }
    None
}

/// An execution without its words and its environment, and without the order in which its mounts share inputs.
fn plain(exec: &Exec) -> Exec {
    let mut plain = exec.clone();
    plain.args.clear();
    plain.env.clear();
    for mount in &mut plain.mounts {
        mount.shares_input_of = None;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{is_of_a_tool, is_volatile};

    #[test]
    fn builds_of_other_things_are_told_from_those_of_the_project() {
        for name in ["PUPPETEER_CHROMIUM_REVISION", "PYTORCH_BUILD_NUMBER", "NODE_SASS_BRANCH"] {
            assert!(is_volatile(name) && is_of_a_tool(name), "{name}");
        }
        for name in ["GIT_SHA", "SHOP_COMMIT_SHA", "SHOP_BUILD_DATE", "APP_REVISION", "BUILD_NUMBER", "SHA"] {
            assert!(!is_of_a_tool(name), "{name}");
        }
    }

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
