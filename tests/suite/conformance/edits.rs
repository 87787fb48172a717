//! Whether the answer names the file that was edited, where the engine executed a step because of it.
//!
//! In: a case, the answer, the rows of the recording. Out: what is wrong, and whether there was anything to judge. Only
//! cases in which nothing but files of the context changed are judged: after an edit of the Dockerfile, an ignore file,
//! an argument or the target, the first step that ran may have run for that.

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
    let edited = edited_paths(case)?;
    let first = rows.iter().find(|row| row.was_executed())?;
    let mut places = report.instructions().filter(|(stage, step)| first.is_at(stage.index, step.line, step.trigger));
    let (_, step) = places.find(|(_, step)| step.status != "none")?;
    // What BuildKit does next depends on bytes that nobody knows: no file is blamed before it is certain.
    if step.status != "miss" {
        return None;
    }
    let is_named = step.causes.iter().any(|cause| is_about(cause, &edited));
    Some(if is_named { Ok(()) } else { Err(unnamed(step, &edited)) })
}

/// The paths whose entries changed; none if anything else did.
fn edited_paths(case: &Case) -> Option<Vec<String>> {
    let mut paths = Vec::new();
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
            _ => return None,
        }
    }
    let dockerfile = case.dockerfile_path.as_deref().unwrap_or("Dockerfile");
    let is_read_otherwise = |path: &String| path == dockerfile || path.ends_with(".dockerignore");
    (!paths.is_empty() && !paths.iter().any(is_read_otherwise)).then_some(paths)
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
