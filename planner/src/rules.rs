//! The rules: what a careful reviewer of a Dockerfile would say about the order of its steps. Each is a function from
//! [`Facts`] to [`Suggestion`]s, named after what is wrong. Whether an edit is safe is not theirs to say: that is argued
//! anew for each, from the text before and the text after.

mod sources_before_dependencies;
mod output_before_dependencies;
mod early_variable;
mod prune_after_sources;
mod wide_copy;
mod repeated_install;
mod sources_in_final_stage;
mod serial_stages;
mod missing_manifest;
mod comment_as_argument;
mod unlocked_install;
mod production_install_before_build;

use crate::diagnostic::Diagnostic;
use crate::safety;
use crate::steps::{Act, Copied, Surroundings};
use crate::suggestion::silence::is_silenced;
use crate::suggestion::{Applicability, Facts, Suggestion};

/// A rule.
type Rule = fn(&Facts<'_>) -> Vec<Suggestion>;

/// What the edits of a rule are meant to leave as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// The images; whether they do is argued.
    SameImages,
    /// What the images are for: a reader has to judge.
    SamePurpose,
}

/// Every rule by name, in the order in which their pages are listed.
const RULES: &[(&str, Aim, Rule)] = &[
    (sources_before_dependencies::NAME, Aim::SameImages, sources_before_dependencies::find),
    (output_before_dependencies::NAME, Aim::SameImages, output_before_dependencies::find),
    (early_variable::NAME, Aim::SameImages, early_variable::find),
    (prune_after_sources::NAME, Aim::SamePurpose, prune_after_sources::find),
    (wide_copy::NAME, Aim::SameImages, wide_copy::find),
    (sources_in_final_stage::NAME, Aim::SameImages, sources_in_final_stage::find),
    (serial_stages::NAME, Aim::SamePurpose, serial_stages::find),
    (repeated_install::NAME, Aim::SamePurpose, repeated_install::find),
    (missing_manifest::NAME, Aim::SameImages, missing_manifest::find),
    (comment_as_argument::NAME, Aim::SamePurpose, comment_as_argument::find),
    (unlocked_install::NAME, Aim::SamePurpose, unlocked_install::find),
    (production_install_before_build::NAME, Aim::SameImages, production_install_before_build::find),
];

/// The names of all rules.
pub fn names() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(name, ..)| *name)
}

/// What the rules say, by line; what comments silence is left out.
#[must_use]
pub fn suggest(facts: &Facts<'_>) -> Vec<Suggestion> {
    let found = RULES.iter().flat_map(|(_, aim, rule)| rule(facts).into_iter().map(|found| (*aim, found)));
    let found = found.filter(|(_, found)| !is_silenced(facts, found));
    let mut found: Vec<Suggestion> = found.map(|(aim, found)| judged(facts, aim, found)).collect();
    found.sort_by(|a, b| (a.line, a.rule).cmp(&(b.line, b.rule)));
    found
}

/// A finding with what may be done with its edits.
fn judged(facts: &Facts<'_>, aim: Aim, mut found: Suggestion) -> Suggestion {
    if !facts.is_editable && !found.edits.is_empty() {
        found.edits.clear();
        found.doubts.push("the Dockerfile is not UTF-8".to_owned());
    }
    if found.edits.is_empty() {
        return found;
    }
    let after = found.apply(facts.text()).map(|text| Facts::read(text.as_bytes(), facts.around));
    match after {
        Some(Ok(after)) if aim == Aim::SameImages => found.doubts.extend(safety::doubts(facts, &after)),
        Some(Ok(_)) => {}
        Some(Err(refusal)) => {
            found.edits.clear();
            found.doubts.push(format!("an edit that BuildKit refuses was left out: {}", refusal.message));
        }
        None => found.edits.clear(),
    }
    let local = facts.around.untracked.iter().map(crate::context::ContextPath::to_lossy);
    let local: Vec<String> = local.filter(|path| is_named_anew(facts, &found, path)).collect();
    found.doubts.extend(local.iter().map(|path| {
        format!("`{path}` is not in the repository, so other machines may lack it, and a copy of it fails")
    }));
    if !found.edits.is_empty() && holds_itself(facts) {
        found.declares.push("the image holds its own Dockerfile, which becomes another text".to_owned());
    }
    let is_safe = aim == Aim::SameImages && found.doubts.is_empty() && !found.edits.is_empty();
    found.applicability = if is_safe { Applicability::Safe } else { Applicability::Review };
    found
}

/// Whether the edits of a finding name a file that the Dockerfile did not name.
fn is_named_anew(facts: &Facts<'_>, found: &Suggestion, path: &str) -> bool {
    let names = |text: &str| text.split_whitespace().any(|word| word == path);
    found.edits.iter().any(|edit| names(&edit.replacement)) && !names(facts.text())
}

/// Whether some stage copies the Dockerfile.
fn holds_itself(facts: &Facts<'_>) -> bool {
    let Some(own) = facts.around.dockerfile else { return false };
    let is_own = |copied: &Copied| copied.written.files().any(|(_, entry)| entry.from == *own);
    let steps = facts.stages.iter().flat_map(|stage| &stage.steps);
    steps.into_iter().any(|step| matches!(&step.act, Act::Copy(copies) if copies.iter().any(is_own)))
}

/// A Dockerfile after its safe suggestions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rewritten {
    /// The text.
    pub text: String,
    /// What was done, in order; places are those in the text at that time.
    pub applied: Vec<Suggestion>,
}

/// More edits than any file needs; a rule that undid another's would never end.
const MOST_EDITS: usize = 64;

/// Applies safe suggestions that `is_wanted` one after the other, until none is left.
///
/// # Errors
/// What BuildKit refuses the Dockerfile with.
pub fn rewrite(
    bytes: &[u8],
    around: Surroundings<'_>,
    is_wanted: &dyn Fn(&Suggestion) -> bool,
) -> Result<Rewritten, Diagnostic> {
    let mut facts = Facts::read(bytes, around)?;
    let mut applied = Vec::new();
    while applied.len() < MOST_EDITS {
        let is_next = |one: &Suggestion| one.applicability == Applicability::Safe && is_wanted(one);
        let Some(next) = suggest(&facts).into_iter().find(is_next) else { break };
        let Some(text) = next.apply(facts.text()) else { break };
        facts = Facts::read(text.as_bytes(), around)?;
        applied.push(next);
    }
    Ok(Rewritten { text: facts.text().to_owned(), applied })
}
