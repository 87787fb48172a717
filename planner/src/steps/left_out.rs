//! Manifests that are in the context but not where a command would read them. In go an execution and what it sees, out
//! come paths of the context. Only settings and members of a workspace are looked for: other files have their reasons.

use crate::context::{BuildContext, ContextPath, Node};
use crate::graph::exec::Exec;
use crate::known_command;
use crate::known_command::effect::{Effect, Kind, join};
use crate::known_command::visible::{Manifests, Seen, Visible, is_manifest};

/// Settings without which packages are looked for elsewhere, or put elsewhere.
const SETTINGS: &[&str] = &[
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    "pnpm-workspace.yaml",
    ".pnpmfile.cjs",
    "bunfig.toml",
    "poetry.toml",
    "uv.toml",
];

/// The file of the context that an install goes by: its lock file, else the first manifest it needs.
pub(super) fn source(effect: &Effect, visible: &Visible<'_>) -> Option<ContextPath> {
    if effect.kind != Kind::Install && effect.lock.is_none() {
        return None;
    }
    let named = effect.needs.iter().flatten().chain(&effect.lock);
    named.into_iter().find_map(|path| visible.lineage(path)).cloned()
}

/// What an install fails without, where at least one thing that it needs is there.
pub(super) fn missing(effect: &Effect, visible: &Visible<'_>) -> Vec<Vec<String>> {
    let is_gone = |group: &&Vec<String>| group.iter().all(|path| visible.at(path) == Seen::Nothing);
    let is_there = |group: &Vec<String>| group.iter().any(|path| visible.origin(path).is_some());
    if !effect.needs.iter().any(is_there) {
        return Vec::new();
    }
    effect.needs.iter().filter(is_gone).cloned().collect()
}

/// Files that the command would read if all of the context were copied.
pub(super) fn find(
    exec: &Exec,
    effect: &Effect,
    visible: &Visible<'_>,
    context: &BuildContext,
    manifests: &Manifests,
) -> Vec<ContextPath> {
    let folder = source(effect, visible).and_then(|source| source.parent());
    let Some(folder) = folder.filter(|_| effect.kind == Kind::Install) else { return Vec::new() };
    let mut whole = Visible::new(manifests);
    context.visit(&mut |path, node| {
        let is_asked = is_manifest(path) || SETTINGS.iter().any(|name| name.as_bytes() == path.name());
        if let (Node::File(_), Some(below), true) = (node, path.strip(&folder), is_asked) {
            whole.put(&join(&effect.folder, &below.to_lossy()), path.clone(), true);
        }
    });
    let would = known_command::read(exec, &whole);
    let is_wanted = |path: &&String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_member = name == "package.json" && **path != join(&effect.folder, name);
        (SETTINGS.contains(&name) || is_member) && visible.at(path) == Seen::Nothing
    };
    would.reads.files.iter().filter(is_wanted).filter_map(|path| whole.origin(path).cloned()).collect()
}
