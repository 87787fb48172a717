//! Development dependencies are taken out behind the sources: each edit prunes again, and makes a new layer of packages for
//! whoever copies them. Installed without them in a stage of its own, that layer stays cached.

use crate::graph::lower::MAIN_CONTEXT;
use crate::known_command::effect::Kind;
use crate::known_command::shell;
use crate::steps::{Act, Copied, Origin, RunStep, StageSteps};
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "prune-after-sources";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for stage in facts.stages.iter().filter(|stage| stage.is_read) {
        for (at, step) in stage.steps.iter().enumerate() {
            let (Act::Run(run), Some(instruction)) = (&step.act, step.instruction) else { continue };
            let Some(name) = prunes(run) else { continue };
            if !has_sources(stage, at) {
                continue;
            }
            let mut one = Suggestion::at(facts, NAME, stage.index, instruction);
            one.title = format!("`{name}` runs again with every edit of a source");
            one.reason = "Each run makes a new layer of packages, which stages that copy them take anew. Install without development \
                          dependencies in a stage of its own, from the manifests alone, and copy the packages from there."
                .to_owned();
            found.push(one);
        }
    }
    found
}

/// The command that prunes.
fn prunes(run: &RunStep) -> Option<String> {
    if run.effect.kind == Kind::Prune {
        return Some(run.effect.name.clone());
    }
    let commands = shell::read(&run.exec)?;
    let is_prune =
        |words: &[String]| matches!(words, [tool, verb, ..] if verb == "prune" && (tool == "npm" || tool == "pnpm"));
    commands.iter().find(|one| is_prune(&one.words)).map(|one| one.words[..2].join(" "))
}

/// Whether sources were copied between the install and a step.
fn has_sources(stage: &StageSteps, at: usize) -> bool {
    let is_install =
        |place: &usize| matches!(&stage.steps[*place].act, Act::Run(run) if run.effect.kind == Kind::Install);
    let from = (0..at).rev().find(is_install).map_or(0, |install| install + 1);
    let is_source = |copied: &Copied| copied.origin == Origin::Context(MAIN_CONTEXT.to_owned());
    stage.steps[from..at].iter().any(|step| matches!(&step.act, Act::Copy(copies) if copies.iter().any(is_source)))
}
