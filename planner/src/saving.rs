//! What a rewriting of a Dockerfile saves on the versions that a project went through. In go what each version costs under
//! the file as it is and as it would be; out come seconds per version, and among all safe rewritings the cheapest. What a
//! version costs is worked out elsewhere, by a replay.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::rules::suggest;
use crate::steps::Surroundings;
use crate::suggestion::{Applicability, Facts, Suggestion};

/// What each version costs in seconds; `None` where its build fails.
pub type Costs = Vec<Option<f64>>;

/// Two Dockerfiles compared on the versions that both build.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Saving {
    /// Seconds per version, before.
    pub before: f64,
    /// Seconds per version, after.
    pub after: f64,
    /// How many versions both build.
    pub n_versions: usize,
}

/// Less than this per version, in seconds, is nothing: no default is that exact.
const NOTHING: f64 = 0.05;

impl Saving {
    /// Compares; `None` where no version is built by both.
    #[must_use]
    pub fn between(before: &Costs, after: &Costs) -> Option<Self> {
        let both: Vec<(f64, f64)> = before.iter().zip(after).filter_map(|(one, other)| one.zip(*other)).collect();
        let n_versions = both.len();
        let mean = |of: fn(&(f64, f64)) -> f64| both.iter().map(of).sum::<f64>() / n_versions as f64;
        (n_versions > 0).then(|| Self { before: mean(|pair| pair.0), after: mean(|pair| pair.1), n_versions })
    }

    /// The seconds saved per version; below zero what it costs more.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.before - self.after
    }

    /// The part of the seconds that is saved, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.before > 0.0 { self.seconds() / self.before } else { 0.0 }
    }

    /// Whether it is neither saving nor costing anything worth a word.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.seconds().abs() < NOTHING
    }
}

/// A Dockerfile after some of its safe suggestions.
#[derive(Clone, PartialEq, Debug)]
pub struct Rewriting {
    /// The text.
    pub text: String,
    /// The suggestions, in the order they were applied; places are those in the text at that time.
    pub applied: Vec<Suggestion>,
    /// What it saves.
    pub saving: Saving,
}

/// So many texts are priced at most; the most promising come first.
const MOST_TEXTS: usize = 48;

/// Of all Dockerfiles that safe suggestions lead to, applied in any order and number, the cheapest, and among equals the one
/// with the fewest edits. `None` where no price is known of the file as it is.
///
/// # Errors
/// What BuildKit refuses the Dockerfile with.
pub fn cheapest(
    bytes: &[u8],
    around: Surroundings<'_>,
    is_wanted: &dyn Fn(&Suggestion) -> bool,
    price: &mut dyn FnMut(&str) -> Option<Costs>,
) -> Result<Option<Rewriting>, Diagnostic> {
    let facts = Facts::read(bytes, around)?;
    let Some(before) = price(facts.text()) else { return Ok(None) };
    let Some(saving) = Saving::between(&before, &before) else { return Ok(None) };
    let start = Rewriting { text: facts.text().to_owned(), applied: Vec::new(), saving };
    let mut seen = BTreeSet::from([start.text.clone()]);
    let (mut best, mut open) = (start.clone(), vec![start]);
    while let Some(at) = (0..open.len()).min_by(|a, b| order(&open[*a], &open[*b])) {
        let here = open.swap_remove(at);
        let facts = Facts::read(here.text.as_bytes(), around)?;
        let safe = suggest(&facts).into_iter().filter(|one| one.applicability == Applicability::Safe && is_wanted(one));
        for one in safe {
            let Some(text) = one.apply(facts.text()).filter(|text| !seen.contains(text)) else { continue };
            if seen.len() > MOST_TEXTS {
                return Ok(Some(best));
            }
            seen.insert(text.clone());
            let Some(saving) = price(&text).and_then(|after| Saving::between(&before, &after)) else { continue };
            let applied = here.applied.iter().cloned().chain([one]).collect();
            let next = Rewriting { text, applied, saving };
            if order(&next, &best).is_lt() {
                best = next.clone();
            }
            open.push(next);
        }
    }
    Ok(Some(best))
}

/// The cheaper first, then that with fewer edits. Versions that fail under one of two are left out of the prices, so that
/// savings are compared, not prices.
fn order(one: &Rewriting, other: &Rewriting) -> Ordering {
    let saved = (other.saving.seconds() * 1e6).round().total_cmp(&(one.saving.seconds() * 1e6).round());
    saved.then(one.applied.len().cmp(&other.applied.len())).then_with(|| one.text.cmp(&other.text))
}
