//! House rules that no compiler checks: the order of modules, the size and names of files, what planner may depend on.
//!
//! In: the sources of the workspace as text. Out: a list of the places that break a rule. Nothing is parsed beyond
//! `mod` lines and paths that begin with `crate::`; the compiler takes care of the rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::case::examples;
use crate::case::project::below;

/// The most lines a file may have.
const MOST_LINES: usize = 500;

/// Names that say nothing about what is inside.
const REFUSED: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "types", "core", "manager", "mod"];

/// All that planner may be built from.
const PLANNER_DEPENDENCIES: &[&str] = &["blake3", "memchr", "petgraph", "regex", "serde", "thiserror"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of the workspace with its text; what Cargo builds is not among them.
fn sources() -> Vec<(PathBuf, String)> {
    let folders = ["src", "planner", "watcher", "tests", "benches"].map(|folder| root().join(folder));
    let paths = folders.iter().filter(|folder| folder.is_dir()).flat_map(|folder| below(folder));
    let rust = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let ours = rust.filter(|path| !path.components().any(|part| part.as_os_str() == "target"));
    ours.map(|path| (path.clone(), std::fs::read_to_string(&path).expect("a source in UTF-8"))).collect()
}

fn assert_none(what: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{what}:\n{}", broken.join("\n"));
}

#[test]
fn files_fit_in_a_head() {
    let long = sources().into_iter().filter(|(_, text)| text.lines().count() > MOST_LINES);
    let told: Vec<_> = long.map(|(path, text)| format!("{}: {}", path.display(), text.lines().count())).collect();
    assert_none("files above 500 lines", &told);
}

#[test]
fn files_have_names_that_say_what_is_inside() {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let vague = sources().into_iter().filter(|(path, _)| {
        let folder = path.parent().map(stem).unwrap_or_default();
        REFUSED.contains(&stem(path).as_str()) || REFUSED.contains(&folder.as_str())
    });
    assert_none("names that say nothing", &vague.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>());
}

#[test]
fn every_file_says_what_it_is() {
    let silent = sources().into_iter().filter(|(_, text)| !text.starts_with("//!"));
    assert_none("files without a header", &silent.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>());
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() {
    let forms = [concat!("#[", "allow("), concat!("#![", "allow(")];
    let allowing = sources().into_iter().filter(|(_, text)| forms.iter().any(|form| text.contains(form)));
    assert_none("lints allowed", &allowing.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>());
}

#[test]
fn planner_depends_on_nothing_that_touches_the_world() {
    let manifest = std::fs::read_to_string(root().join("planner/Cargo.toml")).expect("the manifest of planner");
    let foreign: Vec<_> =
        dependencies(&manifest).into_iter().filter(|name| !PLANNER_DEPENDENCIES.contains(&name.as_str())).collect();
    assert_none("dependencies of planner", &foreign);
}

/// The names in every dependency table of a manifest, those for tests left out.
fn dependencies(manifest: &str) -> Vec<String> {
    let (mut names, mut is_table) = (Vec::new(), false);
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            let parts: Vec<_> = table.split('.').collect();
            let place = parts.iter().position(|part| matches!(*part, "dependencies" | "build-dependencies"));
            is_table = place.is_some_and(|place| place + 1 == parts.len());
            names.extend(place.and_then(|place| parts.get(place + 1)).map(|&name| name.to_owned()));
        } else if is_table && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            names.push(name.trim_matches('"').to_owned());
        }
    }
    names
}

#[test]
fn dependencies_are_found_in_every_form_of_table() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = \"1\"\n\n[dependencies.c]\nversion = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\nd = \"1\"\n[dev-dependencies]\ne = \"1\"\n[build-dependencies]\nf = \"1\"\n";
    assert_eq!(dependencies(manifest), ["a", "b", "c", "d", "f"]);
}

#[test]
fn lock_files_of_examples_name_public_registries_only() {
    let public = [
        "\"resolved\": \"https://registry.npmjs.org/",
        "source = \"registry+https://github.com/rust-lang/crates.io-index\"",
    ];
    let folder = tempfile::tempdir().expect("a temporary folder");
    examples::copy_to(folder.path());
    let is_lock = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        ["package-lock.json", "Cargo.lock", "requirements.txt", "go.sum"].contains(&name.as_ref())
    };
    let paths = below(folder.path());
    let locks: Vec<_> = paths.iter().filter(is_lock).collect();
    assert_eq!(locks.len(), examples::names().len());
    let texts = locks.iter().map(|path| std::fs::read_to_string(path).expect("a lock file"));
    let lines = texts.flat_map(|text| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>());
    // An `url` of npm asks for money, not for packages.
    let addressed = lines.filter(|line| line.contains("://") && !line.starts_with("\"url\":"));
    let told = addressed.filter(|line| !public.iter().any(|known| line.contains(known)));
    assert_none("addresses that are not those of a public registry", &told.collect::<Vec<_>>());
}

#[test]
fn modules_use_only_modules_listed_above_them() {
    let crates = ["planner/src/lib.rs", "watcher/src/lib.rs", "src/main.rs"];
    let broken: Vec<_> = crates.iter().flat_map(|file| backward_uses(&Crate::read(&root().join(file)))).collect();
    assert_none("modules that use one below them", &broken);
}

/// The modules of a crate: their texts, and in which order each lists its parts.
#[derive(Default)]
struct Crate {
    texts: BTreeMap<Vec<String>, String>,
    parts: BTreeMap<Vec<String>, Vec<String>>,
}

impl Crate {
    fn read(file: &Path) -> Self {
        let mut whole = Self::default();
        let folder = file.parent().expect("a file in a folder");
        whole.add(Vec::new(), std::fs::read_to_string(file).expect("the root of a crate"), folder);
        whole
    }

    fn add(&mut self, module: Vec<String>, text: String, folder: &Path) {
        let parts = listed(&text);
        for part in &parts {
            let path: Vec<_> = module.iter().chain([part]).cloned().collect();
            let file = folder.join(part).with_extension("rs");
            let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            self.add(path, text, &folder.join(part));
        }
        self.parts.insert(module.clone(), parts);
        self.texts.insert(module, text);
    }
}

/// The modules a text lists, `mod x;` with any visibility, in order.
fn listed(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.trim().strip_suffix(';')?.split_once("mod "));
    lines
        .filter(|(before, _)| before.is_empty() || before.starts_with("pub"))
        .map(|(_, name)| name.trim().to_owned())
        .collect()
}

/// Every use of a module that stands below the user in the first list that holds both.
fn backward_uses(whole: &Crate) -> Vec<String> {
    let mut broken = Vec::new();
    for (module, text) in &whole.texts {
        for used in uses(&without_super(module, text)) {
            let shared = module.iter().zip(&used).take_while(|(ours, theirs)| ours == theirs).count();
            let (Some(ours), Some(theirs)) = (module.get(shared), used.get(shared)) else { continue };
            let parts = &whole.parts[&module[..shared]];
            let place = |name: &String| parts.iter().position(|part| part == name);
            if let (Some(ours), Some(theirs)) = (place(ours), place(theirs))
                && theirs > ours
            {
                broken.push(format!("{} uses {}", module.join("::"), used.join("::")));
            }
        }
    }
    broken
}

/// The text with the imports from the parent written out; those of test modules inside a file stand indented and stay.
fn without_super(module: &[String], text: &str) -> String {
    let parent = module.split_last().map(|(_, parents)| parents.join("::")).unwrap_or_default();
    let separator = if parent.is_empty() { "" } else { "::" };
    format!("\n{text}").replace("\nuse super::", &format!("\nuse crate::{parent}{separator}"))
}

/// The paths that begin with `crate::`, a group in braces taken apart; comments are not read.
fn uses(text: &str) -> Vec<Vec<String>> {
    let code: String = text
        .lines()
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
        .flat_map(|line| [line, "\n"])
        .collect();
    let ends = |letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':');
    let mut paths = Vec::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(group) = rest.strip_prefix('{') {
            let names = items(group);
            paths.extend(names.iter().map(|name| name.split(ends).next().unwrap_or_default().to_owned()));
        } else {
            let path = rest.split(ends).next().unwrap_or_default();
            let group = rest[path.len()..].strip_prefix('{').map(items).unwrap_or_default();
            paths.push(path.to_owned());
            paths.extend(group.iter().map(|name| format!("{path}{}", name.split(ends).next().unwrap_or_default())));
        }
    }
    paths.iter().map(|path| path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()).collect()
}

/// The items of a group up to the brace that closes it, each with what is nested in it.
fn items(group: &str) -> Vec<String> {
    let (mut items, mut depth) = (vec![String::new()], 0);
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        items.last_mut().expect("never empty").push(letter);
    }
    items.iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}

#[test]
fn a_use_of_a_module_below_is_found() {
    let module = |path: &[&str]| path.iter().map(|&part| part.to_owned()).collect::<Vec<String>>();
    let mut whole = Crate::default();
    let lists = "pub mod first;\nmod second;\npub(crate) mod third;\n";
    assert_eq!(listed(lists), ["first", "second", "third"]);
    whole.parts.insert(module(&[]), listed(lists));
    whole.parts.insert(module(&["second"]), module(&["a", "b"]));
    whole.texts.insert(module(&["first"]), "// crate::third\nuse crate::first::X;".to_owned());
    whole.texts.insert(module(&["third"]), "use crate::{first::X, second::{a, b}};".to_owned());
    whole.texts.insert(module(&["second", "b"]), "use crate::second::a::A;\nfn f() { crate::first::g() }".to_owned());
    assert!(backward_uses(&whole).is_empty());
    whole.texts.insert(module(&["second", "a"]), "use crate::second::{b::B, C};".to_owned());
    whole.texts.insert(module(&["first"]), "use crate::{first::X, third};".to_owned());
    whole.parts.insert(module(&["third"]), module(&["inner", "other"]));
    whole.texts.insert(module(&["third", "inner"]), "use super::other::O;".to_owned());
    assert_eq!(
        backward_uses(&whole),
        ["first uses third", "second::a uses second::b::B", "third::inner uses third::other::O"]
    );
}
