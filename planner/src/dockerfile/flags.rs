//! The `--name[=value]` flags of each instruction, those of the newest Dockerfile frontend. Flag words go in,
//! values by name come out, or BuildKit's words against a flag. What a value means is not decided here.

use super::nearest::with_nearest;
use super::refusal::Refusal;
use super::words::Token;

/// What a flag takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing, or true or false.
    Bool,
    /// A value, once.
    Text,
    /// A value, any number of times.
    Texts,
}

/// The flags an instruction knows, in alphabetical order.
pub(super) type Known = [(&'static str, Takes)];

pub(super) const NO_FLAGS: &Known = &[];

pub(super) const ADD_FLAGS: &Known = &[
    ("checksum", Takes::Text),
    ("chmod", Takes::Text),
    ("chown", Takes::Text),
    ("exclude", Takes::Texts),
    ("keep-git-dir", Takes::Bool),
    ("link", Takes::Bool),
    ("unpack", Takes::Bool),
];

pub(super) const COPY_FLAGS: &Known = &[
    ("chmod", Takes::Text),
    ("chown", Takes::Text),
    ("exclude", Takes::Texts),
    ("from", Takes::Text),
    ("link", Takes::Bool),
    ("parents", Takes::Bool),
];

pub(super) const FROM_FLAGS: &Known = &[("platform", Takes::Text)];

pub(super) const HEALTHCHECK_FLAGS: &Known = &[
    ("interval", Takes::Text),
    ("retries", Takes::Text),
    ("start-interval", Takes::Text),
    ("start-period", Takes::Text),
    ("timeout", Takes::Text),
];

pub(super) const RUN_FLAGS: &Known =
    &[("device", Takes::Texts), ("mount", Takes::Texts), ("network", Takes::Text), ("security", Takes::Text)];

/// The flags an instruction was given.
pub(super) struct Flags<'a>(Vec<(&'static str, &'a str)>);

impl<'a> Flags<'a> {
    /// Reads flag words.
    ///
    /// # Errors
    /// BuildKit's words against the first flag it refuses.
    pub(super) fn read(words: &'a [Token<'_>], known: &Known) -> Result<Self, Refusal> {
        let mut flags = Self(Vec::with_capacity(words.len()));
        for word in words {
            let (flag, value) = match word.text.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (&*word.text, None),
            };
            let name = flag.strip_prefix("--").unwrap_or(flag);
            let Some((name, takes)) = known.iter().find(|known| known.0 == name) else {
                let names: Vec<&str> = known.iter().map(|known| known.0).collect();
                return Err(Refusal::of(word, with_nearest(format!("unknown flag: {flag}"), name, &names)));
            };
            if *takes != Takes::Texts && flags.text(name).is_some() {
                return Err(Refusal::of(word, format!("duplicate flag specified: {flag}")));
            }
            let value = read_value(flag, value, *takes).map_err(|message| Refusal::of(word, message))?;
            flags.0.push((name, value));
        }
        Ok(flags)
    }

    /// The values of a flag, in order.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |flag| flag.0 == name).map(|flag| flag.1)
    }

    /// The value of a flag that may be given once.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// A copy of that value.
    pub(super) fn to_text(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// Copies of the values of a flag, in order.
    pub(super) fn to_texts(&self, name: &str) -> Vec<String> {
        self.values(name).map(str::to_owned).collect()
    }

    /// The value of a flag that takes none, or true or false; `None` where it was not given.
    pub(super) fn bool(&self, name: &str) -> Option<bool> {
        self.text(name).map(|value| value == "true")
    }
}

fn read_value<'a>(flag: &str, value: Option<&'a str>, takes: Takes) -> Result<&'a str, String> {
    match (takes, value) {
        (Takes::Bool, None) => Ok("true"),
        (Takes::Bool, Some(value)) if value.to_lowercase() == "true" => Ok("true"),
        (Takes::Bool, Some(value)) if value.to_lowercase() == "false" => Ok("false"),
        (Takes::Bool, Some(value)) if !value.is_empty() => {
            Err(format!("expecting boolean value for flag {flag}, not: {value}"))
        }
        (Takes::Text | Takes::Texts, Some(value)) => Ok(value),
        _ => Err(format!("missing a value on flag: {flag}")),
    }
}
