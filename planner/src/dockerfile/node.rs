//! A logical line as BuildKit's parser gives it on: keyword, flags and arguments, each kind of instruction
//! dividing its arguments in its own way (frontend/dockerfile/parser/line_parsers.go). A line goes in, a
//! [`Node`] and perhaps an error come out. Whether the instruction makes sense is not decided here.

use std::borrow::Cow;
use std::ops::Range;

use super::few::Few;
use super::go;
use super::json_array;
use super::keyword::Keyword;
use super::lines::LogicalLine;
use super::refusal::Refusal;
use super::text::Text;
use super::words::{Token, name_value_words, split_blank, split_command};

/// How many words behind a `COPY`, `FROM` or `EXPOSE` there mostly are at most.
const N_EXPECTED: usize = 4;

/// An instruction, not yet understood.
pub(super) struct Node {
    /// The kind; `None` for an unknown instruction.
    pub(super) kind: Option<Keyword>,
    pub(super) keyword: Token,
    pub(super) flags: Few<Token>,
    pub(super) args: Few<Token>,
    pub(super) json: bool,
    /// What an `ONBUILD` triggers.
    pub(super) trigger: Option<Box<Node>>,
    /// BuildKit's words for what its parser refuses.
    pub(super) error: Option<Box<Refusal>>,
}

impl Node {
    /// Whether here-documents may belong to it.
    pub(super) fn takes_heredocs(&self) -> bool {
        let node = self.trigger.as_deref().unwrap_or(self);
        matches!(node.kind, Some(Keyword::Add | Keyword::Copy | Keyword::Run)) && !node.json
    }

    /// The same with what it triggers, unless that is known. An error of the last one is the error of all.
    fn triggering(mut self, inner: Self) -> Self {
        self.error = inner.error;
        self.trigger = self.trigger.or_else(|| Some(Box::new(Self { error: None, ..inner })));
        self
    }
}

/// Reads a line. Of the instructions behind an `ONBUILD ONBUILD` only the errors are kept.
pub(super) fn read(line: &LogicalLine, escape: u8) -> Node {
    let mut outer: Option<Node> = None;
    let mut range = 0..line.bytes().len();
    loop {
        let split = split_command(line, range, escape);
        let kind = Keyword::of(&split.keyword.text);
        let is_chained = kind == Some(Keyword::Onbuild) && !split.rest.is_empty();
        range = split.rest.clone();
        let divided = match kind {
            Some(kind) if !is_chained => divide(kind, line, split.rest, escape),
            Some(_) => Ok(Args::default()),
            // Of an unknown instruction BuildKit keeps one empty argument.
            None => Ok(Args::shell(Few::One([Token::plain(line, range.end..range.end)]))),
        };
        let (args, error) = match divided {
            Ok(args) => (args, None),
            Err(refusal) => (Args::default(), Some(Box::new(refusal))),
        };
        let (keyword, flags) = (split.keyword, split.flags);
        let node = Node { kind, keyword, flags, args: args.words, json: args.json, trigger: None, error };
        if !is_chained {
            return match outer {
                None => node,
                Some(outer) => outer.triggering(node),
            };
        }
        outer = Some(match outer {
            None => node,
            Some(outer) => outer.triggering(node),
        });
    }
}

#[derive(Default)]
struct Args {
    words: Few<Token>,
    json: bool,
}

impl Args {
    fn shell(words: Few<Token>) -> Self {
        Self { words, json: false }
    }
}

fn divide(kind: Keyword, line: &LogicalLine, rest: Range<usize>, escape: u8) -> Result<Args, Refusal> {
    match kind {
        Keyword::Add | Keyword::Copy | Keyword::Volume => {
            Ok(json(line, &rest)?.unwrap_or_else(|| Args::shell(blank_words(line, rest))))
        }
        Keyword::Cmd | Keyword::Entrypoint | Keyword::Run | Keyword::Shell => maybe_json(line, rest),
        Keyword::Arg => Ok(Args::shell(name_value_words(line, rest, escape))),
        Keyword::Env => pairs("ENV", line, rest, escape),
        Keyword::Label => pairs("LABEL", line, rest, escape),
        Keyword::Expose | Keyword::From => Ok(Args::shell(blank_words(line, rest))),
        Keyword::Healthcheck => healthcheck(line, rest),
        Keyword::Maintainer | Keyword::StopSignal | Keyword::User | Keyword::Workdir => Ok(whole(line, rest)),
        // One with a trigger does not come here.
        Keyword::Onbuild => Ok(Args::default()),
    }
}

fn whole(line: &LogicalLine, rest: Range<usize>) -> Args {
    Args::shell(if rest.is_empty() { Few::default() } else { Few::One([Token::plain(line, rest)]) })
}

fn blank_words(line: &LogicalLine, rest: Range<usize>) -> Few<Token> {
    let mut words = Vec::with_capacity(N_EXPECTED);
    let mut next = Some(rest).filter(|rest| !rest.is_empty());
    while let Some(rest) = next {
        let (word, behind) = split_blank(line, rest);
        words.push(Token::plain(line, word));
        next = behind;
    }
    Few::Many(words)
}

/// The elements of a JSON array; `None` where the text is not one.
fn json(line: &LogicalLine, rest: &Range<usize>) -> Result<Option<Args>, Refusal> {
    let bytes = line.bytes();
    let start = rest.start + go::leading_space(&bytes[rest.clone()]);
    let Some(elements) = json_array::array(&bytes[start..rest.end]) else { return Ok(None) };
    let words: Result<Few<Token>, Refusal> = elements
        .into_iter()
        .map(|element| {
            let range = start + element.range.start..start + element.range.end;
            let message = "when using JSON array syntax, arrays must be comprised of strings only";
            let text = match element.text {
                None => return Err(Refusal { range: Some(range), ..message.into() }),
                // What is written between the quotes.
                Some(Cow::Borrowed(_)) => line.text(range.start + 1..range.end - 1),
                Some(Cow::Owned(text)) => text.as_str().into(),
            };
            Ok(Token { text, range })
        })
        .collect();
    Ok(Some(Args { words: words?, json: true }))
}

fn maybe_json(line: &LogicalLine, rest: Range<usize>) -> Result<Args, Refusal> {
    Ok(json(line, &rest)?.unwrap_or_else(|| whole(line, rest)))
}

/// The type, and behind it a command. BuildKit looks for the space between byte by byte.
fn healthcheck(line: &LogicalLine, rest: Range<usize>) -> Result<Args, Refusal> {
    let is_space = |at: &usize| go::is_latin1_space(line.bytes()[*at]);
    let end = (rest.clone()).find(is_space).unwrap_or(rest.end);
    if end == rest.start {
        return Ok(Args::default());
    }
    let command = (end..rest.end).find(|at| !is_space(at)).unwrap_or(rest.end);
    let Args { words, json } = maybe_json(line, command..rest.end)?;
    let mut all = Few::One([Token::plain(line, rest.start..end)]);
    words.iter().cloned().for_each(|word| all.push(word));
    Ok(Args { words: all, json })
}

/// Name, value and separator of each pair.
fn pairs(keyword: &str, line: &LogicalLine, rest: Range<usize>, escape: u8) -> Result<Args, Refusal> {
    let words = name_value_words(line, rest.clone(), escape);
    let Some(first) = words.first() else { return Ok(Args::default()) };
    if !first.text.contains('=') {
        return match split_blank(line, rest) {
            (name, Some(value)) => {
                let behind = name.end..value.start;
                let separator = Token { text: Text::default(), range: behind };
                Ok(Args::shell(Few::Many(vec![Token::plain(line, name), Token::plain(line, value), separator])))
            }
            (_, None) => Err(Refusal::of(first, format!("{keyword} must have two arguments"))),
        };
    }
    let mut triples = Vec::with_capacity(3 * words.len());
    for word in &words {
        let Some((name, value)) = word.text.split_once('=') else {
            let quoted = go::quote(&word.text);
            let message = format!("Syntax error - can't find = in {quoted}. Must be of the form: name=value");
            return Err(Refusal::of(word, message));
        };
        let Range { start, end } = word.range.clone();
        let sign = (start..end).find(|at| line.bytes()[*at] == b'=').unwrap_or(start);
        triples.push(Token { text: name, range: start..sign });
        triples.push(Token { text: value, range: sign + 1..end });
        triples.push(Token::plain(line, sign..sign + 1));
    }
    Ok(Args::shell(Few::Many(triples)))
}
