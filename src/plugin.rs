//! Being a Docker CLI plugin: installed as `docker-stageplan`, the program is called as
//! `docker-stageplan stageplan explain …` and asked for its metadata. Docker's own flags come first, as in
//! `docker --context far stageplan explain`. In go the words of the command line, out come those meant for the program
//! itself, and what docker's flags mean for every docker that the program calls.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use clap::Parser;

use crate::fault::Fault;

const NAME: &str = "stageplan";

/// What the words ask for.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Call {
    /// The program, with these words (its own name first).
    Program(Vec<OsString>),
    /// The program, with these words, in an environment in which these variables are set, or taken away.
    Within(Vec<(&'static str, Option<OsString>)>, Vec<OsString>),
    /// Docker's question who the plugin is; this is the answer.
    Metadata(String),
}

/// Docker's own flags (`docker --help`, "Global Options"), and what follows them.
#[derive(Parser)]
#[command(name = "docker", disable_help_flag = true)]
struct Global {
    #[arg(short = 'H', long)]
    host: Option<OsString>,
    #[arg(short, long)]
    context: Option<OsString>,
    #[arg(long)]
    config: Option<OsString>,
    #[arg(short = 'D', long)]
    debug: bool,
    #[arg(short, long)]
    log_level: Option<OsString>,
    #[arg(long)]
    tls: bool,
    #[arg(long)]
    tlsverify: bool,
    #[arg(long)]
    tlscacert: Option<OsString>,
    #[arg(long)]
    tlscert: Option<OsString>,
    #[arg(long)]
    tlskey: Option<OsString>,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Reads the words as Docker gives them to a plugin; any other call is left as it is.
///
/// # Errors
/// If one of docker's own flags cannot be heeded.
pub(crate) fn read(mut words: Vec<OsString>) -> anyhow::Result<Call> {
    let is_plugin =
        words.first().map(Path::new).and_then(Path::file_stem).is_some_and(|name| name == "docker-stageplan");
    let first = words.get(1).map(OsString::as_os_str);
    if is_plugin && first == Some(OsStr::new("docker-cli-plugin-metadata")) {
        return Ok(Call::Metadata(metadata()));
    }
    if is_plugin && first == Some(OsStr::new(NAME)) {
        words.remove(1);
    } else if is_plugin && let Some(global) = global(&words) {
        return within(global, &words);
    }
    Ok(Call::Program(words))
}

/// The flags that stand before the plugin's name; `None` where there are none, or the plugin was not called by docker.
fn global(words: &[OsString]) -> Option<Global> {
    let global = Global::try_parse_from(words).ok()?;
    global.words.first().is_some_and(|word| word == NAME).then_some(global)
}

fn within(global: Global, words: &[OsString]) -> anyhow::Result<Call> {
    if global.tls || global.tlscacert.is_some() || global.tlscert.is_some() || global.tlskey.is_some() {
        let fault =
            Fault::new("docker's --tls, --tlscacert, --tlscert and --tlskey do not reach the builds".to_owned());
        return Err(fault.with_hint("set DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or name a context").into());
    }
    let mut set = Vec::new();
    if let Some(context) = global.context {
        // The flag goes before both variables; of these DOCKER_HOST goes first (docker/cli, resolveContextName).
        set.extend([("DOCKER_HOST", None), ("DOCKER_CONTEXT", Some(context))]);
    }
    let verify = global.tlsverify.then(|| "1".into());
    let given = [("DOCKER_HOST", global.host), ("DOCKER_CONFIG", global.config), ("DOCKER_TLS_VERIFY", verify)];
    set.extend(given.into_iter().filter(|(_, value)| value.is_some()));
    Ok(Call::Within(set, words.iter().take(1).cloned().chain(global.words).collect()))
}

/// Becomes the program called with these words, in that environment.
///
/// # Errors
/// If the system refuses; else this does not come back.
pub(crate) fn become_it(set: Vec<(&'static str, Option<OsString>)>, words: &[OsString]) -> anyhow::Error {
    let mut command = Command::new(words.first().map_or(OsStr::new(NAME), OsString::as_os_str));
    command.args(words.iter().skip(1));
    for (name, value) in set {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    anyhow::Error::new(command.exec()).context("cannot start the program anew")
}

/// The form of Docker's `cli-plugins/metadata`, version 0.1.0.
fn metadata() -> String {
    let (version, description) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"));
    format!(
        "{{\"SchemaVersion\":\"0.1.0\",\"Vendor\":\"stageplan contributors\",\"Version\":\"{version}\",\
         \"ShortDescription\":\"{description}\"}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::Call;

    fn read(words: &[&str]) -> anyhow::Result<Call> {
        super::read(words.iter().map(Into::into).collect())
    }

    fn words(words: &[&str]) -> Vec<std::ffi::OsString> {
        words.iter().map(Into::into).collect()
    }

    #[test]
    fn docker_gives_the_plugin_its_own_name_first() {
        let program = |of: &[&str]| Call::Program(words(of));
        let read = |words: &[&str]| read(words).unwrap();
        assert_eq!(read(&["/a/docker-stageplan", "stageplan", "plan"]), program(&["/a/docker-stageplan", "plan"]));
        assert_eq!(read(&["docker-stageplan", "plan"]), program(&["docker-stageplan", "plan"]));
        assert_eq!(read(&["docker-stageplan", "--version"]), program(&["docker-stageplan", "--version"]));
        assert_eq!(read(&["stageplan", "stageplan"]), program(&["stageplan", "stageplan"]));
        let Call::Metadata(json) = read(&["docker-stageplan", "docker-cli-plugin-metadata"]) else { panic!() };
        assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["SchemaVersion"] == "0.1.0");
    }

    #[test]
    fn flags_of_docker_itself_hold_for_every_docker_that_is_called() {
        let within = |flags: &[&str]| {
            let called = [&["/a/docker-stageplan"], flags, &["stageplan", "build", "-c", "x", "--", "--tls"]].concat();
            let Call::Within(set, rest) = read(&called).unwrap() else { panic!("{flags:?}") };
            assert_eq!(rest, words(&["/a/docker-stageplan", "stageplan", "build", "-c", "x", "--", "--tls"]));
            let told = set.into_iter().map(|(name, value)| format!("{name}={}", value.unwrap_or_default().display()));
            told.collect::<Vec<_>>()
        };
        assert_eq!(within(&["-H", "unix:///x"]), ["DOCKER_HOST=unix:///x"]);
        assert_eq!(within(&["--host=unix:///x", "-D", "-l", "info"]), ["DOCKER_HOST=unix:///x"]);
        assert_eq!(within(&["-c", "far"]), ["DOCKER_HOST=", "DOCKER_CONTEXT=far"]);
        assert_eq!(within(&["--config", "/c", "--tlsverify"]), ["DOCKER_CONFIG=/c", "DOCKER_TLS_VERIFY=1"]);
        assert!(read(&["/a/docker-stageplan", "--tlscacert", "/x", "stageplan", "build"]).is_err());
    }
}
