//! The comment on a pull request: a hidden line by which a bot finds its own comment, the conclusion, what makes which
//! steps run, what is open, and all steps folded away. In go a [`Forecast`] and the [`Names`] of what is built, out
//! comes Markdown as GitHub and GitLab read it. Equal input gives equal text, and the length is bounded.

mod escape;
mod marker;
mod steps;

use std::fmt::Write as _;

use planner::cause::{Cause, CauseKind};
use planner::explanation::Status;
use planner::prediction::Gap;

use super::review::{Review, Root, Step, short};
use super::text;
use crate::forecast::{Baseline, Forecast};
use crate::project::Names;

use escape::{Within, cause, code};

/// Rows of the table of causes, and lines of each other list.
const N_ROWS: usize = 10;
/// Causes or steps that are named in one place.
const N_NAMED: usize = 3;
/// Stages that are named in one place.
const N_STAGES: usize = 4;

/// The comment.
pub(crate) fn write(forecast: &Forecast, names: &Names) -> String {
    let review = Review::of(forecast);
    let subject = subject(names);
    let mut out = marker::write(names);
    // Writing into a String cannot fail.
    if forecast.gap.is_none() && forecast.all_hit() && review.stale().next().is_none() {
        let _ = writeln!(out, "{subject} {}.", calm(&review, &compared(forecast)));
        notes(&mut out, forecast);
        return out;
    }
    let _ = writeln!(out, "### {subject} {}", headline(&review, forecast.gap));
    if forecast.gap.is_some() {
        hint(&mut out, forecast.gap);
        notes(&mut out, forecast);
        return out;
    }
    failing(&mut out, &review);
    causes(&mut out, &review);
    open(&mut out, &review);
    unknown(&mut out, &review);
    stale(&mut out, &review);
    let mut end = footer(forecast);
    notes(&mut end, forecast);
    steps::write(&mut out, &review, end.chars().count());
    out + &end
}

/// What the comment is about.
fn subject(names: &Names) -> String {
    let dockerfile = names.dockerfile.as_deref().unwrap_or("Dockerfile from standard input");
    let mut subject = format!("Build of {}", code(dockerfile, Within::Line));
    if let Some(target) = &names.target {
        let _ = write!(subject, ", target {}", code(target, Within::Line));
    }
    if !names.is_beside() {
        let _ = write!(subject, ", context {}", code(&names.context, Within::Line));
    }
    subject + ":"
}

fn calm(review: &Review<'_>, compared: &str) -> String {
    let compared = if compared.is_empty() { String::new() } else { format!(", compared{compared}") };
    match review.steps.len() {
        0 => "no step is made".to_owned(),
        1 => format!("everything stays cached (1 step{compared})"),
        n => format!("everything stays cached ({n} steps{compared})"),
    }
}

/// The answer in one line.
fn headline(review: &Review<'_>, gap: Option<Gap>) -> String {
    match gap {
        Some(Gap::UnknownFrontend) => return "nobody can say what stays cached".to_owned(),
        Some(_) => return "nothing to compare with".to_owned(),
        None => {}
    }
    match review.failing().next() {
        None => tally(review),
        Some(first) => format!("it will fail at {}", failure(first)),
    }
}

/// The step that fails, and why.
fn failure(step: &Step<'_>) -> String {
    let told = step.report.causes.first().map(|first| cause(first, Within::Line)).unwrap_or_default();
    let why = told.strip_suffix("; the build fails here").unwrap_or(&told);
    format!("{}: {why}", code(&step.name, Within::Line))
}

/// What to do about steps that fail; the first of them stands in the headline.
fn failing(out: &mut String, review: &Review<'_>) {
    let failing: Vec<&Step<'_>> = review.failing().collect();
    if failing.is_empty() {
        return;
    }
    for step in failing.iter().skip(1).take(N_ROWS) {
        let _ = writeln!(out, "\nIt would fail at {}, too.", failure(step));
    }
    let n_left = failing.len().saturating_sub(N_ROWS + 1);
    if n_left > 0 {
        let _ = writeln!(out, "\nIt would fail at {}, too.", text::count(n_left, "more step").replace("step", "place"));
    }
    out.push_str(
        "\nBring the file back, or change the instruction or the ignore file. Steps that need it are not reached.\n",
    );
}

/// How many steps run again, where, how long that takes, and what stays.
fn tally(review: &Review<'_>) -> String {
    let (misses, n_hits) = (review.with(Status::Miss), review.with(Status::Hit).len());
    let (n_open, n_unknown) = (review.with(Status::Pending).len(), review.with(Status::Unknown).len());
    let mut tally = match misses.len() {
        0 if n_open + n_unknown > 0 => "no step is sure to run again".to_owned(),
        0 => "no step runs again".to_owned(),
        n => format!("{n} of {} again in {}", verb(review.steps.len(), n), stages(review, &misses)),
    };
    if let Some(time) = review.time(&misses).told() {
        let _ = write!(tally, ", {time}");
    }
    if n_open > 0 {
        let more = if misses.is_empty() { "" } else { " more" };
        let _ = write!(tally, "; {n_open}{more} may");
    }
    if n_unknown > 0 {
        let _ = write!(tally, "; of {n_unknown} nobody can say");
    }
    let _ = match n_hits {
        0 => write!(tally, "; nothing stays cached"),
        1 => write!(tally, "; 1 stays cached"),
        n => write!(tally, "; {n} stay cached"),
    };
    match review.stale().count() {
        0 => {}
        n => {
            let _ = write!(tally, ", {n} of them with a stale result");
        }
    }
    tally
}

/// `12 steps run`, `12 steps runs` for one of them.
fn verb(n_all: usize, n: usize) -> String {
    format!("{} {}", text::count(n_all, "step"), if n == 1 { "runs" } else { "run" })
}

/// Stages by name while they are few.
fn stages(review: &Review<'_>, steps: &[usize]) -> String {
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
fn listed(words: impl ExactSizeIterator<Item = String>) -> String {
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

/// The causes, the step's own ones first.
fn told(causes: &[Cause], within: Within) -> String {
    let own = causes.iter().filter(|found| found.kind != CauseKind::Upstream);
    let n_left = own.clone().count().saturating_sub(N_NAMED);
    let mut told: Vec<String> = own.take(N_NAMED).map(|found| cause(&short(found), within)).collect();
    if n_left > 0 {
        told.push(format!("{n_left} more"));
    }
    let mut told = enumerated(&told);
    if let Some(upstream) = causes.iter().find(|found| found.kind == CauseKind::Upstream) {
        let is_only = told.is_empty();
        let upstream = cause(upstream, within);
        told.push_str(&if is_only { upstream } else { format!("; {upstream} anyway") });
    }
    told
}

/// What makes steps run, and what follows from each.
fn causes(out: &mut String, review: &Review<'_>) {
    let roots = &review.roots;
    if roots.is_empty() {
        return;
    }
    out.push_str("\n| Why | Runs again | And then |\n| --- | --- | --- |\n");
    for root in roots.iter().take(N_ROWS) {
        let steps = listed(root.steps.iter().map(|index| step(&review.steps[*index], Within::Cell)));
        let why = capitalised(&told(root.causes, Within::Cell));
        let _ = writeln!(out, "| {why} | {steps} | {} |", after(review, root));
    }
    if let Some(left) = roots.get(N_ROWS..).filter(|left| !left.is_empty()) {
        let n_steps: usize = left.iter().map(|root| root.steps.len() + root.followers.len()).sum();
        let (causes, steps) = (text::count(left.len(), "more cause"), text::count(n_steps, "step"));
        let _ = writeln!(out, "\n{causes}, for {steps}, stand below or are left out.");
    }
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
    for group in review.unknown.iter().take(N_ROWS) {
        let steps = listed(group.steps.iter().map(|index| step(&review.steps[*index], Within::Line)));
        let _ = writeln!(out, "\n**Nobody can say of** {steps}: {}.", told(group.causes, Within::Line));
    }
    if let Some(left) = review.unknown.get(N_ROWS..).filter(|left| !left.is_empty()) {
        let n_steps = left.iter().map(|group| group.steps.len()).sum();
        let _ = writeln!(out, "\nNor of {} more.", text::count(n_steps, "step"));
    }
}

/// What BuildKit will get wrong.
fn stale(out: &mut String, review: &Review<'_>) {
    for step in review.stale().take(N_ROWS) {
        let shown = self::step(step, Within::Line);
        let why = told(&step.report.causes, Within::Line);
        let is_mode = step.report.causes.iter().any(|cause| cause.detail.as_deref() == Some("mode"));
        let cure = if is_mode {
            "`docker buildx prune --filter type=source.local` makes it look again"
        } else {
            "`touch` makes it look again"
        };
        let _ = writeln!(out, "\n**Stale result:** {shown} stays cached, but {why}. BuildKit does not notice; {cure}.");
    }
    let n_left = review.stale().count().saturating_sub(N_ROWS);
    if n_left > 0 {
        let _ = writeln!(out, "\nThe same holds for {} more.", text::count(n_left, "step"));
    }
}

/// What to do where nothing could be said.
fn hint(out: &mut String, gap: Option<Gap>) {
    let hint = match gap {
        Some(Gap::UnknownFrontend) => "The `# syntax=` line names a frontend whose rules are not known.",
        _ => {
            "`stageplan plan --since REVISION` compares with a git revision; `stageplan record` takes a build as done."
        }
    };
    let _ = writeln!(out, "\n{hint}");
}

/// What the answer is told against, and what it takes for granted.
fn footer(forecast: &Forecast) -> String {
    let mut sentences = Vec::new();
    let compared = compared(forecast);
    if !compared.is_empty() {
        sentences.push(format!("Compared{compared}."));
    }
    if !forecast.unmoved.is_empty() {
        let images = forecast.unmoved.iter().map(|image| code(image, Within::Line));
        sentences.push(format!("Base images were not looked up, and are taken as unmoved: {}.", listed(images)));
    }
    if sentences.is_empty() { String::new() } else { format!("\n{}\n", sentences.join(" ")) }
}

/// ` with commit …`; nothing that two runs on one state would tell differently.
fn compared(forecast: &Forecast) -> String {
    match &forecast.baseline {
        Baseline::None => String::new(),
        Baseline::Record { .. } => " with the last recorded build".to_owned(),
        Baseline::Git { id, .. } => format!(" with commit {}", code(id.get(..12).unwrap_or(id), Within::Line)),
    }
}

/// What was taken for granted.
fn notes(out: &mut String, forecast: &Forecast) {
    for note in forecast.notes.iter().take(N_ROWS) {
        let _ = writeln!(out, "\nNote: {}", escape::note(note));
    }
    if forecast.lost && forecast.gap.is_none() {
        out.push_str("\nNote: recorded builds were lost, so some steps may be cached that nobody knows of.\n");
    }
}

/// The text with its first letter in upper case.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
