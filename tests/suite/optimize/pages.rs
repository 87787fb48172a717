//! The pages of the rules: the first Dockerfile of a page has the problem, the second has not, and where the rule has an
//! edit it turns one into the other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use planner::engine_profile::EngineProfile;
use planner::rules;

use super::scene::Scene;
use crate::case::{Case, Text};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules")
}

/// The blocks of a page in one language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("```{language}\n");
    page.split(start.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn check(rule: &str) -> Result<(), String> {
    let page = fs::read_to_string(folder().join(format!("{rule}.md"))).map_err(|error| error.to_string())?;
    if !page.starts_with(&format!("# {rule}\n")) {
        return Err("has another title".to_owned());
    }
    let [before, after] = blocks(&page, "dockerfile")[..] else { return Err("needs two Dockerfiles".to_owned()) };
    let [files] = blocks(&page, "json")[..] else { return Err("needs the files of the example".to_owned()) };
    let files = serde_json::from_str(files).map_err(|error| error.to_string())?;
    let case = Case { dockerfile: Text::Whole(before.to_owned()), files, ..Case::default() };
    let scene = Scene::of(&case, &EngineProfile::buildkit());
    let suggestions = scene.suggestions().ok_or("the first is refused")?;
    let found = suggestions.iter().find(|one| one.rule == rule).ok_or("finds nothing in the first")?;
    let edited = found.apply(before).ok_or("edits overlap")?;
    if !found.edits.is_empty() && edited != after {
        return Err(format!("makes of the first\n{edited}"));
    }
    let left = scene.with(after).suggestions().ok_or("the second is refused")?;
    let left: Vec<&str> = left.iter().map(|one| one.rule).filter(|left| *left == rule).collect();
    if left.is_empty() { Ok(()) } else { Err("still finds something in the second".to_owned()) }
}

#[test]
fn each_rule_has_a_page_whose_example_it_puts_right() {
    let wrong: Vec<String> =
        rules::names().filter_map(|rule| check(rule).err().map(|why| format!("{rule}.md {why}"))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_page_is_of_a_rule_and_listed() {
    let list = fs::read_to_string(folder().join("README.md")).expect("the list of rules");
    let entries = fs::read_dir(folder()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let pages: BTreeSet<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    let expected: BTreeSet<String> =
        rules::names().map(|rule| format!("{rule}.md")).chain(["README.md".to_owned()]).collect();
    assert_eq!(pages, expected);
    let unlisted: Vec<&str> = rules::names().filter(|rule| !list.contains(&format!("[{rule}]({rule}.md)"))).collect();
    assert!(unlisted.is_empty(), "{unlisted:?}");
}
