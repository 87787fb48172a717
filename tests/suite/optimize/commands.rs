//! What commands are for, and whether it is certain what they read: a table of words as they stand in a `RUN`.

use planner::graph::exec::{Exec, Variable};
use planner::known_command;
use planner::known_command::effect::{Effect, Kind};
use planner::known_command::visible::{Manifests, Visible};

/// A command in `/app`, where nothing is known to stand.
fn effect(text: &str) -> Effect {
    let exec = Exec {
        args: ["/bin/sh", "-c", text].map(str::to_owned).to_vec(),
        n_shell_args: 2,
        env: vec![Variable { name: "PATH".to_owned(), value: "/usr/bin:/bin".to_owned(), from_arg: false }],
        workdir: "/app".to_owned(),
        ..Exec::default()
    };
    let manifests = Manifests::new();
    known_command::read(&exec, &Visible::new(&manifests))
}

#[test]
fn commands_are_known_by_what_they_are_for() {
    let rows: [(Kind, &[&str]); 6] = [
        (
            Kind::Setup,
            &[
                "corepack enable",
                "adduser -D app",
                "npm cache clean --force",
                "rm -rf /var/lib/apt/lists/*",
                "mkdir -p /data",
                "poetry config virtualenvs.create false",
                "yarn --version",
                "corepack yarn --version",
                "npm -v",
                "pnpm --version && node -v",
                "pip --version",
                "python3 -m pip --version",
                "cargo --version",
                "go version",
                "npm config set registry https://registry.example.org/",
                "pnpm config set store-dir /store",
                "yarn config set nodeLinker node-modules",
                "yarn set version 4.5.0",
                "bundle --version",
            ],
        ),
        (
            Kind::Packages,
            &[
                "apt-get update && apt-get install -y git",
                "apk add --no-cache curl",
                "npm install -g pnpm",
                "pip install poetry==1.8",
                "gem install bundler",
                "go install example.org/x@latest",
                "dnf install -y gcc && dnf clean all",
            ],
        ),
        (
            Kind::Install,
            &[
                "npm ci",
                "npm i",
                "yarn",
                "yarn install --immutable",
                "corepack pnpm install",
                "pnpm fetch",
                "bun install",
                "pip install -r a.txt",
                "python3 -m pip install -r a.txt",
                "uv pip install --system -r a.txt",
                "uv sync",
                "poetry install",
                "pipenv sync",
                "go mod download",
                "bundle install",
                "composer install",
                "mix deps.get",
                "dotnet restore",
                "mvn dependency:go-offline",
                "cargo fetch",
                "npm ci && npm cache clean --force",
                "set -eux; npm ci; npm cache clean --force",
                "npm ci\nnpm cache clean --force\n",
            ],
        ),
        (Kind::Prune, &["npm prune --omit=dev", "pnpm prune --prod"]),
        (
            Kind::Build,
            &[
                "npm run build",
                "yarn build",
                "npx tsc",
                "npm test",
                "go build ./...",
                "cargo build --release",
                "pip install .",
                "pip install -e .[dev]",
                "npm ci && npm run build",
                "npm ci; npm run build",
            ],
        ),
        (
            Kind::Other,
            &[
                "make",
                "./x.sh",
                "rm -rf /app",
                "cp a b",
                "npm ci; make",
                "npm ls --all",
                "npm version 1.2.3",
                "npm ci | tee log",
                "npm ci > log",
                "sh -c 'npm ci'",
                "eval npm ci",
                "apt-get install ./x.deb",
                "rm -rf /var/cache/../../app",
            ],
        ),
    ];
    for (kind, texts) in rows {
        for text in texts {
            assert_eq!(effect(text).kind, kind, "{text}");
        }
    }
}

#[test]
fn what_is_certain_reads_its_manifests_and_nothing_else() {
    let rows: [(&str, &[&str]); 9] = [
        ("npm ci", &["package.json", "package-lock.json", ".npmrc"]),
        (
            "yarn install --frozen-lockfile",
            &["package.json", "yarn.lock", ".yarnrc", ".yarnrc.yml", ".yarn/releases/yarn.cjs"],
        ),
        (
            "pnpm install --frozen-lockfile",
            &["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", ".pnpmfile.cjs", ".npmrc"],
        ),
        ("bun install --frozen-lockfile", &["package.json", "bun.lock", "bunfig.toml"]),
        ("poetry install --no-root --no-directory", &["pyproject.toml", "poetry.lock", "poetry.toml"]),
        ("uv sync --frozen --no-install-project", &["pyproject.toml", "uv.lock", ".python-version"]),
        ("pipenv install --deploy", &["Pipfile", "Pipfile.lock", ".env"]),
        ("apt-get install -y git", &[]),
        ("pip install flask", &[]),
    ];
    for (text, names) in rows {
        let effect = effect(text);
        assert!(effect.is_closed(), "{text}: {:?}", effect.doubts);
        for name in names {
            assert!(effect.reads.has(&format!("/app/{name}")), "{text} reads {name}");
        }
        for name in ["src/main.js", "README.md", "Dockerfile", "lib/package.json"] {
            assert!(!effect.reads.has(&format!("/app/{name}")), "{text} reads {name}");
        }
    }
}

#[test]
fn what_is_not_certain_says_why() {
    let rows = [
        ("npm ci --prefix web", "--prefix"),
        ("npm install left-pad", "left-pad"),
        ("pip install -r missing.txt", "`missing.txt` is not among the copied files"),
        ("pip install --find-links wheels x", "--find-links"),
        ("go mod download", "`go.mod` is not among the copied files"),
        ("bundle install", "`Gemfile` is not among the copied files"),
        ("composer install", "--no-plugins"),
        ("mix deps.get", "program"),
        ("dotnet restore", "import"),
    ];
    for (text, why) in rows {
        let effect = effect(text);
        assert!(effect.doubts.iter().any(|doubt| doubt.contains(why)), "{text}: {:?}", effect.doubts);
    }
}
