//! The lines of an ignore file, as moby's `ignorefile` reads them: comments and blank lines go, white space is
//! trimmed, paths are cleaned, one leading slash is dropped. Bytes in, patterns with their places out. What a
//! pattern means is not known here.

use crate::source::Span;

/// A line that holds a pattern.
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u32,
    /// Where the pattern was written, `!` included.
    pub(super) span: Span,
    /// The pattern after cleaning, `!` in front if it is negated.
    pub(super) pattern: Vec<u8>,
    /// Whether Go's line reader gives up here; no line behind this one counts.
    pub(super) is_too_long: bool,
}

/// The longest line Go's `bufio.Scanner` reads, in bytes, the newline left out.
const LONGEST: usize = 65_535;

/// The lines with patterns.
pub(super) fn read(text: &[u8]) -> Vec<Line> {
    let (mut lines, mut start) = (Vec::new(), 0);
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if line.len() > LONGEST {
            let span = Span::new(start, start + line.len());
            lines.push(Line { number, span, pattern: Vec::new(), is_too_long: true });
            break;
        }
        lines.extend(read_line(number, start, line));
        start += line.len() + 1;
    }
    lines
}

fn read_line(number: u32, start: usize, line: &[u8]) -> Option<Line> {
    let content = match line.strip_prefix("\u{feff}".as_bytes()) {
        Some(rest) if number == 1 => rest,
        _ => line,
    };
    if content.first() == Some(&b'#') {
        return None;
    }
    let written = trim(content);
    if written.is_empty() {
        return None;
    }
    let start = start + line.len() - content.len() + (content.len() - trim_start(content).len());
    let span = Span::new(start, start + written.len());
    let pattern = match written.strip_prefix(b"!") {
        Some(rest) => [b"!", without_root(trim(rest)).as_slice()].concat(),
        None => without_root(written),
    };
    Some(Line { number, span, pattern, is_too_long: false })
}

/// The cleaned pattern without its leading slash; `/` alone stays.
fn without_root(pattern: &[u8]) -> Vec<u8> {
    if pattern.is_empty() {
        return Vec::new();
    }
    let mut cleaned = clean(pattern);
    if cleaned.len() > 1 && cleaned[0] == b'/' {
        cleaned.remove(0);
    }
    cleaned
}

/// Go's `filepath.Clean` for slashes: `.`, empty and undone components go; nothing left is `.`.
pub(super) fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.first() == Some(&b'/');
    let mut components: Vec<&[u8]> = Vec::new();
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." if components.last().is_some_and(|last| *last != b"..") => drop(components.pop()),
            b".." if rooted => {}
            name => components.push(name),
        }
    }
    let joined = components.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

/// The bytes without Unicode white space at both ends; bytes that are not UTF-8 are none.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let mut rest = trim_start(bytes);
    while let Some(character) = last_character(rest).filter(|character| character.is_whitespace()) {
        rest = &rest[..rest.len() - character.len_utf8()];
    }
    rest
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Some(character) = first_character(rest).filter(|character| character.is_whitespace()) {
        rest = &rest[character.len_utf8()..];
    }
    rest
}

fn first_character(bytes: &[u8]) -> Option<char> {
    bytes[..bytes.len().min(4)].utf8_chunks().next()?.valid().chars().next()
}

fn last_character(bytes: &[u8]) -> Option<char> {
    let start = bytes.iter().rposition(|byte| byte & 0b1100_0000 != 0b1000_0000)?;
    std::str::from_utf8(&bytes[start..]).ok()?.chars().next()
}

#[cfg(test)]
mod tests {
    use super::{clean, read, trim};

    #[test]
    fn paths_are_cleaned_as_go_cleans_them() {
        let cases = [
            ("a", "a"),
            ("a//b/./c/", "a/b/c"),
            ("a/..", "."),
            ("", "."),
            ("..", ".."),
            ("../../a", "../../a"),
            ("a/../../b", "../b"),
            ("/..", "/"),
            ("/../a", "/a"),
            ("//a", "/a"),
            ("!./a", "!./a"),
            ("!/", "!"),
        ];
        for (written, expected) in cases {
            assert_eq!(clean(written.as_bytes()), expected.as_bytes(), "{written}");
        }
    }

    #[test]
    fn white_space_is_unicodes() {
        assert_eq!(trim("\u{a0}\t a b \u{3000}\r".as_bytes()), b"a b");
        assert_eq!(trim(b" \xff\x85 "), b"\xff\x85");
    }

    #[test]
    fn spans_leave_out_what_is_trimmed() {
        let text = b"\xef\xbb\xbf  foo \r\n# no\n #yes\n! /a/ \n";
        let lines: Vec<_> = read(text).into_iter().map(|line| (line.number, line.span.range(), line.pattern)).collect();
        let expected = [(1, 5..8, b"foo".to_vec()), (3, 17..21, b"#yes".to_vec()), (4, 22..27, b"!a".to_vec())];
        assert_eq!(lines, expected);
    }
}
