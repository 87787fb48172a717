//! The sample projects in `examples/`, copied to where a test may edit them.
//!
//! In: the folder a copy goes to. Out: what git would keep of every example; packages installed and programs compiled
//! there by hand stay behind.

use std::fs;
use std::path::{Path, PathBuf};

/// The names of all examples, in order.
pub(crate) fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the examples").map(|entry| entry.expect("an entry"));
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders.map(|entry| entry.file_name().into_string().expect("a name in UTF-8")).collect();
    names.sort();
    names
}

/// Copies all of them to `examples/` below a folder, with their modes.
pub(crate) fn copy_to(top: &Path) {
    for name in names() {
        let ignored = fs::read_to_string(folder().join(&name).join(".gitignore")).unwrap_or_default();
        let ignored: Vec<_> = ignored.lines().map(|line| line.trim_end_matches('/')).collect();
        copy(&folder().join(&name), &top.join("examples").join(&name), Path::new(""), &ignored);
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// One folder of an example, `below` being its path there. A name with a slash in front is ignored at the top only.
fn copy(example: &Path, to: &Path, below: &Path, ignored: &[&str]) {
    fs::create_dir_all(to.join(below)).expect("a folder");
    for entry in fs::read_dir(example.join(below)).expect("a folder that can be listed") {
        let entry = entry.expect("an entry");
        let path = below.join(entry.file_name());
        let (name, anchored) = (entry.file_name(), Path::new("/").join(&path));
        if ignored.iter().any(|&pattern| name == pattern || anchored.as_os_str() == pattern) {
            continue;
        }
        if entry.path().is_dir() {
            copy(example, to, &path, ignored);
        } else {
            fs::copy(entry.path(), to.join(&path)).expect("a copy");
        }
    }
}
