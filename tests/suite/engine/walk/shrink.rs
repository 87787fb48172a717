//! Makes a walk that went wrong small, and writes it as a case: builds, edits, instructions and files are left out as
//! long as the same kind of thing goes wrong, each attempt on images that the engine has not seen.
//!
//! In: a walk and what went wrong. Out: words for the failing test, with JSON for `tests/fixtures/semantics`.

use std::collections::BTreeSet;
use std::mem::discriminant;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};

use super::{Walk, Wrong, repeat};
use crate::case::edit::Edit;
use crate::case::{Files, Text};

/// How many attempts there are; one is as long as its builds.
const ATTEMPTS: usize = 120;

/// What went wrong, as small as it gets.
pub(super) fn told(walk: &Walk, wrong: &Wrong) -> String {
    let n_builds = walk.changes.len() + 1;
    let mut shrinking = Shrinking { walk: walk.clone(), told: wrong.told().to_owned(), left: ATTEMPTS };
    shrinking.builds(wrong);
    shrinking.edits(wrong);
    shrinking.instructions(wrong);
    shrinking.files(wrong);
    shrinking.edits(wrong);
    let case = serde_json::to_string_pretty(&as_json(&shrinking.walk)).expect("JSON");
    format!("{}\nin build {n_builds}; made smaller: {}\n{case}", wrong.told(), shrinking.told)
}

struct Shrinking {
    walk: Walk,
    told: String,
    left: usize,
}

impl Shrinking {
    /// Keeps a smaller walk if it goes wrong in the same way.
    fn attempt(&mut self, smaller: Walk, wrong: &Wrong) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        // An edit may have lost the file it changes; then it panics.
        match catch_unwind(AssertUnwindSafe(|| repeat(&smaller))) {
            Ok(Err(still)) if discriminant(&still) == discriminant(wrong) => {
                self.told = still.told().to_owned();
                self.walk = smaller;
                true
            }
            _ => false,
        }
    }

    /// Leaves builds out, many at first; their edits join those of the next build.
    fn builds(&mut self, wrong: &Wrong) {
        let mut size = self.walk.changes.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at + size < self.walk.changes.len() {
                let mut smaller = self.walk.clone();
                let joined: Vec<_> = smaller.changes.drain(at..at + size).flatten().collect();
                smaller.changes[at].splice(0..0, joined);
                if !self.attempt(smaller, wrong) {
                    at += size;
                }
            }
            size /= 2;
        }
    }

    fn edits(&mut self, wrong: &Wrong) {
        for build in (0..self.walk.changes.len()).rev() {
            for edit in (0..self.walk.changes[build].len()).rev() {
                let mut smaller = self.walk.clone();
                smaller.changes[build].remove(edit);
                self.attempt(smaller, wrong);
            }
        }
    }

    /// Leaves an instruction out of every version of the Dockerfile.
    fn instructions(&mut self, wrong: &Wrong) {
        let mut texts = BTreeSet::new();
        dockerfiles(&mut self.walk.clone(), |lines| texts.extend(lines.clone()));
        for text in texts {
            let mut smaller = self.walk.clone();
            dockerfiles(&mut smaller, |lines| lines.retain(|line| *line != text));
            self.attempt(smaller, wrong);
        }
    }

    fn files(&mut self, wrong: &Wrong) {
        for row in self.walk.case.files.rows() {
            let mut smaller = self.walk.clone();
            let left = smaller.case.files.rows().into_iter().filter(|other| other.path != row.path);
            smaller.case.files = Files::Rows(left.collect());
            self.attempt(smaller, wrong);
        }
    }
}

/// Every version of the Dockerfile, an instruction in each item.
fn dockerfiles(walk: &mut Walk, mut change: impl FnMut(&mut Vec<String>)) {
    let mut visit = |text: &mut Text| match text {
        Text::Lines(lines) => change(lines),
        Text::Whole(_) => {}
    };
    visit(&mut walk.case.dockerfile);
    for edit in walk.changes.iter_mut().flatten() {
        if let Edit::Dockerfile { text: Some(text), .. } = edit {
            visit(text);
        }
    }
}

/// The walk in the form of `tests/fixtures/semantics`; what is expected of the last build is for the reader to say.
fn as_json(walk: &Walk) -> Value {
    let (change, before) =
        walk.changes.split_last().map_or((None, &walk.changes[..]), |(last, rest)| (Some(last), rest));
    let lines: Vec<String> = walk.case.dockerfile.joined().lines().map(str::to_owned).collect();
    let files: serde_json::Map<_, _> =
        walk.case.files.rows().into_iter().map(|row| (row.path, json!(row.entry))).collect();
    without_nulls(json!({
        "says": "", "facts": [], "profile": "docker-legacy", "dockerfile": lines, "files": files,
        "target": walk.case.target, "build_args": walk.case.build_args, "arguments": walk.case.arguments,
        "before": before, "change": change, "expect": {},
    }))
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
