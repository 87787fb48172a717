//! A git repository, asked through the `git` program. Nothing is written, neither in the repository nor in the work
//! tree: no checkout, no refresh of the index, no fetch. The user's settings for colours, pagers and reports do not
//! reach the answers; filters and ignore rules do. In go a folder and a revision, out come values; what a
//! difference means for a build is decided elsewhere. Paths are relative to the top of the repository.

mod output;
mod log;

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use planner::context::ContextPath;

use crate::fault::Fault;

pub(crate) use log::Logged;
pub(crate) use output::{Change, Differences, Tracked};

/// A repository with a work tree.
pub(crate) struct Repository {
    /// The top folder of the work tree, absolute, symbolic links resolved.
    pub(crate) top: PathBuf,
}

/// A commit.
pub(crate) struct Commit {
    /// Its whole name in hexadecimal.
    pub(crate) id: String,
    /// When it was committed, in seconds since 1970.
    pub(crate) committed_at: i64,
}

/// What may be the matter with a revision that is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Missing {
    /// The name.
    Name,
    /// The name, or a branch of the remote's that a shallow clone lacks.
    NameOrFetch,
    /// The part of the history that a shallow clone lacks.
    History,
}

/// Why git gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    /// There is no program of that name.
    #[error("cannot run `git`: it is not installed")]
    Missing,
    /// The folder is in no repository.
    #[error("`{}` is not in a git repository", .0.display())]
    NoRepository(PathBuf),
    /// No commit of that name is there.
    #[error("there is no git revision `{revision}`{}", if *.missing == Missing::History { " in this shallow clone" } else { "" })]
    UnknownRevision {
        /// As the user wrote it.
        revision: String,
        /// What may be the matter.
        missing: Missing,
    },
    /// git said no.
    #[error("`git {command}` failed: {message}")]
    Refused {
        /// The subcommand.
        command: String,
        /// git's own words.
        message: String,
    },
    /// The system said no.
    #[error("cannot run `git`: {0}")]
    Io(#[from] io::Error),
}

impl From<GitError> for Fault {
    fn from(error: GitError) -> Self {
        let hint = match &error {
            GitError::Missing => "install git, or leave --since out to compare with recorded builds",
            GitError::NoRepository(_) => "leave --since out to compare with recorded builds",
            GitError::UnknownRevision { missing: Missing::History, .. } => {
                "`git fetch --unshallow` brings the whole history"
            }
            GitError::UnknownRevision { missing: Missing::NameOrFetch, .. } => {
                "name a commit, a branch or a tag; `git fetch origin NAME` brings one that only the remote has"
            }
            GitError::UnknownRevision { .. } => "name a commit, a branch or a tag, such as HEAD~1 or main",
            GitError::Refused { message, .. } if message.contains("dubious ownership") => {
                "`git config --global --add safe.directory FOLDER` makes git trust the folder"
            }
            GitError::Refused { .. } | GitError::Io(_) => return Self::new(error.to_string()),
        };
        Self::new(error.to_string()).with_hint(hint)
    }
}

impl Repository {
    /// The repository that the folder `dir` (canonical) lies in.
    pub(crate) fn of(dir: &Path) -> Result<Self, GitError> {
        match run(dir, "rev-parse", ["--show-toplevel"]) {
            Ok(top) => {
                let top = top.strip_suffix(b"\n").unwrap_or(&top);
                Ok(Self { top: std::fs::canonicalize(OsStr::from_bytes(top))? })
            }
            Err(GitError::Refused { message, .. }) if message.contains("not a git repository") => {
                Err(GitError::NoRepository(dir.to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    /// The place of an absolute path below the top; `None` if it lies elsewhere.
    pub(crate) fn below(&self, path: &Path) -> Option<ContextPath> {
        Some(ContextPath::new(path.strip_prefix(&self.top).ok()?.as_os_str().as_bytes()))
    }

    /// Where a path is on disk.
    pub(crate) fn on_disk(&self, path: &ContextPath) -> PathBuf {
        self.top.join(OsStr::from_bytes(path.as_bytes()))
    }

    /// The commit that `revision` names.
    pub(crate) fn commit(&self, revision: &str) -> Result<Commit, GitError> {
        let name = format!("{revision}^{{commit}}");
        let found = match run(&self.top, "rev-parse", ["--verify", "--quiet", &name]) {
            Ok(id) if !revision.is_empty() && !revision.starts_with('-') => id,
            Err(error @ (GitError::Missing | GitError::Io(_))) => return Err(error),
            _ => {
                let missing = self.missing(revision);
                return Err(GitError::UnknownRevision { revision: revision.to_owned(), missing });
            }
        };
        let id = String::from_utf8_lossy(found.trim_ascii()).into_owned();
        let object = run(&self.top, "cat-file", ["commit", &id])?;
        let committed_at = output::committer_time(&object).ok_or_else(|| unexpected("cat-file"))?;
        Ok(Commit { id, committed_at })
    }

    /// What may be the matter with a revision that is not there. More history helps where the revision is written as a
    /// commit's name, or counted back from something that is there.
    fn missing(&self, revision: &str) -> Missing {
        if !self.is_shallow() {
            return Missing::Name;
        }
        let start = revision.split(['~', '^']).next().unwrap_or_default();
        let is_hash = (4..=64).contains(&start.len()) && start.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_there = || {
            let words = ["--verify", "--quiet", start];
            !start.is_empty() && !start.starts_with('-') && run(&self.top, "rev-parse", words).is_ok()
        };
        if is_hash || (start.len() < revision.len() && is_there()) { Missing::History } else { Missing::NameOrFetch }
    }

    /// Which of these paths are files that are not tracked, ignored ones included.
    pub(crate) fn untracked(&self, paths: &[ContextPath]) -> Result<Vec<ContextPath>, GitError> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let words = ["--others", "-z", "--"].map(OsString::from).into_iter();
        let paths = paths.iter().map(|path| OsStr::from_bytes(path.as_bytes()).to_owned());
        let listed = run(&self.top, "ls-files", words.chain(paths))?;
        Ok(listed.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(ContextPath::new).collect())
    }

    /// What differs between a commit and the work tree at or below the paths of `scope`.
    pub(crate) fn differences(&self, commit: &str, scope: &[ContextPath]) -> Result<Differences, GitError> {
        let mut paths = vec![OsString::from("--")];
        if !scope.iter().any(ContextPath::is_root) {
            paths.extend(scope.iter().map(|path| OsStr::from_bytes(path.as_bytes()).to_owned()));
        }
        let with_paths = |words: &[&str]| words.iter().map(OsString::from).chain(paths.clone()).collect::<Vec<_>>();
        let words = [
            "--cached",
            "--raw",
            "-z",
            "--no-renames",
            "--no-abbrev",
            "--ignore-submodules=none",
            "--no-relative",
            commit,
        ];
        let diff = run(&self.top, "diff-index", with_paths(&words))?;
        let words = [
            "--porcelain=v2",
            "-z",
            "--untracked-files=all",
            "--ignored=matching",
            "--no-renames",
            "--ignore-submodules=none",
        ];
        let status = run(&self.top, "status", with_paths(&words))?;
        Differences::read(&diff, &status).ok_or_else(|| unexpected("status"))
    }

    /// What a commit holds at a path; `None` for nothing and for folders.
    pub(crate) fn entry(&self, commit: &str, path: &ContextPath) -> Result<Option<Tracked>, GitError> {
        let path = OsStr::from_bytes(path.as_bytes());
        let listed =
            run(&self.top, "ls-tree", ["-z".as_ref(), "--full-tree".as_ref(), commit.as_ref(), "--".as_ref(), path])?;
        let entry = output::tree_entry(&listed).ok_or_else(|| unexpected("ls-tree"))?;
        Ok(entry.filter(|entry| entry.mode != 0o40_000))
    }

    /// The folders of a commit.
    pub(crate) fn folders(&self, commit: &str) -> Result<Vec<ContextPath>, GitError> {
        let listed = run(&self.top, "ls-tree", ["-r", "-d", "-z", "--name-only", "--full-tree", commit])?;
        Ok(output::paths(&listed))
    }

    /// The bytes of a file as a checkout at `path` would write them. Nothing is downloaded.
    pub(crate) fn checked_out(&self, id: &str, path: &ContextPath) -> Result<Vec<u8>, GitError> {
        let mut place = OsString::from("--path=");
        place.push(OsStr::from_bytes(path.as_bytes()));
        run(&self.top, "cat-file", ["--filters".as_ref(), place.as_os_str(), id.as_ref()])
    }

    /// Hands each object's bytes to `take`, one after another; `None` for one that is not here.
    pub(crate) fn objects(
        &self,
        ids: impl IntoIterator<Item = String>,
        mut take: impl FnMut(Option<Vec<u8>>),
    ) -> Result<(), GitError> {
        let mut ids = ids.into_iter().peekable();
        if ids.peek().is_none() {
            return Ok(());
        }
        let mut command = git(&self.top);
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (Some(mut requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(unexpected("cat-file"));
        };
        let mut answers = BufReader::new(answers);
        // git answers each request before it reads the next, so neither side waits for the other for ever.
        for id in ids {
            writeln!(requests, "{id}")?;
            let mut head = Vec::new();
            answers.read_until(b'\n', &mut head)?;
            let size = output::batch_head(&head).ok_or_else(|| unexpected("cat-file"))?;
            take(match size {
                None => None,
                Some(size) => {
                    let mut bytes = vec![0; size + 1];
                    answers.read_exact(&mut bytes)?;
                    bytes.truncate(size);
                    Some(bytes)
                }
            });
        }
        drop(requests);
        child.wait()?;
        Ok(())
    }

    /// The names git would give the files' content, filters applied; `None` where it cannot say.
    pub(crate) fn names_of_content(&self, paths: &[ContextPath]) -> Vec<Option<String>> {
        /// So many paths fit on a command line.
        const N_PATHS: usize = 200;
        let mut names = Vec::new();
        for paths in paths.chunks(N_PATHS) {
            let words = [OsString::from("--")].into_iter();
            let words = words.chain(paths.iter().map(|path| OsStr::from_bytes(path.as_bytes()).to_owned()));
            let listed = run(&self.top, "hash-object", words).unwrap_or_default();
            let listed = String::from_utf8_lossy(&listed).into_owned();
            let mut lines = listed.lines();
            names.extend(paths.iter().map(|_| lines.next().map(str::to_owned)));
        }
        names
    }
}

/// The program, told to write nothing, ask nothing, fetch nothing, and answer plainly.
fn git(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(dir).args(["--no-pager", "--no-optional-locks", "--literal-pathspecs"]);
    for setting in [
        "color.ui=false",
        "core.fsmonitor=false",
        "status.branch=false",
        "status.showStash=false",
        "status.submoduleSummary=false",
        "submodule.recurse=false",
    ] {
        command.args(["-c", setting]);
    }
    // Set inside hooks and by other tools; they would name another repository, or read paths in another way.
    for variable in [
        "GIT_DIR",
        "GIT_COMMON_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_PREFIX",
        "GIT_GLOB_PATHSPECS",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
    ] {
        command.env_remove(variable);
    }
    command.envs([
        ("LC_ALL", "C"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_LFS_SKIP_SMUDGE", "1"),
    ]);
    command
}

fn run<S: AsRef<OsStr>>(dir: &Path, command: &str, words: impl IntoIterator<Item = S>) -> Result<Vec<u8>, GitError> {
    let output =
        git(dir).arg(command).args(words).stdin(Stdio::null()).output().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => GitError::Missing,
            _ => GitError::Io(error),
        })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let fatal = said.lines().find_map(|line| line.strip_prefix("fatal: ").or(line.strip_prefix("error: ")));
    let message = fatal.or(said.lines().last()).unwrap_or("it said nothing").trim_end_matches('.').to_owned();
    Err(GitError::Refused { command: command.to_owned(), message })
}

fn unexpected(command: &str) -> GitError {
    GitError::Refused { command: command.to_owned(), message: "its answer cannot be read".to_owned() }
}
