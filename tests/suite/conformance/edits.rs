//! Whether the answer names the file that was edited, where the engine executed a step because of it.
//!
//! In: a case, the answer, the rows of the recording. Out: what is wrong, and whether there was anything to judge. Where
//! nothing but files of the context changed, the first step that ran is judged. After an edit of the Dockerfile, an ignore
//! file, an argument or the target that one may have run for the other edit; then it is the first that ran of the steps
//! which copy an edited file by its name, unless the step itself is new or edited.

use crate::case::Case;
use crate::case::edit::Edit;
use crate::case::report::{Cause, Instruction, Report};

use super::judge::Row;

/// Kinds of causes that name a file.
const ABOUT_FILES: [&str; 4] = ["file-added", "file-removed", "file-modified", "source-missing"];

/// `None` where there is nothing to judge.
///
/// Rows stand in the order of the file, where a stage stands above those that read from it; so nothing ran before the
/// first step that was executed, and only the files it reads can have made it run.
pub(super) fn judge(case: &Case, report: &Report, rows: &[Row]) -> Option<Result<(), String>> {
    let (edited, is_all) = edited_paths(case)?;
    let executed = || rows.iter().filter(|row| row.was_executed());
    if !is_all {
        let edited: Vec<_> = edited.into_iter().filter(|path| !is_written_again(case, path)).collect();
        return executed().find_map(|row| judge_copy(&edited, report, row));
    }
    let first = executed().next()?;
    let mut places = report.instructions().filter(|(stage, step)| first.is_at(stage.index, step.line, step.trigger));
    let (_, step) = places.find(|(_, step)| step.status != "none")?;
    // What BuildKit does next depends on bytes that nobody knows: no file is blamed before it is certain.
    if step.status != "miss" {
        return None;
    }
    let is_named = step.causes.iter().any(|cause| is_about(cause, &edited));
    Some(if is_named { Ok(()) } else { Err(unnamed(step, &edited)) })
}

/// Whether a step that copies an edited file by its name tells of it; `None` for any other step.
fn judge_copy(edited: &[String], report: &Report, row: &Row) -> Option<Result<(), String>> {
    let mut places = report.instructions().filter(|(stage, step)| row.is_at(stage.index, step.line, step.trigger));
    let is_edited = |step: &Instruction| step.has_cause("instruction-added") || step.has_cause("instruction-edited");
    let (_, step) = places.find(|(_, step)| step.status == "miss" && !is_edited(step))?;
    let mut words = step.text.split_whitespace();
    let is_copy = words.next().is_some_and(|keyword| matches!(keyword, "COPY" | "ADD"));
    let words: Vec<&str> = words.collect();
    // Flags may name another source, or leave files out.
    let (_, sources) = words.split_last().filter(|_| is_copy && !words.iter().any(|word| word.starts_with("--")))?;
    let named: Vec<String> = edited.iter().filter(|path| sources.contains(&path.as_str())).cloned().collect();
    let is_named = step.causes.iter().any(|cause| is_about(cause, &named));
    (!named.is_empty()).then(|| if is_named { Ok(()) } else { Err(unnamed(step, &named)) })
}

/// The paths whose entries changed, and whether nothing else did; none if no file did.
fn edited_paths(case: &Case) -> Option<(Vec<String>, bool)> {
    let (mut paths, mut is_all) = (Vec::new(), true);
    for edit in &case.mutation {
        match edit {
            Edit::Write { path, .. }
            | Edit::WriteKeepMtime { path, .. }
            | Edit::Append { path, .. }
            | Edit::Delete { path }
            | Edit::Chmod { path, .. }
            | Edit::Mkdir { path }
            | Edit::Symlink { path, .. }
            | Edit::HardLink { path, .. }
            | Edit::Fifo { path }
            | Edit::Socket { path }
            | Edit::SetXattr { path, .. } => paths.push(path.clone()),
            Edit::Rename { path, to } => paths.extend([path.clone(), to.clone()]),
            Edit::Touch { .. } | Edit::TouchAll {} | Edit::Chown { .. } => {}
            _ => is_all = false,
        }
    }
    let dockerfile = case.dockerfile_path.as_deref().unwrap_or("Dockerfile");
    let is_read_otherwise = |path: &String| path == dockerfile || path.ends_with(".dockerignore");
    is_all &= !paths.iter().any(is_read_otherwise);
    paths.retain(|path| !is_read_otherwise(path));
    (!paths.is_empty()).then_some((paths, is_all))
}

/// Whether a file was only written with the bytes it had in the first build.
fn is_written_again(case: &Case, path: &str) -> bool {
    let first = case.files.rows().into_iter().find(|row| row.path == path).and_then(|row| row.entry.text);
    let of_path = |edit: &&Edit| matches!(edit, Edit::Write { path: written, .. } if written == path);
    let mut writes = case.mutation.iter().filter(of_path).peekable();
    writes.peek().is_some() && writes.all(|edit| matches!(edit, Edit::Write { text, .. } if *text == first))
}

/// Whether a cause is about an edited path, one below it (a folder that was renamed) or one above it (a folder that a
/// new file brought along).
fn is_about(cause: &Cause, edited: &[String]) -> bool {
    let Some(path) = cause.path.as_deref().filter(|_| ABOUT_FILES.contains(&cause.kind.as_str())) else { return false };
    let is_below = |path: &str, folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    edited.iter().any(|edited| path == edited || is_below(path, edited) || is_below(edited, path))
}

fn unnamed(step: &Instruction, edited: &[String]) -> String {
    format!("{}\n    none of its causes is about {}", step.line_of_report(), edited.join(" or "))
}
