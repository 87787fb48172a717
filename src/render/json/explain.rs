//! `stageplan.explain/1` and `stageplan.plan/1`: what a build will do, instruction by instruction.

use planner::cause::{Cause, CauseKind};
use planner::explanation::{InstructionReport, StageReport, Status, TargetReport};
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
struct TargetView {
    name: String,
    dockerfile: String,
    context: String,
    stage: String,
}

#[derive(Serialize)]
struct BaselineView {
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
    /// `null` where no build was timed.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    trigger: bool,
    #[serde(flatten)]
    plan: Option<PlanView>,
}

#[derive(Serialize)]
struct PlanView {
    reads: ReadsView,
    waits_for: Vec<String>,
    critical: bool,
}

#[derive(Serialize)]
struct ReadsView {
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
        let (dockerfile, context) = project.shown();
        let targets = reports.iter().map(|target| TargetView {
            name: target.name.clone(),
            dockerfile: dockerfile.clone(),
            context: context.clone(),
            stage: target.stage.clone(),
        });
        let stages = reports.iter().flat_map(|target| target.stages.iter().map(move |stage| (target, stage)));
        Self {
            schema,
            targets: targets.collect(),
            baseline: BaselineView::new(&forecast.baseline, &forecast.notes),
            summary: SummaryView::of(reports),
            stages: stages.map(|(target, stage)| StageView::new(target, stage, is_plan)).collect(),
        }
    }
}

impl BaselineView {
    fn new(baseline: &Baseline, notes: &[String]) -> Self {
        let (kind, id, recorded_at) = match baseline {
            Baseline::None => ("none", None, None),
            Baseline::Record { id, recorded_at } => ("record", Some(id), Some(recorded_at)),
            Baseline::Git { id, committed_at } => ("git", Some(id), Some(committed_at)),
        };
        Self { kind, id: id.cloned(), recorded_at: recorded_at.cloned(), notes: notes.to_vec() }
    }
}

impl SummaryView {
    fn of(targets: &[TargetReport]) -> Self {
        let stages = targets.iter().flat_map(|target| &target.stages);
        let all: Vec<&InstructionReport> = stages.flat_map(|stage| &stage.instructions).collect();
        let count = |status| all.iter().filter(|instruction| instruction.status == status).count();
        let is_root =
            |instruction: &&&InstructionReport| instruction.status == Status::Miss && instruction.root.is_none();
        Self {
            hit: count(Status::Hit),
            miss: count(Status::Miss),
            pending: count(Status::Pending),
            unknown: count(Status::Unknown),
            unused: count(Status::Unused),
            expected_seconds: None,
            root_causes: all.iter().filter(is_root).count(),
        }
    }
}

impl StageView {
    fn new(target: &TargetReport, stage: &StageReport, is_plan: bool) -> Self {
        let is_stage = stage.index.is_some();
        Self {
            target: target.name.clone(),
            index: stage.index.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1),
            name: stage.name.clone(),
            base: is_stage.then(|| stage.base.clone()),
            used: stage.used,
            instructions: stage.instructions.iter().map(|report| InstructionView::new(report, is_plan)).collect(),
        }
    }
}

impl InstructionView {
    fn new(report: &InstructionReport, is_plan: bool) -> Self {
        let plan = || PlanView {
            reads: ReadsView { files: report.reads.files, bytes: report.reads.bytes },
            waits_for: report.waits_for.clone(),
            critical: report.critical,
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
            link: report.link.map(Status::name),
            trigger: report.placed.trigger,
            plan: is_plan.then(plan),
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
