//! Files whose rights differ only as two umasks make them differ: what git writes under another umask. Git keeps one
//! bit of a mode, whether the owner may execute; the rest is the umask's. In go causes, out comes the pair of umasks
//! that most of their mode changes agree on. An executable bit that came or went is never the umask's doing.

use std::collections::BTreeMap;

use super::{Cause, CauseKind};

/// The umasks in use; each makes other modes of 0666 and 0777, so that a pair of modes tells the pair of umasks.
const UMASKS: [u32; 4] = [0o022, 0o002, 0o027, 0o077];

/// The umask under which more than half of these files' modes were made.
#[must_use]
pub fn of_most_files(modes: &[u32]) -> Option<u32> {
    let is_made = |mode: u32, umask: u32| [0o666, 0o777].into_iter().any(|whole| whole & !umask == mode);
    UMASKS.into_iter().find(|umask| modes.iter().filter(|mode| is_made(**mode, *umask)).count() * 2 > modes.len())
}

/// Two umasks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Drift {
    /// The one that the earlier modes were made under.
    pub old: u32,
    /// The one that the present modes were made under.
    pub new: u32,
}

impl Drift {
    /// The drift that explains a cause, if it is a change of a mode and a change of the umask explains it.
    #[must_use]
    pub fn of(cause: &Cause) -> Option<Self> {
        let is_mode = cause.kind == CauseKind::FileModified && cause.detail.as_deref() == Some("mode");
        let mode = |text: &Option<String>| u32::from_str_radix(text.as_deref()?, 8).ok();
        let (old, new) = (mode(&cause.old).filter(|_| is_mode)?, mode(&cause.new)?);
        let whole = if new & 0o100 != 0 { 0o777 } else { 0o666 };
        let umask = |mode: u32| UMASKS.into_iter().find(|umask| whole & !umask == mode);
        Some(Self { old: umask(old)?, new: umask(new)? }).filter(|drift| drift.old != drift.new)
    }

    /// The drift that more than half of the mode changes among `causes` agree on.
    #[must_use]
    pub fn of_most<'a>(causes: impl IntoIterator<Item = &'a Cause>) -> Option<Self> {
        let is_mode = |cause: &&Cause| cause.detail.as_deref() == Some("mode");
        let mut counts = BTreeMap::<_, usize>::new();
        for cause in causes.into_iter().filter(is_mode) {
            *counts.entry(Self::of(cause)).or_default() += 1;
        }
        let n_all: usize = counts.values().sum();
        counts.into_iter().find(|(drift, count)| drift.is_some() && count * 2 > n_all).and_then(|(drift, _)| drift)
    }
}

#[cfg(test)]
mod tests {
    use super::Drift;
    use crate::cause::{Cause, CauseKind};
    use crate::context::ContextPath;

    fn cause(old: &str, new: &str) -> Cause {
        let modes = (Some(old.to_owned()), Some(new.to_owned()));
        Cause::of(CauseKind::FileModified).about(ContextPath::new("a"), Some("mode")).values(modes.0, modes.1)
    }

    #[test]
    fn the_modes_of_files_tell_the_umask() {
        assert_eq!(super::of_most_files(&[0o644, 0o755, 0o600]), Some(0o022));
        assert_eq!(super::of_most_files(&[0o664, 0o775, 0o644]), Some(0o002));
        assert_eq!(super::of_most_files(&[0o600, 0o700]), Some(0o077));
        assert_eq!(super::of_most_files(&[0o644, 0o664]), None);
        assert_eq!(super::of_most_files(&[]), None);
    }

    #[test]
    fn a_pair_of_modes_tells_the_pair_of_umasks() {
        for (old, new, drift) in [
            ("0644", "0664", Some((0o022, 0o002))),
            ("0755", "0775", Some((0o022, 0o002))),
            ("0644", "0600", Some((0o022, 0o077))),
            ("0750", "0755", Some((0o027, 0o022))),
            ("0644", "0755", None),
            ("0755", "0644", None),
            ("0644", "0666", None),
            ("0644", "0444", None),
            ("0755", "4755", None),
        ] {
            assert_eq!(Drift::of(&cause(old, new)), drift.map(|(old, new)| Drift { old, new }), "{old} {new}");
        }
    }

    #[test]
    fn most_must_agree() {
        let (drifted, other) = (cause("0644", "0664"), cause("0644", "0755"));
        assert!(Drift::of_most([&drifted, &drifted, &other]).is_some());
        assert_eq!(Drift::of_most([&drifted, &other]), None);
        assert_eq!(Drift::of_most([&drifted, &cause("0644", "0600")]), None);
        assert_eq!(Drift::of_most([]), None);
    }
}
