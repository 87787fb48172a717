//! Wildcards of one path component's kind, with the rules of Go's `path.Match`, which BuildKit applies to
//! COPY and ADD sources: `*` is any run without `/`, `?` one character but `/`, `[a-z]` and `[^a-z]` one
//! character, and a backslash takes the next byte literally. Bytes in, an answer out. Characters are UTF-8;
//! a byte that is none counts as U+FFFD, so any name can be asked about. No braces, no `**`, no walking.

/// A pattern that `path.Match` refuses: an open or empty class, a range without an end, a last backslash.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// A pattern ready to be asked often.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glob(Vec<Token>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Star,
    AnyCharacter,
    Byte(u8),
    Class { negated: bool, ranges: Vec<(u32, u32)> },
}

/// Whether the whole of `name` matches `pattern`.
///
/// # Errors
/// [`BadPattern`] for a malformed pattern, whatever the name: Go checks the rest of a pattern even after the
/// name has failed to match (since Go 1.16).
pub fn matches(pattern: &[u8], name: &[u8]) -> Result<bool, BadPattern> {
    Ok(Glob::new(pattern)?.matches(name))
}

/// Whether a source holds a live wildcard: `*`, `?` or `[` that no backslash takes literally.
#[must_use]
pub fn has_wildcard(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`BadPattern`] for a malformed one.
    pub fn new(pattern: &[u8]) -> Result<Self, BadPattern> {
        let (mut tokens, mut rest) = (Vec::new(), pattern);
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            let token = match first {
                b'*' => Token::Star,
                b'?' => Token::AnyCharacter,
                b'[' => read_class(&mut rest)?,
                b'\\' => {
                    let (escaped, after) = rest.split_first().ok_or(BadPattern)?;
                    rest = after;
                    Token::Byte(*escaped)
                }
                byte => Token::Byte(*byte),
            };
            tokens.push(token);
        }
        Ok(Self(tokens))
    }

    /// Whether the whole of `name` matches.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        let (mut token, mut at) = (0, 0);
        let mut last_star = None;
        loop {
            match self.0.get(token) {
                Some(Token::Star) => {
                    token += 1;
                    last_star = Some((token, at));
                    continue;
                }
                Some(one) => {
                    if let Some(width) = one.width_at(&name[at..]) {
                        (token, at) = (token + 1, at + width);
                        continue;
                    }
                }
                None if at == name.len() => return true,
                None => {}
            }
            // Only the last star can give way: what stood before it matched as early as it could.
            match last_star {
                Some((after_star, from)) if name.get(from).is_some_and(|byte| *byte != b'/') => {
                    (token, at) = (after_star, from + 1);
                    last_star = Some((after_star, from + 1));
                }
                _ => return false,
            }
        }
    }
}

impl Token {
    /// How many bytes of `rest` the token takes; `None` if it does not match there.
    fn width_at(&self, rest: &[u8]) -> Option<usize> {
        let first = *rest.first()?;
        match self {
            Self::Star => None,
            Self::Byte(byte) => (first == *byte).then_some(1),
            Self::AnyCharacter => (first != b'/').then(|| first_character(rest).1),
            // A class may match `/`: path.Match does not look.
            Self::Class { negated, ranges } => {
                let (character, width) = first_character(rest);
                let within = ranges.iter().any(|(low, high)| (*low..=*high).contains(&character));
                (within != *negated).then_some(width)
            }
        }
    }
}

/// Reads a class whose `[` is gone.
fn read_class(rest: &mut &[u8]) -> Result<Token, BadPattern> {
    let negated = rest.first() == Some(&b'^');
    if negated {
        *rest = &rest[1..];
    }
    let mut ranges = Vec::new();
    while ranges.is_empty() || rest.first() != Some(&b']') {
        let low = read_class_character(rest)?;
        let high = match rest.first() {
            Some(b'-') => {
                *rest = &rest[1..];
                read_class_character(rest)?
            }
            _ => low,
        };
        ranges.push((low, high));
    }
    *rest = &rest[1..];
    Ok(Token::Class { negated, ranges })
}

/// Reads one end of a range; something must follow it, as the class is still open.
fn read_class_character(rest: &mut &[u8]) -> Result<u32, BadPattern> {
    match rest.first() {
        None | Some(b'-' | b']') => return Err(BadPattern),
        Some(b'\\') => *rest = &rest[1..],
        Some(_) => {}
    }
    let (character, width) = first_character(rest);
    if width == 0 || (character == REPLACEMENT && width == 1) {
        return Err(BadPattern);
    }
    *rest = &rest[width..];
    if rest.is_empty() { Err(BadPattern) } else { Ok(character) }
}

const REPLACEMENT: u32 = char::REPLACEMENT_CHARACTER as u32;

/// The first character and its width in bytes; U+FFFD of width 1 where the bytes are not UTF-8, as Go decodes.
fn first_character(bytes: &[u8]) -> (u32, usize) {
    let head = &bytes[..bytes.len().min(4)];
    match head.utf8_chunks().next().map(|chunk| chunk.valid().chars().next()) {
        None => (REPLACEMENT, 0),
        Some(None) => (REPLACEMENT, 1),
        Some(Some(character)) => (character.into(), character.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use super::{BadPattern, has_wildcard, matches};

    #[test]
    fn the_answers_are_those_of_go() {
        let cases: &[(&str, &str, bool)] = &[
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*", "", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a[!a]", "a!", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("a[^a][^a][^a]b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("a?b", "a/b", false),
            ("a*b", "a/b", false),
            ("a[^x]b", "a/b", true),
            ("[\\]a]", "]", true),
            ("[\\-]", "-", true),
            ("[x\\-]", "x", true),
            ("[x\\-]", "z", false),
            ("[\\-x]", "-", true),
            ("[[]x", "[x", true),
            ("*x", "xxx", true),
            ("**/x", "a/x", true),
            ("**/x", "a/b/x", false),
            ("", "", true),
            ("", "a", false),
            ("]", "]", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), Ok(*expected), "{pattern} on {name}");
        }
    }

    #[test]
    fn a_malformed_pattern_is_refused_whatever_the_name() {
        let malformed = [
            "[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "a[]", "[a-", "a/b[", "*x[",
            "[a\\", "[]", "[^]",
        ];
        for pattern in malformed {
            for name in ["", ".", "a", "x"] {
                assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), Err(BadPattern), "{pattern} on {name:?}");
            }
        }
        assert_eq!(matches(b"[\xff]", b"a"), Err(BadPattern));
    }

    #[test]
    fn bytes_that_are_not_utf8_count_one_by_one() {
        assert_eq!(matches(b"?", b"\xff"), Ok(true));
        assert_eq!(matches(b"??", b"\xe2\x82"), Ok(true));
        assert_eq!(matches(b"\xff*", b"\xffa"), Ok(true));
        assert_eq!(matches("[\u{fffd}]".as_bytes(), b"\xff"), Ok(true));
        assert_eq!(matches(b"[^a]", b"\xff"), Ok(true));
    }

    #[test]
    fn a_backslash_takes_the_life_of_a_wildcard() {
        for (text, expected) in
            [("a*", true), ("a\\*", false), ("a\\\\*", true), ("[", true), ("q?", true), ("\\", false)]
        {
            assert_eq!(has_wildcard(text.as_bytes()), expected, "{text}");
        }
    }
}
