//! `package.json`, that of the project and those of the members of its workspace: scripts that an install runs, packages
//! that lie in folders, and which members there are. In goes what a command sees; reads and doubts are added to its
//! effect.

use crate::glob;
use crate::known_command::compiler::is_compiler;
use crate::known_command::effect::{Effect, join};
use crate::known_command::json::Json;
use crate::known_command::visible::Visible;

/// Scripts of the project that an install runs (npm's page on scripts, and those that pnpm and Bun add).
const SCRIPTS: &[&str] = &[
    "preinstall",
    "install",
    "postinstall",
    "prepublish",
    "preprepare",
    "prepare",
    "postprepare",
    "preunpack",
    "dependencies",
    "predependencies",
    "postdependencies",
    "pnpm:devPreinstall",
];

/// Where packages are named with where they come from.
const SECTIONS: &[&str] = &[
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
    "overrides",
    "resolutions",
    "pnpm",
    "patchedDependencies",
];

/// Adds what the manifests say.
pub(super) fn add(effect: &mut Effect, visible: &Visible<'_>, ignores_scripts: bool) {
    let folder = effect.folder.clone();
    let own = join(&folder, "package.json");
    let manifest = match visible.json(&own) {
        Ok(Some(manifest)) => manifest,
        Ok(None) => return,
        Err(doubt) => return effect.doubt(doubt),
    };
    judge(effect, "package.json", &manifest, ignores_scripts);
    if !ignores_scripts && visible.is_there(&join(&folder, "binding.gyp")) {
        effect.doubt("`binding.gyp` makes the install compile sources");
    }
    for doubtful in [".pnpmfile.cjs", ".pnpmfile.mjs"] {
        if visible.is_there(&join(&folder, doubtful)) {
            effect.doubt(format!("`{doubtful}` is code that the install runs"));
        }
    }
    let globs = globs(&manifest, visible, &folder);
    let is_open = |glob: &String| {
        let fixed = glob.trim_start_matches("./").split(['*', '?', '[', '{', '!', '(']).next().unwrap_or_default();
        let place =
            if fixed.len() == glob.len() { fixed } else { fixed.rsplit_once('/').map_or("", |(place, _)| place) };
        visible.is_unclear_in(&join(&folder, place))
    };
    if let Some(glob) = globs.iter().find(|glob| is_open(glob)) {
        effect.doubt(format!("nobody can say which members of the workspace lie in `{glob}`"));
    }
    for member in members(&globs, visible, &folder) {
        effect.reads.files.insert(member.clone());
        let place = member.strip_suffix("/package.json").unwrap_or(&member).to_owned();
        effect.reads.add_files(&place, [".npmrc", "binding.gyp"]);
        effect.reads.add_folders(&place, ["node_modules"]);
        effect.writes.add_folders(&place, ["node_modules"]);
        let shown = member.strip_prefix(&format!("{folder}/")).unwrap_or(&member).to_owned();
        match visible.json(&member) {
            Ok(Some(manifest)) => {
                judge(effect, &shown, &manifest, ignores_scripts);
                if manifest.get("workspaces").is_some() {
                    effect.doubt(format!("`{shown}` has members of its own"));
                }
                if manifest.get("bin").is_some() || manifest.get("directories").is_some() {
                    effect.doubt(format!("`{shown}` has programs that the install links, so they must be there"));
                }
            }
            Ok(None) => {}
            Err(doubt) => effect.doubt(doubt),
        }
    }
}

/// The patterns of the members' folders.
fn globs(manifest: &Json, visible: &Visible<'_>, folder: &str) -> Vec<String> {
    let listed = manifest.get("workspaces");
    let listed = listed.and_then(|list| list.get("packages")).or(listed);
    let mut globs: Vec<String> = listed.map(Json::texts).unwrap_or_default().into_iter().map(str::to_owned).collect();
    if let Ok(Some(text)) = visible.text(&join(folder, "pnpm-workspace.yaml")) {
        let mut is_list = false;
        for line in text.lines() {
            if !line.starts_with([' ', '-', '#']) && !line.is_empty() {
                is_list = line.trim_end() == "packages:";
            } else if let Some(item) = line.trim().strip_prefix("- ").filter(|_| is_list) {
                globs.push(item.trim().trim_matches(['"', '\'']).to_owned());
            }
        }
    }
    globs
}

/// The manifests of the members.
fn members(globs: &[String], visible: &Visible<'_>, folder: &str) -> Vec<String> {
    if globs.is_empty() {
        return Vec::new();
    }
    let all = visible.named(folder, |name| name == "package.json");
    let is_member = |path: &String| {
        let below = path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/');
        let place = below.strip_suffix("package.json").unwrap_or(below).trim_end_matches('/');
        !place.is_empty() && globs.iter().any(|glob| matches(glob, place))
    };
    all.into_iter().filter(is_member).collect()
}

/// Whether a pattern of a workspace takes a folder. More is taken than the tools take, never less: what is read too much
/// is copied too much.
fn matches(glob: &str, place: &str) -> bool {
    let glob = glob.trim_start_matches("./").trim_end_matches('/');
    if let Some((start, _)) = glob.split_once("**") {
        return place.starts_with(start);
    }
    if glob.contains(['{', '!', '(']) {
        return true;
    }
    glob::matches(glob.as_bytes(), place.as_bytes()).unwrap_or(true)
}

/// Notes scripts and packages in folders.
fn judge(effect: &mut Effect, shown: &str, manifest: &Json, ignores_scripts: bool) {
    let scripts = manifest.get("scripts");
    for script in SCRIPTS.iter().filter(|_| !ignores_scripts) {
        if scripts.and_then(|scripts| scripts.get(script)).is_some() {
            effect
                .doubt(format!("the `{script}` script of `{shown}` runs during the install and may need the sources"));
        }
    }
    if manifest.get("pnpm").and_then(|pnpm| pnpm.get("patchedDependencies")).is_some() {
        effect.doubt(format!("`patchedDependencies` of `{shown}` names files"));
    }
    if !ignores_scripts && manifest.get("msw").is_some() {
        effect.doubt(format!("`msw` in `{shown}` names a folder that its install writes to"));
    }
    if manifest.get("gypfile").is_some() {
        effect.doubt(format!("`gypfile` of `{shown}` makes the install compile sources"));
    }
    for section in SECTIONS {
        let Some(section) = manifest.get(section) else { continue };
        let mut local = None;
        section.each_text(&mut |text| {
            if is_local(text) {
                local = Some(text.to_owned());
            }
        });
        if let Some(local) = local {
            effect.doubt(format!("`{shown}` depends on `{local}`, which lies in the project"));
        }
    }
}

fn is_local(source: &str) -> bool {
    let schemes = ["file:", "link:", "portal:", "patch:", "exec:", "./", "../", "/", "~/"];
    schemes.iter().any(|scheme| source.starts_with(scheme))
        || (!source.contains("://") && [".tgz", ".tar.gz", ".patch", ".diff"].iter().any(|end| source.ends_with(end)))
}

/// Whether a script of the project only compiles.
pub(super) fn is_compilation(script: &str, folder: &str, visible: &Visible<'_>) -> bool {
    let Ok(Some(manifest)) = visible.json(&join(folder, "package.json")) else { return false };
    let scripts = manifest.get("scripts");
    let text = |name: &str| scripts.and_then(|scripts| scripts.get(name)).and_then(Json::text).map(str::to_owned);
    let around = [format!("pre{script}"), format!("post{script}")];
    let Some(own) = text(script).filter(|_| around.iter().all(|name| text(name).is_none())) else { return false };
    let is_plain = !own.contains([';', '|', '>', '<', '$', '`', '(']);
    is_plain && own.split("&&").all(|one| is_compiler(&one.split_whitespace().collect::<Vec<_>>()))
}
