//! What an instruction asks for: a [`Node`] and its here-documents to a [`Command`], or BuildKit's words against
//! it (frontend/dockerfile/instructions). Everything is checked that BuildKit checks before it looks at stages,
//! bases and variables; nothing is expanded.

use super::flags::{FROM_FLAGS, Flags, HEALTHCHECK_FLAGS, NO_FLAGS, RUN_FLAGS};
use super::keyword::{KEYWORDS, Keyword};
use super::nearest::with_nearest_folded;
use super::node::Node;
use super::words::Token;
use super::{ArgDeclaration, Command, CommandLine, Heredoc, Pair, Run};
use super::{copying, device, go, mount, number};

/// What the instruction on `line` asks for.
///
/// # Errors
/// BuildKit's words against it.
pub(super) fn read(node: &Node, heredocs: &[Heredoc], line: &[u8]) -> Result<Command, String> {
    let Some(kind) = node.kind else {
        let keyword = &node.keyword.text;
        let names = KEYWORDS.map(|known| known.0);
        return Err(with_nearest_folded(format!("unknown instruction: {keyword}"), keyword, &names));
    };
    match kind {
        Keyword::Add => copying::add(node, heredocs).map(Command::Add),
        Keyword::Copy => copying::copy(node, heredocs).map(Command::Copy),
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
        Keyword::Run => run(node).map(Command::Run),
        Keyword::Shell => shell(node),
        // Whatever flags there are, BuildKit does not look at them.
        Keyword::StopSignal => single(node, "STOPSIGNAL").map(Command::StopSignal),
        Keyword::User => only_argument(node, "USER").map(Command::User),
        Keyword::Volume => volume(node),
        Keyword::Workdir => only_argument(node, "WORKDIR").map(Command::Workdir),
    }
}

fn texts(words: &[Token]) -> Vec<String> {
    words.iter().map(|word| word.text.clone()).collect()
}

fn no_flags(node: &Node) -> Result<(), String> {
    Flags::read(&node.flags, NO_FLAGS).map(|_| ())
}

fn at_least_one(node: &Node, keyword: &str) -> Result<(), String> {
    if node.args.is_empty() {
        return Err(format!("{keyword} requires at least one argument"));
    }
    Ok(())
}

fn single(node: &Node, keyword: &str) -> Result<String, String> {
    match node.args.as_slice() {
        [argument] => Ok(argument.text.clone()),
        _ => Err(format!("{keyword} requires exactly one argument")),
    }
}

fn only_argument(node: &Node, keyword: &str) -> Result<String, String> {
    let argument = single(node, keyword)?;
    no_flags(node)?;
    Ok(argument)
}

fn command_line(node: &Node) -> CommandLine {
    CommandLine { words: texts(&node.args), shell: !node.json }
}

fn arg(node: &Node) -> Result<Command, String> {
    at_least_one(node, "ARG")?;
    let declaration = |word: &Token| match word.text.split_once('=') {
        Some(("", _)) => Err("ARG names can not be blank".to_owned()),
        Some((name, default)) => Ok(ArgDeclaration { name: name.to_owned(), default: Some(default.to_owned()) }),
        None => Ok(ArgDeclaration { name: word.text.clone(), default: None }),
    };
    node.args.iter().map(declaration).collect::<Result<_, _>>().map(Command::Arg)
}

fn pairs(node: &Node, keyword: &str) -> Result<Vec<Pair>, String> {
    no_flags(node)?;
    at_least_one(node, keyword)?;
    let pair = |triple: &[Token]| match triple {
        [name, value, _] if !name.text.is_empty() => Ok(Pair { name: name.text.clone(), value: value.text.clone() }),
        _ => Err(format!("{keyword} names can not be blank")),
    };
    node.args.chunks(3).map(pair).collect()
}

fn expose(node: &Node) -> Result<Command, String> {
    at_least_one(node, "EXPOSE")?;
    no_flags(node)?;
    let mut ports = texts(&node.args);
    ports.sort();
    Ok(Command::Expose(ports))
}

fn volume(node: &Node) -> Result<Command, String> {
    at_least_one(node, "VOLUME")?;
    no_flags(node)?;
    let volumes: Vec<String> = node.args.iter().map(|word| word.text.trim().to_owned()).collect();
    if volumes.iter().any(String::is_empty) {
        return Err("VOLUME specified can not be an empty string".to_owned());
    }
    Ok(Command::Volume(volumes))
}

fn shell(node: &Node) -> Result<Command, String> {
    no_flags(node)?;
    at_least_one(node, "SHELL")?;
    if !node.json {
        return Err("SHELL requires the arguments to be in JSON form".to_owned());
    }
    Ok(Command::Shell(texts(&node.args)))
}

fn from(node: &Node, line: &[u8]) -> Result<Command, String> {
    match node.args.as_slice() {
        [_] => {}
        [_, between, name] if is_as(&between.text) => {
            if stage_name(&name.text).is_none() {
                let name = go::quote_bytes(&line[name.range.clone()]);
                let why = "name can't start with a number or contain symbols";
                return Err(format!("invalid name for build stage: {name}, {why}"));
            }
        }
        _ => return Err("FROM requires either one or three arguments".to_owned()),
    }
    Flags::read(&node.flags, FROM_FLAGS)?;
    Ok(Command::From)
}

fn is_as(word: &str) -> bool {
    // Go folds the long s too.
    matches!(word, "as" | "AS" | "As" | "aS" | "a\u{17f}" | "A\u{17f}")
}

/// The name a stage goes by, if it is a good one.
pub(super) fn stage_name(written: &str) -> Option<String> {
    let name = go::lower(written);
    let is_good = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    (name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(is_good)).then_some(name)
}

/// Name and platform of the stage that a `FROM` begins.
pub(super) fn stage_details(node: &Node) -> (Option<String>, Option<String>) {
    let name = match node.args.as_slice() {
        [_, between, name] if is_as(&between.text) => stage_name(&name.text),
        _ => None,
    };
    let platform = Flags::read(&node.flags, FROM_FLAGS).ok().and_then(|flags| flags.text("platform"));
    (name, platform)
}

fn healthcheck(node: &Node) -> Result<Command, String> {
    at_least_one(node, "HEALTHCHECK")?;
    let mut words = texts(&node.args);
    words[0] = go::upper(&words[0]);
    if words[0] == "NONE" {
        return match words.len() {
            1 => Ok(Command::Healthcheck(words)),
            _ => Err("HEALTHCHECK NONE takes no arguments".to_owned()),
        };
    }
    let flags = Flags::read(&node.flags, HEALTHCHECK_FLAGS)?;
    if words[0] != "CMD" {
        return Err(format!("Unknown type {} in HEALTHCHECK (try CMD)", go::quote(&words[0])));
    }
    if words.len() == 1 {
        return Err("Missing command after HEALTHCHECK CMD".to_owned());
    }
    for name in ["interval", "timeout", "start-period", "start-interval"] {
        check_interval(name, &flags.text(name).unwrap_or_default())?;
    }
    let retries = flags.text("retries").filter(|retries| !retries.is_empty());
    match retries.map(|retries| number::signed(&retries)).transpose()? {
        Some(retries) if retries < 0 => Err(format!("--retries cannot be negative ({retries})")),
        _ => Ok(Command::Healthcheck(words)),
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

fn run(node: &Node) -> Result<Run, String> {
    let flags = Flags::read(&node.flags, RUN_FLAGS)?;
    let run = Run {
        command: command_line(node),
        mounts: flags.texts("mount"),
        network: flags.text("network"),
        security: flags.text("security"),
        devices: flags.texts("device"),
    };
    run.devices.iter().try_for_each(|device| device::check(device))?;
    run.mounts.iter().try_for_each(|mount| mount::check(mount))?;
    if let Some(mode) = run.network.as_ref().filter(|mode| !["default", "none", "host"].contains(&mode.as_str())) {
        return Err(format!("invalid network mode {}", go::quote(mode)));
    }
    if let Some(mode) = run.security.as_ref().filter(|mode| !["insecure", "sandbox"].contains(&mode.as_str())) {
        return Err(format!("security {} is not valid", go::quote(mode)));
    }
    Ok(run)
}

fn onbuild(node: &Node, heredocs: &[Heredoc], line: &[u8]) -> Result<Command, String> {
    let Some(trigger) = &node.trigger else {
        return Err("ONBUILD requires at least one argument".to_owned());
    };
    no_flags(node)?;
    match go::upper(trigger.keyword.text.trim()).as_str() {
        "ONBUILD" => return Err("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned()),
        keyword @ ("MAINTAINER" | "FROM") => {
            return Err(format!("{keyword} isn't allowed as an ONBUILD trigger"));
        }
        _ => {}
    }
    // Here-documents are written out behind the line, to be read again with it.
    let bodies = heredocs.iter().map(|heredoc| format!("\n{}{}", heredoc.content, heredoc.name));
    Ok(Command::Onbuild(without_onbuild(&go::decode(line)).to_owned() + &bodies.collect::<String>()))
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
