//! What a step stands upon, compared with an earlier build: instructions that are gone from above it or moved, another
//! image or stage below them, and the variables that `ENV` handed on. In go two snapshots and how they correspond, out
//! come causes. Each is told of the first step behind the place where something is missing, and of no other.

use std::sync::Arc;

use super::image;
use crate::alignment::{Alignment, At};
use crate::cause::{ABOVE, Cause, CauseKind, FROM, MOVED, REMOVED};
use crate::graph::{Placed, StageGraph, Used, VertexId};
use crate::history::RecordedInput;
use crate::prediction::Prediction;
use crate::snapshot::{Snapshot, Step, StepKind};

/// A stage and the earlier one, each as target and stage.
type Stages = ((usize, usize), (usize, usize));

/// A source that stages stand upon.
type Ground<'a> = (VertexId, &'a Step);

/// Two builds and how they correspond.
pub(super) struct Builds<'a> {
    pub(super) newer: &'a Snapshot,
    pub(super) older: &'a Snapshot,
    pub(super) alignment: &'a Alignment,
    pub(super) prediction: &'a Prediction,
    /// Whether the image below the step in question is another one under the same reference.
    pub(super) has_moved: bool,
}

impl Builds<'_> {
    /// What differs above a step that both builds have, given as the step and its place, the earlier one first.
    pub(super) fn above(&self, (then, was_at): (&Step, At), (now, at): (&Step, At)) -> Vec<Cause> {
        let (old, new) = (base(then), base(now));
        if old.is_none() && new.is_none() {
            // A copy that is linked in, or the first upon scratch.
            return Vec::new();
        }
        let (mut causes, bottom) = self.gone(at, was_at);
        if let Some((stage, was_stage)) = bottom {
            let grounds = (ground(self.older, old), ground(self.newer, new));
            causes.extend(self.other_base((stage, was_stage), grounds));
        }
        causes
    }

    /// What is gone from the end of the stages that a step copies from.
    pub(super) fn sources(&self, then: &Step, (now, at): (&Step, At)) -> Vec<Cause> {
        let inputs = now.record.inputs.iter().zip(&now.inputs).zip(&then.inputs);
        let files = inputs.filter(|((input, _), _)| matches!(input, RecordedInput::Files(..)));
        let mut causes = Vec::new();
        for ((_, new), old) in files {
            let Some(stages) = self.newer.targets.get(at.0).map(|target| &target.stages) else { continue };
            let Some(stage) = stages.iter().position(|stage| stage.result == Some(*new)) else { continue };
            let Some(was) = self.alignment.stage((at.0, stage)) else { continue };
            let Some(older) = stage_at(self.older, was).filter(|older| older.result == Some(*old)) else { continue };
            let ends = ((at.0, stage, stages[stage].instructions.len()), (was.0, was.1, older.instructions.len()));
            let name = stage_name(self.newer, (at.0, stage));
            let of_stage = |cause: Cause| if cause.name.is_none() { cause.named(&name) } else { cause };
            causes.extend(self.gone(ends.0, ends.1).0.into_iter().map(of_stage));
        }
        causes
    }

    /// What no longer stands above an instruction; and the stages whose bases are to be compared, the newer first, where
    /// nothing above it stands in both.
    fn gone(&self, at: At, was: At) -> (Vec<Cause>, Option<Stages>) {
        let (stage, was_stage) = ((at.0, at.1), (was.0, was.1));
        let is_step = |snapshot, at| placed(snapshot, at).is_some_and(|placed| placed.step.is_some());
        let floor = (0..at.2).rev().filter(|place| is_step(self.newer, (at.0, at.1, *place))).find_map(|place| {
            let other = self.alignment.instruction((at.0, at.1, place))?;
            let is_above = (other.0, other.1) == was_stage && other.2 < was.2;
            (is_above && is_step(self.older, other)).then_some(other.2)
        });
        let places = floor.map_or(0, |floor| floor + 1)..was.2;
        let places = places.map(|place| (was.0, was.1, place)).filter(|at| is_step(self.older, *at));
        let mut causes: Vec<Cause> = places.filter_map(|at| self.one_gone(at)).collect();
        let bases = || Some((base_stage(self.newer, stage)?, base_stage(self.older, was_stage)?));
        let Some((base, was_base)) = bases().filter(|_| floor.is_none()) else {
            return (causes, floor.is_none().then_some((stage, was_stage)));
        };
        let (base, was_base) = ((stage.0, base), (was_stage.0, was_base));
        if self.alignment.stage(base) != Some(was_base) {
            return (causes, Some((stage, was_stage)));
        }
        let end = |snapshot, stage| stage_at(snapshot, stage).map_or(0, |stage| stage.instructions.len());
        let ends = (end(self.newer, base), end(self.older, was_base));
        let (below, bottom) = self.gone((base.0, base.1, ends.0), (was_base.0, was_base.1, ends.1));
        let name = stage_name(self.newer, base);
        let of_stage = |cause: Cause| if cause.name.is_none() { cause.named(&name) } else { cause };
        causes.extend(below.into_iter().map(of_stage));
        (causes, bottom)
    }

    /// What became of an instruction that makes no step where it stood.
    fn one_gone(&self, at: At) -> Option<Cause> {
        let gone = placed(self.older, at)?;
        let edit = |detail: &str, new: Option<String>| {
            let edit = Cause::of(CauseKind::InstructionEdited).values(Some(gone.text.clone()), new);
            Cause { detail: Some(detail.to_owned()), ..edit }
        };
        if let Some(newer) = self.alignment.newer(at) {
            let is = placed(self.newer, newer)?;
            return is.step.is_none().then(|| edit(ABOVE, Some(is.text.clone())));
        }
        let Some(place) = self.alone(self.newer, at.0, gone, |at| self.alignment.instruction(at)) else {
            return Some(edit(REMOVED, None));
        };
        let is_elsewhere = self.alignment.stage((place.0, place.1)) != Some((at.0, at.1));
        let name = if is_elsewhere { stage_name(self.newer, (place.0, place.1)) } else { String::new() };
        Some(edit(MOVED, None).named(&name))
    }

    /// An instruction that stood elsewhere in the earlier build.
    pub(super) fn moved_here(&self, at: At) -> Option<Cause> {
        if self.alignment.instruction(at).is_some() {
            return None;
        }
        let is = placed(self.newer, at)?;
        let place = self.alone(self.older, at.0, is, |at| self.alignment.newer(at))?;
        let is_elsewhere = self.alignment.stage((at.0, at.1)) != Some((place.0, place.1));
        let name = if is_elsewhere { stage_name(self.older, (place.0, place.1)) } else { String::new() };
        let edit = Cause::of(CauseKind::InstructionEdited).values(None, Some(is.text.clone())).named(&name);
        Some(Cause { detail: Some(MOVED.to_owned()), ..edit })
    }

    /// The place of an equal instruction that corresponds to none.
    fn alone(&self, of: &Snapshot, target: usize, wanted: &Placed, other: impl Fn(At) -> Option<At>) -> Option<At> {
        let stages = &of.targets.get(target)?.stages;
        let mut places = stages.iter().enumerate().flat_map(|(stage, of_stage)| {
            let instructions = of_stage.instructions.iter().enumerate();
            instructions.map(move |(place, placed)| ((target, stage, place), placed))
        });
        let is_equal = |placed: &Placed| {
            placed.step.is_some() && (&placed.keyword, &placed.text) == (&wanted.keyword, &wanted.text)
        };
        places.find(|(at, placed)| is_equal(placed) && other(*at).is_none()).map(|(at, _)| at)
    }

    /// A stage that is built upon another image or another stage.
    fn other_base(
        &self,
        (stage, was_stage): Stages,
        (old, new): (Option<Ground<'_>>, Option<Ground<'_>>),
    ) -> Option<Cause> {
        let (is, was) = (base_stage(self.newer, stage).is_some(), base_stage(self.older, was_stage).is_some());
        let kinds = (old.map(|(_, step)| &step.kind), new.map(|(_, step)| &step.kind));
        match kinds {
            (Some(StepKind::Image { .. }), Some(StepKind::Image { .. })) if !is && !was => {
                let ((_, old), (id, new)) = (old?, new?);
                let is_known = self.prediction.standings[id.index()].is.contains(&old.record.key);
                if is_known { None } else { image::changed(old, new) }
            }
            (old, new) => {
                let text = |snapshot, stage, kind: Option<&StepKind>| match kind {
                    Some(StepKind::Image { reference, .. }) => reference.clone(),
                    Some(StepKind::Context(name)) => name.clone(),
                    Some(StepKind::Remote { address, .. }) => address.clone(),
                    Some(StepKind::Step) | None => base_name(snapshot, stage),
                };
                let old = if was { base_name(self.older, was_stage) } else { text(self.older, was_stage, old) };
                let new = if is { base_name(self.newer, stage) } else { text(self.newer, stage, new) };
                let differs = old != new || is != was;
                differs.then(|| Cause::of(CauseKind::BaseStageChanged).values(Some(old), Some(new)))
            }
        }
    }

    /// The build argument or variable whose change gave a variable another value, at that place; `None` where the `ENV`
    /// that sets it was edited itself or hands nothing on.
    pub(super) fn source_of(&self, name: &str, at: At) -> Option<String> {
        let stage = stage_at(self.newer, (at.0, at.1))?;
        let places = (0..at.2.min(stage.instructions.len())).rev();
        let setter = places.map(|place| (at.0, at.1, place)).find(|at| {
            placed(self.newer, *at).is_some_and(|placed| placed.keyword == "ENV" && sets(&placed.text, name))
        });
        let Some(setter) = setter else {
            return self.source_in_base(name, (at.0, at.1), stage);
        };
        let is = placed(self.newer, setter)?;
        let was = self.alignment.instruction(setter).and_then(|at| placed(self.older, at))?;
        if was.text != is.text {
            return None;
        }
        let differs =
            |(used, value): &(&String, &Used)| was.variables.get(*used).is_some_and(|old| old.value != value.value);
        let (used, value) = is.variables.iter().find(differs)?;
        let deeper = (!value.from_arg).then(|| self.source_of(used, setter)).flatten();
        deeper.or_else(|| Some(used.clone()))
    }
}

impl Builds<'_> {
    /// What a variable takes its value from that its stage does not set.
    fn source_in_base(&self, name: &str, at: (usize, usize), stage: &StageGraph) -> Option<String> {
        let was_at = self.alignment.stage(at)?;
        let was = stage_at(self.older, was_at)?;
        let base = |snapshot, at: (usize, usize)| base_stage(snapshot, at).map(|base| (at.0, base));
        let (new, old) = (base(self.newer, at), base(self.older, was_at));
        if let Some(new) = new.filter(|new| old.is_some() && self.alignment.stage(*new) == old) {
            return self.source_of(name, (new.0, new.1, usize::MAX));
        }
        let is_set = |placed: &Arc<Placed>| match placed.keyword.as_str() {
            "ENV" => sets(&placed.text, name),
            "ARG" => placed.text.split([' ', '=']).any(|word| word == name),
            _ => false,
        };
        let is_own = stage.instructions.iter().chain(&was.instructions).any(is_set);
        let is_same = new.is_none() && old.is_none() && stage.base == was.base && !self.has_moved;
        (!is_own && !is_same).then(|| FROM.to_owned())
    }
}

/// Whether an `ENV` sets a variable.
fn sets(text: &str, name: &str) -> bool {
    let mut words = text.split(' ').skip(1);
    let is_legacy = words.clone().next().is_some_and(|word| !word.contains('='));
    if is_legacy {
        return words.next() == Some(name);
    }
    words.any(|word| word.split_once('=').is_some_and(|(set, _)| set == name))
}

/// The instruction at a place.
pub(super) fn placed(snapshot: &Snapshot, (target, stage, place): At) -> Option<&Placed> {
    snapshot.targets.get(target)?.stages.get(stage)?.instructions.get(place).map(|placed| &**placed)
}

fn stage_at(snapshot: &Snapshot, (target, stage): (usize, usize)) -> Option<&StageGraph> {
    snapshot.targets.get(target)?.stages.get(stage)
}

/// The stage that a stage is built upon; `None` where an image or a context is, which may have taken that stage's place
/// (`--build-context`): then nothing needs it.
fn base_stage(snapshot: &Snapshot, at: (usize, usize)) -> Option<usize> {
    let base = stage_at(snapshot, at)?.base_stage?;
    stage_at(snapshot, (at.0, base)).is_some_and(|stage| stage.used).then_some(base)
}

fn stage_name(snapshot: &Snapshot, at: (usize, usize)) -> String {
    stage_at(snapshot, at).and_then(|stage| stage.name.clone()).unwrap_or_else(|| at.1.to_string())
}

/// What a stage is built upon, as it is written.
fn base_name(snapshot: &Snapshot, at: (usize, usize)) -> String {
    let Some(stage) = stage_at(snapshot, at) else { return String::new() };
    stage.base_stage.map_or_else(|| stage.base.clone(), |base| stage_name(snapshot, (at.0, base)))
}

/// The vertex whose file system a step continues; `None` where it begins with nothing.
fn base(step: &Step) -> Option<VertexId> {
    let mut inputs = step.record.inputs.iter().zip(&step.inputs);
    inputs.find(|(input, _)| matches!(input, RecordedInput::Base(_))).map(|(_, id)| *id)
}

/// What lies below all steps.
fn ground(snapshot: &Snapshot, from: Option<VertexId>) -> Option<Ground<'_>> {
    let mut id = from?;
    loop {
        let step = snapshot.step(id)?;
        if step.kind != StepKind::Step {
            return Some((id, step));
        }
        id = base(step)?;
    }
}
