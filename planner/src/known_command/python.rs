//! pip, uv, Poetry and Pipenv: what an install reads. In go a command and what it sees, out comes an [`Effect`].
//! Requirement files are followed through what they include; what installs the project itself is a build. The facts are
//! those of pip's page on requirement files, Poetry's FAQ on images, uv's guide to Docker and Pipenv's.

mod requirements;
mod shadowing;

use super::effect::{Effect, Kind, join, upwards};
use super::json::Json;
use super::settings::doubt_environment;
use super::shell::Invocation;
use super::visible::Visible;

/// What a command of one of these tools does; `None` if it is none of theirs.
#[must_use]
pub(super) fn effect(invocation: &Invocation, visible: &Visible<'_>) -> Option<Effect> {
    let mut words: Vec<&str> = invocation.words.iter().map(String::as_str).collect();
    words[0] = invocation.program();
    let is_python = |word: &str| word == "python" || word.starts_with("python3") || word == "python2";
    let is_module = is_python(words[0]) && words.get(1) == Some(&"-m");
    if is_module {
        words.drain(..2);
    }
    let mut effect = match words.first().copied()? {
        "pip" | "pip3" if words.get(1) == Some(&"install") => pip(&words[1..], invocation, visible),
        "uv" if words.get(1) == Some(&"pip") && matches!(words.get(2), Some(&("install" | "sync"))) => {
            pip(&words[2..], invocation, visible)
        }
        "pip" | "pip3" if matches!(words.get(1), Some(&("cache" | "config" | "--version" | "list" | "check"))) => {
            Effect::new(Kind::Setup, "pip", &invocation.folder)
        }
        "uv" if words.get(1) == Some(&"sync") => uv(&words, invocation, visible),
        "poetry" if matches!(words.get(1), Some(&("install" | "sync"))) => poetry(&words, invocation, visible),
        "poetry" if matches!(words.get(1), Some(&("config" | "self" | "--version"))) => Effect {
            writes: written(&invocation.folder, &["poetry.toml"]),
            ..Effect::new(Kind::Setup, "poetry", &invocation.folder)
        },
        "pipenv" if matches!(words.get(1), Some(&("install" | "sync"))) => pipenv(&words, invocation, visible),
        "venv" | "virtualenv" if words.len() == 2 => {
            let target = join(&invocation.folder, words[1]);
            let mut effect = Effect::new(Kind::Setup, "venv", &invocation.folder);
            effect.writes.folders.insert(target);
            effect
        }
        _ => return None,
    };
    let named = invocation.env.get("PYTHONPATH").map(|path| path.split(':').map(|dir| join(&invocation.folder, dir)));
    let searched = is_module.then(|| invocation.folder.clone()).into_iter().chain(named.into_iter().flatten());
    if searched.into_iter().any(|folder| shadowing::is_found(&folder, visible)) {
        effect.doubt("pip may load a module of the project in place of one of Python's own");
    }
    Some(effect)
}

fn written(folder: &str, names: &[&str]) -> super::effect::Paths {
    let mut paths = super::effect::Paths::default();
    paths.add_files(folder, names.iter().copied());
    paths
}

/// Options of pip whose value is a word of its own.
const WITH_VALUE: &[&str] = &[
    "-i",
    "--index-url",
    "--extra-index-url",
    "--trusted-host",
    "--timeout",
    "--retries",
    "--python-version",
    "--platform",
    "--only-binary",
    "--no-binary",
    "--root-user-action",
    "--progress-bar",
    "--upgrade-strategy",
    "--cache-dir",
    "--python",
    "--index-strategy",
    "--link-mode",
    "--implementation",
    "--abi",
];

/// Options of pip without a value that name no file.
const FLAGS: &[&str] = &[
    "--no-cache-dir",
    "--no-cache",
    "-U",
    "--upgrade",
    "--no-deps",
    "--user",
    "--require-hashes",
    "--no-compile",
    "--prefer-binary",
    "--pre",
    "-q",
    "--quiet",
    "-qq",
    "--disable-pip-version-check",
    "--break-system-packages",
    "--no-input",
    "--no-warn-script-location",
    "--no-build-isolation",
    "--force-reinstall",
    "-I",
    "--ignore-installed",
    "--system",
    "--compile",
    "--compile-bytecode",
    "-v",
    "--verbose",
    "--no-clean",
    "--use-pep517",
    "--no-python-version-warning",
    "--no-color",
    "--strict",
];

fn pip(words: &[&str], invocation: &Invocation, visible: &Visible<'_>) -> Effect {
    let folder = &invocation.folder;
    let mut effect = Effect::new(Kind::Packages, "pip install", folder);
    let mut words = words[1..].iter();
    while let Some(word) = words.next() {
        let (flag, glued) = word.split_once('=').map_or((*word, None), |(flag, value)| (flag, Some(value)));
        let mut value = || glued.or_else(|| words.next().copied()).unwrap_or_default();
        match flag {
            "-r" | "--requirement" | "-c" | "--constraint" => {
                let file = join(folder, value());
                if flag.ends_with(['r', 't']) && flag != "--constraint" {
                    of_requirements(&mut effect, &file);
                }
                requirements::add(&mut effect, &file, visible);
            }
            "-f" | "--find-links" if value().contains("://") => {}
            "-f" | "--find-links" => effect.doubt("`--find-links` names a folder"),
            "-t" | "--target" | "--prefix" | "--root" => {
                let target = join(folder, value());
                effect.writes.folders.insert(target);
            }
            flag if WITH_VALUE.contains(&flag) => drop(value()),
            flag if FLAGS.contains(&flag) => {}
            "-e" | "--editable" => return own_build(folder),
            flag if flag.starts_with("-r") && glued.is_none() && flag.len() > 2 => {
                let file = join(folder, &flag[2..]);
                of_requirements(&mut effect, &file);
                requirements::add(&mut effect, &file, visible);
            }
            flag if flag.starts_with('-') => effect.doubt(format!("`{flag}` may name files")),
            _ if requirements::is_local(word) => return own_build(folder),
            // `uv pip sync` takes requirement files as plain words.
            _ if word.ends_with(".txt") => {
                let file = join(folder, word);
                of_requirements(&mut effect, &file);
                requirements::add(&mut effect, &file, visible);
            }
            _ => {}
        }
    }
    doubt_environment(&mut effect, invocation, visible, &["PIP_", "UV_"]);
    effect
}

/// Notes that what a requirement file lists is installed.
fn of_requirements(effect: &mut Effect, file: &str) {
    effect.kind = Kind::Install;
    effect.name = format!("pip install -r {}", file.rsplit('/').next().unwrap_or(file));
    effect.needs.push(vec![file.to_owned()]);
    effect.lock = Some(file.to_owned());
}

/// `pip install .`: the project itself is built, for which anything may be read.
fn own_build(folder: &str) -> Effect {
    let advice = "install what it depends on in a step of its own, from a requirements file, and the project with \
                  `--no-deps` behind it";
    Effect { advice: Some(advice), ..Effect::unbounded(Kind::Build, "pip install .", folder) }
}

fn uv(words: &[&str], invocation: &Invocation, visible: &Visible<'_>) -> Effect {
    let folder = &invocation.folder;
    let mut effect = of_pyproject("uv sync", "uv.lock", &["uv.toml", ".python-version"], folder);
    let skips = ["--no-install-project", "--no-install-workspace", "--no-install-local"];
    let skips_project = words.iter().any(|word| skips.contains(word));
    let is_frozen = words.contains(&"--frozen") || words.contains(&"--locked");
    if !is_frozen {
        effect.is_unlocked = true;
        effect.writes.add_files(folder, ["uv.lock"]);
    }
    read_text(&mut effect, visible, "uv.lock", |text| in_uv_lock(text, skips_project));
    read_text(&mut effect, visible, "pyproject.toml", |text| {
        let words = ["dynamic=", "[tool.uv.workspace]", "path=", "workspace=", "file:", "find-links", "flat"];
        let found = found(text, &words);
        found.map(|word| format!("`pyproject.toml` holds `{word}`, so other files may be read"))
    });
    for name in ["uv.toml", "poetry.toml"] {
        if visible.is_there(&join(folder, name)) {
            effect.doubt(format!("`{name}` may name files"));
        }
    }
    let known = [
        "sync",
        "--no-install-project",
        "--no-install-workspace",
        "--no-install-local",
        "--frozen",
        "--locked",
        "--no-dev",
        "--no-editable",
        "--no-cache",
        "--compile-bytecode",
        "--quiet",
        "-q",
        "--all-extras",
        "--no-default-groups",
        "--no-progress",
        "--verbose",
        "-v",
    ];
    doubt_other_words(
        &mut effect,
        &words[1..],
        &known,
        &["--extra", "--group", "--no-group", "--python", "-p", "--link-mode"],
    );
    doubt_environment(&mut effect, invocation, visible, &["UV_"]);
    effect
}

/// What `uv.lock` takes from the project.
fn in_uv_lock(text: &str, skips_project: bool) -> Option<String> {
    let own = ["source = { virtual = \".\" }", "source = { editable = \".\" }"];
    let is_local = |line: &&str| {
        if line.starts_with("source = { registry") && !line.contains("://") {
            return true;
        }
        let kinds = ["source = { editable", "source = { directory", "source = { virtual", "source = { path"];
        kinds.iter().any(|kind| line.starts_with(kind)) && !own.contains(&line.trim())
    };
    if let Some(line) = text.lines().find(is_local) {
        return Some(format!("`uv.lock` takes a package from the project (`{}`)", line.trim()));
    }
    let is_built = !skips_project && !text.contains(own[0]);
    is_built.then(|| "`uv sync` also builds the project; with `--no-install-project` it does not".to_owned())
}

fn poetry(words: &[&str], invocation: &Invocation, visible: &Visible<'_>) -> Effect {
    let folder = &invocation.folder;
    let mut effect = of_pyproject("poetry install", "poetry.lock", &["poetry.toml"], folder);
    let skips_project = words.contains(&"--no-root");
    let skips_folders = words.contains(&"--no-directory");
    read_text(&mut effect, visible, "pyproject.toml", |text| {
        if !skips_project && !text.contains("package-mode = false") {
            return Some("`poetry install` also installs the project; with `--no-root` it does not".to_owned());
        }
        let found = found(text, &["file=", "path=", "develop=", "subdirectory=", "file:"]).filter(|_| !skips_folders);
        found.map(|word| format!("`pyproject.toml` holds `{word}`, so a package may lie in the project"))
    });
    read_text(&mut effect, visible, "poetry.lock", |text| {
        let kinds = ["type = \"directory\"", "type = \"file\""];
        let found = kinds.iter().find(|kind| text.contains(**kind));
        found.map(|kind| format!("`poetry.lock` takes a package from the project (`{kind}`)"))
    });
    if !visible.is_there(&join(folder, "poetry.lock")) {
        effect.writes.add_files(folder, ["poetry.lock"]);
        effect.is_unlocked = true;
    }
    let known = [
        "install",
        "sync",
        "--no-root",
        "--no-directory",
        "--no-interaction",
        "-n",
        "--no-ansi",
        "--no-cache",
        "--no-dev",
        "--sync",
        "--quiet",
        "-q",
        "--all-extras",
        "-vvv",
        "-v",
        "--compile",
        "--all-groups",
    ];
    doubt_other_words(&mut effect, &words[1..], &known, &["--only", "--without", "--with", "--extras", "-E"]);
    doubt_environment(&mut effect, invocation, visible, &["POETRY_", "PIP_"]);
    effect
}

/// The first of these words that a text holds, blanks not looked at.
fn found<'a>(text: &str, words: &[&'a str]) -> Option<&'a str> {
    let dense: String = text.chars().filter(|letter| !matches!(letter, ' ' | '\t')).collect();
    words.iter().copied().find(|word| dense.contains(word))
}

/// What uv and Poetry share.
fn of_pyproject(name: &str, lock: &str, more: &[&str], folder: &str) -> Effect {
    let mut effect = Effect::new(Kind::Install, name, folder);
    for place in upwards(folder) {
        effect.reads.add_files(place, ["pyproject.toml", lock].into_iter().chain(more.iter().copied()));
    }
    effect.reads.add_folders(folder, [".venv"]);
    effect.writes.add_folders(folder, [".venv", ".cache"]);
    effect.needs = [vec![join(folder, "pyproject.toml")], vec![join(folder, lock)]].to_vec();
    effect.lock = Some(join(folder, lock));
    effect
}

fn pipenv(words: &[&str], invocation: &Invocation, visible: &Visible<'_>) -> Effect {
    let folder = &invocation.folder;
    let name = format!("pipenv {}", words[1]);
    let mut effect = Effect::new(Kind::Install, name, folder);
    for place in upwards(folder) {
        effect.reads.add_files(place, ["Pipfile", "Pipfile.lock", ".env", "requirements.txt"]);
    }
    effect.reads.add_folders(folder, [".venv"]);
    effect.writes.add_folders(folder, [".venv", ".cache"]);
    effect.needs = [vec![join(folder, "Pipfile.lock")]].to_vec();
    effect.lock = Some(join(folder, "Pipfile.lock"));
    let is_strict = words[1] == "sync" || words.contains(&"--deploy") || words.contains(&"--ignore-pipfile");
    if !is_strict {
        effect.is_unlocked = true;
        effect.writes.add_files(folder, ["Pipfile.lock", "Pipfile"]);
    }
    match visible.json(&join(folder, "Pipfile.lock")) {
        Ok(Some(lock)) => {
            let packages =
                ["default", "develop"].into_iter().filter_map(|section| lock.get(section)).flat_map(Json::entries);
            for (package, entry) in packages {
                let file = entry.get("file").and_then(Json::text);
                if entry.get("path").is_some() || file.is_some_and(|file| !file.contains("://")) {
                    effect.doubt(format!("`Pipfile.lock` takes `{package}` from the project"));
                }
            }
        }
        Ok(None) => {}
        Err(doubt) => effect.doubt(doubt),
    }
    let known = [
        "install",
        "sync",
        "--deploy",
        "--system",
        "--dev",
        "-d",
        "--ignore-pipfile",
        "--verbose",
        "--clear",
        "--quiet",
    ];
    doubt_other_words(&mut effect, &words[1..], &known, &[]);
    doubt_environment(&mut effect, invocation, visible, &["PIPENV_", "PIP_"]);
    effect
}

/// Doubts what `odd` says of the text of a manifest.
fn read_text(effect: &mut Effect, visible: &Visible<'_>, name: &str, odd: impl Fn(&str) -> Option<String>) {
    match visible.text(&join(&effect.folder, name)) {
        Ok(Some(text)) => odd(text).into_iter().for_each(|doubt| effect.doubt(doubt)),
        Ok(None) => {}
        Err(doubt) => effect.doubt(doubt),
    }
}

/// Doubts words that are neither known nor the value of a known option.
fn doubt_other_words(effect: &mut Effect, words: &[&str], known: &[&str], with_value: &[&str]) {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if with_value.contains(word) {
            words.next();
        } else if !known.contains(word) && !with_value.iter().any(|flag| word.starts_with(&format!("{flag}="))) {
            effect.doubt(format!("`{word}` may name files"));
        }
    }
}
