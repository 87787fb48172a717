//! How many causes there are for what runs: steps that run for reasons another step has told are of one cause with it, so
//! that whoever made one edit reads of one. In go the answers for steps in the order of the file, out come groups.

use std::collections::BTreeSet;

use super::{InstructionReport, Status};
use crate::cause::umask::Drift;
use crate::cause::{Cause, CauseKind, ignored};

/// The steps of each cause, by their place among `steps`; the first of them has all its reasons. `is_root` says which
/// steps count: those that follow from no other.
#[must_use]
pub fn groups(steps: &[&InstructionReport], is_root: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
    let drift = drift(steps);
    let mut groups: Vec<(BTreeSet<Cause>, Vec<usize>)> = Vec::new();
    for (place, step) in steps.iter().enumerate().filter(|(place, _)| is_root(*place)) {
        let reasons: BTreeSet<Cause> = own(&step.causes).map(|cause| reason(cause, place, drift)).collect();
        match groups.iter_mut().find(|(of_group, _)| !reasons.is_empty() && reasons.is_subset(of_group)) {
            Some((_, group)) => group.push(place),
            None => groups.push((reasons, vec![place])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Whether two steps of one cause have the same reasons, and not one of them only some.
#[must_use]
pub fn is_same(one: &InstructionReport, other: &InstructionReport, drift: Option<Drift>) -> bool {
    let reasons =
        |step: &InstructionReport| own(&step.causes).map(|cause| reason(cause, 0, drift)).collect::<BTreeSet<_>>();
    reasons(one) == reasons(other)
}

/// What a umask did to the files of all steps that run for reasons of their own. One file proves nothing, unless it
/// is all that its step reads.
#[must_use]
pub fn drift(steps: &[&InstructionReport]) -> Option<Drift> {
    let roots = || steps.iter().filter(|step| step.status == Status::Miss && !step.causes.is_empty());
    let drift = Drift::of_most(roots().flat_map(|step| &step.causes))?;
    let of_step = |step: &InstructionReport| {
        let drifted = step.causes.iter().filter(|cause| Drift::of(cause) == Some(drift));
        drifted.filter_map(|cause| cause.path.clone()).collect::<BTreeSet<_>>()
    };
    let paths: BTreeSet<_> = roots().flat_map(|step| of_step(step)).collect();
    let is_whole = |step: &InstructionReport| step.reads.files > 0 && of_step(step).len() >= step.reads.files;
    (paths.len() > 1 || roots().any(|step| is_whole(step))).then_some(drift)
}

fn own(causes: &[Cause]) -> impl Iterator<Item = &Cause> {
    causes.iter().filter(|cause| cause.kind != CauseKind::Upstream)
}

/// A cause as far as it tells one edit from another.
fn reason(cause: &Cause, place: usize, drift: Option<Drift>) -> Cause {
    if drift.is_some() && Drift::of(cause) == drift {
        // One checkout.
        return Cause::of(CauseKind::FileModified);
    }
    if cause.detail.as_deref() == Some(ignored::IGNOREFILE) {
        return Cause::of(CauseKind::IgnorefileChanged);
    }
    if let Some(moved) = cause.moved() {
        return Cause::of(CauseKind::InstructionEdited).named(moved);
    }
    match cause.kind {
        CauseKind::IgnorefileChanged => Cause::of(CauseKind::IgnorefileChanged),
        CauseKind::BuildArgChanged | CauseKind::EnvChanged => {
            let name = cause.by.as_ref().or(cause.name.as_ref()).cloned();
            Cause { name, ..Cause::of(CauseKind::EnvChanged) }
        }
        // What a base stage lost, every stage upon it lost; any other edit is one of this instruction alone.
        CauseKind::InstructionEdited if cause.name.is_some() => cause.clone(),
        CauseKind::InstructionEdited | CauseKind::InstructionAdded => {
            Cause { name: Some(place.to_string()), ..cause.clone() }
        }
        _ => cause.clone(),
    }
}
