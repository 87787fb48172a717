//! From a pattern to a regular expression, in two steps: [`write`] writes the text that moby's patternmatcher
//! hands to Go, and [`translate`] reads it as Go would and writes it in the words of the `regex` crate. The
//! two steps are apart because patternmatcher works character by character: a `*` inside a class, or `\b`
//! anywhere, only gets its odd meaning from Go's reading of the outcome. Matches nothing itself.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

/// How patternmatcher decides a match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// By equality.
    Exact,
    /// By what stands before a last `**`, the only wildcard.
    Prefix,
    /// By what stands behind a first `**`, the only wildcard.
    Suffix,
    /// By the regular expression.
    Regex,
}

/// The form of a pattern, and the regular expression it is for Go; the latter means something for
/// [`Form::Regex`] only.
pub(super) fn write(pattern: &[u8]) -> (Form, String) {
    let text = String::from_utf8_lossy(pattern);
    let mut characters = text.strip_prefix('\u{feff}').unwrap_or(&text).chars().peekable();
    let (mut form, mut regex) = (Form::Exact, String::from("^"));
    let mut is_first = true;
    while let Some(character) = characters.next() {
        match character {
            '*' if characters.next_if_eq(&'*').is_some() => {
                form = write_double_star(&mut characters, form, &mut regex);
                if is_first {
                    form = Form::Suffix;
                }
            }
            '*' => push(&mut regex, "[^/]*", &mut form),
            '?' => push(&mut regex, "[^/]", &mut form),
            '[' => push(&mut regex, "[", &mut form),
            ']' => push(&mut regex, "]", &mut form),
            '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => regex.extend(['\\', character]),
            '\\' => {
                regex.push('\\');
                if let Some(escaped) = characters.next() {
                    regex.push(escaped);
                    form = Form::Regex;
                }
            }
            literal => regex.push(literal),
        }
        is_first = false;
    }
    regex.push('$');
    (form, regex)
}

fn push(regex: &mut String, text: &str, form: &mut Form) {
    regex.push_str(text);
    *form = Form::Regex;
}

fn write_double_star(characters: &mut Peekable<Chars<'_>>, form: Form, regex: &mut String) -> Form {
    characters.next_if_eq(&'/');
    if characters.peek().is_some() {
        regex.push_str("(.*/)?");
        return Form::Regex;
    }
    if form == Form::Exact {
        return Form::Prefix;
    }
    regex.push_str(".*");
    Form::Regex
}

/// A regular expression of Go's, as [`write`] makes them, in the syntax of the `regex` crate; `None` if Go
/// refuses it. Outside of classes an operator is always one that `write` put there.
pub(super) fn translate(go: &str) -> Option<String> {
    let (mut rest, mut out) = (go, String::with_capacity(go.len() + 8));
    while let Some(character) = next(&mut rest) {
        match character {
            '[' => translate_class(&mut rest, &mut out)?,
            '\\' => translate_escape(&mut rest, &mut out)?,
            '^' | '$' | '.' | '(' | ')' | '*' | '?' => out.push(character),
            literal => push_literal(&mut out, literal),
        }
    }
    Some(out)
}

/// Reads what stands behind a backslash outside of classes.
fn translate_escape(rest: &mut &str, out: &mut String) -> Option<()> {
    let after = rest.get(1..).unwrap_or_default();
    match rest.as_bytes().first()? {
        b'A' => out.push_str(r"\A"),
        b'z' => out.push_str(r"\z"),
        b'b' => out.push_str(r"(?-u:\b)"),
        b'B' => out.push_str(r"(?-u:\B)"),
        b'Q' => {
            let (quoted, behind) = after.split_once(r"\E").unwrap_or((after, ""));
            quoted.chars().for_each(|character| push_literal(out, character));
            *rest = behind;
            return Some(());
        }
        _ => return translate_shared_escape(rest, out),
    }
    *rest = after;
    Some(())
}

/// Reads an escape that means the same inside and outside of classes: a set or a character.
fn translate_shared_escape(rest: &mut &str, out: &mut String) -> Option<()> {
    if let Some(set) = read_set(rest)? {
        out.push_str(&set);
    } else {
        push_literal(out, read_escaped_character(rest)?);
    }
    Some(())
}

/// Reads `d`, `pL` and the like behind a backslash; `Some(None)` if another kind of escape stands there.
fn read_set(rest: &mut &str) -> Option<Option<String>> {
    let first = rest.chars().next()?;
    let set = match first {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\x0C\r ]",
        'S' => r"[^\t\n\x0C\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        // No `{` can follow: `write` escapes it.
        'p' | 'P' => {
            next(rest);
            let category = next(rest).filter(|category| "CLMNPSZ".contains(*category))?;
            return Some(Some(format!(r"\{first}{category}")));
        }
        _ => return Some(None),
    };
    next(rest);
    Some(Some(set.to_owned()))
}

/// Reads the character that an escape behind a backslash stands for, by Go's rules: punctuation is itself, of
/// the letters only a few mean anything.
fn read_escaped_character(rest: &mut &str) -> Option<char> {
    let first = next(rest)?;
    let octal = |rest: &mut &str| next_if(rest, |digit| digit.is_digit(8)).and_then(|digit| digit.to_digit(8));
    let code = match first {
        '0'..='7' => {
            let second = octal(rest);
            // A single digit other than 0 would refer back, which Go does not do.
            if first != '0' && second.is_none() {
                return None;
            }
            let third = second.and_then(|_| octal(rest));
            [second, third].into_iter().flatten().fold(first.to_digit(8)?, |code, digit| code * 8 + digit)
        }
        'x' => {
            let (high, low) = (next(rest)?.to_digit(16)?, next(rest)?.to_digit(16)?);
            high * 16 + low
        }
        'a' => 0x07,
        'f' => 0x0c,
        'n' => 0x0a,
        'r' => 0x0d,
        't' => 0x09,
        'v' => 0x0b,
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => other.into(),
        _ => return None,
    };
    char::from_u32(code)
}

/// Reads a class whose `[` is gone.
fn translate_class(rest: &mut &str, out: &mut String) -> Option<()> {
    out.push('[');
    if next_if(rest, |character| character == '^').is_some() {
        out.push('^');
    }
    let mut is_first = true;
    // A `]` in the first place is an ordinary character.
    while is_first || !rest.starts_with(']') {
        is_first = false;
        if let Some(name) = read_posix_name(rest)? {
            out.push_str(name);
            continue;
        }
        if let Some(mut after) = rest.strip_prefix('\\')
            && let Some(set) = read_set(&mut after)?
        {
            out.push_str(&set);
            *rest = after;
            continue;
        }
        let low = read_class_character(rest)?;
        let high = match rest.strip_prefix('-') {
            Some(after) if !after.is_empty() && !after.starts_with(']') => {
                *rest = after;
                read_class_character(rest)?
            }
            _ => low,
        };
        if high < low {
            return None;
        }
        // Writing to a String cannot fail.
        let _ = write!(out, r"\x{{{:x}}}-\x{{{:x}}}", u32::from(low), u32::from(high));
    }
    next(rest);
    out.push(']');
    Some(())
}

/// Reads `[:name:]`; `None` for an unknown name, `Some(None)` if something else stands there.
fn read_posix_name<'a>(rest: &mut &'a str) -> Option<Option<&'a str>> {
    const NAMES: [&str; 14] = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
        "word", "xdigit",
    ];
    let Some((name, after)) = rest.strip_prefix("[:").and_then(|after| after.split_once(":]")) else {
        return Some(None);
    };
    if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return None;
    }
    let whole = &rest[..rest.len() - after.len()];
    *rest = after;
    Some(Some(whole))
}

fn read_class_character(rest: &mut &str) -> Option<char> {
    match next(rest)? {
        '\\' => read_escaped_character(rest),
        character => Some(character),
    }
}

fn push_literal(out: &mut String, character: char) {
    out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
}

fn next(rest: &mut &str) -> Option<char> {
    next_if(rest, |_| true)
}

fn next_if(rest: &mut &str, accept: impl Fn(char) -> bool) -> Option<char> {
    let character = rest.chars().next().filter(|character| accept(*character))?;
    *rest = &rest[character.len_utf8()..];
    Some(character)
}

#[cfg(test)]
mod tests {
    use super::{Form, translate, write};

    #[test]
    fn patterns_become_the_regular_expressions_of_patternmatcher() {
        let cases = [
            ("*", "^[^/]*$"),
            ("a*/b", "^a[^/]*/b$"),
            ("**/**", "^(.*/)?.*$"),
            ("**/dir2/**", "^(.*/)?dir2/.*$"),
            ("**/**/*.txt", r"^(.*/)?(.*/)?[^/]*\.txt$"),
            ("abc?def", "^abc[^/]def$"),
            ("[a*]", "^[a[^/]*]$"),
            (r"\x41", r"^\x41$"),
        ];
        for (pattern, regex) in cases {
            assert_eq!(write(pattern.as_bytes()), (Form::Regex, regex.to_owned()), "{pattern}");
        }
        for (pattern, form) in [
            ("**", Form::Suffix),
            ("**/foo/bar", Form::Suffix),
            ("dir/**", Form::Prefix),
            ("dir**", Form::Prefix),
            ("a.|)$(}+{bc", Form::Exact),
            ("a^b", Form::Exact),
        ] {
            assert_eq!(write(pattern.as_bytes()).0, form, "{pattern}");
        }
    }

    #[test]
    fn regular_expressions_are_read_as_go_reads_them() {
        let matching = [
            (r"^\x41\102\07$", "AB\u{7}"),
            (r"^[a[^/]*]$", "^^a]"),
            (r"^[[:alpha:]][^[:alpha:]]$", "b\n"),
            (r"^[!a-c&&-]$", "&"),
            (r"^[]a]$", "]"),
            (r"^[\d\pL-]$", "-"),
            (r"^\Qa.(\E\.$", "a.(."),
            (r"^\Qa$", "a$ and more"),
            (r"^a\b-\B-$", "a--"),
            (r"^\s\S$", " \u{b}"),
            (r"^\_\-$", "_-"),
        ];
        for (go, text) in matching {
            let regex = regex::bytes::Regex::new(&translate(go).expect(go)).expect(go);
            assert!(regex.is_match(text.as_bytes()), "{go} on {text:?}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for go in [
            r"^fo\o$",
            r"^\1$",
            r"^\x4g$",
            r"^\p\{L\}$",
            r"^\é$",
            r"^\C$",
            r"^\E$",
            "^[a$",
            "^[l-O]$",
            r"^[\b]$",
            "^[[:x:]]$",
        ] {
            assert_eq!(translate(go), None, "{go}");
        }
    }
}
