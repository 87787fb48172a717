//! What a batch of changes came to: in go the project before and after it and the touched places, out comes a [`Change`]. It
//! asks the disk only whether something stands at a touched place that no context holds.

use std::collections::BTreeMap;

use planner::context::{BuildContext, ContextPath};
use planner::graph::lower::MAIN_CONTEXT;

use super::editors::is_of_an_editor;
use super::targets::Recipes;
use crate::observation::{Observation, context_source};
use crate::project::Project;
use crate::render::watch::{Change, Effect};

/// Touched paths by context.
pub(super) type Places<'a> = BTreeMap<&'a str, Vec<&'a ContextPath>>;

/// What a change is told against.
pub(super) struct Before {
    contexts: BTreeMap<String, BuildContext>,
    recipes: Recipes,
}

/// What is there after it.
pub(super) struct After<'a> {
    pub(super) project: &'a Project,
    pub(super) observation: &'a Observation,
    pub(super) recipes: &'a Recipes,
}

impl Before {
    pub(super) fn of(observation: &Observation, recipes: &Recipes) -> Self {
        let trees = observation.contexts.iter().map(|(name, context)| (name.clone(), context.now.context.clone()));
        Self { contexts: trees.collect(), recipes: recipes.clone() }
    }

    /// The change that led to what is there now; `texts` are the Dockerfile and the ignore files that were edited.
    pub(super) fn change(&self, after: &After<'_>, touched: &Places<'_>, texts: &[String]) -> Change {
        let edited: Vec<String> = texts.iter().cloned().chain(self.changed(after.observation)).collect();
        if self.recipes != *after.recipes {
            let is_worth_it = edited.is_empty() || edited.iter().any(|path| !is_of_an_editor(path));
            let effect = if is_worth_it { Effect::Steps } else { Effect::EditorsFile };
            return Change { paths: edited, effect };
        }
        if !edited.is_empty() {
            let effect = if texts.is_empty() { Effect::NotRead } else { Effect::SamePlan };
            return Change { paths: edited, effect };
        }
        match after.held(touched) {
            held if held.is_empty() => Change { paths: after.on_disk(touched), effect: Effect::NotRead },
            held => Change { paths: held, effect: Effect::SameContent },
        }
    }

    /// The paths of contexts that differ.
    fn changed(&self, now: &Observation) -> Vec<String> {
        let mut changed = Vec::new();
        for (name, context) in &now.contexts {
            let Some(before) = self.contexts.get(name) else { continue };
            let diff = before.diff(&context.now.context);
            changed.extend(diff.changes.into_iter().map(|(path, _)| shown(name, &path)));
        }
        changed
    }
}

impl After<'_> {
    /// The touched paths that a context holds.
    fn held(&self, touched: &Places<'_>) -> Vec<String> {
        let is_held = |name: &str, path: &ContextPath| {
            self.observation.contexts.get(name).is_some_and(|context| context.now.context.find(path).is_some())
        };
        told(touched, is_held)
    }

    /// The touched paths where something stands.
    fn on_disk(&self, touched: &Places<'_>) -> Vec<String> {
        let named = self.project.local_contexts().unwrap_or_default();
        told(touched, |name, path| context_source(self.project, &named, name).is_some_and(|(dir, _)| dir.holds(path)))
    }
}

fn told(touched: &Places<'_>, is: impl Fn(&str, &ContextPath) -> bool) -> Vec<String> {
    let all = touched.iter().flat_map(|(name, paths)| paths.iter().map(|path| (*name, *path)));
    all.filter(|(name, path)| is(name, path)).map(|(name, path)| shown(name, path)).collect()
}

/// A path as it is told, with the name of its context if that is not the main one.
fn shown(context: &str, path: &ContextPath) -> String {
    if context == MAIN_CONTEXT { path.to_lossy() } else { format!("{context}: {}", path.to_lossy()) }
}
