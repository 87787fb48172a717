//! What the user asks for: a target of a Dockerfile, and every option of the builder that enters a key.
//! Words of `docker buildx build`; values already read from the command line and the environment.

use std::collections::BTreeMap;

use crate::engine_profile::EngineProfile;
use crate::image::{Image, ImageName};

/// What to build, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The name of the target in a plan of several; `default` for a plain Dockerfile.
    pub name: String,
    /// The stage to build (`--target`); the last one if absent.
    pub stage: Option<String>,
    /// `--build-arg`, values filled in.
    pub build_args: BTreeMap<String, String>,
    /// `--build-context`, by lower-case name.
    pub contexts: BTreeMap<String, NamedContext>,
    /// The platform of the machine that builds, such as `linux/amd64`.
    pub build_platform: String,
    /// `--platform`; the build platform if absent.
    pub platform: Option<String>,
    /// `--no-cache` and `--no-cache-filter`.
    pub no_cache: NoCache,
    /// `--network`: `None` for `default`.
    pub network: Option<String>,
    /// The names given with `--add-host`; addresses enter no key.
    pub extra_hosts: Vec<String>,
    /// `--shm-size` in bytes; 0 is unset.
    pub shm_size: u64,
    /// `--ulimit`, as `name=soft:hard`.
    pub ulimits: Vec<String>,
    /// `--cgroup-parent`.
    pub cgroup_parent: Option<String>,
    /// What is known of images.
    pub images: BTreeMap<ImageName, Image>,
    /// The rules of the engine.
    pub profile: EngineProfile,
}

impl Request {
    /// The default target with no options, on `build_platform`.
    #[must_use]
    pub fn new(build_platform: impl Into<String>, profile: EngineProfile) -> Self {
        Self {
            name: "default".to_owned(),
            stage: None,
            build_args: BTreeMap::new(),
            contexts: BTreeMap::new(),
            build_platform: build_platform.into(),
            platform: None,
            no_cache: NoCache::None,
            network: None,
            extra_hosts: Vec::new(),
            shm_size: 0,
            ulimits: Vec::new(),
            cgroup_parent: None,
            images: BTreeMap::new(),
            profile,
        }
    }

    /// The platform that is built for.
    #[must_use]
    pub fn target_platform(&self) -> &str {
        self.platform.as_deref().unwrap_or(&self.build_platform)
    }
}

/// A value of `--build-context`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NamedContext {
    /// A folder on this machine.
    Local,
    /// `docker-image://REFERENCE`.
    Image(String),
    /// A repository, an archive, an image layout: nobody can say without fetching it.
    Remote(String),
}

/// Which steps must run whatever the cache holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoCache {
    /// None.
    None,
    /// All `RUN`, `COPY` and `ADD`.
    All,
    /// Those of these stages, in lower case.
    Stages(Vec<String>),
}
