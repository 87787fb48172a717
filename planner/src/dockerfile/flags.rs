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

/// The flags an instruction was given: words that were found to be good.
pub(super) struct Flags<'a>(&'a [Token]);

impl<'a> Flags<'a> {
    /// Reads flag words.
    ///
    /// # Errors
    /// BuildKit's words against the first flag it refuses.
    pub(super) fn read(words: &'a [Token], known: &Known) -> Result<Self, Refusal> {
        for (index, word) in words.iter().enumerate() {
            let (flag, value) = divided(word);
            let name = name(flag);
            let Some((_, takes)) = known.iter().find(|known| known.0 == name) else {
                let names: Vec<&str> = known.iter().map(|known| known.0).collect();
                return Err(Refusal::of(word, with_nearest(format!("unknown flag: {flag}"), name, &names)));
            };
            if *takes != Takes::Texts && Self(&words[..index]).word(name).is_some() {
                return Err(Refusal::of(word, format!("duplicate flag specified: {flag}")));
            }
            check_value(flag, value, *takes).map_err(|message| Refusal::of(word, message))?;
        }
        Ok(Self(words))
    }

    fn word(&self, wanted: &str) -> Option<&'a Token> {
        self.0.iter().find(|word| name(divided(word).0) == wanted)
    }

    /// The values of a flag, in order.
    pub(super) fn texts(&self, wanted: &str) -> Vec<Text> {
        let words = self.0.iter().filter(|word| name(divided(word).0) == wanted);
        words.filter_map(|word| Some(word.text.split_once('=')?.1)).collect()
    }

    /// The value of a flag that may be given once.
    pub(super) fn text(&self, wanted: &str) -> Option<Text> {
        Some(self.word(wanted)?.text.split_once('=')?.1)
    }

    /// The value of a flag that takes none, or true or false; `None` where it was not given.
    pub(super) fn bool(&self, wanted: &str) -> Option<bool> {
        Some(divided(self.word(wanted)?).1.is_none_or(|value| value.to_lowercase() == "true"))
    }
}

/// The flag with its dashes, and its value.
fn divided(word: &Token) -> (&str, Option<&str>) {
    match word.text.as_str().split_once('=') {
        Some((flag, value)) => (flag, Some(value)),
        None => (&word.text, None),
    }
}

fn name(flag: &str) -> &str {
    flag.strip_prefix("--").unwrap_or(flag)
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
