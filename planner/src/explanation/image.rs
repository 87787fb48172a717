//! The image below a step, compared with that of an earlier build: another reference, another platform, or the same
//! reference which names another image now. In go two steps or sources, out comes a cause. Whether the image that was
//! is known to be the one that is decides the prediction, not this.

use crate::cache_key::PartKind;
use crate::cause::{Cause, CauseKind, parts};
use crate::history::RecordedInput;
use crate::snapshot::{Snapshot, Step, StepKind};

/// How an image differs from the one that stood in its place.
pub(super) fn changed(was: &Step, is: &Step) -> Option<Cause> {
    let (StepKind::Image { reference: old, .. }, StepKind::Image { reference: new, .. }) = (&was.kind, &is.kind) else {
        return None;
    };
    if old != new {
        return Some(Cause::of(CauseKind::BaseImageChanged).values(Some(old.clone()), Some(new.clone())));
    }
    let platform = |step: &Step| step.parts.iter().find(|part| part.kind == PartKind::Platform).cloned();
    let (then, now) = (platform(was), platform(is));
    if then != now {
        return parts::changed(then.as_slice(), now.as_slice(), None, None).into_iter().next();
    }
    Some(moved(&was.kind, &is.kind).unwrap_or_else(|| Cause::of(CauseKind::BaseImageChanged).named(old)))
}

/// The image that both steps stand upon, if its reference names another one now.
pub(super) fn moved_below((older, then): (&Snapshot, &Step), (newer, now): (&Snapshot, &Step)) -> Option<Cause> {
    moved(image_below(older, then)?, image_below(newer, now)?)
}

/// Whether a cause can be the doing of an image's configuration.
pub(super) fn is_of_configuration(cause: &Cause) -> bool {
    matches!(
        cause.kind,
        CauseKind::EnvChanged | CauseKind::WorkdirChanged | CauseKind::UserChanged | CauseKind::ShellChanged
    )
}

/// The image at the bottom of the file system that a step continues.
fn image_below<'a>(snapshot: &'a Snapshot, mut step: &'a Step) -> Option<&'a StepKind> {
    loop {
        let index = step.record.inputs.iter().position(|input| matches!(input, RecordedInput::Base(_)))?;
        step = snapshot.step(*step.inputs.get(index)?)?;
        if matches!(step.kind, StepKind::Image { .. }) {
            return Some(&step.kind);
        }
    }
}

/// One reference that names another image than it did.
pub(super) fn moved(was: &StepKind, is: &StepKind) -> Option<Cause> {
    let (StepKind::Image { reference: a, digest: old, .. }, StepKind::Image { reference: b, digest: new, .. }) =
        (was, is)
    else {
        return None;
    };
    if a != b || old == new || old.is_none() || new.is_none() {
        return None;
    }
    let mut moved = Cause::of(CauseKind::BaseImageChanged).named(a).values(old.clone(), new.clone());
    moved.detail = Some("moved".to_owned());
    Some(moved)
}
