//! Projects of each ecosystem: the order that is wrong, what is said of it, and the file as it is afterwards.
//!
//! A case is a file in `tests/fixtures/optimize/cases` whose name is what it shows: `dockerfile`, `files`, `findings`
//! (rule, line, `safe` or `review`), `doubts` (a part of each reason that must be given), `after`, the lines of the
//! Dockerfile with what is safe; without it nothing may be written; and `edited`, the lines with the edits of the last finding.

use std::path::{Path, PathBuf};

use planner::engine_profile::EngineProfile;
use serde::Deserialize;

use super::scene::{Scene, Told, written};
use crate::case::{self, Case, Text};

/// The keys a case may have; a misspelt one would be passed over otherwise.
const KEYS: &[&str] = &["profile", "dockerfile", "files", "build_args", "findings", "doubts", "after", "edited"];

#[derive(Deserialize)]
struct Situation {
    profile: Option<String>,
    #[serde(flatten)]
    case: Case,
    findings: Vec<Told>,
    #[serde(default)]
    doubts: Vec<String>,
    after: Option<Text>,
    edited: Option<Text>,
}

fn check(path: &Path) -> Result<(), String> {
    let keys: std::collections::BTreeMap<String, serde_json::Value> = case::read(path);
    if let Some(key) = keys.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("unknown key {key}"));
    }
    let situation: Situation = case::read(path);
    let profile = match situation.profile.as_deref() {
        Some("docker-legacy") => EngineProfile::docker_legacy(),
        _ => EngineProfile::buildkit(),
    };
    let scene = Scene::of(&situation.case, &profile);
    let said: String = scene.suggestions().ok_or("refused")?.iter().map(written).collect();
    let told = scene.told().ok_or("refused")?;
    if told != situation.findings {
        return Err(format!("found {told:?}\n{said}"));
    }
    if let Some(missing) = situation.doubts.iter().find(|doubt| !said.contains(*doubt)) {
        return Err(format!("`{missing}` is not said\n{said}"));
    }
    let before = situation.case.dockerfile.joined();
    if let Some(edited) = situation.edited {
        let last = scene.suggestions().and_then(|found| found.last()?.apply(&before)).unwrap_or_default();
        if last != edited.joined() {
            return Err(format!("edited as\n{last}"));
        }
    }
    let expected = situation.after.map_or(before, |after| after.joined());
    let after = scene.rewritten().ok_or("refused")?.text;
    if after != expected { Err(format!("rewritten as\n{after}\nbut should be\n{expected}\n{said}")) } else { Ok(()) }
}

#[test]
fn each_ecosystem_is_put_in_order_or_left_alone_with_a_reason() {
    let paths: Vec<PathBuf> = case::files_in("fixtures/optimize/cases");
    assert!(paths.len() > 20, "the cases are gone");
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let wrong: Vec<String> =
        paths.iter().filter_map(|path| check(path).err().map(|why| format!("== {}: {why}", name(path)))).collect();
    assert!(wrong.is_empty(), "{} of {} cases\n{}", wrong.len(), paths.len(), wrong.join("\n"));
}
