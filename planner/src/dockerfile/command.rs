//! What an instruction asks for: a [`Node`] and its here-documents to a [`Command`], or BuildKit's words against
//! it (frontend/dockerfile/instructions). Everything is checked that BuildKit checks before it looks at stages,
//! bases and variables; nothing is expanded.

use std::borrow::Cow;

use super::flags::{FROM_FLAGS, Flags, HEALTHCHECK_FLAGS, NO_FLAGS, RUN_FLAGS};
use super::keyword::{KEYWORDS, Keyword};
use super::lines::LogicalLine;
use super::nearest::with_nearest_folded;
use super::node::Node;
use super::refusal::Refusal;
use super::text::Text;
use super::words::Token;
use super::{ArgDeclaration, Command, CommandLine, Heredoc, Pair, Run};
use super::{copying, device, go, mount, number};

/// What the instruction on `line` asks for.
///
/// # Errors
/// BuildKit's words against it.
pub(super) fn read(node: &Node, heredocs: &[Heredoc], line: &LogicalLine) -> Result<Command, Refusal> {
    let Some(kind) = node.kind else {
        let keyword = &node.keyword.text;
        let message = with_nearest_folded(format!("unknown instruction: {keyword}"), keyword, &KEYWORDS);
        return Err(Refusal::of(&node.keyword, message));
    };
    match kind {
        Keyword::Add => copying::add(node, heredocs).map(|add| Command::Add(Box::new(add))),
        Keyword::Copy => copying::copy(node, heredocs).map(|copy| Command::Copy(Box::new(copy))),
        Keyword::Arg => arg(node),
        Keyword::Cmd => no_flags(node).map(|()| Command::Cmd(command_line(node))),
        Keyword::Entrypoint => no_flags(node).map(|()| Command::Entrypoint(command_line(node))),
        Keyword::Env => pairs(node, "ENV").map(Command::Env),
        Keyword::Label => pairs(node, "LABEL").map(Command::Label),
        Keyword::Expose => expose(node),
        Keyword::From => from(node, line),
        Keyword::Healthcheck => healthcheck(node),
        Keyword::Maintainer => only_argument(node, "MAINTAINER").map(Command::Maintainer),
        Keyword::Onbuild => onbuild(node, heredocs, line),
        Keyword::Run => run(node).map(|run| Command::Run(Box::new(run))),
        Keyword::Shell => shell(node),
        // Whatever flags there are, BuildKit does not look at them.
        Keyword::StopSignal => single(node, "STOPSIGNAL").map(Command::StopSignal),
        Keyword::User => only_argument(node, "USER").map(Command::User),
        Keyword::Volume => volume(node),
        Keyword::Workdir => only_argument(node, "WORKDIR").map(Command::Workdir),
    }
}

fn texts(words: &[Token]) -> Vec<Text> {
    words.iter().map(|word| word.text.clone()).collect()
}

fn no_flags(node: &Node) -> Result<(), Refusal> {
    Flags::read(&node.flags, NO_FLAGS).map(|_| ())
}

fn at_least_one(node: &Node, keyword: &str) -> Result<(), Refusal> {
    if node.args.is_empty() {
        return Err(Refusal::of(&node.keyword, format!("{keyword} requires at least one argument")));
    }
    Ok(())
}

fn single(node: &Node, keyword: &str) -> Result<Text, Refusal> {
    match &node.args[..] {
        [argument] => Ok(argument.text.clone()),
        _ => Err(Refusal::of_all(&node.args, format!("{keyword} requires exactly one argument"))),
    }
}

fn only_argument(node: &Node, keyword: &str) -> Result<Text, Refusal> {
    let argument = single(node, keyword)?;
    no_flags(node)?;
    Ok(argument)
}

fn command_line(node: &Node) -> CommandLine {
    CommandLine { words: node.args.iter().map(|word| word.text.clone()).collect(), shell: !node.json }
}

fn arg(node: &Node) -> Result<Command, Refusal> {
    at_least_one(node, "ARG")?;
    let declaration = |word: &Token| match word.text.split_once('=') {
        Some((name, _)) if name.is_empty() => Err(Refusal::of(word, "ARG names can not be blank")),
        Some((name, default)) => Ok(ArgDeclaration { name, default: Some(default) }),
        None => Ok(ArgDeclaration { name: word.text.clone(), default: None }),
    };
    node.args.iter().map(declaration).collect::<Result<_, _>>().map(Command::Arg)
}

fn pairs(node: &Node, keyword: &str) -> Result<Vec<Pair>, Refusal> {
    no_flags(node)?;
    at_least_one(node, keyword)?;
    let pair = |triple: &[Token]| match triple {
        [name, value, _] if !name.text.is_empty() => Ok(Pair { name: name.text.clone(), value: value.text.clone() }),
        _ => Err(Refusal::of_all(triple, format!("{keyword} names can not be blank"))),
    };
    node.args.chunks(3).map(pair).collect()
}

fn expose(node: &Node) -> Result<Command, Refusal> {
    at_least_one(node, "EXPOSE")?;
    no_flags(node)?;
    let mut ports = texts(&node.args);
    ports.sort();
    Ok(Command::Expose(ports))
}

fn volume(node: &Node) -> Result<Command, Refusal> {
    at_least_one(node, "VOLUME")?;
    no_flags(node)?;
    let volumes: Vec<Text> = node.args.iter().map(|word| word.text.trim().into()).collect();
    if let Some(index) = volumes.iter().position(|volume| volume.is_empty()) {
        return Err(Refusal::of(&node.args[index], "VOLUME specified can not be an empty string"));
    }
    Ok(Command::Volume(volumes))
}

fn shell(node: &Node) -> Result<Command, Refusal> {
    no_flags(node)?;
    at_least_one(node, "SHELL")?;
    if !node.json {
        let refusal = Refusal::of_all(&node.args, "SHELL requires the arguments to be in JSON form");
        return Err(refusal.with_hint("write the words as a JSON array: [\"/bin/bash\", \"-c\"]"));
    }
    Ok(Command::Shell(texts(&node.args)))
}

fn from(node: &Node, line: &LogicalLine) -> Result<Command, Refusal> {
    match &node.args[..] {
        [_] => {}
        [_, between, name] if is_as(&between.text) => {
            if stage_name(&name.text).is_none() {
                let quoted = go::quote_bytes(&line.bytes()[name.range.clone()]);
                let why = "name can't start with a number or contain symbols";
                return Err(Refusal::of(name, format!("invalid name for build stage: {quoted}, {why}")));
            }
        }
        words => {
            let refusal = Refusal::of_all(words, "FROM requires either one or three arguments");
            return Err(refusal.with_hint("write `FROM image` or `FROM image AS name`"));
        }
    }
    Flags::read(&node.flags, FROM_FLAGS)?;
    Ok(Command::From)
}

fn is_as(word: &str) -> bool {
    // Go folds the long s too.
    matches!(word, "as" | "AS" | "As" | "aS" | "a\u{17f}" | "A\u{17f}")
}

/// The name a stage goes by, if it is a good one.
pub(super) fn stage_name(written: &Text) -> Option<Text> {
    let name = match go::lower(written) {
        Cow::Borrowed(_) => written.clone(),
        Cow::Owned(lower) => lower.as_str().into(),
    };
    let is_good = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    (name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(is_good)).then_some(name)
}

/// Name and platform of the stage that a `FROM` begins.
pub(super) fn stage_details(node: &Node) -> (Option<Text>, Option<Text>) {
    let name = match &node.args[..] {
        [_, between, name] if is_as(&between.text) => stage_name(&name.text),
        _ => None,
    };
    let platform = Flags::read(&node.flags, FROM_FLAGS).ok().and_then(|flags| flags.text("platform"));
    (name, platform)
}

fn healthcheck(node: &Node) -> Result<Command, Refusal> {
    at_least_one(node, "HEALTHCHECK")?;
    let mut words = texts(&node.args);
    words[0] = go::upper(&words[0]).as_str().into();
    if words[0] == "NONE" {
        return match words.len() {
            1 => Ok(Command::Healthcheck(words)),
            _ => Err(Refusal::of_all(&node.args[1..], "HEALTHCHECK NONE takes no arguments")),
        };
    }
    let flags = Flags::read(&node.flags, HEALTHCHECK_FLAGS)?;
    if words[0] != "CMD" {
        let message = format!("Unknown type {} in HEALTHCHECK (try CMD)", go::quote(&words[0]));
        return Err(Refusal::of(&node.args[0], message));
    }
    if words.len() == 1 {
        return Err(Refusal::of(&node.args[0], "Missing command after HEALTHCHECK CMD"));
    }
    for name in ["interval", "timeout", "start-period", "start-interval"] {
        let value = flags.text(name).unwrap_or_default();
        check_interval(name, &value).map_err(|message| of_flag(node, name, &value, message))?;
    }
    if let Some(retries) = flags.text("retries").filter(|retries| !retries.is_empty()) {
        check_retries(&retries).map_err(|message| of_flag(node, "retries", &retries, message))?;
    }
    Ok(Command::Healthcheck(words))
}

fn check_retries(retries: &str) -> Result<(), String> {
    match number::signed(retries)? {
        retries if retries < 0 => Err(format!("--retries cannot be negative ({retries})")),
        _ => Ok(()),
    }
}

/// Words about the flag of that name and value.
fn of_flag(node: &Node, name: &str, value: &str, message: String) -> Refusal {
    let written = format!("--{name}={value}");
    match node.flags.iter().find(|flag| flag.text == written.as_str()) {
        Some(flag) => Refusal::of(flag, message),
        None => message.into(),
    }
}

fn check_interval(name: &str, value: &str) -> Result<(), String> {
    const MILLISECOND: i64 = 1_000_000;
    if value.is_empty() {
        return Ok(());
    }
    match number::duration(value)? {
        nanoseconds if nanoseconds != 0 && nanoseconds < MILLISECOND => {
            Err(format!("Interval \"{name}\" cannot be less than 1ms"))
        }
        _ => Ok(()),
    }
}

fn run(node: &Node) -> Result<Run, Refusal> {
    let flags = Flags::read(&node.flags, RUN_FLAGS)?;
    let run = Run {
        command: command_line(node),
        mounts: flags.texts("mount"),
        network: flags.text("network"),
        security: flags.text("security"),
        devices: flags.texts("device"),
    };
    for device in &run.devices {
        device::check(device).map_err(|message| of_flag(node, "device", device, message))?;
    }
    for mount in &run.mounts {
        mount::check(mount).map_err(|message| of_flag(node, "mount", mount, message))?;
    }
    if let Some(mode) = run.network.as_ref().filter(|mode| !["default", "none", "host"].contains(&mode.as_str())) {
        let message = format!("invalid network mode {}", go::quote(mode));
        return Err(of_flag(node, "network", mode, message).with_hint("the modes are default, none and host"));
    }
    if let Some(mode) = run.security.as_ref().filter(|mode| !["insecure", "sandbox"].contains(&mode.as_str())) {
        let message = format!("security {} is not valid", go::quote(mode));
        return Err(of_flag(node, "security", mode, message));
    }
    Ok(run)
}

fn onbuild(node: &Node, heredocs: &[Heredoc], line: &LogicalLine) -> Result<Command, Refusal> {
    let Some(trigger) = &node.trigger else {
        return Err("ONBUILD requires at least one argument".into());
    };
    no_flags(node)?;
    match go::upper(trigger.keyword.text.trim()).as_str() {
        "ONBUILD" => {
            let message = "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed";
            return Err(Refusal::of(&trigger.keyword, message));
        }
        keyword @ ("MAINTAINER" | "FROM") => {
            return Err(Refusal::of(&trigger.keyword, format!("{keyword} isn't allowed as an ONBUILD trigger")));
        }
        _ => {}
    }
    // Here-documents are written out behind the line, to be read again with it.
    let bodies = heredocs.iter().map(|heredoc| format!("\n{}{}", heredoc.content, heredoc.name));
    let text = without_onbuild(&go::decode(line.bytes())).to_owned() + &bodies.collect::<String>();
    Ok(Command::Onbuild(text.as_str().into()))
}

/// The line without the keyword in front and the blanks around it.
fn without_onbuild(line: &str) -> &str {
    const BLANK: [char; 5] = ['\t', '\n', '\x0c', '\r', ' '];
    let start = line.trim_start_matches(BLANK);
    match start.split_at_checked("ONBUILD".len()) {
        Some((keyword, rest)) if keyword.eq_ignore_ascii_case("ONBUILD") => rest.trim_start_matches(BLANK),
        _ => line,
    }
}
