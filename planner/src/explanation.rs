//! A prediction told instruction by instruction: what will happen, and why. Verdicts come from `prediction`, and
//! nothing here changes one; causes come from comparing a step with the step it corresponds to in an earlier
//! build, the newest one that says something.

mod shared;
mod image;
mod above;
mod compare;
mod cover;
pub mod reads;
pub mod roots;
mod stale;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::built::{Experience, Odds};
use crate::cause::{CONTEXT, Cause, CauseKind, ignored};
use crate::context::{BuildContext, ContextPath};
use crate::digest::ContentDigest;
use crate::graph::lower::MAIN_CONTEXT;
use crate::graph::{Placed, StageGraph, TargetGraph};
use crate::history::RecordedInput;
use crate::plan::Plan;
use crate::prediction::{Gap, Prediction, Verdict};
use crate::snapshot::{Snapshot, Step, StepKind};
use crate::transfer::Stale;

use compare::Comparison;
use cover::Cover;
pub use reads::Reads;

/// What to explain, and all that it is explained with.
pub struct Question<'a> {
    /// The build.
    pub snapshot: &'a Snapshot,
    /// What will become of it.
    pub prediction: &'a Prediction,
    /// Earlier builds of the project, newest first: the n-th, while there is one.
    pub earlier: &'a dyn Fn(usize) -> Option<Snapshot>,
    /// A build context by its digest.
    pub context: &'a dyn Fn(&ContentDigest) -> Option<BuildContext>,
    /// Per context, the edits that BuildKit will not notice.
    pub stale: &'a BTreeMap<String, Vec<Stale>>,
    /// Why nothing can be said of any step, where that is so.
    pub gap: Option<Gap>,
    /// What earlier builds say of the steps.
    pub experience: &'a Experience,
}

/// The answer for all targets.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    /// One for each target, in order.
    pub targets: Vec<TargetReport>,
}

/// The answer for one target.
#[derive(Clone, PartialEq, Debug)]
pub struct TargetReport {
    /// The target's name in the plan.
    pub name: String,
    /// The name of the stage that is built, or its index.
    pub stage: String,
    /// Its stages in file order; the `ARG`s before the first `FROM` stand last, without an index.
    pub stages: Vec<StageReport>,
    /// How its steps stand to each other in time.
    pub plan: Plan,
}

impl TargetReport {
    /// Each step's name, `stage:line`: that of the first instruction it is made by.
    #[must_use]
    pub fn step_names(&self) -> BTreeMap<usize, String> {
        let mut names = BTreeMap::new();
        for (place, stage) in self.stages.iter().enumerate() {
            let stage_name = stage.name.clone().unwrap_or_else(|| place.to_string());
            for placed in stage.instructions.iter().map(|instruction| &instruction.placed) {
                if let Some(step) = placed.step {
                    names.entry(step).or_insert_with(|| format!("{stage_name}:{}", placed.line));
                }
            }
        }
        names
    }
}

/// The answer for one stage.
#[derive(Clone, PartialEq, Debug)]
pub struct StageReport {
    /// Its index; `None` for what stands before the first `FROM`.
    pub index: Option<usize>,
    /// The name after `AS`.
    pub name: Option<String>,
    /// What it is built upon.
    pub base: String,
    /// Whether the target needs it.
    pub used: bool,
    /// The answers for its instructions.
    pub instructions: Vec<InstructionReport>,
}

/// The answer for one instruction.
#[derive(Clone, PartialEq, Debug)]
pub struct InstructionReport {
    /// The instruction.
    pub placed: Arc<Placed>,
    /// What BuildKit will do.
    pub status: Status,
    /// What it will do with the merge behind a `COPY --link`.
    pub link: Option<Status>,
    /// Whether it will take a result that an unnoticed edit has made wrong.
    pub stale_risk: bool,
    /// Why, the step's own reasons first.
    pub causes: Vec<Cause>,
    /// The step it follows from, as `stage:line`.
    pub root: Option<String>,
    /// The files of build contexts it reads.
    pub reads: Reads,
    /// The steps whose results it needs, as `stage:line`.
    pub waits_for: Vec<String>,
    /// Whether it is on the longest chain of steps.
    pub critical: bool,
    /// The seconds it took when it last ran; `None` where it was never timed.
    pub seconds: Option<f64>,
    /// Of a step that is pending: how often it ran when it had been pending before.
    pub odds: Option<Odds>,
}

/// What BuildKit will do with an instruction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Status {
    /// Report it CACHED.
    Hit,
    /// Execute it.
    Miss,
    /// One or the other, depending on bytes that are yet to be made.
    Pending,
    /// Nobody can say.
    Unknown,
    /// Not touch it: the target does not need its stage.
    Unused,
    /// Make no step of it.
    None,
}

impl Status {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Unused => "unused",
            Self::None => "none",
        }
    }
}

/// Explains a prediction.
#[must_use]
pub fn explain(question: &Question<'_>) -> Explanation {
    let snapshot = question.snapshot;
    let names = snapshot.targets.iter().map(|target| (target, step_names(target))).collect::<Vec<_>>();
    let targets = names.iter().enumerate().map(|(index, (target, names))| {
        let plan = Plan::new(snapshot, target, &|step| verdict(question, step), &question.experience.seconds);
        let mut explaining = Explaining {
            question,
            target: index,
            names,
            comparison: Comparison::new(question),
            roots: BTreeMap::new(),
            critical: plan.critical.iter().copied().collect(),
            plan,
            cover: Cover::default(),
        };
        explaining.target(target)
    });
    Explanation { targets: targets.collect() }
}

/// Each step's name, `stage:line`: that of the first instruction it is made by.
fn step_names(target: &TargetGraph) -> BTreeMap<usize, String> {
    let mut names = BTreeMap::new();
    for (index, stage) in target.stages.iter().enumerate().filter(|(_, stage)| stage.used) {
        for placed in &stage.instructions {
            for step in [placed.step, placed.link].into_iter().flatten() {
                names.entry(step).or_insert_with(|| format!("{}:{}", stage_name(stage, index), placed.line));
            }
        }
    }
    names
}

fn stage_name(stage: &StageGraph, index: usize) -> String {
    stage.name.clone().unwrap_or_else(|| index.to_string())
}

/// The verdict on a step, where nothing can be said of any step the gap behind that.
fn verdict(question: &Question<'_>, step: usize) -> Verdict {
    let verdict = question.prediction.standings[step].verdict;
    // What another project recorded is in the cache all the same.
    let is_known = question.gap == Some(Gap::NeverRecorded) && verdict == Verdict::Hit;
    question.gap.filter(|_| !is_known).map_or(verdict, Verdict::Unknown)
}

struct Explaining<'a> {
    question: &'a Question<'a>,
    target: usize,
    names: &'a BTreeMap<usize, String>,
    comparison: Comparison<'a>,
    /// For each explained step that does not hit, the step it follows from.
    roots: BTreeMap<usize, String>,
    plan: Plan,
    cover: Cover,
    /// The steps of the plan's critical path.
    critical: BTreeSet<usize>,
}

impl Explaining<'_> {
    fn target(&mut self, target: &TargetGraph) -> TargetReport {
        let stages = target.stages.iter().enumerate();
        let mut stages: Vec<StageReport> = stages.map(|(index, stage)| self.stage(index, stage)).collect();
        if !target.preamble.is_empty() {
            let instructions = target.preamble.iter().map(|placed| plain(placed, Status::None)).collect();
            stages.push(StageReport { index: None, name: None, base: String::new(), used: true, instructions });
        }
        let stage = target.stages.get(target.stage).map(|stage| stage_name(stage, target.stage));
        TargetReport {
            name: target.name.clone(),
            stage: stage.unwrap_or_default(),
            stages,
            plan: std::mem::take(&mut self.plan),
        }
    }

    fn stage(&mut self, index: usize, stage: &StageGraph) -> StageReport {
        let instructions = stage.instructions.iter().enumerate().map(|(place, placed)| match placed.step {
            _ if !stage.used => plain(placed, Status::Unused),
            None => plain(placed, Status::None),
            Some(step) => self.step((self.target, index, place), placed, step),
        });
        let instructions = instructions.collect();
        StageReport {
            index: Some(index),
            name: stage.name.clone(),
            base: stage.base.clone(),
            used: stage.used,
            instructions,
        }
    }

    fn step(&mut self, at: (usize, usize, usize), placed: &Arc<Placed>, id: usize) -> InstructionReport {
        let status = self.status(id);
        let step = &self.question.snapshot.steps[id];
        let mut causes = match status {
            Status::Miss => self.miss_causes(at, id, step),
            // It would miss by itself; only which of the twins is executed is open.
            Status::Pending if self.question.prediction.standings[id].is_twin => self.miss_causes(at, id, step),
            Status::Pending => self.pending_causes(at, id, step),
            Status::Unknown => self.gap_causes(id),
            _ => Vec::new(),
        };
        let follows = |root: &String| status == Status::Pending || self.cover.adds_nothing(root, &causes, step);
        let upstream = causes.iter().find(|cause| cause.kind == CauseKind::Upstream);
        let root = upstream.and_then(|cause| cause.root.clone()).filter(follows);
        let own = self.names.get(&id).cloned().unwrap_or_default();
        self.cover.add(id, placed, &causes, root.is_none().then_some(own.as_str()));
        self.roots.insert(id, root.clone().unwrap_or(own));
        let stale = if status == Status::Hit { stale::causes(self.question, step) } else { Vec::new() };
        let stale_risk = !stale.is_empty();
        causes.extend(stale);
        InstructionReport {
            placed: placed.clone(),
            status,
            link: placed.link.map(|link| self.status(link)),
            stale_risk,
            causes,
            root,
            reads: reads::of_step(step, self.question.context),
            waits_for: reads::waits_for(self.question.snapshot, self.names, placed),
            critical: self.critical.contains(&id),
            odds: (status == Status::Pending).then(|| self.question.experience.odds.get(&id).copied()).flatten(),
            seconds: self.question.experience.seconds.get(&id).copied(),
        }
    }

    fn status(&self, step: usize) -> Status {
        match verdict(self.question, step) {
            Verdict::Hit => Status::Hit,
            Verdict::Miss => Status::Miss,
            Verdict::Pending => Status::Pending,
            Verdict::Unknown(_) => Status::Unknown,
        }
    }

    fn miss_causes(&mut self, at: (usize, usize, usize), id: usize, step: &Step) -> Vec<Cause> {
        if let Some(path) = &self.question.prediction.standings[id].missing {
            return self.source_missing(step, ContextPath::new(path));
        }
        let mut causes = Vec::new();
        if step.ignore_cache {
            causes.push(Cause::of(CauseKind::NoCacheRequested));
        }
        let runs_before = step.inputs.iter().any(|input| self.roots_of(input.index()).is_some());
        let own = self.comparison.causes(at, id, !runs_before);
        if !runs_before && self.comparison.causes(at, id, false).is_empty() {
            causes.extend(self.elsewhere(step));
        }
        causes.extend(own);
        // A step before it that may run decides nothing where the step's own reasons do.
        let is_certain = step.inputs.iter().any(|input| self.runs(input.index()));
        if runs_before && (causes.is_empty() || is_certain) {
            causes.push(self.upstream(step));
        }
        if causes.is_empty() {
            causes.push(Cause::of(CauseKind::NeverRecorded));
        }
        causes
    }

    /// What differs from the last build not in a step but in one that it continues, which hits by an older build: each
    /// was built, only not together.
    fn elsewhere(&self, step: &Step) -> Vec<Cause> {
        let base = |step: &Step| {
            let mut inputs = step.record.inputs.iter().zip(&step.inputs);
            inputs.find(|(input, _)| matches!(input, RecordedInput::Base(_))).map(|(_, id)| id.index())
        };
        let mut next = base(step);
        while let Some(id) = next {
            let found = self.place_of(id).map(|at| self.comparison.causes(at, id, false)).unwrap_or_default();
            if !found.is_empty() {
                let at = self.name_of(id);
                return found.into_iter().map(|cause| Cause { root: at.clone(), ..cause }).collect();
            }
            next = base(&self.question.snapshot.steps[id]);
        }
        Vec::new()
    }

    /// Where the instruction stands that makes a step.
    fn place_of(&self, id: usize) -> Option<(usize, usize, usize)> {
        let stages = &self.question.snapshot.targets.get(self.target)?.stages;
        let mut places = stages.iter().enumerate().flat_map(|(index, stage)| {
            stage.instructions.iter().enumerate().map(move |(place, placed)| (index, place, placed))
        });
        let (stage, place, _) = places.find(|(_, _, placed)| placed.step == Some(id))?;
        Some((self.target, stage, place))
    }

    /// The step that decides; and where nothing before it changes, the step's own reasons not to hit for certain.
    fn pending_causes(&self, at: (usize, usize, usize), id: usize, step: &Step) -> Vec<Cause> {
        let mut causes = vec![self.upstream(step)];
        if !step.inputs.iter().any(|input| self.roots_of(input.index()).is_some()) {
            causes.extend(self.comparison.causes(at, id, false));
        }
        causes
    }

    /// A source that is nowhere: named are the rule of the ignore file that leaves it out, or the step that should
    /// have made it.
    fn source_missing(&self, step: &Step, path: ContextPath) -> Vec<Cause> {
        let kinds = step.inputs.iter().map(|input| &self.question.snapshot.steps[input.index()].kind);
        let contexts = || {
            kinds.clone().filter_map(|kind| match kind {
                StepKind::Context(name) => Some(name.as_str()),
                _ => None,
            })
        };
        let mut causes = Vec::new();
        if step.missing.is_none() {
            let producers = step.record.inputs.iter().zip(&step.inputs);
            let mut producers = producers.filter(|(input, _)| matches!(input, RecordedInput::Files(..)));
            let producer = producers.find_map(|(_, id)| self.name_of(id.index())).unwrap_or_default();
            return vec![Cause::of(CauseKind::SourceMissing).about(path, None).named(&producer)];
        }
        let mut missing = Cause::of(CauseKind::SourceMissing).about(path.clone(), None);
        for context in contexts() {
            let text = self.question.snapshot.ignorefiles.get(context);
            if let Some(rule) = text.and_then(|text| ignored::leaving_out(text, &path)) {
                missing = missing.about(path.clone(), Some(ignored::IGNOREFILE)).named(&rule);
                causes.extend(self.comparison.left_out(context, &path));
                break;
            }
        }
        if missing.name.is_none()
            && let Some(context) = contexts().find(|context| *context != MAIN_CONTEXT)
        {
            missing = missing.about(path, Some(CONTEXT)).named(context);
        }
        causes.push(missing);
        causes
    }

    /// The step that `step` follows from: the root of the first input that will, or may, run.
    fn upstream(&self, step: &Step) -> Cause {
        let base_first = step.record.inputs.iter().zip(&step.inputs);
        let (bases, others): (Vec<_>, Vec<_>) =
            base_first.partition(|(input, _)| matches!(input, RecordedInput::Base(_)));
        let roots = |wanted: fn(&Verdict) -> bool| {
            bases.iter().chain(&others).find_map(|(_, input)| {
                let verdict = self.question.prediction.standings[input.index()].verdict;
                wanted(&verdict).then(|| self.roots_of(input.index())).flatten()
            })
        };
        let root = roots(|verdict| *verdict == Verdict::Miss).or_else(|| roots(|verdict| *verdict != Verdict::Hit));
        let producer = || others.iter().chain(&bases).find_map(|(_, input)| self.name_of(input.index()));
        Cause { root: root.or_else(producer), ..Cause::of(CauseKind::Upstream) }
    }

    /// The root of a step that will not, or may not, hit. A vertex that no instruction shows passes on its inputs'.
    fn roots_of(&self, id: usize) -> Option<String> {
        let verdict = self.question.prediction.standings[id].verdict;
        if verdict == Verdict::Hit || matches!(self.question.snapshot.steps[id].kind, StepKind::Context(_)) {
            return None;
        }
        let hidden = || self.question.snapshot.steps[id].inputs.iter().find_map(|input| self.roots_of(input.index()));
        self.roots.get(&id).cloned().or_else(hidden)
    }

    /// Whether a step will certainly run.
    fn runs(&self, id: usize) -> bool {
        self.question.prediction.standings[id].verdict == Verdict::Miss && self.roots_of(id).is_some()
    }

    fn name_of(&self, id: usize) -> Option<String> {
        let hidden = || self.question.snapshot.steps[id].inputs.iter().find_map(|input| self.name_of(input.index()));
        self.names.get(&id).cloned().or_else(hidden)
    }

    fn gap_causes(&self, id: usize) -> Vec<Cause> {
        let verdict = self.question.prediction.standings[id].verdict;
        let gap = self.question.gap.or(match verdict {
            Verdict::Unknown(gap) => Some(gap),
            _ => None,
        });
        let kind = match gap {
            Some(Gap::RemoteSource) => CauseKind::RemoteSource,
            Some(Gap::BaseUnresolved) => CauseKind::BaseUnresolved,
            Some(Gap::UnknownFrontend) => CauseKind::UnknownFrontend,
            Some(Gap::Unsettled) => CauseKind::Unsettled,
            Some(Gap::NeverRecorded) | None => CauseKind::NeverRecorded,
        };
        let source = self.gap_source(id, kind);
        // An image that moved is in doubt because its files, or some of them, may be those that were.
        let moved = source.as_ref().and_then(|(source, _)| self.comparison.moved_image(*source));
        vec![moved.unwrap_or_else(|| Cause { name: source.map(|(_, name)| name), ..Cause::of(kind) })]
    }

    /// The address or image that a gap is about: the nearest one that the step stands on.
    fn gap_source(&self, id: usize, kind: CauseKind) -> Option<(usize, String)> {
        let inputs = || self.question.snapshot.steps[id].inputs.iter().map(|input| input.index());
        let named = |input: usize| match (&self.question.snapshot.steps[input].kind, kind) {
            (StepKind::Remote { address, .. }, CauseKind::RemoteSource) => Some((input, address.clone())),
            (StepKind::Image { reference, .. }, CauseKind::BaseUnresolved) => Some((input, reference.clone())),
            _ => None,
        };
        // An image that the last build used is not the one in doubt.
        let own = inputs().filter(|input| !self.comparison.used_image(*input)).find_map(named);
        let is_about_input = matches!(kind, CauseKind::RemoteSource | CauseKind::BaseUnresolved);
        let is_open = |input: &usize| matches!(self.question.prediction.standings[*input].verdict, Verdict::Unknown(_));
        let below = || inputs().filter(|input| is_about_input && is_open(input));
        own.or_else(|| below().find_map(|input| self.gap_source(input, kind))).or_else(|| inputs().find_map(named))
    }
}

/// An instruction that makes no step, or none that is touched.
fn plain(placed: &Arc<Placed>, status: Status) -> InstructionReport {
    InstructionReport {
        placed: placed.clone(),
        status,
        link: None,
        stale_risk: false,
        causes: Vec::new(),
        root: None,
        reads: Reads::default(),
        waits_for: Vec::new(),
        critical: false,
        seconds: None,
        odds: None,
    }
}
