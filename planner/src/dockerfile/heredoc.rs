//! Here-documents: which words of a line announce one, and what such a word says. Words in, a
//! [`Announcement`] out; bodies are read by `lines`.

use std::ops::Range;

use super::Heredoc;
use super::expand::Expander;
use super::lines::LogicalLine;

/// What a word such as `3<<-"EOF"` says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announcement {
    /// The delimiter, quotes removed.
    pub name: String,
    /// The digits in front, 0 without any, the largest number where they are too many.
    pub fd: u64,
    /// Whether no part of the delimiter was quoted.
    pub expand: bool,
    /// Whether a dash follows `<<`.
    pub chomp: bool,
}

/// The here-documents a whole line announces, keyword and flags included.
///
/// # Errors
/// BuildKit's words where a delimiter cannot be read.
pub(super) fn announced(line: &LogicalLine) -> Result<Vec<Announcement>, String> {
    let line = line.whole();
    if !line.contains("<<") {
        return Ok(Vec::new());
    }
    let expander = Expander { raw_quotes: true, raw_escapes: true, ..plain() };
    // A line with an open quote announces nothing.
    let words = expander.expand_words(line).unwrap_or_default();
    words.iter().filter_map(|word| announcement(word).transpose()).collect()
}

/// Where on a line the here-document of that name is announced.
pub(super) fn place(line: &[u8], name: &str) -> Option<Range<usize>> {
    let starts = (0..line.len()).filter(|at| line[*at..].starts_with(b"<<"));
    let end = |start: usize| {
        let behind = line[start + 2..].iter().take_while(|byte| matches!(byte, b'-' | b'\'' | b'"' | b'\\')).count();
        let at = start + 2 + behind;
        let quote = usize::from(behind > 0 && matches!(line.get(at + name.len()), Some(b'\'' | b'"')));
        line[at..].starts_with(name.as_bytes()).then_some(at + name.len() + quote)
    };
    starts.into_iter().find_map(|start| Some(start..end(start)?))
}

/// What one word announces, if anything.
///
/// # Errors
/// BuildKit's words where the delimiter cannot be read.
pub fn announcement(word: &str) -> Result<Option<Announcement>, String> {
    let n_digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, behind) = word.split_at(n_digits);
    let Some(behind) = behind.strip_prefix("<<") else { return Ok(None) };
    let chomp = behind.starts_with('-');
    let delimiter = behind[usize::from(chomp)..].trim_start_matches(['\t', '\n', '\x0c', '\r', ' ']);
    if delimiter.is_empty() || delimiter.contains('<') {
        return Ok(None);
    }
    let Some((name, expand)) = named(delimiter)? else { return Ok(None) };
    let fd = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) };
    Ok(Some(Announcement { name, fd, expand, chomp }))
}

/// What a delimiter is without its quotes, and whether it has none; `None` where it is not one word.
fn named(delimiter: &str) -> Result<Option<(String, bool)>, String> {
    if delimiter.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(Some((delimiter.to_owned(), true)));
    }
    let mut words = read_delimiter(delimiter, false)?;
    let Some(name) = words.pop().filter(|_| words.is_empty()) else { return Ok(None) };
    let raw = read_delimiter(delimiter, true)?;
    if raw.len() != 1 {
        return Err(format!("internal lexing of heredoc produced inconsistent results: {delimiter}"));
    }
    let n_quotes = |text: &str| text.matches(['\'', '"']).count();
    let expand = n_quotes(&name) == n_quotes(&raw[0]);
    Ok(Some((name, expand)))
}

fn read_delimiter(delimiter: &str, raw_quotes: bool) -> Result<Vec<String>, String> {
    let expander = Expander { raw_quotes, ..plain() };
    expander.expand_words(delimiter).map_err(|error| error.in_full())
}

/// Delimiters are read with a backslash as escape, whatever the directive says, and without variables.
fn plain() -> Expander<'static> {
    Expander { skip_unset: true, ..Expander::new('\\', &|_| None) }
}

/// Whether the text behind `RUN` and its flags is nothing but the announcement of one here-document.
#[must_use]
pub fn is_whole(text: &str) -> bool {
    matches!(announcement(text), Ok(Some(_)))
}

impl Heredoc {
    /// The body as `COPY` and a lone `RUN` use it: leading tabs taken out where `<<-` asks for that.
    #[must_use]
    pub fn body(&self) -> String {
        if self.chomp { chomped(&self.content) } else { self.content.to_string() }
    }
}

/// The body of a `<<-` here-document as `COPY` and a lone `RUN` use it: tabs in front of each line taken out.
#[must_use]
pub fn chomped(body: &str) -> String {
    body.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
}
