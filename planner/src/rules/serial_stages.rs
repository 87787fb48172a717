//! Tests and a build that do not need each other run one after the other in one stage. In stages of their own upon a
//! common one they run side by side.

use super::sources_in_final_stage::is_test;
use crate::known_command::effect::Kind;
use crate::steps::{Act, RunStep};
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "serial-stages";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for stage in facts.stages.iter().filter(|stage| stage.is_read) {
        let builds: Vec<(usize, &RunStep)> = stage
            .steps
            .iter()
            .filter_map(|step| match (&step.act, step.instruction) {
                (Act::Run(run), Some(instruction)) if run.effect.kind == Kind::Build => Some((instruction, &**run)),
                _ => None,
            })
            .collect();
        let pair = builds.windows(2).find(|pair| is_test(&pair[0].1.effect.name) != is_test(&pair[1].1.effect.name));
        if let Some([first, second]) = pair {
            let mut one = Suggestion::at(facts, NAME, stage.index, second.0);
            one.title = format!("`{}` waits for `{}`", second.1.effect.name, first.1.effect.name);
            one.reason = "If neither needs what the other makes, put each in a stage of its own upon a common one: then both run at \
                          once. A stage that tests must be asked for with `--target`."
                .to_owned();
            found.push(one);
        }
    }
    found
}
