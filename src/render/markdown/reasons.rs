//! Why a step runs, as a reviewer reads it: each reason by itself, edited instructions and arguments first, then the
//! files, many of them by folder, then what an ignore file did; below, what was edited as a diff. In go causes, out
//! comes Markdown in which texts of files stand in code spans and in fenced blocks only. Everything is bounded.

use std::fmt::Write as _;

use planner::cause::{Cause, CauseKind};

use super::escape::{Within, cause, code, span};
use crate::render::cause::{edit, is_ignorefile};
use crate::render::explain::files::{self, Words};
use crate::render::text;

/// Reasons of one step that are told.
const N_REASONS: usize = 10;
/// Edits that are shown.
const N_EDITS: usize = 5;
/// Lines of one edit.
const N_LINES: usize = 16;
/// Characters of a line of an edit.
const N_LINE: usize = 160;

/// The reasons, each a clause: the step's own, then the step it follows from.
pub(super) fn rows(causes: &[Cause], within: Within) -> Vec<String> {
    let (of_files, others): (Vec<&Cause>, Vec<&Cause>) = causes.iter().partition(|cause| files::is_change(cause));
    let (ignored, edited): (Vec<&Cause>, Vec<&Cause>) = of_files.into_iter().partition(|cause| is_ignorefile(cause));
    let is_ignore_edit = |cause: &&Cause| cause.kind == CauseKind::IgnorefileChanged;
    let own = others.iter().copied().filter(|cause| cause.kind != CauseKind::Upstream);
    let (of_ignorefile, own): (Vec<&Cause>, Vec<&Cause>) = own.partition(is_ignore_edit);
    let mut rows: Vec<String> = own.iter().map(|own| clause(own, within)).collect();
    rows.extend(of_paths(&edited, within));
    rows.extend(of_ignorefile.iter().map(|edit| clause(edit, within)));
    rows.extend(of_paths(&ignored, within));
    if rows.len() > N_REASONS {
        let n_left = rows.len() - (N_REASONS - 1);
        rows.truncate(N_REASONS - 1);
        rows.push(format!("and {}", text::count(n_left, "more reason")));
    }
    if let Some(upstream) = others.iter().find(|found| found.kind == CauseKind::Upstream) {
        let anyway = if rows.is_empty() { "" } else { " anyway" };
        rows.push(format!("{}{anyway}", cause(upstream, within)));
    }
    rows
}

/// The reasons in running text.
pub(super) fn line(causes: &[Cause]) -> String {
    rows(causes, Within::Line).join("; ")
}

/// One cause; an edit in the table says that it is shown below.
fn clause(found: &Cause, within: Within) -> String {
    let is_below = within == Within::Cell && edit::plain(found).is_some();
    let below = if is_below { ", see below" } else { "" };
    format!("{}{below}", cause(found, within))
}

/// Files, many of them by folder.
fn of_paths(causes: &[&Cause], within: Within) -> Vec<String> {
    let path = |path: &str| span(path, within);
    let one = |found: &Cause| cause(found, within);
    let words = Words { path: &path, cause: &one, more: "", width: usize::MAX, verbose: false };
    files::rows_in(causes, None, &words)
}

/// Shows what was edited of steps, each edit once, while the comment has fewer characters.
pub(super) fn edits<'a>(out: &mut String, steps: impl Iterator<Item = (&'a str, &'a [Cause])>, n_characters: usize) {
    let (mut shown, mut n_left) = (Vec::<&Cause>::new(), 0);
    for (step, causes) in steps {
        for found in causes {
            let Some(diff) = edit::plain(found) else { continue };
            let is_ignorefile = found.kind == CauseKind::IgnorefileChanged;
            if is_ignorefile && shown.contains(&found) {
                continue;
            }
            if shown.len() == N_EDITS || out.chars().count() > n_characters {
                n_left += 1;
                continue;
            }
            shown.push(found);
            let what = if is_ignorefile { "the ignore file".to_owned() } else { code(step, Within::Line) };
            let _ = write!(out, "\n**Edit of** {what}:\n\n{}", block(&diff));
        }
    }
    if n_left > 0 {
        let are = if n_left == 1 { "is" } else { "are" };
        let _ = writeln!(out, "\n{} {are} not shown.", text::count(n_left, "more edit"));
    }
}

/// A diff as a fenced block, its fence longer than any in it.
fn block(diff: &str) -> String {
    let n_lines = diff.lines().count();
    let mut lines: Vec<String> =
        diff.lines().take(N_LINES).map(|line| text::cut(&text::escape(line), N_LINE)).collect();
    if n_lines > N_LINES {
        lines.push(format!("… {}", text::count(n_lines - N_LINES, "more line")));
    }
    let body = lines.join("\n");
    let longest = body.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}diff\n{body}\n{fence}\n")
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn nothing_in_a_diff_ends_its_block() {
        let shown = block("- ```\n  ````\n+ a\u{1b}[31m\n");
        assert_eq!(shown, "`````diff\n- ```\n  ````\n+ a\\x1b[31m\n`````\n");
        let long = block(&"+ x\n".repeat(20));
        assert!(long.ends_with("+ x\n… 4 more lines\n```\n"), "{long}");
    }
}
