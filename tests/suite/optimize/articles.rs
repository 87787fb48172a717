//! The Dockerfiles of four articles on multi-stage builds, as recorded: what a careful reviewer would say of each, and
//! silence where nothing is wrong. The lists are in `tests/fixtures/optimize/articles.json`, by the name of a recorded case.

use std::collections::BTreeMap;
use std::path::Path;

use planner::engine_profile::EngineProfile;
use serde::Deserialize;

use super::scene::{Scene, Told};
use crate::case::{self, Case};

#[derive(Deserialize)]
struct Recorded {
    case: Case,
}

fn articles() -> Vec<(String, Case)> {
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let files = case::files_in("conformance/public").into_iter();
    let articles = files.map(|path| (name(&path), path)).filter(|(name, _)| name.starts_with("article-"));
    articles.map(|(name, path)| (name, case::read::<Recorded>(&path).case)).collect()
}

/// The traps that the articles' own examples hold, and the advice they do not follow: what it is, a case that shows it, and
/// the rule that finds it.
#[test]
fn each_trap_of_the_articles_is_found_where_it_is_shown() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let traps: Vec<(String, String, String)> = case::read(&folder.join("fixtures/optimize/traps.json"));
    assert!(traps.len() > 10, "the traps are gone");
    for (trap, name, rule) in traps {
        let recorded = folder.join(format!("conformance/public/{name}.json"));
        let shown = if recorded.exists() {
            case::read::<Recorded>(&recorded).case
        } else {
            case::read::<Case>(&folder.join(format!("fixtures/optimize/cases/{name}.json")))
        };
        let told = Scene::of(&shown, &EngineProfile::buildkit()).told().expect("a Dockerfile");
        assert!(told.iter().any(|(found, ..)| *found == rule), "{trap}: {name} {told:?}");
    }
}

#[test]
fn a_reviewer_would_say_the_same_of_the_articles() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/optimize/articles.json");
    let lists: BTreeMap<String, Vec<Told>> = case::read(&file);
    let mut judged = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, case) in articles() {
        let scene = Scene::of(&case, &EngineProfile::buildkit());
        let key = (case.dockerfile.joined(), case.files.rows().iter().any(|row| row.path == ".dockerignore"));
        let Some(told) = scene.told() else { continue };
        match lists.get(&name) {
            Some(list) if *list != told => wrong.push(format!("{name}: {told:#?}, the reviewer says {list:#?}")),
            Some(_) => drop(judged.insert(key, told)),
            None => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // No Dockerfile is without a list, with an ignore file and without.
    for (name, case) in articles() {
        let key = (case.dockerfile.joined(), case.files.rows().iter().any(|row| row.path == ".dockerignore"));
        let refused = Scene::of(&case, &EngineProfile::buildkit()).told().is_none();
        assert!(refused || judged.contains_key(&key), "{name} is on no list");
    }
}
