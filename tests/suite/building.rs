//! `build` and `history` against a docker that only plays back: a script on PATH tells the progress of a recorded build.
//!
//! In: a recorded stream with its Dockerfile, and what docker does beside telling it. Out: what `build` says, and what
//! `explain` knows afterwards.

mod disagreements;
mod faults;
mod imports;
mod meanwhile;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::case::docker::NO_SOCKET;

const PASSES: &str = "a-cached-rebuild-shows-every-step-cached";
const FAILS: &str = "steps-beside-a-failing-one-are-canceled";

/// A project, a state folder and a docker.
pub(crate) struct Desk {
    dir: TempDir,
}

impl Desk {
    /// The project of a recorded stream; `docker` is what the script does when it is to build.
    pub(crate) fn new(stream: &str, docker: &str) -> Self {
        let desk = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        let recorded = Self::recorded(stream);
        fs::create_dir_all(desk.path("app/src")).expect("a folder");
        fs::create_dir(desk.path("bin")).expect("a folder");
        fs::copy(recorded.join("Dockerfile"), desk.path("app/Dockerfile")).expect("a copy");
        fs::write(desk.path("app/src/a.txt"), "a\n").expect("a file");
        fs::write(desk.path("app/src/b.txt"), "b\n").expect("a file");
        let stream = recorded.join("stream.rawjson").display().to_string();
        let script = format!(
            "#!/bin/sh\nstream='{stream}'\ncase \"$*\" in\n--version) echo 'Docker version 28.5.2';;\n\
             'buildx inspect'*) printf 'Driver: docker\\nEndpoint: default\\n';;\n\
             info*) printf '28.5.2\\n[]\\n';;\n'buildx build'*) {docker};;\n*) exit 64;;\nesac\n"
        );
        desk.program("docker", &script);
        desk
    }

    fn recorded(stream: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/progress").join(stream)
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub(crate) fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, script).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stageplan"));
        command.args(arguments).current_dir(self.path("app")).env_clear();
        command.env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()));
        command.env("STAGEPLAN_STATE_DIR", self.path("state")).env(NO_SOCKET.0, NO_SOCKET.1);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// `line status` of each used step, as `explain` tells it.
    fn statuses(&self) -> Vec<String> {
        self.statuses_with(&[])
    }

    fn statuses_with(&self, flags: &[&str]) -> Vec<String> {
        let answer = self.run(&["explain", "--format", "json"].iter().chain(flags).copied().collect::<Vec<_>>());
        let report: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("JSON");
        let stages = report["stages"].as_array().expect("stages").iter();
        let steps = stages.flat_map(|stage| stage["instructions"].as_array().expect("instructions").clone());
        let used = steps.filter(|step| !matches!(step["status"].as_str(), Some("none" | "unused")));
        used.map(|step| format!("{} {}", step["line"], step["status"].as_str().unwrap_or_default())).collect()
    }
}

/// A docker whose builder tells the digest of the base, and whose registry tells what stands in `../listed`.
const PINNED: &str = "sed 's|FROM docker.io/stageplan/base:busybox|&@sha256:1|' \"$stream\" >&2";

impl Desk {
    fn with_registry() -> Self {
        let desk = Self::new(PASSES, PINNED);
        let script = fs::read_to_string(desk.path("bin/docker")).expect("a script");
        let asked = "'buildx imagetools'*) echo \"$*\" >>../asked; cat ../listed;;\n*) exit 64";
        desk.program("docker", &script.replace("*) exit 64", asked));
        desk
    }

    /// What the registry has from now on.
    fn list(&self, digest: &str, layer: &str) {
        let image = format!(r#"{{"config":{{"Env":["V=1"]}},"rootfs":{{"diff_ids":["{layer}"]}}}}"#);
        let listed = format!(r#"{{"name":"x","manifest":{{"digest":"{digest}"}},"image":{image}}}"#);
        fs::write(self.path("listed"), listed).expect("a file");
    }

    fn all(&self, flags: &[&str], status: &str) -> bool {
        let statuses = self.statuses_with(flags);
        !statuses.is_empty() && statuses.iter().all(|step| step.ends_with(status))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_build_that_succeeds_is_known_from_then_on() {
    let desk = Desk::new(PASSES, "cat \"$stream\" >&2");
    let built = desk.run(&["build"]);
    assert_eq!(built.status.code(), Some(0), "{built:?}");
    // Nothing was recorded before, so nothing was promised.
    assert!(text(&built.stdout).contains("the first build known here"), "{}", text(&built.stdout));
    assert!(desk.statuses().iter().all(|step| step.ends_with(" hit")), "{:?}", desk.statuses());
    let again = text(&desk.run(&["build"]).stdout);
    assert!(again.contains("predicted = observed for all"), "{again}");
    let listed = text(&desk.run(&["history"]).stdout);
    assert!(listed.starts_with("2 builds recorded"), "{listed}");
}

#[test]
fn a_build_learns_what_its_base_images_were() {
    let desk = Desk::with_registry();
    desk.list("sha256:1", "sha256:a");
    let asked = || fs::read_to_string(desk.path("asked")).unwrap_or_default();
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    assert!(
        asked().contains("docker.io/stageplan/base:busybox@sha256:1") && asked().lines().count() == 1,
        "{}",
        asked()
    );
    assert!(desk.all(&[], " hit"), "{:?}", desk.statuses());
    let again = text(&desk.run(&["build"]).stdout);
    assert!(again.contains("predicted = observed for all"), "{again}");
    assert_eq!(asked().lines().count(), 1, "of a digest that is known nobody asks again");
    assert!(desk.all(&["--resolve"], " hit"), "{:?}", desk.statuses_with(&["--resolve"]));
    desk.list("sha256:2", "sha256:b");
    let moved = text(&desk.run(&["explain", "--resolve", "--verbose"]).stdout);
    assert!(moved.contains("stageplan/base:busybox moved from sha256:1 to sha256:2"), "{moved}");
    assert!(desk.statuses_with(&["--resolve"]).contains(&"2 miss".to_owned()), "{moved}");
}

#[test]
fn of_a_digest_without_layers_only_equality_says_something() {
    let desk = Desk::with_registry();
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    assert!(desk.all(&[], " hit"), "{:?}", desk.statuses());
    desk.list("sha256:1", "sha256:a");
    assert!(desk.all(&["--resolve"], " hit"), "{:?}", desk.statuses_with(&["--resolve"]));
    desk.list("sha256:2", "sha256:b");
    assert!(desk.all(&["--resolve"], " unknown"), "{:?}", desk.statuses_with(&["--resolve"]));
}

#[test]
fn no_line_of_the_closing_report_ends_with_blanks() {
    let desk = Desk::new(PASSES, "cat \"$stream\" >&2");
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    // The engine of the recording finds what nobody here knows of.
    fs::write(desk.path("app/src/a.txt"), "edited\n").expect("a file");
    for colours in [&[][..], &[("CLICOLOR_FORCE", "1")]] {
        let mut build = desk.command(&["build", "--verbose"]);
        let told = text(&build.envs(colours.iter().copied()).output().expect("the program starts").stdout);
        assert!(told.contains("not as predicted") && told.contains("cached"), "{told}");
        assert!(told.lines().all(|line| !line.trim_end_matches("\u{1b}[0m").ends_with(' ')), "{told:?}");
        assert!(told.contains(" deps:3 COPY src/a.txt ./\n"), "{told}");
        fs::write(desk.path("app/src/a.txt"), format!("edited {}\n", colours.len())).expect("a file");
    }
}

#[test]
fn a_build_that_fails_leaves_what_it_completed() {
    let desk = Desk::new(FAILS, "cat \"$stream\" >&2; exit 1");
    let built = desk.run(&["build"]);
    assert_eq!(built.status.code(), Some(1));
    assert!(text(&built.stderr).contains("the tests fail") && text(&built.stderr).contains("ERROR: failed to solve"));
    assert_eq!(desk.statuses(), ["2 miss", "4 hit", "5 miss", "6 miss", "8 miss", "9 miss"]);
}

#[test]
fn a_step_that_was_left_open_tells_how_often_it_ran() {
    let desk = Desk::new(
        PASSES,
        "sed \"s/cached\\\": true/cached\\\": $(test -e ran || echo true)/\" \"$stream\" | sed 's/cached\": $/cached\": false/' >&2",
    );
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    for edit in ["once\n", "twice\n"] {
        fs::write(desk.path("app/src/a.txt"), edit).expect("a file");
        assert_eq!(desk.run(&["build"]).status.code(), Some(0));
        fs::write(desk.path("app/ran"), "").expect("a file");
    }
    fs::write(desk.path("app/src/a.txt"), "three times\n").expect("a file");
    let explained = desk.run(&["explain", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&explained.stdout).expect("JSON");
    let instructions = report["stages"][2]["instructions"].as_array().expect("instructions");
    let copy = instructions.iter().find(|step| step["line"] == 13).expect("the copy");
    assert_eq!((&copy["status"], &copy["odds"]), (&"pending".into(), &serde_json::json!({ "ran": 1, "of": 2 })));
    for command in ["explain", "plan"] {
        let told = text(&desk.run(&[command]).stdout);
        assert!(told.contains("ran in 1 of 2 such builds"), "{told}");
    }
}

#[test]
fn a_file_saved_while_docker_reads_leaves_its_steps_unrecorded() {
    let desk = Desk::new(PASSES, "echo new > src/b.txt; cat \"$stream\" >&2");
    assert_eq!(desk.run(&["build"]).status.code(), Some(0));
    fs::write(desk.path("app/src/b.txt"), "b\n").expect("a file");
    // Line 8 copies the file, 9 stands on it, 14 and 15 copy from there.
    let hits: Vec<String> = desk.statuses().into_iter().filter(|step| step.ends_with(" hit")).collect();
    assert!(hits.contains(&"3 hit".to_owned()) && hits.contains(&"4 hit".to_owned()), "{hits:?}");
    assert!(!hits.contains(&"8 hit".to_owned()) && !hits.contains(&"9 hit".to_owned()), "{hits:?}");
}

#[test]
fn a_stream_cut_short_or_full_of_garbage_leaves_the_records_whole() {
    for docker in ["head -c 3000 \"$stream\" >&2; exit 1", "head -c 4000 /dev/zero >&2; cat \"$stream\" >&2; exit 1"] {
        let desk = Desk::new(FAILS, docker);
        assert_eq!(desk.run(&["build"]).status.code(), Some(1), "{docker}");
        let listed = desk.run(&["history"]);
        assert!(text(&listed.stdout).starts_with("1 build recorded") && listed.stderr.is_empty(), "{listed:?}");
        assert!(!desk.statuses().contains(&"5 hit".to_owned()));
    }
}

#[test]
fn no_engine_is_said_and_nothing_is_recorded() {
    let inspected = "printf 'Driver: docker\\nEndpoint: default\\n'";
    let cases = [
        (inspected, "Docker version 28.5.2", "the builder did not build"),
        ("printf 'Driver: podman\\nEndpoint: default\\n'", "podman version 5.3.1", "podman"),
        ("exit 125", "podman version 4.3.1", "podman"),
        ("printf 'Driver:\\nError: Cannot connect to it\\n'", "Docker version 28.5.2", "answers: Cannot connect to it"),
        ("exit 1", "Docker version 28.5.2", "no builder answers"),
    ];
    for (inspect, version, told) in cases {
        let desk = Desk::new(PASSES, "exit 1");
        let script = fs::read_to_string(desk.path("bin/docker")).expect("a script");
        assert!(script.contains(inspected));
        desk.program("docker", &script.replace(inspected, inspect).replace("Docker version 28.5.2", version));
        let built = desk.run(&["build"]);
        assert_eq!(built.status.code(), Some(2), "{built:?}");
        assert!(text(&built.stderr).contains(told), "{}", text(&built.stderr));
        assert!(text(&desk.run(&["history"]).stdout).starts_with("no build is recorded"));
    }
}

#[test]
fn a_builder_of_another_docker_context_is_asked_there() {
    let desk = Desk::new(PASSES, "cat \"$stream\" >&2");
    let script = fs::read_to_string(desk.path("bin/docker")).expect("a script");
    let far = script.replace("Endpoint: default", "Endpoint: far");
    desk.program("docker", &far.replace("*) exit 64", "'--context far info'*) printf '27.1.0\\n[]\\n';;\n*) exit 64"));
    let mut by_variable = desk.command(&["build"]);
    by_variable.env("BUILDX_BUILDER", "far");
    for mut build in [desk.command(&["build", "--builder", "far"]), by_variable] {
        let built = build.output().expect("the program starts");
        assert_eq!(built.status.code(), Some(0), "{built:?}");
    }
    let answer = desk.run(&["history", "--format", "json"]);
    let history: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    let builds = history["builds"].as_array().expect("builds").iter();
    let engines: Vec<_> = builds.map(|build| (build["builder"].as_str(), build["engine"].as_str())).collect();
    assert_eq!(engines, [(Some("far"), Some("Docker Engine 27.1.0")); 2]);
}

#[test]
fn progress_lines_come_in_the_order_of_the_ends() {
    let desk = Desk::new("an-edit-runs-its-own-branch-and-what-reads-it", "cat \"$stream\" >&2");
    let told = text(&desk.run(&["build"]).stderr);
    let ran: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("ran ")).map(str::trim).collect();
    let at = |step: &str| ran.iter().position(|line| line.starts_with(step)).expect("the step ran");
    assert!(at("assets:8") < at("assets:9") && at("assets:9") < at("2:14"), "{told}");
    assert!(told.lines().all(|line| !line.trim_start().starts_with('|')), "{told}");
}

#[test]
fn a_saved_log_teaches_what_its_build_did() {
    let desk = Desk::new(FAILS, "exit 64");
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/progress").join(FAILS).join("stream.rawjson");
    let imported = desk.run(&["history", "import", &log.display().to_string()]);
    assert_eq!(imported.status.code(), Some(0), "{imported:?}");
    assert!(desk.statuses().contains(&"4 hit".to_owned()), "{:?}", desk.statuses());
    let strange = desk.run(&["history", "import", "Dockerfile"]);
    assert_eq!(strange.status.code(), Some(2));
    let forgotten = desk.run(&["history", "prune", "--all"]);
    assert!(text(&forgotten.stdout).starts_with("1 build forgotten"), "{forgotten:?}");
    assert!(desk.statuses().iter().all(|step| step.ends_with(" unknown")));
}
