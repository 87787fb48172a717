//! The line of a step: a word, its name, its instruction, its seconds. In go the steps of a report, out come lines whose
//! columns are as wide as the names that are shown; a name that would take half the line is cut at its front.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use planner::explanation::{InstructionReport, Status};

use super::N_COLUMNS;
use crate::render::palette::{self, FAINT};
use crate::render::review::{doomed, fails};
use crate::render::{layout, text};

/// Columns for a word.
const WORD_COLUMNS: usize = 8;
/// The fewest and the most columns for `stage:line`.
const NAME_COLUMNS: (usize, usize) = (12, 28);

/// The steps of a report and how their lines are laid out.
pub(super) struct Rows<'a> {
    /// Each step with its name.
    pub(super) steps: &'a [(String, &'a InstructionReport)],
    doomed: BTreeSet<usize>,
    n_name: usize,
    verbose: bool,
}

impl<'a> Rows<'a> {
    /// Lays out steps in file order; nothing is cut if `verbose`.
    pub(super) fn new(steps: &'a [(String, &'a InstructionReport)], verbose: bool) -> Self {
        let is_shown = |step: &InstructionReport| verbose || step.status != Status::Hit || step.stale_risk;
        let shown = steps.iter().filter(|(_, step)| is_shown(step));
        let longest = shown.map(|(name, _)| text::escape(name).chars().count()).max().unwrap_or_default();
        let most = if verbose { usize::MAX } else { NAME_COLUMNS.1 };
        let doomed = doomed(steps.iter().map(|(name, step)| (name.as_str(), *step)));
        Self { steps, doomed, n_name: longest.clamp(NAME_COLUMNS.0, most), verbose }
    }

    /// Columns before a cause.
    pub(super) fn indent(&self) -> usize {
        WORD_COLUMNS + self.n_name + 1
    }

    /// Whether the build comes to a step: no file is missing for it or for one it needs.
    pub(super) fn is_reached(&self, place: usize) -> bool {
        !self.doomed.contains(&place)
    }

    /// The places of the steps with a status.
    pub(super) fn with(&self, status: Status) -> Vec<usize> {
        (0..self.steps.len()).filter(|place| self.steps[*place].1.status == status).collect()
    }

    /// `word  stage:line  INSTRUCTION  seconds`.
    pub(super) fn line(&self, out: &mut String, word: &str, place: usize) {
        let (name, step) = &self.steps[place];
        let style = palette::of_status(step.status);
        let word = if fails(step) { "fails" } else { word };
        let name = layout::cut_front(&text::escape(name), self.n_name);
        let end = match step.seconds {
            _ if fails(step) => String::new(),
            _ if !self.is_reached(place) => "  not reached".to_owned(),
            seconds => seconds.map(|seconds| format!("  {}", layout::seconds(seconds))).unwrap_or_default(),
        };
        let left = N_COLUMNS.saturating_sub(self.indent() + end.chars().count()).max(N_COLUMNS / 4);
        let trigger = if step.placed.trigger { "ONBUILD " } else { "" };
        let instruction = format!("{trigger}{}", text::escape(&step.placed.text));
        let instruction = if self.verbose { instruction } else { layout::cut(&instruction, left) };
        let padding = if end.is_empty() { 0 } else { left.saturating_sub(instruction.chars().count()) };
        // Writing into a String cannot fail.
        let _ = writeln!(
            out,
            "{style}{word:<WORD_COLUMNS$}{style:#}{FAINT}{name:<width$}{FAINT:#} \
             {instruction}{:padding$}{FAINT}{end}{FAINT:#}",
            "",
            width = self.n_name,
        );
    }
}
