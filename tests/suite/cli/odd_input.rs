//! Input that only a hostile or unlucky folder holds: files that never end, patterns and bytes that BuildKit refuses.

use rustix::fs::{CWD, Mode, mkfifoat};

use super::{assert_all_refuse, assert_refused, project, recorded, small_project};

#[test]
fn a_fifo_in_place_of_a_file_is_refused_instead_of_waited_for() {
    for name in ["Dockerfile", ".dockerignore", "Dockerfile.dockerignore"] {
        let project = small_project();
        let path = project.path(name);
        let _ = std::fs::remove_file(&path);
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).expect("a FIFO");
        assert_all_refuse(&project, "it is no regular file");
        assert_refused(&project.run("context", &[]), "it is no regular file");
    }
    let project = small_project();
    assert_refused(&project.run("explain", &["-f", "/dev/zero"]), "it is no regular file");
}

#[test]
fn a_pattern_that_the_build_fails_at_is_refused() {
    for (copy, words) in [
        ("COPY src/[ /x", "syntax error in pattern"),
        ("COPY --exclude=a[ src /x", "syntax error in pattern"),
        ("COPY --exclude=! src /x", "illegal exclusion pattern"),
    ] {
        let dockerfile = format!("# syntax=docker/dockerfile:1\nFROM alpine:3.20\n{copy}\n");
        assert_all_refuse(&project(&dockerfile, &[("src/a", "a\n")]), words);
        let unused = format!("# syntax=docker/dockerfile:1\nFROM alpine:3.20 AS a\n{copy}\nFROM alpine:3.20\nRUN ls\n");
        recorded(&project(&unused, &[("src/a", "a\n")]));
    }
}

/// A project whose Dockerfile has these bytes.
fn of_bytes(dockerfile: &[u8]) -> crate::case::project::Project {
    let project = small_project();
    std::fs::write(project.dockerfile(), dockerfile).expect("a Dockerfile");
    project
}

#[test]
fn bytes_that_are_not_utf_8_are_refused_only_where_they_reach_a_step() {
    for (dockerfile, words) in [
        (&b"FROM alpine:3.20\nRUN echo \xff\n"[..], "string field contains invalid UTF-8"),
        (b"FROM alpine:3.20\nRUN <<EOF\necho \xff\nEOF\n", "string field contains invalid UTF-8"),
        (b"FROM alpine:3.20\nCOPY <<'EOF' /x\n\xff\nEOF\n", "not UTF-8"),
    ] {
        assert_all_refuse(&of_bytes(dockerfile), words);
    }
    for dockerfile in [
        &b"# caf\xe9\nFROM alpine:3.20\nRUN echo 1 && \\\n# caf\xe9\n  echo 2\n"[..],
        b"FROM alpine:3.20\nLABEL a=caf\xe9\nRUN [\"echo\", \"\xff\"]\n",
        b"FROM alpine:3.20 AS a\nRUN echo \xff\nFROM alpine:3.20\nRUN echo 1\n",
    ] {
        recorded(&of_bytes(dockerfile));
    }
}

#[test]
fn system_errors_are_told_once_and_without_numbers() {
    let project = small_project();
    std::fs::remove_file(project.dockerfile()).expect("a Dockerfile");
    std::os::unix::fs::symlink("Dockerfile", project.dockerfile()).expect("a link");
    assert_refused(&project.explain(), "too many levels of symbolic links");
    assert!(!project.explain().stderr.contains("os error"));
}
