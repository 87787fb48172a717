//! JSON as far as a Dockerfile needs it: the array of the exec form, and the `syntax` key of a file that is a
//! JSON object. Go's rules hold, not the standard's: bytes that are not UTF-8 and lone surrogates are read as
//! U+FFFD, a number too large for a float spoils the whole text. Bytes in, strings and their places out.

use std::borrow::Cow;
use std::ops::Range;

use super::go;

/// Go refuses values nested deeper than this.
const MAX_DEPTH: usize = 10_000;

/// One element of an array: its place, and its text if it is a string.
pub(super) struct Element<'a> {
    /// From the first byte to behind the last, quotes included.
    pub(super) range: Range<usize>,
    /// The decoded string.
    pub(super) text: Option<Cow<'a, str>>,
}

/// The elements, if all of `bytes` is one JSON array.
pub(super) fn array(bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let start = skip_space(bytes, 0);
    if bytes.get(start) != Some(&b'[') {
        return None;
    }
    let mut elements = Vec::new();
    walk(bytes, &mut |depth, role, range| {
        if depth == 1 && role == Role::Value {
            let is_string = bytes[range.start] == b'"';
            let text = is_string.then(|| string(&bytes[range.start + 1..range.end - 1]));
            elements.push(Element { range, text });
        }
    })?;
    Some(elements)
}

/// The string at `key`, if all of `bytes` is one JSON object; of several the last counts.
pub(super) fn object_string(bytes: &[u8], key: &str) -> Option<String> {
    let start = skip_space(bytes, 0);
    if bytes.get(start) != Some(&b'{') {
        return None;
    }
    let mut is_wanted = false;
    let mut found = None;
    walk(bytes, &mut |depth, role, range| {
        if depth != 1 {
            return;
        }
        let is_string = bytes[range.start] == b'"';
        let text = || string(&bytes[range.start + 1..range.end - 1]);
        match role {
            Role::Key => is_wanted = text() == key,
            Role::Value if is_wanted => found = is_string.then(|| text().into_owned()),
            Role::Value => {}
        }
    })?;
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Key,
    Value,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Key,
    Colon,
    CommaOrEnd,
}

/// Walks one JSON value, calling `visit` with depth, role and place of each key and scalar, and of each
/// container at its start (an empty range). `None` where the bytes are no JSON value.
fn walk(bytes: &[u8], visit: &mut dyn FnMut(usize, Role, Range<usize>)) -> Option<()> {
    let mut open: Vec<u8> = Vec::new();
    let mut expect = Expect::Value;
    let mut at = skip_space(bytes, 0);
    loop {
        let byte = *bytes.get(at)?;
        match (expect, byte) {
            (Expect::ValueOrEnd | Expect::CommaOrEnd, b']') if open.last() == Some(&b'[') => {
                open.pop();
                at += 1;
                expect = Expect::CommaOrEnd;
            }
            (Expect::KeyOrEnd | Expect::CommaOrEnd, b'}') if open.last() == Some(&b'{') => {
                open.pop();
                at += 1;
                expect = Expect::CommaOrEnd;
            }
            (Expect::CommaOrEnd, b',') => {
                at += 1;
                expect = if open.last() == Some(&b'{') { Expect::Key } else { Expect::Value };
            }
            (Expect::Colon, b':') => {
                at += 1;
                expect = Expect::Value;
            }
            (Expect::Key | Expect::KeyOrEnd, b'"') => {
                let end = string_end(bytes, at)?;
                visit(open.len(), Role::Key, at..end);
                at = end;
                expect = Expect::Colon;
            }
            (Expect::Value | Expect::ValueOrEnd, b'[' | b'{') => {
                visit(open.len(), Role::Value, at..at);
                open.push(byte);
                at += 1;
                expect = if byte == b'[' { Expect::ValueOrEnd } else { Expect::KeyOrEnd };
            }
            (Expect::Value | Expect::ValueOrEnd, _) => {
                let end = scalar_end(bytes, at)?;
                visit(open.len(), Role::Value, at..end);
                at = end;
                expect = Expect::CommaOrEnd;
            }
            _ => return None,
        }
        if open.len() > MAX_DEPTH {
            return None;
        }
        at = skip_space(bytes, at);
        if open.is_empty() && expect == Expect::CommaOrEnd {
            return (at == bytes.len()).then_some(());
        }
    }
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// The end of a string, number or literal that starts at `at`.
fn scalar_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    match rest.first()? {
        b'"' => string_end(bytes, at),
        b't' if rest.starts_with(b"true") => Some(at + 4),
        b'f' if rest.starts_with(b"false") => Some(at + 5),
        b'n' if rest.starts_with(b"null") => Some(at + 4),
        _ => number_end(bytes, at),
    }
}

fn number_end(bytes: &[u8], start: usize) -> Option<usize> {
    let digits = |at: usize| {
        let n_digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        (n_digits > 0).then_some(at + n_digits)
    };
    let mut at = start + usize::from(bytes[start] == b'-');
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at = digits(at + usize::from(matches!(bytes.get(at), Some(b'+' | b'-'))))?;
    }
    let number: f64 = std::str::from_utf8(&bytes[start..at]).ok()?.parse().ok()?;
    number.is_finite().then_some(at)
}

/// The end of the string whose opening quote stands at `start`.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match *bytes.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' if hex(bytes, at + 2).is_some() => at += 6,
                _ => return None,
            },
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// What a string's inside means; it has been walked over before.
fn string(inside: &[u8]) -> Cow<'_, str> {
    if inside.contains(&b'\\') { Cow::Owned(unescaped(inside)) } else { go::decode(inside) }
}

fn unescaped(inside: &[u8]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while let Some((character, width)) = go::first_char(&inside[at..]) {
        if character != '\\' {
            text.push(character);
            at += width;
            continue;
        }
        let escaped = inside.get(at + 1).copied().unwrap_or(b'\\');
        at += 2;
        text.push(match escaped {
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = hex(inside, at).unwrap_or_default();
                at += 4;
                let low = inside[at.min(inside.len())..].strip_prefix(br"\u").and_then(|rest| hex(rest, 0));
                match (unit, low) {
                    (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                        at += 6;
                        char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
                    }
                    _ => char::from_u32(unit),
                }
                .unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => char::from(other),
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> Option<Vec<Option<String>>> {
        Some(array(text.as_bytes())?.into_iter().map(|element| element.text.map(Cow::into_owned)).collect())
    }

    fn one(text: &str) -> Option<String> {
        strings(text)?.into_iter().next()?
    }

    #[test]
    fn reads_strings_as_go_does() {
        assert_eq!(one(r#"["a\u0041\n\/"]"#).as_deref(), Some("aA\n/"));
        assert_eq!(one(r#"["\ud83d\ude00"]"#).as_deref(), Some("\u{1f600}"));
        assert_eq!(one(r#"["\ud83dx\udc00"]"#).as_deref(), Some("\u{fffd}x\u{fffd}"));
        assert_eq!(strings("[]"), Some(vec![]));
        assert_eq!(strings(r#"["a", [1, {"b": null}], "c"]"#), Some(vec![Some("a".into()), None, Some("c".into())]));
        assert_eq!(array(b"[\"a\xff\"]").and_then(|mut found| found.remove(0).text).as_deref(), Some("a\u{fffd}"));
    }

    #[test]
    fn refuses_what_go_refuses() {
        let bad =
            ["['a']", r#"["a"] x"#, r#"["a",]"#, r#"["\x"]"#, "[\"\t\"]", "[1e999]", "[01]", "[", "", r#"{"a":1}"#];
        for text in bad {
            assert_eq!(strings(text), None, "{text}");
        }
        assert_eq!(strings(&"[".repeat(MAX_DEPTH + 1)), None);
    }

    #[test]
    fn finds_the_last_key_of_an_object() {
        let text = br#"{"syntax": "a", "x": {"syntax": "b"}, "syntax": "c"}"#;
        assert_eq!(object_string(text, "syntax").as_deref(), Some("c"));
        assert_eq!(object_string(b"{\"syntax\": 1}", "syntax"), None);
    }
}
