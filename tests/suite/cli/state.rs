//! The state folder: who may read it, what it never holds, what becomes of it when it is damaged or shared.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{assert_refused, edit, fingerprint, project, recorded, recorded_bytes, small_project};
use crate::case::project::{Answer, Project, below};

#[test]
fn only_its_owner_may_read_the_state() {
    let project = small_project();
    let program = project.command("record", &[]);
    let mut open = Command::new("/bin/sh");
    open.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(program.get_program()).args(program.get_args());
    open.current_dir(program.get_current_dir().expect("a current folder"));
    let answer = Answer::from(open.output().expect("a shell"));
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let mut paths = below(&project.state());
    assert!(paths.iter().any(|path| path.is_file()), "nothing was recorded");
    paths.push(project.state());
    for path in paths {
        let mode = path.metadata().expect("an entry").permissions().mode() & 0o7777;
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{}: {mode:o}", path.display());
    }
}

#[test]
fn the_state_folder_is_where_the_environment_says() {
    let project = small_project();
    let chosen = project.path("../chosen");
    let xdg = project.path("../xdg");
    let places = [
        ("STAGEPLAN_STATE_DIR", chosen.clone(), chosen),
        ("XDG_STATE_HOME", xdg.clone(), xdg.join("stageplan")),
        ("HOME", project.path("../myhome"), project.path("../myhome/.local/state/stageplan")),
    ];
    for (variable, value, folder) in places {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stageplan"));
        let answer = command.env_clear().env(variable, value).arg("record").arg(project.context()).output();
        let answer = Answer::from(answer.expect("the program starts"));
        assert_eq!(answer.code, Some(0), "{variable}: {}", answer.stderr);
        assert!(below(&folder).iter().any(|path| path.is_file()), "{variable}: nothing in {}", folder.display());
    }
}

#[test]
fn the_context_is_left_as_it_was() {
    let mut project = small_project();
    let before = fingerprint(&project.context());
    recorded(&project);
    for command in ["explain", "plan", "context"] {
        let answer = project.run(command, &[]);
        assert!(matches!(answer.code, Some(0)), "{command}: {:?} {}", answer.code, answer.stderr);
    }
    assert_eq!(fingerprint(&project.context()), before);
    edit(&mut project, "src/a.js", "edited\n");
    let edited = fingerprint(&project.context());
    project.explain();
    assert_eq!(fingerprint(&project.context()), edited);
}

/// Text that must not be in the state or on a stream.
fn assert_never_said(project: &Project, answers: &[Answer], secrets: &[&str]) {
    assert!(!recorded_bytes(project).is_empty(), "nothing was recorded");
    for secret in secrets {
        for (path, content) in recorded_bytes(project) {
            let holds = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!holds, "{path} holds {secret}");
        }
        for answer in answers {
            assert!(
                !answer.text().contains(secret) && !answer.stderr.contains(secret),
                "{secret} is said: {}",
                answer.text()
            );
        }
    }
}

#[test]
fn values_that_look_like_secrets_are_compared_but_never_kept_or_said() {
    let dockerfile = "FROM alpine:3.20\nARG API_TOKEN\nENV PASSWORD=pw-4f1c09aa27\nRUN echo 1\nARG PLAIN\nRUN echo 2\n";
    let project = project(dockerfile, &[]);
    let tokens = ["tok-93d1b7ce51", "tok-0a64e82f9d"];
    let mut answers = Vec::new();
    for command in ["record", "explain", "plan"] {
        answers.push(project.run(command, &["--build-arg", &format!("API_TOKEN={}", tokens[0])]));
    }
    assert!(answers.iter().all(|answer| answer.code == Some(0)), "{}", answers[0].stderr);
    let other = format!("API_TOKEN={}", tokens[1]);
    for format in ["text", "json"] {
        answers.push(project.run("explain", &["--build-arg", &other, "--format", format]));
    }
    let report = project.run("explain", &["--build-arg", &other, "--format", "json"]).report();
    assert!(report.instruction("RUN echo 1").has_cause("build-arg-changed"));
    let mut all = tokens.to_vec();
    all.push("pw-4f1c09aa27");
    assert_never_said(&project, &answers, &all);
}

#[test]
fn the_value_of_a_build_secret_is_never_kept() {
    let project =
        project("FROM alpine:3.20\nRUN --mount=type=secret,id=t cat /run/secrets/t\n", &[("../s", "sec-7be20d66")]);
    let answer = project.run("record", &["--secret", "id=t,src=s"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert_never_said(&project, &[answer], &["sec-7be20d66"]);
}

#[test]
fn a_password_in_an_address_is_never_kept_or_said() {
    let project = project("FROM alpine:3.20\nARG REPO\nRUN echo 1\n", &[]);
    let argument = "REPO=https://me:pass-51c0ff33@example.com/x";
    let answers = ["record", "explain", "plan"].map(|command| project.run(command, &["--build-arg", argument]));
    assert!(answers.iter().all(|answer| answer.code == Some(0)), "{}", answers[0].stderr);
    assert_never_said(&project, &answers, &["pass-51c0ff33"]);
}

fn damaged(how: &str, mut bytes: Vec<u8>) -> Vec<u8> {
    match how {
        "cut in half" => bytes.truncate(bytes.len() / 2),
        "overwritten" => bytes.fill(0xa5),
        "emptied" => bytes.clear(),
        _ => bytes[0] ^= 0xff,
    }
    bytes
}

#[test]
fn a_damaged_state_is_set_aside_with_a_warning() {
    for name in ["cut in half", "overwritten", "emptied", "first byte flipped"] {
        let project = small_project();
        recorded(&project);
        for (path, bytes) in recorded_bytes(&project) {
            std::fs::write(path, damaged(name, bytes)).expect("a state file");
        }
        let answer = project.explain();
        assert_eq!(answer.code, Some(0), "{name}: {}", answer.stderr);
        assert!(name == "emptied" || answer.stderr.contains("warning"), "{name}: no warning, but {:?}", answer.stderr);
        for (_, step) in answer.report().instructions() {
            assert!(matches!(step.status.as_str(), "unknown" | "none"), "{name}: {}", step.line_of_report());
        }
        recorded(&project);
        assert_eq!(project.explain().report().status("RUN npm ci"), "hit", "{name}");
    }
}

#[test]
fn one_damaged_file_never_makes_a_wrong_answer() {
    let n_files = {
        let project = small_project();
        recorded(&project);
        recorded_bytes(&project).len()
    };
    assert!(n_files > 0, "nothing was recorded");
    for index in 0..n_files {
        let mut project = small_project();
        recorded(&project);
        let (path, bytes) = recorded_bytes(&project).into_iter().nth(index).expect("the same files each time");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("a state file");
        let answer = project.explain();
        assert_eq!(answer.code, Some(0), "{path}: {}", answer.stderr);
        for (_, step) in answer.report().instructions() {
            assert!(matches!(step.status.as_str(), "hit" | "unknown" | "none"), "{path}: {}", step.line_of_report());
        }
        edit(&mut project, "src/a.js", "edited\n");
        assert!(matches!(project.explain().report().status("COPY src"), "miss" | "unknown"), "{path}");
    }
}

#[test]
fn a_state_folder_that_is_a_file_is_refused() {
    let project = small_project();
    let state = project.state();
    std::fs::create_dir_all(state.parent().expect("a parent")).expect("a folder");
    std::fs::write(&state, "a file").expect("a file");
    assert_refused(&project.record(), "");
}

#[test]
fn two_processes_at_once_lose_nothing() {
    let project = project("FROM alpine:3.20\nARG V\nRUN echo 1\n", &[]);
    let arguments: Vec<_> = (0..8).map(|value| format!("V={value}")).collect();
    let started: Vec<_> = arguments
        .iter()
        .map(|argument| project.command("record", &["--build-arg", argument]).spawn().expect("the program starts"))
        .collect();
    for mut child in started {
        assert!(child.wait().expect("an end").success());
    }
    for argument in &arguments {
        let report = project.run("explain", &["--build-arg", argument, "--format", "json"]).report();
        assert_eq!(report.status("RUN echo 1"), "hit", "{argument}");
    }
}

/// A stat cache that says something false of a file with this content, and of the root folder, whose digest stands behind
/// the head (40 bytes) and four numbers. The checksum at the end is right.
fn falsify(cache: &Path, content: &str) {
    let mut bytes = std::fs::read(cache).expect("a stat cache");
    let digest = *blake3::hash(content.as_bytes()).as_bytes();
    let place = bytes.windows(32).position(|window| window == digest).expect("the digest of the file");
    bytes[40 + 16] ^= 1;
    bytes[place] ^= 1;
    let end = bytes.len() - 32;
    let checksum = *blake3::hash(&bytes[..end]).as_bytes();
    bytes[end..].copy_from_slice(&checksum);
    std::fs::write(cache, bytes).expect("a stat cache");
}

#[test]
fn the_stat_cache_is_believed_as_far_as_is_asked() {
    let mut project = small_project();
    edit(&mut project, "Dockerfile", "FROM scratch\nCOPY . /\n");
    recorded(&project);
    // Files as young as the cache are in no cache: until the clock has moved on, each scan reads them.
    let state = project.state();
    let caches = || below(&state.join("scans"));
    let believed = |trust: &str, more: &[&str]| {
        let mut command = project.command("explain", more);
        Answer::from(command.arg("--exit-code").env("STAGEPLAN_STAT_CACHE", trust).output().expect("an answer"))
    };
    while std::fs::metadata(&caches()[0]).and_then(|file| file.modified()).expect("a time")
        + std::time::Duration::from_millis(100)
        > std::time::SystemTime::now()
    {}
    assert_eq!(believed("off", &[]).code, Some(0));
    assert_eq!(believed("check", &[]).code, Some(0));
    let honest = believed("on", &[]).text();
    falsify(&caches()[0], "{}\n");
    assert_ne!(believed("on", &[]).text(), honest, "a false cache is not even read");
    let answer = believed("check", &[]);
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    assert!(answer.stderr.contains("the stat cache is wrong about"), "{}", answer.stderr);
    assert_eq!(believed("on", &["--no-stat-cache"]).text(), honest);
    // What was read goes into a new cache, which is good again.
    assert_eq!(believed("check", &[]).code, Some(0));
}
