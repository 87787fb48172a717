//! What an earlier stage has built is copied above an install, so that each new output installs everything again. The
//! cure is to copy it below.

use crate::known_command::effect::{Effect, Kind};
use crate::steps::{Act, Copied, Origin, StageSteps};
use crate::suggestion::moving::{self, Early};
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "output-before-dependencies";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for stage in facts.stages.iter().filter(|stage| stage.is_read) {
        let is_meant = |copies: &[Copied], effect: &Effect| is_output(facts, copies, effect);
        let early = moving::find(stage, &is_meant);
        found.extend(early.iter().filter_map(|early| suggestion(facts, stage, early)));
    }
    found
}

/// Whether files come from a stage that builds, and none is a manifest that an install reads.
fn is_output(facts: &Facts<'_>, copies: &[Copied], effect: &Effect) -> bool {
    let is_built = |copied: &Copied| match copied.origin {
        Origin::Stage(stage) => builds(facts, stage),
        _ => false,
    };
    let is_read = |copied: &Copied| copied.written.files().any(|(path, _)| effect.reads.has(path));
    copies.iter().any(is_built) && !copies.iter().any(is_read)
}

/// Whether a stage, or one below it, runs a command that may read sources.
fn builds(facts: &Facts<'_>, stage: usize) -> bool {
    let mut next = Some(stage);
    while let Some(stage) = next.and_then(|index| facts.stages.get(index)) {
        let has_sources = stage.steps.iter().any(|step| matches!(&step.act, Act::Copy(_)));
        let is_build = |kind: Kind| matches!(kind, Kind::Build | Kind::Other | Kind::Prune);
        let runs = stage.steps.iter().any(|step| matches!(&step.act, Act::Run(run) if is_build(run.effect.kind)));
        if has_sources && runs {
            return true;
        }
        next = stage.base;
    }
    false
}

fn suggestion(facts: &Facts<'_>, stage: &StageSteps, early: &Early) -> Option<Suggestion> {
    let name = &moving::install(stage, early)?.name;
    let mut found = moving::finding(facts, NAME, stage, early)?;
    found.reason = format!(
        "Whenever that stage makes something else, `{name}` runs again. Copied below it, the output does not matter to it."
    );
    if early.blocker.is_none() {
        moving::cure(facts, stage, early, &mut found);
    }
    Some(found)
}
