//! The closing report of `build`: how it ended, what was foreseen of each step beside what the engine did, and what the
//! cache saved. A step that came out otherwise is told with the most likely reason and a way to check. In goes what is
//! known of the build, out comes text.

use std::fmt::Write as _;

use planner::built::{Built, BuiltStep, End, Experience, Outcome};
use planner::prediction::Verdict;
use planner::snapshot::Snapshot;

use super::palette::{FAINT, HEADLINE, WARNING};
use super::text;

/// Columns for an instruction.
const N_COLUMNS: usize = 34;

/// A build and what it is told with.
pub(crate) struct Closing<'a> {
    /// What the engine reported.
    pub(crate) built: &'a Built,
    /// What it was made from.
    pub(crate) snapshot: &'a Snapshot,
    /// What earlier builds let expect.
    pub(crate) experience: &'a Experience,
    /// Whether every row is shown.
    pub(crate) verbose: bool,
}

/// The report as text.
pub(crate) fn write(closing: &Closing<'_>) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{HEADLINE}{}{HEADLINE:#}", conclusion(closing));
    table(&mut out, closing);
    for (step, reason) in disagreements(closing) {
        let (name, instruction) = label(closing, step);
        let _ = writeln!(out, "\n{WARNING}not as predicted{WARNING:#}: {name} {instruction}\n  {reason}");
    }
    unattributed(&mut out, closing.built);
    out
}

fn conclusion(closing: &Closing<'_>) -> String {
    let built = closing.built;
    let seconds = text::seconds(built.seconds);
    let how = match built.end {
        End::Succeeded => format!("built in {seconds}"),
        End::Failed => format!("the build failed after {seconds}"),
        End::Interrupted => format!("stopped after {seconds}"),
    };
    let certain: Vec<bool> = built.steps.iter().filter_map(BuiltStep::agrees).collect();
    let n_wrong = certain.iter().filter(|agrees| !**agrees).count();
    let n_open = built.steps.len() - certain.len();
    let agreement = match (certain.len(), n_wrong) {
        (0, _) => "nothing was predicted for certain".to_owned(),
        (1, 0) => "predicted = observed for the step".to_owned(),
        (n, 0) => format!("predicted = observed for all {n} steps"),
        (n, wrong) => format!("predicted = observed for {} of {}", n - wrong, text::count(n, "step")),
    };
    let open = if n_open > 0 && !certain.is_empty() { format!(" ({n_open} more were open)") } else { String::new() };
    let saved = saved(closing);
    let saved = if saved > 0.0 { format!("; the cache saved about {}", text::seconds(saved)) } else { String::new() };
    format!("{how}; {agreement}{open}{saved}")
}

/// The seconds that the cached steps took when they last ran.
fn saved(closing: &Closing<'_>) -> f64 {
    let cached = closing.built.steps.iter().filter(|step| step.outcome == Outcome::Cached);
    cached.filter_map(|step| closing.experience.seconds.get(&step.step)).sum()
}

fn table(out: &mut String, closing: &Closing<'_>) {
    let steps = &closing.built.steps;
    let is_quiet = |step: &&BuiltStep| step.outcome == Outcome::Cached && step.agrees() != Some(false);
    let n_quiet = steps.iter().filter(is_quiet).count();
    let folds = !closing.verbose && n_quiet > 0 && steps.len() > n_quiet;
    let shown: Vec<&BuiltStep> = steps.iter().filter(|step| !folds || !is_quiet(step)).collect();
    if shown.is_empty() || (n_quiet == steps.len() && !closing.verbose) {
        return;
    }
    let (name, predicted, observed) = ("step", "predicted", "observed");
    let _ = writeln!(out, "\n{FAINT}{name:<12} {:<N_COLUMNS$} {predicted:<9} {observed:<9} time{FAINT:#}", "");
    for step in shown {
        row(out, closing, step);
    }
    if folds {
        let _ = writeln!(out, "{FAINT}and {} taken from the cache{FAINT:#}", text::count(n_quiet, "step"));
    }
}

fn row(out: &mut String, closing: &Closing<'_>, step: &BuiltStep) {
    let expected = closing.experience.seconds.get(&step.step);
    let time = match (step.outcome, expected) {
        (Outcome::Cached, _) => String::new(),
        (_, Some(expected)) => format!(" {} (about {})", text::seconds(step.seconds), text::seconds(*expected)),
        (_, None) => format!(" {}", text::seconds(step.seconds)),
    };
    let observed = step.outcome.name();
    let style = if step.agrees() == Some(false) { WARNING } else { anstyle::Style::new() };
    let (name, instruction) = label(closing, step);
    let predicted = step.predicted.map_or("", Verdict::name);
    // Nothing stands behind the last word of a line, not even inside its style.
    let width = if time.is_empty() { 0 } else { 9 };
    let _ =
        writeln!(out, "{name:<12} {instruction:<N_COLUMNS$} {predicted:<9} {style}{observed:<width$}{style:#}{time}");
}

/// A step's name and its instruction, cut to a column.
fn label(closing: &Closing<'_>, step: &BuiltStep) -> (String, String) {
    let labels = closing.snapshot.step_labels();
    let instruction = labels.get(&step.step).map_or("", |(_, text)| text);
    let instruction = text::cut(&text::escape(instruction), N_COLUMNS);
    (text::escape(&step.name), instruction)
}

/// The steps that came out otherwise by themselves, each with the most likely reason and a way to check. What only
/// follows from one of them is left out.
fn disagreements<'a>(closing: &'a Closing<'_>) -> Vec<(&'a BuiltStep, &'static str)> {
    let wrong: Vec<&BuiltStep> = closing.built.steps.iter().filter(|step| step.agrees() == Some(false)).collect();
    let is_wrong = |index: usize| wrong.iter().any(|step| step.step == index);
    let follows = |step: &&&BuiltStep| {
        let inputs = &closing.snapshot.steps[step.step].inputs;
        inputs.iter().any(|input| is_wrong(input.index()))
    };
    let first = wrong.iter().filter(|step| !follows(step));
    first.map(|step| (*step, reason(step))).collect()
}

fn reason(step: &BuiltStep) -> &'static str {
    match step.outcome {
        Outcome::Cached => {
            "it was in the cache already, from a build that went another way; `history import` learns from such builds"
        }
        _ => {
            "its result was no longer in the cache, or its base image moved; `docker buildx du` shows what is kept, \
             `--pull` what images are now"
        }
    }
}

fn unattributed(out: &mut String, built: &Built) {
    if built.unattributed.is_empty() {
        return;
    }
    let n = text::count(built.unattributed.len(), "step");
    let names: Vec<String> =
        built.unattributed.iter().take(3).map(|name| format!("`{}`", text::escape(name))).collect();
    let _ = writeln!(out, "\n{FAINT}{n} of the engine's could not be told to be ours: {}{FAINT:#}", names.join(", "));
}
