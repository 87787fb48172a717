//! `stageplan.explain/1` and `stageplan.plan/1`: what a build will do, instruction by instruction.

use planner::cause::{Cause, CauseKind};
use planner::explanation::roots;
use planner::explanation::{Explanation, InstructionReport, Reads, StageReport, Status, TargetReport};
use planner::plan::Plan;
use serde::Serialize;

use super::PathView;
use crate::forecast::{Baseline, Forecast};
use crate::project::Project;
use crate::render::cause::edit;

/// The answer of `explain --format json`, and with more fields that of `plan`.
#[derive(Serialize)]
pub(crate) struct ExplainView {
    schema: &'static str,
    targets: Vec<TargetView>,
    baseline: BaselineView,
    summary: SummaryView,
    stages: Vec<StageView>,
}

#[derive(Serialize)]
pub(super) struct TargetView {
    name: String,
    dockerfile: String,
    context: String,
    stage: String,
    #[serde(flatten)]
    plan: Option<TargetPlanView>,
}

/// What `plan` adds to a target.
#[derive(Serialize)]
struct TargetPlanView {
    width: usize,
    critical_path: Vec<String>,
    least_seconds: f64,
}

#[derive(Serialize)]
pub(super) struct BaselineView {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_at: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Serialize)]
struct SummaryView {
    hit: usize,
    miss: usize,
    pending: usize,
    unknown: usize,
    unused: usize,
    /// `null` where a step that may run was never timed.
    expected_seconds: Option<f64>,
    root_causes: usize,
}

#[derive(Serialize)]
struct StageView {
    target: String,
    /// -1 for what stands before the first `FROM`.
    index: i64,
    name: Option<String>,
    base: Option<String>,
    used: bool,
    instructions: Vec<InstructionView>,
}

#[derive(Serialize)]
struct InstructionView {
    line: u32,
    end_line: u32,
    keyword: String,
    text: String,
    status: &'static str,
    stale_risk: bool,
    causes: Vec<CauseView>,
    root: Option<String>,
    /// `null` where the step was never timed.
    seconds: Option<f64>,
    /// Absent unless the step is pending, and was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    odds: Option<OddsView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    trigger: bool,
    #[serde(flatten)]
    plan: Option<PlanView>,
}

#[derive(Serialize)]
struct OddsView {
    ran: usize,
    of: usize,
}

#[derive(Serialize)]
struct PlanView {
    reads: ReadsView,
    waits_for: Vec<String>,
    critical: bool,
    /// `null` where no step is made.
    level: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct ReadsView {
    files: usize,
    bytes: u64,
}

#[derive(Serialize)]
struct CauseView {
    kind: &'static str,
    #[serde(flatten)]
    path: Option<PathView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
}

impl ExplainView {
    /// The view of `explain`.
    pub(crate) fn explain(project: &Project, forecast: &Forecast) -> Self {
        Self::new("stageplan.explain/1", project, forecast, false)
    }

    /// The view of `plan`.
    pub(crate) fn plan(project: &Project, forecast: &Forecast) -> Self {
        Self::new("stageplan.plan/1", project, forecast, true)
    }

    fn new(schema: &'static str, project: &Project, forecast: &Forecast, is_plan: bool) -> Self {
        let reports = &forecast.explanation.targets;
        let stages = reports.iter().flat_map(|target| target.stages.iter().map(move |stage| (target, stage)));
        Self {
            schema,
            targets: TargetView::all(project, forecast, is_plan),
            baseline: BaselineView::new(&forecast.baseline, &forecast.notes),
            summary: SummaryView::of(&forecast.explanation),
            stages: stages.map(|(target, stage)| StageView::new(target, stage, is_plan)).collect(),
        }
    }
}

impl TargetView {
    /// What was asked about.
    pub(super) fn all(project: &Project, forecast: &Forecast, is_plan: bool) -> Vec<Self> {
        let (dockerfile, context) = project.shown();
        let view = |target: &TargetReport| Self {
            name: target.name.clone(),
            dockerfile: dockerfile.clone(),
            context: context.clone(),
            stage: target.stage.clone(),
            plan: is_plan.then(|| TargetPlanView::new(target)),
        };
        forecast.explanation.targets.iter().map(view).collect()
    }
}

impl BaselineView {
    pub(super) fn new(baseline: &Baseline, notes: &[String]) -> Self {
        let (kind, id, recorded_at) = match baseline {
            Baseline::None => ("none", None, None),
            Baseline::Record { id, recorded_at } => ("record", Some(id), Some(recorded_at)),
            Baseline::Git { id, committed_at } => ("git", Some(id), Some(committed_at)),
        };
        Self { kind, id: id.cloned(), recorded_at: recorded_at.cloned(), notes: notes.to_vec() }
    }
}

impl From<Reads> for ReadsView {
    fn from(reads: Reads) -> Self {
        Self { files: reads.files, bytes: reads.bytes }
    }
}

impl TargetPlanView {
    fn new(target: &TargetReport) -> Self {
        let names = target.step_names();
        let plan = &target.plan;
        let critical_path = plan.critical.iter().filter_map(|step| names.get(step).cloned()).collect();
        Self { width: plan.width, critical_path, least_seconds: plan.least_seconds }
    }
}

/// The longer of two times; unknown if either is.
fn longer(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(one?.max(other?))
}

impl SummaryView {
    /// A stage that several targets share counts once.
    fn of(explanation: &Explanation) -> Self {
        let targets = &explanation.targets;
        let stages = explanation.stages();
        let all: Vec<&InstructionReport> = stages.iter().flat_map(|(_, stage)| &stage.instructions).collect();
        let count = |status| all.iter().filter(|instruction| instruction.status == status).count();
        let is_root = |place: usize| all[place].status == Status::Miss && all[place].root.is_none();
        Self {
            hit: count(Status::Hit),
            miss: count(Status::Miss),
            pending: count(Status::Pending),
            unknown: count(Status::Unknown),
            unused: count(Status::Unused),
            // Targets are built side by side: the longest decides.
            expected_seconds: targets.iter().map(|target| target.plan.seconds).reduce(longer).flatten(),
            root_causes: roots::groups(&all, is_root).len(),
        }
    }
}

impl StageView {
    fn new(target: &TargetReport, stage: &StageReport, is_plan: bool) -> Self {
        let plan = is_plan.then_some(&target.plan);
        let is_stage = stage.index.is_some();
        Self {
            target: target.name.clone(),
            index: stage.index.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1),
            name: stage.name.clone(),
            base: is_stage.then(|| stage.base.clone()),
            used: stage.used,
            instructions: stage.instructions.iter().map(|report| InstructionView::new(report, plan)).collect(),
        }
    }
}

impl InstructionView {
    fn new(report: &InstructionReport, plan: Option<&Plan>) -> Self {
        let view = |plan: &Plan| PlanView {
            reads: ReadsView::from(report.reads),
            waits_for: report.waits_for.clone(),
            critical: report.critical,
            level: report.placed.step.and_then(|step| plan.levels.get(&step).copied()),
        };
        Self {
            line: report.placed.line,
            end_line: report.placed.end_line,
            keyword: report.placed.keyword.clone(),
            text: report.placed.text.clone(),
            status: report.status.name(),
            stale_risk: report.stale_risk,
            causes: report.causes.iter().map(CauseView::from).collect(),
            root: report.root.clone(),
            seconds: report.seconds,
            odds: report.odds.map(|odds| OddsView { ran: odds.ran, of: odds.of }),
            link: report.link.map(Status::name),
            trigger: report.placed.trigger,
            plan: plan.map(view),
        }
    }
}

impl From<&Cause> for CauseView {
    fn from(cause: &Cause) -> Self {
        // The diff of an ignore file tells more than both of its texts.
        let has_values = cause.kind != CauseKind::IgnorefileChanged;
        let value = |value: &Option<String>| value.clone().filter(|_| has_values);
        Self {
            kind: cause.kind.name(),
            path: cause.path.as_ref().map(PathView::from),
            name: cause.name.clone(),
            detail: cause.detail.clone(),
            old: value(&cause.old),
            new: value(&cause.new),
            diff: edit::plain(cause),
            root: cause.root.clone(),
        }
    }
}
