//! Two views of a parsed Dockerfile: the JSON of `stageplan parse`, and a tree to be read by people.

use std::fmt::Write as _;

use planner::diagnostic::{Diagnostic, Severity};
use planner::dockerfile::{Command, Dockerfile, Heredoc, Instruction, Word};
use serde_json::{Value, json};

pub(super) fn json(dockerfile: &Dockerfile, diagnostics: &[Diagnostic]) -> Value {
    if let Some(error) = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error) {
        return json!({ "ok": false, "line": error.line, "error": error.message });
    }
    let stages = dockerfile.stages.iter().map(|stage| {
        let name = stage.name.as_deref().unwrap_or_default();
        json!({ "name": name, "base": stage.base, "line": stage.line })
    });
    json!({
        "ok": true,
        "escape": dockerfile.escape.to_string(),
        "stages": stages.collect::<Vec<_>>(),
        "instructions": dockerfile.instructions.iter().map(instruction).collect::<Vec<_>>(),
    })
}

fn instruction(instruction: &Instruction) -> Value {
    let mut view = words(instruction);
    view["line"] = instruction.line.into();
    view["end_line"] = instruction.end_line.into();
    if !instruction.heredocs.is_empty() {
        view["heredocs"] = instruction.heredocs.iter().map(heredoc).collect();
    }
    if let Some(trigger) = &instruction.trigger {
        view["onbuild"] = words(trigger);
    }
    view
}

fn words(instruction: &Instruction) -> Value {
    let texts = |words: &[Word]| words.iter().map(|word| word.text.clone()).collect::<Vec<_>>();
    json!({
        "keyword": instruction.keyword.text,
        "flags": texts(&instruction.flags),
        "args": texts(&instruction.args),
        "json": instruction.json,
    })
}

fn heredoc(heredoc: &Heredoc) -> Value {
    json!({
        "name": heredoc.name,
        "fd": heredoc.fd,
        "expand": heredoc.expand,
        "chomp": heredoc.chomp,
        "content": heredoc.content,
    })
}

/// One line for each node; a word whose text is not what is written is followed by what is written.
pub(super) fn tree(dockerfile: &Dockerfile, diagnostics: &[Diagnostic]) -> String {
    let mut tree = String::new();
    let mut line = |text: String| writeln!(tree, "{text}").expect("writing to a String");
    line(format!("escape {}", dockerfile.escape));
    if let Some(syntax) = &dockerfile.syntax {
        line(format!("syntax {syntax:?}"));
    }
    for directive in &dockerfile.directives {
        line(format!("{} directive {} = {:?}", directive.line, directive.name, directive.value));
    }
    for stage in &dockerfile.stages {
        line(format!("{} stage {:?} from {:?}, instructions {:?}", stage.line, stage.name, stage.base, stage.body));
    }
    for instruction in &dockerfile.instructions {
        let lines = format!("{}-{}", instruction.line, instruction.end_line);
        line(format!("{lines} {}", instruction_line(dockerfile, instruction)));
        if let Some(trigger) = &instruction.trigger {
            line(format!("    triggers {}", instruction_line(dockerfile, trigger)));
        }
        for Heredoc { name, fd, expand, chomp, content, .. } in &instruction.heredocs {
            line(format!("    heredoc {name:?} fd {fd} expand {expand} chomp {chomp} {content:?}"));
        }
        line(format!("    {:?}", instruction.command));
    }
    for comment in &dockerfile.comments {
        line(format!("comment {:?}", &dockerfile.text[comment.range()]));
    }
    for diagnostic in diagnostics {
        line(format!("{:?} at line {:?}: {}", diagnostic.severity, diagnostic.line, diagnostic.message));
    }
    tree
}

fn instruction_line(dockerfile: &Dockerfile, instruction: &Instruction) -> String {
    let word = |word: &Word| match &dockerfile.text[word.span.range()] {
        written if word.text == written => format!("{:?}", word.text),
        written => format!("{:?} written {written:?}", word.text),
    };
    let list = |words: &[Word]| words.iter().map(word).collect::<Vec<_>>().join(", ");
    let json = if instruction.json { " json" } else { "" };
    let flags = list(&instruction.flags);
    format!("{} flags [{flags}] args{json} [{}]", word(&instruction.keyword), list(&instruction.args))
}

/// What a trigger says of itself when it is read again.
pub(super) fn expression(instruction: &Instruction) -> Option<&str> {
    match &instruction.command {
        Command::Onbuild(text) => Some(text),
        _ => None,
    }
}
