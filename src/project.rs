//! One project as the command line names it: the context folder, the Dockerfile, the ignore file, who the
//! project is, and what the builder's flags ask for. Everything is read once, here; missing and unreadable
//! files become errors that name the file. Nothing is walked, parsed or decided.

mod stamp;
mod dockerfile;
mod ignorefile;
mod identity;
mod names;
mod hosts;
mod resources;
mod platform;
mod request;

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use planner::context::ContextPath;
use planner::engine_profile::EngineProfile;
use planner::history::ProjectId;
use planner::request::Request;

use crate::args::{BuilderFlags, ProjectArgs};
use crate::builder;
use crate::fault::Fault;
use crate::intake::reason;

pub(crate) use dockerfile::DockerfileSource;
pub(crate) use ignorefile::IgnoreSource;
pub(crate) use names::Names;
pub(crate) use request::LocalContext;

/// A project, read.
pub(crate) struct Project {
    /// The context folder.
    pub(crate) context: ContextDir,
    /// The Dockerfile; `None` where the default one is missing, see [`Project::dockerfile`].
    dockerfile: Option<DockerfileSource>,
    /// The ignore file of the context; `None` if there is none.
    pub(crate) ignorefile: Option<IgnoreSource>,
    /// What makes two builds builds of one project.
    pub(crate) id: ProjectId,
    /// Whose cache its builds use.
    pub(crate) builder: String,
    /// Who is to be asked what the base images are.
    pub(crate) lookup: Lookup,
    /// Whether the user chose the rules of the engine.
    pub(crate) has_chosen_rules: bool,
    flags: BuilderFlags,
    stamps: stamp::Stamps,
}

/// Who is asked what an image is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lookup {
    /// Nobody: images are taken as unmoved.
    Nobody,
    /// Whom the engine asks in a plain build.
    Engine,
    /// Whom it asks in a build with `--pull`.
    Registry,
}

/// Who the project is whose context is this folder; no file of it is read.
///
/// # Errors
/// If there is no such folder.
pub(crate) fn identity_of(context: &Path) -> anyhow::Result<ProjectId> {
    Ok(identity::identify(&ContextDir::open(context)?.root))
}

/// A folder that a build reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ContextDir {
    /// Absolute, symbolic links resolved.
    pub(crate) root: PathBuf,
    /// As the user wrote it.
    pub(crate) shown: PathBuf,
}

impl ContextDir {
    /// The top folder of the repository that it lies in.
    pub(crate) fn top(&self) -> Option<&Path> {
        identity::top(&self.root)
    }
}

impl Project {
    /// Reads the project that the arguments name.
    ///
    /// # Errors
    /// If the context is no readable folder, or a file that must be there cannot be read.
    pub(crate) fn open(args: &ProjectArgs) -> anyhow::Result<Self> {
        let flags = args.flags()?;
        let context = ContextDir::open(&args.context)?;
        let file = flags.file.as_deref().filter(|file| !file.as_os_str().is_empty());
        let stamps = stamp::Stamps::of(texts(&context, file, &flags));
        let dockerfile = dockerfile::read(&context, file)?;
        let ignorefile = ignorefile::read(&context, &dockerfile::ignorefile_candidate(&context, file))?;
        let id = identity::identify(&context.root);
        let builder = builder::selected(flags.builder.as_deref(), &|name| env::var(name).ok());
        let lookup = match (flags.pull, args.resolve) {
            (Some(true), _) => Lookup::Registry,
            (_, true) => Lookup::Engine,
            _ => Lookup::Nobody,
        };
        let has_chosen_rules = args.engine_profile.is_some();
        Ok(Self { context, dockerfile, ignorefile, id, builder, lookup, has_chosen_rules, flags, stamps })
    }

    /// Asks for other targets of the same project.
    ///
    /// # Errors
    /// If docker would refuse one of the flags.
    pub(crate) fn ask(&mut self, args: &ProjectArgs) -> anyhow::Result<()> {
        self.flags = args.flags()?;
        Ok(())
    }

    /// What the builder's flags ask for, under the rules of `profile`: one request for each target, at least one;
    /// nothing is known of images.
    ///
    /// # Errors
    /// If docker would refuse one of the flags.
    pub(crate) fn requests(&self, profile: EngineProfile) -> anyhow::Result<Vec<Request>> {
        request::read(&self.flags, profile)
    }

    /// The folders named with `--build-context`, by name.
    ///
    /// # Errors
    /// If one is missing or no folder, or its ignore file cannot be read.
    pub(crate) fn local_contexts(&self) -> anyhow::Result<BTreeMap<String, LocalContext>> {
        request::local_contexts(&self.flags)
    }

    /// The Dockerfile and the context as the user knows them: the Dockerfile below the context where it lies there.
    pub(crate) fn shown(&self) -> (String, String) {
        let context = self.context.shown.display().to_string();
        let Some(source) = &self.dockerfile else { return ("Dockerfile".to_owned(), context) };
        let below = source.shown.strip_prefix(clean(&self.context.shown)).unwrap_or(&source.shown);
        (below.display().to_string(), context)
    }

    /// What is built, named alike wherever the repository is checked out.
    pub(crate) fn names(&self) -> Names {
        names::read(&self.context, self.dockerfile.as_ref(), &self.flags.target)
    }

    /// Whether a path is that of the Dockerfile or of the ignore file.
    pub(crate) fn is_made_of(&self, path: &Path) -> bool {
        let dockerfile = self.dockerfile.iter().map(|source| source.shown.clone());
        let ignorefile = self.ignorefile.iter().map(|source| self.context.root.join(&source.name));
        let real = fs::canonicalize(path).ok();
        real.is_some() && dockerfile.chain(ignorefile).any(|own| fs::canonicalize(own).ok() == real)
    }

    /// The Dockerfile, the ignore files and links to folders, as far as they were written, made or removed since the project
    /// was read.
    pub(crate) fn edited(&self) -> Vec<String> {
        let shown = |path: &Path| path.strip_prefix(&self.context.root).unwrap_or(path).display().to_string();
        self.stamps.changed().map(shown).collect()
    }

    /// Where the Dockerfile, the ignore files and links to folders are looked for, there or not.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &Path> {
        self.stamps.paths()
    }

    /// The builder that `--builder` names.
    pub(crate) fn builder_flag(&self) -> Option<String> {
        self.flags.builder.clone()
    }

    /// The Dockerfile, if it came from standard input.
    pub(crate) fn stdin_dockerfile(&self) -> Option<&[u8]> {
        let source = self.dockerfile.as_ref().filter(|source| source.shown == Path::new("-"))?;
        Some(&source.bytes)
    }

    /// Whether there is a Dockerfile.
    pub(crate) fn has_dockerfile(&self) -> bool {
        self.dockerfile.is_some()
    }

    /// The Dockerfile.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn dockerfile(&self) -> anyhow::Result<&DockerfileSource> {
        self.dockerfile.as_ref().ok_or_else(|| {
            let path = self.context.shown.join("Dockerfile");
            Fault::new(format!("cannot read `{}`: no such file", clean(&path).display()))
                .with_hint("name the Dockerfile with --file, or the folder it is in")
                .into()
        })
    }
}

/// The files whose text decides what is built, there or not, and the links that lead to its folders.
fn texts(context: &ContextDir, file: Option<&Path>, flags: &BuilderFlags) -> Vec<PathBuf> {
    let mut texts = dockerfile::candidates(context, file);
    texts.extend(dockerfile::ignorefile_candidate(context, file));
    // What is wrong with a named context is said when it is asked for.
    let named = request::local_contexts(flags).unwrap_or_default();
    for dir in named.into_values().map(|context| context.dir).chain([context.clone()]) {
        texts.push(dir.root.join(".dockerignore"));
        texts.extend(dir.links());
    }
    texts
}

impl ContextDir {
    /// Resolves a folder.
    ///
    /// # Errors
    /// If it is missing, is no folder, or cannot be read.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        if path == Path::new("-") {
            let fault = Fault::new("cannot read a build context from standard input");
            return Err(fault.with_hint("unpack it into a folder and name that").into());
        }
        let text = path.to_string_lossy();
        if text.contains("://") || text.starts_with("git@") {
            let fault = Fault::new(format!("the build context `{shown}` is not on this machine"));
            return Err(fault.with_hint("clone or download it, and name the folder").into());
        }
        let root = fs::canonicalize(path).map_err(|error| {
            Fault::new(format!("cannot open the build context `{shown}`: {}", reason(&error)))
                .with_hint("name the folder that holds the files to build, such as `.`")
        })?;
        if !root.is_dir() {
            let fault = Fault::new(format!("the build context `{shown}` is not a folder"));
            return Err(fault.with_hint(format!("to name a Dockerfile, write `--file {shown}`")).into());
        }
        fs::read_dir(&root)
            .map_err(|error| Fault::new(format!("cannot read the build context `{shown}`: {}", reason(&error))))?;
        Ok(Self { root, shown: path.to_owned() })
    }
}

impl ContextDir {
    /// The place of a path below the folder; `None` if it lies elsewhere. Links on the way are resolved, the last
    /// component is not.
    pub(crate) fn below(&self, path: &Path) -> Option<ContextPath> {
        let absolute = cleaned(&std::path::absolute(path).ok()?);
        let real = absolute.parent().and_then(|dir| fs::canonicalize(dir).ok()).zip(absolute.file_name());
        let real = real.map_or_else(|| absolute.clone(), |(dir, name)| dir.join(name));
        let below = real.strip_prefix(&self.root).or_else(|_| absolute.strip_prefix(&self.root)).ok()?;
        Some(ContextPath::new(below.as_os_str().as_encoded_bytes()))
    }

    /// The links by which the folder was named, absolute: exchanged, they lead to another one.
    fn links(&self) -> Vec<PathBuf> {
        let absolute = std::path::absolute(&self.shown).unwrap_or_default();
        absolute.ancestors().filter(|path| path.is_symlink()).map(Path::to_owned).collect()
    }

    /// Whether something stands at a path below the folder.
    pub(crate) fn holds(&self, path: &ContextPath) -> bool {
        self.root.join(OsStr::from_bytes(path.as_bytes())).symlink_metadata().is_ok()
    }

    /// The last part of the folder's absolute path, symbolic links not resolved: buildx names the engine's copy
    /// of a context by it (build/opt.go).
    pub(crate) fn base_name(&self) -> String {
        let absolute = std::path::absolute(&self.shown).unwrap_or_else(|_| self.root.clone());
        cleaned(&absolute).file_name().map_or_else(|| "/".to_owned(), |name| name.to_string_lossy().into_owned())
    }
}

/// An absolute path without `..`, symbolic links not looked at.
fn cleaned(absolute: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in absolute.components() {
        if part == Component::ParentDir {
            cleaned.pop();
        } else {
            cleaned.push(part);
        }
    }
    cleaned
}

/// The path without `.` components: `./a` is `a`.
fn clean(path: &Path) -> PathBuf {
    let cleaned: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if cleaned.as_os_str().is_empty() { PathBuf::from(".") } else { cleaned }
}
