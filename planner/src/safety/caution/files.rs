//! Manifests, settings and folders of a project that make an order doubtful, wherever a stage uses them. In go the facts, out
//! come clauses.

use std::collections::BTreeSet;

use crate::context::{ContextPath, FileKind, Node};
use crate::suggestion::Facts;

/// Files that change what an install does and that nothing here knows how to read.
const UNREAD: &[&str] = &[".yarnclean", ".corepack.env", "package.json5", "package.yaml", ".pnpmfile.cjs", ".netrc"];

/// Why the files of the project make an order doubtful.
pub(super) fn argue(facts: &Facts<'_>, runs_uv_pip: bool, doubts: &mut Vec<String>) {
    let mut has_members = false;
    for (path, bytes) in facts.around.manifests {
        let text = String::from_utf8_lossy(bytes);
        let name = String::from_utf8_lossy(path.name()).into_owned();
        has_members |= name == "pnpm-workspace.yaml" || name == "package.json" && text.contains("\"workspaces\"");
        if let Some(why) = doubt(&name, &text, runs_uv_pip) {
            doubts.push(format!("`{}` {why}", path.to_lossy()));
        }
    }
    let (mut unread, mut linked, mut unusual) = (None, false, None);
    facts.around.context.visit(&mut |path, node| match node {
        Node::File(entry) => {
            let name = String::from_utf8_lossy(path.name()).into_owned();
            if UNREAD.contains(&name.as_str()) {
                unread.get_or_insert_with(|| path.clone());
            }
            linked |= matches!(entry.kind, FileKind::Symlink { .. });
        }
        Node::Folder(folder) => {
            if !path.is_root() && folder.header().is_some_and(|header| header.mode & 0o7777 != 0o755) {
                unusual.get_or_insert_with(|| path.clone());
            }
        }
    });
    let shown = |path: ContextPath| path.to_lossy();
    if let Some(path) = unread.map(shown) {
        doubts.push(format!("`{path}` may change what is installed"));
    }
    if has_members && linked {
        doubts.push("a member of the workspace may be a symbolic link".to_owned());
    }
    if let Some(path) = unusual.map(shown) {
        doubts.push(format!(
            "the folder `{path}` has another mode than 0755, which a copy of its files alone would make"
        ));
    }
}

/// Notes manifests that look at a variable, as requirement files of pip may.
pub(super) fn named_in(facts: &Facts<'_>, names: &BTreeSet<String>, doubts: &mut Vec<String>) {
    for (path, bytes) in facts.around.manifests {
        let text = String::from_utf8_lossy(bytes);
        if let Some(name) = names.iter().find(|name| text.contains(name.as_str())) {
            doubts.push(format!("`{}` may look at the variable `{name}`", path.to_lossy()));
        }
    }
}

/// What in a manifest may name files that are not known to be read.
fn doubt(name: &str, text: &str, runs_uv_pip: bool) -> Option<&'static str> {
    let names_files = match name {
        ".npmrc" => {
            let keys = text.lines().filter_map(|line| line.split_once('='));
            text.contains("${") || keys.into_iter().any(|(key, _)| key.trim().ends_with("file"))
        }
        ".yarnrc.yml" | ".yarnrc" => text.contains("${"),
        "poetry.toml" => text.contains("certificates"),
        "uv.toml" => runs_uv_pip,
        "pyproject.toml" => runs_uv_pip,
        "Gemfile" => text.contains("path:") || text.contains("./") || text.contains("path =>"),
        "composer.json" => text.contains("file:") || text.contains("\"./") || text.contains("\"../"),
        "pnpm-workspace.yaml" => !is_plain_list(text),
        _ if name.ends_with(".txt") || name.ends_with(".in") => {
            let lower = text.to_ascii_lowercase();
            [".whl", ".tar.", ".zip", "file:", "-e ", "--editable"].iter().any(|sign| lower.contains(sign))
        }
        _ => false,
    };
    names_files.then_some("may name other files, or be read otherwise than is known")
}

/// Whether a list of workspaces is one item a line, and nothing else that could be one.
fn is_plain_list(text: &str) -> bool {
    let mut is_list = false;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if !line.starts_with([' ', '\t', '-']) {
            is_list = line == "packages:";
            if line.starts_with("packages") && !is_list {
                return false;
            }
        } else if is_list {
            let item = line.trim_start().strip_prefix("- ").map(|item| item.trim().trim_matches(['"', '\'']));
            let is_plain =
                |item: &str| item.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/*_-.@!".contains(&byte));
            if !item.is_some_and(|item| !item.is_empty() && is_plain(item)) {
                return false;
            }
        }
    }
    !text.contains("link:")
}

#[cfg(test)]
mod tests {
    use super::{doubt, is_plain_list};

    #[test]
    fn a_list_of_workspaces_is_plain_or_doubted() {
        for plain in ["packages:\n  - 'apps/*'\n  - \"libs/*\"\n", "packages:\n- apps/*\n\ncatalog:\n  x: ^1\n"] {
            assert!(is_plain_list(plain), "{plain}");
        }
        let doubtful = [
            "packages: ['apps/*', 'libs/*']\n",
            "packages: # all\n  - 'apps/*'\n",
            "packages:\n  - 'apps/*' # the apps\n",
            "packages:\n  -\n    'apps/*'\n",
            "packages:\n  - a\ncatalog:\n  z: link:../z\n",
        ];
        doubtful.iter().for_each(|text| assert!(!is_plain_list(text), "{text}"));
    }

    #[test]
    fn settings_that_name_files_are_doubted() {
        let cases = [
            (".npmrc", "//r.x/:certfile=/app/c.pem\n", true),
            (".npmrc", "registry=https://x/${BRANCH}/\n", true),
            (".npmrc", "registry=https://x/\n", false),
            ("requirements.txt", "foo-1.0-py3-none-any.whl --hash=sha256:1\n", true),
            ("requirements.txt", "--find-links file:///app/wheels\n", true),
            ("requirements.txt", "flask==3.0\n", false),
            ("poetry.toml", "[certificates.foo]\ncert = \"c.pem\"\n", true),
        ];
        for (name, text, expected) in cases {
            assert_eq!(doubt(name, text, false).is_some(), expected, "{name}: {text}");
        }
    }
}
