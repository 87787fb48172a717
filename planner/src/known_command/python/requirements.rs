//! Requirement files, followed through what they include (pip's page on their format). In goes a path and what the
//! command sees; reads and doubts are added to its effect.

use crate::known_command::effect::{Effect, join};
use crate::known_command::visible::Visible;

/// Adds a requirement or constraint file and all it includes.
pub(super) fn add(effect: &mut Effect, file: &str, visible: &Visible<'_>) {
    let mut open = vec![file.to_owned()];
    while let Some(file) = open.pop() {
        if !effect.reads.files.insert(file.clone()) {
            continue;
        }
        let name = file.rsplit('/').next().unwrap_or_default().to_owned();
        match visible.text(&file) {
            Ok(Some(text)) => {
                let folder = file.rsplit_once('/').map_or("/", |(folder, _)| folder);
                open.extend(read(effect, &name, text).iter().map(|included| join(folder, included)));
            }
            Ok(None) => effect.doubt(format!("`{name}` is not among the copied files")),
            Err(doubt) => effect.doubt(doubt),
        }
    }
}

/// Doubts what a file says; what it includes comes back.
fn read(effect: &mut Effect, name: &str, text: &str) -> Vec<String> {
    let mut included = Vec::new();
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    for line in joined.lines() {
        let line = line.split_once(" #").map_or(line, |(line, _)| line).trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.contains("${") {
            effect.doubt(format!("`{name}` takes `{line}` from the environment"));
        }
        match value_of(line, &["-r", "--requirement", "-c", "--constraint"]) {
            Some(file) if file.contains("://") => continue,
            Some(file) => {
                included.push(file.to_owned());
                continue;
            }
            None => {}
        }
        let source = value_of(line, &["-e", "--editable"]).unwrap_or(line);
        let links = value_of(line, &["-f", "--find-links"]);
        let is_option = line.starts_with('-') && source == line;
        if links.is_some_and(|links| !links.contains("://")) || (!is_option && is_local(source)) {
            effect.doubt(format!("`{name}` installs `{line}` from the project"));
        }
    }
    included
}

/// The value of an option at the start of a line, whichever way it is written.
fn value_of<'a>(line: &'a str, names: &[&str]) -> Option<&'a str> {
    let of_name = |name: &&str| {
        let rest = line.strip_prefix(*name)?;
        let is_short = !name.starts_with("--");
        let is_apart = rest.starts_with([' ', '=', '\t']);
        (is_apart || is_short).then(|| rest.trim_start_matches([' ', '=', '\t']).trim())
    };
    names.iter().find_map(of_name).filter(|value| !value.is_empty())
}

/// Whether a requirement is a folder or a file here rather than a package by name or address.
pub(super) fn is_local(requirement: &str) -> bool {
    let requirement = requirement.split(';').next().unwrap_or_default().trim();
    if requirement.contains("file:") {
        return true;
    }
    if requirement.contains("://") {
        return false;
    }
    let word = requirement.split(['[', ' ', '=', '<', '>', '~', '!', '@']).next().unwrap_or_default();
    let is_archive = [".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz"].iter().any(|end| requirement.ends_with(end));
    is_archive
        || requirement == "."
        || word.starts_with('.')
        || word.contains('/')
        || requirement.contains("@ .")
        || requirement.contains("@ /")
}

#[cfg(test)]
mod tests {
    use super::{is_local, value_of};

    #[test]
    fn what_lies_in_the_project_is_told_from_packages() {
        for local in [".", "./x", "../x[a]", "lib/x", "a.whl", "/abs/x", "file:///x", "x @ file:x", "x @ ./y", ".[dev]"]
        {
            assert!(is_local(local), "{local}");
        }
        for package in [
            "flask==3.0",
            "requests [security] >= 2",
            "x @ https://e.org/x.zip",
            "git+https://e.org/x.git",
            "a; python_version<'3'",
        ] {
            assert!(!is_local(package), "{package}");
        }
    }

    #[test]
    fn options_have_their_value_in_any_form() {
        for line in ["-r base.txt", "-rbase.txt", "--requirement base.txt", "--requirement=base.txt"] {
            assert_eq!(value_of(line, &["-r", "--requirement"]), Some("base.txt"), "{line}");
        }
        assert_eq!(value_of("requests", &["-r", "--requirement"]), None);
    }
}
