//! What `graph` shows, before it has a form: stages with their steps, what they are made from, and an arrow for
//! everything one takes from another. In go the build graph, the contexts as they are read and the explanation; out
//! comes a [`Drawing`] that every format writes down. Ids are the same from run to run, and never shown to anybody
//! unescaped.

mod arrows;
mod text;
mod dot;
mod mermaid;

use std::collections::{BTreeMap, BTreeSet};

use planner::context::BuildContext;
use planner::explanation::{Explanation, InstructionReport, Reads, StageReport, Status, TargetReport};
use planner::graph::BuildGraph;
use planner::graph::lower::MAIN_CONTEXT;

use super::review::{fails, unreached};

pub(crate) use dot::write as dot;
pub(crate) use mermaid::write as mermaid;
pub(crate) use text::write as text;

/// The instructions that make a step where their stage is used.
const STEP_KEYWORDS: [&str; 4] = ["RUN", "COPY", "ADD", "WORKDIR"];

/// The word for a step that needs one which fails.
const NOT_REACHED: &str = "not reached";

/// The whole picture.
pub(crate) struct Drawing<'a> {
    /// In file order, those that are not needed too.
    pub(crate) stages: Vec<StageBox<'a>>,
    /// Images, contexts and remote sources, in the order of first use.
    pub(crate) sources: Vec<Source>,
    /// In the order of the steps that take.
    pub(crate) arrows: Vec<Arrow>,
}

/// A stage.
pub(crate) struct StageBox<'a> {
    /// `stage:INDEX`.
    pub(crate) id: String,
    /// The target it belongs to.
    pub(crate) target: &'a str,
    /// Whether it is the stage that is built.
    pub(crate) is_target: bool,
    /// What is known of it.
    pub(crate) report: &'a StageReport,
    /// Its steps; if it makes none, its `FROM` stands for it.
    pub(crate) steps: Vec<StepBox<'a>>,
}

/// A step of a stage.
pub(crate) struct StepBox<'a> {
    /// `step:STAGE:LINE`, behind it `+N` for the n-th trigger of that line.
    pub(crate) id: String,
    /// What is known of it.
    pub(crate) report: &'a InstructionReport,
    /// Whether the build comes to it: none that it needs fails.
    is_reached: bool,
}

/// Where files come from that no stage makes.
pub(crate) struct Source {
    /// `KIND:NAME`.
    pub(crate) id: String,
    /// What it is.
    pub(crate) kind: SourceKind,
    /// An image's short reference, a context's name, an address.
    pub(crate) name: String,
    /// What all steps together read of a context.
    pub(crate) reads: Option<Reads>,
}

/// The kinds of sources.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SourceKind {
    Image,
    Context,
    Remote,
}

impl SourceKind {
    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Context => "context",
            Self::Remote => "remote",
        }
    }
}

/// One step, or a source, gives something to a step.
pub(crate) struct Arrow {
    /// The id of the giver.
    pub(crate) from: String,
    /// The id of the taker.
    pub(crate) to: String,
    /// How it takes.
    pub(crate) kind: ArrowKind,
    /// How much, where it is known: of a build context.
    pub(crate) reads: Option<Reads>,
}

/// How a step takes from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ArrowKind {
    /// It is the next of its stage.
    Next,
    /// Its stage begins there.
    From,
    /// `COPY` and `ADD`.
    Copy,
    /// A mount of `RUN`.
    Mount,
}

impl ArrowKind {
    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::From => "from",
            Self::Copy => "copy",
            Self::Mount => "mount",
        }
    }
}

impl<'a> Drawing<'a> {
    /// Draws a build. `views` are the contexts that it reads, by name.
    pub(crate) fn new(
        graph: &BuildGraph,
        views: &BTreeMap<String, BuildContext>,
        explanation: &'a Explanation,
    ) -> Self {
        let is_one = explanation.targets.len() == 1;
        let unreached = &unreached(explanation);
        let built = graph.targets.iter().map(|target| target.stage);
        let stages = explanation.targets.iter().zip(built).flat_map(|(target, built)| {
            let prefix = if is_one { String::new() } else { format!("{}/", target.name) };
            let stages = target.stages.iter().filter(|stage| stage.index.is_some());
            stages.map(move |stage| StageBox::new(target, stage, stage.index == Some(built), &prefix, unreached))
        });
        let stages: Vec<StageBox<'a>> = stages.collect();
        let (sources, arrows) = arrows::find(graph, views, &stages);
        Self { stages, sources, arrows }
    }

    /// How many stages no target needs.
    pub(crate) fn n_unused(&self) -> usize {
        let indices = |used: bool| {
            let stages = self.stages.iter().filter(move |stage| stage.report.used == used);
            stages.map(|stage| stage.report.index).collect::<BTreeSet<_>>()
        };
        indices(false).difference(&indices(true)).count()
    }

    /// Leaves out the stages that no target needs, and what only they take.
    pub(crate) fn without_unused(mut self) -> Self {
        self.stages.retain(|stage| stage.report.used);
        let steps: Vec<&str> = self.stages.iter().flat_map(|stage| &stage.steps).map(|step| step.id.as_str()).collect();
        self.arrows.retain(|arrow| steps.contains(&arrow.to.as_str()));
        let Self { sources, arrows, .. } = &mut self;
        sources.retain(|source| arrows.iter().any(|arrow| arrow.from == source.id));
        self
    }

    /// A short name for every id, made of letters and digits only.
    fn keys(&self) -> BTreeMap<&str, String> {
        let steps = self.stages.iter().flat_map(|stage| &stage.steps).map(|step| step.id.as_str());
        let ids = steps.chain(self.sources.iter().map(|source| source.id.as_str()));
        ids.enumerate().map(|(place, id)| (id, format!("n{place}"))).collect()
    }
}

impl<'a> StageBox<'a> {
    fn new(
        target: &'a TargetReport,
        report: &'a StageReport,
        is_target: bool,
        prefix: &str,
        unreached: &BTreeSet<usize>,
    ) -> Self {
        let index = report.index.unwrap_or_default();
        let own = report.name.clone().unwrap_or_else(|| index.to_string());
        let makes_step = |step: &&InstructionReport| match report.used {
            true => step.placed.step.is_some(),
            false => STEP_KEYWORDS.contains(&step.placed.keyword.as_str()),
        };
        let mut shown: Vec<&InstructionReport> = report.instructions.iter().filter(makes_step).collect();
        if shown.is_empty() {
            shown.extend(report.instructions.first());
        }
        let mut n_triggers = 0;
        let mut boxed = |report: &'a InstructionReport| {
            n_triggers += usize::from(report.placed.trigger);
            let trigger = if report.placed.trigger { format!("+{n_triggers}") } else { String::new() };
            let is_reached = report.placed.step.is_none_or(|id| !unreached.contains(&id));
            StepBox { id: format!("step:{prefix}{own}:{}{trigger}", report.placed.line), report, is_reached }
        };
        Self {
            id: format!("stage:{prefix}{index}"),
            target: &target.name,
            is_target,
            report,
            steps: shown.into_iter().map(&mut boxed).collect(),
        }
    }

    /// What it is called: the name after `AS`, else its number.
    fn title(&self) -> String {
        let index = self.report.index.unwrap_or_default();
        self.report.name.clone().unwrap_or_else(|| format!("stage {index}"))
    }

    /// What stands behind the title.
    fn remark(&self) -> &'static str {
        match (self.report.used, self.is_target) {
            (false, _) => " (not needed)",
            (true, true) => " (target)",
            (true, false) => "",
        }
    }
}

impl StepBox<'_> {
    /// The instruction as one line, not escaped.
    fn instruction(&self) -> String {
        let trigger = if self.report.placed.trigger { "ONBUILD " } else { "" };
        format!("{trigger}{}", self.report.placed.text)
    }

    /// The status in a word; a `FROM` that stands for its stage has none.
    fn status(&self) -> &'static str {
        match self.report.status {
            Status::None => "",
            _ if fails(self.report) => "fails",
            _ if !self.is_reached => NOT_REACHED,
            status => status.name(),
        }
    }
}

impl Source {
    /// What it is and what it is called; there is one build context that needs no name.
    fn words(&self) -> (&'static str, &str) {
        match self.kind {
            SourceKind::Image => ("image", &self.name),
            SourceKind::Context if self.name == MAIN_CONTEXT => ("build context", ""),
            SourceKind::Context => ("build context", &self.name),
            SourceKind::Remote => ("remote", &self.name),
        }
    }
}

/// `2 files, 356 B`.
fn amount(reads: Reads) -> String {
    use super::text::{bytes, count};
    format!("{}, {}", count(reads.files, "file"), bytes(reads.bytes))
}
