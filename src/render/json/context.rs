//! `stageplan.context/1`: what is in a build context.

use planner::context::ContextPath;
use serde::Serialize;
use watcher::EntryKind;

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
        let entries = report.entries.iter().map(|entry| EntryView {
            path: (&entry.path).into(),
            bytes: entry.bytes,
            mode: format!("{:04o}", entry.mode),
            r#type: kind(entry.kind),
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

fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Folder => "directory",
        EntryKind::File => "file",
        EntryKind::Symlink => "symlink",
        EntryKind::Fifo => "fifo",
        EntryKind::Socket => "socket",
        EntryKind::Device => "device",
    }
}
