//! Annotations for a GitHub workflow: one workflow command a line, on the lines of the Dockerfile that run for reasons
//! of their own, fail or go stale; what follows is summed up. In go a [`Forecast`] and the [`Names`] of what is built.
//! Nothing else is written, and no text from a file can begin or end a command.

use planner::cause::CauseKind;
use planner::explanation::Status;
use planner::prediction::Gap;

use super::cause::sentence;
use super::explain::conclusion;
use super::review::{Review, Step, short};
use super::text;
use crate::forecast::Forecast;
use crate::project::Names;

/// GitHub shows so many annotations of each kind for a step of a workflow, and drops the others.
const N_ANNOTATIONS: usize = 10;
/// Reasons and steps that are named in one annotation.
const N_NAMED: usize = 3;
/// Characters of an instruction.
const N_CHARACTERS: usize = 100;

/// One annotation.
struct Annotation<'a> {
    /// Where it stands; `None` for the build as a whole.
    step: Option<&'a Step<'a>>,
    title: String,
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
    let mut out = String::new();
    for (kind, annotations) in [
        ("error", bounded(failing.collect(), N_ANNOTATIONS)),
        ("warning", bounded(stale.collect(), N_ANNOTATIONS)),
        ("notice", notices),
    ] {
        annotations.iter().for_each(|annotation| command(&mut out, kind, annotation, names));
    }
    if out.is_empty() {
        let message = match forecast.gap {
            Some(Gap::NeverRecorded) => {
                "nothing is recorded for this project yet; --since compares with a git revision".to_owned()
            }
            _ => conclusion(forecast),
        };
        command(&mut out, "notice", &Annotation { step: None, title: "stageplan".to_owned(), message }, names);
    }
    out
}

/// The command, and its line end.
fn command(out: &mut String, kind: &str, annotation: &Annotation<'_>, names: &Names) {
    let mut properties = Vec::new();
    let mut message = text::escape(&annotation.message);
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
    properties.push(("title", text::escape(&annotation.title)));
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

/// The instruction, and why it is as it is.
fn reasons(step: &Step<'_>) -> String {
    // Of a step that is stale, only the edits that go unnoticed count; of others there are none.
    let told =
        step.report.causes.iter().filter(|cause| !step.report.stale_risk || cause.kind == CauseKind::StaleSource);
    let n_left = told.clone().count().saturating_sub(N_NAMED);
    let mut told: Vec<String> = told.take(N_NAMED).map(|cause| sentence(&short(cause), false)).collect();
    if n_left > 0 {
        told.push(format!("and {n_left} more"));
    }
    format!("{}: {}", instruction(step), told.join(", "))
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
    let whole = step.instruction();
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
