//! Lock files of package managers: packages that are taken from a folder of the project. In goes what a command sees;
//! doubts are added to its effect. What is only written down, such as versions, does not matter here.

use crate::known_command::effect::{Effect, join};
use crate::known_command::json::Json;
use crate::known_command::visible::Visible;

/// Packages whose own install scripts look at nothing but themselves, the environment, and what they download: a
/// binary that is checked or built, a line that is printed (the scripts named `install` and `postinstall` in their
/// manifests).
const SELF_CONTAINED: &[&str] = &[
    "@parcel/watcher",
    "@swc/core",
    "argon2",
    "bufferutil",
    "core-js",
    "core-js-pure",
    "es5-ext",
    "esbuild",
    "fsevents",
    "lmdb",
    "msgpackr-extract",
    "sharp",
    "unrs-resolver",
    "utf-8-validate",
    "workerd",
];

/// Packages whose own install scripts look for files of the project: a schema, settings, or the repository's hooks. Only
/// npm's lock file tells which packages have a script at all.
const READERS: &[&str] = &[
    "@prisma/client",
    "@zenstackhq/runtime",
    "puppeteer",
    "nx",
    "lefthook",
    "@evilmartians/lefthook",
    "yorkie",
    "ghooks",
    "pre-commit",
    "pre-push",
    "git-hooks",
    "postinstall-postinstall",
];

fn script_of(package: &str) -> String {
    format!("the install script of `{package}` looks at files of the project")
}

/// Whether a lock file of Yarn, pnpm or Bun names a package.
fn names(text: &str, package: &str) -> bool {
    text.match_indices(package).any(|(at, _)| {
        let is_start = matches!(text[..at].chars().next_back(), None | Some(' ' | '\n' | '"' | '\'' | '/'));
        let is_of_scope = !package.starts_with('@') && text[..at].ends_with('/') && !text[..at].ends_with(" /");
        is_start && !is_of_scope && text[at + package.len()..].starts_with(['@', '/', '"', '\'', ':'])
    })
}

/// Doubts packages with an install script of which nobody knows what it reads.
fn scripts_of_npm(effect: &mut Effect, lock: &Json) {
    let packages = lock.get("packages").into_iter().flat_map(Json::entries);
    for (place, _) in packages.filter(|(_, package)| package.get("hasInstallScript").is_some()) {
        // The project and its members are looked at by their manifests.
        let Some((_, name)) = place.rsplit_once("node_modules/") else { continue };
        if READERS.contains(&name) {
            effect.doubt(script_of(name));
        } else if !SELF_CONTAINED.contains(&name) {
            effect.doubt(format!("the install script of `{name}` may look at files of the project"));
        }
    }
}

/// Adds what the lock file says.
pub(super) fn add(effect: &mut Effect, visible: &Visible<'_>, ignores_scripts: bool) {
    let Some(lock) = effect.lock.clone() else { return };
    let name = lock.rsplit('/').next().unwrap_or_default().to_owned();
    match name.as_str() {
        "bun.lockb" => {}
        "package-lock.json" | "npm-shrinkwrap.json" => match visible.json(&lock) {
            Ok(Some(json)) => {
                of_npm(effect, &name, &json);
                if !ignores_scripts {
                    scripts_of_npm(effect, &json);
                }
            }
            Ok(None) => {}
            Err(doubt) => effect.doubt(doubt),
        },
        _ => match visible.text(&lock) {
            Ok(Some(text)) => {
                let package = READERS.iter().find(|package| !ignores_scripts && names(text, package));
                if let Some(package) = package {
                    effect.doubt(script_of(package));
                }
                let words = ["file:", "portal:", "exec:", "patch:", "link:../", "directory:", "patchedDependencies"];
                if let Some(word) = words.iter().find(|word| text.contains(**word)) {
                    effect.doubt(format!("`{name}` names packages or patches of the project (`{word}`)"));
                }
            }
            Ok(None) => {}
            Err(doubt) => effect.doubt(doubt),
        },
    }
}

fn of_npm(effect: &mut Effect, name: &str, lock: &Json) {
    let folder = effect.folder.clone();
    let packages = lock.get("packages").into_iter().flat_map(Json::entries);
    for (place, _) in packages.filter(|(place, _)| !place.is_empty() && !place.contains("node_modules/")) {
        // A member of the workspace is read already.
        if !effect.reads.files.contains(&join(&folder, &format!("{place}/package.json"))) {
            effect.doubt(format!("`{name}` takes a package from the folder `{place}`"));
        }
    }
    let mut local = None;
    lock.each_text(&mut |text| {
        if text.starts_with("file:") {
            local = Some(text.to_owned());
        }
    });
    if let Some(local) = local {
        effect.doubt(format!("`{name}` takes a package from `{local}`"));
    }
}
