//! What stands open in a comment: what fails, what makes which steps run, what may run, what nobody can say, and what
//! BuildKit gets wrong. In go a [`Review`] and the comment so far. Each list ends after some rows, or when the comment
//! has grown, and the rest is counted.

use std::fmt::Write as _;

use planner::cause::CauseKind;

use super::escape::{Within, cause, code};
use super::reasons;
use crate::render::review::{Review, Root, Step};
use crate::render::text;

/// Rows of the table of causes, and lines of each other list.
const N_ROWS: usize = 10;
/// Causes or steps that are named in one place.
const N_NAMED: usize = 3;
/// Stages that are named in one place.
const N_STAGES: usize = 4;
/// Characters of the comment behind which no row follows.
const N_CHARACTERS: usize = 16_000;

/// Writes all findings.
pub(super) fn write(out: &mut String, review: &Review<'_>) {
    failing(out, review);
    causes(out, review);
    open(out, review);
    unknown(out, review);
    stale(out, review);
}

/// Writes rows while they are few and the comment is short; gives those that are left.
fn rows<'a, T>(out: &mut String, items: &'a [T], row: impl Fn(&T) -> String) -> &'a [T] {
    for (index, item) in items.iter().enumerate() {
        if index == N_ROWS || out.chars().count() > N_CHARACTERS {
            return &items[index..];
        }
        out.push_str(&row(item));
    }
    &[]
}

/// The step that fails, and why.
pub(super) fn failure(step: &Step<'_>) -> String {
    let missing = step.report.causes.iter().find(|found| found.kind == CauseKind::SourceMissing);
    let told = missing.map(|missing| cause(missing, Within::Line)).unwrap_or_default();
    let why = told.strip_suffix("; the build fails here").unwrap_or(&told);
    format!("{}: {why}", code(&step.name, Within::Line))
}

/// What to do about steps that fail; the first of them stands in the headline.
fn failing(out: &mut String, review: &Review<'_>) {
    let failing: Vec<&Step<'_>> = review.failing().collect();
    let Some((_, others)) = failing.split_first() else { return };
    let left = rows(out, others, |step| format!("\nIt would fail at {}, too.\n", failure(step)));
    if !left.is_empty() {
        let _ = writeln!(out, "\nIt would fail at {}, too.", text::count(left.len(), "more place"));
    }
    let cure = "Bring the file back, or change the instruction or the ignore file.";
    let _ = writeln!(out, "\n{cure} Steps that need it are not reached.");
    let shown = failing.iter().take(failing.len() - left.len());
    reasons::edits(out, shown.map(|step| (step.name.as_str(), step.report.causes.as_slice())), N_CHARACTERS);
}

/// Stages by name while they are few.
pub(super) fn stages(review: &Review<'_>, steps: &[usize]) -> String {
    let stages = review.stages(steps);
    if stages.len() > N_STAGES {
        return text::count(stages.len(), "stage");
    }
    let named: Vec<String> = stages.iter().map(|stage| code(stage, Within::Cell)).collect();
    enumerated(&named)
}

/// `a`, `a and b`, `a, b and c`.
fn enumerated(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The first of some words, the others counted.
pub(super) fn listed(words: impl ExactSizeIterator<Item = String>) -> String {
    let n_left = words.len().saturating_sub(N_NAMED);
    let mut shown: Vec<String> = words.take(N_NAMED).collect();
    if n_left > 0 {
        shown.push(format!("{n_left} more"));
    }
    enumerated(&shown)
}

fn step(step: &Step<'_>, within: Within) -> String {
    format!("{} {}", code(&step.name, within), code(&step.instruction(), within))
}

/// What makes steps run, and what follows from each.
fn causes(out: &mut String, review: &Review<'_>) {
    let roots = &review.roots;
    if roots.is_empty() {
        return;
    }
    out.push_str("\n| Why | Runs again | And then |\n| --- | --- | --- |\n");
    let left = rows(out, roots, |root| {
        let steps = listed(root.steps.iter().map(|index| step(&review.steps[*index], Within::Cell)));
        let why: Vec<String> =
            reasons::rows(root.causes, Within::Cell).iter().map(|reason| capitalised(reason)).collect();
        format!("| {} | {steps} | {} |\n", why.join("<br>"), after(review, root))
    });
    if !left.is_empty() {
        let n_steps: usize = left.iter().map(|root| root.steps.len() + root.followers.len()).sum();
        let (causes, steps) = (text::count(left.len(), "more cause"), text::count(n_steps, "step"));
        let _ = writeln!(out, "\n{causes}, for {steps}, stand below or are left out.");
    }
    let shown = &roots[..roots.len() - left.len()];
    reasons::edits(out, shown.iter().map(|root| (first(review, root), root.causes)), N_CHARACTERS);
}

/// The step that stands for those with the same reasons.
fn first<'a>(review: &'a Review<'_>, root: &Root<'_>) -> &'a str {
    root.steps.first().map_or("", |step| review.steps[*step].name.as_str())
}

fn after(review: &Review<'_>, root: &Root<'_>) -> String {
    let n_followers = root.followers.len();
    let mut after = match n_followers {
        0 => "nothing".to_owned(),
        n => format!("{} in {}", text::count(n, "step"), stages(review, &root.followers)),
    };
    let all: Vec<usize> = root.steps.iter().chain(&root.followers).copied().collect();
    if let Some(time) = review.time(&all).told() {
        let _ = write!(after, "; {time} in all");
    }
    after
}

/// What may run, and what decides.
fn open(out: &mut String, review: &Review<'_>) {
    let group = &review.open;
    if group.steps.is_empty() {
        return;
    }
    let steps = listed(group.steps.iter().map(|index| step(&review.steps[*index], Within::Line)));
    let named: Vec<String> = group.producers.iter().take(N_STAGES).map(|stage| code(stage, Within::Line)).collect();
    let decides = match group.producers.len() {
        0 => "decided by which of two equal steps the engine runs first".to_owned(),
        1 => format!("decided by what {} produces", enumerated(&named)),
        2..=N_STAGES => format!("decided by what {} produce", enumerated(&named)),
        n => format!("decided by what {n} stages produce"),
    };
    let stay = if group.steps.len() == 1 { "it stays" } else { "they stay" };
    let unless = format!(" If that comes out byte for byte as before, {stay} cached.");
    let unless = if group.producers.is_empty() { "" } else { &unless };
    let _ = writeln!(out, "\n**May run again:** {steps}, {decides}.{unless}");
}

/// What nobody can say, and why.
fn unknown(out: &mut String, review: &Review<'_>) {
    let left = rows(out, &review.unknown, |group| {
        let steps = listed(group.steps.iter().map(|index| step(&review.steps[*index], Within::Line)));
        format!("\n**Nobody can say of** {steps}: {}.\n", reasons::line(group.causes))
    });
    let n_left: usize = left.iter().map(|group| group.steps.len()).sum();
    if n_left > 0 {
        let _ = writeln!(out, "\nNor of {}.", text::count(n_left, "more step"));
    }
}

/// What BuildKit will get wrong.
fn stale(out: &mut String, review: &Review<'_>) {
    let stale: Vec<&Step<'_>> = review.stale().collect();
    let left = rows(out, &stale, |step| {
        let shown = self::step(step, Within::Line);
        let why = reasons::line(&step.report.causes);
        let is_mode = step.report.causes.iter().any(|cause| cause.detail.as_deref() == Some("mode"));
        let cure = if is_mode { "`docker buildx prune --filter type=source.local`" } else { "`touch`" };
        format!(
            "\n**Stale result:** {shown} stays cached, but {why}. BuildKit does not notice; {cure} makes it look again.\n"
        )
    });
    if !left.is_empty() {
        let _ = writeln!(out, "\nThe same holds for {}.", text::count(left.len(), "more step"));
    }
}

/// The text with its first letter in upper case.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
