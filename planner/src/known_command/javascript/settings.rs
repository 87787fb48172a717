//! Settings files of package managers: `.npmrc`, `.yarnrc`, `.yarnrc.yml`, `bunfig.toml`, `pnpm-workspace.yaml`. Settings
//! that are known to name no file of the project are passed over, any other is a doubt. In goes what a command sees.

use crate::known_command::effect::{Effect, Kind, join};
use crate::known_command::visible::Visible;

/// Settings of `.npmrc` and `.yarnrc` that name no file and load no code.
const PLAIN: &[&str] = &[
    "registry",
    "always-auth",
    "engine-strict",
    "save-exact",
    "save-prefix",
    "save",
    "legacy-peer-deps",
    "strict-peer-dependencies",
    "auto-install-peers",
    "fund",
    "audit",
    "loglevel",
    "progress",
    "update-notifier",
    "prefer-offline",
    "package-lock",
    "shamefully-hoist",
    "public-hoist-pattern[]",
    "hoist",
    "hoist-pattern[]",
    "node-linker",
    "strict-ssl",
    "fetch-retries",
    "fetch-timeout",
    "fetch-retry-mintimeout",
    "fetch-retry-maxtimeout",
    "network-timeout",
    "ignore-engines",
    "ignore-scripts",
    "lastUpdateCheck",
    "install-links",
    "resolution-mode",
    "link-workspace-packages",
    "prefer-workspace-packages",
];

/// Settings of `.yarnrc.yml` that name no file of the project beside those below `.yarn`.
const PLAIN_BERRY: &[&str] = &[
    "nodeLinker",
    "yarnPath",
    "enableGlobalCache",
    "compressionLevel",
    "enableTelemetry",
    "npmRegistryServer",
    "npmScopes",
    "npmAuthToken",
    "npmAlwaysAuth",
    "enableScripts",
    "enableImmutableInstalls",
    "nmHoistingLimits",
    "nmMode",
    "packageExtensions",
    "defaultSemverRangePrefix",
    "httpTimeout",
    "networkConcurrency",
    "checksumBehavior",
    "supportedArchitectures",
];

/// Adds what the settings say.
pub(super) fn add(effect: &mut Effect, visible: &Visible<'_>) {
    let folder = effect.folder.clone();
    for name in [".npmrc", ".yarnrc"] {
        each_line(effect, visible, &join(&folder, name), |line| {
            let key = line.split(['=', ' ']).next().unwrap_or_default().trim();
            let is_plain = PLAIN.contains(&key) || key.starts_with("//") || key.ends_with(":registry");
            (!is_plain).then(|| key.to_owned())
        });
    }
    each_line(effect, visible, &join(&folder, ".yarnrc.yml"), |line| {
        let key = line.split(':').next().unwrap_or_default();
        let is_elsewhere = key == "yarnPath" && !line.contains(".yarn/");
        let is_plain = line.starts_with([' ', '-']) || (PLAIN_BERRY.contains(&key) && !is_elsewhere);
        (!is_plain).then(|| key.to_owned())
    });
    each_line(effect, visible, &join(&folder, "pnpm-workspace.yaml"), |line| {
        let key = line.split(':').next().unwrap_or_default();
        let known = ["packages", "onlyBuiltDependencies", "catalog", "catalogs", "ignoredBuiltDependencies"];
        let is_plain = line.starts_with([' ', '-']) || known.contains(&key);
        (!is_plain).then(|| key.to_owned())
    });
    each_line(effect, visible, &join(&folder, "bunfig.toml"), |line| Some(line.to_owned()));
}

/// What `config` and `set` do: nothing is installed, settings and, of Yarn, its own program change.
pub(super) fn change(is_yarn: bool, name: String, folder: &str) -> Effect {
    let mut effect = Effect::new(Kind::Setup, name, folder);
    let names = [".npmrc", ".yarnrc", ".yarnrc.yml", "package.json", "pnpm-workspace.yaml"];
    effect.reads.add_files(folder, names);
    effect.writes.add_files(folder, names);
    if is_yarn {
        effect.reads.add_folders(folder, [".yarn"]);
        effect.writes.add_folders(folder, [".yarn"]);
    }
    effect
}

/// Doubts each line of a file of which `odd` names a setting.
fn each_line(effect: &mut Effect, visible: &Visible<'_>, path: &str, odd: impl Fn(&str) -> Option<String>) {
    let name = path.rsplit('/').next().unwrap_or_default();
    match visible.text(path) {
        Ok(Some(text)) => {
            let is_said = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with(['#', ';']);
            let settings = text.lines().filter(is_said).filter_map(|line| odd(line.trim_end()));
            for setting in settings.collect::<Vec<_>>() {
                effect.doubt(format!("the setting `{setting}` in `{name}` may name a file"));
            }
        }
        Ok(None) => {}
        Err(doubt) => effect.doubt(doubt),
    }
}
