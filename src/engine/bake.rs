//! Several targets as one `docker buildx bake`, so that they share what they have in common and run side by side. In go
//! arguments and the version of buildx, out come words and a definition that ask of each target what `docker buildx build`
//! would be asked. What bake cannot do, or what targets would overwrite for each other, is refused.
//!
//! Which keys and flags bake has since when: bake/bake.go and commands/bake.go of docker/buildx.

use std::ffi::OsString;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::version::version;
use crate::args::{BuilderFlags, ImageArgs, ProjectArgs, unknown_to_keys};
use crate::fault::Fault;

/// A version of buildx, as far as it counts; `None` where it is not a release.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Version(Option<(u32, u32)>);

impl Version {
    /// Reads what `docker buildx version` prints: the module, the version with or without a `v`, the commit.
    pub(crate) fn parse(text: &str) -> Self {
        Self(text.split_whitespace().nth(1).and_then(version))
    }

    fn is_at_least(self, major: u32, minor: u32) -> bool {
        self.0.is_some_and(|numbers| numbers >= (major, minor))
    }

    fn told(self) -> String {
        self.0.map_or_else(|| "of an unknown version".to_owned(), |(major, minor)| format!("{major}.{minor}"))
    }
}

/// What is asked for, with more than one stage.
pub(crate) struct Asked<'a> {
    /// As typed.
    pub(crate) project: &'a ProjectArgs,
    /// The flags that enter keys, from both sides of `--`.
    pub(crate) flags: &'a BuilderFlags,
    /// What becomes of the images.
    pub(crate) image: &'a ImageArgs,
    /// The stages, each once.
    pub(crate) stages: Vec<String>,
    /// The Dockerfile where it came from standard input.
    pub(crate) stdin: Option<&'a [u8]>,
}

impl Asked<'_> {
    /// The words behind `docker buildx bake --file -`, and the definition that it reads.
    ///
    /// # Errors
    /// If bake cannot do what is asked.
    pub(crate) fn plan(&self, buildx: &Version) -> Result<(Vec<OsString>, String), Fault> {
        self.refuse_what_is_too_new(*buildx)?;
        self.refuse_what_would_be_overwritten()?;
        let mut words = self.words()?;
        words.extend(self.allowed(*buildx));
        Ok((words, self.definition()?.to_string()))
    }

    fn refuse_what_is_too_new(&self, buildx: Version) -> Result<(), Fault> {
        let flags = self.flags;
        let has_network = self.network().is_some();
        let since = [
            ("--network", has_network, 18),
            ("--shm-size", flags.shm_size.is_some(), 13),
            ("--ulimit", !flags.ulimit.is_empty(), 13),
        ];
        if let Some((flag, _, minor)) =
            since.iter().find(|(_, is_set, minor)| *is_set && !buildx.is_at_least(0, *minor))
        {
            let fault = Fault::new(format!(
                "`{flag}` cannot be used with several targets: `docker buildx bake` takes it since buildx 0.{minor}, and \
                 this one is {}",
                buildx.told()
            ));
            return Err(fault.with_hint("build one target at a time, or install a newer buildx"));
        }
        let never = [("--add-host", !flags.add_host.is_empty()), ("--cgroup-parent", flags.cgroup_parent.is_some())];
        never.iter().find(|(_, is_set)| *is_set).map_or(Ok(()), |(flag, _)| Err(only_alone(flag)))
    }

    /// All targets would write to one place, and the last one would win.
    fn refuse_what_would_be_overwritten(&self) -> Result<(), Fault> {
        let is_shared = |output: &&String| {
            let mut fields = output.split(',').map(|field| field.split_once('='));
            !fields.all(|field| field.is_some_and(|(name, _)| !matches!(name, "dest" | "name")))
        };
        if let Some(output) = self.image.output.iter().find(is_shared) {
            return Err(only_alone(&format!("--output {output}")));
        }
        let cache = self.image.cache_to.iter().find(|cache| cache.as_str() != "type=inline");
        cache.map_or(Ok(()), |cache| Err(only_alone(&format!("--cache-to {cache}"))))
    }

    /// The builder, and the flags that bake knows, too.
    fn words(&self) -> Result<Vec<OsString>, Fault> {
        const WITH_VALUE: [&str; 3] = ["--metadata-file", "--provenance", "--sbom"];
        const ALONE: [&str; 2] = ["--load", "--push"];
        let builder = self.flags.builder.iter().flat_map(|name| ["--builder".into(), OsString::from(name)]);
        let pull = self.flags.pull.map(|pull| OsString::from(format!("--pull={pull}")));
        let mut words: Vec<OsString> = builder.chain(pull).chain(self.image.switches()).collect();
        let mut rest = unknown_to_keys(self.project.rest()).into_iter();
        while let Some(word) = rest.next() {
            let name = word.split('=').next().unwrap_or_default();
            if !WITH_VALUE.contains(&name) && !ALONE.contains(&name) {
                return Err(only_alone(word));
            }
            words.push(OsString::from(word));
            if WITH_VALUE.contains(&word) {
                words.extend(rest.next().map(OsString::from));
            }
        }
        Ok(words)
    }

    /// A definition may come from anywhere, and so bake asks before it reads files elsewhere or opens the network; this one
    /// holds nothing but what the user typed, which `docker buildx build` does not ask about.
    fn allowed(&self, buildx: Version) -> Vec<OsString> {
        if !buildx.is_at_least(0, 17) {
            return Vec::new();
        }
        let host = (self.network() == Some("host")).then_some("--allow=network.host");
        let ssh = (!self.flags.ssh.is_empty()).then_some("--allow=ssh");
        ["--allow=fs=*"].into_iter().chain(host).chain(ssh).map(OsString::from).collect()
    }

    fn network(&self) -> Option<&str> {
        self.flags.network.as_deref().filter(|mode| !matches!(*mode, "" | "default"))
    }

    /// One target for each stage.
    fn definition(&self) -> Result<Value, Fault> {
        let common = self.common();
        let mut targets = Map::new();
        for stage in &self.stages {
            let mut target = common.clone();
            if !stage.is_empty() {
                target.insert("target".to_owned(), json!(stage));
            }
            let tags = tags(self.image, stage)?;
            if !tags.is_empty() {
                target.insert("tags".to_owned(), json!(tags));
            }
            // bake's names of targets hold no dots.
            // No stage's name begins with a digit; bake's group takes `default`.
            let name = if stage.is_empty() { "0".to_owned() } else { stage.replace('.', "_") };
            if targets.insert(name, Value::Object(target)).is_some() {
                return Err(only_alone(&format!("--target {stage}")));
            }
        }
        let names: Vec<&String> = targets.keys().collect();
        Ok(json!({ "group": { "default": { "targets": names } }, "target": targets }))
    }

    /// The settings that all targets share; bake reads each value as a template.
    fn common(&self) -> Map<String, Value> {
        let (flags, image) = (self.flags, self.image);
        let mut target = Map::new();
        let mut put = |name: &str, value: Value| drop(target.insert(name.to_owned(), value));
        put("context", json!(literal(&self.project.context.to_string_lossy())));
        match (self.stdin, &flags.file) {
            (Some(text), _) => put("dockerfile-inline", json!(literal(&String::from_utf8_lossy(text)))),
            (None, Some(file)) => put("dockerfile", json!(literal(&absolute(file)))),
            (None, None) => {}
        }
        let lists = [
            ("platforms", &flags.platform),
            ("no-cache-filter", &flags.no_cache_filter),
            ("secret", &flags.secret),
            ("ssh", &flags.ssh),
            ("ulimits", &flags.ulimit),
            ("output", &image.output),
            ("cache-from", &image.cache_from),
            ("cache-to", &image.cache_to),
        ];
        for (name, values) in lists.iter().filter(|(_, values)| !values.is_empty()) {
            put(name, json!(values.iter().map(|value| literal(value)).collect::<Vec<_>>()));
        }
        let from_env = |name: &str| std::env::var(name).ok();
        let maps = [("args", pairs(&flags.build_arg, from_env)), ("contexts", pairs(&flags.build_context, |_| None))];
        let labels = ("labels", pairs(&flags.label, |_| Some(String::new())));
        for (name, values) in maps.into_iter().chain([labels]).filter(|(_, values)| !values.is_empty()) {
            put(name, Value::Object(values));
        }
        for (name, value) in [("network", self.network()), ("shm-size", flags.shm_size.as_deref())] {
            value.iter().for_each(|value| put(name, json!(literal(value))));
        }
        if let Some(no_cache) = flags.no_cache {
            put("no-cache", json!(no_cache));
        }
        target
    }
}

fn only_alone(what: &str) -> Fault {
    Fault::new(format!("`{what}` cannot be used with several targets"))
        .with_hint("build one target at a time, or leave it out")
}

/// `NAME=VALUE` each; a name alone takes what `default` gives, and is left out where that is nothing.
fn pairs(values: &[String], default: impl Fn(&str) -> Option<String>) -> Map<String, Value> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) => Some((literal(name), json!(literal(value)))),
        None => Some((literal(text), json!(literal(&default(text)?)))),
    };
    values.iter().filter_map(pair).collect()
}

/// The tags of one of several targets: `STAGE=NAME` each.
fn tags(image: &ImageArgs, stage: &str) -> Result<Vec<String>, Fault> {
    let mut tags = Vec::new();
    for tag in &image.tag {
        let Some((of, name)) = tag.split_once('=') else {
            let fault = Fault::new(format!("`--tag {tag}` does not say which of several targets it names"));
            return Err(fault.with_hint(format!("write `--tag {stage}={tag}`")));
        };
        if of.eq_ignore_ascii_case(stage) {
            tags.push(literal(name));
        }
    }
    Ok(tags)
}

/// A text in which bake finds no template (HCL's `${` and `%{`).
fn literal(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// bake looks for a Dockerfile below the context, docker for `--file` below the current folder.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
