//! A variable that is another in each build, such as a commit, is declared above installs that do not look at it: its
//! value enters their keys all the same. The cure is to declare it below them.

use crate::dockerfile::{Command, Instruction};
use crate::known_command::effect::Kind;
use crate::safety::is_volatile;
use crate::steps::{Act, StageSteps};
use crate::suggestion::layout;
use crate::suggestion::moving::is_install;
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "early-variable";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for stage in facts.stages.iter().filter(|stage| stage.is_read) {
        let mut skip = 0;
        for at in 0..stage.steps.len() {
            if at >= skip
                && let Some((suggestion, last)) = at_step(facts, stage, at)
            {
                found.push(suggestion);
                skip = last;
            }
        }
    }
    found
}

/// The names that an `ARG` or `ENV` declares, if all say which build it is.
fn declared(instruction: &Instruction) -> Option<Vec<String>> {
    let names: Vec<String> = match &instruction.command {
        Command::Arg(declarations) => declarations.iter().map(|one| one.name.to_string()).collect(),
        Command::Env(pairs) => pairs.iter().map(|pair| pair.name.to_string()).collect(),
        _ => return None,
    };
    names.iter().all(|name| is_volatile(name)).then_some(names)
}

/// A finding at a step, and the place of the last install below which the declaration may go.
fn at_step(facts: &Facts<'_>, stage: &StageSteps, at: usize) -> Option<(Suggestion, usize)> {
    let first = stage.steps[at].instruction?;
    let mut names = declared(facts.instruction(first))?;
    let mut moved = vec![first];
    let mut last = None;
    for (place, step) in stage.steps.iter().enumerate().skip(at + 1) {
        let Some(index) = step.instruction else { break };
        let instruction = facts.instruction(index);
        let text = &facts.text()[instruction.span.range()];
        let is_used = names.iter().any(|name| text.contains(name.as_str()));
        match &step.act {
            Act::None if is_used => match (&instruction.command, declared(instruction)) {
                (Command::Label(_), _) => moved.push(index),
                (_, Some(more)) => {
                    names.extend(more);
                    moved.push(index);
                }
                _ => break,
            },
            Act::None => {}
            _ if is_used => break,
            Act::Run(run) if is_install(&run.effect) => last = Some(place),
            Act::Run(run) if run.effect.kind != Kind::Setup => break,
            Act::Run(_) | Act::Copy(_) | Act::Folder(_) => {}
        }
    }
    let last = last?;
    let below = stage.steps[last].instruction?;
    moved.retain(|index| *index < below);
    let mut found = Suggestion::at(facts, NAME, stage.index, first);
    let Act::Run(run) = &stage.steps[last].act else { return None };
    found.title = format!("`{}` is declared above `{}`", names[0], run.effect.name);
    found.reason = format!(
        "Each new value of `{}` runs it again, though nothing above the lines that use it looks at it. Declared below, it does not.",
        names[0]
    );
    let moved: Vec<(usize, String)> = moved.into_iter().map(|index| (index, String::new())).collect();
    found.edits = layout::move_below(facts, &moved, below);
    Some((found, last))
}
