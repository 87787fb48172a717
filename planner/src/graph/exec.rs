//! `RUN` as an operation: everything that makes one execution different from another.

/// One execution.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Exec {
    /// The words that are executed, the shell's included.
    pub args: Vec<String>,
    /// How many of them are the stage's shell.
    pub n_shell_args: usize,
    /// The whole environment, in the order of the last assignments.
    pub env: Vec<Variable>,
    /// The working folder, not cleaned.
    pub workdir: String,
    /// The user, as written; empty for the default.
    pub user: String,
    /// `BUILDKIT_SANDBOX_HOSTNAME`.
    pub hostname: Option<String>,
    /// Names given with `--add-host`.
    pub extra_hosts: Vec<String>,
    /// `name=soft:hard`.
    pub ulimits: Vec<String>,
    /// The parent of its control group.
    pub cgroup_parent: Option<String>,
    /// `host` or `none`; `None` for the default.
    pub network: Option<String>,
    /// `insecure`; `None` for the sandbox.
    pub security: Option<String>,
    /// Names of devices.
    pub devices: Vec<String>,
    /// Everything mounted beside the root file system, in BuildKit's order.
    pub mounts: Vec<ExecMount>,
    /// Secrets given as environment variables.
    pub secret_env: Vec<String>,
    /// The platform it runs for.
    pub platform: String,
}

/// A variable of the environment and where it came from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether `ARG` set it last.
    pub from_arg: bool,
}

/// A mount, as far as it enters a key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ExecMount {
    /// Where it is mounted.
    pub target: String,
    /// What it is.
    pub kind: MountOp,
    /// Whether it reads an input (which, the vertex's edges say).
    pub has_input: bool,
    /// The target of the first mount that reads the same input, `/` for the root file system.
    pub shares_input_of: Option<String>,
    /// Whether it can't be written to.
    pub read_only: bool,
}

/// The kinds of mounts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MountOp {
    /// Files of the context, a stage or an image.
    Bind,
    /// A folder that outlives the build. Only the default identity enters a key; any other is as good as any
    /// other (solver/llbsolver/ops/exec.go).
    Cache {
        /// Whether it has the default identity and sharing.
        default_identity: Option<String>,
    },
    /// Memory.
    Tmpfs {
        /// Its size in bytes; 0 is unset.
        size: u64,
    },
    /// A secret as a file, or a forwarded agent: all that is written of it, as one text.
    Secret(String),
    /// A forwarded agent.
    Ssh(String),
}
