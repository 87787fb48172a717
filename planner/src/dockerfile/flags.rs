//! The `--name[=value]` flags of each instruction, those of the newest Dockerfile frontend. Flag words go in,
//! values by name come out, or BuildKit's words against a flag. What a value means is not decided here.

use std::collections::BTreeMap;

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
pub(super) struct Flags(BTreeMap<&'static str, Vec<String>>);

impl Flags {
    /// Reads flag words.
    ///
    /// # Errors
    /// BuildKit's words against the first flag it refuses.
    pub(super) fn read(words: &[Token], known: &Known) -> Result<Self, Refusal> {
        let mut values: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for word in words {
            let (flag, value) = match word.text.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (word.text.as_str(), None),
            };
            let name = flag.strip_prefix("--").unwrap_or(flag);
            let Some((name, takes)) = known.iter().find(|known| known.0 == name) else {
                let names: Vec<&str> = known.iter().map(|known| known.0).collect();
                return Err(Refusal::of(word, with_nearest(format!("unknown flag: {flag}"), name, &names)));
            };
            if *takes != Takes::Texts && values.contains_key(name) {
                return Err(Refusal::of(word, format!("duplicate flag specified: {flag}")));
            }
            let value = read_value(flag, value, *takes).map_err(|message| Refusal::of(word, message))?;
            values.entry(name).or_default().push(value);
        }
        Ok(Self(values))
    }

    /// The value of a flag that may be given once.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.first().cloned()
    }

    /// The values of a flag, in order.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// The value of a flag that takes none, or true or false; `None` where it was not given.
    pub(super) fn bool(&self, name: &str) -> Option<bool> {
        Some(self.0.get(name)?.first()? == "true")
    }
}

fn read_value(flag: &str, value: Option<&str>, takes: Takes) -> Result<String, String> {
    match (takes, value) {
        (Takes::Bool, None) => Ok("true".to_owned()),
        (Takes::Bool, Some(value)) if ["true", "false"].contains(&value.to_lowercase().as_str()) => {
            Ok(value.to_lowercase())
        }
        (Takes::Bool, Some(value)) if !value.is_empty() => {
            Err(format!("expecting boolean value for flag {flag}, not: {value}"))
        }
        (Takes::Text | Takes::Texts, Some(value)) => Ok(value.to_owned()),
        _ => Err(format!("missing a value on flag: {flag}")),
    }
}
