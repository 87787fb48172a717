//! `stageplan.context/1`: what is in a build context.

use planner::context::{ContextPath, Entry, FileKind};
use serde::Serialize;

use super::PathView;
use crate::render::context::ContextReport;

/// The answer of `context --format json`.
#[derive(Serialize)]
pub(crate) struct ContextView {
    schema: &'static str,
    /// `null` where there is none.
    ignorefile: Option<String>,
    files: usize,
    bytes: u64,
    entries: Vec<EntryView>,
    ignored: Vec<IgnoredView>,
    /// `null` where no Dockerfile says what is read.
    unread: Option<Vec<String>>,
}

#[derive(Serialize)]
struct EntryView {
    #[serde(flatten)]
    path: PathView,
    bytes: u64,
    mode: String,
    r#type: &'static str,
}

#[derive(Serialize)]
struct IgnoredView {
    #[serde(flatten)]
    path: PathView,
    line: u32,
    pattern: String,
}

impl From<&ContextReport> for ContextView {
    fn from(report: &ContextReport) -> Self {
        let entries = report.entries.iter().map(|(path, entry)| EntryView {
            path: path.into(),
            bytes: n_bytes(entry),
            mode: format!("{:04o}", mode(entry)),
            r#type: kind(entry),
        });
        let ignored = report.ignored.iter().map(|ignored| IgnoredView {
            path: (&ignored.path).into(),
            line: ignored.line,
            pattern: ignored.pattern.clone(),
        });
        Self {
            schema: "stageplan.context/1",
            ignorefile: report.ignorefile.clone(),
            files: report.n_files(),
            bytes: report.n_bytes(),
            entries: entries.collect(),
            ignored: ignored.collect(),
            unread: report.unread.as_ref().map(|unread| unread.iter().map(ContextPath::to_lossy).collect()),
        }
    }
}

fn n_bytes(entry: &Entry) -> u64 {
    if let Entry::File(file) = entry { file.size() } else { 0 }
}

fn mode(entry: &Entry) -> u32 {
    match entry {
        Entry::File(file) => file.mode,
        Entry::Folder(header) => header.as_ref().map_or(0o755, |header| header.mode),
    }
}

fn kind(entry: &Entry) -> &'static str {
    match entry {
        Entry::Folder(_) => "directory",
        Entry::File(file) => match file.kind {
            FileKind::File { .. } => "file",
            FileKind::Symlink { .. } => "symlink",
            FileKind::Fifo => "fifo",
            FileKind::Socket => "socket",
            FileKind::Device { .. } => "device",
        },
    }
}
