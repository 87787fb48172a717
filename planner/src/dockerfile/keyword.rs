//! The instructions there are, by name.

use std::borrow::Cow;

use super::go;

/// An instruction's kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Keyword {
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
}

/// Every keyword, in lower case.
pub(super) const KEYWORDS: [&str; 18] = [
    "add",
    "arg",
    "cmd",
    "copy",
    "entrypoint",
    "env",
    "expose",
    "from",
    "healthcheck",
    "label",
    "maintainer",
    "onbuild",
    "run",
    "shell",
    "stopsignal",
    "user",
    "volume",
    "workdir",
];

/// As long as the longest of them.
const MAX_LENGTH: usize = "healthcheck".len();

impl Keyword {
    /// The keyword a word stands for; case does not count.
    pub(super) fn of(word: &str) -> Option<Self> {
        // A character that is not ASCII may have a lower case that is: the Kelvin sign.
        let word = if word.is_ascii() { Cow::Borrowed(word) } else { go::lower(word) };
        let mut lower = [0; MAX_LENGTH];
        let lower = lower.get_mut(..word.len())?;
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        Some(match &*lower {
            b"add" => Self::Add,
            b"arg" => Self::Arg,
            b"cmd" => Self::Cmd,
            b"copy" => Self::Copy,
            b"entrypoint" => Self::Entrypoint,
            b"env" => Self::Env,
            b"expose" => Self::Expose,
            b"from" => Self::From,
            b"healthcheck" => Self::Healthcheck,
            b"label" => Self::Label,
            b"maintainer" => Self::Maintainer,
            b"onbuild" => Self::Onbuild,
            b"run" => Self::Run,
            b"shell" => Self::Shell,
            b"stopsignal" => Self::StopSignal,
            b"user" => Self::User,
            b"volume" => Self::Volume,
            b"workdir" => Self::Workdir,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_keyword_in_any_case() {
        for name in KEYWORDS {
            let kind = Keyword::of(name).unwrap();
            assert_eq!(format!("{kind:?}").to_lowercase(), name);
            assert_eq!(Keyword::of(&name.to_uppercase()), Some(kind));
            assert_eq!(Keyword::of(&name[1..]), None);
        }
        assert_eq!(Keyword::of("wor\u{212a}dir"), Some(Keyword::Workdir));
        assert_eq!((Keyword::of(""), Keyword::of("healthchecks")), (None, None));
    }
}
