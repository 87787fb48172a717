//! What the step that another one follows from has told already: the same file, the same variable, the edit of the lines
//! right above. In go the causes of steps in the order of the file; out comes whether a step has a reason of its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::cause::{Cause, CauseKind, FROM, REMOVED};
use crate::graph::Placed;
use crate::history::RecordedInput;
use crate::snapshot::Step;

/// The causes so far.
#[derive(Default)]
pub(super) struct Cover {
    /// Those of each step that follows from no other, with its keyword.
    own: BTreeMap<String, (String, Vec<Cause>)>,
    /// The steps of instructions that were edited or are new: what came or went right below them is one edit with them.
    edited: BTreeSet<usize>,
    /// Those that are new: what uses them and is new as well is one edit with them.
    added: BTreeSet<usize>,
}

impl Cover {
    /// Adds a step; with its name where it follows from no other.
    pub(super) fn add(&mut self, id: usize, placed: &Placed, causes: &[Cause], own: Option<&str>) {
        let is_edit = |cause: &Cause| matches!(cause.kind, CauseKind::InstructionEdited | CauseKind::InstructionAdded);
        if causes.iter().any(is_edit) {
            self.edited.extend([Some(id), placed.link].into_iter().flatten());
        }
        if causes.iter().any(|cause| cause.kind == CauseKind::InstructionAdded) {
            self.added.extend([Some(id), placed.link].into_iter().flatten());
        }
        if let Some(own) = own {
            self.own.entry(own.to_owned()).or_insert_with(|| (placed.keyword.clone(), causes.to_vec()));
        }
    }

    /// The causes of a step and of those that it follows from in turn; and whether a WORKDIR is one of them.
    fn told_by(&self, root: &str) -> (bool, Vec<&Cause>) {
        let (mut is_workdir, mut told) = (false, Vec::new());
        let mut seen = BTreeSet::new();
        let mut open = vec![root];
        while let Some(name) = open.pop() {
            let Some((keyword, causes)) = self.own.get(name).filter(|_| seen.insert(name)) else { continue };
            is_workdir |= keyword == "WORKDIR";
            told.extend(causes);
            let upstream = causes.iter().filter(|cause| cause.kind == CauseKind::Upstream);
            open.extend(upstream.filter_map(|cause| cause.root.as_deref()));
        }
        (is_workdir, told)
    }

    /// Whether a step has no reason that the step it follows from has not.
    pub(super) fn adds_nothing(&self, root: &str, causes: &[Cause], step: &Step) -> bool {
        let (is_below_workdir, of_root) = self.told_by(root);
        let known: BTreeSet<&Cause> = of_root.iter().copied().collect();
        let is_next = || {
            let mut inputs = step.record.inputs.iter().zip(&step.inputs);
            inputs.any(|(input, id)| matches!(input, RecordedInput::Base(_)) && self.edited.contains(&id.index()))
        };
        let uses_new = || step.inputs.iter().any(|id| self.added.contains(&id.index()));
        let has = |kind| of_root.iter().any(|cause| cause.kind == kind);
        let has_other_base = || has(CauseKind::BaseStageChanged) || has(CauseKind::BaseImageChanged);
        let is_workdir = |cause: &Cause| {
            let text = cause.old.as_deref().filter(|_| cause.kind == CauseKind::InstructionEdited);
            cause.kind == CauseKind::WorkdirChanged || text.is_some_and(|text| text.starts_with("WORKDIR "))
        };
        let is_covered = |cause: &Cause| match cause.kind {
            CauseKind::Upstream => true,
            // What a WORKDIR sets and the steps below it begin in.
            CauseKind::WorkdirChanged => {
                is_below_workdir || has_other_base() || of_root.iter().copied().any(is_workdir)
            }
            CauseKind::UserChanged | CauseKind::ShellChanged if has_other_base() => true,
            CauseKind::InstructionAdded if cause.detail.is_none() => is_next() || uses_new(),
            // The stage that was not needed, or not there, and the `FROM` that needs it now.
            CauseKind::BaseStageChanged => known.contains(cause) || has(CauseKind::InstructionAdded),
            CauseKind::EnvChanged if cause.by.as_deref() == Some(FROM) && has_other_base() => true,
            CauseKind::InstructionEdited if cause.detail.as_deref() == Some(REMOVED) => is_next(),
            CauseKind::EnvChanged if cause.by.is_some() => {
                of_root.iter().any(|other| *other == cause || other.name == cause.by || other.by == cause.by)
            }
            _ if cause.moved().is_some() => of_root.iter().any(|other| other.moved() == cause.moved()),
            _ => known.contains(cause),
        };
        causes.iter().all(is_covered)
    }
}
