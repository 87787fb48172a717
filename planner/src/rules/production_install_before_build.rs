//! `NODE_ENV=production` above the install of a stage that goes on to build: the install leaves out what builds are made
//! with, compilers above all.

use crate::known_command::effect::Kind;
use crate::steps::{Act, RunStep};
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "production-install-before-build";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for stage in &facts.stages {
        for (at, step) in stage.steps.iter().enumerate() {
            let (Act::Run(run), Some(instruction)) = (&step.act, step.instruction) else { continue };
            let build = stage.steps.iter().skip(at + 1).find_map(|step| match &step.act {
                Act::Run(run) if run.effect.kind == Kind::Build && is_javascript(run) => Some(run),
                _ => None,
            });
            if let Some(build) = build.filter(|_| leaves_out(run)) {
                let mut one = Suggestion::at(facts, NAME, stage.index, instruction);
                one.title = format!("`{}` leaves out what `{}` may be made with", run.effect.name, build.effect.name);
                one.reason = "`NODE_ENV` is `production`, so development dependencies are not installed. Set it below the build, or \
                              install with `--include=dev`."
                    .to_owned();
                found.push(one);
            }
        }
    }
    found
}

fn is_javascript(run: &RunStep) -> bool {
    ["npm", "yarn", "pnpm", "npx", "tsc", "vite", "webpack"]
        .iter()
        .any(|tool| run.effect.name.split(' ').next() == Some(tool))
}

/// Whether an install leaves development dependencies out because of the environment.
fn leaves_out(run: &RunStep) -> bool {
    let env = run.exec.env.iter().find(|variable| variable.name == "NODE_ENV");
    let is_production = env.is_some_and(|variable| variable.value == "production");
    let words = run.exec.args.join(" ");
    let is_asked = ["--include=dev", "--include dev", "--production=false", "--prod=false", "NODE_ENV="]
        .iter()
        .any(|word| words.contains(word));
    run.effect.kind == Kind::Install && is_javascript(run) && is_production && !is_asked
}
