//! `watch` against a docker that only plays back: what each save is told to reach, and which builds follow it.
//!
//! In: saves in the project of a recorded stream, and what the stand-in docker does. Out: the events of `--format json`, each
//! waited for, and the calls that docker got. Nothing here depends on how long anything takes.

mod burst;
mod commands;
mod troubles;
pub(crate) mod kills;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::building::Desk;

const PASSES: &str = "a-cached-rebuild-shows-every-step-cached";
const FAILS: &str = "steps-beside-a-failing-one-are-canceled";
/// What docker does when it is to build: it notes the call, waits while `../hold` is there, and tells the stream.
const PLAYS: &str = "echo \"$*\" >> ../calls; while [ -e ../hold ]; do sleep 0.01; done; cat \"$stream\" >&2";
/// Longer than anything takes on a machine that works.
const PATIENCE: Duration = Duration::from_secs(120);

/// A watch that runs.
pub(crate) struct Watch {
    child: Child,
    events: Receiver<Value>,
}

impl Watch {
    fn start(desk: &Desk, flags: &[&str]) -> Self {
        let mut command: Command = desk.command(&["watch", "--format", "json"]);
        command.args(flags);
        Self::of(command)
    }

    /// That command, which is to speak JSON.
    pub(crate) fn of(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let (sender, events) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event = serde_json::from_str(&line).expect("one JSON object per line");
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Self { child, events }
    }

    /// Waits for an event of that name; those before it are passed over, errors are not.
    pub(crate) fn wait(&self, name: &str) -> Value {
        self.until(name).pop().expect("an event")
    }

    /// The events up to the first of that name; there are no errors among them.
    pub(crate) fn until(&self, name: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.events.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("no `{name}`: {error}"));
            assert!(event["event"] == name || event["event"] != "error", "{event}");
            let is_last = event["event"] == name;
            events.push(event);
            if is_last {
                return events;
            }
        }
    }

    /// The events up to the first error.
    pub(crate) fn until_error(&self) -> Vec<Value> {
        let mut events = Vec::new();
        while events.last().is_none_or(|event: &Value| event["event"] != "error") {
            events.push(self.events.recv_timeout(PATIENCE).expect("an event"));
        }
        events
    }

    /// The next event that is none of a step.
    pub(crate) fn next(&self) -> Value {
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("an event");
            if event["event"] != "step" {
                return event;
            }
        }
    }

    /// Kills it for good once so many events were told, or none for some time; all that it told.
    pub(crate) fn kill_after(mut self, n_events: usize, pause: Duration) -> Vec<Value> {
        let told = || self.events.recv_timeout(pause).ok();
        let mut events: Vec<Value> = std::iter::from_fn(told).take(n_events).collect();
        self.child.kill().expect("a process");
        self.child.wait().expect("it ends");
        events.extend(self.events.iter());
        events
    }

    /// Ends it as Ctrl-C does, and gives back its exit status with the events that were left.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<Value>) {
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::INT).expect("it runs");
        let status = self.child.wait().expect("it ends");
        (status.code(), self.events.iter().collect())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn calls(desk: &Desk) -> usize {
    fs::read_to_string(desk.path("calls")).map_or(0, |calls| calls.lines().count())
}

fn save(desk: &Desk, path: &str, text: &str) {
    fs::write(desk.path("app").join(path), text).expect("a file");
}

/// Saves a file that is copied, and waits until that is told.
fn reach(desk: &Desk, watch: &Watch, text: &str) {
    save(desk, "src/a.txt", text);
    let change = watch.wait("change");
    assert_eq!((&change["paths"], &change["effect"]), (&serde_json::json!(["src/a.txt"]), &"steps".into()));
    watch.wait("prediction");
}

#[test]
fn a_save_is_told_with_what_it_reaches_and_built() {
    let desk = Desk::new(PASSES, PLAYS);
    let watch = Watch::start(&desk, &[]);
    let ready = watch.wait("ready");
    assert_eq!((&ready["targets"], &ready["builds"]), (&serde_json::json!(["2"]), &true.into()));
    assert_eq!(watch.next()["event"], "prediction");
    assert_eq!(watch.next()["event"], "build-started");
    let built = watch.wait("build-finished");
    assert_eq!((&built["end"], &built["cached"]), (&"succeeded".into(), &8.into()));
    save(&desk, "src/a.txt", "edited\n");
    assert_eq!(watch.next()["effect"], "steps");
    let prediction = watch.next();
    assert_eq!(prediction["summary"]["miss"], 2, "{prediction}");
    assert_eq!(prediction["steps"][0]["step"], "deps:3");
    assert_eq!(watch.next()["event"], "build-started");
    watch.wait("build-finished");
    let (status, left) = watch.end();
    assert_eq!((status, left.len(), calls(&desk)), (Some(0), 0, 2));
}

#[test]
fn what_no_step_reads_and_what_is_as_it_was_builds_nothing() {
    let desk = Desk::new(PASSES, PLAYS);
    let watch = Watch::start(&desk, &[]);
    watch.wait("build-finished");
    let quiet = |path: &str, text: &str, effect: &str| {
        save(&desk, path, text);
        let change = watch.next();
        assert_eq!((&change["paths"], &change["effect"]), (&serde_json::json!([path]), &effect.into()), "{change}");
    };
    quiet("README.md", "nothing copies this\n", "not-read");
    quiet("src/a.txt", "a\n", "same-content");
    let dockerfile = fs::read_to_string(desk.path("app/Dockerfile")).expect("a file");
    quiet("Dockerfile", &format!("# a comment\n{dockerfile}"), "same-plan");
    reach(&desk, &watch, "edited\n");
    watch.wait("build-finished");
    assert_eq!(calls(&desk), 2);
}

#[test]
fn an_edit_taken_back_is_built_again_though_every_step_is_cached() {
    let desk = Desk::new(PASSES, PLAYS);
    let watch = Watch::start(&desk, &[]);
    watch.wait("build-finished");
    reach(&desk, &watch, "edited\n");
    watch.wait("build-finished");
    save(&desk, "src/a.txt", "a\n");
    let prediction = watch.wait("prediction");
    assert_eq!(prediction["steps"], serde_json::json!([]));
    watch.wait("build-finished");
    assert_eq!(calls(&desk), 3);
}

#[test]
fn saves_during_a_build_lead_to_one_more() {
    let desk = Desk::new(PASSES, PLAYS);
    fs::write(desk.path("hold"), "").expect("a file");
    let watch = Watch::start(&desk, &[]);
    watch.wait("build-started");
    reach(&desk, &watch, "one\n");
    reach(&desk, &watch, "two\n");
    fs::remove_file(desk.path("hold")).expect("a file");
    watch.wait("build-finished");
    watch.wait("build-started");
    watch.wait("build-finished");
    let (status, left) = watch.end();
    assert_eq!((status, left, calls(&desk)), (Some(0), Vec::new(), 2));
}

#[test]
fn a_change_can_stop_the_build_it_reaches() {
    let desk = Desk::new(PASSES, PLAYS);
    fs::write(desk.path("hold"), "").expect("a file");
    let watch = Watch::start(&desk, &["--on-change", "restart"]);
    watch.wait("build-started");
    save(&desk, "README.md", "nothing copies this\n");
    assert_eq!(watch.wait("change")["effect"], "not-read");
    // The build that is stopped waits; the next one need not.
    reach(&desk, &watch, "edited\n");
    let stopped = watch.wait("build-finished");
    assert_eq!(stopped["end"], "interrupted");
    fs::remove_file(desk.path("hold")).expect("a file");
    assert_eq!(watch.wait("build-finished")["end"], "succeeded");
    assert_eq!(calls(&desk), 2);
}

#[test]
fn a_build_that_was_stopped_leaves_nothing_to_rely_on() {
    let desk = Desk::new(PASSES, PLAYS);
    let watch = Watch::start(&desk, &["--on-change", "restart"]);
    watch.wait("build-finished");
    fs::write(desk.path("hold"), "").expect("a file");
    reach(&desk, &watch, "edited\n");
    watch.wait("build-started");
    // Taken back: it may have been tagged already.
    reach(&desk, &watch, "a\n");
    assert_eq!(watch.wait("build-finished")["end"], "interrupted");
    fs::remove_file(desk.path("hold")).expect("a file");
    assert_eq!(watch.wait("build-finished")["end"], "succeeded");
    assert_eq!(calls(&desk), 3);
}

#[test]
fn a_save_beside_a_broken_dockerfile_is_built_when_that_is_whole_again() {
    let desk = Desk::new(PASSES, PLAYS);
    let watch = Watch::start(&desk, &[]);
    watch.wait("build-finished");
    let dockerfile = fs::read_to_string(desk.path("app/Dockerfile")).expect("a file");
    fs::write(desk.path("hold"), "").expect("a file");
    reach(&desk, &watch, "one\n");
    watch.wait("build-started");
    reach(&desk, &watch, "two\n");
    save(&desk, "Dockerfile", &format!("{dockerfile}RUNN x\n"));
    assert_eq!(watch.next()["event"], "error");
    fs::remove_file(desk.path("hold")).expect("a file");
    while watch.next()["event"] != "build-finished" {}
    save(&desk, "Dockerfile", &dockerfile);
    while watch.next()["event"] != "build-started" {}
    assert_eq!(watch.wait("build-finished")["end"], "succeeded");
    assert_eq!(calls(&desk), 3);
}

#[test]
fn edits_made_while_nobody_watched_count() {
    let desk = Desk::new(PASSES, PLAYS);
    let watch = Watch::start(&desk, &[]);
    watch.wait("build-finished");
    assert_eq!(watch.end().0, Some(0));
    let again = Watch::start(&desk, &[]);
    assert_eq!(again.wait("prediction")["steps"], serde_json::json!([]));
    reach(&desk, &again, "edited\n");
    again.wait("build-finished");
    assert_eq!(again.end().0, Some(0));
    save(&desk, "src/a.txt", "edited while it was off\n");
    let after = Watch::start(&desk, &[]);
    assert_eq!(after.wait("prediction")["summary"]["miss"], 2);
    after.wait("build-finished");
    assert_eq!(calls(&desk), 3);
}

#[test]
fn a_broken_dockerfile_is_an_error_until_it_is_whole_again() {
    let desk = Desk::new(PASSES, PLAYS);
    let watch = Watch::start(&desk, &[]);
    watch.wait("build-finished");
    let dockerfile = fs::read_to_string(desk.path("app/Dockerfile")).expect("a file");
    save(&desk, "Dockerfile", &format!("{dockerfile}RUNN x\n"));
    let error = watch.next();
    assert!(
        error["event"] == "error" && error["message"].as_str().is_some_and(|text| text.contains("RUNN")),
        "{error}"
    );
    save(&desk, "Dockerfile", &format!("{dockerfile}LABEL a=b\n"));
    assert_eq!(watch.wait("change")["effect"], "steps");
    watch.wait("build-finished");
    assert_eq!(calls(&desk), 2);
}

#[test]
fn a_link_to_the_context_that_leads_elsewhere_is_a_change() {
    use std::os::unix::fs::symlink;
    let desk = Desk::new(PASSES, PLAYS);
    fs::create_dir_all(desk.path("next/src")).expect("a folder");
    for file in ["Dockerfile", "src/b.txt"] {
        fs::copy(desk.path("app").join(file), desk.path("next").join(file)).expect("a copy");
    }
    fs::write(desk.path("next/src/a.txt"), "of the next release\n").expect("a file");
    symlink("app", desk.path("current")).expect("a link");
    let watch = Watch::start(&desk, &["../current"]);
    watch.wait("build-finished");
    symlink("next", desk.path("new")).expect("a link");
    fs::rename(desk.path("new"), desk.path("current")).expect("another name");
    assert_eq!(watch.wait("change")["effect"], "steps");
    watch.wait("build-finished");
    fs::write(desk.path("next/src/a.txt"), "edited\n").expect("a file");
    assert_eq!(watch.wait("change")["paths"], serde_json::json!(["src/a.txt"]));
    watch.wait("build-finished");
}

#[test]
fn a_build_that_fails_is_tried_again_when_something_changes() {
    let desk = Desk::new(FAILS, &format!("{PLAYS}; exit 1"));
    let watch = Watch::start(&desk, &[]);
    let failed = watch.wait("build-finished");
    assert_eq!((&failed["end"], &failed["targets"]), (&"failed".into(), &serde_json::json!(["2"])));
    save(&desk, "README.md", "nothing copies this\n");
    assert_eq!(watch.wait("change")["effect"], "not-read");
    reach(&desk, &watch, "edited\n");
    watch.wait("build-finished");
    let (_, left) = watch.end();
    assert_eq!((left, calls(&desk)), (Vec::new(), 2));
}

#[test]
fn a_context_that_is_gone_while_it_is_built_does_not_end_the_watch() {
    let desk = Desk::new(PASSES, PLAYS);
    fs::write(desk.path("hold"), "").expect("a file");
    let watch = Watch::start(&desk, &[]);
    watch.wait("build-started");
    fs::rename(desk.path("app"), desk.path("gone")).expect("another name");
    fs::remove_file(desk.path("hold")).expect("a file");
    // Nobody can say what the engine received.
    watch.wait("error");
    fs::rename(desk.path("gone"), desk.path("app")).expect("the old name");
    save(&desk, "src/a.txt", "edited\n");
    while watch.next()["event"] != "build-finished" {}
}

#[test]
fn nothing_is_built_where_only_a_plan_is_asked_for() {
    let desk = Desk::new(PASSES, PLAYS);
    let watch = Watch::start(&desk, &["--plan-only"]);
    assert_eq!(watch.wait("ready")["builds"], false);
    reach(&desk, &watch, "edited\n");
    let (status, left) = watch.end();
    assert_eq!((status, left, calls(&desk)), (Some(0), Vec::new(), 0));
}

#[test]
fn leaves_are_built_in_one_call_with_their_tags() {
    let bake = "cat > ../definition; echo \"$*\" >> ../calls; cat \"$stream\" >&2";
    let desk = Desk::new("targets-that-share-a-stage-run-it-once", PLAYS);
    let script = fs::read_to_string(desk.path("bin/docker")).expect("a script");
    let others =
        format!("'buildx bake'*) {bake};;\n'buildx version') echo 'github.com/docker/buildx v0.13.1 x';;\n*) exit");
    desk.program("docker", &script.replace("*) exit", &others));
    let watch = Watch::start(&desk, &["--leaves", "--tag", "shop", "--exec", "true"]);
    let ready = watch.wait("ready");
    let targets = ready["targets"].as_array().expect("targets").clone();
    assert!(targets.len() > 1 && ready["unwatched"] == serde_json::json!([]), "{ready}");
    watch.wait("build-finished");
    let definition = fs::read_to_string(desk.path("definition")).expect("a definition");
    let definition: Value = serde_json::from_str(&definition).expect("JSON");
    let tagged = definition["target"]
        .as_object()
        .expect("targets")
        .values()
        .filter(|target| target["tags"] == serde_json::json!(["shop"]));
    assert_eq!((definition["target"].as_object().map(serde_json::Map::len), tagged.count()), (Some(targets.len()), 1));
    assert_eq!(calls(&desk), 1);
}

#[test]
fn what_no_record_holds_is_made_when_the_watch_begins() {
    let desk = Desk::new(PASSES, PLAYS);
    let first = Watch::start(&desk, &[]);
    first.wait("build-finished");
    drop(first);
    let quiet = Watch::start(&desk, &[]);
    quiet.wait("prediction");
    let (status, left) = quiet.end();
    assert_eq!((status, left, calls(&desk)), (Some(0), Vec::new(), 1), "all is as it was built");
    for flags in [["--tag", "shop:dev"], ["--exec", "true"], ["--output", "type=local,dest=../out"]] {
        let n_calls = calls(&desk);
        let watch = Watch::start(&desk, &flags);
        watch.wait("build-finished");
        assert_eq!((watch.end().0, calls(&desk)), (Some(0), n_calls + 1), "{flags:?}");
    }
}

fn wait_until(is_so: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it never came to that");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let desk = Desk::new(PASSES, PLAYS);
    let cases: [(&[&str], &str); 3] = [
        (&["--file", "-"], "standard input"),
        (&["--", "--target", "deps"], "behind `--`"),
        (&["--format", "json", "--output", "-"], "standard output takes the events"),
    ];
    for (flags, told) in cases {
        let refused = desk.run(&[&["watch"], flags].concat());
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains(told), "{refused:?}");
    }
}
