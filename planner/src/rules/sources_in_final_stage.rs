//! The stage that is shipped copies the whole context and builds in it: sources, compilers and what they need are shipped
//! beside the output. A stage that builds and one that is shipped keep them apart.

use super::repeated_install::image;
use crate::graph::lower::MAIN_CONTEXT;
use crate::known_command::effect::Kind;
use crate::steps::{Act, Copied, Origin, RunStep, StageSteps};
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "sources-in-final-stage";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let Some(stage) = facts.stages.last().filter(|stage| stage.is_read) else { return Vec::new() };
    let wide =
        stage.steps.iter().position(|step| matches!(&step.act, Act::Copy(copies) if copies.iter().any(is_whole)));
    let Some((at, instruction)) = wide.and_then(|at| Some((at, stage.steps[at].instruction?))) else {
        return Vec::new();
    };
    let build = stage.steps.iter().skip(at + 1).find_map(|step| match &step.act {
        Act::Run(run) if run.effect.kind == Kind::Build && makes_something(&run.effect.name) => Some(&**run),
        _ => None,
    });
    let mut found = Suggestion::at(facts, NAME, stage.index, instruction);
    found.reason =
        "Build in a stage of its own, and copy only what it makes into the last one with `COPY --from`.".to_owned();
    if build.is_none() {
        found.reason =
            "What runs is made of them in another stage. Copy into the last one what it needs at run time, and nothing else."
                .to_owned();
    }
    // A file that only runs tests ships nothing.
    let Some(build) = build.or_else(|| built_elsewhere(facts, stage)) else { return Vec::new() };
    found.title = format!("the sources are shipped beside what `{}` makes", build.effect.name);
    vec![found]
}

/// The build of a stage upon the same image, made of the whole context, whose output a stage copies.
fn built_elsewhere<'a>(facts: &'a Facts<'_>, stage: &'a StageSteps) -> Option<&'a RunStep> {
    let copies = stage.steps.iter().filter_map(|step| match &step.act {
        Act::Copy(copies) => Some(copies),
        _ => None,
    });
    let taken = copies.flatten().filter_map(|copied| match copied.origin {
        Origin::Stage(stage) => facts.stages.get(stage),
        _ => None,
    });
    let is_alike = |other: &&StageSteps| image(facts, other) == image(facts, stage);
    taken.filter(is_alike).find_map(|other| {
        let sources = other
            .steps
            .iter()
            .position(|step| matches!(&step.act, Act::Copy(copies) if copies.iter().any(is_whole)))?;
        other.steps.iter().skip(sources + 1).find_map(|step| match &step.act {
            Act::Run(run) if run.effect.kind == Kind::Build && makes_something(&run.effect.name) => Some(&**run),
            _ => None,
        })
    })
}

/// Whether a copy takes the whole context.
fn is_whole(copied: &Copied) -> bool {
    copied.origin == Origin::Context(MAIN_CONTEXT.to_owned())
        && copied.selector.path == "/"
        && !copied.selector.is_listed()
}

/// Whether a command makes what is shipped out of sources that are not. A package of Python is its sources.
fn makes_something(name: &str) -> bool {
    let is_script = name.contains(" run ") && !name.contains("build") && !name.contains("compile");
    !is_test(name) && !is_script && !name.starts_with("pip ")
}

/// Whether a command tests or checks rather than makes something.
pub(super) fn is_test(name: &str) -> bool {
    name.split([' ', ':']).any(|word| ["test", "lint", "vet", "check", "typecheck"].contains(&word))
}
