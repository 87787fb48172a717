//! A case laid out on disk: a context in a temporary folder, the program's state in another, the commands run on it.
//!
//! In: a [`Case`], [`Edit`]s, commands. Out: changed files, [`Answer`]s. Neither the umask nor the environment of the
//! test run matters, and modification times come from a clock of the project's own: a case replays alike everywhere.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
use tempfile::TempDir;

use super::docker::NO_SOCKET;
use super::edit::Edit;
use super::report::Report;
use super::{Case, Entry, bytes, mode};

/// In place of a profile's name: the one that the program chooses itself.
pub(crate) const OWN_PROFILE: &str = "";

/// A context, how it is built now, and the folder of the program's state.
pub(crate) struct Project {
    root: TempDir,
    /// The context's folder, relative to `root`; the last part is its name.
    folder: PathBuf,
    profile: String,
    dockerfile_path: Option<String>,
    target: Option<String>,
    build_args: BTreeMap<String, Option<String>>,
    secrets: Vec<String>,
    environment: BTreeMap<String, String>,
    arguments: Vec<String>,
    clock: SystemTime,
}

/// What a command did.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { code: output.status.code(), stdout: output.stdout, stderr }
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The JSON on stdout, or what was there instead.
    pub(crate) fn try_report(&self) -> Result<Report, String> {
        let said = || format!("exit {:?}\n{}\n{}", self.code, self.text(), self.stderr);
        serde_json::from_slice(&self.stdout).map_err(|error| format!("{error}: {}", said()))
    }

    pub(crate) fn report(&self) -> Report {
        self.try_report().unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Project {
    /// Writes the case's files and its Dockerfile.
    pub(crate) fn lay_out(case: &Case, profile: &str) -> Self {
        let mut project = Self {
            root: tempfile::tempdir().expect("a temporary folder"),
            folder: PathBuf::from("project"),
            profile: profile.to_owned(),
            dockerfile_path: case.dockerfile_path.clone(),
            target: case.target.clone(),
            build_args: case.build_args.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect(),
            secrets: Vec::new(),
            environment: BTreeMap::new(),
            arguments: case.arguments.clone(),
            clock: SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 50),
        };
        project.make_folder(&project.context());
        for row in case.files.rows() {
            project.put(&row.path, &row.entry);
        }
        let dockerfile = project.dockerfile();
        project.write(&dockerfile, case.dockerfile.joined().as_bytes(), None);
        for (id, text) in &case.secrets {
            project.set_secret(id, text);
        }
        project
    }

    /// The folder that is built.
    pub(crate) fn context(&self) -> PathBuf {
        self.root.path().join(&self.folder)
    }

    /// The folder of the program's state; it exists once the program has made it.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.path().join("state/stageplan")
    }

    /// The Dockerfile that is built.
    pub(crate) fn dockerfile(&self) -> PathBuf {
        self.context().join(self.dockerfile_path.as_deref().unwrap_or("Dockerfile"))
    }

    /// Where a path of a case is.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        match path.strip_prefix("../") {
            Some(beside) => self.root.path().join(beside),
            None => self.context().join(path),
        }
    }

    /// The program with this project's arguments and nothing of the test run's environment.
    pub(crate) fn command(&self, name: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stageplan"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.root.path().join("home")).env(NO_SOCKET.0, NO_SOCKET.1).envs(&self.environment);
        // Every scan of every case is checked against one that reads all files, unless the run asks for `on` or `off`.
        command.env("STAGEPLAN_STAT_CACHE", std::env::var("STAGEPLAN_STAT_CACHE").unwrap_or("check".to_owned()));
        command.current_dir(self.root.path()).arg(name).arg("--state-dir").arg(self.state());
        if self.profile != OWN_PROFILE {
            command.args(["--engine-profile", &self.profile]);
        }
        if let Some(path) = &self.dockerfile_path {
            command.arg("-f").arg(self.folder.join(path));
        }
        if let Some(target) = &self.target {
            command.args(["--target", target]);
        }
        for (name, value) in &self.build_args {
            command.arg("--build-arg");
            command.arg(value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}={value}")));
        }
        for id in &self.secrets {
            command.arg("--secret").arg(format!("id={id},src=secrets/{id}"));
        }
        let split = self.arguments.iter().position(|argument| argument == "--").unwrap_or(self.arguments.len());
        let (before, behind) = self.arguments.split_at(split);
        command.args(before.iter().map(|argument| argument.replace("{native}", &native_platform())));
        command.args(more).arg(&self.folder).args(behind);
        command
    }

    pub(crate) fn run(&self, name: &str, more: &[&str]) -> Answer {
        self.command(name, more).output().expect("the program starts").into()
    }

    /// One build, taken to have succeeded.
    pub(crate) fn record(&self) -> Answer {
        self.run("record", &[])
    }

    pub(crate) fn explain(&self) -> Answer {
        self.run("explain", &["--format", "json"])
    }

    /// Carries out one operation.
    pub(crate) fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::Dockerfile { replace, text } => {
                let path = self.dockerfile();
                let old = fs::read_to_string(&path).expect("a Dockerfile");
                let new = match (replace, text) {
                    (Some((from, to)), None) => {
                        assert!(old.contains(from.as_str()), "`{from}` is not in the Dockerfile");
                        old.replacen(from.as_str(), to, 1)
                    }
                    (None, Some(text)) => text.joined(),
                    _ => panic!("edit_dockerfile takes `replace` or `text`"),
                };
                self.write(&path, new.as_bytes(), None);
            }
            Edit::Ignorefile { text, path } => {
                let path = self.path(path.as_deref().unwrap_or(".dockerignore"));
                self.write(&path, text.as_bytes(), None);
            }
            Edit::SetDockerfilePath { path } => self.dockerfile_path = Some(path.clone()),
            Edit::SetTarget { target } => self.target.clone_from(target),
            Edit::SetBuildArg { name, value } => drop(self.build_args.insert(name.clone(), value.clone())),
            Edit::UnsetBuildArg { name } => drop(self.build_args.remove(name)),
            Edit::SetSecret { id, text } => self.set_secret(id, text),
            Edit::UnsetSecret { id } => self.secrets.retain(|known| known != id),
            Edit::SetEnv { name, value } => drop(self.environment.insert(name.clone(), value.clone())),
            Edit::SetArguments { arguments } => self.arguments.clone_from(arguments),
            Edit::RenameContext { to } => {
                fs::rename(self.context(), self.root.path().join(to)).expect("a new name");
                self.folder = PathBuf::from(to);
            }
            Edit::OtherCheckout {} => {
                let from = self.context();
                self.folder = Path::new("elsewhere").join(&self.folder);
                self.make_folder(&self.context());
                copy_with_times(&from, &self.context());
            }
            on_files => self.apply_to_files(on_files),
        }
    }

    fn apply_to_files(&mut self, edit: &Edit) {
        match edit {
            Edit::Write { path, text, b64, mode } => {
                let content = bytes(text.as_deref(), b64.as_deref());
                self.write(&self.path(path), &content, mode.as_deref());
            }
            Edit::WriteKeepMtime { path, text, b64, new_inode } => {
                let path = self.path(path);
                rewrite_keeping_mtime(&path, &bytes(text.as_deref(), b64.as_deref()), *new_inode);
            }
            Edit::Append { path, text } => {
                let path = self.path(path);
                let mut content = fs::read(&path).expect("a file to append to");
                content.extend_from_slice(text.as_bytes());
                self.write(&path, &content, None);
            }
            Edit::Delete { path } => remove(&self.path(path)),
            Edit::Rename { path, to } => {
                let to = self.path(to);
                self.make_folder(to.parent().expect("a path in the context"));
                fs::rename(self.path(path), to).expect("a new name");
            }
            Edit::Chmod { path, mode } => set_mode(&self.path(path), super::mode(mode)),
            Edit::Chown { path, uid, gid } => {
                match std::os::unix::fs::lchown(self.path(path), Some(*uid), Some(*gid)) {
                    Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
                    other => other.expect("another owner"),
                }
            }
            Edit::Touch { path } => move_mtime(&self.path(path)),
            Edit::TouchAll {} => {
                below(&self.context()).iter().filter(|path| !path.is_dir()).for_each(|p| move_mtime(p));
            }
            Edit::CheckoutUmask { umask } => self.set_modes_under(mode(umask)),
            Edit::Mkdir { path } => self.make_folder(&self.path(path)),
            Edit::HardLink { path, to } => {
                remove(&self.path(path));
                fs::hard_link(self.path(to), self.path(path)).expect("a hard link");
            }
            Edit::Symlink { path, target } => {
                self.put(path, &Entry { symlink: Some(target.clone()), ..Entry::default() });
            }
            Edit::Fifo { path } => {
                let mode = rustix::fs::Mode::from_raw_mode(0o644);
                rustix::fs::mkfifoat(CWD, self.path(path), mode).expect("a fifo");
                set_mode(&self.path(path), 0o644);
            }
            Edit::Socket { path } => drop(std::os::unix::net::UnixListener::bind(self.path(path)).expect("a socket")),
            Edit::SetXattr { path, name, value } => {
                let flags = rustix::fs::XattrFlags::empty();
                rustix::fs::setxattr(self.path(path), name.as_str(), value.as_bytes(), flags).expect("an attribute");
            }
            _ => unreachable!("not an operation on files"),
        }
    }

    fn put(&mut self, path: &str, entry: &Entry) {
        let path = self.path(path);
        if entry.dir {
            self.make_folder(&path);
            set_mode(&path, mode(entry.mode.as_deref().unwrap_or("755")));
        } else if let Some(target) = &entry.symlink {
            self.make_folder(path.parent().expect("a path in the context"));
            if path.is_symlink() || path.exists() {
                remove(&path);
            }
            std::os::unix::fs::symlink(target, &path).expect("a symlink");
            self.stamp(&path);
        } else {
            let content = bytes(entry.text.as_deref(), entry.b64.as_deref());
            self.write(&path, &content, entry.mode.as_deref());
        }
    }

    /// Writes a file under the next tick of the clock; its mode is the one given, else the one it has, else 644.
    fn write(&mut self, path: &Path, content: &[u8], octal: Option<&str>) {
        self.make_folder(path.parent().expect("a path in the context"));
        let is_new = !path.exists();
        fs::write(path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        match octal {
            Some(octal) => set_mode(path, mode(octal)),
            None if is_new => set_mode(path, 0o644),
            None => {}
        }
        let written = fs::canonicalize(path).expect("the file just written");
        self.stamp(&written);
    }

    fn stamp(&mut self, path: &Path) {
        self.clock += Duration::from_mins(1);
        set_mtime(path, self.clock);
    }

    /// Makes a folder and those above it, each 755 whatever the umask.
    fn make_folder(&self, path: &Path) {
        if !path.exists() {
            self.make_folder(path.parent().expect("the temporary folder exists"));
            fs::create_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            set_mode(path, 0o755);
        }
    }

    fn set_secret(&mut self, id: &str, text: &str) {
        let path = self.root.path().join("secrets").join(id);
        self.write(&path, text.as_bytes(), None);
        if !self.secrets.iter().any(|known| known == id) {
            self.secrets.push(id.to_owned());
        }
    }

    fn set_modes_under(&self, umask: u32) {
        for path in below(&self.context()).iter().filter(|path| !path.is_symlink()) {
            let whole =
                if path.is_dir() || fs::metadata(path).expect("an entry").mode() & 0o100 != 0 { 0o777 } else { 0o666 };
            set_mode(path, whole & !umask);
        }
    }
}

/// What this machine is to an engine that runs on it.
fn native_platform() -> String {
    match std::env::consts::ARCH {
        "x86_64" => "linux/amd64".to_owned(),
        "aarch64" => "linux/arm64".to_owned(),
        other => format!("linux/{other}"),
    }
}

/// Every entry below a folder, the folder itself left out.
pub(crate) fn below(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder that can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.is_symlink() {
            paths.extend(below(&path));
        }
        paths.push(path);
    }
    paths.sort();
    paths
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("another mode");
}

fn mtime(path: &Path) -> SystemTime {
    fs::symlink_metadata(path).expect("an entry").modified().expect("a modification time")
}

fn set_mtime(path: &Path, time: SystemTime) {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
    let time = Timespec {
        tv_sec: i64::try_from(since.as_secs()).expect("a time in this age"),
        tv_nsec: since.subsec_nanos().into(),
    };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("another time");
}

fn move_mtime(path: &Path) {
    set_mtime(path, mtime(path) + Duration::from_hours(1));
}

fn rewrite_keeping_mtime(path: &Path, content: &[u8], new_inode: bool) {
    let (time, mode) = (mtime(path), fs::metadata(path).expect("a file").permissions().mode());
    if new_inode {
        let beside = path.with_extension("new");
        fs::write(&beside, content).expect("a new file");
        fs::rename(&beside, path).expect("a new file in its place");
        set_mode(path, mode);
    } else {
        fs::write(path, content).expect("new bytes");
    }
    set_mtime(path, time);
}

fn remove(path: &Path) {
    let removed = if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn copy_with_times(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder that can be listed") {
        let (source, target) = {
            let entry = entry.expect("an entry");
            (entry.path(), to.join(entry.file_name()))
        };
        if source.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source).expect("a link"), &target).expect("a symlink");
        } else if source.is_dir() {
            fs::create_dir(&target).expect("a folder");
            set_mode(&target, fs::metadata(&source).expect("a folder").permissions().mode() & 0o7777);
            copy_with_times(&source, &target);
        } else {
            fs::copy(&source, &target).expect("a copy");
        }
        set_mtime(&target, mtime(&source));
    }
}
