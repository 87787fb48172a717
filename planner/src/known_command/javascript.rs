//! npm, Yarn, pnpm and Bun: what an install reads. In go a command and what it sees, out comes an [`Effect`]. Scripts of
//! the project, packages that lie in a folder, settings that name files and members of a workspace whose programs are
//! linked are doubts. The facts are those of the tools' own pages: npm's on `ci`, `scripts` and `workspaces`, pnpm's on
//! `fetch`, Yarn's on what to keep in a repository and on `install`, Bun's on lifecycle scripts.

mod manifest;
mod lockfile;
mod settings;

use super::effect::{Effect, Kind, join, upwards};
use super::settings::doubt_environment;
use super::shell::Invocation;
use super::visible::Visible;

/// The package managers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tool {
    Npm,
    Yarn,
    Pnpm,
    Bun,
}

impl Tool {
    fn of(program: &str) -> Option<Self> {
        match program {
            "npm" => Some(Self::Npm),
            "yarn" | "yarnpkg" => Some(Self::Yarn),
            "pnpm" => Some(Self::Pnpm),
            "bun" => Some(Self::Bun),
            _ => None,
        }
    }

    fn locks(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &["npm-shrinkwrap.json", "package-lock.json"],
            Self::Yarn => &["yarn.lock"],
            Self::Pnpm => &["pnpm-lock.yaml"],
            Self::Bun => &["bun.lock", "bun.lockb"],
        }
    }

    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &["package.json", ".npmrc", "binding.gyp"],
            Self::Yarn => &["package.json", ".npmrc", ".yarnrc", ".yarnrc.yml", "binding.gyp", ".pnp.cjs", ".pnp.js"],
            Self::Pnpm => {
                &["package.json", ".npmrc", "pnpm-workspace.yaml", ".pnpmfile.cjs", ".pnpmfile.mjs", "binding.gyp"]
            }
            Self::Bun => &["package.json", ".npmrc", "bunfig.toml", "binding.gyp", ".env", "tsconfig.json"],
        }
    }

    /// Lock files of others that it goes by, or keeps up to date, where they are there.
    fn foreign_locks(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &["yarn.lock"],
            Self::Bun => &["package-lock.json", "yarn.lock", "pnpm-lock.yaml"],
            Self::Yarn | Self::Pnpm => &[],
        }
    }

    fn written_files(self) -> &'static [&'static str] {
        match self {
            Self::Yarn => {
                &[".pnp.cjs", ".pnp.loader.mjs", ".yarn/install-state.gz", ".yarn/build-state.yml", ".yarn-integrity"]
            }
            _ => &[],
        }
    }

    fn written_folders(self) -> &'static [&'static str] {
        match self {
            Self::Yarn => &["node_modules", ".yarn/cache", ".yarn/unplugged", ".npm", ".cache"],
            Self::Pnpm => &["node_modules", ".pnpm-store", ".cache", ".local"],
            Self::Npm => &["node_modules", ".npm", ".cache"],
            Self::Bun => &["node_modules", ".bun", ".cache"],
        }
    }

    /// The flags without which versions are resolved anew where the lock file does not say them.
    fn frozen(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &[],
            Self::Yarn => &["--frozen-lockfile", "--immutable", "--immutable-cache"],
            Self::Pnpm | Self::Bun => &["--frozen-lockfile"],
        }
    }
}

/// What npm is asked to tell or to write down, rather than to build.
const TELLING: &[&str] = &[
    "ls", "list", "root", "bin", "prefix", "view", "info", "outdated", "audit", "pkg", "version", "whoami", "ping",
    "why", "explain", "doctor", "login", "logout", "init", "link", "get", "fund", "",
];

/// What a command of a package manager does; `None` if it is none of theirs.
#[must_use]
pub(super) fn effect(invocation: &Invocation, visible: &Visible<'_>) -> Option<Effect> {
    let mut words: Vec<&str> = invocation.words.iter().map(String::as_str).collect();
    words[0] = invocation.program();
    let uses_corepack = words.first() == Some(&"corepack");
    if uses_corepack {
        if !matches!(words.get(1), Some(&("npm" | "yarn" | "pnpm"))) {
            let is_setup = matches!(words.get(1), Some(&("enable" | "disable" | "prepare" | "install")));
            let setup = Effect { uses_corepack, ..Effect::new(Kind::Setup, "corepack", &invocation.folder) };
            return is_setup.then_some(setup);
        }
        words.remove(0);
    }
    let tool = Tool::of(words[0])?;
    let is_option = |word: &&&str| word.starts_with('-');
    let verb = words[1..].iter().find(|word| !is_option(word)).copied().unwrap_or(match tool {
        Tool::Yarn => "install",
        _ => "",
    });
    let name = format!("{} {verb}", words[0]);
    let is_global = invocation.has(&["-g", "--global", "--location=global"]) || verb == "global";
    let folder = &invocation.folder;
    Some(match verb {
        "install" | "i" | "add" | "update" | "global" if is_global => global(tool, name, folder),
        "cache" | "store" => Effect::new(Kind::Setup, name, folder),
        "config" | "set" => settings::change(tool == Tool::Yarn, name, folder),
        _ if tool == Tool::Npm && TELLING.contains(&verb) => Effect::unbounded(Kind::Other, name, folder),
        "prune" => Effect { keeps_manifests: true, ..Effect::unbounded(Kind::Prune, name, folder) },
        "ci" | "install" | "i" | "clean-install" | "fetch" => {
            let mut effect = install(tool, verb, name, &words, invocation, visible);
            let is_pinned = visible
                .json(&join(folder, "package.json"))
                .is_ok_and(|manifest| manifest.is_none_or(|manifest| manifest.get("packageManager").is_some()));
            if (uses_corepack || visible.has_corepack) && tool != Tool::Bun && !is_pinned {
                effect.writes.add_files(folder, ["package.json"]);
            }
            Effect { uses_corepack, ..effect }
        }
        _ => build(name, verb, tool, invocation, visible),
    })
}

/// Packages by name, for the whole system. Settings of the project may still count.
fn global(tool: Tool, name: String, folder: &str) -> Effect {
    let mut effect = Effect::new(Kind::Packages, name + " -g", folder);
    for place in upwards(folder) {
        effect.reads.add_files(place, [".npmrc"]);
        if tool != Tool::Npm {
            effect.reads.add_files(place, tool.files().iter().copied());
        }
    }
    effect
}

/// A script of the project, or a tool that it brings along.
fn build(name: String, verb: &str, tool: Tool, invocation: &Invocation, visible: &Visible<'_>) -> Effect {
    let arguments = invocation.arguments();
    let script = match verb {
        "run" | "run-script" => {
            let at = arguments.iter().position(|word| word == verb).unwrap_or(0);
            arguments.get(at + 1).map(String::as_str).unwrap_or_default()
        }
        "exec" | "x" | "dlx" => "",
        verb if tool == Tool::Npm && !["test", "start"].contains(&verb) => "",
        verb => verb,
    };
    let name = if ["run", "run-script"].contains(&verb) { format!("{name} {script}") } else { name };
    let keeps_manifests = manifest::is_compilation(script, &invocation.folder, visible);
    Effect { keeps_manifests, ..Effect::unbounded(Kind::Build, name, &invocation.folder) }
}

fn install(
    tool: Tool,
    verb: &str,
    name: String,
    words: &[&str],
    invocation: &Invocation,
    visible: &Visible<'_>,
) -> Effect {
    let folder = &invocation.folder;
    let mut effect = Effect::new(Kind::Install, name, folder);
    for place in upwards(folder) {
        effect.reads.add_files(place, tool.files().iter().copied());
        effect.reads.add_files(place, tool.locks().iter().copied());
        effect.reads.add_files(place, tool.foreign_locks().iter().copied());
    }
    effect.reads.add_folders(folder, ["node_modules"]);
    if tool == Tool::Yarn {
        effect.reads.add_folders(folder, [".yarn"]);
    }
    effect.writes.add_folders(folder, tool.written_folders().iter().copied());
    effect.writes.add_files(folder, tool.written_files().iter().copied());
    let lock = tool.locks().iter().map(|lock| join(folder, lock)).find(|lock| visible.is_there(lock));
    effect.lock = lock;
    effect.needs = vec![vec![join(folder, "package.json")]];
    let is_strict =
        matches!(verb, "ci" | "clean-install" | "fetch") || words.iter().any(|word| tool.frozen().contains(word));
    if is_strict {
        effect.needs.push(tool.locks().iter().map(|lock| join(folder, lock)).collect());
    } else {
        effect.is_unlocked = true;
        effect.writes.add_files(folder, tool.locks().iter().copied().chain(["package.json"]));
        effect.writes.add_files(folder, tool.foreign_locks().iter().copied());
    }
    doubt_words(&mut effect, tool, verb, words);
    doubt_environment(&mut effect, invocation, visible, &["NPM_CONFIG_", "YARN_", "PNPM_", "BUN_"]);
    let ignores_scripts = words.iter().any(|word| ["--ignore-scripts", "--ignore-scripts=true"].contains(word));
    manifest::add(&mut effect, visible, ignores_scripts);
    lockfile::add(&mut effect, visible, ignores_scripts);
    settings::add(&mut effect, visible);
    effect
}

/// Flags that say nothing about files.
const FLAGS: &[&str] = &[
    "--omit",
    "--include",
    "--production",
    "--only",
    "--prod",
    "-P",
    "--dev",
    "-D",
    "--no-audit",
    "--audit",
    "--no-fund",
    "--fund",
    "--ignore-scripts",
    "--legacy-peer-deps",
    "--force",
    "-f",
    "--frozen-lockfile",
    "--immutable",
    "--immutable-cache",
    "--check-cache",
    "--prefer-offline",
    "--prefer-frozen-lockfile",
    "--offline",
    "--silent",
    "-s",
    "--quiet",
    "-q",
    "--loglevel",
    "--no-progress",
    "--progress",
    "--non-interactive",
    "--network-timeout",
    "--no-optional",
    "--inline-builds",
    "--no-bin-links",
    "--pure-lockfile",
    "--ignore-engines",
    "--ignore-platform",
    "--verbose",
    "--unsafe-perm",
    "--no-verify",
    "--registry",
    "--cache",
    "--no-cache",
    "--reporter",
    "--shamefully-hoist",
    "--maxsockets",
    "--network-concurrency",
    "-r",
    "--recursive",
    "--backend",
    "--no-save",
    "--strict-peer-dependencies",
    "--no-strict-peer-dependencies",
    "--store-dir",
];

/// Flags of these whose value is a word of its own where no `=` stands behind them.
const WITH_VALUE: &[&str] = &[
    "--omit",
    "--include",
    "--only",
    "--loglevel",
    "--network-timeout",
    "--registry",
    "--cache",
    "--reporter",
    "--maxsockets",
    "--network-concurrency",
    "--backend",
    "--store-dir",
];

fn doubt_words(effect: &mut Effect, tool: Tool, verb: &str, words: &[&str]) {
    let mut is_value = false;
    let mut is_verb_seen =
        words.get(1).is_none_or(|word| word.starts_with('-')) && tool == Tool::Yarn && !words.contains(&verb);
    for word in &words[1..] {
        let (flag, value) = word.split_once('=').map_or((*word, None), |(flag, value)| (flag, Some(value)));
        match () {
            () if std::mem::take(&mut is_value) => {}
            () if FLAGS.contains(&flag) => is_value = value.is_none() && WITH_VALUE.contains(&flag),
            () if !flag.starts_with('-') && !is_verb_seen => is_verb_seen = true,
            () if flag.starts_with('-') => effect.doubt(format!("`{word}` may name files")),
            () => effect.doubt(format!("`{word}` is installed by name, which changes `package.json`")),
        }
    }
}
