//! Which engine a builder is: asked of docker, once per build. In go the builder's name, out come the words for the
//! records and the rules to predict by. Nothing is started or changed.

use std::env;

use planner::engine_profile::{EngineProfile, buildkit_of_docker};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bake::Version;
use super::buildx::ask;
use super::socket;
use super::version::version;
use crate::fault::Fault;

/// An engine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Engine {
    /// Its name and version, such as `Docker Engine 28.5.2` or `BuildKit v0.26.1 (docker-container)`.
    pub(crate) name: String,
    /// The rules it follows.
    pub(crate) profile: EngineProfile,
    /// Where it looks for images.
    pub(crate) images: ImageStore,
    /// The docker context it is in, where that is not the current one.
    pub(crate) context: Option<String>,
}

/// Where an engine looks for the image behind a reference, without `--pull`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum ImageStore {
    /// In its own store, else at the registry: the docker driver with the classic store
    /// (moby builder/builder-next/adapters/containerimage).
    OwnFirst,
    /// At the registry, and in its own store where that does not answer: the docker driver with the containerd store
    /// (util/resolver).
    RegistryFirst,
    /// At the registry.
    RegistryOnly,
}

impl Engine {
    /// Whether it is part of Docker, and not a BuildKit by itself.
    pub(super) fn is_dockers_own(&self) -> bool {
        self.images != ImageStore::RegistryOnly
    }
}

/// Asks docker what the builder is; without a name the one it chooses.
///
/// # Errors
/// If docker, buildx or the builder is not there, or `docker` is another program.
pub(crate) fn identify(builder: Option<&str>) -> anyhow::Result<Engine> {
    let mut words = vec!["buildx", "inspect"];
    words.extend(builder);
    let answer = ask(&words);
    let driver = answer.as_ref().ok().and_then(|inspected| field(inspected, "Driver")).unwrap_or_default();
    // Podman's `buildx inspect` calls its driver so; before version 5 it has none.
    if driver.is_empty() || driver == "podman" {
        refuse_podman()?;
    }
    let inspected = answer.map_err(|error| {
        // Docker takes the name of a plugin that is not there for a mistyped command.
        if error.to_string().contains("docker --help") {
            return Fault::new("docker has no buildx plugin").with_hint("install buildx: docs.docker.com/go/buildx");
        }
        no_builder(&format!("{error:#}"))
    })?;
    let field = |name: &str| field(&inspected, name).filter(|value| !value.is_empty());
    if driver.is_empty() {
        let why = field("Error").unwrap_or_else(|| "`docker buildx inspect` names no driver".to_owned());
        return Err(no_builder(&why).into());
    }
    let buildkit = field("BuildKit version").or_else(|| field("Buildkit")).unwrap_or_default();
    if driver != "docker" {
        let profile = of_version(EngineProfile::buildkit(), version(&buildkit));
        let name = format!("BuildKit {buildkit} ({driver})");
        return Ok(Engine { name, profile, images: ImageStore::RegistryOnly, context: None });
    }
    // The builder of another docker context is asked there.
    let chosen = builder.map(str::to_owned).or_else(|| env::var("BUILDX_BUILDER").ok());
    let context = field("Endpoint").filter(|context| chosen.as_ref() == Some(context));
    let (docker, status) = version_and_store(context.as_deref())?;
    // Docker's name for its containerd image store (docker info, DriverStatus).
    let is_containerd = status.contains("io.containerd.snapshotter");
    let (preset, images) = if is_containerd {
        (EngineProfile::buildkit(), ImageStore::RegistryFirst)
    } else {
        (EngineProfile::docker_legacy(), ImageStore::OwnFirst)
    };
    let profile = of_version(preset, version(&buildkit).or_else(|| buildkit_of_docker(version(&docker)?)));
    Ok(Engine { name: format!("Docker Engine {}", docker.trim()), profile, images, context })
}

fn no_builder(why: &str) -> Fault {
    Fault::new(format!("no builder answers: {why}"))
        .with_hint("`docker buildx ls` shows the builders; is the Docker daemon running?")
}

/// The version of the Docker Engine in a docker context, the current one if none is named, and what its store says of
/// itself.
fn version_and_store(context: Option<&str>) -> anyhow::Result<(String, String)> {
    if let Some(info) = context.is_none().then(|| socket::get("/info")).flatten()
        && let (Some(version), Some(status)) =
            (info.get("ServerVersion").and_then(Value::as_str), info.get("DriverStatus"))
    {
        return Ok((version.to_owned(), status.to_string()));
    }
    let mut words = Vec::new();
    words.extend(context.iter().flat_map(|context| ["--context", context]));
    words.extend(["info", "--format", "{{.ServerVersion}}\n{{json .DriverStatus}}"]);
    let info = ask(&words)?;
    let (version, status) = info.split_once('\n').unwrap_or((&info, ""));
    Ok((version.to_owned(), status.to_owned()))
}

/// The preset's rules as that BuildKit has them; those of the preset itself where nobody knows which it is.
fn of_version(preset: EngineProfile, buildkit: Option<(u32, u32)>) -> EngineProfile {
    buildkit.map_or(preset.clone(), |buildkit| preset.with_buildkit(buildkit))
}

/// Asks which buildx docker has.
///
/// # Errors
/// If docker or buildx is not there.
pub(crate) fn buildx_version() -> anyhow::Result<Version> {
    Ok(Version::parse(&ask(&["buildx", "version"])?))
}

/// The value behind a name in what `docker buildx inspect` prints.
fn field(text: &str, name: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(value.trim().to_owned())
}

/// Podman answers to `docker`, too, and builds with another builder than BuildKit.
fn refuse_podman() -> anyhow::Result<()> {
    let version = ask(&["--version"])?;
    if version.to_lowercase().contains("podman") {
        let fault = Fault::new("`docker` is podman here, which does not build with BuildKit");
        return Err(fault.with_hint("predictions hold for BuildKit only; name a Docker with DOCKER_HOST").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn fields_of_an_inspected_builder_are_read() {
        let text = "Name:          default\nDriver:        docker\n\nNodes:\nName:   d\nBuildKit version: v0.13.2\n";
        assert_eq!(super::field(text, "Driver").as_deref(), Some("docker"));
        assert_eq!(super::field(text, "BuildKit version").as_deref(), Some("v0.13.2"));
        assert_eq!(super::field(text, "Buildkit"), None);
    }
}
