//! `NODE_ENV=production` above the install of a stage that goes on to build: the install leaves out what builds are made
//! with, compilers above all.

use crate::known_command::Part;
use crate::known_command::effect::{Effect, Kind};
use crate::steps::Act;
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "production-install-before-build";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for stage in &facts.stages {
        for (at, step) in stage.steps.iter().enumerate() {
            let (Act::Run(run), Some(instruction)) = (&step.act, step.instruction) else { continue };
            let Some(place) = run.parts.iter().position(leaves_out) else { continue };
            let below = stage.steps.iter().skip(at + 1).filter_map(|step| match &step.act {
                Act::Run(run) => Some(&run.effect),
                _ => None,
            });
            let behind = run.parts.iter().skip(place + 1).map(|part| &part.effect);
            let Some(build) = behind.chain(below).find(|effect| builds(effect)) else { continue };
            let mut one = Suggestion::at(facts, NAME, stage.index, instruction);
            one.title = format!("`{}` leaves out what `{}` may be made with", run.parts[place].effect.name, build.name);
            one.reason = "`NODE_ENV` is `production`, so development dependencies are not installed. Set it below the build, or \
                          install with `--include=dev`."
                .to_owned();
            found.push(one);
        }
    }
    found
}

fn is_javascript(effect: &Effect) -> bool {
    ["npm", "yarn", "pnpm", "npx", "tsc", "vite", "webpack"]
        .iter()
        .any(|tool| effect.name.split(' ').next() == Some(tool))
}

fn builds(effect: &Effect) -> bool {
    effect.kind == Kind::Build && is_javascript(effect)
}

/// Whether an install leaves development dependencies out because of the environment.
fn leaves_out(part: &Part) -> bool {
    let is_production = part.invocation.env.get("NODE_ENV").is_some_and(|value| value == "production");
    let words = part.invocation.words.join(" ");
    let is_asked = ["--include=dev", "--include dev", "--production=false", "--prod=false"]
        .iter()
        .any(|word| words.contains(word));
    part.effect.kind == Kind::Install && is_javascript(&part.effect) && is_production && !is_asked
}
