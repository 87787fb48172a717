//! An install that lacks a file: the lock file that it fails without, or settings and members of a workspace that are in
//! the context and would be read if they were copied.

use crate::steps::{Act, RunStep};
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "missing-manifest";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for stage in &facts.stages {
        for step in &stage.steps {
            let (Act::Run(run), Some(instruction)) = (&step.act, step.instruction) else { continue };
            if let Some((title, reason)) = said(run) {
                let mut one = Suggestion::at(facts, NAME, stage.index, instruction);
                one.title = title;
                one.reason = reason;
                found.push(one);
            }
        }
    }
    found
}

fn said(run: &RunStep) -> Option<(String, String)> {
    let name = &run.effect.name;
    if let Some(group) = run.missing.first() {
        let names: Vec<String> =
            group.iter().map(|path| format!("`{}`", path.rsplit('/').next().unwrap_or(path))).collect();
        let title = format!("`{name}` needs {}, which is not copied above it", names.join(" or "));
        return Some((title, "The build fails there. Copy it with the other manifests.".to_owned()));
    }
    let names: Vec<String> = run.left_out.iter().map(|path| format!("`{}`", path.to_lossy())).collect();
    let first = names.first()?;
    let shown = if names.len() > 1 { format!("{first} and {} more", names.len() - 1) } else { first.clone() };
    let title = format!("`{name}` would read {shown}, which is not copied above it");
    Some((
        title,
        "What is installed may be something else than on your machine. Copy it with the other manifests.".to_owned(),
    ))
}
