//! Values that look like secrets: by the name they are given to, or by their own form. In go names, values
//! and instruction texts, out come verdicts and texts with the values masked. This is a guess on the safe
//! side, for what is shown and kept; it never decides whether a step runs.

mod expansion;
mod value;
mod spoken;
pub mod taint;

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use value::{Ends, word_end};

/// What stands in place of a masked value.
pub const MASK: &str = "***";

/// Whether [`looks_secret`] and [`mask`] would find nothing: true of most values, and quickly told.
#[must_use]
pub fn is_plain(name: &str, value: &str) -> bool {
    name.is_ascii() && !has_clue(name) && !has_clue(value)
}

/// Whether a value given to that name should be neither shown nor kept. Empty values, plain references to
/// a variable and switches (`true`, `0`) hide nothing.
#[must_use]
pub fn looks_secret(name: &str, value: &str) -> bool {
    (is_secret_name(name) && !is_harmless(value)) || is_secret_value(value)
}

/// The text with the values of secret-looking names masked (`NAME=value`, `ENV NAME value`, `--name value`,
/// `"name": "value"`), and values that look like secrets wherever they stand.
#[must_use]
pub fn mask(text: &str) -> String {
    if !has_clue(text) {
        return text.to_owned();
    }
    veiled(text).shown
}

/// The same in place.
pub fn mask_in(text: &mut String) {
    if has_clue(text) {
        *text = veiled(text).shown;
    }
}

/// The places of a text over which [`mask`] lays the mask, in order; none touches another.
#[must_use]
pub fn places(text: &str) -> Vec<Range<usize>> {
    if has_clue(text) { veiled(text).places } else { Vec::new() }
}

fn veiled(text: &str) -> Veil<'_> {
    let mut veil = Veil { text, places: Vec::new(), shown: text.to_owned() };
    let words =
        expansion::all(text).into_iter().filter(|found| looks_secret(found.name, unquoted(&text[found.word.clone()])));
    veil.lay(words.map(|found| found.word).collect());
    let ends = if is_assignment(text) { Ends::Word } else { Ends::Command };
    for (regex, ends) in [(&PAIR, ends), (&SPACED, Ends::Command)] {
        veil.cover(regex, |text, found| {
            let (name, start) = (&found["name"], found.get(0)?.end());
            let value = is_secret_name(name).then(|| start..word_end(text, start, ends))?;
            looks_secret(name, unquoted(&text[value.clone()])).then_some(value)
        });
    }
    for regex in [&JSON_PAIR, &JSON_FLAG, &LEGACY] {
        veil.cover(regex, |_, found| {
            let value = found.name("value")?;
            looks_secret(&found["name"], unquoted(value.as_str())).then(|| value.range())
        });
    }
    veil.cover(&AUTHORIZATION, |_, found| authorization(found));
    for (regex, secret) in spoken::FORMS {
        veil.cover(regex, secret);
    }
    veil.cover(&URL_PASSWORD, |_, found| {
        let password = found.name("password")?;
        (!is_harmless(password.as_str())).then(|| password.range())
    });
    veil.cover(&SECRET_VALUE, |_, found| Some(found.get(0)?.range()));
    veil
}

/// A text and the masks laid over it so far. Each pattern is looked for in what is still to be seen.
struct Veil<'a> {
    text: &'a str,
    /// What is masked, in `text`.
    places: Vec<Range<usize>>,
    /// The text with the masks.
    shown: String,
}

impl Veil<'_> {
    /// Masks the part of each match that `secret` names in what is still to be seen.
    fn cover(&mut self, regex: &LazyLock<Option<Regex>>, secret: impl Fn(&str, &Captures<'_>) -> Option<Range<usize>>) {
        let Some(regex) = regex.as_ref() else { return };
        let found = regex.captures_iter(&self.shown).filter_map(|found| secret(&self.shown, &found));
        self.lay(found.map(|seen| self.behind(seen.start, false)..self.behind(seen.end, true)).collect());
    }

    /// Masks these places of the text.
    fn lay(&mut self, found: Vec<Range<usize>>) {
        if found.is_empty() {
            return;
        }
        self.places.extend(found);
        self.places.sort_by_key(|place| place.start);
        self.places.dedup_by(|next, place| {
            let overlap = next.start <= place.end;
            if overlap {
                place.end = place.end.max(next.end);
            }
            overlap
        });
        let starts = std::iter::once(0).chain(self.places.iter().map(|place| place.end));
        let ends = self.places.iter().map(|place| place.start).chain([self.text.len()]);
        let seen: Vec<&str> = starts.zip(ends).map(|(start, end)| &self.text[start..end]).collect();
        self.shown = seen.join(MASK);
    }

    /// The offset in the text behind one in what is shown. Within a mask it is the start or the end of what is masked.
    fn behind(&self, seen: usize, is_end: bool) -> usize {
        let (mut offset, mut seen_offset) = (0, 0);
        for place in &self.places {
            let start = seen_offset + (place.start - offset);
            if seen < start || (is_end && seen == start) {
                break;
            }
            let end = start + MASK.len();
            if seen < end || (is_end && seen == end) {
                return if is_end { place.end } else { place.start };
            }
            (offset, seen_offset) = (place.end, end);
        }
        offset + (seen - seen_offset)
    }
}

/// Endings of a word of a name, in upper case.
const WORD_ENDINGS: [&str; 14] = [
    "TOKEN",
    "TOKENS",
    "SECRET",
    "SECRETS",
    "PASSWORD",
    "PASSWORDS",
    "PASSWD",
    "PASSPHRASE",
    "APIKEY",
    "APIKEYS",
    "PRIVATEKEY",
    "ACCESSKEY",
    "CREDENTIAL",
    "CREDENTIALS",
];
/// Whole words of a name; `PWD` alone is the working folder.
const WORDS: [&str; 4] = ["AUTH", "PASS", "PAT", "PWD"];
/// Words in front of `KEY`.
const KEY_KINDS: [&str; 7] = ["API", "PRIVATE", "ACCESS", "SIGNING", "ENCRYPTION", "SSH", "DEPLOY"];

/// What every masked text holds somewhere, in lower case: a part of a secret-looking name, or of a value's form.
const CLUES: [&str; 21] = [
    "token",
    "secret",
    "pass",
    "pwd",
    "auth",
    "pat",
    "key",
    "credential",
    "gh",
    "glpat-",
    "npm_",
    "xox",
    "sk-",
    "akia",
    "asia",
    "aiza",
    "eyj",
    "-----begin",
    "://",
    "private",
    "access",
];

/// For each first byte of a clue, in either case, the low five bits of what may follow it; they do not tell cases apart.
static SECOND: [u32; 256] = following(1);
/// The same of what may follow that. Few texts hold a clue, but many its first two bytes.
static THIRD: [u32; 256] = following(2);

const fn following(place: usize) -> [u32; 256] {
    with_clues(with_clues([0; 256], &CLUES, place), &spoken::CLUES, place)
}

/// Anything may follow a clue that ends before that place.
const fn with_clues(mut table: [u32; 256], clues: &[&str], place: usize) -> [u32; 256] {
    let mut index = 0;
    while index < clues.len() {
        let clue = clues[index].as_bytes();
        let bits = if place < clue.len() { 1 << (clue[place] & 31) } else { u32::MAX };
        table[clue[0] as usize] |= bits;
        table[clue[0].to_ascii_uppercase() as usize] |= bits;
        index += 1;
    }
    table
}

/// Whether a closer look is worth it. Most texts hold no clue, and then no regular expression is ever compiled. Every
/// value of every step is looked at, so this reads a text once.
fn has_clue(text: &str) -> bool {
    let bytes = text.as_bytes();
    let may_be = |table: &[u32; 256], first: u8, next: u8| table[usize::from(first)] >> (next & 31) & 1 == 1;
    let is_third = |at: usize| bytes.get(at + 2).is_none_or(|third| may_be(&THIRD, bytes[at], *third));
    let mut pairs = bytes.iter().zip(bytes.iter().skip(1)).enumerate();
    pairs
        .any(|(at, (first, second))| may_be(&SECOND, *first, *second) && is_third(at) && starts_with_clue(&bytes[at..]))
}

/// Clues are written in lower case.
fn starts_with_clue(bytes: &[u8]) -> bool {
    let Some(first) = bytes.first().map(u8::to_ascii_lowercase) else { return false };
    // Few share the first byte, and the others need no closer look.
    let is_here = |clue: &&str| {
        clue.as_bytes()[0] == first
            && bytes.get(..clue.len()).is_some_and(|found| found.eq_ignore_ascii_case(clue.as_bytes()))
    };
    CLUES.iter().any(is_here) || spoken::CLUES.iter().any(is_here)
}

fn is_secret_name(name: &str) -> bool {
    // The words below hold a clue each, save those written in letters that only become ASCII in upper case.
    if name.is_ascii() && !has_clue(name) {
        return false;
    }
    let words = words(name);
    // `DB_PASSWORD_FILE` names a place, not a value.
    if words.last().is_some_and(|word| matches!(word.as_str(), "FILE" | "PATH" | "DIR")) {
        return false;
    }
    let is_named = |(index, word): (usize, &String)| {
        let pair = index > 0 && word == "KEY" && KEY_KINDS.contains(&words[index - 1].as_str());
        let whole = WORDS.contains(&word.as_str()) && (word != "PWD" || (index > 0 && words[index - 1] != "OLD"));
        pair || whole || WORD_ENDINGS.iter().any(|ending| word.ends_with(ending))
    };
    words.iter().enumerate().any(is_named)
}

/// `npmAuthToken`, `NPM_AUTH_TOKEN` and `npm.auth-token` are the words NPM, AUTH and TOKEN.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (after_lower && character.is_uppercase()) {
            words.push(String::new());
        }
        if character.is_alphanumeric() {
            words.last_mut().into_iter().for_each(|word| word.extend(character.to_uppercase()));
        }
        after_lower = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether an instruction assigns words of a Dockerfile, not of a shell.
fn is_assignment(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace().map(str::to_ascii_uppercase);
    let keyword = words.next().filter(|word| word != "ONBUILD").or_else(|| words.next());
    keyword.is_some_and(|word| matches!(word.as_str(), "ENV" | "ARG" | "LABEL"))
}

fn is_harmless(value: &str) -> bool {
    let lower = value.trim().to_ascii_lowercase();
    matches!(lower.as_str(), "" | "0" | "1" | "true" | "false" | "yes" | "no" | "on" | "off" | "none" | "null" | MASK)
        || (lower.starts_with('$') && REFERENCE.as_ref().is_some_and(|reference| reference.is_match(value.trim())))
}

fn is_secret_value(value: &str) -> bool {
    if !has_clue(value) {
        return false;
    }
    let matches = |regex: &LazyLock<Option<Regex>>| regex.as_ref().is_some_and(|regex| regex.is_match(value));
    let header = AUTHORIZATION.as_ref().and_then(|regex| regex.captures(value));
    let has_authorization = header.is_some_and(|found| authorization(&found).is_some());
    let password = URL_PASSWORD.as_ref().and_then(|regex| regex.captures(value));
    matches(&SECRET_VALUE) || has_authorization || password.is_some_and(|found| !is_harmless(&found["password"]))
}

fn unquoted(value: &str) -> &str {
    let inner = |quote| value.strip_prefix(quote).map(|rest| rest.strip_suffix(quote).unwrap_or(rest));
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

/// The patterns are constants: each compiles, which the tests below prove by using every one.
fn regex(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// `NAME=value`.
static PAIR: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r"(?:^|[^A-Za-z0-9_.$\{])(?<name>[A-Za-z_][A-Za-z0-9_.-]*)="));
/// `"name": "value"`.
static JSON_PAIR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(
        r#"(?<before>["'])(?<name>[A-Za-z_][A-Za-z0-9_.-]*)(?<between>["'][ \t\r\n]*:[ \t\r\n]*["'])(?<value>(?:[^"'\\]|\\.)+)"#,
    )
});
/// `"--name", "value"` of the JSON form.
static JSON_FLAG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(
        r#"(?<before>["']--?)(?<name>[A-Za-z_][A-Za-z0-9_.-]*)(?<between>["'][ \t\r\n]*,[ \t\r\n]*["'])(?<value>(?:[^"'\\]|\\.)+)"#,
    )
});
/// `ENV NAME the whole rest`.
static LEGACY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(
        r"(?s)(?<before>^[ \t\r\n]*(?i:ONBUILD[ \t\r\n]+)?(?i:ENV|LABEL)[ \t\r\n]+)(?<name>[A-Za-z_][A-Za-z0-9_.-]*)(?<between>[ \t\r\n]+)(?<value>.+)",
    )
});
static SPACED: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r"[ \t\r\n]--(?<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t\r\n]+"));
static REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"^\$([A-Za-z0-9_]+|\{[A-Za-z0-9_]+\}|\(.*\))$"));
static AUTHORIZATION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(
        r"(?i:authorization)[ \t]*:[ \t\r\n]*(?<scheme>(?i:bearer|basic|token)[ \t\r\n]+)?(?<value>[^ \t\r\n'\x22$]+)",
    )
});

/// The value of a header; a scheme alone is none.
fn authorization(found: &Captures<'_>) -> Option<Range<usize>> {
    let value = found.name("value")?;
    let lower = value.as_str().to_ascii_lowercase();
    let is_scheme = found.name("scheme").is_none() && matches!(lower.as_str(), "bearer" | "basic" | "token");
    (!is_scheme && !is_harmless(&lower)).then(|| value.range())
}

static URL_PASSWORD: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r"(?<before>[A-Za-z][A-Za-z0-9+.-]*://[^ \t\r\n/@:]*:)(?<password>[^ \t\r\n/@]+)@"));
static SECRET_VALUE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(
        &[
            r"(?-u:\b)gh[pousr]_[A-Za-z0-9]{16,}",
            r"(?-u:\b)github_pat_[A-Za-z0-9_]{16,}",
            r"(?-u:\b)glpat-[A-Za-z0-9_-]{16,}",
            r"(?-u:\b)npm_[A-Za-z0-9]{24,}",
            r"(?-u:\b)xox[abeprs]-[A-Za-z0-9_-]{10,}",
            r"(?-u:\b)sk-[A-Za-z0-9_-]{20,}",
            r"(?-u:\b)(?:AKIA|ASIA)[A-Z0-9]{16}(?-u:\b)",
            r"(?-u:\b)AIza[A-Za-z0-9_-]{35}",
            r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
            r"(?s)-----BEGIN [A-Z ]*(?:-----.*?(?:-----END [A-Z ]*-----|$))",
        ]
        .join("|"),
    )
});

#[cfg(test)]
mod tests;
