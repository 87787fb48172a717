//! The report of `context`: what goes into the build context and what does not. In goes a [`ContextReport`],
//! out comes text: totals first, then the largest folders, then what is ignored and by which line, then
//! what no step reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use planner::context::ContextPath;
use watcher::{EntryKind, Ignored, Kept};

use super::palette::{FAINT, HEADLINE};
use super::text;

/// Rows of a section that are shown without `--verbose`.
const N_ROWS: usize = 10;

/// What is in a build context.
pub(crate) struct ContextReport {
    /// The context as the user wrote it.
    pub(crate) context: String,
    /// The ignore file that counts.
    pub(crate) ignorefile: Option<String>,
    /// Everything a `COPY . /` would copy, in canonical order.
    pub(crate) entries: Vec<Kept>,
    /// What is left out, folders that are left out whole once.
    pub(crate) ignored: Vec<Ignored>,
    /// What no step of the target reads; `None` where no Dockerfile says what is read.
    pub(crate) unread: Option<Vec<ContextPath>>,
}

impl ContextReport {
    /// How many entries are no folders.
    pub(crate) fn n_files(&self) -> usize {
        self.entries.iter().filter(|entry| entry.kind != EntryKind::Folder).count()
    }

    /// The sizes of all files.
    pub(crate) fn n_bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.bytes).sum()
    }
}

/// The report as text; all rows if `verbose`.
pub(crate) fn write(report: &ContextReport, verbose: bool) -> String {
    let mut out = String::new();
    let n_rows = if verbose { usize::MAX } else { N_ROWS };
    headline(&mut out, report);
    let folders = folders(report);
    section(&mut out, "largest folders", n_rows, &folders.iter().map(folder_row).collect::<Vec<_>>());
    if let Some(ignorefile) = &report.ignorefile {
        let rows: Vec<String> = report.ignored.iter().map(ignored_row).collect();
        section(&mut out, &format!("ignored by {}", text::escape(ignorefile)), n_rows, &rows);
    }
    if let Some(unread) = &report.unread {
        section(&mut out, "read by no step", n_rows, &unread.iter().map(text::path).collect::<Vec<_>>());
    }
    out
}

fn headline(out: &mut String, report: &ContextReport) {
    let files = text::count(report.n_files(), "file");
    let n_folders = report.entries.len() - report.n_files();
    let folders = text::count(n_folders, "folder");
    let ignorefile = match (&report.ignorefile, report.ignored.len()) {
        (None, _) => "no ignore file".to_owned(),
        (Some(name), 0) => format!("{} leaves nothing out", text::escape(name)),
        (Some(name), n) => format!("{} leaves out {}", text::escape(name), text::count(n, "path")),
    };
    let (bytes, context) = (text::bytes(report.n_bytes()), text::escape(&report.context));
    // Writing into a String cannot fail.
    let _ =
        writeln!(out, "{HEADLINE}{files} in {folders}, {bytes}, in the context `{context}`{HEADLINE:#}; {ignorefile}");
}

fn section(out: &mut String, title: &str, n_rows: usize, rows: &[String]) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{HEADLINE}{title}{HEADLINE:#}");
    for row in rows.iter().take(n_rows) {
        let _ = writeln!(out, "  {row}");
    }
    if rows.len() > n_rows {
        let _ = writeln!(out, "  {FAINT}and {} more (--verbose shows all){FAINT:#}", rows.len() - n_rows);
    }
}

/// A folder with the number and the sizes of all files below it.
struct FolderTotal<'a> {
    path: &'a ContextPath,
    n_files: usize,
    n_bytes: u64,
}

/// The folders that hold files, the largest first.
fn folders(report: &ContextReport) -> Vec<FolderTotal<'_>> {
    let mut totals: BTreeMap<&ContextPath, FolderTotal<'_>> = BTreeMap::new();
    for entry in &report.entries {
        if entry.kind == EntryKind::Folder {
            totals.insert(&entry.path, FolderTotal { path: &entry.path, n_files: 0, n_bytes: 0 });
            continue;
        }
        let mut parent = entry.path.parent();
        while let Some(folder) = parent {
            if let Some(total) = totals.get_mut(&folder) {
                total.n_files += 1;
                total.n_bytes += entry.bytes;
            }
            parent = folder.parent();
        }
    }
    let mut folders: Vec<_> = totals.into_values().filter(|total| total.n_files > 0).collect();
    folders.sort_by(|a, b| b.n_bytes.cmp(&a.n_bytes).then_with(|| a.path.cmp(b.path)));
    folders
}

fn folder_row(folder: &FolderTotal<'_>) -> String {
    let (bytes, files) = (text::bytes(folder.n_bytes), text::count(folder.n_files, "file"));
    format!("{bytes:>8}  {}/  {FAINT}{files}{FAINT:#}", text::path(folder.path))
}

fn ignored_row(ignored: &Ignored) -> String {
    let (path, pattern) = (text::path(&ignored.path), text::escape(&ignored.pattern));
    format!("line {:<4} {path}  {FAINT}{pattern}{FAINT:#}", ignored.line)
}
