//! Variable expansion: `$NAME`, `${NAME:-word}` and their kin, with quotes and escapes, as BuildKit does it
//! (frontend/dockerfile/shell). A word and a scope go in, text or words or an [`ExpandError`] come out.
//! Where the scope comes from, and which words are expanded at all, is not decided here.

mod pattern;
#[cfg(test)]
mod tests;

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use super::go;

/// How deep `${A:-${B:-…}}` may nest. BuildKit sets no limit; ours keeps hostile text from exhausting the stack.
const MAX_DEPTH: usize = 100;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// What a word is expanded with.
#[derive(Clone, Copy)]
pub struct Expander<'a> {
    /// The escape character: a backslash, or a backtick where the `escape` directive says so.
    pub escape: char,
    /// Keeps quotes in the result.
    pub raw_quotes: bool,
    /// Keeps escape characters in the result.
    pub raw_escapes: bool,
    /// Takes quotes for ordinary characters.
    pub skip_quotes: bool,
    /// Leaves references to unset variables as they are.
    pub skip_unset: bool,
    /// The value of a variable, `None` where it is unset.
    pub scope: &'a dyn Fn(&str) -> Option<String>,
}

/// An expanded word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expanded {
    /// The word's text.
    pub text: String,
    /// The variables it asked for, set or not, each once, in order.
    pub used: Vec<String>,
}

/// Why a word cannot be expanded. Displays BuildKit's reason alone; see [`ExpandError::in_full`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpandError {
    /// The word.
    pub word: String,
    /// BuildKit's words for what is wrong.
    pub reason: String,
}

impl ExpandError {
    /// The reason with the word in front, as BuildKit prints it.
    #[must_use]
    pub fn in_full(&self) -> String {
        format!("failed to process {}: {}", go::quote(&self.word), self.reason)
    }
}

impl fmt::Display for ExpandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ExpandError {}

impl<'a> Expander<'a> {
    /// The plain mode, for the arguments of instructions: quotes and escapes are removed, unset is empty.
    #[must_use]
    pub fn new(escape: char, scope: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { escape, raw_quotes: false, raw_escapes: false, skip_quotes: false, skip_unset: false, scope }
    }

    /// The mode for bodies of here-documents that `COPY` and `ADD` write: quotes are ordinary characters and
    /// the escape character is a backslash, whatever the directive says.
    #[must_use]
    pub fn for_heredoc(scope: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { skip_quotes: true, ..Self::new('\\', scope) }
    }

    /// Expands a word into one text; white space is kept.
    ///
    /// # Errors
    /// Where BuildKit refuses the word.
    pub fn expand(&self, word: &str) -> Result<String, ExpandError> {
        Ok(self.expand_noting(word)?.text)
    }

    /// Expands a word, noting the variables it asks for.
    ///
    /// # Errors
    /// Where BuildKit refuses the word.
    pub fn expand_noting(&self, word: &str) -> Result<Expanded, ExpandError> {
        // Most words stand for themselves.
        if !word.contains(['$', '\'', '"', self.escape, BYTE_ORDER_MARK]) {
            return Ok(Expanded { text: word.to_owned(), used: Vec::new() });
        }
        let mut lexer = Lexer::new(self, word);
        match lexer.run() {
            Ok((text, _)) => Ok(Expanded { text, used: lexer.used }),
            Err(reason) => Err(ExpandError { word: word.to_owned(), reason }),
        }
    }

    /// Expands a word and splits the result at its unquoted white space, as `EXPOSE` has it.
    ///
    /// # Errors
    /// Where BuildKit refuses the word.
    pub fn expand_words(&self, word: &str) -> Result<Vec<String>, ExpandError> {
        match Lexer::new(self, word).run() {
            Ok((_, words)) => Ok(words),
            Err(reason) => Err(ExpandError { word: word.to_owned(), reason }),
        }
    }
}

const END_OF_BRACE: &str = "syntax error: missing '}'";

/// The text of an expansion, whole and split into words, or the reason against it.
type Lexed = Result<(String, Vec<String>), String>;

struct Lexer<'a> {
    mode: &'a Expander<'a>,
    raw_escapes: bool,
    rest: Peekable<Chars<'a>>,
    used: Vec<String>,
    /// The word being collected. One for all depths: a nested expansion drops what the outer one has
    /// collected, and so does BuildKit's.
    partial: String,
    depth: usize,
}

/// The words of one depth.
#[derive(Default)]
struct Words {
    words: Vec<String>,
    in_word: bool,
}

impl Words {
    fn add(&mut self, partial: &mut String, character: char) {
        if !character.is_whitespace() {
            self.add_raw(partial, character.encode_utf8(&mut [0; 4]));
        } else if self.in_word && !partial.is_empty() {
            self.words.push(std::mem::take(partial));
            self.in_word = false;
        }
    }

    fn add_raw(&mut self, partial: &mut String, text: &str) {
        partial.push_str(text);
        self.in_word = true;
    }

    fn finish(mut self, partial: &mut String) -> Vec<String> {
        if !partial.is_empty() {
            self.words.push(std::mem::take(partial));
        }
        self.words
    }
}

impl<'a> Lexer<'a> {
    fn new(mode: &'a Expander<'a>, word: &'a str) -> Self {
        // Go's scanner drops a byte order mark in front.
        let rest = word.strip_prefix(BYTE_ORDER_MARK).unwrap_or(word).chars().peekable();
        Self { mode, raw_escapes: mode.raw_escapes, rest, used: Vec::new(), partial: String::new(), depth: 0 }
    }

    fn run(&mut self) -> Lexed {
        self.until(None, self.raw_escapes)
    }

    /// Expands up to `stop`, which is taken too, or up to the end.
    fn until(&mut self, stop: Option<char>, raw_escapes: bool) -> Lexed {
        if self.depth > MAX_DEPTH {
            return Err("variables are nested too deeply".to_owned());
        }
        self.depth += 1;
        let outer = std::mem::replace(&mut self.raw_escapes, raw_escapes);
        let found = self.collect(stop);
        self.raw_escapes = outer;
        self.depth -= 1;
        found
    }

    fn collect(&mut self, stop: Option<char>) -> Lexed {
        let mut text = String::new();
        let mut words = Words::default();
        self.partial.clear();
        while let Some(next) = self.rest.next_if(|next| Some(*next) != stop) {
            match next {
                '$' => {
                    let value = self.dollar()?;
                    value.chars().for_each(|character| words.add(&mut self.partial, character));
                    text.push_str(&value);
                }
                '<' => self.angle(&mut text, &mut words),
                '\'' | '"' if !self.mode.skip_quotes => {
                    let value = if next == '"' { self.double_quoted()? } else { self.single_quoted()? };
                    words.add_raw(&mut self.partial, &value);
                    text.push_str(&value);
                }
                _ if next == self.mode.escape => self.escaped(&mut text, &mut words),
                _ => {
                    words.add(&mut self.partial, next);
                    text.push(next);
                }
            }
        }
        match stop {
            Some(stop) if self.rest.next().is_none() => {
                Err(format!("unexpected end of statement while looking for matching {stop}"))
            }
            _ => Ok((text, words.finish(&mut self.partial))),
        }
    }

    fn escaped(&mut self, text: &mut String, words: &mut Words) {
        let escape = self.mode.escape;
        let kept = self.rest.next();
        let parts = [self.raw_escapes.then_some(escape), kept];
        for part in parts.into_iter().flatten() {
            words.add_raw(&mut self.partial, part.encode_utf8(&mut [0; 4]));
            text.push(part);
        }
    }

    /// A `<`; `<<` holds on to the blanks behind it, so that `<< EOF` is one word.
    fn angle(&mut self, text: &mut String, words: &mut Words) {
        let mut value = String::from('<');
        if self.rest.next_if_eq(&'<').is_some() {
            value.push('<');
            while let Some(blank) = self.rest.next_if(|next| matches!(next, '\t' | '\r' | ' ')) {
                value.push(blank);
            }
        }
        words.add_raw(&mut self.partial, &value);
        text.push_str(&value);
    }

    fn single_quoted(&mut self) -> Result<String, String> {
        let mut value = String::new();
        loop {
            match self.rest.next() {
                None => return Err("unexpected end of statement while looking for matching single-quote".to_owned()),
                Some('\'') => return Ok(self.quoted('\'', value)),
                Some(character) => value.push(character),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<String, String> {
        let escape = self.mode.escape;
        let mut value = String::new();
        loop {
            match self.rest.next() {
                None => return Err("unexpected end of statement while looking for matching double-quote".to_owned()),
                Some('"') => return Ok(self.quoted('"', value)),
                Some('$') => value.push_str(&self.dollar()?),
                Some(character) if character == escape => {
                    if self.raw_escapes {
                        value.push(escape);
                    }
                    let kept = self.rest.next_if(|next| matches!(next, '"' | '$') || *next == escape);
                    if self.rest.peek().is_some() || kept.is_some() {
                        value.push(kept.unwrap_or(escape));
                    }
                }
                Some(character) => value.push(character),
            }
        }
    }

    fn quoted(&self, quote: char, value: String) -> String {
        if self.mode.raw_quotes { format!("{quote}{value}{quote}") } else { value }
    }

    /// What a `$`, taken already, begins.
    fn dollar(&mut self) -> Result<String, String> {
        if self.rest.next_if_eq(&'{').is_some() {
            return self.braced();
        }
        let name = self.name();
        if name.is_empty() {
            return Ok("$".to_owned());
        }
        Ok(match self.value(&name) {
            None if self.mode.skip_unset => format!("${name}"),
            value => value.unwrap_or_default(),
        })
    }

    fn braced(&mut self) -> Result<String, String> {
        match self.rest.peek() {
            None => return Err(END_OF_BRACE.to_owned()),
            Some('{' | '}' | ':') => return Err("syntax error: bad substitution".to_owned()),
            Some(_) => {}
        }
        let name = self.name();
        match self.rest.next() {
            Some('}') => Ok(match self.value(&name) {
                None if self.mode.skip_unset => format!("${{{name}}}"),
                value => value.unwrap_or_default(),
            }),
            Some(':') => {
                let operator = self.rest.next().unwrap_or(char::REPLACEMENT_CHARACTER);
                self.modified(&name, operator, true)
            }
            Some(operator @ ('+' | '-' | '?' | '#' | '%')) => self.modified(&name, operator, false),
            Some('/') => self.replaced(&name),
            other => Err(unsupported(&other.unwrap_or(char::REPLACEMENT_CHARACTER).to_string())),
        }
    }

    /// `${name-word}` and the like; with a colon, empty counts as unset.
    fn modified(&mut self, name: &str, operator: char, colon: bool) -> Result<String, String> {
        let written = if colon { format!(":{operator}") } else { operator.to_string() };
        let is_trim = matches!(operator, '#' | '%');
        if is_trim && colon {
            return Err(unsupported(&written));
        }
        let word = self.nested('}', is_trim, END_OF_BRACE)?;
        let value = self.value(name);
        if self.mode.skip_unset && value.is_none() {
            return Ok(format!("${{{name}{written}{word}}}"));
        }
        let is_unset = value.is_none();
        let filled = value.clone().filter(|value| !(colon && value.is_empty()));
        match operator {
            '-' => Ok(filled.unwrap_or(word)),
            '+' => Ok(filled.map_or_else(String::new, |_| word)),
            '?' => filled.ok_or_else(|| {
                let state = if is_unset { "unset" } else { "empty" };
                if word.is_empty() {
                    format!("{name}: is not allowed to be {state}")
                } else {
                    format!("{name}: {word}")
                }
            }),
            '#' | '%' => {
                let value = value.unwrap_or_default();
                let longest = word.strip_prefix(operator);
                let pattern = longest.unwrap_or(&word);
                let trim = if operator == '#' { pattern::trim_prefix } else { pattern::trim_suffix };
                trim(pattern, &value, longest.is_some())
            }
            _ => Err(unsupported(&written)),
        }
    }

    /// `${name/pattern/replacement}`, or `//` for every match.
    fn replaced(&mut self, name: &str) -> Result<String, String> {
        let every = self.rest.next_if_eq(&'/').is_some();
        let pattern = self.nested('/', true, "syntax error: missing '/' in ${}")?;
        let replacement = self.nested('}', true, END_OF_BRACE)?;
        match self.value(name) {
            None if self.mode.skip_unset => Ok(format!("${{{name}/{pattern}/{replacement}}}")),
            value => pattern::replace(&pattern, &value.unwrap_or_default(), &replacement, every),
        }
    }

    /// The word up to `stop`. At the end of the text every error becomes `at_end`.
    fn nested(&mut self, stop: char, raw_escapes: bool, at_end: &str) -> Result<String, String> {
        match self.until(Some(stop), raw_escapes) {
            Ok((word, _)) => Ok(word),
            Err(_) if self.rest.peek().is_none() => Err(at_end.to_owned()),
            Err(reason) => Err(reason),
        }
    }

    /// A name: letters, digits and `_`; or digits; or one special character.
    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.rest.peek().copied() {
            Some(first) if go::is_digit(first) => {
                while let Some(digit) = self.rest.next_if(|next| go::is_digit(*next)) {
                    name.push(digit);
                }
            }
            Some(first) if "@*#?-$!0".contains(first) => name.extend(self.rest.next()),
            _ => {
                let is_part = |next: &char| *next == '_' || go::is_letter(*next) || go::is_digit(*next);
                while let Some(part) = self.rest.next_if(is_part) {
                    name.push(part);
                }
            }
        }
        name
    }

    fn value(&mut self, name: &str) -> Option<String> {
        if !self.used.iter().any(|used| used == name) {
            self.used.push(name.to_owned());
        }
        (self.mode.scope)(name)
    }
}

fn unsupported(modifier: &str) -> String {
    format!("unsupported modifier ({modifier}) in substitution")
}
