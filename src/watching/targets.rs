//! Which targets are to be built: those that are made of something else now than when they were built, unless the same
//! has just been tried in vain. In go recipes by target, and how builds ended; out come names. Nothing is built here.

use std::collections::BTreeMap;

use planner::digest::ContentDigest;

/// What targets are made of, by name.
pub(super) type Recipes = BTreeMap<String, ContentDigest>;

/// What is known of the targets.
#[derive(Default)]
pub(super) struct Targets {
    built: Recipes,
    tried: Recipes,
}

impl Targets {
    /// Targets that were built before.
    pub(super) fn new(built: Recipes) -> Self {
        Self { built, tried: Recipes::new() }
    }

    /// Those to be built, with `now` what they would be made of.
    pub(super) fn wanted(&self, now: &Recipes) -> Vec<String> {
        let is_open = |(name, recipe): &(&String, &ContentDigest)| {
            self.built.get(*name) != Some(recipe) && self.tried.get(*name) != Some(recipe)
        };
        now.iter().filter(is_open).map(|(name, _)| name.clone()).collect()
    }

    /// These are being built: nobody can say what stands of them until that is over.
    pub(super) fn begin(&mut self, names: &[String]) {
        self.forget(names);
    }

    /// These were built.
    pub(super) fn succeeded(&mut self, made: &Recipes) {
        for (name, recipe) in made {
            self.tried.remove(name);
            self.built.insert(name.clone(), *recipe);
        }
    }

    /// These cannot be built, or need not be again, as long as they are made of this.
    pub(super) fn settle(&mut self, tried: &Recipes) {
        self.tried.extend(tried.iter().map(|(name, recipe)| (name.clone(), *recipe)));
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
        targets.begin(&["test".to_owned()]);
        assert_eq!(targets.wanted(&edited), ["test"], "a build that ended badly leaves what nobody knows");
        targets.succeeded(&edited);
        targets.forget(["runtime".to_owned()].iter());
        assert_eq!(targets.wanted(&edited), ["runtime"]);
    }
}
