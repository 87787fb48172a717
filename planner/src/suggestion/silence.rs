//! Comments that silence rules: `# stageplan ignore=RULE[,RULE]`, right above the instruction that a finding blames or
//! right above the `FROM` of its stage. In goes a finding, out comes whether nobody wants to hear it.

use super::layout::block;
use super::{Facts, Suggestion};

/// Whether a comment silences a finding.
#[must_use]
pub fn is_silenced(facts: &Facts<'_>, found: &Suggestion) -> bool {
    let from = facts.dockerfile.stages.get(found.stage).map(|stage| stage.from);
    std::iter::once(found.instruction)
        .chain(from)
        .any(|place| ignored_above(facts, place).any(|rule| rule == found.rule))
}

/// The rules that comments name anywhere in the file, with the line of each.
#[must_use]
pub fn named(facts: &Facts<'_>) -> Vec<(u32, String)> {
    let mut named = Vec::new();
    for comment in &facts.dockerfile.comments {
        let text = facts.text();
        let line = text[..comment.start].matches('\n').count() + 1;
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        named.extend(rules(&text[comment.range()]).map(|rule| (line, rule.to_owned())));
    }
    named
}

fn ignored_above<'a>(facts: &'a Facts<'_>, instruction: usize) -> impl Iterator<Item = &'a str> {
    let above = block(facts, instruction).start..facts.instruction(instruction).span.start;
    facts.text()[above].lines().flat_map(rules)
}

/// The rules that a comment names.
fn rules(comment: &str) -> impl Iterator<Item = &str> {
    let said = comment.trim().trim_start_matches('#').trim().strip_prefix("stageplan ");
    let list = said.and_then(|said| said.trim().strip_prefix("ignore=")).unwrap_or_default();
    list.split([',', ' ']).take_while(|rule| *rule != "--").map(str::trim).filter(|rule| !rule.is_empty())
}
