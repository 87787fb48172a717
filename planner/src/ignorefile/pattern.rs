//! One cleaned pattern of an ignore file, and whether a whole path matches it. Most patterns are plain names or
//! hold one `*`; they are answered by comparing bytes. The rest go through [`go_regex`], and every shortcut
//! here must give the answer the regular expression would.

use std::borrow::Cow;

use regex::bytes::Regex;

use super::go_regex::{self, Form};
use crate::glob::{BadPattern, Glob};

/// A pattern without its `!`.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    cleaned: Vec<u8>,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    /// The path is this.
    Exact,
    /// The path begins so, at any depth: `dir/**`.
    Prefix(Vec<u8>),
    /// The path ends so: `**.txt`, `**/name`.
    Suffix(Vec<u8>),
    /// `before*after`: the star takes no slash.
    Star { before: Vec<u8>, after: Vec<u8> },
    /// `**/before*after`: the path's last component, in any folder.
    DeepStar { before: Vec<u8>, after: Vec<u8> },
    /// Anything else.
    Regex(Regex),
    /// Passes `filepath.Match` but is no regular expression.
    Broken,
}

impl Pattern {
    /// Reads a cleaned pattern.
    pub(super) fn new(cleaned: &[u8]) -> Result<Self, BadPattern> {
        Glob::new(cleaned)?;
        // BuildKit hands the patterns on as JSON, where no byte survives that is not UTF-8.
        let cleaned = as_go_decodes(cleaned).into_owned();
        let matcher = shortcut(&cleaned).unwrap_or_else(|| general(&cleaned));
        Ok(Self { cleaned, matcher })
    }

    /// Whether the whole of `path` matches; `None` if the pattern cannot tell.
    pub(super) fn matches(&self, path: &[u8]) -> Option<bool> {
        Some(match &self.matcher {
            Matcher::Exact => path == self.cleaned,
            Matcher::Prefix(prefix) => path.starts_with(prefix),
            Matcher::Suffix(suffix) => path.ends_with(suffix) || suffix.strip_prefix(b"/") == Some(path),
            Matcher::Star { before, after } => is_star_between(before, after, path),
            Matcher::DeepStar { before, after } => {
                let name = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
                // `.` of a regular expression, which stands for the folders here, takes no newline.
                is_star_between(before, after, &path[name..]) && !path[..name].contains(&b'\n')
            }
            Matcher::Regex(regex) => regex.is_match(&as_go_decodes(path)),
            Matcher::Broken => return None,
        })
    }

    /// The text up to a last `/**` and then a last `/*`, which fsutil compares with folders.
    pub(super) fn stem(&self) -> &[u8] {
        let stem = self.cleaned.strip_suffix(b"/**").unwrap_or(&self.cleaned);
        stem.strip_suffix(b"/*").unwrap_or(stem)
    }
}

fn is_star_between(before: &[u8], after: &[u8], path: &[u8]) -> bool {
    path.len() >= before.len() + after.len()
        && path.starts_with(before)
        && path.ends_with(after)
        && !path[before.len()..path.len() - after.len()].contains(&b'/')
}

/// The matcher for a pattern with one star, perhaps behind `**/`.
fn shortcut(cleaned: &[u8]) -> Option<Matcher> {
    let text = std::str::from_utf8(cleaned).ok()?;
    // `^` is live in a regular expression, a leading U+FEFF is dropped by Go's scanner, and U+FFFD stands for any
    // byte that is not UTF-8.
    if text.contains(['\\', '[', ']', '?', '^', '\u{feff}', '\u{fffd}']) {
        return None;
    }
    let (is_deep, rest) = match text.strip_prefix("**/") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (before, after) = rest.split_once('*').filter(|(_, after)| !after.contains('*'))?;
    let (before, after) = (before.as_bytes().to_vec(), after.as_bytes().to_vec());
    match is_deep {
        false => Some(Matcher::Star { before, after }),
        true if !rest.contains('/') => Some(Matcher::DeepStar { before, after }),
        true => None,
    }
}

/// The matcher by patternmatcher's own division.
fn general(cleaned: &[u8]) -> Matcher {
    let (form, regex) = go_regex::write(cleaned);
    match form {
        Form::Exact => Matcher::Exact,
        // Two bytes are cut off the pattern as it stands, whatever its form was read from.
        Form::Prefix => Matcher::Prefix(cleaned[..cleaned.len() - 2].to_vec()),
        Form::Suffix => Matcher::Suffix(cleaned[2..].to_vec()),
        Form::Regex => {
            go_regex::translate(&regex).and_then(|regex| compile(&regex)).map_or(Matcher::Broken, Matcher::Regex)
        }
    }
}

fn compile(regex: &str) -> Option<Regex> {
    /// Go sets no bound; this one is far above what a line of 64 KiB needs in practice.
    const SIZE_LIMIT: usize = 256 << 20;
    regex::bytes::RegexBuilder::new(regex).size_limit(SIZE_LIMIT).build().ok()
}

/// The bytes as Go reads characters from them: each byte that is not UTF-8 is one U+FFFD.
fn as_go_decodes(bytes: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(bytes).is_ok() {
        return Cow::Borrowed(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.extend_from_slice(chunk.valid().as_bytes());
        chunk.invalid().iter().for_each(|_| text.extend_from_slice("\u{fffd}".as_bytes()));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::{Pattern, compile, go_regex};

    /// Patterns and paths over few characters, from a seed: xorshift, to need no crate and give the same run.
    fn random_text(seed: &mut u64, characters: &[&str], n_longest: u64) -> String {
        let mut draw = |below: u64| {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            *seed % below
        };
        (0..=draw(n_longest)).map(|_| characters[draw(characters.len() as u64) as usize]).collect()
    }

    #[test]
    fn shortcuts_answer_as_the_regular_expression_would() {
        let (mut seed, mut n_shortcuts, mut n_matches) = (0x5eed, 0, 0);
        for _ in 0..6_000 {
            let text = random_text(&mut seed, &["a", "b", "é", ".", "*", "*", "**/", "/", "**"], 5);
            if super::shortcut(text.as_bytes()).is_none() {
                continue;
            }
            n_shortcuts += 1;
            let pattern = Pattern::new(text.as_bytes()).unwrap();
            let slow = compile(&go_regex::translate(&go_regex::write(text.as_bytes()).1).unwrap()).unwrap();
            for _ in 0..20 {
                let path = random_text(&mut seed, &["a", "b", "é", ".", "/", "\n"], 7);
                n_matches += usize::from(slow.is_match(path.as_bytes()));
                assert_eq!(pattern.matches(path.as_bytes()), Some(slow.is_match(path.as_bytes())), "{text:?} {path:?}");
            }
        }
        assert!(n_shortcuts > 500 && n_matches > 500, "{n_shortcuts} shortcuts, {n_matches} matches");
    }
}
