//! Files are copied above an install that does not read them, so that each edit of one installs everything again. The
//! cure is to copy what the install reads, to install, and to copy the rest below.

use crate::graph::lower::MAIN_CONTEXT;
use crate::known_command::effect::{Effect, Kind};
use crate::safety::is_of_the_system;
use crate::steps::{Act, Copied, Origin, StageSteps, Step};
use crate::suggestion::moving::{self, Early};
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "sources-before-dependencies";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for stage in facts.stages.iter().filter(|stage| stage.is_read) {
        let early = moving::find(stage, &is_meant);
        found.extend(early.iter().filter_map(|early| suggestion(facts, stage, early, true)));
        found.extend(builds(facts, stage));
    }
    for stage in facts.stages.iter().filter(|stage| stage.is_read) {
        let is_told = |one: &Suggestion| found.iter().any(|other: &Suggestion| other.instruction == one.instruction);
        let below: Vec<Suggestion> = inherited_copies(facts, stage).into_iter().filter(|one| !is_told(one)).collect();
        found.extend(below);
    }
    found
}

/// Copies from the context of files that are not for the system.
fn is_meant(copies: &[Copied], _: &Effect) -> bool {
    let is_context = |copied: &Copied| {
        // Where it is not clear what is copied, a source is missing, or it may be an archive.
        copied.origin == Origin::Context(MAIN_CONTEXT.to_owned()) && copied.written.regions.is_empty()
    };
    let mut files = copies.iter().flat_map(|copied| copied.written.files());
    // Some keep the whole application below `/etc` or `/root`.
    let is_whole = copies.iter().any(|copied| copied.selector.path == "/");
    copies.iter().all(is_context) && (is_whole || files.any(|(path, _)| !is_of_the_system(path)))
}

/// `is_own` says that the copies are in the stage of the install.
fn suggestion(facts: &Facts<'_>, stage: &StageSteps, early: &Early, is_own: bool) -> Option<Suggestion> {
    let install = moving::install(stage, early)?;
    let name = &install.name;
    let mut found = moving::finding(facts, NAME, stage, early)?;
    let again = match install.kind {
        Kind::Install => "installs the dependencies again",
        _ => "installs the packages again",
    };
    found.reason = match early.until {
        None => format!("An edit of any file it copies {again}. Copied below `{name}`, it does not."),
        Some(_) => format!(
            "An edit of any file it copies {again}, in one step with what needs the file. In a step of its own `{name}` can stand above."
        ),
    };
    if early.blocker.is_some() || !is_own {
        return Some(found);
    }
    if let Some(missing) = missing(stage, early, install) {
        found.doubts.push(missing);
        return Some(found);
    }
    moving::cure(facts, stage, early, &mut found);
    Some(found)
}

/// Copies in a stage that this one continues, above its own installs.
fn inherited_copies(facts: &Facts<'_>, stage: &StageSteps) -> Vec<Suggestion> {
    let mut below: Vec<&StageSteps> = std::iter::successors(stage.base, |base| facts.stages.get(*base)?.base)
        .map(|base| &facts.stages[base])
        .collect();
    below.reverse();
    let inherited: Vec<Step> = below.iter().flat_map(|stage| stage.steps.iter().cloned()).collect();
    let n_inherited = inherited.len();
    let whole = StageSteps {
        steps: inherited.into_iter().chain(stage.steps.iter().cloned()).collect(),
        base: None,
        ..stage.clone()
    };
    let is_ours =
        |early: &Early| early.install >= n_inherited && early.copies.first().is_some_and(|copy| *copy < n_inherited);
    let mut found = Vec::new();
    for early in moving::find(&whole, &is_meant).into_iter().filter(is_ours) {
        let mut early = early;
        early.copies.retain(|copy| *copy < n_inherited);
        let Some(mut one) = suggestion(facts, &whole, &early, false) else { continue };
        let Some(home) =
            below.iter().find(|stage| stage.steps.iter().any(|step| step.instruction == Some(one.instruction)))
        else {
            continue;
        };
        one.stage = home.index;
        let home = facts.dockerfile.stages[home.index]
            .name
            .as_ref()
            .map_or_else(|| format!("{}", home.index), ToString::to_string);
        one.doubts.push(format!("other stages that build upon `{home}`, or copy from it, may need the files there"));
        found.push(one);
    }
    found
}

/// What the install fails without and no copy brings.
fn missing(stage: &StageSteps, early: &Early, effect: &Effect) -> Option<String> {
    let copied = |path: &String| {
        (0..early.install).any(|step| moving::copies(stage, step).iter().any(|copied| copied.written.has(path)))
    };
    // A stage below may have brought them.
    let is_base_known = stage.base.is_none();
    let group = effect.needs.iter().find(|group| is_base_known && !group.iter().any(copied))?;
    let names: Vec<String> =
        group.iter().map(|path| format!("`{}`", path.rsplit('/').next().unwrap_or(path))).collect();
    Some(format!("`{}` needs {}, which the context does not hold", effect.name, names.join(" or ")))
}

/// Builds that fetch what the project depends on themselves, each time a source changes.
fn builds(facts: &Facts<'_>, stage: &StageSteps) -> Option<Suggestion> {
    let is_tool = |name: &str, other: &str| name.split(' ').next() == other.split(' ').next();
    let mut wide = None;
    let mut installed: Vec<&str> = inherited(facts, stage);
    for (at, step) in stage.steps.iter().enumerate() {
        match &step.act {
            Act::Copy(copies) if step.instruction.is_some() && is_wide(copies) => wide = wide.or(Some(at)),
            Act::Run(run) => {
                let effect = &run.effect;
                let is_cached = run.exec.mounts.iter().any(|mount| !mount.has_input);
                let own = run.parts.iter().filter(|part| part.effect.kind == Kind::Install);
                installed.extend(own.map(|part| part.effect.name.as_str()));
                let is_new = !installed.iter().any(|name| is_tool(name, &effect.name));
                if let (Some(advice), Some(wide), false, true) = (effect.advice, wide, is_cached, is_new) {
                    let instruction = stage.steps[wide].instruction?;
                    let mut found = Suggestion::at(facts, NAME, stage.index, instruction);
                    found.title =
                        format!("`{}` fetches the dependencies behind `{}`", effect.name, facts.shown(instruction));
                    found.reason = format!("An edit of any file fetches them again. Better {advice}.");
                    found.doubts.push("the step would have to be split by hand".to_owned());
                    return Some(found);
                }
                installed.push(&effect.name);
            }
            _ => {}
        }
    }
    None
}

/// The names of commands that ran in the stages below.
fn inherited<'a>(facts: &'a Facts<'_>, stage: &StageSteps) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut base = stage.base;
    while let Some(below) = base.and_then(|base| facts.stages.get(base)) {
        for step in &below.steps {
            if let Act::Run(run) = &step.act {
                names.push(run.effect.name.as_str());
            }
        }
        base = below.base;
    }
    names
}

/// Whether a copy takes a folder of the context.
fn is_wide(copies: &[Copied]) -> bool {
    let is_context = |copied: &&Copied| copied.origin == Origin::Context(MAIN_CONTEXT.to_owned());
    copies.iter().filter(is_context).any(|copied| copied.written.files().count() > 1)
}
