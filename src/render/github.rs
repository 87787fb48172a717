//! Annotations for a GitHub workflow: one workflow command a line, on the lines of the Dockerfile that run for reasons
//! of their own, fail or go stale; what follows is summed up. In go a [`Forecast`] and the [`Names`] of what is built.
//! Nothing else is written, and no text from a file can begin or end a command.

use planner::cause::{Cause, CauseKind};
use planner::explanation::Status;
use planner::prediction::Gap;

use super::cause::{edit, is_ignorefile, sentence};
use super::explain::conclusion;
use super::explain::files::{self, Words};
use super::review::{Review, Step};
use super::text;
use crate::forecast::Forecast;
use crate::project::Names;

/// GitHub shows so many annotations of each kind for a step of a workflow, and drops the others.
const N_ANNOTATIONS: usize = 10;
/// Steps that are named in one annotation.
const N_NAMED: usize = 3;
/// Reasons that are told in one annotation.
const N_REASONS: usize = 6;
/// Lines of edits that are shown in one annotation, and characters of such a line.
const N_LINES: usize = 8;
const N_LINE: usize = 120;
/// Characters of an instruction.
const N_CHARACTERS: usize = 100;

/// One annotation.
struct Annotation<'a> {
    /// Where it stands; `None` for the build as a whole.
    step: Option<&'a Step<'a>>,
    title: String,
    /// Lines, each safe to show.
    message: String,
}

/// The annotations, the most important first.
pub(crate) fn write(forecast: &Forecast, names: &Names) -> String {
    let review = Review::of(forecast);
    let failing = review.failing().map(|step| about(step, "the build will fail here", reasons(step)));
    let stale = "stale result, BuildKit does not notice an edit";
    let stale = review.stale().map(|step| about(step, stale, reasons(step)));
    let mut sums = Vec::new();
    if forecast.gap.is_none() {
        sums.extend(after(&review));
        sums.extend(open(&review));
        sums.extend(sum(&review, &review.with(Status::Unknown), "cached or not, nobody can say", ""));
    }
    let mut notices = bounded(own(&review), N_ANNOTATIONS - sums.len());
    notices.append(&mut sums);
    let narrowed = forecast.narrowed.as_deref();
    let mut out = String::new();
    for (kind, annotations) in [
        ("error", bounded(failing.collect(), N_ANNOTATIONS)),
        ("warning", bounded(stale.collect(), N_ANNOTATIONS)),
        ("notice", notices),
    ] {
        annotations.iter().for_each(|annotation| command(&mut out, kind, annotation, names, narrowed));
    }
    if out.is_empty() {
        let message = match forecast.gap {
            Some(Gap::NeverRecorded) => {
                "nothing is recorded for this project yet; --since compares with a git revision".to_owned()
            }
            _ => conclusion(forecast),
        };
        let annotation = Annotation { step: None, title: "stageplan".to_owned(), message };
        command(&mut out, "notice", &annotation, names, narrowed);
    }
    out
}

/// The command, and its line end.
fn command(out: &mut String, kind: &str, annotation: &Annotation<'_>, names: &Names, narrowed: Option<&str>) {
    let mut properties = Vec::new();
    let lines: Vec<String> = annotation.message.lines().map(text::escape).collect();
    let mut message = lines.join("\n");
    if let Some(step) = annotation.step {
        let placed = &step.report.placed;
        match &names.dockerfile {
            Some(file) => {
                properties.push(("file", text::escape(file)));
                properties.push(("line", placed.line.to_string()));
                properties.push(("endLine", placed.end_line.to_string()));
            }
            None => message.insert_str(0, &format!("line {}: ", placed.line)),
        }
    }
    let title = match narrowed {
        Some(step) => format!("{} (only {})", annotation.title, text::cut(step, N_CHARACTERS)),
        None => annotation.title.clone(),
    };
    properties.push(("title", text::escape(&title)));
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
    out.push_str(&format!("::{kind} {}::{}\n", properties.join(","), data(&message)));
}

/// A message as the runner reads it back.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property as the runner reads it back.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

fn about<'a>(step: &'a Step<'a>, title: &str, message: String) -> Annotation<'a> {
    Annotation { step: Some(step), title: format!("stageplan: {title}"), message }
}

/// At most `n` annotations, the last of them for those that are left out.
fn bounded(mut annotations: Vec<Annotation<'_>>, n: usize) -> Vec<Annotation<'_>> {
    let n_all = annotations.len();
    if n_all > n {
        let left = annotations.split_off(n - 1);
        let named = named(left.iter().filter_map(|annotation| annotation.step));
        let last = left.into_iter().next();
        let message = format!("{} more: {named}", n_all - (n - 1));
        let title = "stageplan: more steps like those before".to_owned();
        annotations.extend(last.map(|first| Annotation { step: first.step, title, message }));
    }
    annotations
}

/// The steps that run for reasons of their own, those with the most consequences first.
fn own<'a>(review: &'a Review<'a>) -> Vec<Annotation<'a>> {
    let mut annotations = Vec::new();
    for root in &review.roots {
        for step in root.steps.iter().map(|index| &review.steps[*index]) {
            let follows = |index: &&usize| review.steps[**index].report.root.as_ref() == Some(&step.name);
            let title = match root.followers.iter().filter(follows).count() {
                0 => "runs again".to_owned(),
                n => format!("runs again, then {}", text::count(n, "step")),
            };
            annotations.push(about(step, &title, reasons(step)));
        }
    }
    annotations
}

/// What runs only because others do.
fn after<'a>(review: &'a Review<'a>) -> Option<Annotation<'a>> {
    let mut followers: Vec<usize> = review.roots.iter().flat_map(|root| root.followers.iter().copied()).collect();
    followers.sort_unstable();
    sum(review, &followers, "runs again only because an earlier step does", "")
}

/// What may run.
fn open<'a>(review: &'a Review<'a>) -> Option<Annotation<'a>> {
    let producers: Vec<String> = review.open.producers.iter().map(|stage| format!("`{stage}`")).collect();
    let decides = match producers.len() {
        0 => ", decided by which of two equal steps the engine runs first".to_owned(),
        1 => format!(", decided by what {} produces", producers.concat()),
        2..=N_NAMED => format!(", decided by what {} produce", producers.join(" and ")),
        n => format!(", decided by what {n} stages produce"),
    };
    sum(review, &review.open.steps, "may run again", &decides)
}

/// One annotation for some steps, on the first of them.
fn sum<'a>(review: &'a Review<'a>, steps: &[usize], title: &str, why: &str) -> Option<Annotation<'a>> {
    let steps = || steps.iter().map(|index| &review.steps[*index]);
    let n = steps().count();
    Some(about(steps().next()?, title, format!("{}{why}: {}", text::count(n, "step"), named(steps()))))
}

/// The instruction, and why it is as it is; what was edited stands on lines of its own.
fn reasons(step: &Step<'_>) -> String {
    // Of a step that is stale, only the edits that go unnoticed count; of others there are none.
    let told =
        step.report.causes.iter().filter(|cause| !step.report.stale_risk || cause.kind == CauseKind::StaleSource);
    let (of_files, others): (Vec<&Cause>, Vec<&Cause>) = told.partition(|cause| files::is_change(cause));
    let (ignored, edited): (Vec<&Cause>, Vec<&Cause>) = of_files.into_iter().partition(|cause| is_ignorefile(cause));
    let is_late = |cause: &&Cause| matches!(cause.kind, CauseKind::IgnorefileChanged | CauseKind::Upstream);
    let (late, own): (Vec<&Cause>, Vec<&Cause>) = others.iter().copied().partition(is_late);
    let mut told: Vec<String> = own.iter().map(|cause| sentence(cause, false)).collect();
    told.extend(of_paths(&edited));
    told.extend(late.iter().map(|cause| sentence(cause, false)));
    told.extend(of_paths(&ignored));
    if told.len() > N_REASONS {
        let n_left = told.len() - (N_REASONS - 1);
        told.truncate(N_REASONS - 1);
        told.push(format!("and {n_left} more"));
    }
    let mut reasons = format!("{}: {}", instruction(step), told.join(", "));
    let diffs: Vec<String> = others.iter().filter_map(|cause| edit::plain(cause)).collect();
    let lines: Vec<&str> = diffs.iter().flat_map(|diff| diff.lines()).collect();
    for line in lines.iter().take(N_LINES) {
        reasons.push_str(&format!("\n{}", text::cut(&text::escape(line), N_LINE)));
    }
    if lines.len() > N_LINES {
        reasons.push_str(&format!("\n… {}", text::count(lines.len() - N_LINES, "more line")));
    }
    reasons
}

/// Files, many of them by folder.
fn of_paths(causes: &[&Cause]) -> Vec<String> {
    let one = |cause: &Cause| sentence(cause, false);
    let words = Words { path: &str::to_owned, cause: &one, more: "", width: 2 * N_CHARACTERS, verbose: false };
    files::rows_in(causes, None, &words)
}

fn named<'a>(steps: impl Iterator<Item = &'a Step<'a>>) -> String {
    let steps: Vec<&Step<'_>> = steps.collect();
    let mut named: Vec<String> =
        steps.iter().take(N_NAMED).map(|step| format!("{} {}", step.name, instruction(step))).collect();
    if steps.len() > N_NAMED {
        named.push(format!("and {} more", steps.len() - N_NAMED));
    }
    named.join(", ")
}

fn instruction(step: &Step<'_>) -> String {
    let whole = text::escape(&step.instruction());
    if whole.chars().count() <= N_CHARACTERS {
        return whole;
    }
    whole.chars().take(N_CHARACTERS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_runner_reads_back_what_was_written() {
        assert_eq!(super::data("50%: a,b\r\n::error::"), "50%25: a,b%0D%0A::error::");
        assert_eq!(super::property("50%: a,b\n"), "50%25%3A a%2Cb%0A");
    }
}
