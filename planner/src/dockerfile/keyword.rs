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
pub(super) const KEYWORDS: [(&str, Keyword); 18] = [
    ("add", Keyword::Add),
    ("arg", Keyword::Arg),
    ("cmd", Keyword::Cmd),
    ("copy", Keyword::Copy),
    ("entrypoint", Keyword::Entrypoint),
    ("env", Keyword::Env),
    ("expose", Keyword::Expose),
    ("from", Keyword::From),
    ("healthcheck", Keyword::Healthcheck),
    ("label", Keyword::Label),
    ("maintainer", Keyword::Maintainer),
    ("onbuild", Keyword::Onbuild),
    ("run", Keyword::Run),
    ("shell", Keyword::Shell),
    ("stopsignal", Keyword::StopSignal),
    ("user", Keyword::User),
    ("volume", Keyword::Volume),
    ("workdir", Keyword::Workdir),
];

impl Keyword {
    /// The keyword a word stands for; case does not count.
    pub(super) fn of(word: &str) -> Option<Self> {
        // A character that is not ASCII may have a lower case that is: the Kelvin sign.
        let lower = if word.is_ascii() { Cow::Borrowed(word) } else { go::lower(word) };
        let first = lower.bytes().next()?.to_ascii_lowercase();
        let mut alike = KEYWORDS.iter().filter(|known| known.0.len() == lower.len() && known.0.as_bytes()[0] == first);
        alike.find(|known| known.0.eq_ignore_ascii_case(&lower)).map(|known| known.1)
    }
}
