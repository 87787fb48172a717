//! The steps of a Dockerfile as a reviewer reads them: for each stage what is copied where, what each command reads and
//! writes, and which instruction it stands for. In go a Dockerfile and all around it; nothing is predicted or judged.
//!
//! Each stage is read in a build that needs it, whichever target that is, so that what is said of it holds for all.

pub mod written;
mod left_out;
mod reading;

use std::collections::{BTreeMap, BTreeSet};

use crate::context::{BuildContext, ContextPath};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::Dockerfile;
use crate::graph::exec::Exec;
use crate::graph::{Chmod, Owner};
use crate::known_command::Part;
use crate::known_command::effect::Effect;
use crate::known_command::visible::Manifests;
use crate::request::Request;
use crate::selector::Selector;
use written::Written;

/// All that a Dockerfile is read with.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// What is asked of the builder; the stages that are asked for do not matter.
    pub request: &'a Request,
    /// The main build context, whole.
    pub context: &'a BuildContext,
    /// The manifests in it.
    pub manifests: &'a Manifests,
    /// The Dockerfile's own place in it.
    pub dockerfile: Option<&'a ContextPath>,
    /// Files in it that are not in the repository, so that other machines may not have them.
    pub untracked: &'a BTreeSet<ContextPath>,
}

/// A stage.
#[derive(Clone, Debug)]
pub struct StageSteps {
    /// Its place in the Dockerfile.
    pub index: usize,
    /// The earlier stage it continues.
    pub base: Option<usize>,
    /// What `FROM` names, variables expanded.
    pub image: String,
    /// Triggers of the base, then the stage's own instructions; empty where no build can reach the stage.
    pub steps: Vec<Step>,
    /// Whether it could be read.
    pub is_read: bool,
}

/// One instruction.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its place among the Dockerfile's instructions; `None` for a trigger of the base.
    pub instruction: Option<usize>,
    /// Its first line.
    pub line: u32,
    /// What it does.
    pub act: Act,
    /// The variables its text used, with their values.
    pub variables: BTreeMap<String, String>,
}

/// What an instruction does to the files.
#[derive(Clone, Debug)]
pub enum Act {
    /// `RUN`
    Run(Box<RunStep>),
    /// `COPY` and `ADD`: one for each source.
    Copy(Vec<Copied>),
    /// `WORKDIR`: a folder is made.
    Folder(String),
    /// Nothing.
    None,
}

/// A command.
#[derive(Clone, Debug)]
pub struct RunStep {
    /// Its vertex: equal ones run once.
    pub vertex: usize,
    /// The execution.
    pub exec: Exec,
    /// What its mounts read.
    pub mounts: Vec<(Origin, Vec<Selector>)>,
    /// What it reads and writes.
    pub effect: Effect,
    /// The commands it begins with, each with what it does.
    pub parts: Vec<Part>,
    /// Why steps of one command each may do something else.
    pub undivided: Option<String>,
    /// The lock file or manifest of the context that it installs from.
    pub installs_from: Option<ContextPath>,
    /// What it fails without and is not there, each a list of which one would do.
    pub missing: Vec<Vec<String>>,
    /// Files of the context that it would read if they were there.
    pub left_out: Vec<ContextPath>,
}

/// One source of a copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copied {
    /// Where it is taken from.
    pub origin: Origin,
    /// What is taken there.
    pub selector: Selector,
    /// Where it goes; absolute, a trailing slash means "into this folder".
    pub dest: String,
    /// `--chown`
    pub owner: Option<Owner>,
    /// `--chmod`
    pub mode: Option<Chmod>,
    /// Whether archives are unpacked.
    pub unpack: bool,
    /// What it writes.
    pub written: Written,
}

impl Copied {
    /// Whether another is the same copy: of the same files to the same place.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let this = (&self.origin, &self.selector, &self.dest, &self.owner, &self.mode, self.unpack);
        this == (&other.origin, &other.selector, &other.dest, &other.owner, &other.mode, other.unpack)
    }
}

/// Where files are taken from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Origin {
    /// A build context, by name.
    Context(String),
    /// A stage, by its place.
    Stage(usize),
    /// An image.
    Image(String),
    /// An address.
    Remote(String),
    /// A here-document, by what it holds.
    Inline(String),
    /// Nobody can say.
    Unclear,
}

/// Reads every stage that some build can reach.
///
/// # Errors
/// What BuildKit says against the Dockerfile.
pub fn read(dockerfile: &Dockerfile, around: Surroundings<'_>) -> Result<Vec<StageSteps>, Diagnostic> {
    reading::read(dockerfile, around)
}
