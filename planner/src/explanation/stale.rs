//! Edits that BuildKit will not notice, told of the steps that select the edited files.

use super::Question;
use crate::cause::{Cause, CauseKind};
use crate::history::RecordedInput;
use crate::selector::Selected;
use crate::snapshot::{Step, StepKind};
use crate::transfer::{Stale, Unnoticed};

/// The edits of files that a step selects and BuildKit will not notice.
pub(super) fn causes(question: &Question<'_>, step: &Step) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (input, id) in step.record.inputs.iter().zip(&step.inputs) {
        let (RecordedInput::Context { selectors, tree, .. }, StepKind::Context(name)) =
            (input, &question.snapshot.steps[id.index()].kind)
        else {
            continue;
        };
        let Some(stale) = question.stale.get(name).filter(|stale| !stale.is_empty()) else { continue };
        let Some(context) = (question.context)(tree) else { continue };
        let selected: Vec<Selected> = selectors.iter().filter_map(|selector| selector.take(&context).ok()).collect();
        causes.extend(stale.iter().filter(|stale| is_selected(&selected, stale)).map(cause));
    }
    causes
}

fn is_selected(selected: &[Selected], stale: &Stale) -> bool {
    selected.iter().any(|selected| match selected {
        Selected::Whole(picked) => stale.path.is_within(&picked.path),
        Selected::Listed(matches) => matches
            .iter()
            .any(|entry| entry.path == stale.path || (entry.followed && stale.path.is_within(&entry.path))),
    })
}

fn cause(stale: &Stale) -> Cause {
    let detail = match stale.what {
        Unnoticed::Content => "content",
        Unnoticed::Mode => "mode",
        Unnoticed::Xattr => "xattr",
    };
    Cause::of(CauseKind::StaleSource).about(stale.path.clone(), Some(detail))
}
