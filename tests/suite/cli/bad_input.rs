//! Input that cannot be answered is refused with exit 2, before anything is recorded; input that is only odd is answered.

use std::os::unix::fs::PermissionsExt;

use super::{DOCKERFILE, assert_all_refuse, assert_refused, edit, project, recorded, small_project};

#[test]
fn a_missing_dockerfile_is_refused() {
    let project = small_project();
    std::fs::remove_file(project.dockerfile()).expect("a Dockerfile");
    assert_all_refuse(&project, "Dockerfile");
}

#[test]
fn a_dockerfile_that_cannot_be_read_is_refused() {
    let project = small_project();
    std::fs::remove_file(project.dockerfile()).expect("a Dockerfile");
    std::fs::create_dir(project.dockerfile()).expect("a folder in its place");
    assert_all_refuse(&project, "Dockerfile");
}

#[test]
fn a_dockerfile_without_read_permission_is_refused_or_read_by_root() {
    let project = small_project();
    let none = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(project.dockerfile(), none).expect("another mode");
    if std::fs::File::open(project.dockerfile()).is_ok() {
        assert_eq!(project.record().code, Some(0));
    } else {
        assert_all_refuse(&project, "Dockerfile");
    }
}

#[test]
fn a_context_that_is_missing_or_a_file_is_refused() {
    let project = small_project();
    std::fs::rename(project.context(), project.path("../gone")).expect("a new name");
    assert_all_refuse(&project, "project");
    std::fs::write(project.context(), "a file").expect("a file in its place");
    assert_all_refuse(&project, "project");
}

#[test]
fn a_line_beyond_the_limit_is_refused() {
    let long = format!("FROM alpine:3.20\nRUN echo {}\n", "x".repeat(100_000));
    assert_all_refuse(&project(&long, &[]), "dockerfile line greater than max allowed size of 65535");
}

#[test]
fn ten_megabytes_of_dockerfile_are_answered() {
    let comments = "# a line that says nothing, many times\n".repeat(250_000);
    let project = project(&format!("FROM alpine:3.20\n{comments}RUN echo 1\n"), &[]);
    recorded(&project);
    assert_eq!(project.explain().report().status("RUN echo 1"), "hit");
}

#[test]
fn a_nul_in_a_keyword_is_refused_and_one_in_an_argument_never_crashes() {
    assert_all_refuse(&project("FROM alpine:3.20\nRU\0N echo 1\n", &[]), "unknown instruction");
    let project = project("FROM alpine:3.20\nRUN echo a\0b\nCOPY x\0y /\n", &[]);
    for command in ["record", "explain", "plan"] {
        let answer = project.run(command, &[]);
        assert!(matches!(answer.code, Some(0..=2)), "{command}: {:?} {}", answer.code, answer.stderr);
    }
}

#[test]
fn a_dockerfile_that_buildkit_refuses_is_refused_with_its_words() {
    for (dockerfile, words) in [
        ("", "the Dockerfile cannot be empty"),
        ("# nothing\n", "file with no instructions"),
        ("ARG A=1\n", "dockerfile contains no stages to build"),
        ("RUN echo 1\n", "no build stage in current context"),
        ("FROM alpine:3.20\nRUNN echo 1\n", "unknown instruction: RUNN"),
        ("FROM alpine:3.20 AS\n", "FROM requires either one or three arguments"),
        ("FROM alpine:3.20\nCOPY --nope a /\n", "unknown flag: --nope"),
        ("FROM alpine:3.20\nENV X\n", "ENV must have two arguments"),
        ("FROM alpine:3.20\nRUN <<EOF\necho 1\n", "unterminated heredoc"),
        ("FROM alpine:3.20 AS a\nCOPY --from=a /x /y\n", "circular dependency detected on stage: a"),
        ("FROM alpine:3.20\nCOPY --from=9 /x /y\n", "invalid stage index 9"),
        (
            "FROM alpine:3.20 AS a\nCOPY --from=b /x /y\nFROM alpine:3.20 AS b\nFROM a\n",
            "needs to be defined before current stage",
        ),
        ("FROM alpine:3.20\nWORKDIR ${\n", "missing '}'"),
    ] {
        assert_all_refuse(&project(dockerfile, &[]), words);
    }
}

#[test]
fn the_line_that_buildkit_blames_is_named() {
    let answer = project("FROM alpine:3.20\n\nRUNN echo 1\n", &[]).explain();
    assert_refused(&answer, "line 3");
}

#[test]
fn an_unknown_target_is_refused() {
    let project = small_project();
    recorded(&project);
    let before = super::recorded_bytes(&project);
    for command in ["record", "explain", "plan"] {
        assert_refused(&project.run(command, &["--target", "nope"]), "target stage \"nope\" could not be found");
    }
    assert_eq!(super::recorded_bytes(&project), before);
}

#[test]
fn a_bad_ignore_pattern_is_refused() {
    for (pattern, words) in [("f[a-", "syntax error in pattern"), ("!", "illegal exclusion pattern: \"!\"")] {
        let project = project("FROM alpine:3.20\nCOPY . /\n", &[(".dockerignore", pattern)]);
        assert_all_refuse(&project, words);
    }
}

#[test]
fn arguments_that_mean_nothing_are_refused() {
    let project = small_project();
    for arguments in [
        &["--build-arg", "=x"][..],
        &["--nonsense"],
        &["--engine-profile", "podman"],
        &["--format", "papyrus"],
        &["--build-context", "name"],
        &["--platform", "not/a/plat/form"],
    ] {
        assert_refused(&project.run("explain", arguments), "");
    }
}

#[test]
fn a_source_that_is_missing_is_answered_but_not_recorded() {
    let mut project = project("FROM alpine:3.20\nRUN echo 1\nCOPY a.txt /a\nRUN cat /a\n", &[]);
    let answer = project.record();
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    for command in ["explain", "plan"] {
        let answer = project.run(command, &["--format", "json"]);
        assert_eq!(answer.code, Some(0), "{command}: {}", answer.stderr);
        let report = answer.report();
        assert_eq!(report.status("RUN echo 1"), "hit");
        assert!(report.instruction("COPY a.txt").has_cause("source-missing"));
        assert_eq!((report.status("COPY a.txt"), report.status("RUN cat")), ("miss", "miss"));
    }
    edit(&mut project, "a.txt", "a\n");
    recorded(&project);
    assert_eq!(project.explain().report().status("RUN cat"), "hit");
}

#[test]
fn a_loop_of_links_and_a_link_out_of_the_context_are_missing_sources() {
    for target in ["link", "../../outside.txt", "/etc/passwd"] {
        let mut project = project("FROM alpine:3.20\nCOPY link /a\n", &[("link", "a\n")]);
        recorded(&project);
        let operation = serde_json::json!({ "op": "symlink", "path": "link", "target": target });
        project.apply(&serde_json::from_value(operation).expect("an operation"));
        let report = project.explain().report();
        assert!(report.instruction("COPY link").has_cause("source-missing"), "{target}");
        assert_eq!(project.record().code, Some(1), "{target}");
    }
}

#[test]
fn links_inside_a_copied_folder_are_never_followed() {
    let mut project = project("FROM alpine:3.20\nCOPY d /d\n", &[("d/a", "a\n"), ("../outside.txt", "o\n")]);
    for (path, target) in [("d/loop", "loop"), ("d/out", "../../outside.txt"), ("d/etc", "/etc"), ("d/up", "..")] {
        let operation = serde_json::json!({ "op": "symlink", "path": path, "target": target });
        project.apply(&serde_json::from_value(operation).expect("an operation"));
    }
    recorded(&project);
    edit(&mut project, "../outside.txt", "edited\n");
    assert_eq!(project.explain().report().status("COPY d"), "hit");
}

#[test]
fn a_fifo_in_the_context_is_an_entry_and_is_never_opened() {
    let mut project = project("FROM alpine:3.20\nCOPY d /d\n", &[("d/a", "a\n")]);
    project
        .apply(&serde_json::from_value(serde_json::json!({ "op": "fifo", "path": "d/pipe" })).expect("an operation"));
    recorded(&project);
    assert_eq!(project.explain().report().status("COPY d"), "hit");
}

#[test]
fn a_dockerfile_with_windows_line_ends_and_a_mark_is_the_same_dockerfile() {
    let mut project = small_project();
    recorded(&project);
    edit(&mut project, "Dockerfile", &format!("\u{feff}{}", DOCKERFILE.replace('\n', "\r\n")));
    assert!(project.explain().report().instructions().all(|(_, step)| matches!(step.status.as_str(), "hit" | "none")));
}
