//! Where repositories, contexts and files do not lie as usual, and what cannot be replayed.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{replayed, replayed_in, with_dockerfile};
use crate::case::project::{Answer, below};
use crate::since::{DOCKERFILE, Place, Repo, chmod, with_identity};

fn assert_refused(answer: &Answer, words: &str, hint: &str) {
    assert_eq!(answer.code, Some(2), "{}", answer.text());
    assert!(answer.stdout.is_empty() && answer.stderr.contains(words), "{}", answer.stderr);
    let hints: Vec<&str> = answer.stderr.lines().filter(|line| line.starts_with("hint:")).collect();
    assert!(hints.len() == 1 && hints[0].contains(hint), "{}", answer.stderr);
}

fn refused(repo: &Repo<'_>, words: &str, hint: &str) {
    assert_refused(&repo.answer("history commits", "", &[]), words, hint);
}

#[test]
fn a_context_in_a_subfolder_has_the_history_of_its_own_files() {
    let place = Place::new();
    let repo = place.repo("mono");
    repo.write("app/Dockerfile", "FROM scratch\nCOPY src /src\n");
    repo.write("app/src/a", "1\n");
    repo.write("README", "1\n");
    repo.commit("first");
    repo.write("README", "2\n");
    repo.commit("beside");
    repo.write("app/src/a", "2\n");
    repo.commit("inside");
    repo.write("app/other", "not read\n");
    repo.commit("inside, and read by nobody");
    let replayed = replayed_in(&repo, "app", &[]);
    assert_eq!(replayed.missed(), ["0:2", ""]);
    assert_eq!((replayed.summary.idle, replayed.files[0].path.as_str()), (1, "src/a"));
}

#[test]
fn a_named_context_of_the_same_repository_has_its_history_too() {
    let place = Place::new();
    let repo = place.repo("mono");
    repo.write("app/Dockerfile", "FROM scratch\nCOPY a /\nCOPY --from=lib . /lib\nCOPY --from=far . /far\n");
    repo.write("app/a", "1\n");
    repo.write("lib/x.c", "1\n");
    repo.write("lib/notes.md", "1\n");
    repo.write("lib/.dockerignore", "*.md\n");
    fs::create_dir(place.0.path().join("far")).expect("a folder");
    repo.commit("first");
    repo.write("lib/x.c", "2\n");
    repo.commit("of the library");
    repo.write("lib/notes.md", "2\n");
    repo.commit("ignored there");
    repo.write("app/a", "2\n");
    repo.commit("of the main context");
    let (lib, far) = (format!("lib={}", repo.path("lib").display()), format!("far={}/far", place.0.path().display()));
    let replayed = replayed_in(&repo, "app", &["--build-context", &lib, "--build-context", &far]);
    assert_eq!(replayed.missed(), ["0:3 0:4", "", "0:2 0:3 0:4"]);
    let files: Vec<_> = replayed.files.iter().map(|file| (file.context.as_str(), file.path.as_str())).collect();
    assert!(files.contains(&("lib", "x.c")) && files.contains(&("context", "a")), "{files:?}");
    assert!(replayed.notes.iter().any(|note| note.contains("far` is in no commit")), "{:?}", replayed.notes);
}

#[test]
fn a_submodule_is_what_its_commit_says() {
    let place = Place::new();
    let library = place.repo("library");
    library.write("x/x.c", "one\n");
    library.commit("first");
    let repo = with_dockerfile(&place, "FROM scratch\nCOPY lib/x /lib\nCOPY a /\n");
    repo.write("a", "1\n");
    repo.commit("first");
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "-q", "add", "../library", "lib"]);
    repo.commit("with the library");
    repo.write("a", "2\n");
    repo.commit("beside");
    repo.write("lib/x/x.c", "two\n");
    repo.git(&["-C", "lib", "commit", "-q", "-a", "-m", "second"]);
    repo.commit("newer library");
    let replayed = replayed(&repo);
    assert_eq!(replayed.missed(), ["0:2 0:3", "0:3", "0:2 0:3"]);
    // Not checked out, it holds nothing at any commit.
    repo.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    repo.git(&["submodule", "-q", "deinit", "-f", "lib"]);
    let missed = super::replayed(&repo).missed();
    assert_eq!(missed[1..], ["0:2", ""]);
}

#[test]
fn links_and_renamed_folders_are_followed() {
    let place = Place::new();
    let repo = with_dockerfile(&place, "FROM scratch\nCOPY link/ /linked\nCOPY src /src\n");
    for path in ["one/a", "two/a", "src/deep/b"] {
        repo.write(path, "1\n");
    }
    symlink("one", repo.path("link")).expect("a link");
    repo.commit("first");
    repo.remove("link");
    symlink("two", repo.path("link")).expect("a link");
    repo.commit("to the same files");
    repo.write("two/a", "2\n");
    repo.commit("behind the link");
    repo.git(&["mv", "src/deep", "src/moved"]);
    repo.commit("renamed");
    repo.git(&["mv", "src/moved", "src/deep"]);
    repo.commit("and back");
    let replayed = replayed(&repo);
    assert_eq!(replayed.missed(), ["", "0:2 0:3", "0:3", ""]);
    assert_eq!(replayed.files[0].path, "two/a");
}

#[test]
fn a_merge_is_one_commit_of_its_branch() {
    let place = Place::new();
    let repo = with_dockerfile(&place, "FROM scratch\nCOPY a /\nCOPY b /\nCOPY run /\n");
    for path in ["a", "b", "run"] {
        repo.write(path, "1\n");
    }
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "side"]);
    for text in ["2\n", "3\n"] {
        repo.write("a", text);
        repo.commit("aside");
    }
    repo.git(&["checkout", "-q", "main"]);
    repo.write("b", "2\n");
    repo.commit("meanwhile");
    repo.git(&["merge", "-q", "--no-ff", "-m", "both", "side"]);
    chmod(&repo.path("run"), 0o755);
    repo.commit("executable");
    repo.git(&["commit", "-q", "--allow-empty", "-m", "nothing"]);
    let replayed = replayed(&repo);
    assert_eq!(replayed.missed(), ["0:3 0:4", "0:2 0:3 0:4", "0:4"]);
    assert_eq!(replayed.commits[1].subject, "both");
}

#[test]
fn names_may_hold_anything() {
    let place = Place::new();
    let repo = with_dockerfile(&place, "FROM scratch\nCOPY src /src\n");
    repo.write("src/plain", "1\n");
    repo.commit("first");
    let odd = [&b"src/new\nline"[..], b"src/\xff\xfe", b"src/:100644 x", b"src/\x1b[31m"];
    for name in odd {
        fs::write(repo.path("").join(Path::new(std::ffi::OsStr::from_bytes(name))), "1\n").expect("a file");
        repo.commit("a :100644 subject \u{1b}[31m");
    }
    let replayed = replayed(&repo);
    assert_eq!(replayed.missed(), ["0:2", "0:2", "0:2", "0:2"]);
    let bytes: Vec<_> = replayed.files.iter().filter_map(|file| file.path_b64.as_deref()).collect();
    assert_eq!(bytes, ["c3JjL//+"]);
    let told = repo.answer("history commits", "", &["--verbose"]).text();
    assert!(told.contains("src/new\\nline") && told.contains("src/\\xff\\xfe"), "{told}");
    assert!(!told.contains('\u{1b}') && !told.contains("src/new\n"), "{told}");
}

#[test]
fn what_git_does_not_know_was_there_all_the_time() {
    let place = Place::new();
    let repo = with_dockerfile(&place, "FROM scratch\nCOPY dist /dist\nCOPY a /\n");
    repo.write("a", "1\n");
    repo.write("dist/old", "committed by mistake\n");
    repo.commit("first");
    repo.write("a", "2\n");
    repo.commit("second");
    repo.git(&["rm", "-q", "--cached", "dist/old"]);
    repo.write(".gitignore", "dist\n");
    repo.commit("dist is made");
    repo.write("dist/made", "made here\n");
    repo.write("a", "3\n");
    repo.commit("third");
    let replayed = replayed(&repo);
    assert_eq!((replayed.missed().join(", "), replayed.summary.failing), ("0:3, , 0:3".to_owned(), 0));
    assert!(replayed.notes.iter().any(|note| note.starts_with("2 files that git ignores")), "{:?}", replayed.notes);
}

#[test]
fn what_git_keeps_for_itself_changes_with_every_commit() {
    let place = Place::new();
    let repo = place.repo("app");
    repo.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    for text in ["1\n", "2\n", "1\n"] {
        repo.write("a", text);
        repo.commit(text);
    }
    let with_git = replayed(&repo);
    assert_eq!(with_git.missed(), ["0:2", "0:2"]);
    assert!(with_git.files.iter().any(|file| file.path == ".git" && file.folder), "{:?}", with_git.files);
    assert!(with_git.notes.iter().any(|note| note.contains("a line `.git` in .dockerignore")), "{:?}", with_git.notes);
    repo.write(".dockerignore", ".git\n.dockerignore\n");
    let without = replayed(&repo);
    assert_eq!(without.missed(), ["0:2", ""]);
}

#[test]
fn folders_that_hold_only_what_is_ignored_come_and_go() {
    let place = Place::new();
    let repo = with_dockerfile(&place, "FROM scratch\nCOPY . /\n");
    repo.write(".dockerignore", ".git\nDockerfile\n.dockerignore\n**/*.md\n");
    repo.write("a", "1\n");
    repo.write("docs/x.md", "1\n");
    repo.write("docs/y.md", "1\n");
    repo.commit("first");
    repo.write("docs/x.md", "2\n");
    repo.commit("ignored");
    repo.git(&["rm", "-q", "docs/x.md"]);
    repo.commit("the folder stays");
    repo.git(&["rm", "-q", "docs/y.md"]);
    repo.commit("the folder goes");
    assert_eq!(replayed(&repo).missed(), ["", "", "0:2"]);
}

#[test]
fn a_shallow_clone_says_how_many_commits_it_holds() {
    let place = Place::new();
    let repo = place.small();
    for text in ["2\n", "3\n", "4\n"] {
        repo.write("src/a.js", text);
        repo.commit(text);
    }
    assert_eq!(replayed(&repo).commits.len(), 3);
    let clone = place.clone(&repo, "shallow", "022", "--depth 3");
    let cut = replayed(&clone);
    assert_eq!((cut.commits.len(), cut.summary.shallow), (2, true));
    assert!(clone.answer("history commits", "", &[]).text().contains("holds no more than 2 commits"));
    let few = replayed_in(&clone, "", &["--commits", "1"]);
    assert_eq!((few.commits.len(), few.summary.shallow), (1, false));
    refused(&place.clone(&repo, "one", "022", "--depth 1"), "this shallow clone holds one commit", "--unshallow");
}

#[test]
fn where_there_is_no_history_the_program_says_so() {
    let place = Place::new();
    let repo = place.repo("app");
    repo.write("Dockerfile", DOCKERFILE);
    refused(&repo, "there is no commit in this repository", "commit the project first");
    repo.write("package.json", "{}\n");
    repo.commit("first");
    refused(&repo, "one commit touches the build context", "plan --changed");
    repo.write("empty/Dockerfile", DOCKERFILE);
    assert_refused(
        &repo.answer("history commits", "empty", &[]),
        "no commit touches the build context",
        "commit its files",
    );
    let answer = repo.answer("history commits", "", &["--commits", "0"]);
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    fs::remove_dir_all(repo.path(".git")).expect("a folder");
    refused(&repo, "is not in a git repository", "`stageplan history` lists recorded builds");
    let mut program = Command::new(env!("CARGO_BIN_EXE_stageplan"));
    with_identity(&mut program).env("PATH", place.0.path()).env("HOME", place.0.path());
    let answer = program.args(["history", "commits"]).arg(&repo.top).output().expect("the program starts");
    assert_refused(&Answer::from(answer), "cannot run `git`", "install git");
}

#[test]
fn a_frontend_that_nobody_knows_is_not_replayed() {
    let place = Place::new();
    let repo = place.small();
    repo.write("src/a.js", "2\n");
    repo.commit("second");
    repo.write("Dockerfile", &format!("# syntax=example/other:1\n{DOCKERFILE}"));
    refused(&repo, "nothing is known of the frontend", "# syntax=");
}

#[test]
fn the_users_settings_do_not_reach_the_answer_and_nothing_is_touched() {
    let place = Place::new();
    let repo = place.small();
    repo.write("src/a.js", "2\n");
    repo.commit("second");
    fs::rename(repo.path("src"), repo.path("lib")).expect("a folder");
    repo.commit("renamed");
    let before = replayed(&repo).missed();
    for (name, value) in [
        ("color.ui", "always"),
        ("core.pager", "false"),
        ("diff.relative", "true"),
        ("diff.renames", "copies"),
        ("diff.external", "false"),
        ("diff.noprefix", "true"),
        ("log.showSignature", "true"),
        ("log.decorate", "full"),
        ("log.abbrevCommit", "true"),
        ("log.follow", "true"),
        ("log.diffMerges", "off"),
        ("format.pretty", "oneline"),
    ] {
        repo.git(&["config", name, value]);
    }
    let look = || -> Vec<_> {
        let entry = |path: &std::path::PathBuf| {
            let data = path.symlink_metadata().expect("an entry");
            (path.clone(), data.modified().expect("a time"), data.len())
        };
        below(&repo.top).iter().map(entry).collect()
    };
    let untouched = look();
    let after = replayed(&repo);
    assert_eq!(after.missed(), before);
    // Today's Dockerfile wants a folder that the last commit took away.
    assert!(
        after.summary.failing == 1 && after.commits[1].missing.as_deref().is_some_and(|path| path.starts_with("/src"))
    );
    assert_eq!(look(), untouched);
    let listed = repo.answer("history", "", &[]).text();
    assert!(listed.contains("no build is recorded"), "{listed}");
}
