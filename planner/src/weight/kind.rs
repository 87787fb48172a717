//! What kind of work an instruction is, by the words of its command, and how long that is taken to last where nobody
//! measured it. In goes an instruction, out comes a kind. It is a guess of the order of magnitude and nothing else:
//! no safety hangs on it, and an unknown command is just a command.

use std::collections::BTreeSet;

use crate::graph::Placed;

/// Kinds of work, from the lightest to the heaviest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// `WORKDIR`.
    Folder,
    /// `COPY`, and `ADD` of files.
    Copy,
    /// A command that is none of the others: `mkdir`, `chmod`, `useradd` …
    Command,
    /// A tool by its name: `npm install -g pnpm`, `pip install poetry`, `gem install bundler`.
    Tool,
    /// `curl`, `wget`, `git clone`, `ADD` from an address, `go mod download`, `cargo fetch`.
    Download,
    /// `apt-get install`, `apk add` and their like.
    SystemPackages,
    /// `npm test`, `pytest`, `cargo test` and their like.
    Test,
    /// `npm ci`, `pip install`, `bundle install` and their like.
    Install,
    /// `npm run build`, `cargo build`, `make` and their like.
    Build,
}

impl Kind {
    /// The seconds that one run is taken to last where nobody measured it. Round numbers for a middling project on a
    /// developer's machine: what matters is that an install weighs far more than a copy.
    #[must_use]
    pub fn seconds(self) -> f64 {
        match self {
            Self::Folder => 0.1,
            Self::Copy => 0.5,
            Self::Command => 2.0,
            // npm 11 on two cores, nothing cached: pnpm took 4.2 s, typescript 2.1 s.
            Self::Tool => 5.0,
            Self::Download => 10.0,
            Self::SystemPackages | Self::Test => 20.0,
            Self::Install | Self::Build => 30.0,
        }
    }

    /// The seconds that an instruction that makes a step is taken to last: of several commands in one step each kind of
    /// work counts once, and what takes hardly any time only where there is nothing else.
    #[must_use]
    pub fn seconds_of(placed: &Placed) -> f64 {
        match placed.keyword.as_str() {
            "WORKDIR" => Self::Folder.seconds(),
            "ADD" if has_address(&placed.text) => Self::Download.seconds(),
            "COPY" | "ADD" => Self::Copy.seconds(),
            _ => {
                let kinds = Self::of_commands(&[placed.text.as_str(), "\n", &placed.body].concat());
                kinds.into_iter().map(Self::seconds).sum()
            }
        }
    }

    /// The kinds of work that a text of commands does.
    fn of_commands(text: &str) -> BTreeSet<Self> {
        let commands = text.split(['\n', ';', '|', '&', '(', ')']).map(words);
        let kinds: BTreeSet<Self> = commands.filter(|words| !words.is_empty()).map(|words| of_words(&words)).collect();
        let heavy: BTreeSet<Self> = kinds.into_iter().filter(|kind| *kind > Self::Command).collect();
        if heavy.is_empty() { BTreeSet::from([Self::Command]) } else { heavy }
    }
}

fn has_address(text: &str) -> bool {
    ["http://", "https://", "git@", "ssh://"].iter().any(|scheme| text.contains(scheme))
}

/// Tools that install what a project depends on.
const TOOLS: &[&str] = &["pip", "setuptools", "wheel", "poetry", "uv", "pipenv", "pdm", "hatch", "bundler"];

/// The words of one command without flags (save those that say it is for the whole system or only tells), settings, what runs it, and the marks of a JSON form.
fn words(command: &str) -> Vec<&str> {
    const RUN_BY: [&str; 14] = [
        "RUN",
        "sudo",
        "exec",
        "env",
        "time",
        "npx",
        "corepack",
        "then",
        "do",
        "if",
        "sh",
        "/bin/sh",
        "bash",
        "/bin/bash",
    ];
    let words = command.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '[' | ']'));
    let told = |word| match word {
        "-g" | "--global" => "global",
        "--version" | "-v" | "-V" | "--help" => "version",
        word => word.split_once("==").map_or(word, |(name, _)| name),
    };
    let is_word = |word: &&str| !word.is_empty() && !word.starts_with('-') && !word.contains('=') && *word != "\\";
    words.map(told).filter(is_word).skip_while(|word| RUN_BY.contains(word)).collect()
}

/// What the first words of a command mean; a path in front of the program does not matter.
fn of_words(words: &[&str]) -> Kind {
    let word = |n: usize| words.get(n).copied().unwrap_or_default();
    let program = word(0).rsplit('/').next().unwrap_or_default();
    let has = |known: &[&str]| words.iter().skip(1).any(|word| known.contains(word));
    match program {
        "apt-get" | "apt" | "apk" | "dnf" | "yum" | "microdnf" | "zypper" | "pacman" | "tdnf" => Kind::SystemPackages,
        "curl" | "wget" | "aria2c" => Kind::Download,
        "git" if has(&["clone", "fetch", "pull"]) => Kind::Download,
        _ if word(1) == "version" && words.len() == 2 => Kind::Command,
        "npm" | "yarn" | "pnpm" | "bun" if has(&["global"]) && has(&["install", "i", "add"]) => Kind::Tool,
        "pip" | "pip3" | "pipx" | "gem"
            if word(1) == "install" && words.len() > 2 && words[2..].iter().all(|name| TOOLS.contains(name)) =>
        {
            Kind::Tool
        }
        "npm" | "yarn" | "pnpm" | "bun" | "deno" => of_script_runner(program, word(1), word(2)),
        "pip" | "pip3" | "poetry" | "uv" | "pipenv" | "pdm" | "conda" | "mamba" | "micromamba" | "bundle"
        | "bundler" | "gem" | "composer"
            if has(&["install", "sync", "env", "create", "add", "update", "i"]) =>
        {
            Kind::Install
        }
        "python" | "python3" if word(1) == "pip" || has(&["pip"]) => Kind::Install,
        "mix" if has(&["deps.get", "deps.compile"]) => Kind::Install,
        "dotnet" if word(1) == "restore" => Kind::Install,
        "go" if word(1) == "mod" => Kind::Download,
        "cargo" if word(1) == "fetch" => Kind::Download,
        "go" | "cargo" | "dotnet" | "mvn" | "mvnw" | "gradle" | "gradlew" | "mix" | "swift" | "sbt"
            if has(&["test", "check", "clippy", "vet"]) =>
        {
            Kind::Test
        }
        "pytest" | "tox" | "nox" | "jest" | "vitest" | "mocha" | "rspec" | "phpunit" | "eslint" => Kind::Test,
        "go" | "cargo" | "dotnet" | "mvn" | "mvnw" | "gradle" | "gradlew" | "swift" | "sbt" | "make" | "cmake"
        | "ninja" | "meson" | "bazel" | "tsc" | "webpack" | "vite" | "next" | "ng" | "rollup" | "esbuild" | "gcc"
        | "g++" | "cc" | "clang" | "clang++" | "rustc" | "javac" | "mix" | "configure" => Kind::Build,
        _ => Kind::Command,
    }
}

/// A command of a package manager that installs, or runs what a project calls its scripts.
fn of_script_runner(program: &str, command: &str, script: &str) -> Kind {
    let script = if matches!(command, "run" | "run-script" | "task") { script } else { command };
    match script {
        "" if program == "yarn" => Kind::Install,
        "ci" | "install" | "i" | "add" | "fetch" | "clean-install" | "workspaces" | "cache" => Kind::Install,
        "config" | "set" | "prune" | "version" | "" => Kind::Command,
        _ if script.starts_with("test") || script.starts_with("lint") || script == "t" || script == "check" => {
            Kind::Test
        }
        _ => Kind::Build,
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn a_command_is_known_by_its_first_words() {
        let cases = [
            ("npm ci --omit=dev", Kind::Install),
            ("--mount=type=cache,target=/root/.npm npm ci", Kind::Install),
            ("corepack yarn install --immutable", Kind::Install),
            ("[\"pip\", \"install\", \"-r\", \"requirements.txt\"]", Kind::Install),
            ("python -m pip install .", Kind::Install),
            ("npm run build", Kind::Build),
            ("pnpm build", Kind::Build),
            ("npm run test:unit", Kind::Test),
            ("npm test", Kind::Test),
            ("npm config set registry x", Kind::Command),
            ("npm install -g pnpm@9", Kind::Tool),
            ("yarn global add typescript", Kind::Tool),
            ("pip install --no-cache-dir --upgrade pip poetry==1.8", Kind::Tool),
            ("pip install flask==3.0", Kind::Install),
            ("yarn --version", Kind::Command),
            ("npm -v", Kind::Command),
            ("cargo --version", Kind::Command),
            ("CGO_ENABLED=0 go build -o /app ./cmd/api", Kind::Build),
            ("go mod download", Kind::Download),
            ("go vet ./...", Kind::Test),
            ("./gradlew --no-daemon build", Kind::Build),
            ("apt-get update && cargo --version && apt-get install -y make", Kind::SystemPackages),
            ("apt-get update && apt-get install -y make", Kind::SystemPackages),
            ("curl -fsSL https://example.com/x | sh", Kind::Download),
            ("git clone https://example.com/x.git", Kind::Download),
            ("mkdir -p /data && chown app /data", Kind::Command),
            ("set -eux; bundle install", Kind::Install),
            ("", Kind::Command),
        ];
        for (command, kind) in cases {
            let kinds = Kind::of_commands(&format!("RUN {command}"));
            assert_eq!(kinds.into_iter().collect::<Vec<_>>(), [kind], "{command}");
        }
    }

    #[test]
    fn each_kind_of_work_in_a_step_counts_once() {
        let kinds = |text: &str| Kind::of_commands(text).into_iter().collect::<Vec<_>>();
        assert_eq!(
            kinds("RUN npm install -g pnpm && pnpm install && pnpm build"),
            [Kind::Tool, Kind::Install, Kind::Build]
        );
        assert_eq!(kinds("RUN cargo build --release && cargo test && cargo build"), [Kind::Test, Kind::Build]);
    }

    #[test]
    fn an_install_weighs_far_more_than_a_copy() {
        assert!(Kind::Install.seconds() > 20.0 * Kind::Copy.seconds());
    }
}
