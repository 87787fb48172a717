//! The closing report of `build`: how it ended, what was foreseen of each step beside what the engine did, and what the
//! cache saved. A step that came out otherwise is told with the most likely reason and a way to check. In goes what is
//! known of the build, out comes text.

use std::fmt::Write as _;

use planner::built::{Built, BuiltStep, End, Experience, Outcome};
use planner::prediction::{Gap, Verdict};
use planner::snapshot::{Snapshot, StepKind};

use super::palette::{FAINT, HEADLINE, WARNING};
use super::text;

/// Columns of the page.
const N_PAGE: usize = 80;
/// Characters of an instruction that a sentence holds.
const N_INSTRUCTION: usize = 40;

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
    changed(&mut out, closing.built);
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
        let instruction = text::cut(&instruction, N_INSTRUCTION);
        let _ = writeln!(out, "{WARNING}not as predicted{WARNING:#}: {name} {instruction}");
        told = reason;
    }
    if !told.is_empty() {
        let _ = writeln!(out, "  {told}");
    }
    unattributed(&mut out, closing.built);
    out
}

/// What changed while the build began; the steps that read it are not compared.
fn changed(out: &mut String, built: &Built) {
    /// So many are named.
    const N_NAMED: usize = 3;
    if built.changed.is_empty() {
        return;
    }
    let named = built.changed.iter().take(N_NAMED).map(|what| format!("`{}`", text::escape(what)));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match built.changed.len().saturating_sub(N_NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let _ = writeln!(
        out,
        "{WARNING}{named}{more} changed while the build began{WARNING:#}: which version its steps read, nobody can say"
    );
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
        (0, _) if is_untold(closing) => "docker told of none of its steps, so nothing is known of them".to_owned(),
        (0, _) if is_first(built) => "the first build known here, so nothing was predicted".to_owned(),
        (0, _) => "nothing was predicted for certain".to_owned(),
        (1, 0) => "predicted = observed for the step".to_owned(),
        (n, 0) => format!("predicted = observed for all {n} steps"),
        (n, wrong) => format!("predicted = observed for {} of {}", n - wrong, text::count(n, "step")),
    };
    let open = match n_open {
        _ if certain.is_empty() => String::new(),
        0 => String::new(),
        1 => " (1 more was open)".to_owned(),
        n => format!(" ({n} more were open)"),
    };
    format!("{how}; {agreement}{open}")
}

/// Whether there were steps, and the engine told of none.
fn is_untold(closing: &Closing<'_>) -> bool {
    closing.built.steps.is_empty() && closing.snapshot.steps.iter().any(|step| step.kind == StepKind::Step)
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
    if n_quiet == steps.len() && !closing.verbose {
        if n_quiet > 0 {
            let _ = writeln!(out, "{}", cached(closing, n_quiet));
        }
        return;
    }
    let rows: Vec<Row> = shown.iter().map(|step| Row::of(closing, step)).collect();
    let columns = Columns::of(&rows);
    let heads = Row {
        name: "step".to_owned(),
        instruction: String::new(),
        predicted: "predicted",
        observed: "observed",
        is_wrong: false,
        time: "time".to_owned(),
    };
    let _ = writeln!(out, "\n{FAINT}{}{FAINT:#}", columns.line(&heads));
    for row in &rows {
        let _ = writeln!(out, "{}", columns.line(row));
    }
    if folds {
        let _ = writeln!(out, "{FAINT}and {}{FAINT:#}", cached(closing, n_quiet));
    }
}

/// `7 steps taken from the cache, which saved about 14 s`.
fn cached(closing: &Closing<'_>, n: usize) -> String {
    let taken = format!("{} taken from the cache", text::count(n, "step"));
    match saved(closing) {
        saved if saved > 0.0 => format!("{taken}, which saved about {}", text::seconds(saved)),
        _ => taken,
    }
}

/// One step in the table.
struct Row {
    name: String,
    instruction: String,
    predicted: &'static str,
    observed: &'static str,
    is_wrong: bool,
    time: String,
}

impl Row {
    fn of(closing: &Closing<'_>, step: &BuiltStep) -> Self {
        let (name, instruction) = label(closing, step);
        Self {
            name,
            instruction,
            predicted: step.predicted.map_or("", Verdict::name),
            observed: step.outcome.name(),
            is_wrong: step.agrees() == Some(false),
            time: time(step, closing.experience.seconds.get(&step.step).copied()),
        }
    }
}

/// The seconds it took, and those that were expected where it took plainly more or less.
fn time(step: &BuiltStep, expected: Option<f64>) -> String {
    let took = text::seconds(step.seconds);
    match (step.outcome, expected) {
        (Outcome::Cached, _) => String::new(),
        // The engine did not come to tell.
        (Outcome::Canceled, _) if step.seconds == 0.0 => String::new(),
        (_, Some(expected)) if is_other(step.seconds, expected) => format!("{took}, not {}", text::seconds(expected)),
        _ => took,
    }
}

/// Whether a time is no longer within the noise of another.
fn is_other(took: f64, expected: f64) -> bool {
    /// Below this many seconds nothing is said.
    const NOISE: f64 = 1.0;
    (took - expected).abs() > NOISE.max(0.3 * expected)
}

/// The widths of a table that fits the page.
struct Columns {
    name: usize,
    instruction: usize,
}

impl Columns {
    const VERDICT: usize = 9;

    fn of(rows: &[Row]) -> Self {
        let longest = |of: &dyn Fn(&Row) -> &str| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
        let name = longest(&|row| &row.name).clamp(8, 24);
        let time = longest(&|row| &row.time).max("time".len());
        let taken = name + 2 * Self::VERDICT + time + 4;
        Self { name, instruction: N_PAGE.saturating_sub(taken).min(longest(&|row| &row.instruction)).max(16) }
    }

    fn line(&self, row: &Row) -> String {
        let (names, verdicts) = (self.name, Self::VERDICT);
        let instructions = self.instruction;
        let name = text::cut(&row.name, names);
        let instruction = text::cut(&row.instruction, instructions);
        let style = if row.is_wrong { WARNING } else { anstyle::Style::new() };
        let Row { predicted, observed, time, .. } = row;
        // Nothing stands behind the last word of a line, not even inside its style.
        let (width, gap) = if time.is_empty() { (0, "") } else { (verdicts, " ") };
        format!(
            "{name:<names$} {instruction:<instructions$} {predicted:<verdicts$} \
             {style}{observed:<width$}{style:#}{gap}{time}"
        )
    }
}

/// A step's name and its instruction, on one line.
fn label(closing: &Closing<'_>, step: &BuiltStep) -> (String, String) {
    let labels = closing.snapshot.step_labels();
    let instruction = labels.get(&step.step).map_or("", |(_, text)| text);
    (text::escape(&step.name), text::escape(instruction))
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
