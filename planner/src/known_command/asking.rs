//! Commands that only ask a tool for its version or its help. In go words, out comes an [`Effect`] that installs and builds
//! nothing. Version managers and Corepack look at files of the project to know which version is meant, and Go may fetch
//! it, so these are read.

use super::effect::{Effect, Kind, upwards};
use super::shell::Invocation;
use super::visible::Visible;

/// Programs that are asked.
const TOOLS: &[&str] = &[
    "node", "npm", "npx", "yarn", "yarnpkg", "pnpm", "bun", "deno", "corepack", "python", "python3", "pip", "pip3",
    "uv", "poetry", "pipenv", "ruby", "gem", "bundle", "bundler", "php", "composer", "cargo", "rustc", "rustup", "go",
    "mvn", "gradle", "java", "javac", "dotnet", "swift", "dart", "flutter", "mix", "elixir", "git", "gcc", "make",
    "cmake",
];
/// How they are asked.
const QUESTIONS: &[&str] = &["--version", "-v", "-V", "-version", "--help", "-h", "--info"];
/// Files that say which version is meant.
const READ: &[&str] = &[
    ".tool-versions",
    ".mise.toml",
    "mise.toml",
    ".nvmrc",
    ".node-version",
    ".python-version",
    ".ruby-version",
    "rust-toolchain",
    "rust-toolchain.toml",
    "global.json",
    "package.json",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    "pnpm-workspace.yaml",
    "bunfig.toml",
    "deno.json",
    "go.mod",
    "go.work",
    "pyproject.toml",
    "poetry.toml",
    "uv.toml",
    "Pipfile",
    "Gemfile",
    "composer.json",
    "mix.exs",
];

/// What such a command does; `None` if it is none of them.
#[must_use]
pub(super) fn effect(invocation: &Invocation, visible: &Visible<'_>) -> Option<Effect> {
    let mut words: Vec<&str> = invocation.words.iter().map(String::as_str).collect();
    words[0] = invocation.program();
    let is_corepack = words[0] == "corepack" && words.len() > 2;
    if is_corepack {
        words.remove(0);
    }
    let is_module = matches!(words[..], ["python" | "python3", "-m", "pip" | "pipenv" | "poetry", _]);
    if is_module {
        words.drain(..2);
    }
    let is_asked = match words[..] {
        [tool, question] => {
            TOOLS.contains(&tool) && (QUESTIONS.contains(&question) || (tool, question) == ("go", "version"))
        }
        _ => false,
    };
    if !is_asked {
        return None;
    }
    let mut effect = Effect::new(Kind::Setup, words.join(" "), &invocation.folder);
    for place in upwards(&invocation.folder) {
        effect.reads.add_files(place, READ.iter().copied());
    }
    effect.reads.add_folders(&invocation.folder, [".yarn", ".mvn"]);
    // Corepack writes down the version it takes.
    effect.uses_corepack = is_corepack;
    if is_corepack || visible.has_corepack {
        effect.writes.add_files(&invocation.folder, ["package.json"]);
    }
    Some(effect)
}
