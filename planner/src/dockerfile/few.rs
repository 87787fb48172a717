//! [`Few`]: a list of values of which there mostly is one. Values go in, a slice comes out. Knows nothing of what is
//! listed.

use std::fmt;
use std::ops::Deref;

/// How many values there mostly are at most where there is more than one.
const N_EXPECTED: usize = 4;

/// A list. One value alone stands in it without memory of its own: most instructions have one argument and one flag.
#[derive(Clone)]
pub enum Few<T> {
    /// One value.
    One([T; 1]),
    /// Any number of values.
    Many(Vec<T>),
}

impl<T> Few<T> {
    /// Adds a value at the end.
    pub fn push(&mut self, value: T) {
        if let Self::Many(many) = self
            && !many.is_empty()
        {
            return many.push(value);
        }
        *self = match std::mem::take(self) {
            Self::Many(_) => Self::One([value]),
            Self::One([first]) => {
                let mut many = Vec::with_capacity(N_EXPECTED);
                many.extend([first, value]);
                Self::Many(many)
            }
        };
    }

    /// What `change` makes of each value.
    #[must_use]
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> Few<U> {
        match self {
            Self::One([value]) => Few::One([change(value)]),
            // Most instructions have no flags.
            Self::Many(many) if many.is_empty() => Few::default(),
            Self::Many(many) => Few::Many(many.into_iter().map(change).collect()),
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut few = Self::default();
        values.into_iter().for_each(|value| few.push(value));
        few
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<T: fmt::Debug> fmt::Debug for Few<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn a_list_holds_what_was_put_into_it_in_order() {
        for n in 0..12 {
            let list: Few<usize> = (0..n).collect();
            assert_eq!(*list, *(0..n).collect::<Vec<_>>());
            assert_eq!(*list.clone().map(|value| 2 * value), *(0..n).map(|value| 2 * value).collect::<Vec<_>>());
            assert_eq!(matches!(list, Few::One(_)), n == 1);
        }
    }

    #[test]
    fn lists_are_equal_by_their_values() {
        assert_eq!(Few::One([1]), Few::Many(vec![1]));
        assert_ne!(Few::One([1]), Few::default());
    }
}
