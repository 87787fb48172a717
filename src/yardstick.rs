//! What Dockerfiles of one project would have cost on its last commits: each is lowered, the commits are replayed, and the
//! steps that run are weighed. In go a project and its history, out come seconds by commit. Nothing is built.

use std::collections::BTreeMap;

use planner::diagnostic::Diagnostic;
use planner::graph::lower::MAIN_CONTEXT;
use planner::replay::{replay, tally};
use planner::request::Request;
use planner::rules;
use planner::saving::{Costs, Rewriting, Saving, cheapest};
use planner::steps::Surroundings;
use planner::suggestion::Suggestion;
use planner::weight::weights;

use crate::commits::{Commits, History};
use crate::observation::{read_dockerfile, scan_contexts, whole_context};
use crate::past::Past;
use crate::project::Project;
use crate::store::Store;

/// The last commits of a project, to price Dockerfiles by.
pub(crate) struct Yardstick<'a> {
    project: &'a Project,
    requests: &'a [Request],
    past: &'a Past,
    store: &'a Store,
    commits: Commits,
    key: [u8; 32],
}

impl<'a> Yardstick<'a> {
    /// Reads the last `n_commits` commits that touch a build context.
    ///
    /// # Errors
    /// If there is no commit to replay, git cannot say, or a file cannot be read.
    pub(crate) fn new(
        project: &'a Project,
        requests: &'a [Request],
        past: &'a Past,
        store: &'a Store,
        n_commits: usize,
    ) -> anyhow::Result<Self> {
        let history = History::read(project, n_commits)?;
        let source = project.dockerfile()?;
        let reading = read_dockerfile(&source.bytes, &source.shown.display().to_string(), requests)?;
        let mut contexts = scan_contexts(project, &reading.graph, store)?;
        // Another Dockerfile may read other files.
        contexts.insert(MAIN_CONTEXT.to_owned(), whole_context(project, store)?);
        let commits = history.commits(project, &contexts)?;
        Ok(Self { project, requests, past, store, commits, key: store.secret_key()? })
    }

    /// What each commit costs under that Dockerfile, in seconds of steps that run; `None` where BuildKit refuses it.
    fn price(&self, text: &str) -> Option<Costs> {
        let reading = read_dockerfile(text.as_bytes(), "Dockerfile", self.requests).ok()?;
        let versions = self.commits.each.iter().map(|commit| (commit.id.as_str(), &commit.contexts));
        let replays = replay(&reading.graph, &self.key, &self.commits.before, versions);
        let experience = self.past.builds.experience(self.project, &replays.snapshot, self.store).ok()?;
        let weights = weights(&replays.snapshot, &experience);
        let costs = tally::Costs { snapshot: &replays.snapshot, weights: &weights, odds: &experience.odds };
        let price = replays.builds.iter().map(|build| build.missing.is_none().then(|| costs.of_build(build)));
        Some(price.collect())
    }

    /// Prices each suggestion by itself and the safe ones together. The safe ones come first; of those, and of the others,
    /// what saves most, else by line.
    ///
    /// # Errors
    /// What BuildKit refuses the Dockerfile with.
    pub(crate) fn price_all(
        &self,
        text: &str,
        suggestions: &mut [Priced],
        around: Surroundings<'_>,
        is_wanted: &dyn Fn(&Suggestion) -> bool,
    ) -> Result<Option<Savings>, Diagnostic> {
        let mut known: BTreeMap<String, Option<Costs>> = BTreeMap::new();
        let mut price = |text: &str| known.entry(text.to_owned()).or_insert_with(|| self.price(text)).clone();
        let Some(before) = price(text) else { return Ok(None) };
        for priced in suggestions.iter_mut().filter(|priced| !priced.one.edits.is_empty()) {
            let after = priced.one.apply(text).and_then(|text| price(&text));
            priced.saving = after.and_then(|after| Saving::between(&before, &after));
        }
        let saved = |priced: &Priced| priced.saving.map_or(0.0, |saving| saving.seconds());
        suggestions.sort_by(|a, b| a.one.applicability.cmp(&b.one.applicability).then(saved(b).total_cmp(&saved(a))));
        let all = rules::rewrite(text.as_bytes(), around, is_wanted)?;
        let all = price(&all.text).and_then(|after| Saving::between(&before, &after));
        let cheapest = cheapest(text.as_bytes(), around, is_wanted, &mut price)?;
        let n_commits = self.commits.each.len();
        Ok(all.zip(cheapest).map(|(all, cheapest)| Savings { n_commits, all, cheapest }))
    }
}

/// A suggestion with what it saves by itself.
pub(crate) struct Priced {
    /// The suggestion.
    pub(crate) one: Suggestion,
    /// `None` without an edit, and where no history tells.
    pub(crate) saving: Option<Saving>,
}

/// What the safe suggestions save together.
pub(crate) struct Savings {
    /// How many commits were replayed.
    pub(crate) n_commits: usize,
    /// All of them applied.
    pub(crate) all: Saving,
    /// The choice among them that is cheapest.
    pub(crate) cheapest: Rewriting,
}

impl From<Suggestion> for Priced {
    fn from(one: Suggestion) -> Self {
        Self { one, saving: None }
    }
}
