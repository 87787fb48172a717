//! Being a Docker CLI plugin: installed as `docker-stageplan`, the program is called as
//! `docker-stageplan stageplan explain …` and asked for its metadata. In go the words of the command line,
//! out come those meant for the program itself.

use std::ffi::{OsStr, OsString};
use std::path::Path;

const NAME: &str = "stageplan";

/// What the words ask for.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Call {
    /// The program, with these words (its own name first).
    Program(Vec<OsString>),
    /// Docker's question who the plugin is; this is the answer.
    Metadata(String),
}

/// Reads the words as Docker gives them to a plugin; any other call is left as it is.
pub(crate) fn read(mut words: Vec<OsString>) -> Call {
    let is_plugin =
        words.first().map(Path::new).and_then(Path::file_stem).is_some_and(|name| name == "docker-stageplan");
    let first = words.get(1).map(OsString::as_os_str);
    if is_plugin && first == Some(OsStr::new("docker-cli-plugin-metadata")) {
        return Call::Metadata(metadata());
    }
    if is_plugin && first == Some(OsStr::new(NAME)) {
        words.remove(1);
    }
    Call::Program(words)
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

    #[test]
    fn docker_gives_the_plugin_its_own_name_first() {
        let read = |words: &[&str]| super::read(words.iter().map(Into::into).collect());
        let program = |words: &[&str]| Call::Program(words.iter().map(Into::into).collect());
        assert_eq!(read(&["/a/docker-stageplan", "stageplan", "plan"]), program(&["/a/docker-stageplan", "plan"]));
        assert_eq!(read(&["docker-stageplan", "plan"]), program(&["docker-stageplan", "plan"]));
        assert_eq!(read(&["stageplan", "stageplan"]), program(&["stageplan", "stageplan"]));
        let Call::Metadata(json) = read(&["docker-stageplan", "docker-cli-plugin-metadata"]) else { panic!() };
        assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["SchemaVersion"] == "0.1.0");
    }
}
