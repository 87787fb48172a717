//! What a reviewer wants to know of a forecast, before it is laid out: which reasons make which steps run, what
//! follows from each, what is open and on what it depends, how long it takes. In goes a [`Forecast`], out comes a
//! [`Review`]; texts in it are as they were read, and each layout makes them safe in its own way.

use std::collections::{BTreeMap, BTreeSet};

use planner::cause::{Cause, CauseKind};
use planner::explanation::roots;
use planner::explanation::{Explanation, InstructionReport, StageReport, Status};

use crate::forecast::Forecast;

/// The steps that are used, and how they hang together. Steps are named by their index.
pub(crate) struct Review<'a> {
    /// In file order.
    pub(crate) steps: Vec<Step<'a>>,
    /// The steps that fail, because a file is missing, and those that need them.
    pub(crate) doomed: BTreeSet<usize>,
    /// What makes steps run, that with the most consequences first.
    pub(crate) roots: Vec<Root<'a>>,
    /// The steps that may run.
    pub(crate) open: Open,
    /// The steps of which nobody can say, by why.
    pub(crate) unknown: Vec<Root<'a>>,
}

/// A step.
pub(crate) struct Step<'a> {
    /// `stage:line`.
    pub(crate) name: String,
    /// Where its stage stands among all stages.
    pub(crate) place: usize,
    /// The stage's name, or `stage 2`.
    pub(crate) stage: String,
    /// What the stage is built upon.
    pub(crate) base: &'a str,
    /// What is said of it.
    pub(crate) report: &'a InstructionReport,
}

/// Reasons that some steps share.
pub(crate) struct Root<'a> {
    /// The reasons, those of the first step.
    pub(crate) causes: &'a [Cause],
    /// The steps that have them, or some of them.
    pub(crate) steps: Vec<usize>,
    /// The steps that run because those do.
    pub(crate) followers: Vec<usize>,
}

/// Steps that may run.
#[derive(Default)]
pub(crate) struct Open {
    /// The steps.
    pub(crate) steps: Vec<usize>,
    /// The stages whose output decides; empty where the engine's own order does.
    pub(crate) producers: BTreeSet<String>,
}

/// How long some steps take.
pub(crate) struct Time {
    /// The seconds of those that were timed.
    pub(crate) seconds: f64,
    /// How many were never timed.
    pub(crate) n_untimed: usize,
}

impl<'a> Review<'a> {
    /// Reads a forecast.
    pub(crate) fn of(forecast: &'a Forecast) -> Self {
        let stages = forecast.stages().into_iter().map(|(_, stage)| stage);
        let steps: Vec<Step<'_>> = stages.enumerate().flat_map(|(place, stage)| steps_of(place, stage)).collect();
        let doomed = doomed(steps.iter().map(|step| (step.name.as_str(), step.report)));
        let (roots, unknown) =
            (roots(&steps, &doomed), groups(&steps, |_, step| step.report.status == Status::Unknown));
        let open = open(&steps);
        let mut review = Self { steps, doomed, roots: Vec::new(), open, unknown };
        let mut weighed: Vec<_> = roots.into_iter().map(|root| (review.weight(&root), root)).collect();
        // A stable sort: of equals, the one that stands first in the file.
        weighed.sort_by(|((a, n), _), ((b, m), _)| b.total_cmp(a).then(m.cmp(n)));
        review.roots = weighed.into_iter().map(|(_, root)| root).collect();
        review
    }

    /// The indices of the steps with a status.
    pub(crate) fn with(&self, status: Status) -> Vec<usize> {
        let steps = self.steps.iter().enumerate().filter(|(_, step)| step.report.status == status);
        steps.map(|(index, _)| index).collect()
    }

    /// The steps at which the build fails.
    pub(crate) fn failing(&self) -> impl Iterator<Item = &Step<'a>> {
        self.steps.iter().filter(|step| step.fails())
    }

    /// The steps that hit on a result that an edit made wrong.
    pub(crate) fn stale(&self) -> impl Iterator<Item = &Step<'a>> {
        self.steps.iter().filter(|step| step.report.stale_risk)
    }

    /// The stages of some steps, each once, in file order.
    pub(crate) fn stages(&self, steps: &[usize]) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let stages = steps.iter().map(|step| self.steps[*step].stage.as_str());
        stages.filter(|stage| seen.insert(*stage)).collect()
    }

    /// How long some steps take, one after another.
    pub(crate) fn time(&self, steps: &[usize]) -> Time {
        let known: Vec<f64> = steps.iter().filter_map(|step| self.steps[*step].report.seconds).collect();
        Time { seconds: known.iter().sum(), n_untimed: steps.len() - known.len() }
    }

    fn weight(&self, root: &Root<'_>) -> (f64, usize) {
        let seconds = self.time(&root.steps).seconds + self.time(&root.followers).seconds;
        (seconds, root.steps.len() + root.followers.len())
    }
}

impl Step<'_> {
    /// Whether the build fails at it, because a file is missing.
    pub(crate) fn fails(&self) -> bool {
        fails(self.report)
    }

    /// The instruction as it is written.
    pub(crate) fn instruction(&self) -> String {
        let trigger = if self.report.placed.trigger { "ONBUILD " } else { "" };
        format!("{trigger}{}", self.report.placed.text)
    }
}

impl Time {
    /// `about 48 s`, `at least 48 s`; `None` where no step was timed.
    pub(crate) fn told(&self) -> Option<String> {
        // A sum of nothing is -0.0.
        let is_known = self.seconds > 0.0;
        let how = if self.n_untimed == 0 { "about" } else { "at least" };
        is_known.then(|| format!("{how} {}", seconds(self.seconds)))
    }
}

/// `0.4 s`, `48 s`, `3 min`, `1 h 5 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{:.1} s", seconds.max(0.1));
    }
    if seconds < 99.5 {
        return format!("{seconds:.0} s");
    }
    let minutes = (seconds / 60.0).round();
    let (hours, left) = ((minutes / 60.0).floor(), minutes % 60.0);
    if hours < 1.0 { format!("{minutes:.0} min") } else { format!("{hours:.0} h {left:.0} min") }
}

fn steps_of(place: usize, stage: &StageReport) -> impl Iterator<Item = Step<'_>> {
    let number = stage.index.map(|index| index.to_string()).unwrap_or_default();
    let short = stage.name.clone().unwrap_or_else(|| number.clone());
    let long = stage.name.clone().unwrap_or_else(|| format!("stage {number}"));
    let used = stage.instructions.iter().filter(|step| !matches!(step.status, Status::None | Status::Unused));
    used.map(move |report| Step {
        name: format!("{short}:{}", report.placed.line),
        place,
        stage: long.clone(),
        base: &stage.base,
        report,
    })
}

/// The steps that `is_in` picks, those with equal causes together.
fn groups<'a>(steps: &[Step<'a>], is_in: impl Fn(usize, &Step<'a>) -> bool) -> Vec<Root<'a>> {
    let mut groups: Vec<Root<'a>> = Vec::new();
    for (index, step) in steps.iter().enumerate().filter(|(index, step)| is_in(*index, step)) {
        let causes = step.report.causes.as_slice();
        match groups.iter_mut().find(|group| is_same(group.causes, causes)) {
            Some(group) => group.steps.push(index),
            None => groups.push(Root { causes, steps: vec![index], followers: Vec::new() }),
        }
    }
    groups
}

/// Whether two steps have the same reasons of their own, whatever else they follow from.
fn is_same(one: &[Cause], two: &[Cause]) -> bool {
    let own = |causes: &[Cause]| causes.iter().take_while(|cause| cause.kind != CauseKind::Upstream).count();
    match (own(one), own(two)) {
        (0, 0) => one == two,
        (n, m) => one[..n] == two[..m],
    }
}

/// Whether the build fails at a step, because a file is missing.
pub(crate) fn fails(step: &InstructionReport) -> bool {
    step.causes.iter().any(|cause| cause.kind == CauseKind::SourceMissing)
}

/// Of steps in file order, with their names: those that fail, and those that need them.
pub(crate) fn doomed<'a>(steps: impl Iterator<Item = (&'a str, &'a InstructionReport)>) -> BTreeSet<usize> {
    let (mut doomed, mut names) = (BTreeSet::new(), BTreeSet::new());
    for (index, (name, step)) in steps.enumerate() {
        // A step waits for steps above it only.
        if fails(step) || step.waits_for.iter().any(|name| names.contains(name.as_str())) {
            doomed.insert(index);
            names.insert(name);
        }
    }
    doomed
}

/// The vertices of the steps that the build does not come to, because one that they need fails.
pub(crate) fn unreached(explanation: &Explanation) -> BTreeSet<usize> {
    let mut unreached = BTreeSet::new();
    for target in &explanation.targets {
        let stages = target.stages.iter().enumerate();
        let steps: Vec<Step<'_>> = stages.flat_map(|(place, stage)| steps_of(place, stage)).collect();
        let doomed = doomed(steps.iter().map(|step| (step.name.as_str(), step.report)));
        let without = doomed.into_iter().map(|index| &steps[index]).filter(|step| !step.fails());
        unreached.extend(without.filter_map(|step| step.report.placed.step));
    }
    unreached
}

/// What makes steps run that are reached. A step that follows from one which is not shown to run stands for itself.
fn roots<'a>(steps: &[Step<'a>], doomed: &BTreeSet<usize>) -> Vec<Root<'a>> {
    let runs = |index: usize, step: &Step<'a>| step.report.status == Status::Miss && !doomed.contains(&index);
    let all = || steps.iter().enumerate().filter(|(index, step)| runs(*index, step));
    let own: BTreeSet<&str> =
        all().filter(|(_, step)| step.report.root.is_none()).map(|(_, step)| step.name.as_str()).collect();
    let follows = |step: &Step<'a>| step.report.root.as_deref().is_some_and(|root| own.contains(root));
    let reports: Vec<&InstructionReport> = steps.iter().map(|step| step.report).collect();
    let own_groups = roots::groups(&reports, |index| runs(index, &steps[index]) && !follows(&steps[index]));
    let root = |group: Vec<usize>| {
        let causes = group.first().map_or(&[][..], |first| steps[*first].report.causes.as_slice());
        Root { causes, steps: group, followers: Vec::new() }
    };
    let mut roots: Vec<Root<'a>> = own_groups.into_iter().map(root).collect();
    let mut of_step = BTreeMap::new();
    for (place, root) in roots.iter().enumerate() {
        of_step.extend(root.steps.iter().map(|step| (steps[*step].name.as_str(), place)));
    }
    for (index, step) in all().filter(|(_, step)| follows(step)) {
        if let Some(place) = step.report.root.as_deref().and_then(|root| of_step.get(root)) {
            roots[*place].followers.push(index);
        }
    }
    roots
}

/// The steps that may run, and the stages whose output decides.
fn open(steps: &[Step<'_>]) -> Open {
    let by_name: BTreeMap<&str, &Step<'_>> = steps.iter().rev().map(|step| (step.name.as_str(), step)).collect();
    let mut open = Open::default();
    for (index, step) in steps.iter().enumerate().filter(|(_, step)| step.report.status == Status::Pending) {
        open.steps.push(index);
        let awaited: Vec<_> =
            step.report.waits_for.iter().filter_map(|name| by_name.get(name.as_str())).copied().collect();
        let is_made = |awaited: &&&Step<'_>| matches!(awaited.report.status, Status::Miss | Status::Unknown);
        open.producers.extend(awaited.iter().filter(is_made).map(|awaited| awaited.stage.clone()));
        // A stage that hits can decide, too: by a result that this step was never built with.
        if !awaited.iter().any(|awaited| awaited.report.status != Status::Hit) {
            let root = step.report.root.as_deref().and_then(|root| root.rsplit_once(':'));
            open.producers.extend(root.map(|(stage, _)| stage.to_owned()).filter(|stage| *stage != step.stage));
        }
    }
    open
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_told_as_exactly_as_they_matter() {
        let cases = [
            (0.0, "0.1 s"),
            (0.44, "0.4 s"),
            (9.9, "9.9 s"),
            (9.96, "10 s"),
            (99.4, "99 s"),
            (99.6, "2 min"),
            (3569.0, "59 min"),
            (3599.0, "1 h 0 min"),
            (7500.0, "2 h 5 min"),
        ];
        for (seconds, told) in cases {
            assert_eq!(super::seconds(seconds), told);
        }
    }
}
