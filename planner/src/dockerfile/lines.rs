//! Bytes to logical lines: line ends, comments, directives, escaped line ends, and the bodies of
//! here-documents. Bytes go in; out come lines of which each byte knows its place in the file, and notes of
//! what was wrong on the way. What stands in a line is not looked at here.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

use super::directives::{DirectiveBlock, DirectiveLine, without_mark};
use super::go;
use super::text::Text;

/// BuildKit reads lines into a buffer of this size; a line that fills it without an end is too long.
const LINE_BUFFER: usize = 65_536;

/// BuildKit's words about a blank line within an instruction.
pub(super) const EMPTY_CONTINUATION: &str = "Empty continuation line";

/// A line as the parser sees it, escaped line ends taken out, without indentation in front and without the last line
/// end.
pub(super) struct LogicalLine {
    text: Text,
    /// The line's bytes where they are not UTF-8.
    raw: Option<Vec<u8>>,
    /// Where in the file the line's first byte is.
    head: usize,
    /// For each run of bytes but the first its start in the line and in the file.
    pieces: Vec<(usize, usize)>,
    /// The first physical line, from 1.
    pub(super) line: u32,
    /// Offset in the file of the first physical line's first byte.
    pub(super) start: usize,
}

impl LogicalLine {
    /// The line, each byte that is not UTF-8 as one U+FFFD.
    pub(super) fn whole(&self) -> &Text {
        &self.text
    }

    /// The line as it is in the file.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.raw {
            Some(raw) => raw,
            None => self.text.as_bytes(),
        }
    }

    /// Whether it holds bytes that are not UTF-8.
    pub(super) fn has_bad_bytes(&self) -> bool {
        self.raw.is_some()
    }

    /// What stands at these bytes, each byte that is not UTF-8 as one U+FFFD.
    pub(super) fn text(&self, range: Range<usize>) -> Text {
        let piece = if self.has_bad_bytes() { None } else { self.text.get(range.clone()) };
        piece.unwrap_or_else(|| go::decode(&self.bytes()[range]).as_ref().into())
    }

    /// Where in the file a range of the line stands. Where the range goes over an escaped line end, the place
    /// covers it, and comments between too.
    pub(super) fn place(&self, range: &Range<usize>) -> Range<usize> {
        if self.pieces.is_empty() {
            return self.head + range.start..self.head + range.end;
        }
        let at = |offset: usize| {
            let n_before = self.pieces.partition_point(|piece| piece.0 <= offset);
            let (start, place) = n_before.checked_sub(1).map_or((0, self.head), |piece| self.pieces[piece]);
            place + (offset - start)
        };
        let start = at(range.start);
        start..if range.is_empty() { start } else { at(range.end - 1) + 1 }
    }
}

/// A logical line that is being put together.
struct Joined<'a> {
    bytes: Cow<'a, [u8]>,
    head: usize,
    pieces: Vec<(usize, usize)>,
}

impl<'a> Joined<'a> {
    fn push(&mut self, bytes: &'a [u8], start: usize) {
        if bytes.is_empty() {
            return;
        }
        if self.bytes.is_empty() {
            self.bytes = Cow::Borrowed(bytes);
            self.head = start;
        } else {
            self.pieces.push((self.bytes.len(), start));
            self.bytes.to_mut().extend_from_slice(bytes);
        }
    }
}

/// Something a reader of lines has to say.
pub(super) struct Note {
    /// BuildKit's words.
    pub(super) message: String,
    /// The line BuildKit blames.
    pub(super) line: u32,
    /// Where it is.
    pub(super) place: Range<usize>,
}

/// A directive as it stands in the file.
pub(super) struct DirectiveNote {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) line: u32,
    pub(super) place: Range<usize>,
}

/// Reads a file line by line.
pub(super) struct LineReader<'a> {
    physical: PhysicalLines<'a>,
    /// The file, if it is UTF-8.
    text: Option<Text>,
    block: DirectiveBlock,
    /// How many physical lines were read.
    pub(super) line: u32,
    /// Behind the last physical line that was read, its line end left out.
    pub(super) end: usize,
    /// The escape character.
    pub(super) escape: u8,
    pub(super) directives: Vec<DirectiveNote>,
    pub(super) comments: Vec<Range<usize>>,
    pub(super) errors: Vec<Note>,
    pub(super) warnings: Vec<Note>,
}

impl<'a> LineReader<'a> {
    /// A reader of `source`, which is `text` if it is UTF-8.
    pub(super) fn new(source: &'a [u8], text: Option<Text>) -> Self {
        Self {
            text,
            physical: PhysicalLines { source, at: 0, state: State::Reading },
            block: DirectiveBlock::default(),
            line: 0,
            end: 0,
            escape: b'\\',
            directives: Vec::new(),
            comments: Vec::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The file.
    pub(super) fn source(&self) -> &'a [u8] {
        self.physical.source
    }

    /// The line that was too long to read, if one was met.
    pub(super) fn too_long(&self) -> Option<Range<usize>> {
        if self.physical.state == State::Reading {
            return None;
        }
        let mut start = 0;
        let lines = self.source().split(|byte| *byte == b'\n').map(|line| {
            let place = start..start + line.len();
            start = place.end + 1;
            place
        });
        lines.into_iter().find(|place| place.len() >= LINE_BUFFER)
    }

    /// The next line that is neither blank nor a comment.
    pub(super) fn next_logical(&mut self) -> Option<LogicalLine> {
        loop {
            let (bytes, start) = self.next_physical()?;
            let token = without_end(bytes);
            let indentation = go::leading_space(token);
            let token = &token[indentation..];
            match token {
                _ if !self.block.is_over => self.read_directive(token, start),
                [b'#', ..] => self.comments.push(start..self.end),
                _ => {}
            }
            self.line += 1;
            if token.is_empty() || token[0] == b'#' {
                continue;
            }
            let (kept, continues) = without_continuation(token, self.escape);
            let (line, mut joined) = (self.line, Joined { bytes: Cow::Borrowed(&[]), head: start, pieces: Vec::new() });
            joined.push(kept, start + indentation);
            if continues {
                self.continue_line(&mut joined);
            }
            return Some(self.logical(joined, line, start));
        }
    }

    fn logical(&self, joined: Joined<'_>, line: u32, start: usize) -> LogicalLine {
        let Joined { bytes, head, pieces } = joined;
        let shared = || self.text.as_ref()?.get(head..head + bytes.len());
        let text = if pieces.is_empty() { shared() } else { None };
        let is_text = text.is_some();
        let text = text.unwrap_or_else(|| go::decode(&bytes).as_ref().into());
        let raw = (!is_text && text.as_bytes() != &*bytes).then(|| bytes.into_owned());
        LogicalLine { text, raw, head, pieces, line, start }
    }

    fn continue_line(&mut self, joined: &mut Joined<'a>) {
        let mut first_empty = None;
        let mut continues = true;
        while continues {
            let Some((bytes, start)) = self.next_physical() else { break };
            self.line += 1;
            let token = without_end(bytes);
            match token.get(go::leading_space(token)) {
                None => first_empty = first_empty.or(Some(start..self.end)),
                Some(b'#') => self.comments.push(start..self.end),
                Some(_) => {
                    let (kept, is_continued) = without_continuation(token, self.escape);
                    joined.push(kept, start);
                    continues = is_continued;
                }
            }
        }
        if let Some(place) = first_empty {
            self.warnings.push(Note { message: EMPTY_CONTINUATION.to_owned(), line: self.line, place });
        }
    }

    /// The body of a here-document, up to its terminator, which is read too; `None` where it is missing.
    pub(super) fn heredoc_body(&mut self, name: &str, chomp: bool) -> Option<Range<usize>> {
        let mut body: Option<Range<usize>> = None;
        while let Some((bytes, start)) = self.next_physical() {
            self.line += 1;
            let mut token = without_end(bytes);
            while let Some(b'\t') = token.first().filter(|_| chomp) {
                token = &token[1..];
            }
            if token == name.as_bytes() {
                return Some(body.unwrap_or(start..start));
            }
            body = Some(body.map_or(start, |body| body.start)..start + bytes.len());
        }
        None
    }

    /// The next physical line, its line end included, and its offset.
    fn next_physical(&mut self) -> Option<(&'a [u8], usize)> {
        let (bytes, mut start) = self.physical.next()?;
        self.end = start + without_end(bytes).len();
        let unmarked = if self.line == 0 { without_mark(bytes) } else { bytes };
        start += bytes.len() - unmarked.len();
        self.end = self.end.max(start);
        Some((unmarked, start))
    }

    /// Takes note of a line that may be a directive, or else a comment.
    fn read_directive(&mut self, token: &[u8], start: usize) {
        let place = start..self.end;
        match self.block.read(token, "#") {
            DirectiveLine::Other if token.first() == Some(&b'#') => self.comments.push(place),
            DirectiveLine::Other => {}
            DirectiveLine::Repeated(name) => {
                let message = format!("only one {name} parser directive can be used");
                self.errors.push(Note { message, line: self.line, place });
            }
            DirectiveLine::Directive(name, value) => {
                match value.as_str() {
                    _ if name != "escape" => {}
                    "\\" => self.escape = b'\\',
                    "`" => self.escape = b'`',
                    _ => {
                        let message = format!("invalid escape token '{value}' does not match ` or \\");
                        // BuildKit blames the line before.
                        self.errors.push(Note { message, line: self.line, place: place.clone() });
                    }
                }
                self.directives.push(DirectiveNote { name, value, line: self.line + 1, place });
            }
        }
    }
}

/// The line without its line end.
fn without_end(line: &[u8]) -> &[u8] {
    let n_end = line.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    &line[..line.len() - n_end]
}

/// The line without an escape character at its end, and whether there was one. One that stands directly
/// behind another does not count.
fn without_continuation(line: &[u8], escape: u8) -> (&[u8], bool) {
    let n_blank = line.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match line[..line.len() - n_blank].strip_suffix(&[escape]) {
        Some(kept) if kept.last() != Some(&escape) => (kept, true),
        _ => (line, false),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// A line was too long, which looked like the end of the file.
    TooLong,
    /// Who asked again was given the start of that line.
    Drained,
}

struct PhysicalLines<'a> {
    source: &'a [u8],
    at: usize,
    state: State,
}

impl<'a> Iterator for PhysicalLines<'a> {
    type Item = (&'a [u8], usize);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.source[self.at..];
        let end = memchr(b'\n', rest);
        let length = match self.state {
            State::Drained => return None,
            State::TooLong => {
                self.state = State::Drained;
                LINE_BUFFER
            }
            State::Reading if rest.is_empty() => return None,
            State::Reading if end.unwrap_or(rest.len()) >= LINE_BUFFER => {
                self.state = State::TooLong;
                return None;
            }
            State::Reading => end.map_or(rest.len(), |end| end + 1),
        };
        let start = self.at;
        self.at += length;
        Some((&rest[..length], start))
    }
}
