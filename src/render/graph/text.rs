//! The drawing as a tree for people: below each image the stages that begin with it, below each stage those that
//! continue it. What a step takes from elsewhere stands behind `←` at the end of its line. 80 columns; a tree that
//! grows too deep goes on at the margin.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use planner::explanation::Status;

use super::super::explain::{closing, conclusion};
use super::super::palette::{self, FAINT, HEADLINE};
use super::super::text;
use super::{ArrowKind, Drawing, Source, SourceKind, StageBox, StepBox, amount};
use crate::forecast::Forecast;

/// Columns of a line without `--verbose`.
const N_COLUMNS: usize = 80;
/// The fewest columns for a status.
const N_STATUS: usize = 8;
/// Columns for a line number and the blank behind it.
const N_LINE: usize = 5;
/// Stages below each other before the tree goes on at the margin.
const N_DEEP: usize = 6;

/// The report as text; stages that are not needed, and whole instructions, too if `verbose`.
pub(crate) fn write(drawing: &Drawing<'_>, n_unused: usize, forecast: &Forecast, verbose: bool) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{HEADLINE}{}{HEADLINE:#}", conclusion(forecast));
    let mut tree = Tree::new(drawing, verbose);
    while let Some(root) = tree.roots.pop() {
        let _ = writeln!(out);
        match root {
            Root::Base(from, title) => {
                let _ = writeln!(out, "{FAINT}{title}{FAINT:#}");
                tree.children(&mut out, &from, "", 0);
            }
            Root::Stage(stage) => tree.stage(&mut out, stage, &Rails::at_margin(), 0),
        }
    }
    if n_unused > 0 && !verbose {
        let stages = text::count(n_unused, "stage");
        let _ = writeln!(out, "\n{FAINT}not needed, left out: {stages} (--verbose shows all){FAINT:#}");
    }
    closing(&mut out, forecast);
    out
}

enum Root {
    /// What stands at the end of a `FROM` chain, by its id, and the line that shows it.
    Base(String, String),
    /// A stage whose place in the tree is too deep.
    Stage(usize),
}

/// What is left to draw.
struct Tree<'a> {
    drawing: &'a Drawing<'a>,
    verbose: bool,
    /// Columns for a status.
    n_status: usize,
    /// The stages that begin with a step or a source, by its id; those that begin with nothing under the empty one.
    by_base: BTreeMap<String, Vec<usize>>,
    /// The last one is drawn next.
    roots: Vec<Root>,
}

/// What stands in front of the lines of a stage.
struct Rails {
    title: String,
    below: String,
}

impl Rails {
    fn at_margin() -> Self {
        Self { title: String::new(), below: String::new() }
    }
}

impl<'a> Tree<'a> {
    fn new(drawing: &'a Drawing<'a>, verbose: bool) -> Self {
        let mut by_base: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut roots = Vec::new();
        for (index, stage) in drawing.stages.iter().enumerate() {
            let base = base(drawing, stage).unwrap_or_default();
            let is_new = !by_base.contains_key(&base);
            let source = drawing.sources.iter().find(|source| source.id == base);
            if is_new && (base.is_empty() || source.is_some()) {
                let title = source.map_or_else(|| "scratch".to_owned(), source_title);
                roots.push(Root::Base(base.clone(), title));
            }
            by_base.entry(base).or_default().push(index);
        }
        roots.reverse();
        let steps = drawing.stages.iter().flat_map(|stage| &stage.steps);
        let longest = steps.map(|step| step.status().len()).max().unwrap_or_default();
        Self { drawing, verbose, n_status: (longest + 1).max(N_STATUS), by_base, roots }
    }

    /// The stages that begin with `from`.
    fn children(&mut self, out: &mut String, from: &str, rails: &str, depth: usize) {
        let children = self.by_base.get(from).cloned().unwrap_or_default();
        if depth >= N_DEEP {
            self.roots.extend(children.into_iter().rev().map(Root::Stage));
            return;
        }
        let last = children.len().saturating_sub(1);
        for (place, stage) in children.into_iter().enumerate() {
            let (branch, rail) = if place == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let rails = Rails { title: format!("{rails}{branch}"), below: format!("{rails}{rail}") };
            self.stage(out, stage, &rails, depth);
        }
    }

    fn stage(&mut self, out: &mut String, index: usize, rails: &Rails, depth: usize) {
        let drawing = self.drawing;
        let stage = &drawing.stages[index];
        let at_margin =
            if rails.title.is_empty() { format!(" from {}", text::escape(&stage.report.base)) } else { String::new() };
        let title = text::escape(&stage.title());
        let (before, remark) = (&rails.title, stage.remark());
        let _ =
            writeln!(out, "{FAINT}{before}{FAINT:#}{HEADLINE}{title}{HEADLINE:#}{FAINT}{remark}{at_margin}{FAINT:#}");
        let exit = stage.steps.last().map(|step| step.id.clone()).unwrap_or_default();
        let goes_on = depth + 1 < N_DEEP && self.by_base.contains_key(&exit);
        let below = format!("{}{}", rails.below, if goes_on { "│ " } else { "  " });
        for step in stage.steps.iter().filter(|step| step.report.status != Status::None) {
            self.step(out, step, &below);
        }
        self.children(out, &exit, &rails.below, depth + 1);
    }

    fn step(&self, out: &mut String, step: &StepBox<'_>, rails: &str) {
        let style = palette::of_status(step.report.status);
        let n_before = self.n_status + N_LINE;
        let left = N_COLUMNS.saturating_sub(rails.chars().count() + n_before).max(N_COLUMNS / 2);
        let instruction = text::escape(&step.instruction());
        let instruction = if self.verbose { instruction } else { text::cut(&instruction, left) };
        let (status, line) = (step.status(), step.report.placed.line);
        let _ = write!(
            out,
            "{FAINT}{rails}{FAINT:#}{style}{status:<width$}{style:#}{FAINT}{line:>4}{FAINT:#} {instruction}",
            width = self.n_status
        );
        let taken = self.taken(step);
        let n_used = instruction.chars().count();
        if taken.is_empty() {
            out.push('\n');
        } else if n_used + 4 + taken.chars().count() <= left {
            let _ = writeln!(out, "{FAINT}{:1$}← {taken}{FAINT:#}", "", left - n_used - taken.chars().count() - 2);
        } else if !is_said(&instruction, &taken) {
            let taken = if self.verbose { taken } else { text::cut(&taken, left - 2) };
            let _ = writeln!(out, "\n{FAINT}{rails}{:n_before$}← {taken}{FAINT:#}", "");
        } else {
            out.push('\n');
        }
    }

    /// What a step takes from elsewhere.
    fn taken(&self, step: &StepBox<'_>) -> String {
        let arrows = self.drawing.arrows.iter().filter(|arrow| arrow.to == step.id);
        let taken = arrows.filter(|arrow| matches!(arrow.kind, ArrowKind::Copy | ArrowKind::Mount)).map(|arrow| {
            let giver = Some(self.giver(&arrow.from)).filter(|giver| !giver.is_empty());
            let words: Vec<String> = giver.into_iter().chain(arrow.reads.map(amount)).collect();
            let mount = if arrow.kind == ArrowKind::Mount { " (mount)" } else { "" };
            format!("{}{mount}", words.join(": "))
        });
        taken.collect::<Vec<_>>().join(", ")
    }

    /// The name of a source, or of the stage that a step ends; safe to show. Empty for the main build context.
    fn giver(&self, id: &str) -> String {
        if let Some(source) = self.drawing.sources.iter().find(|source| source.id == id) {
            return text::escape(source.words().1);
        }
        let ends_stage = |stage: &&StageBox<'_>| stage.steps.last().is_some_and(|step| step.id == id);
        let stage = self.drawing.stages.iter().find(ends_stage).map(StageBox::title);
        text::escape(&stage.unwrap_or_default())
    }
}

/// Whether an instruction says by itself that it takes that.
fn is_said(instruction: &str, taken: &str) -> bool {
    instruction.split(' ').any(|word| word.strip_prefix("--from=") == Some(taken))
}

/// The id of what a stage begins with.
fn base(drawing: &Drawing<'_>, stage: &StageBox<'_>) -> Option<String> {
    let first = stage.steps.first()?;
    let arrow = drawing.arrows.iter().find(|arrow| arrow.to == first.id && arrow.kind == ArrowKind::From)?;
    Some(arrow.from.clone())
}

fn source_title(source: &Source) -> String {
    let name = text::escape(&source.name);
    match source.kind {
        SourceKind::Image => name,
        SourceKind::Context => format!("build context {name}"),
        SourceKind::Remote => format!("{name} (remote)"),
    }
}
