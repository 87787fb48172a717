//! The live view of `watch` on a terminal: a line for each target with its state, and one for the last change and its
//! reach. It is drawn when something changes and costs nothing else.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::render::text;

/// The view.
pub(super) struct Board {
    bars: MultiProgress,
    targets: BTreeMap<String, ProgressBar>,
    last: ProgressBar,
    /// What changed last.
    paths: Option<String>,
}

impl Board {
    /// A view on standard error, if that is a terminal.
    pub(super) fn on_terminal() -> Option<Self> {
        std::io::stderr().is_terminal().then(|| {
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            let last = row(&bars, None);
            Self { bars, targets: BTreeMap::new(), last, paths: None }
        })
    }

    /// Where a build may draw, too.
    pub(super) fn bars(&self) -> MultiProgress {
        self.bars.clone()
    }

    /// Shows the state of each target, and of no other.
    pub(super) fn targets(&mut self, states: &[(&str, &'static str)]) {
        let bars = &self.bars;
        self.targets.retain(|target, bar| {
            let is_there = states.iter().any(|(name, _)| name == target);
            if !is_there {
                bars.remove(bar);
            }
            is_there
        });
        let width = states.iter().map(|(name, _)| text::escape(name).chars().count()).max().unwrap_or_default();
        for (target, state) in states {
            let last = &self.last;
            let bar = self.targets.entry((*target).to_owned()).or_insert_with(|| row(bars, Some(last)));
            bar.set_message(format!("{:<width$}  {state}", text::escape(target)));
        }
        // A tick soon after another is not drawn, and none may follow; after this all is.
        self.bars.suspend(|| ());
    }

    /// Shows the last change.
    pub(super) fn changed(&mut self, paths: Option<&str>, told: &str) {
        self.paths = paths.map(str::to_owned);
        self.reaches(told);
    }

    /// Shows what the next build does.
    pub(super) fn reaches(&mut self, told: &str) {
        self.last.set_message(self.paths.as_ref().map_or_else(|| told.to_owned(), |paths| format!("{paths}: {told}")));
        // A tick soon after another is not drawn, and none may follow; after this all is.
        self.bars.suspend(|| ());
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // What was drawn is gone; the lines above it stay.
        let _cleared = self.bars.clear();
    }
}

fn row(bars: &MultiProgress, before: Option<&ProgressBar>) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg:.dim}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let new = ProgressBar::new_spinner().with_style(style);
    match before {
        Some(last) => bars.insert_before(last, new),
        None => bars.add(new),
    }
}
