//! `--since REV`: a git revision in the place of the recorded builds.
//!
//! In: small repositories in temporary folders, made and changed by the `git` program with no configuration but their
//! own. Out: what `explain` and `plan` say of them, and that nothing in them was touched.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::case::project::Answer;
use crate::case::report::Report;

mod boundaries;
mod comment;
mod examples;
mod folders;

pub(crate) const DOCKERFILE: &str =
    "FROM node:22\nWORKDIR /app\nCOPY package.json ./\nRUN npm ci\nCOPY src/ src/\nRUN make\n";

/// A folder for repositories and the program's state.
pub(crate) struct Place(pub(crate) TempDir);

/// A work tree.
pub(crate) struct Repo<'a> {
    place: &'a Place,
    pub(crate) top: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// An empty repository of that name.
    pub(crate) fn repo(&self, name: &str) -> Repo<'_> {
        let top = self.0.path().join(name);
        fs::create_dir(&top).expect("a folder");
        let repo = Repo { place: self, top };
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    /// A repository with one commit of [`DOCKERFILE`] and its files.
    pub(crate) fn small(&self) -> Repo<'_> {
        let repo = self.repo("app");
        repo.write("Dockerfile", DOCKERFILE);
        repo.write("package.json", "{}\n");
        repo.write("src/a.js", "a\n");
        repo.write("src/b.js", "b\n");
        repo.commit("first");
        repo
    }

    /// A clone, made under a umask.
    pub(crate) fn clone(&self, from: &Repo<'_>, name: &str, umask: &str, flags: &str) -> Repo<'_> {
        let top = self.0.path().join(name);
        let mut shell = Command::new("/bin/sh");
        let script = format!("umask {umask}; exec git clone -q {flags} \"file://$0\" \"$1\"");
        shell.args(["-c", &script]).arg(&from.top).arg(&top);
        run(with_identity(&mut shell));
        Repo { place: self, top }
    }
}

pub(crate) fn with_identity(command: &mut Command) -> &mut Command {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs([
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_SYSTEM", "/dev/null"),
        ("GIT_AUTHOR_NAME", "A"),
        ("GIT_AUTHOR_EMAIL", "a@example.com"),
        ("GIT_COMMITTER_NAME", "A"),
        ("GIT_COMMITTER_EMAIL", "a@example.com"),
        ("GIT_AUTHOR_DATE", "2020-01-02T03:04:05Z"),
        ("GIT_COMMITTER_DATE", "2020-01-02T03:04:05Z"),
        ("GIT_ALLOW_PROTOCOL", "file"),
    ])
}

fn run(command: &mut Command) -> Output {
    let output = command.output().expect("git starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

impl Repo<'_> {
    pub(crate) fn git(&self, words: &[&str]) -> String {
        let output = run(with_identity(Command::new("git").current_dir(&self.top).args(words)));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.top.join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).expect("a file");
    }

    /// The program on a context below the top, with a state folder that is not there yet.
    pub(crate) fn answer(&self, command: &str, context: &str, more: &[&str]) -> Answer {
        let mut program = Command::new(env!("CARGO_BIN_EXE_stageplan"));
        with_identity(&mut program).env("HOME", self.place.0.path()).current_dir(self.place.0.path());
        program.args(command.split(' ')).arg("--state-dir").arg(self.place.0.path().join("state"));
        program.args(more).arg(self.top.join(context));
        Answer::from(program.output().expect("the program starts"))
    }

    fn since(&self, revision: &str, more: &[&str]) -> Report {
        self.since_in("", revision, more)
    }

    fn since_in(&self, context: &str, revision: &str, more: &[&str]) -> Report {
        let words = [&["--format", "json", "--since", revision], more].concat();
        let answer = self.answer("explain", context, &words);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        answer.report()
    }

    /// The notes of the text answer.
    fn told(&self, revision: &str) -> String {
        self.answer("explain", "", &["--since", revision]).text()
    }
}

fn assert_all_hit(report: &Report) {
    let told: Vec<_> = report.instructions().map(|(_, step)| step.line_of_report()).collect();
    assert!(report.summary.hit > 0, "{told:?}");
    assert_eq!(report.summary.hit + count_none(report), told.len(), "{told:?}");
}

fn count_none(report: &Report) -> usize {
    report.instructions().filter(|(_, step)| step.status == "none").count()
}

/// The causes of a step as `kind path detail`.
fn causes(report: &Report, step: &str) -> Vec<String> {
    let causes = report.instruction(step).causes.iter();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    causes
        .map(|cause| format!("{} {} {}", cause.kind, text(&cause.path), text(&cause.detail)).trim().to_owned())
        .collect()
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn an_unchanged_clone_hits_without_any_record() {
    let place = Place::new();
    let repo = place.small();
    for (name, umask) in [("usual", "022"), ("group", "002"), ("private", "077")] {
        let clone = place.clone(&repo, name, umask, "");
        let report = clone.since("HEAD", &[]);
        assert_all_hit(&report);
        assert_eq!(report.baseline.kind, "git");
    }
}

#[test]
fn notes_stand_apart_from_the_steps() {
    let place = Place::new();
    let repo = place.small();
    repo.write("src/a.js", "edited\n");
    for command in ["explain", "plan"] {
        let told = repo.answer(command, "", &["--since", "HEAD"]).text();
        assert!(told.contains("\n\nnote: compared with commit "), "{told}");
    }
}

#[test]
fn another_umask_shows_against_a_recorded_build_only() {
    let place = Place::new();
    let repo = place.small();
    let clone = place.clone(&repo, "clone", "022", "");
    assert_eq!(clone.answer("record", "", &[]).code, Some(0));
    fs::remove_dir_all(&clone.top).expect("a folder");
    let clone = place.clone(&repo, "clone", "002", "");
    let report = clone.answer("explain", "", &["--format", "json"]).report();
    assert_eq!((report.status("COPY package.json"), report.status("COPY src")), ("miss", "miss"));
    let causes = report.instructions().flat_map(|(_, step)| &step.causes);
    for cause in causes.filter(|cause| cause.kind != "upstream") {
        assert_eq!(cause.detail.as_deref(), Some("mode"), "{} {:?}", cause.kind, cause.path);
    }
    assert_all_hit(&clone.since("HEAD", &[]));
    let told = |repo: &Repo<'_>| repo.answer("explain", "", &["--since", "HEAD"]).text();
    assert!(told(&clone).contains("made under umask 002"), "{}", told(&clone));
    assert!(!told(&place.clone(&repo, "usual", "022", "")).contains("umask"));
}

#[test]
fn an_edited_file_is_named_with_exactly_the_steps_that_run() {
    let place = Place::new();
    let repo = place.small();
    let id = repo.git(&["rev-parse", "HEAD"]);
    repo.write("src/a.js", "edited\n");
    let report = repo.since("HEAD", &[]);
    assert_eq!(causes(&report, "COPY src"), ["file-modified src/a.js content"]);
    assert_eq!((report.status("COPY package.json"), report.status("RUN npm ci")), ("hit", "hit"));
    assert_eq!((report.status("RUN make"), report.summary.miss), ("miss", 2));
    // A commit changes nothing of that, an edit taken back all.
    repo.commit("second");
    assert_eq!(causes(&repo.since(&id, &[]), "COPY src"), ["file-modified src/a.js content"]);
    assert_all_hit(&repo.since("HEAD", &[]));
    repo.write("src/a.js", "a\n");
    assert_all_hit(&repo.since(&id, &[]));
}

#[test]
fn the_baseline_is_the_commit_and_its_time() {
    let place = Place::new();
    let repo = place.small();
    let id = repo.git(&["rev-parse", "HEAD"]);
    for command in ["explain", "plan"] {
        let answer = repo.answer(command, "", &["--since", "main", "--format", "json"]);
        let json: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("JSON");
        let baseline = serde_json::json!({ "kind": "git", "id": id, "recorded_at": "2020-01-02T03:04:05Z" });
        assert_eq!(json["baseline"], baseline, "{command}");
    }
}

#[test]
fn it_replaces_the_records() {
    let place = Place::new();
    let repo = place.small();
    repo.write("src/a.js", "edited\n");
    assert_eq!(repo.answer("record", "", &[]).code, Some(0));
    assert_eq!(repo.since("HEAD", &[]).status("COPY src"), "miss");
    let recorded = repo.answer("explain", "", &["--format", "json"]).report();
    assert_all_hit(&recorded);
    repo.git(&["checkout", "-q", "."]);
    assert_all_hit(&repo.since("HEAD", &[]));
}

#[test]
fn files_come_and_go_with_their_folders() {
    let place = Place::new();
    let repo = place.small();
    repo.write("src/new/c.js", "c\n");
    repo.remove("src/b.js");
    repo.write("src/staged.js", "s\n");
    repo.git(&["add", "src/staged.js"]);
    let report = repo.since("HEAD", &[]);
    let mut told = causes(&report, "COPY src");
    told.sort();
    let expected =
        ["file-added src/new", "file-added src/new/c.js", "file-added src/staged.js", "file-removed src/b.js"];
    assert_eq!(told, expected);
}

#[test]
fn only_gits_executable_bit_is_a_mode() {
    let place = Place::new();
    let repo = place.small();
    chmod(&repo.path("src/a.js"), 0o600);
    chmod(&repo.path("src"), 0o700);
    assert_all_hit(&repo.since("HEAD", &[]));
    chmod(&repo.path("src/a.js"), 0o755);
    assert_eq!(causes(&repo.since("HEAD", &[]), "COPY src"), ["file-modified src/a.js mode"]);
    repo.git(&["add", "-A"]);
    assert_eq!(causes(&repo.since("HEAD", &[]), "COPY src"), ["file-modified src/a.js mode"]);
    repo.git(&["config", "core.fileMode", "false"]);
    repo.git(&["reset", "-q"]);
    assert_all_hit(&repo.since("HEAD", &[]));
}

#[test]
fn a_filter_that_alters_bytes_alters_nothing() {
    let place = Place::new();
    let repo = place.small();
    repo.git(&["config", "core.autocrlf", "true"]);
    for name in ["Dockerfile", "package.json", "src/a.js", "src/b.js"] {
        repo.remove(name);
    }
    repo.git(&["checkout", "-q", "."]);
    assert_eq!(fs::read(repo.path("src/a.js")).expect("a file"), b"a\r\n");
    assert_all_hit(&repo.since("HEAD", &[]));
    chmod(&repo.path("src/b.js"), 0o755);
    assert_eq!(causes(&repo.since("HEAD", &[]), "COPY src"), ["file-modified src/b.js mode"]);
    chmod(&repo.path("src/b.js"), 0o644);
    repo.write("src/a.js", "edited\r\n");
    assert_eq!(causes(&repo.since("HEAD", &[]), "COPY src"), ["file-modified src/a.js content"]);
    // The Dockerfile of the revision is read as this machine would check it out.
    repo.git(&["checkout", "-q", "."]);
    let text = fs::read_to_string(repo.path("Dockerfile")).expect("a Dockerfile");
    repo.write("Dockerfile", &text.replace("RUN make", "RUN make all"));
    let report = repo.since("HEAD", &[]);
    assert_eq!((report.status("COPY src"), report.summary.miss), ("hit", 1));
    assert!(report.instruction("RUN make all").has_cause("instruction-edited"));
}

#[test]
fn a_large_file_is_told_by_its_pointer() {
    let place = Place::new();
    let repo = place.repo("app");
    let pointer =
        |digit: &str| format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 9\n", digit.repeat(64));
    repo.write("Dockerfile", "FROM scratch\nCOPY data.bin /\n");
    repo.write("data.bin", &pointer("1"));
    let first = repo.commit("first");
    repo.write("data.bin", &pointer("2"));
    repo.commit("second");
    // From here on a filter stands in for git-lfs: it keeps pointers in git and content in the work tree.
    repo.write("../clean", &format!("#!/bin/sh\ncat >/dev/null\nprintf '{}'\n", pointer("2").replace('\n', "\\n")));
    chmod(&repo.path("../clean"), 0o755);
    repo.git(&["config", "filter.lfs.clean", &repo.path("../clean").to_string_lossy()]);
    repo.git(&["config", "filter.lfs.smudge", "false"]);
    repo.write(".git/info/attributes", "*.bin filter=lfs\n");
    repo.write("data.bin", "the bytes");
    // Also while the index still has the pointer's size, so that git has to ask the filter.
    assert_all_hit(&repo.since("HEAD", &[]));
    repo.git(&["add", "data.bin"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_all_hit(&repo.since("HEAD", &[]));
    assert_eq!(causes(&repo.since(&first, &[]), "COPY data.bin"), ["file-modified data.bin content"]);
}

#[test]
fn what_git_ignores_is_unchanged_and_counted() {
    let place = Place::new();
    let repo = place.repo("app");
    repo.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    repo.write(".gitignore", "out/\n*.log\n");
    repo.write(".dockerignore", ".git\n");
    repo.commit("first");
    assert!(!repo.told("HEAD").contains("unchanged"));
    repo.write("out/a", "a\n");
    repo.write("out/b", "b\n");
    repo.write("x.log", "x\n");
    assert_all_hit(&repo.since("HEAD", &[]));
    let told = repo.told("HEAD");
    assert!(told.contains("note: 3 files that git ignores or keeps in `.git` are taken as unchanged"), "{told}");
    repo.write("new", "x\n");
    assert_eq!(causes(&repo.since("HEAD", &[]), "COPY . /"), ["file-added new"]);
}

#[test]
fn the_older_ignore_file_decides_what_was_there() {
    let place = Place::new();
    let repo = place.repo("app");
    repo.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    repo.write(".dockerignore", ".git\n.dockerignore\nDockerfile\n*.md\n");
    repo.write("a.md", "a\n");
    repo.write("docs/b.md", "b\n");
    repo.write("c.txt", "c\n");
    repo.commit("first");
    repo.write(".dockerignore", ".git\n.dockerignore\nDockerfile\n*.txt\n");
    let mut told = causes(&repo.since("HEAD", &[]), "COPY . /");
    told.sort();
    assert_eq!(told, ["file-added a.md ignorefile", "file-removed c.txt ignorefile", "ignorefile-changed"]);
    // Of a folder that is gone, the build was sent the folder but not the file that is ignored.
    repo.git(&["checkout", "-q", "."]);
    repo.write(".dockerignore", ".git\n.dockerignore\nDockerfile\n**/*.md\n");
    repo.commit("second");
    fs::remove_dir_all(repo.path("docs")).expect("a folder");
    assert_eq!(causes(&repo.since("HEAD", &[]), "COPY . /"), ["file-removed docs"]);
}

#[test]
fn links_are_taken_back_with_what_they_led_to() {
    let place = Place::new();
    let repo = place.repo("app");
    repo.write("Dockerfile", "FROM scratch\nCOPY link/ /\n");
    repo.write("one/a", "a\n");
    repo.write("two/b", "b\n");
    symlink("one", repo.path("link")).expect("a link");
    repo.commit("first");
    assert_all_hit(&repo.since("HEAD", &[]));
    repo.remove("link");
    symlink("two", repo.path("link")).expect("a link");
    let report = repo.since("HEAD", &[]);
    assert_eq!(report.status("COPY link"), "miss");
    assert!(report.instruction("COPY link").causes.iter().all(|cause| cause.kind != "source-missing"));
    repo.remove("link");
    repo.write("link/a", "a\n");
    assert_all_hit(&repo.since("HEAD", &[]));
}

#[test]
fn a_file_that_git_stopped_tracking_is_compared() {
    let place = Place::new();
    let repo = place.small();
    repo.git(&["rm", "-q", "--cached", "src/a.js"]);
    assert_all_hit(&repo.since("HEAD", &[]));
    repo.write("src/a.js", "edited\n");
    assert_eq!(causes(&repo.since("HEAD", &[]), "COPY src"), ["file-modified src/a.js content"]);
}
