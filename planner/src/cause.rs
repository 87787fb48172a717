//! Why a step misses: the parts of its key that differ from those of the step it is compared with, told in the
//! user's words. Two steps go in, causes come out; which steps to compare is decided in `explanation`.

pub mod files;
pub mod ignored;
pub mod mounts;
pub mod parts;
pub mod umask;

use std::fmt;

use crate::context::ContextPath;

/// The `detail` of an edit: an instruction that stood above the step and is gone; `old` is its text, `name` the stage it
/// stood in where that is another one.
pub const REMOVED: &str = "removed";
/// The `detail` of an edit: an instruction that stands elsewhere now. Where it was, `old` is its text and `name` the stage
/// it went to; where it is, `new` is its text and `name` the stage it came from, each if that is another one.
pub const MOVED: &str = "moved";
/// The `detail` of an edit: an instruction above the step, which made a step of its own and makes none now.
pub const ABOVE: &str = "above";

/// The `detail` of a missing source: `name` is the named context that should have it, not a step.
pub const CONTEXT: &str = "context";

/// What a variable is set by where it is handed down from what the stage is built upon, and that is something else now.
pub const FROM: &str = "FROM";

/// One reason, with what it is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Cause {
    /// What kind of reason.
    pub kind: CauseKind,
    /// The file it is about.
    pub path: Option<ContextPath>,
    /// The variable, mount, image or option it is about.
    pub name: Option<String>,
    /// Which attribute of it; of a file that came, went or is missing: `ignorefile` where that file decides.
    pub detail: Option<String>,
    /// The earlier value; masked where it looks like a secret.
    pub old: Option<String>,
    /// The present value.
    pub new: Option<String>,
    /// The step it follows from, as `stage:line`; beside another kind, the step that the cause is of, where only the
    /// combination of that step with this one is new.
    pub root: Option<String>,
    /// Of a variable: the build argument or variable that it takes its value from and whose change made this one.
    pub by: Option<String>,
}

/// The kinds of reasons. The list only grows, and a kind keeps its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum CauseKind {
    /// No earlier build completed the step.
    #[default]
    NeverRecorded,
    /// A file came.
    FileAdded,
    /// A file went.
    FileRemoved,
    /// A file changed.
    FileModified,
    /// A source is not there; the build fails.
    SourceMissing,
    /// The instruction's text changed.
    InstructionEdited,
    /// The instruction is new.
    InstructionAdded,
    /// A build argument changed.
    BuildArgChanged,
    /// A variable of the environment changed.
    EnvChanged,
    /// The working folder changed.
    WorkdirChanged,
    /// The user changed.
    UserChanged,
    /// The shell changed.
    ShellChanged,
    /// A mount changed.
    MountChanged,
    /// The network changed.
    NetworkChanged,
    /// What the caller configures of the host changed.
    HostConfigChanged,
    /// `FROM` names another image.
    BaseImageChanged,
    /// `FROM` continues another stage.
    BaseStageChanged,
    /// The platform changed.
    PlatformChanged,
    /// `--no-cache` was asked for.
    NoCacheRequested,
    /// A step before it runs.
    Upstream,
    /// The ignore file changed.
    IgnorefileChanged,
    /// BuildKit will not notice an edit.
    StaleSource,
    /// A server decides.
    RemoteSource,
    /// Another frontend reads the Dockerfile.
    UnknownFrontend,
    /// Two references may name one image.
    BaseUnresolved,
    /// A build that was stopped or failed, or whose files changed meanwhile, may have left the result.
    Unsettled,
}

impl CauseKind {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NeverRecorded => "never-recorded",
            Self::FileAdded => "file-added",
            Self::FileRemoved => "file-removed",
            Self::FileModified => "file-modified",
            Self::SourceMissing => "source-missing",
            Self::InstructionEdited => "instruction-edited",
            Self::InstructionAdded => "instruction-added",
            Self::BuildArgChanged => "build-arg-changed",
            Self::EnvChanged => "env-changed",
            Self::WorkdirChanged => "workdir-changed",
            Self::UserChanged => "user-changed",
            Self::ShellChanged => "shell-changed",
            Self::MountChanged => "mount-changed",
            Self::NetworkChanged => "network-changed",
            Self::HostConfigChanged => "host-config-changed",
            Self::BaseImageChanged => "base-image-changed",
            Self::BaseStageChanged => "base-stage-changed",
            Self::PlatformChanged => "platform-changed",
            Self::NoCacheRequested => "no-cache-requested",
            Self::Upstream => "upstream",
            Self::IgnorefileChanged => "ignorefile-changed",
            Self::StaleSource => "stale-source",
            Self::RemoteSource => "remote-source",
            Self::UnknownFrontend => "unknown-frontend",
            Self::BaseUnresolved => "base-unresolved",
            Self::Unsettled => "unsettled",
        }
    }
}

impl Cause {
    /// A reason of a kind and no more.
    #[must_use]
    pub fn of(kind: CauseKind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// The same about a named thing.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = (!name.is_empty()).then(|| name.to_owned());
        self
    }

    /// The same with the earlier and the present value.
    #[must_use]
    pub fn values(mut self, old: Option<String>, new: Option<String>) -> Self {
        (self.old, self.new) = (old, new);
        self
    }

    /// The instruction that moved, if it is about one.
    #[must_use]
    pub fn moved(&self) -> Option<&str> {
        let is_moved = self.kind == CauseKind::InstructionEdited && self.detail.as_deref() == Some(MOVED);
        self.old.as_deref().or(self.new.as_deref()).filter(|_| is_moved)
    }

    /// The same about a file.
    #[must_use]
    pub fn about(mut self, path: ContextPath, detail: Option<&str>) -> Self {
        self.path = Some(path);
        self.detail = detail.map(str::to_owned);
        self
    }
}

impl fmt::Display for CauseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
