//! Comparing a step with the steps it corresponds to in earlier builds.

use std::cell::RefCell;

use super::Question;
use crate::alignment::Alignment;
use crate::cache_key::PartKind;
use crate::cause::{Cause, CauseKind, files, ignored, parts};
use crate::context::ContextPath;
use crate::graph::Placed;
use crate::history::RecordedInput;
use crate::snapshot::{Assumed, Snapshot, Step, StepKind};

/// How many earlier builds are searched for one that differs in a telling way.
const MAX_BUILDS: usize = 50;

/// Where an instruction stands: target, stage and place in the stage.
type At = (usize, usize, usize);

/// The earlier builds, brought back one by one as they are needed.
pub(super) struct Comparison<'a> {
    question: &'a Question<'a>,
    target: usize,
    builds: RefCell<Vec<(Snapshot, Alignment)>>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(question: &'a Question<'a>, target: usize) -> Self {
        Self { question, target, builds: RefCell::new(Vec::new()) }
    }

    /// The step's own reasons to miss, against the newest build whose target needed it. Where it has none there and no
    /// step before it runs, it is the combination that is new: then the newest build that shared its inputs is asked.
    pub(super) fn causes(&self, at: At, id: usize, alone: bool) -> Vec<Cause> {
        let newest = self.newest_that_needed(at, id);
        let end = if alone { MAX_BUILDS } else { newest + 1 };
        for n in newest..end {
            if !self.bring(n) {
                break;
            }
            let builds = self.builds.borrow();
            let (older, alignment) = &builds[n];
            let causes = self.against(older, alignment, at, id);
            if !causes.is_empty() && (n == newest || self.shares_inputs(older, alignment, id)) {
                return causes;
            }
        }
        Vec::new()
    }

    /// The newest build that did not leave the step out as part of a stage its target had no need of; the newest of all
    /// where each did.
    fn newest_that_needed(&self, at: At, id: usize) -> usize {
        let is_left_out = |n: usize| {
            let (_, alignment) = &self.builds.borrow()[n];
            alignment.instruction(at).is_some() && alignment.step(id).is_none()
        };
        (0..MAX_BUILDS).take_while(|&n| self.bring(n)).find(|&n| !is_left_out(n)).unwrap_or(0)
    }

    fn bring(&self, n: usize) -> bool {
        if self.builds.borrow().len() > n {
            return true;
        }
        let Some(snapshot) = (self.question.earlier)(n) else { return false };
        let alignment = Alignment::of(self.question.snapshot, &snapshot);
        self.builds.borrow_mut().push((snapshot, alignment));
        true
    }

    /// Whether the step continued, in that build, a file system that is known to be the present one.
    fn shares_inputs(&self, older: &Snapshot, alignment: &Alignment, id: usize) -> bool {
        let Some(then) = alignment.step(id).and_then(|step| older.steps.get(step)) else { return false };
        let now = &self.question.snapshot.steps[id];
        now.record.inputs.iter().zip(&now.inputs).zip(&then.record.inputs).all(|((now, input), then)| {
            let standing = &self.question.prediction.standings[input.index()];
            match (now, then) {
                (RecordedInput::Base(_), RecordedInput::Base(then)) => standing.is.contains(&then.key),
                _ => true,
            }
        })
    }

    fn against(&self, older: &Snapshot, alignment: &Alignment, at: At, id: usize) -> Vec<Cause> {
        let now = &self.question.snapshot.steps[id];
        let is = placed(self.question.snapshot, at);
        let Some(then) = alignment.step(id).and_then(|step| older.steps.get(step)) else {
            let mut added = Cause::of(CauseKind::InstructionAdded).values(None, is.map(|is| is.text.clone()));
            // It stood there, in a stage that the target did not need.
            added.detail = alignment.instruction(at).map(|_| "unused".to_owned());
            return vec![added];
        };
        let was = alignment.instruction(at).and_then(|at| placed(older, at));
        // A build that did not know the image is compared with what it would have seen now.
        let assumed = now.assumed.as_deref().filter(|_| then.is_assumed);
        let (mut causes, is) = match assumed {
            Some(Assumed { parts, variables, .. }) => {
                let is = is.map(|is| Placed { variables: variables.clone(), ..is.clone() });
                (parts::changed(&then.parts, parts, was, is.as_ref()), is)
            }
            None => (parts::changed(&then.parts, &now.parts, was, is), is.cloned()),
        };
        let is = is.as_ref();
        if causes.iter().any(is_of_configuration) {
            let at_start = self.moved_image(older, then, now).filter(|_| assumed.is_none());
            causes.splice(..0, at_start);
        }
        let base = self.base_changes(older, then, now).filter(|cause| !causes.contains(cause));
        causes.extend(base);
        causes.extend(self.file_changes(older, then, now));
        if causes.is_empty() {
            // A source that another stage makes, or a here-document: steps of their own, edited here.
            causes.extend(was.zip(is).and_then(|(was, is)| parts::edited(was, is)));
        }
        causes
    }

    /// A base that is another image or another stage, not one that runs again.
    fn base_changes(&self, older: &Snapshot, then: &Step, now: &Step) -> Option<Cause> {
        let base = |step: &Step| {
            let index = step.record.inputs.iter().position(|input| matches!(input, RecordedInput::Base(_)))?;
            step.inputs.get(index).map(|id| id.index())
        };
        let (old, new) = (base(then), base(now));
        let kind = |snapshot: &Snapshot, id: Option<usize>| id.map(|id| snapshot.steps[id].kind.clone());
        match (kind(older, old), kind(self.question.snapshot, new)) {
            (Some(StepKind::Image { reference: a, .. }), Some(StepKind::Image { reference: b, .. })) => {
                let (was, is) = (&older.steps[old?], &self.question.snapshot.steps[new?]);
                if self.question.prediction.standings[new?].is.contains(&was.record.key) {
                    return None;
                }
                if a != b {
                    return Some(Cause::of(CauseKind::BaseImageChanged).values(Some(a), Some(b)));
                }
                let platform = |step: &Step| step.parts.iter().find(|part| part.kind == PartKind::Platform).cloned();
                let (then, now) = (platform(was), platform(is));
                if then != now {
                    return parts::changed(then.as_slice(), now.as_slice(), None, None).into_iter().next();
                }
                Some(moved(&was.kind, &is.kind).unwrap_or_else(|| Cause::of(CauseKind::BaseImageChanged).named(&a)))
            }
            (None, None) => None,
            (Some(StepKind::Step), Some(StepKind::Step)) => {
                let runs = self.question.prediction.standings[new?].is.is_empty();
                let was_first = is_first(older, self.target, old?);
                let is_first = is_first(self.question.snapshot, self.target, new?);
                (!runs && was_first != is_first)
                    .then(|| Cause::of(CauseKind::BaseStageChanged).values(was_first.flatten(), is_first.flatten()))
            }
            (old, new) => {
                let text = |kind: Option<StepKind>| match kind {
                    Some(StepKind::Image { reference, .. }) => reference,
                    Some(StepKind::Context(name)) => name,
                    Some(StepKind::Remote { address, .. }) => address,
                    Some(StepKind::Step) => "a stage".to_owned(),
                    None => "scratch".to_owned(),
                };
                Some(Cause::of(CauseKind::BaseStageChanged).values(Some(text(old)), Some(text(new))))
            }
        }
    }

    /// The image that both steps stand upon, if its reference names another one now.
    fn moved_image(&self, older: &Snapshot, then: &Step, now: &Step) -> Option<Cause> {
        moved(image_below(older, then)?, image_below(self.question.snapshot, now)?)
    }

    fn file_changes(&self, older: &Snapshot, then: &Step, now: &Step) -> Vec<Cause> {
        let mut causes = Vec::new();
        for (index, input) in now.record.inputs.iter().enumerate() {
            let RecordedInput::Context { content, tree, selectors } = input else { continue };
            let Some(RecordedInput::Context { content: was, tree: older_tree, .. }) = then.record.inputs.get(index)
            else {
                continue;
            };
            if content == was {
                continue;
            }
            let context = self.question.context;
            let (Some(old), Some(new)) = (context(older_tree), context(tree)) else { continue };
            let mut changed = files::changed(selectors, &old, &new);
            let name = now.inputs.get(index).and_then(|id| self.context_name(id.index()));
            if let Some((was, is)) = name.and_then(|name| self.ignorefiles(older, name))
                && ignored::mark(&mut changed, &was, &is)
            {
                let edit = Cause::of(CauseKind::IgnorefileChanged).values(Some(was), Some(is));
                if !causes.contains(&edit) {
                    causes.push(edit);
                }
            }
            causes.extend(changed);
        }
        causes
    }

    /// The edit of the ignore file that left a source out since the last build.
    pub(super) fn left_out(&self, context: &str, path: &ContextPath) -> Option<Cause> {
        let builds = self.bring(0).then(|| self.builds.borrow())?;
        let (was, is) = self.ignorefiles(&builds.first()?.0, context)?;
        let is_new = ignored::leaving_out(&is, path).is_some() && ignored::leaving_out(&was, path).is_none();
        is_new.then(|| Cause::of(CauseKind::IgnorefileChanged).values(Some(was), Some(is)))
    }

    /// Whether the last build used an image of that reference.
    pub(super) fn used_image(&self, wanted: &str) -> bool {
        let builds = self.bring(0).then(|| self.builds.borrow());
        let steps = builds.as_ref().and_then(|builds| builds.first()).map(|(build, _)| build.steps.as_slice());
        steps
            .unwrap_or_default()
            .iter()
            .any(|step| matches!(&step.kind, StepKind::Image { reference, .. } if reference == wanted))
    }

    fn context_name(&self, id: usize) -> Option<&str> {
        match &self.question.snapshot.steps[id].kind {
            StepKind::Context(name) => Some(name),
            _ => None,
        }
    }

    /// The earlier and the present text of a context's ignore file, where they differ.
    fn ignorefiles(&self, older: &Snapshot, context: &str) -> Option<(String, String)> {
        let text = |snapshot: &Snapshot| snapshot.ignorefiles.get(context).cloned().unwrap_or_default();
        let (was, is) = (text(older), text(self.question.snapshot));
        (was != is).then_some((was, is))
    }
}

/// Whether a cause can be the doing of an image's configuration.
fn is_of_configuration(cause: &Cause) -> bool {
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
fn moved(was: &StepKind, is: &StepKind) -> Option<Cause> {
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

fn placed(snapshot: &Snapshot, (target, stage, place): At) -> Option<&Placed> {
    snapshot.targets.get(target)?.stages.get(stage)?.instructions.get(place)
}

/// The stage whose last step this is, if it is one's.
fn is_first(snapshot: &Snapshot, target: usize, step: usize) -> Option<Option<String>> {
    let stages = &snapshot.targets.get(target)?.stages;
    let stage = stages.iter().find(|stage| stage.result.is_some_and(|result| result.index() == step))?;
    Some(stage.name.clone())
}
