//! The Dockerfile as it was written: a tree in which every node knows its place in the text. In go
//! bytes, out come a [`Dockerfile`] and what is wrong with it. Nothing here is expanded, looked up or
//! decided; see `graph` for that.
//!
//! The tree is lossless: the text is kept, and each token's [`Span`] points into it, so an edit touches
//! only what it means to.

pub mod text;
pub mod few;
mod go;
mod nearest;
mod number;
mod csv;
mod json_array;
pub mod expand;
pub mod mount;
mod device;
mod directives;
mod lines;
pub mod heredoc;
mod words;
mod refusal;
mod keyword;
mod node;
mod flags;
mod copying;
mod command;
pub mod parse;
pub mod check;

use std::ops::Range;

use crate::source::Span;
use few::Few;
use text::Text;

/// A parsed Dockerfile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dockerfile {
    /// The text, byte for byte as read; bytes that are not UTF-8 stand as U+FFFD. A byte order mark is kept.
    pub text: Text,
    /// The parser directives at the top (`# syntax=`, `# escape=`, `# check=`), in file order.
    pub directives: Vec<Directive>,
    /// The frontend image named by a `syntax` directive, in any of the forms BuildKit detects.
    pub syntax: Option<String>,
    /// The escape character: a backslash, or a backtick by directive.
    pub escape: char,
    /// Whole comment lines, without their line ends.
    pub comments: Vec<Span>,
    /// Every instruction in file order, those before the first `FROM` included.
    pub instructions: Vec<Instruction>,
    /// The stages in file order.
    pub stages: Vec<Stage>,
}

impl Dockerfile {
    /// The instructions before the first `FROM`; in a valid file all are `ARG`.
    #[must_use]
    pub fn preamble(&self) -> &[Instruction] {
        let end = self.stages.first().map_or(self.instructions.len(), |stage| stage.from);
        &self.instructions[..end]
    }

    /// The instructions of a stage, its `FROM` left out.
    #[must_use]
    pub fn body(&self, stage: &Stage) -> &[Instruction] {
        &self.instructions[stage.body.clone()]
    }
}

/// A parser directive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directive {
    /// In lower case.
    pub name: String,
    /// As written, trimmed.
    pub value: String,
    /// The whole line, without its line end.
    pub span: Span,
    /// Counted from 1.
    pub line: u32,
}

/// One build stage: a `FROM` and what follows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stage {
    /// The name after `AS`, in lower case.
    pub name: Option<Text>,
    /// What `FROM` names, as written.
    pub base: Text,
    /// The value of `FROM --platform=`, as written.
    pub platform: Option<Text>,
    /// The line of its `FROM`.
    pub line: u32,
    /// Index of its `FROM` among the instructions.
    pub from: usize,
    /// Indexes of its other instructions.
    pub body: Range<usize>,
}

/// One instruction, as BuildKit's parser sees it and as it is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// From the first byte of the first physical line, indentation included, to the end of the last (a
    /// here-document's terminator included), without the last line end.
    pub span: Span,
    /// The first physical line, counted from 1.
    pub line: u32,
    /// The last physical line.
    pub end_line: u32,
    /// As written.
    pub keyword: Word,
    /// The `--name[=value]` words in front, quotes and escapes removed.
    pub flags: Few<Word>,
    /// BuildKit's parser nodes: one string in shell form, the decoded strings in JSON form,
    /// name-value-separator triples for `ENV` and `LABEL`.
    pub args: Few<Word>,
    /// Whether the arguments were a JSON array.
    pub json: bool,
    /// The here-documents, in order.
    pub heredocs: Vec<Heredoc>,
    /// Whether its text or its here-documents held bytes that are not UTF-8, here replaced by U+FFFD.
    pub has_replaced_bytes: bool,
    /// What an `ONBUILD` triggers, as far as it can be told before it fires; it shares the here-documents.
    pub trigger: Option<Box<Instruction>>,
    /// What the instruction means.
    pub command: Command,
}

/// A decoded token and the place it was written at. Where the token goes over an escaped line end, the span
/// covers that, and comment lines between; so the text at the span is not always the token's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// The token as the parser decodes it.
    pub text: Text,
    /// Where it is written.
    pub span: Span,
}

/// A here-document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heredoc {
    /// The delimiter, quotes removed; for `COPY` also the file's name.
    pub name: String,
    /// The file descriptor in front of `<<`, 0 where there is none, the largest number where it is too large.
    pub fd: u64,
    /// Whether variables are expanded: no part of the delimiter was quoted.
    pub expand: bool,
    /// Whether `<<-` asked to strip leading tabs.
    pub chomp: bool,
    /// The body as written, line ends included, tabs not stripped.
    pub content: Text,
    /// The body's place in the text.
    pub span: Span,
}

/// What an instruction asks for. Values are as written: not expanded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// `FROM`; the details stand in its [`Stage`].
    From,
    /// `ARG NAME[=DEFAULT] …`
    Arg(Vec<ArgDeclaration>),
    /// `ENV`
    Env(Vec<Pair>),
    /// `LABEL`
    Label(Vec<Pair>),
    /// `RUN`
    Run(Box<Run>),
    /// `COPY`
    Copy(Box<Copy>),
    /// `ADD`
    Add(Box<Add>),
    /// `WORKDIR`
    Workdir(Text),
    /// `USER`
    User(Text),
    /// `SHELL`
    Shell(Vec<Text>),
    /// `ONBUILD`: the trigger's text, its here-documents written out behind the line, as BuildKit stores it;
    /// parsed when a stage builds upon this one, see [`parse::parse_trigger`].
    Onbuild(Text),
    /// `CMD`
    Cmd(CommandLine),
    /// `ENTRYPOINT`
    Entrypoint(CommandLine),
    /// `HEALTHCHECK`: `NONE`, or `CMD` and its arguments.
    Healthcheck(Vec<Text>),
    /// `EXPOSE`
    Expose(Vec<Text>),
    /// `VOLUME`
    Volume(Vec<Text>),
    /// `STOPSIGNAL`
    StopSignal(Text),
    /// `MAINTAINER`
    Maintainer(Text),
    /// An instruction that BuildKit refuses; a diagnostic says why.
    Invalid,
}

/// One name of an `ARG` instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArgDeclaration {
    /// Left of `=`.
    pub name: Text,
    /// Right of `=`, as written; `None` without `=`.
    pub default: Option<Text>,
}

/// A name and a value of `ENV` or `LABEL`, as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pair {
    /// Left of `=`, or the first word of the legacy form.
    pub name: Text,
    /// Right of `=`, or the rest of the legacy form.
    pub value: Text,
}

/// The command of `RUN`, `CMD` or `ENTRYPOINT`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandLine {
    /// The words of the JSON form, or one text of the shell form.
    pub words: Few<Text>,
    /// Whether the stage's shell goes in front.
    pub shell: bool,
}

/// `RUN`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// What is run.
    pub command: CommandLine,
    /// The values of `--mount=`, in order; see [`mount`].
    pub mounts: Vec<Text>,
    /// The value of `--network=`.
    pub network: Option<Text>,
    /// The value of `--security=`.
    pub security: Option<Text>,
    /// The values of `--device=`.
    pub devices: Vec<Text>,
}

/// `COPY`, and what `ADD` shares with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copy {
    /// What is copied, in order.
    pub sources: Few<CopySource>,
    /// Where to.
    pub dest: Text,
    /// `--from=`
    pub from: Option<Text>,
    /// `--chown=`
    pub chown: Option<Text>,
    /// `--chmod=`
    pub chmod: Option<Text>,
    /// `--link`
    pub link: bool,
    /// `--parents`
    pub parents: bool,
    /// `--exclude=`, in order.
    pub exclude: Vec<Text>,
}

/// One source of a `COPY` or `ADD`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CopySource {
    /// A path, a pattern, or for `ADD` a URL.
    Path(Text),
    /// The here-document of that index in the instruction.
    Heredoc(usize),
    /// A here-document whose word does not agree with the body that BuildKit finds for it: two of one name
    /// that differ in quotes or dash, or none, because the line has an open quote.
    Inline {
        /// The file's name.
        name: String,
        /// What is in it, leading tabs stripped already.
        content: String,
        /// Whether variables are expanded.
        expand: bool,
    },
}

/// `ADD`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Add {
    /// Sources, destination and shared flags; `from` and `parents` unset.
    pub copy: Copy,
    /// `--checksum=`
    pub checksum: Option<Text>,
    /// `--keep-git-dir`
    pub keep_git_dir: Option<bool>,
    /// `--unpack`
    pub unpack: Option<bool>,
}
