//! Bundler, Composer, Mix, Dart and Conda: what an install reads. In go a command and what it sees, out comes an
//! [`Effect`]. A `Gemfile` that only lists gems, and a Composer that is told to run no code, are closed; all others are
//! in doubt. The facts are those of Rails' and Phoenix' own Dockerfiles and of the tools' pages.

use super::effect::{Effect, Kind, Paths, join};
use super::json::Json;
use super::settings::doubt_environment;
use super::shell::Invocation;
use super::visible::Visible;

/// What a command of one of these tools does; `None` if it is none of theirs.
#[must_use]
pub(super) fn effect(invocation: &Invocation, visible: &Visible<'_>) -> Option<Effect> {
    let folder = invocation.folder.as_str();
    let words: Vec<&str> = invocation.arguments().iter().map(String::as_str).collect();
    match (invocation.program(), &words[..]) {
        ("bundle" | "bundler", ["install", ..]) => Some(bundler(invocation, visible)),
        ("bundle" | "bundler", ["config", ..]) => {
            let mut effect = Effect::new(Kind::Setup, "bundle config", folder);
            effect.writes.add_files(folder, [".bundle/config"]);
            Some(effect)
        }
        ("gem", ["install", names @ ..]) if !names.iter().any(|name| name.contains('/') || name.ends_with(".gem")) => {
            let mut effect = Effect::new(Kind::Packages, "gem install", folder);
            // Gems that lie in the folder are taken before those of the registry.
            if let Some(gem) = visible.named(folder, |name| name.ends_with(".gem")).first() {
                effect.doubt(format!("`{}` may be installed", gem.rsplit('/').next().unwrap_or(gem)));
            }
            Some(effect)
        }
        ("composer", words) if words.contains(&"install") => Some(composer(invocation, visible)),
        ("mix", ["local.hex" | "local.rebar", ..]) => Some(Effect::new(Kind::Setup, "mix", folder)),
        ("mix", [verb @ ("deps.get" | "deps.compile"), ..]) => Some(mix(verb, folder, visible)),
        ("dart" | "flutter", ["pub", "get", ..]) => Some(dart(folder)),
        ("conda" | "mamba" | "micromamba", [..]) => conda(invocation),
        _ => None,
    }
}

fn is_on(invocation: &Invocation, name: &str) -> bool {
    invocation.env.get(name).is_some_and(|value| !["", "0", "false"].contains(&value.as_str()))
}

fn bundler(invocation: &Invocation, visible: &Visible<'_>) -> Effect {
    let folder = invocation.folder.as_str();
    let mut effect = Effect::new(Kind::Install, "bundle install", folder);
    for place in super::effect::upwards(folder) {
        effect.reads.add_files(place, ["Gemfile", "Gemfile.lock", "gems.rb", "gems.locked", ".bundle/config"]);
    }
    effect.reads.add_folders(folder, ["vendor"]);
    effect.writes.add_folders(folder, ["vendor", ".bundle"]);
    effect.needs = vec![vec![join(folder, "Gemfile"), join(folder, "gems.rb")]];
    effect.lock = Some(join(folder, "Gemfile.lock"));
    let is_frozen = is_on(invocation, "BUNDLE_FROZEN") || is_on(invocation, "BUNDLE_DEPLOYMENT");
    if !is_frozen && !invocation.has(&["--deployment", "--frozen"]) {
        effect.is_unlocked = true;
        effect.writes.add_files(folder, ["Gemfile.lock"]);
    }
    match visible.text(&join(folder, "Gemfile")) {
        Ok(Some(text)) => {
            if let Some(line) = text.lines().find(|line| !is_plain_gem_line(line)) {
                effect.doubt(format!("the `Gemfile` is a program, and nobody can say what `{}` reads", line.trim()));
            }
        }
        Ok(None) => effect.doubt("the `Gemfile` is not among the copied files"),
        Err(doubt) => effect.doubt(doubt),
    }
    match visible.text(&join(folder, "Gemfile.lock")) {
        Ok(Some(text)) if text.lines().any(|line| line.trim_end() == "PATH") => {
            effect.doubt("`Gemfile.lock` takes gems from folders of the project");
        }
        Ok(_) => {}
        Err(doubt) => effect.doubt(doubt),
    }
    doubt_environment(&mut effect, invocation, visible, &["BUNDLE_GEMFILE", "BUNDLE_APP_CONFIG", "BUNDLE_PATH"]);
    effect
}

/// Whether a line of a `Gemfile` only lists.
fn is_plain_gem_line(line: &str) -> bool {
    let line = line.split_once(" #").map_or(line, |(line, _)| line).trim();
    let word = line.split([' ', '(']).next().unwrap_or_default();
    let is_listing =
        ["", "gem", "source", "group", "end", "platforms", "ruby"].contains(&word) || line.starts_with('#');
    let is_odd =
        ["path", "file:", "File", "#{", "`", "git_source", "eval", "ENV", "$"].iter().any(|odd| line.contains(odd));
    let is_near = ["\"/", "'/", "\"./", "'./", "\"../", "'../"].iter().any(|start| line.contains(start));
    let is_repository = line.contains("git:") || line.contains(":git");
    let is_far = line.contains("://") || line.contains("git@");
    is_listing && (line.starts_with('#') || !(is_odd || is_near || is_repository && !is_far))
}

fn composer(invocation: &Invocation, visible: &Visible<'_>) -> Effect {
    let folder = invocation
        .option(&["--working-dir", "-d"])
        .map_or_else(|| invocation.folder.clone(), |dir| join(&invocation.folder, dir));
    let mut effect = Effect::new(Kind::Install, "composer install", &folder);
    for place in super::effect::upwards(&folder) {
        effect.reads.add_files(place, ["composer.json", "composer.lock", "auth.json", "symfony.lock", ".env"]);
    }
    effect.reads.add_folders(&folder, ["vendor", "patches"]);
    effect.writes.add_folders(&folder, ["vendor", "bin"]);
    effect.needs = vec![vec![join(&folder, "composer.json")]];
    effect.lock = Some(join(&folder, "composer.lock"));
    if !visible.is_there(&join(&folder, "composer.lock")) {
        effect.writes.add_files(&folder, ["composer.lock"]);
        effect.is_unlocked = true;
    }
    for (flag, doubt) in [
        ("--no-scripts", "scripts of `composer.json` run during the install; `--no-scripts` leaves them out"),
        (
            "--no-autoloader",
            "the autoloader is made from the sources; `--no-autoloader` leaves it to `composer dump-autoload`",
        ),
        ("--no-plugins", "plugins run during the install; `--no-plugins` leaves them out"),
    ] {
        if !invocation.has(&[flag]) {
            effect.doubt(doubt);
        }
    }
    if visible.below(&join(&folder, ".git")).next().is_some() {
        effect.doubt("Composer asks git for the project's version");
    }
    match visible.json(&join(&folder, "composer.json")) {
        Ok(Some(manifest)) => {
            let repositories = manifest.get("repositories");
            let mut kinds = Vec::new();
            if let Some(repositories) = repositories {
                repositories.each_text(&mut |text| kinds.push(text.to_owned()));
            }
            if kinds.iter().any(|kind| kind == "path" || kind == "artifact") {
                effect.doubt("`composer.json` takes packages from folders of the project");
            }
            if let Some(near) = repositories.and_then(near) {
                effect.doubt(format!("`composer.json` takes packages from `{near}`"));
            }
            let config = |name: &str| manifest.get("config").and_then(|config| config.get(name)).and_then(Json::text);
            if config("vendor-dir").or(config("bin-dir")).is_some() {
                effect.doubt("`composer.json` sets another folder for packages");
            }
        }
        Ok(None) => effect.doubt("`composer.json` is not among the copied files"),
        Err(doubt) => effect.doubt(doubt),
    }
    doubt_environment(&mut effect, invocation, visible, &["COMPOSER"]);
    effect
}

/// The place of a repository that is no address.
fn near(repositories: &Json) -> Option<&str> {
    let listed = match repositories {
        Json::List(items) => items.iter().collect(),
        _ => repositories.entries().map(|(_, repository)| repository).collect::<Vec<_>>(),
    };
    let mut places = listed.into_iter().filter_map(|repository| repository.get("url")?.text());
    places.find(|place| !place.contains("://") && !place.starts_with("git@"))
}

fn mix(verb: &str, folder: &str, visible: &Visible<'_>) -> Effect {
    let mut effect = Effect::new(Kind::Install, format!("mix {verb}"), folder);
    effect.reads.files.extend(visible.named(folder, |name| ["mix.exs", "mix.lock"].contains(&name)));
    if verb == "deps.compile" {
        effect.reads.add_folders(folder, ["config"]);
    }
    effect.writes.add_folders(folder, ["deps", "_build"]);
    effect.writes.add_files(folder, ["mix.lock"]);
    effect.needs = vec![vec![join(folder, "mix.exs")]];
    effect.lock = Some(join(folder, "mix.lock"));
    effect.doubt("`mix.exs` is a program that may read any file");
    effect
}

fn dart(folder: &str) -> Effect {
    let mut effect = Effect::new(Kind::Install, "dart pub get", folder);
    effect.reads.add_files(folder, ["pubspec.yaml", "pubspec.lock", "pubspec_overrides.yaml"]);
    effect.writes.add_folders(folder, [".dart_tool"]);
    effect.writes.add_files(folder, ["pubspec.lock"]);
    effect.needs = vec![vec![join(folder, "pubspec.yaml")]];
    effect.lock = Some(join(folder, "pubspec.lock"));
    effect.doubt("`pubspec.yaml` may name packages of the project");
    effect
}

fn conda(invocation: &Invocation) -> Option<Effect> {
    let file = invocation.option(&["-f", "--file"])?;
    let mut effect = Effect::new(Kind::Install, "conda env create", &invocation.folder);
    let file = join(&invocation.folder, file);
    effect.reads = Paths { files: [file.clone()].into(), ..Paths::default() };
    effect.needs = vec![vec![file.clone()]];
    effect.lock = Some(file);
    effect.doubt("the environment file may name other files under `pip:`");
    Some(effect)
}
