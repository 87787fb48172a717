//! Two stages install the same packages: they are fetched and unpacked twice. A stage of its own, which both build upon or
//! copy from, does it once, and a cache mount that both share fetches once. An install that leaves development dependencies
//! out is another one; that it fetches again what a stage of dependencies has fetched is said only of the stage that is run.

use crate::context::ContextPath;
use crate::graph::exec::MountOp;
use crate::known_command::Part;
use crate::known_command::effect::Kind;
use crate::known_command::selection::{is_production, selection};
use crate::source::{Span, TextEdit};
use crate::steps::{Act, Origin, RunStep, StageSteps};
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "repeated-install";

/// An install of the file's.
struct Install<'a> {
    stage: &'a StageSteps,
    instruction: usize,
    line: u32,
    run: &'a RunStep,
    part: &'a Part,
    source: &'a ContextPath,
}

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    let mut seen: Vec<Install<'_>> = Vec::new();
    for stage in facts.stages.iter().filter(|stage| stage.is_read) {
        for step in &stage.steps {
            let (Act::Run(run), Some(instruction)) = (&step.act, step.instruction) else { continue };
            let part = run.parts.iter().find(|part| part.effect.kind == Kind::Install);
            let Some((part, source)) = part.zip(run.installs_from.as_ref()) else { continue };
            let install = Install { stage, instruction, line: step.line, run, part, source };
            match seen.iter().find_map(|earlier| Some((earlier, kinship(facts, earlier, &install)?))) {
                Some((earlier, kinship)) => found.push(suggestion(facts, earlier, &install, &kinship)),
                None => seen.push(install),
            }
        }
    }
    found
}

/// What two installs have in common.
enum Kinship {
    /// The packages.
    Same,
    /// The packages of the later one are some of those of the earlier.
    Some,
}

fn kinship(facts: &Facts<'_>, earlier: &Install<'_>, later: &Install<'_>) -> Option<Kinship> {
    let is_apart = earlier.stage.index != later.stage.index
        && !continues(facts, later.stage, earlier.stage.index)
        && image(facts, earlier.stage) == image(facts, later.stage)
        && earlier.run.vertex != later.run.vertex
        && earlier.source.parent() == later.source.parent()
        && earlier.part.invocation.program() == later.part.invocation.program()
        && !(is_cached(earlier.run) && is_cached(later.run));
    if !is_apart {
        return None;
    }
    let (one, two) = (selection(&earlier.part.invocation), selection(&later.part.invocation));
    if one == two {
        return Some(Kinship::Same);
    }
    let is_part = one.is_empty() && is_production(&two) && is_of_dependencies(earlier.stage);
    // A stage that only installs is what such a pair should be.
    (is_part && !is_of_dependencies(later.stage)).then_some(Kinship::Some)
}

/// Whether an install keeps what it fetches for the next one.
fn is_cached(run: &RunStep) -> bool {
    run.exec.mounts.iter().any(|mount| matches!(mount.kind, MountOp::Cache { .. }))
}

/// Whether a stage only installs: of the context it copies nothing behind that, and it takes nothing from other stages.
fn is_of_dependencies(stage: &StageSteps) -> bool {
    let is_install =
        |act: &Act| matches!(act, Act::Run(run) if matches!(run.effect.kind, Kind::Install | Kind::Packages));
    let last = stage.steps.iter().rposition(|step| is_install(&step.act));
    let ends_there = last.is_some_and(|last| stage.steps[last + 1..].iter().all(|step| matches!(step.act, Act::None)));
    let takes_none = stage.steps.iter().all(|step| match &step.act {
        Act::Copy(copies) => copies.iter().all(|copied| !matches!(copied.origin, Origin::Stage(_))),
        _ => true,
    });
    ends_there && takes_none
}

fn suggestion(facts: &Facts<'_>, earlier: &Install<'_>, later: &Install<'_>, kinship: &Kinship) -> Suggestion {
    let mut one = Suggestion::at(facts, NAME, later.stage.index, later.instruction);
    let (name, other, line) = (&later.part.effect.name, &earlier.part.effect.name, earlier.line);
    match kinship {
        Kinship::Same => {
            one.title = format!("`{name}` installs what `{other}` in line {line} installs");
            one.reason = "Both go by the same manifests. One stage that installs for both does it once; a cache mount that both \
                          share fetches the packages once."
                .to_owned();
        }
        Kinship::Some => {
            one.title = format!("`{name}` fetches again what `{other}` in line {line} fetches");
            one.reason = "It leaves development dependencies out, so it is an install of its own. A cache mount that both share \
                          fetches the packages once, and in a stage of its own it serves other stages, too."
                .to_owned();
        }
    }
    let edits = [earlier, later].into_iter().filter(|install| !is_cached(install.run));
    let edits: Option<Vec<TextEdit>> = edits.map(|install| mount(facts, install)).collect();
    one.edits = edits.unwrap_or_default();
    if !one.edits.is_empty() {
        one.doubts.push("what npm keeps in `/root/.npm` is then no part of the images".to_owned());
    }
    one
}

/// Gives an install npm's cache, in the home of the user that runs it.
fn mount(facts: &Facts<'_>, install: &Install<'_>) -> Option<TextEdit> {
    let exec = &install.run.exec;
    let is_root = ["", "root", "0"].contains(&exec.user.as_str());
    let sets_cache = |text: &String| text.to_ascii_lowercase().contains("cache");
    let is_usual = !exec.args.iter().any(sets_cache)
        && !exec.env.iter().any(|variable| variable.name == "HOME" || sets_cache(&variable.name));
    let keyword = &facts.instruction(install.instruction).keyword.span;
    let is_npm = install.part.invocation.program() == "npm";
    (is_root && is_usual && is_npm).then(|| TextEdit {
        span: Span::new(keyword.end, keyword.end),
        replacement: " --mount=type=cache,target=/root/.npm".to_owned(),
    })
}

/// Whether a stage builds upon another.
fn continues(facts: &Facts<'_>, stage: &StageSteps, other: usize) -> bool {
    let below = std::iter::successors(stage.base, |base| facts.stages.get(*base)?.base);
    below.into_iter().any(|base| base == other)
}

/// The name of the image that a stage stands on, without its version.
pub(super) fn image<'a>(facts: &'a Facts<'_>, stage: &'a StageSteps) -> &'a str {
    let lowest = std::iter::successors(Some(stage), |stage| facts.stages.get(stage.base?)).last().unwrap_or(stage);
    lowest.image.split([':', '@']).next().unwrap_or_default()
}
