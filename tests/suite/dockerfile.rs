//! Dockerfiles to trees: what BuildKit recorded of them, fixtures of awkward forms, and text that is none.

mod fuzz;
mod spans;
mod view;

use std::fs;
use std::path::{Path, PathBuf};

use planner::dockerfile::Dockerfile;
use serde_json::Value;

/// The `parse` JSON of a source, made from the tree.
fn check(source: &[u8]) -> Value {
    let (dockerfile, diagnostics) = Dockerfile::parse(source);
    spans::check(&dockerfile);
    view::json(&dockerfile, &diagnostics)
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// The JSON files of a folder below `tests`, in order of name.
fn json_files(name: &str) -> Vec<(String, Value)> {
    let entries = fs::read_dir(folder(name)).expect("the folder is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let read = |path: &PathBuf| serde_json::from_slice(&fs::read(path).expect("readable")).expect("JSON");
    paths.iter().map(|path| (path.display().to_string(), read(path))).collect()
}

/// The Dockerfile of each build of a recorded case, the last one last.
fn recorded_texts(case: &Value) -> Vec<String> {
    let mut texts = vec![case["dockerfile"].as_str().expect("a text").to_owned()];
    let before = case["before"].as_array().into_iter().flatten();
    for build in before.chain([&case["mutation"]]) {
        let mut text = texts.last().expect("one").clone();
        for edit in build.as_array().expect("a list").iter().filter(|edit| edit["op"] == "edit_dockerfile") {
            text = match (edit["text"].as_str(), edit["replace"].as_array()) {
                (Some(whole), _) => whole.to_owned(),
                (None, Some(pair)) => {
                    let [old, new] = [0, 1].map(|index| pair[index].as_str().expect("a text"));
                    text.replacen(old, new, 1)
                }
                (None, None) => panic!("an edit without text: {edit}"),
            };
        }
        texts.push(text);
    }
    texts
}

/// All Dockerfiles of the two conformance folders.
fn sources() -> Vec<String> {
    let parse = json_files("conformance/parse").into_iter();
    let mut sources: Vec<String> =
        parse.map(|(_, case)| case["dockerfile"].as_str().expect("a text").to_owned()).collect();
    sources.extend(json_files("conformance/public").iter().flat_map(|(_, case)| recorded_texts(&case["case"])));
    sources
}

#[test]
fn every_parse_is_buildkits() {
    let cases = json_files("conformance/parse");
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    for (name, case) in cases {
        let found = check(case["dockerfile"].as_str().expect("a text").as_bytes());
        assert_eq!(found, case["parse"], "{name}");
    }
}

#[test]
fn instructions_stand_where_the_engine_saw_them() {
    let cases = json_files("conformance/public");
    let mut n_compared = 0;
    for (name, case) in &cases {
        let rows = case["recording"]["instructions"].as_array().expect("rows");
        let seen = |row: &Value| (row["line"].clone(), row["keyword"].clone());
        let expected: Vec<_> = rows.iter().filter(|row| row["trigger"] != true).map(seen).collect();
        let text = recorded_texts(&case["case"]).pop().expect("a text");
        let found = check(text.as_bytes());
        if found["ok"] != true {
            assert_eq!(case["recording"]["second_ok"], false, "{name}: {found}");
            continue;
        }
        let instructions = found["instructions"].as_array().expect("instructions").iter();
        let upper = |row: &Value| row["keyword"].as_str().expect("a keyword").to_uppercase().into();
        let found: Vec<(Value, Value)> = instructions.map(|row| (row["line"].clone(), upper(row))).collect();
        assert_eq!(found, expected, "{name}");
        n_compared += found.len();
    }
    assert!(n_compared > 5_000, "only {n_compared} instructions compared");
}

#[test]
fn fixtures_have_their_trees() {
    let mut n_cases = 0;
    let mut folders: Vec<PathBuf> = fs::read_dir(folder("fixtures/dockerfile"))
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .collect();
    folders.sort();
    for case in folders {
        let source = fs::read(case.join("Dockerfile")).expect("each case has a Dockerfile");
        let (dockerfile, diagnostics) = Dockerfile::parse(&source);
        spans::check(&dockerfile);
        let tree = view::tree(&dockerfile, &diagnostics);
        let expected = snapbox::Data::read_from(&case.join("tree.txt"), None).raw();
        snapbox::Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV).eq(tree, expected);
        n_cases += 1;
    }
    assert!(n_cases >= 25, "only {n_cases} cases");
}
