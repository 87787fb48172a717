//! A logical line taken apart: keyword, flag words and the rest; name-value words; words between white space.
//! Bytes of a line go in, tokens with their place in that line come out. What a word means is not decided here.
//!
//! BuildKit splits flags byte by byte and all else character by character, so a flag that is not ASCII comes
//! out as if it were Latin-1. That is kept.

use std::ops::Range;

use super::go;

/// A decoded word and its place in the logical line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) range: Range<usize>,
}

impl Token {
    /// The token that stands at `range` without any decoding.
    pub(super) fn plain(line: &[u8], range: Range<usize>) -> Self {
        Self { text: go::decode(&line[range.clone()]), range }
    }
}

/// A line's first division.
pub(super) struct Split {
    pub(super) keyword: Token,
    pub(super) flags: Vec<Token>,
    /// What is left for the arguments, trimmed.
    pub(super) rest: Range<usize>,
}

/// Divides `line[range]`.
pub(super) fn split_command(line: &[u8], range: Range<usize>, escape: u8) -> Split {
    let range = trimmed(line, range);
    let mut parts = split_blank(line, range.clone(), 2).into_iter();
    let keyword = Token::plain(line, parts.next().unwrap_or(range.end..range.end));
    match parts.next() {
        None => Split { keyword, flags: Vec::new(), rest: range.end..range.end },
        Some(behind) => {
            let (flags, rest) = FlagReader { line, escape, at: behind.start, end: behind.end }.read();
            Split { keyword, flags, rest: trimmed(line, rest..behind.end) }
        }
    }
}

/// The range without Unicode white space at its ends.
pub(super) fn trimmed(line: &[u8], range: Range<usize>) -> Range<usize> {
    let start = range.start + go::leading_space(&line[range.clone()]);
    start..start + go::trimmed_end(&line[start..range.end])
}

/// The parts of `line[range]` between runs of tabs, vertical tabs, form feeds, returns and spaces; at most
/// `limit` parts, the last one with all that is left.
pub(super) fn split_blank(line: &[u8], range: Range<usize>, limit: usize) -> Vec<Range<usize>> {
    let is_blank = |at: &usize| matches!(line[*at], b'\t' | b'\x0b' | b'\x0c' | b'\r' | b' ');
    let mut parts = Vec::new();
    let mut start = range.start;
    while parts.len() + 1 < limit {
        let Some(end) = (start..range.end).find(is_blank) else { break };
        parts.push(start..end);
        start = (end..range.end).find(|at| !is_blank(at)).unwrap_or(range.end);
    }
    parts.push(start..range.end);
    parts
}

/// The words of `line[range]`, quotes and escapes kept but heeded.
pub(super) fn name_value_words(line: &[u8], range: Range<usize>, escape: u8) -> Vec<Token> {
    let escape = char::from(escape);
    let mut words = Vec::new();
    let mut word: Option<Token> = None;
    let mut quote: Option<char> = None;
    let mut at = range.start;
    while let Some((character, width)) = go::first_char(&line[at..range.end]) {
        let start = at;
        at += width;
        if quote.is_none() && character.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        let current = word.get_or_insert_with(|| Token { text: String::new(), range: start..start });
        match quote {
            None if matches!(character, '\'' | '"') => quote = Some(character),
            Some(open) if open == character => quote = None,
            _ => {}
        }
        if character == escape && quote != Some('\'') {
            // An escape at the very end is dropped.
            let Some((escaped, width)) = go::first_char(&line[at..range.end]) else { break };
            at += width;
            current.text.push(character);
            current.text.push(escaped);
        } else {
            current.text.push(character);
        }
        current.range.end = at;
    }
    words.extend(word);
    words.retain(|word| !word.text.is_empty());
    words
}

struct FlagReader<'a> {
    line: &'a [u8],
    escape: u8,
    at: usize,
    end: usize,
}

impl FlagReader<'_> {
    /// The flag words, quotes and escapes removed, and where what follows them starts.
    fn read(mut self) -> (Vec<Token>, usize) {
        let mut flags = Vec::new();
        loop {
            let line = &self.line[..self.end];
            while line.get(self.at).is_some_and(|byte| go::is_latin1_space(*byte)) {
                self.at += 1;
            }
            if !line[self.at..].starts_with(b"--") {
                return (flags, self.at);
            }
            let flag = self.word();
            match flag.text.as_str() {
                "--" => return (flags, self.at),
                _ => flags.push(flag),
            }
        }
    }

    fn word(&mut self) -> Token {
        let start = self.at;
        let mut text = String::new();
        let mut quote: Option<u8> = None;
        while let Some(byte) = self.line[..self.end].get(self.at).copied() {
            if quote.is_none() && go::is_latin1_space(byte) {
                break;
            }
            self.at += 1;
            match quote {
                Some(open) if open == byte => quote = None,
                None if matches!(byte, b'\'' | b'"') => quote = Some(byte),
                _ if byte == self.escape => {
                    if let Some(escaped) = self.line[..self.end].get(self.at) {
                        text.push(char::from(*escaped));
                        self.at += 1;
                    }
                }
                _ => text.push(char::from(byte)),
            }
        }
        Token { text, range: start..self.at }
    }
}
