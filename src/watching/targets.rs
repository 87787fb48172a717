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
pub(super) struct Targets(BTreeMap<String, Known>);

/// What is known of one target.
#[derive(Default)]
struct Known {
    /// What it was made of when it was last built.
    built: Option<ContentDigest>,
    /// Made of this it need not be tried again.
    tried: Option<ContentDigest>,
    /// What it would be made of with files that are an editor's own: not worth a build.
    spared: Option<ContentDigest>,
    /// Whether it failed when it was last tried.
    has_failed: bool,
    /// Of how many builds in a row nobody can say what they read, and what they were to be made of.
    doubts: Option<(ContentDigest, usize)>,
}

/// How a target stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// It is made of what is there.
    UpToDate,
    /// It cannot be built as it is.
    Failed,
    /// It is to be built.
    Waiting,
}

impl Targets {
    /// Targets that were built before.
    pub(super) fn new(built: Recipes) -> Self {
        let known = |(name, recipe)| (name, Known { built: Some(recipe), ..Known::default() });
        Self(built.into_iter().map(known).collect())
    }

    /// Those to be built, with `now` what they would be made of.
    pub(super) fn wanted(&self, now: &Recipes) -> Vec<String> {
        let is_open = |(name, recipe): &(&String, &ContentDigest)| self.state(name, recipe) == State::Waiting;
        now.iter().filter(is_open).map(|(name, _)| name.clone()).collect()
    }

    /// How a target stands that would be made of `now`.
    pub(super) fn state(&self, name: &str, now: &ContentDigest) -> State {
        let Some(known) = self.0.get(name) else { return State::Waiting };
        let is = |recipe: &Option<ContentDigest>| recipe.as_ref() == Some(now);
        match known {
            _ if is(&known.tried) && known.has_failed => State::Failed,
            _ if is(&known.built) || is(&known.tried) || is(&known.spared) => State::UpToDate,
            _ => State::Waiting,
        }
    }

    /// These were built.
    pub(super) fn succeeded(&mut self, made: &Recipes) {
        for (name, recipe) in made {
            let spared = self.0.remove(name).and_then(|known| known.spared);
            self.0.insert(name.clone(), Known { built: Some(*recipe), spared, ..Known::default() });
        }
    }

    /// These need not be built again as long as they are made of this.
    pub(super) fn settle(&mut self, tried: &Recipes) {
        self.each(tried, |known, recipe| known.tried = Some(recipe));
    }

    /// These cannot be built as they are.
    pub(super) fn failed(&mut self, tried: &Recipes) {
        self.each(tried, |known, recipe| {
            *known = Known { tried: Some(recipe), has_failed: true, built: known.built, ..Known::default() };
        });
    }

    /// From what these were made of, or are being made of, only files differ that are an editor's own.
    pub(super) fn spare(&mut self, now: &Recipes) {
        self.each(now, |known, recipe| known.spared = Some(recipe));
    }

    /// These were built, but what they read changed meanwhile. Those that were built so too often are given back: they
    /// are not wanted as long as they are made of this.
    pub(super) fn doubt(&mut self, begun: &Recipes) -> Vec<String> {
        let mut given_up = Vec::new();
        self.each(begun, |known, recipe| {
            let n_before = known.doubts.filter(|(of, _)| *of == recipe).map_or(0, |(_, n)| n);
            *known = Known { doubts: Some((recipe, n_before + 1)), ..Known::default() };
        });
        for (name, recipe) in begun {
            if let Some(known) = self.0.get_mut(name).filter(|known| known.doubts == Some((*recipe, MOST_DOUBTS))) {
                *known = Known { tried: Some(*recipe), ..Known::default() };
                given_up.push(name.clone());
            }
        }
        given_up
    }

    /// Nobody can say what these were made of.
    pub(super) fn forget<'a>(&mut self, names: impl IntoIterator<Item = &'a String>) {
        for name in names {
            if let Some(known) = self.0.get_mut(name) {
                *known = Known { doubts: known.doubts, ..Known::default() };
            }
        }
    }

    fn each(&mut self, recipes: &Recipes, mut take: impl FnMut(&mut Known, ContentDigest)) {
        for (name, recipe) in recipes {
            take(self.0.entry(name.clone()).or_default(), *recipe);
        }
    }
}

#[cfg(test)]
mod tests {
    use planner::digest::ContentDigest;

    use super::{Recipes, State, Targets};

    fn recipes(of: &[(&str, &str)]) -> Recipes {
        of.iter().map(|(name, text)| ((*name).to_owned(), ContentDigest::of(text.as_bytes()))).collect()
    }

    #[test]
    fn a_target_is_wanted_until_it_was_built_or_tried_as_it_is() {
        let mut targets = Targets::new(recipes(&[("runtime", "1")]));
        let now = recipes(&[("runtime", "1"), ("test", "1")]);
        assert_eq!(targets.wanted(&now), ["test"]);
        targets.failed(&recipes(&[("test", "1")]));
        assert!(targets.wanted(&now).is_empty(), "it failed, and would again");
        assert_eq!(targets.state("test", &now["test"]), State::Failed);
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

    #[test]
    fn what_an_editor_keeps_beside_a_file_is_no_reason_to_build() {
        let mut targets = Targets::new(recipes(&[("runtime", "1")]));
        targets.spare(&recipes(&[("runtime", "1 and a swap file")]));
        assert!(targets.wanted(&recipes(&[("runtime", "1 and a swap file")])).is_empty());
        targets.forget(["runtime".to_owned()].iter());
        targets.spare(&recipes(&[("runtime", "2 and a swap file")]));
        targets.succeeded(&recipes(&[("runtime", "2")]));
        assert!(targets.wanted(&recipes(&[("runtime", "2 and a swap file")])).is_empty(), "it came during the build");
        assert_eq!(targets.wanted(&recipes(&[("runtime", "3 and a swap file")])), ["runtime"]);
    }
}
