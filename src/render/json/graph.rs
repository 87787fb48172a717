//! `stageplan.graph/1`: the stages, the steps and sources, and who takes what from whom. Stages that are not needed
//! are in it, too; `used` tells.

use planner::explanation::Status;
use serde::Serialize;

use super::explain::{BaselineView, ReadsView, TargetView};
use crate::forecast::Forecast;
use crate::project::Project;
use crate::render::graph::{Arrow, Drawing, Source, StageBox, StepBox};

/// The answer of `graph --format json`.
#[derive(Serialize)]
pub(crate) struct GraphView {
    schema: &'static str,
    targets: Vec<TargetView>,
    baseline: BaselineView,
    stages: Vec<StageView>,
    nodes: Vec<NodeView>,
    edges: Vec<EdgeView>,
}

#[derive(Serialize)]
struct StageView {
    id: String,
    target: String,
    index: usize,
    name: Option<String>,
    base: String,
    used: bool,
    nodes: Vec<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum NodeView {
    Step(StepView),
    Source(SourceView),
}

#[derive(Serialize)]
struct StepView {
    id: String,
    kind: &'static str,
    stage: String,
    line: u32,
    keyword: String,
    text: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    trigger: bool,
    critical: bool,
    seconds: Option<f64>,
}

#[derive(Serialize)]
struct SourceView {
    id: String,
    kind: &'static str,
    name: String,
    #[serde(flatten)]
    reads: Option<ReadsView>,
}

#[derive(Serialize)]
struct EdgeView {
    from: String,
    to: String,
    kind: &'static str,
    #[serde(flatten)]
    reads: Option<ReadsView>,
}

impl GraphView {
    /// The view of a drawing.
    pub(crate) fn new(project: &Project, forecast: &Forecast, drawing: &Drawing<'_>) -> Self {
        let steps = drawing
            .stages
            .iter()
            .flat_map(|stage| stage.steps.iter().map(|step| NodeView::Step(StepView::new(stage, step))));
        let sources = drawing.sources.iter().map(|source| NodeView::Source(SourceView::from(source)));
        Self {
            schema: "stageplan.graph/1",
            targets: TargetView::all(project, forecast, false),
            baseline: BaselineView::new(&forecast.baseline, &forecast.notes),
            stages: drawing.stages.iter().map(StageView::from).collect(),
            nodes: steps.chain(sources).collect(),
            edges: drawing.arrows.iter().map(EdgeView::from).collect(),
        }
    }
}

impl From<&StageBox<'_>> for StageView {
    fn from(stage: &StageBox<'_>) -> Self {
        Self {
            id: stage.id.clone(),
            target: stage.target.to_owned(),
            index: stage.report.index.unwrap_or_default(),
            name: stage.report.name.clone(),
            base: stage.report.base.clone(),
            used: stage.report.used,
            nodes: stage.steps.iter().map(|step| step.id.clone()).collect(),
        }
    }
}

impl StepView {
    fn new(stage: &StageBox<'_>, step: &StepBox<'_>) -> Self {
        let report = step.report;
        Self {
            id: step.id.clone(),
            kind: "step",
            stage: stage.id.clone(),
            line: report.placed.line,
            keyword: report.placed.keyword.clone(),
            text: report.placed.text.clone(),
            status: report.status.name(),
            link: report.link.map(Status::name),
            trigger: report.placed.trigger,
            critical: report.critical,
            seconds: report.seconds,
        }
    }
}

impl From<&Source> for SourceView {
    fn from(source: &Source) -> Self {
        Self {
            id: source.id.clone(),
            kind: source.kind.name(),
            name: source.name.clone(),
            reads: source.reads.map(ReadsView::from),
        }
    }
}

impl From<&Arrow> for EdgeView {
    fn from(arrow: &Arrow) -> Self {
        Self {
            from: arrow.from.clone(),
            to: arrow.to.clone(),
            kind: arrow.kind.name(),
            reads: arrow.reads.map(ReadsView::from),
        }
    }
}
