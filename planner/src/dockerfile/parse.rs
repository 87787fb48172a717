//! Bytes to a [`Dockerfile`]: the one place where lines, nodes and commands meet and get their places in the
//! text. Never fails; what is wrong comes beside the tree, the first error being the one BuildKit reports:
//! first what its parser refuses, then what its reader of instructions does.

use std::ops::Range;

use super::lines::{LineReader, LogicalLine, Note};
use super::node::{self, Node};
use super::refusal::Refusal;
use super::text::Text;
use super::words::Token;
use super::{Command, Directive, Dockerfile, Heredoc, Instruction, Stage, Word};
use super::{command, directives, go, heredoc};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

const UNTERMINATED: &str = "unterminated heredoc";

/// For so many instructions room is made at most before they are read.
const N_EXPECTED: usize = 64;

/// The hint where nothing is written yet.
const BEGIN: &str = "a Dockerfile begins with a FROM, such as `FROM alpine:3.20`";

impl Dockerfile {
    /// Parses a Dockerfile. The first diagnostic of severity `Error`, if any, is the one BuildKit refuses the
    /// file with; without one BuildKit goes on to look at stages, bases and the context.
    #[must_use]
    pub fn parse(source: &[u8]) -> (Self, Vec<Diagnostic>) {
        let mut parser = Parser::new(source);
        parser.read_instructions();
        parser.finish()
    }
}

/// Parses the text of an `ONBUILD` trigger, as BuildKit does where a stage builds upon the image or stage that
/// holds it. Triggers are always read with a backslash as escape. `line` is that of the `FROM` that fires it;
/// the instruction and the diagnostics bear it. The instruction's spans point into `text`, the diagnostics have none.
#[must_use]
pub fn parse_trigger(text: &str, line: u32) -> (Option<Instruction>, Vec<Diagnostic>) {
    let mut parser = Parser::new(text.as_bytes());
    parser.read_instructions();
    let Parser { mut instructions, mut refused, bad_commands, .. } = parser;
    if instructions.len() > 1 {
        let message = "onbuild trigger should be a single expression";
        refused.push(Diagnostic::error(message, Some(line), None));
    }
    let instruction = instructions.pop().filter(|_| instructions.is_empty());
    refused.extend(bad_commands.into_iter().filter_map(|bad| match bad {
        BadCommand::Misformed(refusal) => Some(refusal),
        // A trigger stands in a stage.
        BadCommand::Misplaced(_) => None,
    }));
    if instruction.as_ref().is_some_and(|found| found.command == Command::From) {
        refused.push(Diagnostic::error("*instructions.Stage is not a command type", Some(line), None));
    }
    // The trigger's text is not the file's.
    let moved = |diagnostic: Diagnostic| Diagnostic { line: Some(line), span: None, ..diagnostic };
    let diagnostics = refused.into_iter().map(moved).collect();
    (instruction.map(|found| Instruction { line, end_line: line, ..found }), diagnostics)
}

/// The decoded file, and how offsets into the bytes become offsets into it.
struct Decoded {
    text: Text,
    /// Whether all of it is ASCII.
    is_ascii: bool,
    /// Offsets of the bytes that are not UTF-8; each became three.
    replaced: Vec<usize>,
}

impl Decoded {
    fn of(source: &[u8]) -> Self {
        if let Ok(text) = std::str::from_utf8(source) {
            return Self { text: text.into(), is_ascii: text.is_ascii(), replaced: Vec::new() };
        }
        let mut replaced = Vec::new();
        let mut at = 0;
        for chunk in source.utf8_chunks() {
            let start = at + chunk.valid().len();
            at = start + chunk.invalid().len();
            replaced.extend(start..at);
        }
        Self { text: go::decode(source).as_ref().into(), is_ascii: false, replaced }
    }

    /// Whether a place in the file holds bytes that are not UTF-8.
    fn is_replaced(&self, place: &Range<usize>) -> bool {
        let next = self.replaced.partition_point(|replaced| *replaced < place.start);
        self.replaced.get(next).is_some_and(|replaced| *replaced < place.end)
    }

    /// The span of a place in the file. A place that begins or ends within a character goes on to its end.
    fn span(&self, place: &Range<usize>) -> Span {
        if self.is_ascii {
            return Span::new(place.start, place.end);
        }
        let at = |offset: usize| {
            let n_replaced = self.replaced.partition_point(|replaced| *replaced < offset);
            self.text.ceil_char_boundary(offset + 2 * n_replaced)
        };
        Span::new(at(place.start), at(place.end))
    }
}

/// An instruction that does not make sense.
enum BadCommand {
    /// BuildKit puts the line in front of the words.
    Misformed(Diagnostic),
    /// Another than `ARG` before the first `FROM`.
    Misplaced(Diagnostic),
}

struct Parser<'a> {
    reader: LineReader<'a>,
    text: Decoded,
    instructions: Vec<Instruction>,
    stages: Vec<Stage>,
    /// What BuildKit's parser refuses.
    refused: Vec<Diagnostic>,
    /// What BuildKit's reader of instructions refuses.
    bad_commands: Vec<BadCommand>,
    warnings: Vec<Diagnostic>,
}

impl<'a> Parser<'a> {
    fn new(source: &'a [u8]) -> Self {
        let text = Decoded::of(source);
        let whole = text.replaced.is_empty().then(|| text.text.clone());
        let n_lines = source.iter().filter(|byte| **byte == b'\n').count() + 1;
        Self {
            reader: LineReader::new(source, whole),
            text,
            instructions: Vec::with_capacity(n_lines.min(N_EXPECTED)),
            stages: Vec::new(),
            refused: Vec::new(),
            bad_commands: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn read_instructions(&mut self) {
        while let Some(line) = self.reader.next_logical() {
            let node = node::read(&line, self.reader.escape);
            self.read_instruction(&line, node);
        }
        let notes = |notes: Vec<Note>, text: &Decoded, new: fn(String, Option<u32>, Option<Span>) -> Diagnostic| {
            notes.into_iter().map(|note| new(note.message, Some(note.line), Some(text.span(&note.place)))).collect()
        };
        let mut first: Vec<Diagnostic> = notes(std::mem::take(&mut self.reader.errors), &self.text, Diagnostic::error);
        first.append(&mut self.refused);
        self.refused = first;
        let mut warnings = notes(std::mem::take(&mut self.reader.warnings), &self.text, Diagnostic::warning);
        self.warnings.append(&mut warnings);
        let last = Some(self.reader.line);
        if self.instructions.is_empty() {
            self.refused.push(Diagnostic::error("file with no instructions", last, None).with_hint(BEGIN));
        } else if self.reader.too_long().is_some() {
            let message = "dockerfile line greater than max allowed size of 65535";
            let place = self.reader.too_long().map(|place| self.text.span(&place));
            self.refused.push(Diagnostic::error(message, last, place));
        }
    }

    fn read_instruction(&mut self, line: &LogicalLine, mut node: Node) {
        let read = match node.error.take() {
            Some(refusal) => Err(*refusal),
            None if node.takes_heredocs() => self.read_heredocs(line),
            None => Ok(Vec::new()),
        };
        let (heredocs, command) = match read {
            Err(refusal) => {
                self.refused.push(self.diagnostic(line, &node, refusal));
                (Vec::new(), Command::Invalid)
            }
            Ok(heredocs) => {
                let command = command::read(&node, &heredocs, line).unwrap_or_else(|refusal| {
                    self.bad_commands.push(BadCommand::Misformed(self.diagnostic(line, &node, refusal)));
                    Command::Invalid
                });
                (heredocs, command)
            }
        };
        self.note_stage(&node, line, &command);
        let trigger = node.trigger.take().map(|trigger| {
            let command = command::read(&trigger, &heredocs, line).unwrap_or(Command::Invalid);
            Box::new(self.instruction(line, *trigger, heredocs.clone(), command, None))
        });
        let instruction = self.instruction(line, node, heredocs, command, trigger);
        self.instructions.push(instruction);
    }

    fn instruction(
        &self,
        line: &LogicalLine,
        node: Node,
        heredocs: Vec<Heredoc>,
        command: Command,
        trigger: Option<Box<Instruction>>,
    ) -> Instruction {
        let word = |token: Token| {
            let span = self.text.span(&line.place(&token.range));
            Word { text: token.text, span }
        };
        let place = line.start..self.reader.end;
        // A comment between continued lines is no part of the instruction.
        let is_in_line = !heredocs.is_empty() || line.has_bad_bytes();
        let has_replaced_bytes = is_in_line && self.text.is_replaced(&place);
        Instruction {
            span: self.text.span(&place),
            line: line.line,
            end_line: self.reader.line,
            keyword: word(node.keyword),
            flags: node.flags.map(word),
            args: node.args.map(word),
            json: node.json,
            heredocs,
            has_replaced_bytes,
            trigger,
            command,
        }
    }

    /// What BuildKit says against the instruction on a line.
    fn diagnostic(&self, line: &LogicalLine, node: &Node, refusal: Refusal) -> Diagnostic {
        let range = refusal.range.unwrap_or_else(|| node.keyword.range.clone());
        let span = self.text.span(&line.place(&range));
        Diagnostic { hint: refusal.hint, ..Diagnostic::error(refusal.message, Some(line.line), Some(span)) }
    }

    fn read_heredocs(&mut self, line: &LogicalLine) -> Result<Vec<Heredoc>, Refusal> {
        let mut heredocs = Vec::new();
        for announced in heredoc::announced(line)? {
            let Some(body) = self.reader.heredoc_body(&announced.name, announced.chomp) else {
                let refusal = Refusal { range: heredoc::place(line.bytes(), &announced.name), ..UNTERMINATED.into() };
                return Err(
                    refusal.with_hint(format!("end it with a line that is `{}` and nothing else", announced.name))
                );
            };
            let span = self.text.span(&body);
            let heredoc::Announcement { name, fd, expand, chomp } = announced;
            let content = self.text.text.get(span.range()).unwrap_or_default();
            heredocs.push(Heredoc { name, fd, expand, chomp, content, span });
        }
        Ok(heredocs)
    }

    /// Keeps count of stages, and of what stands before the first.
    fn note_stage(&mut self, node: &Node, line: &LogicalLine, command: &Command) {
        let keyword = self.text.span(&line.place(&node.keyword.range));
        let line = line.line;
        let at = self.instructions.len();
        if node.kind == Some(super::keyword::Keyword::From) {
            let (name, platform) = command::stage_details(node);
            let base = node.args.first().map_or_else(Text::default, |word| word.text.clone());
            self.stages.push(Stage { name, base, platform, line, from: at, body: at + 1..at + 1 });
        } else if let Some(stage) = self.stages.last_mut() {
            stage.body.end = at + 1;
        } else if !matches!(command, Command::Arg(_) | Command::Invalid) {
            let refusal = Diagnostic::error("no build stage in current context", Some(line), Some(keyword));
            let refusal = refusal.with_hint("begin with a FROM; only ARG may stand before the first one");
            self.bad_commands.push(BadCommand::Misplaced(refusal));
        }
        if let Command::Maintainer(_) = command {
            let message = "Maintainer instruction is deprecated in favor of using label";
            self.warnings.push(Diagnostic::warning(message, Some(line), Some(keyword)));
        }
    }

    fn finish(self) -> (Dockerfile, Vec<Diagnostic>) {
        let source = self.reader.source();
        let mut diagnostics = match source {
            [] => vec![Diagnostic::error("the Dockerfile cannot be empty", None, None).with_hint(BEGIN)],
            _ => self.refused,
        };
        diagnostics.extend(self.bad_commands.into_iter().map(|bad| match bad {
            BadCommand::Misplaced(refusal) => refusal,
            BadCommand::Misformed(refusal) => {
                let line = refusal.line.unwrap_or_default();
                let message = format!("dockerfile parse error on line {line}: {}", refusal.message);
                Diagnostic { message, ..refusal }
            }
        }));
        if self.stages.is_empty() {
            let refusal = Diagnostic::error("dockerfile contains no stages to build", None, None);
            diagnostics.push(refusal.with_hint("add a FROM: it begins a stage"));
        }
        diagnostics.extend(self.warnings);
        let directives = self.reader.directives.into_iter().map(|found| Directive {
            span: self.text.span(&found.place),
            name: found.name,
            value: found.value,
            line: found.line,
        });
        let dockerfile = Dockerfile {
            directives: directives.collect(),
            syntax: directives::syntax(source),
            escape: char::from(self.reader.escape),
            comments: self.reader.comments.iter().map(|place| self.text.span(place)).collect(),
            instructions: self.instructions,
            stages: self.stages,
            text: self.text.text,
        };
        (dockerfile, diagnostics)
    }
}
