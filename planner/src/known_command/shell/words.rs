//! The words of a shell's text, one after the other. In go the text and the variables that are known; a word that the shell
//! would make something else of than is read here ends the reading.

use std::collections::BTreeMap;

#[derive(PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// `&&`: what follows runs if nothing failed.
    And,
    /// A semicolon or the end of a line: what follows runs in any case.
    Next,
    End,
}

#[derive(PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Whether its beginning stood without quotes.
    is_bare: bool,
}

impl Word {
    /// `NAME=value`
    pub(super) fn assignment(&self) -> Option<(String, String)> {
        assignment(&self.text).filter(|_| self.is_bare)
    }
}

/// The name and the value of `NAME=value`.
pub(super) fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let is_name = name.starts_with(|first: char| is_letter(first) && !first.is_ascii_digit());
    (is_name && name.chars().all(is_letter)).then(|| (name.to_owned(), value.to_owned()))
}

pub(super) struct Lexer<'a> {
    rest: &'a str,
    pub(super) env: BTreeMap<String, String>,
    pub(super) has_brackets: bool,
}

impl<'a> Lexer<'a> {
    /// A text, and the variables that are known.
    pub(super) fn new(text: &'a str, env: BTreeMap<String, String>) -> Self {
        Self { rest: text, env, has_brackets: false }
    }

    /// The bytes that are still to be read.
    pub(super) fn n_left(&self) -> usize {
        self.rest.len()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.rest.chars().next()?;
        self.rest = &self.rest[letter.len_utf8()..];
        Some(letter)
    }

    /// Goes over blanks, and over line ends that are escaped.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            let Some(rest) = self.rest.strip_prefix("\\\n") else { break };
            self.rest = rest;
        }
    }

    /// Goes over blanks, comments and line ends.
    pub(super) fn skip_lines(&mut self) {
        loop {
            self.skip_blanks();
            match self.rest.chars().next() {
                Some('\n') => self.rest = &self.rest[1..],
                Some('#') => self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]),
                _ => break,
            }
        }
    }

    /// The next token; `None` where the text does more than is read here.
    pub(super) fn token(&mut self) -> Option<Token> {
        self.skip_blanks();
        if self.rest.starts_with('#') {
            self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
        }
        if let Some(rest) = self.rest.strip_prefix("&&") {
            self.rest = rest;
            self.skip_lines();
            return Some(Token::And);
        }
        let is_next = match self.rest.as_bytes() {
            [] => return Some(Token::End),
            [b';', b';', ..] => return None,
            [first, ..] => matches!(first, b';' | b'\n'),
        };
        if is_next {
            self.rest = &self.rest[1..];
            self.skip_lines();
            return Some(Token::Next);
        }
        self.word().map(Token::Word)
    }

    fn word(&mut self) -> Option<Word> {
        let mut word = Word { text: String::new(), is_bare: !self.rest.starts_with(['"', '\'', '$', '\\']) };
        while let Some(letter) = self.rest.chars().next() {
            match letter {
                ' ' | '\t' => break,
                '&' if self.rest.starts_with("&&") => break,
                ';' | '\n' => break,
                '\\' if self.rest.starts_with("\\\n") => break,
                '&' | '|' | '<' | '>' | '(' | ')' | '`' | '{' | '}' => return None,
                '[' | '!' if word.text.is_empty() => return None,
                '[' => self.has_brackets = true,
                '*' | '?' if !is_harmless_glob(&word.text) => return None,
                '~' if word.text.is_empty() || word.text.ends_with(['=', ':']) => return None,
                _ => {}
            }
            self.next();
            match letter {
                '\'' => {
                    let end = self.rest.find('\'')?;
                    word.text.push_str(&self.rest[..end]);
                    self.rest = &self.rest[end + 1..];
                }
                '"' => self.quoted(&mut word.text)?,
                '$' => self.variable(&mut word.text)?,
                '\\' => word.text.push(self.next().filter(|next| *next != '\n')?),
                letter => word.text.push(letter),
            }
        }
        Some(word)
    }

    /// What stands in double quotes, the first one read already.
    fn quoted(&mut self, text: &mut String) -> Option<()> {
        loop {
            match self.next()? {
                '"' => return Some(()),
                '`' => return None,
                '$' => self.variable(text)?,
                '\\' => match self.next()? {
                    next @ ('"' | '\\' | '$' | '`') => text.push(next),
                    _ => return None,
                },
                letter => text.push(letter),
            }
        }
    }

    /// A variable, its sign read already; one whose value would be split into words is not read.
    fn variable(&mut self, text: &mut String) -> Option<()> {
        let rest = self.rest;
        let (name, rest) = match rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}')?,
            None => {
                let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
                rest.split_at(rest.find(|letter| !is_part(letter)).unwrap_or(rest.len()))
            }
        };
        let value = self.env.get(name)?;
        if value.is_empty() || value.contains(|letter: char| letter.is_whitespace() || "*?[".contains(letter)) {
            return None;
        }
        text.push_str(value);
        self.rest = rest;
        Some(())
    }
}

/// Whether a glob behind this beginning of a word can only match caches of the system.
fn is_harmless_glob(start: &str) -> bool {
    ["/var/lib/apt/lists/", "/var/cache/", "/tmp/", "/var/tmp/"].iter().any(|folder| start.starts_with(folder))
}
