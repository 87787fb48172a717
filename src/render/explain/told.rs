//! The causes of one step below its line, and what earlier steps of the report have told already: the same file, copied
//! by two steps, is told at length once. In go steps in the order of the report, out come indented lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use planner::cause::umask::Drift;
use planner::cause::{Cause, CauseKind, FROM};
use planner::context::ContextPath;
use planner::explanation::roots;
use planner::explanation::{InstructionReport, Status};

use super::{N_COLUMNS, files};
use crate::render::cause::{edit, sentence};
use crate::render::{layout, text};

/// Causes of one step, files aside, that are shown without `--verbose`.
const N_CAUSES: usize = 5;

/// Reasons of a step that is not shown, of which another one tells.
const N_REASONS: usize = 2;

/// What has been told so far.
pub(super) struct Told<'a> {
    drift: Option<Drift>,
    verbose: bool,
    /// Columns before a cause.
    indent: usize,
    /// For each file, the step it was told at.
    files: BTreeMap<ContextPath, String>,
    /// For each change of what a stage hands down, the step it was told at.
    handed_down: BTreeMap<Cause, String>,
    ignorefiles: Vec<Cause>,
    is_umask_told: bool,
    /// The steps that are left out and that others follow from.
    roots: &'a BTreeMap<String, InstructionReport>,
}

impl<'a> Told<'a> {
    /// Nothing told yet.
    pub(super) fn new(
        drift: Option<Drift>,
        verbose: bool,
        indent: usize,
        roots: &'a BTreeMap<String, InstructionReport>,
    ) -> Self {
        let (files, handed_down) = (BTreeMap::new(), BTreeMap::new());
        Self { drift, verbose, indent, files, handed_down, ignorefiles: Vec::new(), is_umask_told: false, roots }
    }

    /// Tells the causes of a step.
    pub(super) fn causes(&mut self, out: &mut String, name: &str, step: &InstructionReport) {
        let is_elsewhere = |cause: &&Cause| cause.root.is_some() && cause.kind != CauseKind::Upstream;
        let (elsewhere, here): (Vec<_>, Vec<_>) = step.causes.iter().partition(is_elsewhere);
        let (of_files, others): (Vec<_>, Vec<_>) = here.into_iter().partition(|cause| files::is_change(cause));
        // What another variable, the base or the line that is gone tells of at this very step.
        let is_base = |other: &Cause| matches!(other.kind, CauseKind::BaseStageChanged | CauseKind::BaseImageChanged);
        let has_other_base = step.causes.iter().any(is_base);
        // The same reference, which names another image now: what that one sets is news.
        let has_moved = step.causes.iter().any(|other| is_base(other) && other.detail.is_some());
        let is_consequence = |cause: &&Cause| {
            let is_gone = |other: &Cause| {
                let text = other.old.as_deref().filter(|_| other.kind == CauseKind::InstructionEdited);
                other.new.is_none() && text.is_some_and(|text| text.starts_with("WORKDIR "))
            };
            let by = cause.by.as_ref();
            let is_told = |other: &Cause| by.is_some() && other.name.as_ref() == by;
            step.causes.iter().any(is_told)
                || by.is_some_and(|by| by == FROM) && has_other_base && !has_moved
                || cause.kind == CauseKind::WorkdirChanged && (has_other_base || step.causes.iter().any(is_gone))
        };
        let others = others.into_iter().filter(|cause| self.verbose || !is_consequence(cause));
        let (own, follows): (Vec<_>, Vec<_>) = others.partition(|cause| cause.kind != CauseKind::Upstream);
        let n_shown = if self.verbose { usize::MAX } else { N_CAUSES };
        for cause in own.iter().take(n_shown) {
            self.one(out, name, cause);
        }
        if own.len() > n_shown {
            let more = text::count(own.len() - n_shown, "more cause");
            self.write(out, &format!("and {more} (--verbose shows all)"));
        }
        self.of_files(out, name, &of_files);
        self.elsewhere(out, &elsewhere);
        // What else decides stands above the step.
        let follows = follows.into_iter().filter(|_| step.status == Status::Miss);
        follows.for_each(|cause| self.write(out, &format!("{}{}", sentence(cause, self.verbose), self.why(cause))));
    }

    /// Why the step runs that a cause names, where it is not in the report.
    fn why(&self, cause: &Cause) -> String {
        let Some(root) = cause.root.as_ref().and_then(|root| self.roots.get(root)) else { return String::new() };
        let own = root.causes.iter().filter(|cause| cause.kind != CauseKind::Upstream);
        let (of_files, others): (Vec<_>, Vec<_>) = own.partition(|cause| files::is_change(cause));
        let width = if self.verbose { usize::MAX } else { N_COLUMNS - self.indent };
        let rows = others.iter().map(|cause| sentence(cause, self.verbose));
        let mut rows: Vec<String> = rows.chain(files::rows(&of_files, self.drift, self.verbose, width)).collect();
        if let Some(n_more) = rows.len().checked_sub(N_REASONS).filter(|n_more| *n_more > 0 && !self.verbose) {
            rows.truncate(N_REASONS);
            rows.push(format!("and {n_more} more"));
        }
        if rows.is_empty() { String::new() } else { format!(": {}", rows.join("; ")) }
    }

    /// Tells of a step, after another one of the same cause, what is left to tell.
    pub(super) fn again(
        &mut self,
        out: &mut String,
        name: &str,
        (step, first): (&InstructionReport, &InstructionReport),
    ) {
        if self.verbose {
            return self.causes(out, name, step);
        }
        let of_files: Vec<_> = step.causes.iter().filter(|cause| files::is_change(cause)).collect();
        let is_new = |cause: &&Cause| cause.path.as_ref().is_some_and(|path| !self.files.contains_key(path));
        let new: Vec<_> = of_files.iter().copied().filter(is_new).collect();
        if !new.is_empty() {
            self.of_files(out, name, &new);
        } else if !roots::is_same(step, first, self.drift) {
            self.of_files(out, name, &of_files);
        }
    }

    fn one(&mut self, out: &mut String, name: &str, cause: &Cause) {
        if is_handed_down(cause) && !self.verbose {
            let change = Cause { by: None, ..cause.clone() };
            if let Some(at) = self.handed_down.get(&change) {
                let at = text::escape(at);
                let cause = Cause { detail: None, old: None, new: None, by: None, ..cause.clone() };
                return self.write(out, &format!("{}, as told at {at}", sentence(&cause, false)));
            }
            self.handed_down.insert(change, name.to_owned());
        }
        if cause.kind == CauseKind::IgnorefileChanged {
            if self.ignorefiles.contains(cause) {
                return;
            }
            self.ignorefiles.push(cause.clone());
        }
        self.write(out, &sentence(cause, self.verbose));
        let width = (!self.verbose).then_some(N_COLUMNS - self.indent);
        for line in edit::shown(cause, width) {
            let _ = writeln!(out, "{:1$}{line}", "", self.indent);
        }
    }

    fn of_files(&mut self, out: &mut String, name: &str, causes: &[&Cause]) {
        let at = |cause: &Cause| cause.path.as_ref().and_then(|path| self.files.get(path)).cloned();
        let (old, new): (Vec<_>, Vec<_>) =
            causes.iter().copied().partition(|cause| !self.verbose && at(cause).is_some());
        let width = if self.verbose { usize::MAX } else { N_COLUMNS - self.indent };
        let rows = files::rows(&new, self.drift, self.verbose, width);
        let mut by_step = BTreeMap::<String, Vec<&Cause>>::new();
        for cause in old {
            by_step.entry(at(cause).unwrap_or_default()).or_default().push(cause);
        }
        rows.iter().for_each(|row| self.write(out, row));
        if let Some(drift) = self.drift.filter(|drift| new.iter().any(|cause| Drift::of(cause) == Some(*drift))) {
            self.umask(out, drift);
        }
        for (step, causes) in by_step {
            let mut paths: Vec<_> = causes.iter().filter_map(|cause| cause.path.as_ref()).collect();
            paths.dedup();
            let what = match paths.as_slice() {
                [path] => layout::cut_front(&text::path(path), width / 2),
                paths => text::count(paths.len(), "file"),
            };
            self.write(out, &format!("{what}, as told at {}", text::escape(&step)));
        }
        for path in new.iter().filter_map(|cause| cause.path.clone()) {
            self.files.entry(path).or_insert_with(|| name.to_owned());
        }
    }

    /// What another step has that the last build had not, while an earlier build had it.
    fn elsewhere(&self, out: &mut String, causes: &[&Cause]) {
        let Some(first) = causes.first() else { return };
        let at = text::escape(first.root.as_deref().unwrap_or_default());
        let causes: Vec<Cause> = causes.iter().map(|&cause| Cause { root: None, ..cause.clone() }).collect();
        let width = if self.verbose { usize::MAX } else { N_COLUMNS - self.indent };
        let (of_files, others): (Vec<_>, Vec<_>) = causes.iter().partition(|cause| files::is_change(cause));
        let rows = others.iter().map(|cause| sentence(cause, self.verbose));
        let rows: Vec<_> = rows.chain(files::rows(&of_files, None, self.verbose, width)).collect();
        rows.iter().for_each(|row| self.write(out, &format!("at {at}, {row}")));
        self.write(out, "both were built before, but never together");
    }

    /// What changed the modes, where it is first seen.
    fn umask(&mut self, out: &mut String, drift: Drift) {
        if !std::mem::replace(&mut self.is_umask_told, true) {
            let (new, old) = (drift.new, drift.old);
            self.write(out, &format!("the modes of a checkout under umask {new:03o}; it was {old:03o}"));
        }
    }

    /// A sentence in the column of causes, wrapped unless all is told.
    fn write(&self, out: &mut String, sentence: &str) {
        let lines = if self.verbose { vec![sentence.to_owned()] } else { wrapped(sentence, N_COLUMNS - self.indent) };
        for (index, line) in lines.iter().enumerate() {
            let more = if index > 0 { 2 } else { 0 };
            let _ = writeln!(out, "{:width$}{line}", "", width = self.indent + more);
        }
    }
}

/// Whether a cause is of what every step below an instruction gets from it.
fn is_handed_down(cause: &Cause) -> bool {
    matches!(
        cause.kind,
        CauseKind::BuildArgChanged
            | CauseKind::EnvChanged
            | CauseKind::WorkdirChanged
            | CauseKind::UserChanged
            | CauseKind::ShellChanged
            | CauseKind::BaseImageChanged
            | CauseKind::BaseStageChanged
            | CauseKind::PlatformChanged
    )
}

/// Lines that leave room for the two columns by which those after the first stand further right.
fn wrapped(sentence: &str, width: usize) -> Vec<String> {
    if sentence.chars().count() <= width { vec![sentence.to_owned()] } else { layout::wrap(sentence, width - 2) }
}
