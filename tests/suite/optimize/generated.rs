//! Projects of every ecosystem whose order is known how to be put right, in several shapes. Offline it is checked that each
//! is rewritten; `engine::rewrites` builds both versions with stand-ins for the tools and compares the images.
//!
//! In: tables of files and commands. Out: a Dockerfile before and after. The stand-ins are in `tests/engine/installers`.

use std::collections::BTreeMap;

use planner::engine_profile::EngineProfile;

use super::scene::Scene;
use crate::case::{Case, Text};

/// The image that the Dockerfiles name.
pub(crate) const BASE: &str = "stageplan/installers:busybox";

/// A command that installs, and the files it goes by.
struct Ecosystem {
    name: &'static str,
    command: &'static str,
    files: &'static [(&'static str, &'static str)],
}

const PACKAGE: (&str, &str) = ("package.json", r#"{"name": "app", "packageManager": "yarn@4.5.0"}"#);
const WORKSPACES: (&str, &str) = ("package.json", r#"{"name": "app", "workspaces": ["packages/*"]}"#);
const LOCK: (&str, &str) = ("package-lock.json", r#"{"packages": {"": {}, "node_modules/x": {"version": "1.0.0"}}}"#);
const MEMBERS: (&str, &str) = ("package-lock.json", r#"{"packages": {"": {}, "packages/a": {}, "packages/b": {}}}"#);
const PYPROJECT: (&str, &str) = ("pyproject.toml", "[project]\nname = 'app'\nversion = '1'\n");

const ECOSYSTEMS: &[Ecosystem] = &[
    Ecosystem { name: "npm", command: "npm ci", files: &[PACKAGE, LOCK] },
    Ecosystem {
        name: "npm with settings",
        command: "npm ci --omit=dev",
        files: &[PACKAGE, LOCK, (".npmrc", "registry=https://registry.example.org/\n")],
    },
    Ecosystem {
        name: "npm with members",
        command: "npm ci",
        files: &[
            WORKSPACES,
            MEMBERS,
            ("packages/a/package.json", "{}"),
            ("packages/b/package.json", "{}"),
            ("packages/a/index.js", "a\n"),
        ],
    },
    Ecosystem { name: "yarn", command: "yarn install --frozen-lockfile", files: &[PACKAGE, ("yarn.lock", "x\n")] },
    Ecosystem {
        name: "yarn with releases",
        command: "yarn install --immutable",
        files: &[
            PACKAGE,
            ("yarn.lock", "x\n"),
            (".yarnrc.yml", "yarnPath: .yarn/releases/yarn-4.5.0.cjs\n"),
            (".yarn/releases/yarn-4.5.0.cjs", "x\n"),
        ],
    },
    Ecosystem {
        name: "pnpm with members",
        command: "pnpm install --frozen-lockfile",
        files: &[
            PACKAGE,
            ("pnpm-lock.yaml", "importers:\n  packages/a:\n"),
            ("pnpm-workspace.yaml", "packages:\n  - packages/*\n"),
            ("packages/a/package.json", "{}"),
            ("packages/a/index.js", "a\n"),
        ],
    },
    Ecosystem { name: "bun", command: "bun install --frozen-lockfile", files: &[PACKAGE, ("bun.lock", "{}\n")] },
    Ecosystem {
        name: "pip",
        command: "pip install --no-cache-dir -r requirements.txt",
        files: &[("requirements.txt", "flask==3.0\n")],
    },
    Ecosystem {
        name: "pip with what is included",
        command: "pip install -r requirements/prod.txt",
        files: &[
            ("requirements/prod.txt", "-r base.txt\n-c ../constraints.txt\ngunicorn\n"),
            ("requirements/base.txt", "flask\n"),
            ("requirements/dev.txt", "pytest\n"),
            ("constraints.txt", "flask==3.0\n"),
        ],
    },
    Ecosystem {
        name: "poetry",
        command: "poetry install --no-root --no-directory",
        files: &[PYPROJECT, ("poetry.lock", "[[package]]\n")],
    },
    Ecosystem {
        name: "uv",
        command: "uv sync --locked --no-install-project",
        files: &[PYPROJECT, ("uv.lock", "version = 1\n"), (".python-version", "3.13\n")],
    },
    Ecosystem {
        name: "pipenv",
        command: "pipenv sync",
        files: &[("Pipfile", "[packages]\n"), ("Pipfile.lock", r#"{"default": {}, "develop": {}}"#)],
    },
    Ecosystem {
        name: "go",
        command: "go mod download",
        files: &[("go.mod", "module app\n\ngo 1.22\n"), ("go.sum", "")],
    },
    Ecosystem {
        name: "bundler",
        command: "bundle install --deployment",
        files: &[("Gemfile", "source 'https://rubygems.org'\ngem 'rack'\n"), ("Gemfile.lock", "GEM\n")],
    },
    Ecosystem {
        name: "composer",
        command: "composer install --no-scripts --no-autoloader --no-plugins",
        files: &[("composer.json", "{}"), ("composer.lock", "{}")],
    },
];

/// What an order may look like; `INSTALL` stands for the command.
const SHAPES: &[&str] = &[
    "FROM BASE\nWORKDIR /app\nCOPY . .\nRUN INSTALL\nRUN find /app -type f | sort | xargs cat > /all\n",
    "FROM BASE\nWORKDIR /app\nADD --chown=1000:1000 . /app\nRUN apk add git\nRUN INSTALL && INSTALL\n\
     CMD [\"sh\"]\n",
    "FROM BASE\nARG GIT_SHA=1\nWORKDIR /srv/app\nCOPY --chmod=755 src/ ./src/\n  # Everything.\n  COPY . ./\nRUN INSTALL\n\
     RUN echo $GIT_SHA > /sha",
    "FROM BASE AS build\nWORKDIR /work\nCOPY src src\nRUN cat src/* > out\n\nFROM BASE\nWORKDIR /app\n\
     COPY --from=build /work/out ./dist/out\nCOPY . .\nRUN INSTALL\nCOPY src/link /\n",
    "FROM BASE\nCOPY . /app\nWORKDIR /app\nRUN set -e; INSTALL; \\\n    cp -r src /copied\n",
];

/// A project, before and after.
pub(crate) struct Generated {
    pub(crate) name: String,
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// A link of every project: its path and where it leads.
pub(crate) const LINK: (&str, &str) = ("src/link", "main.txt");

/// Every ecosystem in every shape.
pub(crate) fn projects() -> Vec<Generated> {
    let mut projects = Vec::new();
    for ecosystem in ECOSYSTEMS {
        for (number, shape) in SHAPES.iter().enumerate() {
            let before = shape.replace("BASE", BASE).replace("INSTALL", ecosystem.command);
            let mut files: BTreeMap<String, String> =
                ecosystem.files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
            files.insert("src/main.txt".to_owned(), "main\n".to_owned());
            files.insert("docs/read.txt".to_owned(), "read\n".to_owned());
            let mut listed = serde_json::to_value(&files).expect("files");
            listed[LINK.0] = serde_json::json!({ "symlink": LINK.1 });
            let files_of_case = serde_json::from_value(listed).expect("files of a case");
            let case = Case { dockerfile: Text::Whole(before.clone()), files: files_of_case, ..Case::default() };
            let rewritten = Scene::of(&case, &EngineProfile::docker_legacy()).rewritten().expect("a Dockerfile");
            let name = format!("{}, shape {number}", ecosystem.name);
            projects.push(Generated { name, files, before, after: rewritten.text });
        }
    }
    projects
}

#[test]
fn at_least_fifty_generated_projects_are_rewritten() {
    let projects = projects();
    let unchanged: Vec<&str> = projects
        .iter()
        .filter(|project| project.before == project.after)
        .map(|project| project.name.as_str())
        .collect();
    assert!(projects.len() - unchanged.len() >= 50, "unchanged: {unchanged:?}");
}
