//! The rules of Go's standard library that show in what BuildKit makes of a text: how bytes become characters,
//! what counts as space, letter or digit, how `%q` quotes. Bytes or text in, text out. Knows nothing of
//! Dockerfiles.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;

/// The first character of `bytes` and its width; a byte that starts no character stands as U+FFFD, alone.
pub(super) fn first_char(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    let width = match first {
        0..=0x7f => return Some((char::from(first), 1)),
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((char::REPLACEMENT_CHARACTER, 1)),
    };
    let decoded = bytes.get(..width).and_then(|bytes| std::str::from_utf8(bytes).ok()?.chars().next());
    Some(decoded.map_or((char::REPLACEMENT_CHARACTER, 1), |character| (character, width)))
}

/// The last character of `bytes` and its width.
fn last_char(bytes: &[u8]) -> Option<(char, usize)> {
    let last = *bytes.last()?;
    if last.is_ascii() {
        return Some((char::from(last), 1));
    }
    (2..=bytes.len().min(4))
        .find_map(|width| first_char(&bytes[bytes.len() - width..]).filter(|found| found.1 == width))
        .or(Some((char::REPLACEMENT_CHARACTER, 1)))
}

/// The bytes as text, each byte that is not UTF-8 as one U+FFFD.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| Cow::Owned(decode_lossily(bytes)), Cow::Borrowed)
}

fn decode_lossily(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// How many bytes of Unicode white space stand in front.
pub(super) fn leading_space(bytes: &[u8]) -> usize {
    let mut at = 0;
    // Most texts begin and end with a character of ASCII that is no space.
    while !bytes.get(at).is_some_and(u8::is_ascii_graphic)
        && let Some((character, width)) = first_char(&bytes[at..])
        && character.is_whitespace()
    {
        at += width;
    }
    at
}

/// The length of `bytes` without the Unicode white space at its end.
pub(super) fn trimmed_end(bytes: &[u8]) -> usize {
    let mut end = bytes.len();
    while !bytes[..end].last().is_some_and(u8::is_ascii_graphic)
        && let Some((character, width)) = last_char(&bytes[..end])
        && character.is_whitespace()
    {
        end -= width;
    }
    end
}

/// Whether a byte, taken for a character of Latin-1, is white space: BuildKit reads flags byte by byte.
pub(super) fn is_latin1_space(byte: u8) -> bool {
    char::from(byte).is_whitespace()
}

/// A letter (category L).
pub(super) fn is_letter(character: char) -> bool {
    static LETTER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{L}$").ok());
    character.is_ascii_alphabetic() || (!character.is_ascii() && matches_class(&LETTER, character))
}

/// A decimal digit (category Nd).
pub(super) fn is_digit(character: char) -> bool {
    static DIGIT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{Nd}$").ok());
    character.is_ascii_digit() || (!character.is_ascii() && matches_class(&DIGIT, character))
}

/// Letters, marks, numbers, punctuation, symbols and the ASCII space.
fn is_printable(character: char) -> bool {
    static PRINTABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]$").ok());
    matches!(character, ' '..='~') || (!character.is_ascii() && matches_class(&PRINTABLE, character))
}

fn matches_class(class: &LazyLock<Option<Regex>>, character: char) -> bool {
    class.as_ref().is_some_and(|class| class.is_match(character.encode_utf8(&mut [0; 4])))
}

/// `strings.ToLower`: one character for each character.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    let lower = |character: char| character.to_lowercase().next().unwrap_or(character);
    Cow::Owned(text.chars().map(lower).collect())
}

/// `strings.ToUpper`: one character for each character.
pub(super) fn upper(text: &str) -> String {
    let upper = |character: char| {
        let mut upper = character.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(single), None) => single,
            _ => character,
        }
    };
    text.chars().map(upper).collect()
}

/// `strconv.Quote`.
pub(super) fn quote(text: &str) -> String {
    quote_bytes(text.as_bytes())
}

/// `strconv.Quote` of bytes that need not be UTF-8.
pub(super) fn quote_bytes(bytes: &[u8]) -> String {
    let mut quoted = String::from('"');
    let mut at = 0;
    while let Some((character, width)) = first_char(&bytes[at..]) {
        let byte = bytes[at];
        at += width;
        let escape = match character {
            '"' => r#"\""#,
            '\\' => r"\\",
            '\x07' => r"\a",
            '\x08' => r"\b",
            '\x0c' => r"\f",
            '\n' => r"\n",
            '\r' => r"\r",
            '\t' => r"\t",
            '\x0b' => r"\v",
            _ => "",
        };
        let code = u32::from(character);
        // Writing to a String cannot fail.
        let _ = match () {
            () if !escape.is_empty() => write!(quoted, "{escape}"),
            () if character == char::REPLACEMENT_CHARACTER && width == 1 => write!(quoted, r"\x{byte:02x}"),
            () if is_printable(character) => write!(quoted, "{character}"),
            () if code < 0x80 => write!(quoted, r"\x{code:02x}"),
            () if code < 0x1_0000 => write!(quoted, r"\u{code:04x}"),
            () => write!(quoted, r"\U{code:08x}"),
        };
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_byte_by_byte() {
        assert_eq!(decode(b"a\xe2\x82b\xff"), "a\u{fffd}\u{fffd}b\u{fffd}");
        assert_eq!(first_char(b"\xe2\x82"), Some(('\u{fffd}', 1)));
        assert_eq!(last_char("\u{20ac}".as_bytes()), Some(('\u{20ac}', 3)));
        assert_eq!(trimmed_end("a\u{a0} \u{2028}".as_bytes()), 1);
        assert_eq!(trimmed_end(b"a\xa0"), 2);
    }

    #[test]
    fn quotes_as_go_does() {
        assert_eq!(quote_bytes(b"\xffa"), r#""\xffa""#);
        assert_eq!(quote("a\"b\\\t\u{7f}\u{e9}\u{200b}\u{fffd}"), "\"a\\\"b\\\\\\t\\x7f\u{e9}\\u200b\u{fffd}\"");
    }

    #[test]
    fn knows_letters_and_digits_of_other_scripts() {
        assert!(is_letter('\u{e9}') && !is_letter('\u{2160}') && is_digit('\u{663}') && !is_digit('\u{b2}'));
        assert_eq!((lower("\u{130}K").as_ref(), upper("\u{df}a").as_str()), ("ik", "\u{df}A"));
    }
}
