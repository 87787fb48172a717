//! Argument groups that commands share, as typed: which project ([`ProjectArgs`]), and how the answer looks
//! ([`OutputArgs`]). The builder's flags have the names and the grammar of `docker buildx build`. What they
//! mean together is decided in `project`.

mod trailing;

pub(crate) use trailing::unknown_to_keys;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Which project is meant, and how it would be built.
#[derive(Args, Clone, Debug)]
pub(crate) struct ProjectArgs {
    /// The folder whose files the build may copy (the build context)
    #[arg(value_name = "CONTEXT", default_value = ".")]
    pub(crate) context: PathBuf,

    #[command(flatten, next_help_heading = "Builder flags (they mean what they mean to `docker buildx build`)")]
    flags: BuilderFlags,

    /// Which engine's rules to follow where engines differ [default: the engine's own, as the last build found it, else buildkit]
    #[arg(long, value_enum, value_name = "PROFILE")]
    pub(crate) engine_profile: Option<EngineProfileName>,

    /// Ask the builder's engine, then the registry, what the base images are now
    #[arg(long)]
    pub(crate) resolve: bool,

    /// More flags of `docker buildx build`; those that can change what is cached are honoured
    #[arg(last = true, value_name = "BUILDER FLAGS")]
    rest: Vec<String>,
}

impl ProjectArgs {
    /// The builder's flags, those behind `--` included.
    ///
    /// # Errors
    /// If a flag behind `--` that enters keys is not well-formed.
    pub(crate) fn flags(&self) -> Result<BuilderFlags, clap::Error> {
        let mut flags = self.flags.clone();
        flags.extend(trailing::parse(&self.rest)?);
        Ok(flags)
    }
}

impl ProjectArgs {
    /// The builder's flags in front of `--`.
    pub(crate) fn typed(&self) -> &BuilderFlags {
        &self.flags
    }

    /// The same for these stages instead.
    pub(crate) fn only(&self, stages: &[String]) -> Self {
        let mut narrowed = self.clone();
        narrowed.flags.target = stages.to_vec();
        narrowed
    }

    /// The same, and these stages, each once.
    pub(crate) fn also(&self, stages: &[String]) -> Self {
        let asked = &self.flags.target;
        let is_new = |stage: &&String| !asked.iter().any(|known| known.eq_ignore_ascii_case(stage));
        let others = stages.iter().filter(is_new).map(|stage| targeted(stage));
        self.only(&asked.iter().cloned().chain(others).collect::<Vec<_>>())
    }

    /// The words behind `--`.
    pub(crate) fn rest(&self) -> &[String] {
        &self.rest
    }
}

/// What `--target` calls a stage: one without a name, which is then the last, by nothing.
pub(crate) fn targeted(stage: &str) -> String {
    if stage.bytes().all(|byte| byte.is_ascii_digit()) { String::new() } else { stage.to_owned() }
}

/// What becomes of the image, in the words of `docker buildx build`.
#[derive(Args, Clone, Default, Debug)]
pub(crate) struct ImageArgs {
    /// Name the image; of several targets each: STAGE=NAME
    #[arg(short, long, value_name = "NAME[:TAG]")]
    pub(crate) tag: Vec<String>,

    /// Load the image into docker
    #[arg(long)]
    pub(crate) load: bool,

    /// Push the image to its registry
    #[arg(long)]
    pub(crate) push: bool,

    /// Where the result goes
    #[arg(short, long, value_name = "DEST|type=TYPE,…")]
    pub(crate) output: Vec<String>,

    /// Take results from this cache, too
    #[arg(long, value_name = "SOURCE")]
    pub(crate) cache_from: Vec<String>,

    /// Put results into this cache
    #[arg(long, value_name = "DEST")]
    pub(crate) cache_to: Vec<String>,
}

impl ImageArgs {
    /// The flags without a value that are set.
    pub(crate) fn switches(&self) -> impl Iterator<Item = OsString> {
        let switches = [("--load", self.load), ("--push", self.push)];
        switches.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag.into())
    }
}

/// The flags of `docker buildx build` that can change what is cached, as typed.
#[derive(Args, Clone, Default, Debug)]
pub(crate) struct BuilderFlags {
    /// The Dockerfile, `-` to read it from standard input [default: CONTEXT/Dockerfile]
    #[arg(short, long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,

    /// The stage to build, repeatable [default: the last one]
    #[arg(long, value_name = "STAGE")]
    pub(crate) target: Vec<String>,

    /// The builder whose cache counts [default: the one that `docker buildx` would choose]
    #[arg(long, value_name = "NAME")]
    pub(crate) builder: Option<String>,

    /// Set a build argument; without a value it is taken from the environment
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) build_arg: Vec<String>,

    /// Give a folder or image a name, in place of a stage or an image of that name
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) build_context: Vec<String>,

    /// The platform to build for
    #[arg(long, value_name = "PLATFORM", env = "DOCKER_DEFAULT_PLATFORM")]
    pub(crate) platform: Vec<String>,

    /// Run every step, whatever is cached
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          value_parser = parse_bool, hide_possible_values = true)]
    pub(crate) no_cache: Option<bool>,

    /// Ask registries what the base images are now, as a build with --pull does
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          value_parser = parse_bool, hide_possible_values = true)]
    pub(crate) pull: Option<bool>,

    /// Run every step of these stages, whatever is cached
    #[arg(long, value_name = "STAGE,…")]
    pub(crate) no_cache_filter: Vec<String>,

    /// Give a secret to the steps that ask for it
    #[arg(long, value_name = "id=ID[,src=PATH]")]
    pub(crate) secret: Vec<String>,

    /// Give an SSH agent or key to the steps that ask for it
    #[arg(long, value_name = "ID[=SOCKET|KEY]")]
    pub(crate) ssh: Vec<String>,

    /// The network of RUN steps: default, host or none
    #[arg(long, value_name = "MODE")]
    pub(crate) network: Option<String>,

    /// Add a host name with its address
    #[arg(long, value_name = "HOST:IP", value_delimiter = ',')]
    pub(crate) add_host: Vec<String>,

    /// The size of /dev/shm in RUN steps
    #[arg(long, value_name = "BYTES")]
    pub(crate) shm_size: Option<String>,

    /// Set a resource limit of RUN steps
    #[arg(long, value_name = "NAME=SOFT[:HARD]")]
    pub(crate) ulimit: Vec<String>,

    /// The parent control group of RUN steps
    #[arg(long, value_name = "GROUP")]
    pub(crate) cgroup_parent: Option<String>,

    /// Set metadata of the image; never changes what is cached
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) label: Vec<String>,
}

impl BuilderFlags {
    /// Lets later flags follow: lists grow, of single values the later one counts.
    fn extend(&mut self, later: Self) {
        self.target.extend(later.target);
        self.build_arg.extend(later.build_arg);
        self.build_context.extend(later.build_context);
        self.platform.extend(later.platform);
        self.no_cache_filter.extend(later.no_cache_filter);
        self.secret.extend(later.secret);
        self.ssh.extend(later.ssh);
        self.add_host.extend(later.add_host);
        self.ulimit.extend(later.ulimit);
        self.label.extend(later.label);
        self.file = later.file.or(self.file.take());
        self.builder = later.builder.or(self.builder.take());
        self.pull = later.pull.or(self.pull);
        self.no_cache = later.no_cache.or(self.no_cache);
        self.network = later.network.or(self.network.take());
        self.shm_size = later.shm_size.or(self.shm_size.take());
        self.cgroup_parent = later.cgroup_parent.or(self.cgroup_parent.take());
    }
}

/// How the answer is given, in one of the formats `F`.
#[derive(Args, Clone, Debug)]
pub(crate) struct OutputArgs<F = Format>
where
    F: ValueEnum + Default + Send + Sync + 'static,
{
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: F,

    /// Leave nothing out of the text
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// A form of the answer.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Format {
    /// For people, coloured on a terminal
    #[default]
    Text,
    /// For programs
    Json,
}

/// A form of an answer about the steps of a build.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum ReportFormat {
    /// For people, coloured on a terminal
    #[default]
    Text,
    /// For programs
    Json,
    /// For a comment on a pull or merge request, of bounded length
    Markdown,
    /// For the log of a GitHub workflow: annotations on lines of the Dockerfile
    Github,
}

/// The presets of rules in which engines differ.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EngineProfileName {
    /// Docker Engine 28 with the classic image store
    DockerLegacy,
    /// The newest BuildKit, or Docker with the containerd image store
    Buildkit,
}

impl EngineProfileName {
    /// The name as it is typed.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::DockerLegacy => "docker-legacy",
            Self::Buildkit => "buildkit",
        }
    }
}

/// The words that docker takes for a boolean (Go's `strconv.ParseBool`).
fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err("not a boolean".to_owned()),
    }
}
