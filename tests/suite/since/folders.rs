//! Folders without files: git keeps none of them, but a build sends them, and a new one is a difference.

use std::fs;

use super::{Place, Repo, assert_all_hit, causes};

/// A repository whose whole tree is copied, save what an ignore file leaves out.
fn copied_whole<'a>(place: &'a Place, ignorefile: &str) -> Repo<'a> {
    let repo = place.repo("app");
    repo.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    repo.write(".dockerignore", &format!(".git\n{ignorefile}"));
    repo.write(".gitignore", "out/\n*.log\n");
    repo.write("src/a.js", "a\n");
    repo.commit("first");
    repo
}

fn make(repo: &Repo<'_>, folder: &str) {
    fs::create_dir_all(repo.path(folder)).expect("a folder");
}

#[test]
fn an_empty_folder_was_not_there() {
    let place = Place::new();
    let repo = copied_whole(&place, "");
    make(&repo, "new/deep");
    let report = repo.since("HEAD", &[]);
    assert_eq!(report.status("COPY ."), "miss");
    assert_eq!(causes(&report, "COPY ."), ["file-added new", "file-added new/deep"]);
    assert!(repo.told("HEAD").contains("new/deep is new"), "{}", repo.told("HEAD"));
}

#[test]
fn a_folder_whose_files_are_gone_was_there() {
    let place = Place::new();
    let repo = copied_whole(&place, "**/*.css\n");
    repo.write("style/a.css", "a\n");
    repo.commit("second");
    repo.remove("style/a.css");
    assert_all_hit(&repo.since("HEAD", &[]));
    assert_eq!(causes(&repo.since("HEAD~1", &[]), "COPY ."), ["file-added style"]);
}

#[test]
fn an_empty_folder_that_no_step_reads_is_no_difference() {
    let place = Place::new();
    let repo = copied_whole(&place, "tmp\n");
    make(&repo, "tmp/deep");
    assert_all_hit(&repo.since("HEAD", &[]));
    repo.write("Dockerfile", "FROM scratch\nCOPY src /\n");
    repo.commit("second");
    make(&repo, "elsewhere");
    assert_all_hit(&repo.since("HEAD", &[]));
}

#[test]
fn a_folder_of_what_git_ignores_is_unchanged_and_counted() {
    let place = Place::new();
    let repo = copied_whole(&place, "**/*.log\n");
    make(&repo, "out");
    make(&repo, "src/out/deep");
    repo.write("logs/a.log", "left out by both ignore files\n");
    repo.write("more/b.log", "left out by both ignore files\n");
    assert_all_hit(&repo.since("HEAD", &[]));
    let told = repo.told("HEAD");
    assert!(told.contains("note: 5 folders that hold nothing or only what git ignores"), "{told}");
    repo.write("more/b.js", "a file that is new beside one that git ignores\n");
    assert_eq!(causes(&repo.since("HEAD", &[]), "COPY ."), ["file-added more/b.js"]);
}

#[test]
fn an_empty_folder_in_a_submodule_was_not_there() {
    let place = Place::new();
    let library = place.repo("library");
    library.write("x.c", "one\n");
    library.write("deep/y.h", "one\n");
    library.commit("first");
    let repo = copied_whole(&place, "**/*.h\n");
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "-q", "add", "../library", "lib"]);
    repo.commit("second");
    assert_all_hit(&repo.since("HEAD", &[]));
    make(&repo, "lib/new");
    assert_eq!(causes(&repo.since("HEAD", &[]), "COPY ."), ["file-added lib/new"]);
    repo.write("lib/x.c", "edited\n");
    assert_eq!(causes(&repo.since("HEAD", &[]), "COPY ."), ["file-added lib/new", "file-modified lib/x.c content"]);
}
