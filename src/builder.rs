//! Whose cache a build would use: the builder that `docker buildx` would choose, found as it finds it, from flags,
//! environment and docker's own files. Neither docker nor a daemon is asked. In go the flag and the environment, out
//! comes a name that tells two builders apart. It does not say whether the builder is there.

use std::fs;
use std::path::{Path, PathBuf};

use planner::history::DEFAULT_BUILDER;
use serde::Deserialize;

/// Where docker looks for what is selected.
struct Selection<'a> {
    flag: Option<&'a str>,
    env: &'a dyn Fn(&str) -> Option<String>,
}

/// The name of the selected builder: that of a builder of the user's own, or of a docker context, with the address
/// behind it where `DOCKER_HOST` gives one. `flag` is `--builder`.
pub(crate) fn selected(flag: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> String {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let selection = Selection { flag: flag.filter(|name| !name.is_empty()), env: &set };
    selection.builder()
}

impl Selection<'_> {
    fn builder(&self) -> String {
        let named = self.flag.map(str::to_owned).or_else(|| (self.env)("BUILDX_BUILDER"));
        let Endpoint { context, address } = self.endpoint();
        match named.or_else(|| self.current(&address)) {
            Some(name) if name != context => name,
            _ if (self.env)("DOCKER_HOST").is_some() => format!("{context} {address}"),
            _ => context,
        }
    }

    /// docker's context: `DOCKER_HOST` goes before `DOCKER_CONTEXT`, that before what `docker context use` chose.
    fn endpoint(&self) -> Endpoint {
        const SOCKET: &str = "unix:///var/run/docker.sock";
        let by_default = |address: String| Endpoint { context: DEFAULT_BUILDER.to_owned(), address };
        if let Some(host) = (self.env)("DOCKER_HOST") {
            return by_default(host);
        }
        let used = || read::<Config>(&self.config_dir()?.join("config.json"))?.current_context;
        let context = (self.env)("DOCKER_CONTEXT").or_else(used).filter(|name| !name.is_empty());
        match context {
            Some(name) if name != DEFAULT_BUILDER => Endpoint { address: name.clone(), context: name },
            _ => by_default(SOCKET.to_owned()),
        }
    }

    /// What `docker buildx use` chose for that endpoint.
    fn current(&self, address: &str) -> Option<String> {
        let dir = (self.env)("BUILDX_CONFIG").map(PathBuf::from).or_else(|| Some(self.config_dir()?.join("buildx")))?;
        let current = read::<Current>(&dir.join("current"))?;
        (current.global || current.key == address).then_some(current.name).filter(|name| !name.is_empty())
    }

    fn config_dir(&self) -> Option<PathBuf> {
        let home = || Some(PathBuf::from((self.env)("HOME")?).join(".docker"));
        (self.env)("DOCKER_CONFIG").map(PathBuf::from).or_else(home)
    }
}

struct Endpoint {
    context: String,
    address: String,
}

/// The part of docker's `config.json` that names a context.
#[derive(Deserialize)]
struct Config {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

/// buildx's file `current` (buildx store/store.go).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Current {
    #[serde(default)]
    key: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    global: bool,
}

/// What a file says; nothing where docker could not read it either.
fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    fn selected(flag: Option<&str>, env: &[(&str, &str)], files: &[(&str, &str)]) -> String {
        let home = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = home.path().join(".docker").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut env: BTreeMap<&str, &str> = env.iter().copied().collect();
        let home = home.path().display().to_string();
        env.insert("HOME", &home);
        super::selected(flag, &|name| env.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn the_builder_is_the_one_that_buildx_would_choose() {
        let used = ("buildx/current", r#"{"Key":"unix:///var/run/docker.sock","Name":"fast","Global":false}"#);
        let global = ("buildx/current", r#"{"Key":"x","Name":"fast","Global":true}"#);
        let context = ("config.json", r#"{"auths":{},"currentContext":"remote"}"#);
        assert_eq!(selected(None, &[], &[]), "default");
        assert_eq!(selected(None, &[], &[used]), "fast");
        assert_eq!(selected(None, &[], &[("buildx/current", "{")]), "default");
        assert_eq!(selected(Some("mine"), &[("BUILDX_BUILDER", "other")], &[used]), "mine");
        assert_eq!(selected(None, &[("BUILDX_BUILDER", "other")], &[used]), "other");
        assert_eq!(selected(None, &[], &[used, context]), "remote");
        assert_eq!(selected(None, &[], &[global, context]), "fast");
        assert_eq!(selected(None, &[("DOCKER_CONTEXT", "default")], &[used, context]), "fast");
        assert_eq!(selected(None, &[("DOCKER_HOST", "tcp://h:1")], &[used, context]), "default tcp://h:1");
        assert_eq!(selected(Some("default"), &[], &[context]), "default");
        assert_eq!(selected(Some("remote"), &[], &[context]), "remote");
    }
}
