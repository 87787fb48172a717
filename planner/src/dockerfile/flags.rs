//! The `--name[=value]` flags of each instruction, those of the newest Dockerfile frontend. Flag words go in,
//! values by name come out, or BuildKit's words against a flag. What a value means is not decided here.

use super::nearest::with_nearest;
use super::refusal::Refusal;
use super::text::Text;
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
pub(super) struct Flags(Vec<(&'static str, Option<Text>)>);

impl Flags {
    /// Reads flag words.
    ///
    /// # Errors
    /// BuildKit's words against the first flag it refuses.
    pub(super) fn read(words: &[Token], known: &Known) -> Result<Self, Refusal> {
        let mut flags = Self(Vec::with_capacity(words.len()));
        for word in words {
            let (flag, value) = match word.text.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (word.text.clone(), None),
            };
            let name = flag.strip_prefix("--").unwrap_or(&flag);
            let Some((name, takes)) = known.iter().find(|known| known.0 == name) else {
                let names: Vec<&str> = known.iter().map(|known| known.0).collect();
                return Err(Refusal::of(word, with_nearest(format!("unknown flag: {flag}"), name, &names)));
            };
            if *takes != Takes::Texts && flags.0.iter().any(|flag| flag.0 == *name) {
                return Err(Refusal::of(word, format!("duplicate flag specified: {flag}")));
            }
            check_value(&flag, value.as_deref(), *takes).map_err(|message| Refusal::of(word, message))?;
            flags.0.push((name, value));
        }
        Ok(flags)
    }

    /// The values of a flag, in order.
    pub(super) fn texts(&self, name: &str) -> Vec<Text> {
        self.0.iter().filter(|flag| flag.0 == name).filter_map(|flag| flag.1.clone()).collect()
    }

    /// The value of a flag that may be given once.
    pub(super) fn text(&self, name: &str) -> Option<Text> {
        self.0.iter().find(|flag| flag.0 == name)?.1.clone()
    }

    /// The value of a flag that takes none, or true or false; `None` where it was not given.
    pub(super) fn bool(&self, name: &str) -> Option<bool> {
        let flag = self.0.iter().find(|flag| flag.0 == name)?;
        Some(flag.1.as_ref().is_none_or(|value| value.to_lowercase() == "true"))
    }
}

fn check_value(flag: &str, value: Option<&str>, takes: Takes) -> Result<(), String> {
    match (takes, value) {
        (Takes::Bool, None) | (Takes::Text | Takes::Texts, Some(_)) => Ok(()),
        (Takes::Bool, Some(value)) if ["true", "false"].contains(&value.to_lowercase().as_str()) => Ok(()),
        (Takes::Bool, Some(value)) if !value.is_empty() => {
            Err(format!("expecting boolean value for flag {flag}, not: {value}"))
        }
        _ => Err(format!("missing a value on flag: {flag}")),
    }
}
