//! Where repositories, contexts and Dockerfiles do not lie as usual, and what is refused.

use std::fs;
use std::process::Command;

use super::{DOCKERFILE, Place, assert_all_hit, causes, with_identity};
use crate::case::project::{Answer, below};

fn assert_refused(answer: &Answer, words: &str) {
    assert_eq!(answer.code, Some(2), "{}", answer.text());
    assert!(answer.stdout.is_empty() && answer.stderr.contains(words), "{}", answer.stderr);
    assert_eq!(answer.stderr.lines().filter(|line| line.starts_with("hint:")).count(), 1, "{}", answer.stderr);
}

#[test]
fn a_context_in_a_subfolder_sees_only_its_own_files() {
    let place = Place::new();
    let repo = place.repo("mono");
    for app in ["app", "other"] {
        repo.write(&format!("services/{app}/Dockerfile"), DOCKERFILE);
        repo.write(&format!("services/{app}/package.json"), "{}\n");
        repo.write(&format!("services/{app}/src/a.js"), "a\n");
    }
    repo.commit("first");
    repo.write("services/other/src/a.js", "edited\n");
    repo.write("README", "new\n");
    assert_all_hit(&repo.since_in("services/app", "HEAD", &[]));
    repo.write("services/app/src/a.js", "edited\n");
    let report = repo.since_in("services/app", "HEAD", &[]);
    assert_eq!(causes(&report, "COPY src"), ["file-modified src/a.js content"]);
}

#[test]
fn a_target_that_is_named_later_is_compared_with_the_last_stage() {
    let place = Place::new();
    let repo = place.small();
    repo.write("Dockerfile", &DOCKERFILE.replace("FROM node:22\n", "FROM node:22 AS two\n"));
    let answer = repo.answer("explain", "", &["--since", "HEAD", "--target", "two"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(answer.text().contains("has no stage `two`"), "{}", answer.text());
    assert_all_hit(&repo.since("HEAD", &["--target", "two"]));
}

#[test]
fn a_shallow_clone_answers_as_far_as_it_goes() {
    let place = Place::new();
    let repo = place.small();
    let first = repo.git(&["rev-parse", "HEAD"]);
    repo.write("src/a.js", "second\n");
    repo.commit("second");
    let clone = place.clone(&repo, "shallow", "022", "--depth 1");
    assert_all_hit(&clone.since("HEAD", &[]));
    clone.write("src/a.js", "edited\n");
    assert_eq!(causes(&clone.since("HEAD", &[]), "COPY src"), ["file-modified src/a.js content"]);
    let answer = clone.answer("explain", "", &["--since", &first]);
    assert_refused(&answer, "in this shallow clone");
    assert!(answer.stderr.contains("git fetch --unshallow"), "{}", answer.stderr);
    let answer = clone.answer("explain", "", &["--since", "HEAD~1"]);
    assert_refused(&answer, "there is no git revision `HEAD~1` in this shallow clone");
    for mistyped in ["HAED", "HAED~1", "mian", "v1.0", "~1"] {
        let answer = clone.answer("explain", "", &["--since", mistyped]);
        assert_refused(&answer, &format!("there is no git revision `{mistyped}`\n"));
        assert!(!answer.stderr.contains("unshallow"), "more history helps nobody: {}", answer.stderr);
        assert!(answer.stderr.contains("git fetch origin NAME"), "{}", answer.stderr);
    }
}

#[test]
fn what_a_partial_clone_lacks_is_only_known_to_differ() {
    let place = Place::new();
    let repo = place.small();
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    repo.write("src/a.js", "second\n");
    repo.commit("second");
    let clone = place.clone(&repo, "partial", "022", "--filter=blob:none");
    // The server is gone: what is not in the clone cannot come.
    fs::remove_dir_all(&repo.top).expect("a folder");
    assert_all_hit(&clone.since("HEAD", &[]));
    assert_eq!(causes(&clone.since("HEAD~1", &[]), "COPY src"), ["file-modified src/a.js content"]);
}

#[test]
fn the_repository_is_that_of_the_context() {
    let place = Place::new();
    let repo = place.small();
    repo.write("src/a.js", "edited\n");
    let mut program = Command::new(env!("CARGO_BIN_EXE_stageplan"));
    with_identity(&mut program).env("HOME", place.0.path()).current_dir(place.0.path());
    program.envs([("GIT_DIR", "elsewhere"), ("GIT_INDEX_FILE", "elsewhere/index"), ("GIT_WORK_TREE", "/")]);
    program.args(["explain", "--format", "json", "--since", "HEAD"]).arg(&repo.top);
    let answer = Answer::from(program.output().expect("the program starts"));
    assert_eq!(causes(&answer.report(), "COPY src"), ["file-modified src/a.js content"]);
}

#[test]
fn a_submodule_is_compared_by_its_own_commits() {
    let place = Place::new();
    let library = place.repo("library");
    library.write("x.c", "one\n");
    library.commit("first");
    let repo = place.repo("app");
    repo.write("Dockerfile", "FROM scratch\nCOPY lib/ /lib/\n");
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "-q", "add", "../library", "lib"]);
    repo.commit("first");
    assert_all_hit(&repo.since("HEAD", &[]));
    repo.write("lib/x.c", "two\n");
    assert_eq!(causes(&repo.since("HEAD", &[]), "COPY lib"), ["file-modified lib/x.c content"]);
    repo.git(&["-C", "lib", "commit", "-q", "-a", "-m", "second"]);
    repo.write("lib/new.c", "new\n");
    let expected = ["file-added lib/new.c", "file-modified lib/x.c content"];
    assert_eq!(causes(&repo.since("HEAD", &[]), "COPY lib"), expected);
    repo.commit("second");
    assert_eq!(causes(&repo.since("HEAD~1", &[]), "COPY lib"), expected);
    // Without the older commit, nothing is known of the files.
    fs::remove_dir_all(repo.path("lib")).expect("a folder");
    fs::create_dir(repo.path("lib")).expect("a folder");
    repo.git(&["-C", "lib", "init", "-q"]);
    repo.write("lib/x.c", "two\n");
    repo.git(&["-C", "lib", "add", "-A"]);
    repo.git(&["-C", "lib", "commit", "-q", "-m", "unrelated"]);
    assert_eq!(causes(&repo.since("HEAD~1", &[]), "COPY lib"), ["file-modified lib/x.c content"]);
    assert!(repo.told("HEAD~1").contains("the submodule `lib` does not hold its older commit"));
}

#[test]
fn a_submodule_that_was_never_checked_out_is_unchanged() {
    let place = Place::new();
    let library = place.repo("library");
    library.write("x.c", "one\n");
    library.commit("first");
    let repo = place.repo("app");
    repo.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    repo.write(".dockerignore", ".git\n");
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "-q", "add", "../library", "lib"]);
    repo.commit("first");
    assert_all_hit(&place.clone(&repo, "clone", "022", "").since("HEAD", &[]));
}

#[test]
fn a_renamed_dockerfile_is_found() {
    let place = Place::new();
    let repo = place.small();
    fs::create_dir(repo.path("docker")).expect("a folder");
    fs::rename(repo.path("Dockerfile"), repo.path("docker/prod.Dockerfile")).expect("a file");
    let file = repo.path("docker/prod.Dockerfile");
    let words = ["--file", file.to_str().expect("UTF-8")];
    assert_all_hit(&repo.since("HEAD", &words));
    repo.git(&["add", "-A"]);
    repo.write("docker/prod.Dockerfile", &DOCKERFILE.replace("npm ci", "npm install"));
    let report = repo.since("HEAD", &words);
    assert!(report.instruction("RUN npm install").has_cause("instruction-edited"));
    assert_eq!(report.status("COPY package.json"), "hit");
    let told = repo.answer("explain", "", &[&words[..], &["--since", "HEAD"]].concat()).text();
    assert!(told.contains("note: the Dockerfile was `Dockerfile` then"), "{told}");
}

#[test]
fn a_revision_without_a_dockerfile_is_refused() {
    let place = Place::new();
    let repo = place.repo("app");
    repo.write("README", "hello\n");
    let first = repo.commit("first");
    repo.write("Dockerfile", DOCKERFILE);
    for command in ["explain", "plan"] {
        let words = ["--since", first.as_str()];
        assert_refused(&repo.answer(command, "", &words), &format!("revision `{first}` has no `Dockerfile`"));
    }
}

#[test]
fn a_dockerfile_that_buildkit_refused_then_is_refused() {
    let place = Place::new();
    let repo = place.small();
    repo.write("Dockerfile", "FROM scratch\nCOPPY a b\n");
    repo.commit("broken");
    repo.write("Dockerfile", DOCKERFILE);
    let answer = repo.answer("explain", "", &["--since", "HEAD"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("at HEAD`: dockerfile parse error on line 2: "), "{}", answer.stderr);
}

#[test]
fn what_git_cannot_name_is_refused() {
    let place = Place::new();
    let repo = place.small();
    for revision in ["nowhere", "HEAD:src", "HEAD..HEAD", "", "HEAD~7"] {
        let words = format!("there is no git revision `{revision}`");
        assert_refused(&repo.answer("explain", "", &["--since", revision]), &words);
    }
    assert_refused(&repo.answer("explain", "", &["--since=--all"]), "there is no git revision `--all`");
    fs::remove_dir_all(repo.path(".git")).expect("a folder");
    assert_refused(&repo.answer("plan", "", &["--since", "HEAD"]), "is not in a git repository");
}

#[test]
fn without_git_the_program_says_so() {
    let place = Place::new();
    let repo = place.small();
    let mut program = Command::new(env!("CARGO_BIN_EXE_stageplan"));
    with_identity(&mut program).env("PATH", place.0.path()).env("HOME", place.0.path());
    let answer = program.args(["explain", "--since", "HEAD"]).arg(&repo.top).output().expect("the program starts");
    assert_refused(&Answer::from(answer), "cannot run `git`: it is not installed");
}

#[test]
fn nothing_in_the_repository_is_touched() {
    let place = Place::new();
    let repo = place.small();
    // The same bytes with another time: git would note that in its index.
    repo.write("src/a.js", "a\n");
    repo.write("src/b.js", "edited\n");
    let look = || -> Vec<_> {
        let entry = |path: &std::path::PathBuf| {
            let data = path.symlink_metadata().expect("an entry");
            (path.clone(), data.modified().expect("a time"), data.len())
        };
        below(&repo.top).iter().map(entry).collect()
    };
    let before = look();
    repo.since("HEAD", &[]);
    repo.answer("plan", "", &["--since", "HEAD"]);
    assert_eq!(look(), before);
}

#[test]
fn the_users_settings_do_not_reach_the_answer() {
    let place = Place::new();
    let repo = place.small();
    for (name, value) in [
        ("color.ui", "always"),
        ("core.pager", "false"),
        ("diff.relative", "true"),
        ("diff.noprefix", "true"),
        ("diff.renames", "copies"),
        ("diff.external", "false"),
        ("status.short", "true"),
        ("status.branch", "true"),
        ("status.showUntrackedFiles", "no"),
        ("log.showSignature", "true"),
    ] {
        repo.git(&["config", name, value]);
    }
    repo.write("src/new.js", "n\n");
    let report = repo.since("HEAD", &[]);
    assert_eq!(causes(&report, "COPY src"), ["file-added src/new.js"]);
    assert_eq!(report.summary.miss, 2);
}

#[test]
fn a_conflict_is_compared_with_the_revision() {
    let place = Place::new();
    let repo = place.small();
    repo.git(&["checkout", "-q", "-b", "other"]);
    repo.write("src/a.js", "other\n");
    repo.commit("other");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("src/a.js", "main\n");
    repo.commit("main");
    let merge = with_identity(Command::new("git").current_dir(&repo.top).args(["merge", "other"])).status();
    assert!(!merge.expect("git starts").success());
    assert_eq!(causes(&repo.since("HEAD", &[]), "COPY src"), ["file-modified src/a.js content"]);
    repo.write("src/a.js", "other\n");
    assert_all_hit(&repo.since("other", &[]));
}
