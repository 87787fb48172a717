//! Comparing a step with the steps it corresponds to in earlier builds.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::Question;
use super::above::{self, placed};
use super::image;
use crate::alignment::{Alignment, At};
use crate::cause::{Cause, CauseKind, files, ignored, parts};
use crate::context::ContextPath;
use crate::graph::{Placed, VertexId};
use crate::history::RecordedInput;
use crate::prediction::Verdict;
use crate::snapshot::{Assumed, Snapshot, Step, StepKind};

/// How many earlier builds are searched for one that differs in a telling way.
const MAX_BUILDS: usize = 50;

/// The earlier builds, brought back one by one as they are needed.
pub(super) struct Comparison<'a> {
    question: &'a Question<'a>,
    builds: RefCell<Vec<Build>>,
}

/// An earlier build.
struct Build {
    snapshot: Snapshot,
    alignment: Alignment,
    /// The steps it did not come to, because a source was missing.
    unreached: BTreeSet<usize>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(question: &'a Question<'a>) -> Self {
        Self { question, builds: RefCell::new(Vec::new()) }
    }

    /// The step's own reasons to miss, against the newest build whose target needed it. Where it has none there and no
    /// step before it runs, it is the combination that is new: then the newest build that shared its inputs is asked.
    pub(super) fn causes(&self, at: At, id: usize, alone: bool) -> Vec<Cause> {
        let Some(newest) = self.newest_that_needed(at, id) else { return Vec::new() };
        let end = if alone { MAX_BUILDS } else { newest + 1 };
        for n in newest..end {
            if !self.bring(n) {
                break;
            }
            let builds = self.builds.borrow();
            let Build { snapshot: older, alignment, .. } = &builds[n];
            if builds[n].never_reached(id) {
                continue;
            }
            let causes = self.against(older, alignment, at, id);
            if !causes.is_empty() && (n == newest || self.shares_inputs(older, alignment, id)) {
                return causes;
            }
        }
        Vec::new()
    }

    /// The newest build that came to the step and did not leave it out as part of a stage its target had no need of;
    /// the newest of those that left it out where each did; none where each failed before it.
    fn newest_that_needed(&self, at: At, id: usize) -> Option<usize> {
        let is_left_out = |n: usize| {
            let alignment = &self.builds.borrow()[n].alignment;
            alignment.instruction(at).is_some() && alignment.step(id).is_none()
        };
        let reached =
            || (0..MAX_BUILDS).take_while(|&n| self.bring(n)).filter(|&n| !self.builds.borrow()[n].never_reached(id));
        reached().find(|&n| !is_left_out(n)).or_else(|| reached().next())
    }

    fn bring(&self, n: usize) -> bool {
        if self.builds.borrow().len() > n {
            return true;
        }
        let Some(snapshot) = (self.question.earlier)(n) else { return false };
        let alignment = Alignment::of(self.question.snapshot, &snapshot);
        let unreached = unreached(&snapshot);
        self.builds.borrow_mut().push(Build { snapshot, alignment, unreached });
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
        let newer = self.question.snapshot;
        let prediction = self.question.prediction;
        let mut builds = above::Builds { newer, older, alignment, prediction, has_moved: false };
        let Some(then) = alignment.step(id).and_then(|step| older.steps.get(step)) else {
            if let Some(moved) = builds.moved_here(at) {
                return vec![moved];
            }
            let mut added = Cause::of(CauseKind::InstructionAdded).values(None, is.map(|is| is.text.clone()));
            // It stood there, in a stage that the target did not need; what follows in that stage, follows.
            added.detail = alignment.instruction(at).map(|_| "unused".to_owned());
            let runs = |input: &VertexId| {
                newer.steps[input.index()].kind == StepKind::Step
                    && prediction.standings[input.index()].verdict == Verdict::Miss
            };
            let follows = added.detail.is_some() && now.inputs.iter().any(runs);
            return if follows { Vec::new() } else { vec![added] };
        };
        let was_at = alignment.instruction(at);
        let was = was_at.and_then(|at| placed(older, at));
        if let Some((was, is)) = was.zip(is).filter(|(was, is)| was.keyword != is.keyword) {
            return parts::edited(was, is).into_iter().collect();
        }
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
        let moved = image::moved_below((older, then), (newer, now)).filter(|_| assumed.is_none());
        builds.has_moved = moved.is_some();
        for cause in causes.iter_mut().filter(|cause| cause.kind == CauseKind::EnvChanged) {
            cause.by = cause.name.as_deref().and_then(|name| builds.source_of(name, at));
        }
        if causes.iter().any(image::is_of_configuration) {
            causes.splice(..0, moved);
        }
        let above = was_at.map(|was_at| builds.above((then, was_at), (now, at))).unwrap_or_default();
        for cause in above.into_iter().chain(builds.sources(then, (now, at))) {
            if !causes.contains(&cause) {
                causes.push(cause);
            }
        }
        causes.extend(self.file_changes(older, then, now));
        if causes.is_empty() {
            // A source that another stage makes, or a here-document: steps of their own, edited here.
            causes.extend(was.zip(is).and_then(|(was, is)| parts::edited(was, is)));
        }
        causes
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
        let (was, is) = self.ignorefiles(&builds.first()?.snapshot, context)?;
        let is_new = ignored::leaving_out(&is, path).is_some() && ignored::leaving_out(&was, path).is_none();
        is_new.then(|| Cause::of(CauseKind::IgnorefileChanged).values(Some(was), Some(is)))
    }

    /// Whether the last build used the very image of that source, as far as is known.
    pub(super) fn used_image(&self, id: usize) -> bool {
        let now = &self.question.snapshot.steps[id];
        let builds = self.bring(0).then(|| self.builds.borrow());
        let steps = builds.as_ref().and_then(|builds| builds.first()).map(|build| build.snapshot.steps.as_slice());
        steps
            .unwrap_or_default()
            .iter()
            .any(|then| matches!(then.kind, StepKind::Image { .. }) && then.record.key == now.record.key)
    }

    /// How the image of that source differs from what its reference named in the last build.
    pub(super) fn moved_image(&self, id: usize) -> Option<Cause> {
        let now = &self.question.snapshot.steps[id];
        let builds = self.bring(0).then(|| self.builds.borrow())?;
        let mut then = builds.first()?.snapshot.steps.iter();
        then.find_map(|then| image::moved(&then.kind, &now.kind))
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

impl Build {
    /// Whether the build failed before it came to what is now the step `id`.
    fn never_reached(&self, id: usize) -> bool {
        self.alignment.step(id).is_some_and(|step| self.unreached.contains(&step))
    }
}

/// The steps whose source is missing, and those that stand on them or take from them.
fn unreached(snapshot: &Snapshot) -> BTreeSet<usize> {
    let mut unreached = BTreeSet::new();
    for (index, step) in snapshot.steps.iter().enumerate() {
        // A step stands behind its inputs.
        if step.missing.is_some() || step.inputs.iter().any(|input| unreached.contains(&input.index())) {
            unreached.insert(index);
        }
    }
    unreached
}
