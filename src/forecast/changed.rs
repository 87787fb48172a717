//! What is odd about the paths that `--changed` names. In go paths relative to the current folder, out come warnings;
//! of the disk only whether something stands at a path is asked.

use std::env;
use std::path::{Path, PathBuf};

/// The warning about paths where nothing is; `are_made` says whether they are taken as new files.
pub(super) fn warning_of_missing(missing: &[PathBuf], are_made: bool) -> Option<String> {
    let first = missing.first()?;
    let (paths, taken) = match (missing, are_made) {
        ([_], true) => (format!("`{}` does not exist", first.display()), "is taken as a new file"),
        ([_], false) => (format!("`{}` does not exist", first.display()), "is taken as removed"),
        (_, true) => (several(missing), "are taken as new files"),
        (_, false) => (several(missing), "are taken as removed"),
    };
    if missing.iter().any(|path| is_above(path)) {
        return Some(format!(
            "{paths} below the current folder, but is there further up: `git diff` prints such paths unless it is given --relative"
        ));
    }
    Some(format!("{paths} and {taken}"))
}

fn several(missing: &[PathBuf]) -> String {
    let first = missing.first().map(|path| path.display().to_string()).unwrap_or_default();
    format!("{} of the changed paths, `{first}` among them, do not exist", missing.len())
}

/// Whether the path is there when it is read from a folder above the current one.
fn is_above(path: &Path) -> bool {
    let Ok(current) = env::current_dir() else { return false };
    path.is_relative() && current.ancestors().skip(1).any(|above| above.join(path).symlink_metadata().is_ok())
}
