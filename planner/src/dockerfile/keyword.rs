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

impl Keyword {
    /// The keyword a word stands for; case does not count.
    pub(super) fn of(word: &str) -> Option<Self> {
        // A character that is not ASCII may have a lower case that is: the Kelvin sign.
        let word = if word.is_ascii() { Cow::Borrowed(word) } else { go::lower(word) };
        let as_long: &[(&str, Self)] = match word.len() {
            3 => &[("run", Self::Run), ("env", Self::Env), ("arg", Self::Arg), ("cmd", Self::Cmd), ("add", Self::Add)],
            4 => &[("copy", Self::Copy), ("from", Self::From), ("user", Self::User)],
            5 => &[("label", Self::Label), ("shell", Self::Shell)],
            6 => &[("expose", Self::Expose), ("volume", Self::Volume)],
            7 => &[("workdir", Self::Workdir), ("onbuild", Self::Onbuild)],
            10 => {
                &[("entrypoint", Self::Entrypoint), ("maintainer", Self::Maintainer), ("stopsignal", Self::StopSignal)]
            }
            11 => &[("healthcheck", Self::Healthcheck)],
            _ => &[],
        };
        as_long.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word)).map(|(_, kind)| *kind)
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
