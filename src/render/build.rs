//! The closing report of `build`: how it ended, what was foreseen of each step beside what the engine did, and what the
//! cache saved. A step that came out otherwise is told with the most likely reason and a way to check. In goes what is
//! known of the build, out comes text.

use std::fmt::Write as _;

use planner::built::{Built, BuiltStep, End, Experience, Outcome};
use planner::prediction::{Gap, Verdict};
use planner::snapshot::{Snapshot, StepKind};

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
    /// The engine of the build before it, if it was watched.
    pub(crate) engine_before: Option<String>,
    /// Whether every row is shown.
    pub(crate) verbose: bool,
}

/// The report as text.
pub(crate) fn write(closing: &Closing<'_>) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{HEADLINE}{}{HEADLINE:#}", conclusion(closing));
    table(&mut out, closing);
    let mut told = String::new();
    for (step, reason) in disagreements(closing) {
        // Steps that follow each other for one reason are told together.
        if !told.is_empty() && told != reason {
            let _ = writeln!(out, "  {told}");
        }
        if told != reason {
            let _ = writeln!(out);
        }
        let (name, instruction) = label(closing, step);
        let _ = writeln!(out, "{WARNING}not as predicted{WARNING:#}: {name} {instruction}");
        told = reason;
    }
    if !told.is_empty() {
        let _ = writeln!(out, "  {told}");
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
        (0, _) if is_first(built) => "the first build known here, so nothing was predicted".to_owned(),
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

/// Whether nothing was recorded before that says anything of its steps.
fn is_first(built: &Built) -> bool {
    let is_unrecorded = |step: &BuiltStep| step.predicted == Some(Verdict::Unknown(Gap::NeverRecorded));
    !built.steps.is_empty() && built.steps.iter().all(is_unrecorded)
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
        // The engine did not come to tell.
        (Outcome::Canceled, _) if step.seconds == 0.0 => String::new(),
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
pub(crate) fn disagreements<'a>(closing: &'a Closing<'_>) -> Vec<(&'a BuiltStep, String)> {
    let wrong: Vec<&BuiltStep> = closing.built.steps.iter().filter(|step| step.agrees() == Some(false)).collect();
    let is_wrong = |index: usize| wrong.iter().any(|step| step.step == index);
    let follows = |step: &&&BuiltStep| {
        let step = closing.snapshot.steps.get(step.step);
        step.is_some_and(|step| step.inputs.iter().any(|input| is_wrong(input.index())))
    };
    let first = wrong.iter().filter(|step| !follows(step));
    first.map(|step| (*step, reason(closing, step))).collect()
}

fn reason(closing: &Closing<'_>, step: &BuiltStep) -> String {
    let now = &closing.built.engine;
    let other = closing.engine_before.as_ref().filter(|before| !now.is_empty() && *before != now);
    match (step.outcome, other) {
        (Outcome::Cached, _) => {
            "it was in the cache already, from a build that went another way; `history import` learns from such builds"
                .to_owned()
        }
        (_, Some(before)) => format!(
            "another engine answers now, {} instead of {}, and may not have the other's cache; `docker buildx du` \
             shows what is kept",
            text::escape(now),
            text::escape(before)
        ),
        (_, None) => match base(closing.snapshot, step) {
            Some(image) => format!(
                "its base image `{image}` moved (`docker image inspect {image}`), or its result was no longer in the \
                 cache (`docker buildx du`)"
            ),
            None => "its result was no longer in the cache; `docker buildx du` shows what is kept".to_owned(),
        },
    }
}

/// The image that a step stands on or takes from, if nobody looked up where its tag points.
fn base(snapshot: &Snapshot, step: &BuiltStep) -> Option<String> {
    let inputs = &snapshot.steps.get(step.step)?.inputs;
    let kinds = inputs.iter().filter_map(|input| Some(&snapshot.step(*input)?.kind));
    let images = kinds.filter_map(|kind| match kind {
        StepKind::Image { reference, resolved: false, .. } => Some(reference),
        _ => None,
    });
    let image = images.into_iter().find(|reference| !reference.contains('@'))?;
    let short = image.strip_prefix("docker.io/").unwrap_or(image);
    Some(text::escape(short.strip_prefix("library/").unwrap_or(short)))
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
