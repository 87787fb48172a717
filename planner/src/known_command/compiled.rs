//! Go, Cargo, Maven, Gradle, .NET and Swift: what an install reads. In go a command and what it sees, out comes an
//! [`Effect`]. `go mod download` is closed for the modules of a newer Go; build files of the others are programs or
//! import others, so their lists are the best that can be said and always in doubt.

use super::effect::{Effect, Kind, join, upwards};
use super::settings::doubt_environment;
use super::shell::Invocation;
use super::visible::Visible;

/// What a command of one of these tools does; `None` if it is none of theirs.
#[must_use]
pub(super) fn effect(invocation: &Invocation, visible: &Visible<'_>) -> Option<Effect> {
    let folder = invocation.folder.as_str();
    let program = invocation.program().trim_start_matches("./");
    let verb = invocation.arguments().iter().find(|word| !word.starts_with('-') && !word.starts_with('+'));
    let verb = verb.map(String::as_str).unwrap_or_default();
    match program {
        "go" => go(invocation, visible),
        "cargo" => Some(cargo(invocation, visible)),
        "mvn" | "mvnw" => Some(maven(program, verb, invocation, visible)),
        "gradle" | "gradlew" => Some(gradle(program, verb, invocation, visible)),
        "dotnet" => Some(dotnet(verb, folder, visible)),
        "swift" => Some(swift(invocation, visible)),
        _ => None,
    }
}

/// A build that also fetches what the project depends on.
fn build(name: String, folder: &str, advice: &'static str) -> Effect {
    Effect { advice: Some(advice), keeps_manifests: true, ..Effect::unbounded(Kind::Build, name, folder) }
}

/// An install whose list of files may not be all.
fn doubtful(name: String, folder: &str, doubt: &str, files: Vec<String>) -> Effect {
    let mut effect = Effect::new(Kind::Install, name, folder);
    effect.reads.files.extend(files);
    effect.doubt(doubt);
    effect
}

fn go(invocation: &Invocation, visible: &Visible<'_>) -> Option<Effect> {
    let folder = invocation.folder.as_str();
    let words: Vec<&str> = invocation.arguments().iter().map(String::as_str).collect();
    match words[..] {
        ["mod", "download", ref flags @ ..] => Some(go_download(flags, invocation, visible)),
        ["build" | "test" | "run" | "generate" | "vet", ..] => {
            let advice = "copy `go.mod` and `go.sum` first, and download what they name with `go mod download`";
            Some(build(format!("go {}", words[0]), folder, advice))
        }
        ["install", ref rest @ ..] if rest.iter().any(|word| word.contains('@')) => {
            Some(Effect::new(Kind::Packages, "go install", folder))
        }
        ["env", ref rest @ ..] if rest.contains(&"-w") => Some(Effect::new(Kind::Setup, "go env", folder)),
        ["clean", ..] => Some(Effect::new(Kind::Setup, "go", folder)),
        _ => None,
    }
}

fn go_download(flags: &[&str], invocation: &Invocation, visible: &Visible<'_>) -> Effect {
    let folder = invocation.folder.as_str();
    let mut effect = Effect::new(Kind::Install, "go mod download", folder);
    for place in upwards(folder) {
        effect.reads.add_files(place, ["go.mod", "go.sum", "go.work", "go.work.sum"]);
    }
    effect.needs = vec![vec![join(folder, "go.mod")]];
    effect.lock = Some(join(folder, "go.sum"));
    for flag in flags.iter().filter(|flag| !["-x", "-v", "-json"].contains(flag)) {
        effect.doubt(format!("`{flag}` is downloaded by name, which may change `go.sum`"));
    }
    if upwards(folder).any(|place| visible.is_there(&join(place, "go.work"))) {
        effect.reads.files.extend(visible.named(folder, |name| name == "go.mod" || name == "go.sum"));
        effect.doubt("`go.work` names modules of the project");
    }
    match visible.text(&join(folder, "go.mod")) {
        Ok(Some(text)) => {
            of_go_mod(&mut effect, text);
            let sums = visible.text(&join(folder, "go.sum"));
            if let Some(unsummed) = unsummed(text, sums.ok().flatten().unwrap_or_default()) {
                effect.writes.add_files(folder, ["go.sum"]);
                effect.doubt(format!("`go.sum` does not name `{unsummed}`, so it may be added there"));
            }
        }
        Ok(None) => effect.doubt("`go.mod` is not among the copied files"),
        Err(doubt) => effect.doubt(doubt),
    }
    let flags = invocation.env.get("GOFLAGS").map(String::as_str).unwrap_or_default();
    if flags.contains("-modfile") || flags.contains("-mod=mod") || flags.contains("-overlay") {
        effect.doubt("the variable `GOFLAGS` may name files");
    }
    doubt_environment(&mut effect, invocation, visible, &["GOENV", "GOWORK", "GOPATH", "GOMODCACHE"]);
    effect
}

/// A module that `go.mod` requires, or puts in place of another, and `go.sum` does not name.
fn unsummed(go_mod: &str, go_sum: &str) -> Option<String> {
    let mut block = "";
    let (mut needed, mut replaced) = (Vec::new(), Vec::new());
    for line in go_mod.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let (word, rest) = match line.split_once(' ') {
            Some((word @ ("require" | "replace"), rest)) => (word, rest.trim()),
            _ => (block, line),
        };
        match rest {
            "(" => block = word,
            ")" => block = "",
            _ if word == "require" => needed.push(rest.to_owned()),
            _ if word == "replace" => {
                if let Some((old, new)) = rest.split_once("=>") {
                    replaced.push(old.split_whitespace().next().unwrap_or_default().to_owned());
                    needed.push(new.trim().to_owned());
                }
            }
            _ => {}
        }
    }
    let is_named = |module: &String| go_sum.lines().any(|line| line.starts_with(&format!("{module}/go.mod ")));
    let is_replaced = |module: &String| replaced.iter().any(|old| module.split_whitespace().next() == Some(old));
    needed.into_iter().find(|module| !module.starts_with(['.', '/']) && !is_replaced(module) && !is_named(module))
}

/// Go 1.16 adds to `go.sum` what is missing there; from 1.21 on a toolchain refuses modules that ask for a newer one, so
/// the line `go 1.21` says that no such old one is at work.
fn of_go_mod(effect: &mut Effect, text: &str) {
    let folder = effect.folder.clone();
    let mut is_new = false;
    let mut is_replace = false;
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        if let Some(version) = line.strip_prefix("go ") {
            let minor = version.trim().strip_prefix("1.").and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
            is_new = minor.is_some_and(|minor| minor >= 21);
        }
        is_replace = line.starts_with("replace") || (is_replace && line != ")");
        if is_replace && let Some((_, target)) = line.split_once("=>") {
            let target = target.trim();
            if target.starts_with(['.', '/']) {
                effect.reads.add_files(&join(&folder, target), ["go.mod"]);
                effect.doubt(format!("`go.mod` replaces a module by the folder `{target}`"));
            }
        }
    }
    if !is_new {
        effect.writes.add_files(&folder, ["go.sum", "go.mod"]);
        effect.doubt("a Go older than 1.21 may add to `go.sum` (`go.mod` asks for no newer one)");
    }
}

fn cargo(invocation: &Invocation, visible: &Visible<'_>) -> Effect {
    let folder = invocation.folder.as_str();
    let words: Vec<&str> =
        invocation.arguments().iter().map(String::as_str).filter(|word| !word.starts_with('+')).collect();
    let manifests = || {
        let names = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "rust-toolchain", "config.toml"];
        visible.named(folder, |name| names.contains(&name))
    };
    match words[..] {
        ["chef", "cook", ..] => {
            let mut effect =
                doubtful("cargo chef cook".to_owned(), folder, "it writes stand-ins for sources", manifests());
            effect.reads.add_files(folder, ["recipe.json"]);
            effect.writes = super::effect::Paths::all();
            effect
        }
        ["fetch" | "vendor", ..] => {
            let doubt = "a manifest needs the files of its targets, such as `src/main.rs`";
            doubtful(format!("cargo {}", words[0]), folder, doubt, manifests())
        }
        ["install", ref rest @ ..] if !rest.contains(&"--path") => {
            let mut effect = Effect::new(Kind::Packages, "cargo install", folder);
            for place in upwards(folder) {
                effect
                    .reads
                    .add_files(place, [".cargo/config.toml", ".cargo/config", "rust-toolchain", "rust-toolchain.toml"]);
            }
            effect
        }
        ["build" | "install" | "test" | "run" | "rustc" | "check", ..] => {
            let advice = "compile what it depends on in a step of its own, with cargo-chef, or keep `target` and the \
                          registry in cache mounts";
            build(format!("cargo {}", words[0]), folder, advice)
        }
        _ => Effect::unbounded(Kind::Other, "cargo", folder),
    }
}

fn maven(program: &str, verb: &str, invocation: &Invocation, visible: &Visible<'_>) -> Effect {
    let folder = invocation.folder.as_str();
    let name = format!("{program} {verb}");
    if ["dependency:go-offline", "dependency:resolve", "dependency:resolve-plugins"].contains(&verb) {
        let names = [
            "pom.xml",
            "mvnw",
            "settings.xml",
            "maven.config",
            "jvm.config",
            "extensions.xml",
            "maven-wrapper.properties",
        ];
        let files = visible.named(folder, |name| names.contains(&name));
        let doubt = "plugins of a `pom.xml` may read other files, and modules of one build need each other";
        let mut effect = doubtful(name, folder, doubt, files);
        effect.needs = vec![vec![join(folder, "pom.xml")]];
        return effect;
    }
    let advice = "copy the `pom.xml` files first, and fetch what they name with `mvn dependency:go-offline`, or keep \
                  `/root/.m2` in a cache mount";
    build(name, folder, advice)
}

fn gradle(program: &str, verb: &str, invocation: &Invocation, visible: &Visible<'_>) -> Effect {
    let folder = invocation.folder.as_str();
    let name = format!("{program} {verb}");
    if verb.trim_start_matches(':') == "dependencies" {
        let is_build_file = |name: &str| {
            let ends = [".gradle", ".gradle.kts", ".versions.toml", "gradle.lockfile"];
            let names = [
                "gradle.properties",
                "gradlew",
                "gradle-wrapper.jar",
                "gradle-wrapper.properties",
                "verification-metadata.xml",
            ];
            ends.iter().any(|end| name.ends_with(end)) || names.contains(&name)
        };
        let files = visible.named(folder, is_build_file);
        return doubtful(name, folder, "build files of Gradle are programs that may read any file", files);
    }
    let advice = "copy the build files first, and resolve what they name with `gradle dependencies`, or keep Gradle's \
                  home in a cache mount";
    build(name, folder, advice)
}

fn dotnet(verb: &str, folder: &str, visible: &Visible<'_>) -> Effect {
    let is_project = |name: &str| {
        let ends = [".sln", ".slnx", ".csproj", ".fsproj", ".vbproj", ".props", ".targets"];
        let names = ["nuget.config", "global.json", "packages.lock.json", "dotnet-tools.json"];
        ends.iter().any(|end| name.ends_with(end)) || names.contains(&name.to_ascii_lowercase().as_str())
    };
    match verb {
        "restore" => {
            let doubt = "project files of .NET may import others";
            doubtful("dotnet restore".to_owned(), folder, doubt, visible.named(folder, is_project))
        }
        "build" | "publish" | "test" | "pack" | "run" => {
            let advice = "copy the project files first, and restore what they name with `dotnet restore`";
            build(format!("dotnet {verb}"), folder, advice)
        }
        _ => Effect::unbounded(Kind::Other, "dotnet", folder),
    }
}

fn swift(invocation: &Invocation, visible: &Visible<'_>) -> Effect {
    let folder = invocation.folder.as_str();
    let words: Vec<&str> = invocation.arguments().iter().map(String::as_str).collect();
    if words.starts_with(&["package", "resolve"]) {
        let files = visible.named(folder, |name| name.starts_with("Package"));
        return doubtful("swift package resolve".to_owned(), folder, "`Package.swift` is a program", files);
    }
    let advice = "copy the `Package` files first, and fetch what they name with `swift package resolve`";
    build("swift build".to_owned(), folder, advice)
}
