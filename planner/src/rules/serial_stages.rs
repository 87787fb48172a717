//! Tests and a build that do not need each other run one after the other in one stage. In stages of their own upon a
//! common one they run side by side.

use super::sources_in_final_stage::is_test;
use crate::known_command::effect::Kind;
use crate::source::{Span, TextEdit};
use crate::steps::{Act, RunStep, StageSteps};
use crate::suggestion::{Facts, Suggestion, layout, naming};

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
            let (name, other) = (&second.1.effect.name, &first.1.effect.name);
            one.title = format!("`{name}` waits for `{other}`");
            one.reason = "If neither needs what the other makes, put each in a stage of its own upon a common one: then both run at \
                          once. A stage that tests must be asked for with `--target`."
                .to_owned();
            one.doubts.push(format!("neither `{name}` nor `{other}` may need what the other makes"));
            if let Some(edits) = edits(facts, stage, first.0, second.0).filter(|_| is_test(other)) {
                one.edits = edits;
                one.doubts.push(
                    "a build no longer fails where the tests do, unless `--target test` asks for them, too".to_owned(),
                );
            }
            found.push(one);
        }
    }
    found
}

/// Three stages of one: what stands above the tests, the tests alone, and all that stands below them.
fn edits(facts: &Facts<'_>, stage: &StageSteps, test: usize, build: usize) -> Option<Vec<TextEdit>> {
    let stages = &facts.dockerfile.stages;
    let from = facts.instruction(stages[stage.index].from);
    let text = facts.text()[from.span.range()].trim_end();
    let name = stages[stage.index].name.as_ref().map(ToString::to_string);
    let is_free = |wanted: &str| naming::is_free(facts, wanted);
    // A number would mean another stage then; a stage without a name is the last one, or meant by its number.
    let is_last = stage.index + 1 == stages.len();
    if naming::has_numbers(facts) || (name.is_none() && !is_last) || !is_free("sources") || !is_free("test") {
        return None;
    }
    // What stands between the two may be meant for either.
    if test + 1 != build {
        return None;
    }
    let eol = layout::line_break(facts, stages[stage.index].from);
    let renamed = match &name {
        Some(name) => naming::renamed(text, name, "sources")?,
        None => format!("{text} AS sources"),
    };
    let again = name.map_or_else(|| "FROM sources".to_owned(), |name| format!("FROM sources AS {name}"));
    Some(vec![
        TextEdit { span: Span::new(from.span.start, from.span.start + text.len()), replacement: renamed },
        layout::insert_above(facts, test, &format!("{eol}FROM sources AS test{eol}")),
        layout::insert_above(facts, build, &format!("{eol}{again}{eol}")),
    ])
}
