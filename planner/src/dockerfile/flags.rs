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
            let Some((name, takes)) = known.iter().find(|known| is_named(word, known.0)) else {
                let flag = word.text.split('=').next().unwrap_or_default();
                let name = flag.strip_prefix("--").unwrap_or(flag);
                let names: Vec<&str> = known.iter().map(|known| known.0).collect();
                return Err(Refusal::of(word, with_nearest(format!("unknown flag: {flag}"), name, &names)));
            };
            if *takes != Takes::Texts && Self(&words[..index]).word(name).is_some() {
                return Err(Refusal::of(word, format!("duplicate flag specified: --{name}")));
            }
            check_value(name, value(word, name), *takes).map_err(|message| Refusal::of(word, message))?;
        }
        Ok(Self(words))
    }

    fn word(&self, wanted: &str) -> Option<&'a Token> {
        self.0.iter().find(|word| is_named(word, wanted))
    }

    /// Name and value of each flag, in order.
    pub(super) fn each(&self) -> impl Iterator<Item = (&'a str, Option<Text>)> {
        self.0.iter().map(|word| {
            let flag = word.text.strip_prefix("--").unwrap_or(&word.text);
            let name = flag.split_once('=').map_or(flag, |(name, _)| name);
            (name, value(word, name))
        })
    }

    /// The values of a flag, in order.
    pub(super) fn texts(&self, wanted: &str) -> Vec<Text> {
        self.0.iter().filter(|word| is_named(word, wanted)).filter_map(|word| value(word, wanted)).collect()
    }

    /// The value of a flag that may be given once.
    pub(super) fn text(&self, wanted: &str) -> Option<Text> {
        value(self.word(wanted)?, wanted)
    }

    /// The value of a flag that takes none, or true or false; `None` where it was not given.
    pub(super) fn bool(&self, wanted: &str) -> Option<bool> {
        Some(is_set(value(self.word(wanted)?, wanted).as_ref()))
    }
}

/// What a flag says that takes none, or true or false.
pub(super) fn is_set(value: Option<&Text>) -> bool {
    value.is_none_or(|value| value.to_lowercase() == "true")
}

/// Whether the word is the flag of that name, which has no `=` in it.
fn is_named(word: &Token, name: &str) -> bool {
    let behind = word.text.as_bytes().strip_prefix(b"--").and_then(|flag| flag.strip_prefix(name.as_bytes()));
    behind.is_some_and(|behind| matches!(behind.first(), None | Some(b'=')))
}

/// The value that the word gives to the flag of that name, if it gives one.
fn value(word: &Token, name: &str) -> Option<Text> {
    word.text.get("--=".len() + name.len()..word.text.len())
}

fn check_value(name: &str, value: Option<Text>, takes: Takes) -> Result<(), String> {
    match (takes, value) {
        (Takes::Bool, None) | (Takes::Text | Takes::Texts, Some(_)) => Ok(()),
        (Takes::Bool, Some(value)) if ["true", "false"].contains(&value.to_lowercase().as_str()) => Ok(()),
        (Takes::Bool, Some(value)) if !value.is_empty() => {
            Err(format!("expecting boolean value for flag --{name}, not: {value}"))
        }
        _ => Err(format!("missing a value on flag: --{name}")),
    }
}
