//! Cautions: signs that a command may read, write or depend on more than is known of it, wherever they stand in a stage whose
//! order changes. In go the stage with all it continues, the manifests and the context; out come clauses. They are coarse on
//! purpose: a sign that means nothing costs a look of the user's, one that is missed costs a broken image.

mod operands;
mod files;
mod places;

use std::collections::BTreeSet;

use crate::dockerfile::Command;
use crate::steps::{Act, RunStep, StageSteps};
use crate::suggestion::Facts;

/// Words in the names of variables that may name a file, or change what a tool reads.
const OF_FILES: &[&str] = &[
    "CONFIG",
    "CONF",
    "CERT",
    "_CA",
    "CA_",
    "FILE",
    "NETRC",
    "SSH",
    "FIND_LINKS",
    "CONSTRAINT",
    "WORKSPACE",
    "INDEX",
    "REGISTRY",
    "MODFLAGS",
    "GOFLAGS",
    "KEY",
];
/// Variables of tools that name a file although their names do not say so.
const NAMED: &[&str] = &["COMPOSER", "NODE_OPTIONS", "NODE_PATH", "PYTHONPATH", "RUBYOPT", "BASH_ENV", "ENV"];
/// Where nothing of a project lies.
const ELSEWHERE: &[&str] =
    &["/etc/", "/usr/", "/root/", "/var/", "/opt/", "/tmp/", "/home/", "/pnpm", "http://", "https://"];

/// Why the stage `before` may not be as it is believed to be, where its order changes to that of `after`.
pub(super) fn argue(
    facts: &Facts<'_>,
    before: &StageSteps,
    after: &StageSteps,
    later: &Facts<'_>,
    doubts: &mut Vec<String>,
) {
    let chain = chain(facts, before);
    let runs: Vec<&RunStep> = chain.iter().flat_map(|stage| &stage.steps).filter_map(run).collect();
    let commands: Vec<Vec<String>> = runs.iter().flat_map(|run| operands::commands(&run.exec.args)).collect();
    runs.iter().for_each(|run| environment(run, doubts));
    commands.iter().for_each(|command| operands::argue(command, doubts));
    let owned = chain.iter().flat_map(|stage| &stage.steps).any(|step| match &step.act {
        Act::Copy(copies) => copies.iter().any(|copied| copied.owner.is_some()),
        _ => false,
    });
    if owned && commands.iter().any(|command| operands::makes_users(command)) {
        doubts.push("a copy names its owner, and a command makes or changes users".to_owned());
    }
    if variables(facts, before) != variables(later, after)
        && commands.iter().any(|command| operands::fetches_anew(command))
    {
        doubts.push("a variable above an update of packages may be there to have it done anew".to_owned());
    }
    if variables(facts, before) != variables(later, after) {
        files::named_in(facts, &moved_names(facts, before), doubts);
    }
    places::argue(facts, &chain, doubts);
    let runs_uv_pip = commands.iter().any(|command| command.starts_with(&["uv".to_owned(), "pip".to_owned()]));
    files::argue(facts, runs_uv_pip, doubts);
}

/// The stage and those it continues.
fn chain<'a>(facts: &'a Facts<'_>, stage: &'a StageSteps) -> Vec<&'a StageSteps> {
    std::iter::successors(Some(stage), |stage| stage.base.and_then(|base| facts.stages.get(base))).collect()
}

fn run(step: &crate::steps::Step) -> Option<&RunStep> {
    match &step.act {
        Act::Run(run) => Some(run),
        _ => None,
    }
}

/// The variables that the stage's steps see, step by step.
fn variables(facts: &Facts<'_>, stage: &StageSteps) -> Vec<String> {
    let texts = super::stage_texts(facts, stage.index);
    let is_variable = |text: &&String| {
        let word = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        matches!(word.as_str(), "ARG" | "ENV")
    };
    let places = texts.iter().enumerate().filter(|(_, text)| is_variable(text));
    places.map(|(place, text)| format!("{place} {text}")).collect()
}

/// The names of the variables that say which build it is, and that the stage declares.
fn moved_names(facts: &Facts<'_>, stage: &StageSteps) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for index in facts.dockerfile.stages[stage.index].body.clone() {
        match &facts.instruction(index).command {
            Command::Arg(declared) => names.extend(declared.iter().map(|one| one.name.to_string())),
            Command::Env(pairs) => names.extend(pairs.iter().map(|pair| pair.name.to_string())),
            _ => {}
        }
    }
    names.retain(|name| super::is_volatile(name));
    names
}

/// Variables that may name a file of the project.
fn environment(run: &RunStep, doubts: &mut Vec<String>) {
    let own = operands::commands(&run.exec.args).into_iter().flat_map(|words| operands::assignments(&words));
    let all = run.exec.env.iter().map(|variable| (variable.name.clone(), variable.value.clone())).chain(own);
    let mut named = BTreeSet::new();
    for (name, value) in all {
        let upper = name.to_ascii_uppercase();
        let is_told = NAMED.contains(&upper.as_str()) || OF_FILES.iter().any(|part| upper.contains(part));
        let is_elsewhere = ELSEWHERE.iter().any(|place| value.starts_with(place)) && !is_within_workdir(&value, run);
        let is_home = upper == "HOME" && value != "/root" && !value.starts_with("/home/");
        if (is_told && !value.is_empty() && !is_elsewhere) || is_home {
            named.insert(name);
        }
    }
    for name in named {
        doubts.push(format!("`{name}` may name a file of the project, or change what is read"));
    }
}

fn is_within_workdir(value: &str, run: &RunStep) -> bool {
    let folder = run.exec.workdir.trim_end_matches('/');
    !folder.is_empty() && value.starts_with(folder)
}
