//! What the builder's flags mean together, by buildx's rules (commands/build.go, build/opt.go): a [`Request`]
//! for the planner and the folders named with `--build-context`. In go the flags as typed and the client's
//! environment. Values that docker would refuse are refused here, before anything is planned.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;

use anyhow::Context as _;
use planner::engine_profile::EngineProfile;
use planner::request::{NamedContext, NoCache, Request};

use super::ignorefile::{self, IgnoreSource};
use super::{ContextDir, hosts, platform, resources};
use crate::args::BuilderFlags;
use crate::fault::Fault;

/// A folder named with `--build-context`.
pub(crate) struct LocalContext {
    /// The folder.
    pub(crate) dir: ContextDir,
    /// The `.dockerignore` at its root.
    pub(crate) ignorefile: Option<IgnoreSource>,
}

/// What is asked of the builder, images left out, under the rules of `profile`: the default target, else one request
/// for each `--target`, named by its stage; an empty one is the default target, as for docker.
///
/// # Errors
/// If docker would refuse one of the flags.
pub(super) fn read(flags: &BuilderFlags, profile: EngineProfile) -> anyhow::Result<Vec<Request>> {
    let request = of_default(flags, profile)?;
    let mut stages: Vec<&String> = Vec::new();
    for stage in &flags.target {
        if !stages.iter().any(|known| known.eq_ignore_ascii_case(stage)) {
            stages.push(stage);
        }
    }
    let of_stage = |stage: &&String| {
        let stage = Some((*stage).clone()).filter(|stage| !stage.is_empty());
        Request { stage, ..request.clone() }
    };
    Ok(match stages.as_slice() {
        [] => vec![request],
        [stage] => vec![of_stage(stage)],
        several => {
            let name = |stage: &String| if stage.is_empty() { request.name.clone() } else { stage.clone() };
            several.iter().map(|stage| Request { name: name(stage), ..of_stage(stage) }).collect()
        }
    })
}

fn of_default(flags: &BuilderFlags, profile: EngineProfile) -> anyhow::Result<Request> {
    check_secrets(&flags.secret)?;
    pairs(&flags.label, "--label", |_| Some(String::new()))?;
    let mut request = Request::new(platform::of_machine(), profile);
    request.build_args = build_args(flags)?;
    request.contexts = named_contexts(flags)?.into_iter().map(|(name, value)| (name, kind(&value))).collect();
    request.platform = platform::parse(&flags.platform)?;
    request.no_cache = no_cache(flags)?;
    request.network = network(flags)?;
    request.extra_hosts = hosts::parse(&flags.add_host)?;
    request.shm_size = flags.shm_size.as_deref().map_or(Ok(0), resources::shm_size)?;
    request.ulimits = resources::ulimits(&flags.ulimit)?;
    request.cgroup_parent = flags.cgroup_parent.clone().filter(|group| !group.is_empty());
    Ok(request)
}

/// The folders among the named contexts, by name.
///
/// # Errors
/// If one is missing or no folder.
pub(super) fn local_contexts(flags: &BuilderFlags) -> anyhow::Result<BTreeMap<String, LocalContext>> {
    let mut contexts = BTreeMap::new();
    for (name, value) in named_contexts(flags)? {
        if kind(&value) == NamedContext::Local {
            let dir = ContextDir::open(Path::new(&value))
                .with_context(|| format!("invalid value `{name}={value}` after --build-context"))?;
            let ignorefile = ignorefile::read_root(&dir)?;
            contexts.insert(name, LocalContext { dir, ignorefile });
        }
    }
    Ok(contexts)
}

/// A name without a value takes it from the environment and is left out where it is not set there;
/// `SOURCE_DATE_EPOCH` is taken from there even when it is not named.
fn build_args(flags: &BuilderFlags) -> anyhow::Result<BTreeMap<String, String>> {
    let from_env = |name: &str| env::var(name).ok();
    let mut args = pairs(&flags.build_arg, "--build-arg", from_env)?;
    const EPOCH: &str = "SOURCE_DATE_EPOCH";
    if let Some(epoch) = from_env(EPOCH).filter(|epoch| !epoch.is_empty()) {
        args.entry(EPOCH.to_owned()).or_insert(epoch);
    }
    Ok(args)
}

fn pairs(
    values: &[String],
    flag: &str,
    default: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut pairs = BTreeMap::new();
    for value in values {
        let (name, given) = match value.split_once('=') {
            Some((name, given)) => (name, Some(given.to_owned())),
            None => (value.as_str(), None),
        };
        if name.is_empty() {
            let fault = Fault::new(format!("invalid value `{value}` after {flag}: there is no name"));
            return Err(fault.with_hint(format!("write `{flag} NAME=VALUE`")).into());
        }
        if let Some(given) = given.or_else(|| default(name)) {
            pairs.insert(name.to_owned(), given);
        }
    }
    Ok(pairs)
}

/// Names as BuildKit looks them up (short form, `:latest` left out), with their values.
fn named_contexts(flags: &BuilderFlags) -> anyhow::Result<BTreeMap<String, String>> {
    let mut contexts = BTreeMap::new();
    for text in flags.build_context.iter().filter(|text| !text.is_empty()) {
        let fault = |why: &str| {
            let fault = Fault::new(format!("invalid build context `{text}`: {why}"));
            fault.with_hint("write `--build-context NAME=FOLDER`")
        };
        let (name, value) = text.split_once('=').ok_or_else(|| fault("there is no `=`"))?;
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/:@".contains(c);
        let repository = name.rsplit('/').next().unwrap_or_default().split(':').next().unwrap_or_default();
        if repository.is_empty() || !name.chars().filter(|c| !c.is_ascii_uppercase()).all(is_name) {
            return Err(fault("the name is not that of a stage or an image").into());
        }
        if repository.chars().any(|c| c.is_ascii_uppercase()) {
            return Err(fault("the name must be in lower case").into());
        }
        let familiar = name.strip_prefix("docker.io/").unwrap_or(name);
        let familiar = familiar.strip_prefix("library/").unwrap_or(familiar);
        contexts.insert(familiar.strip_suffix(":latest").unwrap_or(familiar).to_owned(), value.to_owned());
    }
    Ok(contexts)
}

fn kind(value: &str) -> NamedContext {
    const REMOTE: [&str; 8] =
        ["http://", "https://", "git://", "ssh://", "git@", "github.com/", "oci-layout://", "target:"];
    if let Some(reference) = value.strip_prefix("docker-image://") {
        return NamedContext::Image(reference.to_owned());
    }
    if REMOTE.iter().any(|prefix| value.starts_with(prefix)) {
        return NamedContext::Remote(value.to_owned());
    }
    NamedContext::Local
}

fn no_cache(flags: &BuilderFlags) -> anyhow::Result<NoCache> {
    let all = flags.no_cache == Some(true);
    if flags.no_cache_filter.is_empty() {
        return Ok(if all { NoCache::All } else { NoCache::None });
    }
    if all {
        let fault = Fault::new("--no-cache and --no-cache-filter cannot be used together");
        return Err(fault.with_hint("--no-cache covers every stage").into());
    }
    let stages = flags.no_cache_filter.join(",").to_lowercase();
    // BuildKit takes an empty list for all stages.
    if stages.is_empty() {
        return Ok(NoCache::All);
    }
    Ok(NoCache::Stages(stages.split(',').map(str::to_owned).collect()))
}

fn network(flags: &BuilderFlags) -> anyhow::Result<Option<String>> {
    match flags.network.as_deref() {
        None | Some("" | "default") => Ok(None),
        Some(mode @ ("host" | "none")) => Ok(Some(mode.to_owned())),
        Some(mode) => {
            let fault = Fault::new(format!("network mode `{mode}` is not supported by BuildKit"));
            Err(fault.with_hint("write `default`, `host` or `none`").into())
        }
    }
}

/// Values and presence of secrets enter no key; what docker would refuse is refused all the same.
fn check_secrets(values: &[String]) -> anyhow::Result<()> {
    // A quoted field may hold commas, and such values are left to docker.
    for value in values.iter().filter(|value| !value.contains('"')) {
        for field in value.split(',') {
            let fault = |why: String| {
                let fault = Fault::new(format!("invalid secret `{value}`: {why}"));
                fault.with_hint("write `id=ID`, `id=ID,src=PATH` or `id=ID,env=NAME`")
            };
            let (key, kind) = field.split_once('=').ok_or_else(|| fault(format!("`{field}` has no `=`")))?;
            match key.to_lowercase().as_str() {
                "type" if !matches!(kind, "file" | "env") => {
                    return Err(fault(format!("there is no secret type `{kind}`")).into());
                }
                "type" | "id" | "source" | "src" | "env" => {}
                _ => return Err(fault(format!("there is no key `{key}`")).into()),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use planner::request::{NamedContext, NoCache};

    use crate::args::BuilderFlags;

    #[test]
    fn a_filter_of_nothing_means_every_stage() {
        let flags = |filter: &[&str]| BuilderFlags {
            no_cache_filter: filter.iter().map(|stage| (*stage).to_owned()).collect(),
            ..BuilderFlags::default()
        };
        let stages = |names: &[&str]| NoCache::Stages(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(super::no_cache(&flags(&[])).unwrap(), NoCache::None);
        assert_eq!(super::no_cache(&flags(&[""])).unwrap(), NoCache::All);
        assert_eq!(super::no_cache(&flags(&["A,b", "c"])).unwrap(), stages(&["a", "b", "c"]));
        let both = BuilderFlags { no_cache: Some(true), ..flags(&["a"]) };
        assert!(super::no_cache(&both).is_err());
    }

    #[test]
    fn named_contexts_have_the_names_that_buildkit_looks_up() {
        let names = |texts: &[&str]| {
            let build_context = texts.iter().map(|text| (*text).to_owned()).collect();
            let flags = BuilderFlags { build_context, ..BuilderFlags::default() };
            super::named_contexts(&flags).map(|contexts| contexts.into_keys().collect::<Vec<_>>())
        };
        assert_eq!(names(&["src=../src", "", "docker.io/library/alpine:latest=x=y"]).unwrap(), ["alpine", "src"]);
        for refused in ["src", "=x", "Src=x", "a b=x"] {
            assert!(names(&[refused]).is_err(), "{refused}");
        }
        assert_eq!(super::kind("docker-image://alpine:3"), NamedContext::Image("alpine:3".to_owned()));
        assert_eq!(
            super::kind("https://example.com/r.git"),
            NamedContext::Remote("https://example.com/r.git".to_owned())
        );
        assert_eq!(super::kind("../src"), NamedContext::Local);
    }
}
