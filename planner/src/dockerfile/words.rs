//! A logical line taken apart: keyword, flag words and the rest; name-value words; words between white space.
//! A line goes in, tokens with their place in that line come out. What a word means is not decided here.
//!
//! BuildKit splits flags byte by byte and all else character by character, so a flag that is not ASCII comes
//! out as if it were Latin-1. That is kept.

use std::ops::Range;

use super::few::Few;
use super::go;
use super::lines::LogicalLine;
use super::text::Text;

/// A decoded word and its place in the logical line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Token {
    pub(super) text: Text,
    pub(super) range: Range<usize>,
}

impl Token {
    /// The token that stands at `range` without any decoding.
    pub(super) fn plain(line: &LogicalLine, range: Range<usize>) -> Self {
        Self { text: line.text(range.clone()), range }
    }
}

/// A line's first division.
pub(super) struct Split {
    pub(super) keyword: Token,
    pub(super) flags: Few<Token>,
    /// What is left for the arguments, trimmed.
    pub(super) rest: Range<usize>,
}

/// Divides `line[range]`.
pub(super) fn split_command(line: &LogicalLine, range: Range<usize>, escape: u8) -> Split {
    let range = trimmed(line, range);
    let (keyword, behind) = split_blank(line, range.clone());
    let keyword = Token::plain(line, keyword);
    match behind {
        None => Split { keyword, flags: Few::default(), rest: range.end..range.end },
        Some(behind) => {
            let (flags, rest) = FlagReader { line, escape, at: behind.start, end: behind.end }.read();
            Split { keyword, flags, rest: trimmed(line, rest..behind.end) }
        }
    }
}

/// The range without Unicode white space at its ends.
pub(super) fn trimmed(line: &LogicalLine, range: Range<usize>) -> Range<usize> {
    let bytes = line.bytes();
    if let [first, .., last] = &bytes[range.clone()]
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
    {
        return range;
    }
    let start = range.start + go::leading_space(&bytes[range.clone()]);
    start..start + go::trimmed_end(&bytes[start..range.end])
}

/// What of `line[range]` stands in front of the first run of tabs, vertical tabs, form feeds, returns and spaces,
/// and what behind it, if there is one.
pub(super) fn split_blank(line: &LogicalLine, range: Range<usize>) -> (Range<usize>, Option<Range<usize>>) {
    let is_blank = |byte: &u8| matches!(byte, b'\t' | b'\x0b' | b'\x0c' | b'\r' | b' ');
    let bytes = &line.bytes()[range.clone()];
    let Some(end) = bytes.iter().position(is_blank) else { return (range, None) };
    let n_blank = bytes[end..].iter().take_while(|byte| is_blank(byte)).count();
    let end = range.start + end;
    (range.start..end, Some(end + n_blank..range.end))
}

/// The words of `line[range]`, quotes and escapes kept but heeded.
pub(super) fn name_value_words(line: &LogicalLine, range: Range<usize>, escape: u8) -> Few<Token> {
    let escape = char::from(escape);
    let mut words = Few::default();
    let mut add = |word: Option<Range<usize>>| {
        if let Some(word) = word.filter(|word| !word.is_empty()) {
            words.push(Token::plain(line, word));
        }
    };
    let mut word: Option<Range<usize>> = None;
    let mut quote: Option<char> = None;
    let bytes = line.bytes();
    let mut at = range.start;
    while let Some((character, width)) = go::first_char(&bytes[at..range.end]) {
        let start = at;
        at += width;
        if quote.is_none() && character.is_whitespace() {
            add(word.take());
            continue;
        }
        let current = word.get_or_insert(start..start);
        match quote {
            None if matches!(character, '\'' | '"') => quote = Some(character),
            Some(open) if open == character => quote = None,
            _ => {}
        }
        if character == escape && quote != Some('\'') {
            // An escape at the very end is dropped.
            let Some((_, width)) = go::first_char(&bytes[at..range.end]) else { break };
            at += width;
        }
        current.end = at;
    }
    add(word);
    words
}

struct FlagReader<'a> {
    line: &'a LogicalLine,
    escape: u8,
    at: usize,
    end: usize,
}

impl FlagReader<'_> {
    /// The flag words, quotes and escapes removed, and where what follows them starts.
    fn read(mut self) -> (Few<Token>, usize) {
        let mut flags = Few::default();
        loop {
            let line = &self.line.bytes()[..self.end];
            while line.get(self.at).is_some_and(|byte| go::is_latin1_space(*byte)) {
                self.at += 1;
            }
            if !line[self.at..].starts_with(b"--") {
                return (flags, self.at);
            }
            let flag = self.word();
            match &*flag.text {
                "--" => return (flags, self.at),
                _ => flags.push(flag),
            }
        }
    }

    fn word(&mut self) -> Token {
        let start = self.at;
        let is_plain = |byte: &u8| {
            byte.is_ascii() && !go::is_latin1_space(*byte) && !matches!(byte, b'\'' | b'"') && *byte != self.escape
        };
        let rest = &self.line.bytes()[start..self.end];
        let n_plain = rest.iter().take_while(|byte| is_plain(byte)).count();
        if rest.get(n_plain).is_none_or(|byte| go::is_latin1_space(*byte)) {
            self.at += n_plain;
            return Token::plain(self.line, start..self.at);
        }
        Token { text: self.decoded().as_str().into(), range: start..self.at }
    }

    /// The text up to the next white space outside of quotes.
    fn decoded(&mut self) -> String {
        let mut text = String::new();
        let mut quote: Option<u8> = None;
        while let Some(byte) = self.line.bytes()[..self.end].get(self.at).copied() {
            if quote.is_none() && go::is_latin1_space(byte) {
                break;
            }
            self.at += 1;
            match quote {
                Some(open) if open == byte => quote = None,
                None if matches!(byte, b'\'' | b'"') => quote = Some(byte),
                _ if byte == self.escape => {
                    if let Some(escaped) = self.line.bytes()[..self.end].get(self.at) {
                        text.push(char::from(*escaped));
                        self.at += 1;
                    }
                }
                _ => text.push(char::from(byte)),
            }
        }
        text
    }
}
