//! Keys in groups that only ever join, so that the whole group of a key is at hand however many joined one after
//! another. In go pairs of keys, out come groups. Why two keys belong together is decided elsewhere.

use std::collections::{BTreeSet, HashMap};

use crate::cache_key::CacheKey;

/// Groups of keys; a key that was never joined is a group of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    of: HashMap<CacheKey, usize>,
    members: Vec<BTreeSet<CacheKey>>,
}

impl Groups {
    /// Makes the groups of two keys one. The smaller one moves, so that no key moves often.
    pub(super) fn join(&mut self, one: CacheKey, other: CacheKey) {
        let (one, other) = (self.group(one), self.group(other));
        if one == other {
            return;
        }
        let (small, large) =
            if self.members[one].len() < self.members[other].len() { (one, other) } else { (other, one) };
        for key in std::mem::take(&mut self.members[small]) {
            self.of.insert(key, large);
            self.members[large].insert(key);
        }
    }

    /// Every key in a group with one of `keys`, those included.
    pub(super) fn with(&self, keys: impl IntoIterator<Item = CacheKey>) -> BTreeSet<CacheKey> {
        let (mut found, mut groups) = (BTreeSet::new(), BTreeSet::new());
        for key in keys {
            match self.of.get(&key) {
                Some(group) if !groups.insert(*group) => {}
                Some(group) if found.is_empty() => found.clone_from(&self.members[*group]),
                Some(group) => found.extend(&self.members[*group]),
                None => drop(found.replace(key)),
            }
        }
        found
    }

    /// Of the keys in each group the first.
    pub(super) fn one_of_each(&self, keys: &BTreeSet<CacheKey>) -> BTreeSet<CacheKey> {
        let mut groups = BTreeSet::new();
        keys.iter().copied().filter(|key| self.of.get(key).is_none_or(|group| groups.insert(*group))).collect()
    }

    fn group(&mut self, key: CacheKey) -> usize {
        *self.of.entry(key).or_insert_with(|| {
            self.members.push([key].into());
            self.members.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Groups;
    use crate::cache_key::CacheKey;

    #[test]
    fn whatever_the_order_of_joining_a_group_is_all_that_hangs_together() {
        let key = |name: &str| CacheKey::of(name.as_bytes());
        let keys = |names: &[&str]| names.iter().map(|name| key(name)).collect::<BTreeSet<_>>();
        let mut groups = Groups::default();
        for (one, other) in [("a", "b"), ("c", "d"), ("e", "f"), ("d", "b"), ("g", "g")] {
            groups.join(key(one), key(other));
        }
        assert_eq!(groups.with([key("d")]), keys(&["a", "b", "c", "d"]));
        assert_eq!(groups.with([key("a"), key("c"), key("f")]), keys(&["a", "b", "c", "d", "e", "f"]));
        assert_eq!(groups.with([key("g"), key("alone")]), keys(&["g", "alone"]));
        assert_eq!(groups.with([]), keys(&[]));
        let some = keys(&["a", "b", "d", "e", "alone"]);
        let kept = groups.one_of_each(&some);
        assert_eq!((kept.len(), groups.with(kept)), (3, groups.with(some)));
    }
}
