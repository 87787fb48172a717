//! The Docker Engine's own API, where the engine listens on a socket of this machine and docker would ask it there: a
//! question takes two milliseconds, and docker's command line thirty. In goes a path of the API, out comes JSON. Where
//! anything is other than that, there is no answer, and docker's command line is to be asked.
//!
//! Which engine docker asks: docs.docker.com/engine/manage-resources/contexts. The API: docs.docker.com/reference/api/engine.

use std::env;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// Where an engine listens if nothing else is said.
const DEFAULT: &str = "/var/run/docker.sock";
/// A socket that is silent for so long is left to docker.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the engine answers to `GET path`; `None` where docker has to be asked.
pub(super) fn get(path: &str) -> Option<Value> {
    // No name of an image holds anything else.
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut stream = UnixStream::connect(socket(&|name| env::var(name).ok())?).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    // HTTP/1.0 is answered in one piece, and the connection ends with it.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n").as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    body(&answer)
}

/// The body of an answer that is whole.
fn body(answer: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut words = head.lines().next()?.split(' ');
    let is_http = words.next()?.starts_with("HTTP/1.");
    if !is_http || words.next()? != "200" {
        return None;
    }
    serde_json::from_str(body).ok()
}

/// The socket that docker would ask.
fn socket(env: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    if let Some(host) = set("DOCKER_HOST") {
        return host.strip_prefix("unix://").map(PathBuf::from);
    }
    let config =
        set("DOCKER_CONFIG").map(PathBuf::from).or_else(|| Some(PathBuf::from(set("HOME")?).join(".docker")))?;
    let chosen = set("DOCKER_CONTEXT").or_else(|| {
        let config: Value = serde_json::from_slice(&fs::read(config.join("config.json")).ok()?).ok()?;
        Some(config.get("currentContext")?.as_str()?.to_owned())
    });
    let is_default = chosen.is_none_or(|context| context.is_empty() || context == "default");
    is_default.then(|| PathBuf::from(DEFAULT))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{body, socket};

    #[test]
    fn only_an_answer_that_says_yes_is_one() {
        assert_eq!(body(b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\n{\"a\":1}\n").unwrap()["a"], 1);
        for other in ["HTTP/1.1 404 Not Found\r\n\r\n{}", "HTTP/1.0 200 OK\r\n\r\n{\"a\":", "SSH-2.0 200\r\n\r\n{}", ""]
        {
            assert!(body(other.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn the_socket_is_the_one_that_docker_asks() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join(".docker");
        fs::create_dir(&config).unwrap();
        let of = |variables: &[(&str, &str)]| {
            let env = |name: &str| match name {
                "HOME" => Some(home.path().display().to_string()),
                _ => variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
            };
            socket(&env)
        };
        let default = Some(Path::new(super::DEFAULT).to_owned());
        assert_eq!(of(&[]), default);
        assert_eq!(of(&[("DOCKER_HOST", "unix:///run/x.sock")]), Some(Path::new("/run/x.sock").to_owned()));
        assert_eq!(of(&[("DOCKER_HOST", "ssh://host")]), None);
        assert_eq!(of(&[("DOCKER_CONTEXT", "far")]), None);
        fs::write(config.join("config.json"), r#"{"currentContext":"far"}"#).unwrap();
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("DOCKER_CONTEXT", "default")]), default);
        fs::write(config.join("config.json"), r#"{"auths":{}}"#).unwrap();
        assert_eq!(of(&[]), default);
    }
}
