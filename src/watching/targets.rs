//! Which targets are to be built: those that are made of something else now than when they were built, unless the same
//! has just been tried in vain. In go recipes by target, and how builds ended; out come names. Nothing is built here.

use std::collections::BTreeMap;

use planner::digest::ContentDigest;

/// What targets are made of, by name.
pub(super) type Recipes = BTreeMap<String, ContentDigest>;

/// So many builds in a row that nobody can say what they read, and the next one waits for a change: who writes what the
/// build reads each time it is built would never be done.
const MOST_DOUBTS: usize = 3;

/// What is known of the targets.
#[derive(Default)]
pub(super) struct Targets {
    built: Recipes,
    tried: Recipes,
    /// Of how many builds in a row nobody can say what they read, and what they were to be made of.
    doubts: BTreeMap<String, (ContentDigest, usize)>,
}

impl Targets {
    /// Targets that were built before.
    pub(super) fn new(built: Recipes) -> Self {
        Self { built, ..Self::default() }
    }

    /// Those to be built, with `now` what they would be made of.
    pub(super) fn wanted(&self, now: &Recipes) -> Vec<String> {
        let is_open = |(name, recipe): &(&String, &ContentDigest)| {
            self.built.get(*name) != Some(recipe) && self.tried.get(*name) != Some(recipe)
        };
        now.iter().filter(is_open).map(|(name, _)| name.clone()).collect()
    }

    /// These were built.
    pub(super) fn succeeded(&mut self, made: &Recipes) {
        for (name, recipe) in made {
            self.tried.remove(name);
            self.doubts.remove(name);
            self.built.insert(name.clone(), *recipe);
        }
    }

    /// These cannot be built, or need not be again, as long as they are made of this.
    pub(super) fn settle(&mut self, tried: &Recipes) {
        self.tried.extend(tried.iter().map(|(name, recipe)| (name.clone(), *recipe)));
    }

    /// These were built, but what they read changed meanwhile. Those that were built so too often are given back: they
    /// are not wanted as long as they are made of this.
    pub(super) fn doubt(&mut self, begun: &Recipes) -> Vec<String> {
        let mut given_up = Vec::new();
        for (name, recipe) in begun {
            let (of, n) = self.doubts.entry(name.clone()).or_insert((*recipe, 0));
            *n = if of == recipe { *n + 1 } else { 1 };
            *of = *recipe;
            if *n == MOST_DOUBTS {
                self.doubts.remove(name);
                self.tried.insert(name.clone(), *recipe);
                given_up.push(name.clone());
            }
        }
        given_up
    }

    /// Nobody can say what these were made of.
    pub(super) fn forget<'a>(&mut self, names: impl IntoIterator<Item = &'a String>) {
        for name in names {
            self.built.remove(name);
            self.tried.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use planner::digest::ContentDigest;

    use super::{Recipes, Targets};

    fn recipes(of: &[(&str, &str)]) -> Recipes {
        of.iter().map(|(name, text)| ((*name).to_owned(), ContentDigest::of(text.as_bytes()))).collect()
    }

    #[test]
    fn a_target_is_wanted_until_it_was_built_or_tried_as_it_is() {
        let mut targets = Targets::new(recipes(&[("runtime", "1")]));
        let now = recipes(&[("runtime", "1"), ("test", "1")]);
        assert_eq!(targets.wanted(&now), ["test"]);
        targets.settle(&recipes(&[("test", "1")]));
        assert!(targets.wanted(&now).is_empty(), "it failed, and would again");
        let edited = recipes(&[("runtime", "2"), ("test", "2")]);
        assert_eq!(targets.wanted(&edited), ["runtime", "test"]);
        targets.succeeded(&edited);
        assert!(targets.wanted(&edited).is_empty());
        assert_eq!(targets.wanted(&now), ["runtime", "test"], "an edit taken back is one");
        targets.forget(["runtime".to_owned()].iter());
        assert_eq!(targets.wanted(&edited), ["runtime"]);
    }

    #[test]
    fn a_target_that_is_written_to_whenever_it_is_built_waits_for_a_change() {
        let (mut targets, now) = (Targets::default(), recipes(&[("runtime", "1")]));
        for _ in 0..2 {
            assert!(targets.doubt(&now).is_empty());
            assert_eq!(targets.wanted(&now), ["runtime"]);
        }
        assert_eq!(targets.doubt(&now), ["runtime"]);
        assert!(targets.wanted(&now).is_empty());
        assert_eq!(targets.wanted(&recipes(&[("runtime", "2")])), ["runtime"]);
    }
}
