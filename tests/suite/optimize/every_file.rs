//! What holds for every Dockerfile that is recorded or a fixture: no rule panics, what is rewritten parses and lowers, a
//! second pass changes nothing, and no edit is left that cannot be applied.

use std::path::Path;

use planner::engine_profile::EngineProfile;
use planner::suggestion::Facts;
use serde::Deserialize;

use super::scene::{Scene, distinct};
use crate::case::{self, Case, Files, Text};

#[derive(Deserialize)]
struct Recorded {
    case: Case,
}

#[derive(Deserialize)]
struct Parsed {
    dockerfile: String,
}

fn named(path: &Path) -> String {
    path.display().to_string()
}

/// Every project: the recorded builds, the fixtures of this topic, and the parser's files upon a usual context.
fn projects() -> Vec<(String, Case)> {
    let recorded = case::files_in("conformance/public").into_iter();
    let mut projects: Vec<(String, Case)> =
        recorded.map(|path| (named(&path), case::read::<Recorded>(&path).case)).collect();
    let own = case::files_in("fixtures/optimize/cases").into_iter();
    projects.extend(own.map(|path| (named(&path), case::read::<Case>(&path))));
    let usual: Files = serde_json::from_str(
        r#"{"package.json": "{}", "package-lock.json": "{}", "src/a.js": "a", "requirements.txt": "flask", "go.mod": "go 1.22", "go.sum": ""}"#,
    )
    .expect("files");
    let usual = |text: String| Case { dockerfile: Text::Whole(text), files: usual.clone(), ..Case::default() };
    let parse = case::files_in("conformance/parse").into_iter();
    projects.extend(parse.map(|path| (named(&path), usual(case::read::<Parsed>(&path).dockerfile))));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dockerfile");
    let fixtures = case::project::below(&folder).into_iter().filter(|path| path.ends_with("Dockerfile"));
    projects.extend(fixtures.map(|path| {
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("readable")).into_owned();
        (named(&path), usual(text))
    }));
    projects
}

fn check(case: &Case, profile: &EngineProfile) -> Result<usize, String> {
    let scene = Scene::of(case, profile);
    let Some(suggestions) = scene.suggestions() else { return Ok(0) };
    let text = String::from_utf8_lossy(&scene.dockerfile).into_owned();
    for one in &suggestions {
        let after = one.apply(&text).ok_or("edits overlap")?;
        if !one.edits.is_empty() && Facts::read(after.as_bytes(), scene.around()).is_err() {
            return Err(format!("{} makes a file that is refused:\n{after}", one.rule));
        }
    }
    let once = scene.rewritten().ok_or("refused when rewritten")?;
    let twice = scene.with(&once.text).rewritten().ok_or("refused after it was rewritten")?;
    if twice.text != once.text {
        return Err(format!("a second pass changes\n{}\nto\n{}", once.text, twice.text));
    }
    if once.applied.is_empty() && once.text.as_bytes() != scene.dockerfile {
        return Err("changed without a suggestion".to_owned());
    }
    Ok(once.applied.len())
}

#[test]
fn every_dockerfile_stays_one_and_a_second_pass_changes_nothing() {
    let projects: Vec<(String, Case)> = distinct(projects()).into_values().collect();
    let answers = case::on_two_threads(&projects, |(name, case)| {
        [EngineProfile::buildkit(), EngineProfile::docker_legacy()]
            .iter()
            .map(|profile| check(case, profile).map_err(|why| format!("{name}: {why}")))
            .collect::<Result<Vec<usize>, String>>()
    });
    let wrong: Vec<String> = answers.iter().filter_map(|answer| answer.clone().err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let n_applied: usize = answers.into_iter().flatten().flatten().sum();
    assert!(n_applied > 20, "hardly anything was rewritten: {n_applied}");
}

#[test]
fn no_rule_panics_when_a_line_is_gone() {
    let projects: Vec<(String, Case)> = distinct(projects()).into_values().collect();
    let answers = case::on_two_threads(&projects, |(_, case)| {
        let scene = Scene::of(case, &EngineProfile::buildkit());
        let text = case.dockerfile.joined();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let without = |gone: usize| -> String {
            lines.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| *line).collect()
        };
        (0..lines.len()).filter(|gone| scene.with(&without(*gone)).suggestions().is_some()).count()
    });
    assert!(answers.into_iter().sum::<usize>() > 1000, "hardly any was read");
}
