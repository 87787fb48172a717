//! Files and images that change while a build begins: what was foreseen is not what docker read.
//!
//! In: a docker that changes them before it tells its progress. Out: what is said, recorded, and known afterwards.

use std::fs;
use std::process::{Command, Stdio};

use super::{Desk, PASSES, text};

const PLAIN: &str = "cat \"$stream\" >&2";
/// The recorded stream with what it says of a step turned round: cached steps ran.
const RAN: &str = "sed 's/\"cached\": true/\"cached\": false/' \"$stream\" >&2";

/// What docker does from now on in place of what it did.
fn then(desk: &Desk, before: &str, docker: &str) {
    let script = fs::read_to_string(desk.path("bin/docker")).expect("a script");
    assert!(script.contains(before), "{script}");
    desk.program("docker", &script.replace(before, docker));
}

/// The last build as `history show` tells it.
fn shown(desk: &Desk) -> serde_json::Value {
    let listed = desk.run(&["history", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let id = listed["builds"][0]["id"].as_str().expect("an id").to_owned();
    let shown = desk.run(&["history", "show", &id, "--format", "json"]);
    serde_json::from_slice(&shown.stdout).expect("JSON")
}

#[test]
fn a_dockerfile_saved_before_docker_reads_it_settles_no_step() {
    // Saved for good, and taken back before the build ends.
    for (edit, back) in [
        ("sed -i s/prod/test/ Dockerfile", ""),
        ("cp -p Dockerfile ../d; echo >> Dockerfile", "cp -p ../d Dockerfile;"),
    ] {
        let desk = Desk::new(PASSES, PLAIN);
        let read = fs::read(desk.path("app/Dockerfile")).expect("a file");
        then(&desk, PLAIN, &format!("{edit}; {back} {PLAIN}"));
        let built = desk.run(&["build"]);
        assert_eq!(built.status.code(), Some(0), "{built:?}");
        assert!(text(&built.stdout).contains("`Dockerfile` changed while the build began"), "{built:?}");
        assert_eq!(shown(&desk)["changed"], serde_json::json!(["Dockerfile"]));
        let saved = fs::read(desk.path("app/Dockerfile")).expect("a file");
        for version in [saved, read] {
            fs::write(desk.path("app/Dockerfile"), version).expect("a file");
            assert!(desk.all(&[], " unknown"), "{edit}: {:?}", desk.statuses());
        }
        then(&desk, &format!("{edit}; {back} {PLAIN}"), PLAIN);
        assert_eq!(desk.run(&["build"]).status.code(), Some(0));
        assert!(desk.all(&[], " hit"), "{edit}: {:?}", desk.statuses());
    }
}

#[test]
fn an_ignore_file_saved_before_docker_reads_it_settles_no_step() {
    for own in [".dockerignore", "Dockerfile.dockerignore"] {
        let docker = format!("echo '**/b.txt' > {own}; {PLAIN}");
        let desk = Desk::new(PASSES, &docker);
        let built = desk.run(&["build"]);
        assert_eq!(built.status.code(), Some(0), "{built:?}");
        assert!(text(&built.stdout).contains(&format!("`{own}` changed while the build began")), "{built:?}");
        fs::remove_file(desk.path("app").join(own)).expect("a file");
        assert!(desk.all(&[], " unknown"), "{own}: {:?}", desk.statuses());
    }
}

#[test]
fn an_image_tagged_anew_meanwhile_leaves_the_steps_on_it_open() {
    let desk = Desk::new(PASSES, PLAIN);
    let image = |id: &str| {
        format!(
            r#"{{"Id":"sha256:{id}","RepoDigests":[],"Os":"linux","Architecture":"{}","Config":{{}},"RootFS":{{"Layers":["sha256:{id}"]}}}}"#,
            if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
        )
    };
    fs::write(desk.path("image"), image("a")).expect("a file");
    fs::write(desk.path("moved"), image("b")).expect("a file");
    then(&desk, "*) exit 64", "*'image inspect'*) cat ../image;;\n*) exit 64");
    then(&desk, PLAIN, &format!("cp ../moved ../image; {PLAIN}"));
    let built = desk.run(&["build"]);
    assert_eq!(built.status.code(), Some(0), "{built:?}");
    assert!(text(&built.stdout).contains("`stageplan/base:busybox` changed while the build began"), "{built:?}");
    for now in ["a", "b"] {
        fs::write(desk.path("image"), image(now)).expect("a file");
        assert!(desk.all(&["--resolve"], " unknown"), "{now}: {:?}", desk.statuses_with(&["--resolve"]));
    }
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    assert!(desk.all(&[], " hit"), "{:?}", desk.statuses());
    assert!(shown(&desk).get("changed").is_none());
}

#[test]
fn a_file_saved_meanwhile_is_named_and_its_steps_are_not_compared() {
    let desk = Desk::new(PASSES, PLAIN);
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    then(&desk, PLAIN, &format!("echo new > src/b.txt; {RAN}"));
    let built = text(&desk.run(&["build", "--verbose"]).stdout);
    assert!(built.contains("`src/b.txt` changed while the build began"), "{built}");
    let report = shown(&desk);
    let steps = report["steps"].as_array().expect("steps");
    let copy = steps.iter().find(|step| step["text"] == "COPY src/b.txt ./").expect("the copy");
    assert_eq!((&copy["predicted"], &copy["agrees"]), (&"unknown".into(), &serde_json::Value::Null));
    // The step of the other file ran although it was to hit.
    let other = steps.iter().find(|step| step["text"] == "COPY src/a.txt ./").expect("the copy");
    assert_eq!(other["agrees"], false);
    assert!(desk.statuses().contains(&"8 unknown".to_owned()), "{:?}", desk.statuses());
}

#[test]
fn a_docker_that_tells_nothing_settles_no_step() {
    for docker in ["head -c 200000 /dev/zero >&2", "true"] {
        let desk = Desk::new(PASSES, docker);
        let built = desk.run(&["build"]);
        assert_eq!(built.status.code(), Some(0), "{built:?}");
        assert!(text(&built.stdout).contains("docker told of none of its steps"), "{built:?}");
        assert_eq!(shown(&desk)["agrees"], serde_json::Value::Null);
        assert!(desk.all(&[], " unknown"), "{docker}: {:?}", desk.statuses());
    }
}

#[test]
fn where_nothing_was_foreseen_nothing_agrees() {
    let desk = Desk::new(PASSES, PLAIN);
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    let listed = text(&desk.run(&["history"]).stdout);
    assert!(!listed.contains("observed"), "{listed}");
    assert_eq!(shown(&desk)["agrees"], serde_json::Value::Null);
    let json = text(&desk.run(&["history", "--format", "json"]).stdout);
    assert!(json.contains("\"agrees\": null"), "{json}");
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    assert!(text(&desk.run(&["history"]).stdout).contains("= observed"));
    assert_eq!(shown(&desk)["agrees"], true);
}

#[test]
fn a_pruned_build_is_not_said_to_have_been_unwatched() {
    let desk = Desk::new(PASSES, PLAIN);
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    assert_eq!(desk.run(&["history", "prune", "--keep", "0"]).status.code(), Some(0));
    let listed = text(&desk.run(&["history"]).stdout);
    assert!(listed.contains("details pruned") && !listed.contains("not watched"), "{listed}");
    let id = listed.lines().nth(3).and_then(|line| line.split(' ').next()).expect("a build").to_owned();
    let shown = text(&desk.run(&["history", "show", &id]).stdout);
    assert!(shown.contains("pruned") && !shown.contains("watched"), "{shown}");
}

/// Steps of the present Dockerfile after a file of the first stage is saved, by what is said of them.
fn foreseen_after_an_edit(desk: &Desk) -> Vec<String> {
    fs::write(desk.path("app/src/a.txt"), "saved\n").expect("a file");
    desk.statuses()
}

#[test]
fn what_is_saved_around_a_kill_that_nobody_saw_the_engine_read_before_may_be_built() {
    let desk = Desk::new(PASSES, PLAIN);
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    then(&desk, PLAIN, &format!("kill -9 $PPID; {PLAIN}"));
    assert_eq!(desk.run(&["build"]).status.code(), None);
    assert!(desk.all(&[], " hit"), "{:?}", desk.statuses());
    let after = foreseen_after_an_edit(&desk);
    assert_eq!(after[1..3], ["3 unknown", "4 unknown"], "{after:?}");
    assert!(!after.iter().any(|step| step.ends_with(" miss")), "{after:?}");
    let explained = text(&desk.run(&["explain"]).stdout);
    assert!(explained.contains("an earlier build that ended early"), "{explained}");
    // So may another Dockerfile have been.
    let dockerfile = fs::read_to_string(desk.path("app/Dockerfile")).expect("a file");
    fs::write(desk.path("app/Dockerfile"), dockerfile.replace("prod", "test")).expect("a file");
    assert!(!desk.statuses().iter().any(|step| step.ends_with(" miss")), "{:?}", desk.statuses());
}

#[test]
fn what_is_saved_after_the_engine_was_seen_to_read_is_in_no_build_that_was_killed() {
    let desk = Desk::new(PASSES, PLAIN);
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    let (ready, end) = (desk.path("ready"), desk.path("end"));
    assert!(Command::new("mkfifo").args([&ready, &end]).status().expect("mkfifo starts").success());
    // Of the steps only one is told: the files were received before.
    then(&desk, PLAIN, "head -n 347 \"$stream\" >&2; echo >../ready; cat ../end");
    let mut build = desk.command(&["build"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a build");
    fs::read(&ready).expect("docker tells that it waits");
    let is_seen = || fs::read_dir(desk.path("state/begun")).expect("a folder").next().is_none();
    while !is_seen() {
        assert!(build.try_wait().expect("a process").is_none(), "the build ended");
    }
    build.kill().expect("a process");
    build.wait().expect("a process");
    fs::write(end, "").expect("docker waits");
    let after = foreseen_after_an_edit(&desk);
    assert_eq!(after[1..3], ["3 miss", "4 miss"], "{after:?}");
}
