//! Base images looked up with `--resolve` and `--pull`, against a docker that only knows images.
//!
//! In: a Dockerfile and the images that its references name before and after. Out: what is predicted, and whom the program
//! asked for it.

use serde_json::{Value, json};

use crate::case::docker::FakeDocker;
use crate::case::docker::Where::{Engine, Registry};
use crate::case::edit::Edit;
use crate::case::project::{Answer, Project};
use crate::case::{Case, Text};

const NODE: &str = "docker.io/library/node:22";

/// A project in front of a docker.
struct Desk {
    project: Project,
    docker: FakeDocker,
}

impl Desk {
    fn new(dockerfile: &str) -> Self {
        Self::with_driver(dockerfile, "docker")
    }

    fn with_driver(dockerfile: &str, driver: &str) -> Self {
        let case = Case { dockerfile: Text::Whole(dockerfile.to_owned()), ..Case::default() };
        let mut project = Project::lay_out(&case, "docker-legacy");
        project.apply(&Edit::Write { path: "a".to_owned(), text: Some("a\n".to_owned()), b64: None, mode: None });
        let docker = FakeDocker::new(driver);
        project.apply(&Edit::SetEnv { name: "PATH".to_owned(), value: docker.path() });
        Self { project, docker }
    }

    fn replace(&mut self, from: &str, to: &str) {
        self.project.apply(&Edit::Dockerfile { replace: Some((from.to_owned(), to.to_owned())), text: None });
    }

    fn run(&self, words: &[&str]) -> Answer {
        let answer = self.project.run(words[0], &words[1..]);
        assert_eq!(answer.code, Some(0), "{words:?}: {}", answer.stderr);
        answer
    }

    /// `KEYWORD status` of each used step.
    fn statuses(&self, flags: &[&str]) -> Vec<String> {
        let report: Value = self.json(flags);
        let stages = report["stages"].as_array().expect("stages").iter();
        let steps = stages.flat_map(|stage| stage["instructions"].as_array().expect("instructions"));
        let word = |step: &Value, key: &str| step[key].as_str().unwrap_or_default().to_owned();
        let used = steps.filter(|step| !matches!(step["status"].as_str(), Some("none" | "unused")));
        used.map(|step| format!("{} {}", word(step, "keyword"), word(step, "status"))).collect()
    }

    fn json(&self, flags: &[&str]) -> Value {
        let words: Vec<&str> = ["explain", "--format", "json"].iter().chain(flags).copied().collect();
        serde_json::from_slice(&self.run(&words).stdout).expect("JSON")
    }
}

/// An image of one layer.
fn image(n: u32, config: &Value) -> Value {
    let mut image = json!({ "digest": format!("sha256:{n:064x}"), "layers": [format!("sha256:{n}")] });
    let more = config.as_object().cloned().unwrap_or_default();
    image.as_object_mut().expect("an object").extend(more);
    image
}

#[test]
fn nobody_is_asked_without_a_flag_that_says_so() {
    let desk = Desk::new("FROM node:22\nRUN one\n");
    for words in [["record"], ["plan"], ["explain"], ["graph"], ["context"]] {
        desk.run(&words);
    }
    assert_eq!(desk.docker.calls(), "");
    desk.docker.put(Engine, NODE, &image(1, &json!({})));
    let asked = desk.run(&["explain", "--resolve"]);
    assert!(desk.docker.calls().contains(&format!("image inspect --format {{{{json .}}}} {NODE}")));
    assert!(!asked.text().contains("not looked up") && asked.stderr.is_empty(), "{}{}", asked.text(), asked.stderr);
}

#[test]
fn a_tag_that_moved_runs_every_step_and_one_that_did_not_runs_none() {
    let desk = Desk::new("FROM node:22\nCOPY a /a\nRUN one\n");
    desk.docker.put(Engine, NODE, &image(1, &json!({ "Env": ["PATH=/x", "NODE_VERSION=22.1"] })));
    desk.run(&["record", "--resolve"]);
    assert_eq!(desk.statuses(&["--resolve"]), ["COPY hit", "RUN hit"]);
    desk.docker.put(Engine, NODE, &image(2, &json!({ "Env": ["PATH=/x", "NODE_VERSION=22.2"] })));
    assert_eq!(desk.statuses(&["--resolve"]), ["COPY miss", "RUN miss"]);
    let cause = &desk.json(&["--resolve"])["stages"][0]["instructions"][1]["causes"][0];
    let digest = |n: u32| format!("sha256:{n:064x}");
    let expected =
        json!({ "kind": "base-image-changed", "name": NODE, "detail": "moved", "old": digest(1), "new": digest(2) });
    assert_eq!(*cause, expected);
    // Nobody looked: it is taken as unmoved, with the configuration that was found last.
    assert_eq!(desk.statuses(&[]), ["COPY hit", "RUN hit"]);
    assert!(desk.run(&["explain"]).text().contains("not looked up, taken as unmoved: node:22"));
    desk.run(&["record", "--resolve"]);
    desk.docker.put(Engine, NODE, &image(1, &json!({ "Env": ["PATH=/x", "NODE_VERSION=22.1"] })));
    assert_eq!(desk.statuses(&["--resolve"]), ["COPY hit", "RUN hit"], "the tag moved back");
}

#[test]
fn a_build_recorded_without_a_look_is_one_upon_the_image_found_first() {
    let mut desk = Desk::new("FROM node:22\nWORKDIR app\nCOPY a .\nRUN one $V\n");
    let configured = json!({ "Env": ["V=1"], "WorkingDir": "/w", "User": "node" });
    desk.run(&["record"]);
    desk.docker.put(Engine, NODE, &image(1, &configured));
    assert_eq!(desk.statuses(&["--resolve"]), ["WORKDIR hit", "COPY hit", "RUN hit"]);
    desk.run(&["record", "--resolve"]);
    desk.replace("one", "two");
    let causes = desk.json(&["--resolve"])["stages"][0]["instructions"][3]["causes"].clone();
    assert_eq!(causes.as_array().expect("causes").len(), 1, "the image's variables are no news: {causes}");
    desk.replace("two", "one");
    desk.docker.put(Engine, NODE, &image(2, &configured));
    assert_eq!(desk.statuses(&["--resolve"]), ["WORKDIR miss", "COPY miss", "RUN miss"]);
}

#[test]
fn an_edit_after_the_first_look_is_the_only_news() {
    let mut desk = Desk::new("FROM node:22\nRUN one\nRUN two\n");
    desk.run(&["record"]);
    desk.docker.put(Engine, NODE, &image(1, &json!({ "Env": ["V=1"] })));
    desk.replace("two", "three");
    let report = desk.json(&["--resolve"]);
    let causes = report["stages"][0]["instructions"][2]["causes"].as_array().expect("causes").clone();
    let kinds: Vec<_> = causes.iter().map(|cause| cause["kind"].as_str().unwrap_or_default()).collect();
    assert_eq!(
        (desk.statuses(&["--resolve"])[0].as_str(), kinds.as_slice()),
        ("RUN hit", ["instruction-edited"].as_slice())
    );
}

#[test]
fn equal_layers_under_another_configuration_keep_what_does_not_depend_on_it() {
    let desk = Desk::new("FROM node:22\nCOPY a /a\nRUN one\nCOPY a .\n");
    desk.docker.put(Engine, NODE, &image(1, &json!({})));
    desk.run(&["record", "--resolve"]);
    let mut moved = image(1, &json!({ "Env": ["V=1"] }));
    moved["digest"] = json!("sha256:2");
    desk.docker.put(Engine, NODE, &moved);
    assert_eq!(desk.statuses(&["--resolve"]), ["COPY hit", "RUN miss", "COPY miss"]);
    let kinds = desk.json(&["--resolve"])["stages"][0]["instructions"][2]["causes"].clone();
    assert_eq!((&kinds[0]["detail"], &kinds[1]["name"]), (&json!("moved"), &json!("V")));
    moved = image(1, &json!({ "Labels": { "a": "b" } }));
    moved["digest"] = json!("sha256:3");
    desk.docker.put(Engine, NODE, &moved);
    assert_eq!(desk.statuses(&["--resolve"]), ["COPY hit", "RUN hit", "COPY hit"], "only a label");
}

#[test]
fn triggers_and_variables_of_the_image_count_from_the_first_look_on() {
    let desk = Desk::new("FROM node:22\nENV PATH=$PATH:/mine\nCOPY a $HOME_OF/\nRUN one\n");
    let triggers = json!(["COPY --from=tools:1 /t /t", "RUN two"]);
    desk.docker.put(Engine, NODE, &image(1, &json!({ "Env": ["PATH=/x", "HOME_OF=/h"], "OnBuild": triggers })));
    desk.docker.put(Engine, "docker.io/library/tools:1", &image(7, &json!({})));
    desk.run(&["record", "--resolve"]);
    assert_eq!(desk.statuses(&[]), ["COPY hit", "RUN hit", "COPY hit", "RUN hit"]);
    let report = desk.json(&[]);
    assert_eq!(report["stages"][0]["instructions"][1]["trigger"], json!(true));
    // An image that only a trigger names is looked up, too.
    desk.docker.put(Engine, "docker.io/library/tools:1", &image(8, &json!({})));
    assert!(
        desk.statuses(&["--resolve"]).iter().all(|step| !step.ends_with("hit")),
        "{:?}",
        desk.statuses(&["--resolve"])
    );
    desk.docker.put(Engine, "docker.io/library/tools:1", &image(7, &json!({})));
    let fewer = json!({ "Env": ["PATH=/x", "HOME_OF=/other"], "OnBuild": triggers });
    desk.docker.put(Engine, NODE, &image(1, &fewer));
    assert_eq!(desk.statuses(&["--resolve"]), ["COPY hit", "RUN miss", "COPY miss", "RUN miss"]);
}

#[test]
fn whom_to_ask_is_as_in_a_build() {
    let (old, new) = (image(1, &json!({})), image(2, &json!({})));
    let recorded = |driver: &str| {
        let desk = Desk::with_driver("FROM node:22\nRUN one\n", driver);
        desk.docker.put(Engine, NODE, &old);
        desk.docker.put(Registry, NODE, &old);
        desk.run(&["record", "--resolve"]);
        desk.docker.put(Registry, NODE, &new);
        desk
    };
    let desk = recorded("docker");
    assert_eq!(desk.statuses(&["--resolve"]), ["RUN hit"], "the engine's own image is taken");
    assert_eq!(desk.statuses(&["--pull"]), ["RUN miss"], "unless it is to be pulled");
    assert_eq!(desk.statuses(&["--pull=false"]), ["RUN hit"]);
    desk.docker.remove(Engine, NODE);
    assert_eq!(desk.statuses(&["--resolve"]), ["RUN miss"], "what the engine does not hold is the registry's");
    assert_eq!(recorded("docker-container").statuses(&["--resolve"]), ["RUN miss"], "a container has no store");
}

#[test]
fn an_image_that_cannot_be_looked_up_is_taken_as_unmoved() {
    let mut desk = Desk::new("FROM node:22\nRUN one\n");
    desk.docker.put(Engine, NODE, &image(1, &json!({ "Env": ["V=1"] })));
    desk.run(&["record", "--resolve"]);
    desk.docker.remove(Engine, NODE);
    let told = desk.run(&["explain", "--resolve"]);
    assert_eq!(told.stderr.matches("cannot look up").count(), 1, "{}", told.stderr);
    assert!(
        told.stderr.contains("no such host") && told.text().contains("taken as unmoved: node:22"),
        "{}",
        told.stderr
    );
    assert_eq!(desk.statuses(&["--resolve"]), ["RUN hit"]);
    let nowhere = tempfile::tempdir().expect("a folder");
    let value = nowhere.path().display().to_string();
    desk.project.apply(&Edit::SetEnv { name: "PATH".to_owned(), value });
    let told = desk.run(&["explain", "--pull"]);
    assert!(told.stderr.contains("there is no `docker` program here"), "{}", told.stderr);
    assert_eq!(desk.statuses(&["--pull"]), ["RUN hit"]);
}

#[test]
fn secrets_of_an_image_are_compared_and_never_kept() {
    let desk = Desk::new("FROM node:22\nRUN one\n");
    let with = |token: &str| image(1, &json!({ "Env": ["PATH=/x", format!("NPM_TOKEN={token}")] }));
    desk.docker.put(Engine, NODE, &with("hunter2hunter2"));
    desk.run(&["record", "--resolve"]);
    for file in crate::case::project::below(&desk.project.state()).iter().filter(|path| path.is_file()) {
        let bytes = std::fs::read(file).expect("a file");
        assert!(!bytes.windows(14).any(|window| window == b"hunter2hunter2"), "{}", file.display());
    }
    assert_eq!(
        (desk.statuses(&[]), desk.statuses(&["--resolve"])),
        (vec!["RUN hit".to_owned()], vec!["RUN hit".to_owned()])
    );
    desk.docker.put(Engine, NODE, &with("swordfish-swordfish"));
    assert_eq!(desk.statuses(&["--resolve"]), ["RUN miss"]);
}

#[test]
fn a_tag_that_was_never_looked_up_may_be_one_that_was() {
    let mut desk = Desk::new("FROM node:22\nCOPY a /a\nRUN one\n");
    desk.docker.put(Engine, NODE, &image(1, &json!({ "Env": ["V=1"] })));
    desk.run(&["record", "--resolve"]);
    desk.replace("node:22", "node:22.11");
    assert_eq!(desk.statuses(&[]), ["COPY unknown", "RUN unknown"]);
    desk.docker.put(Engine, "docker.io/library/node:22.11", &image(1, &json!({ "Env": ["V=1"] })));
    assert_eq!(desk.statuses(&["--resolve"]), ["COPY hit", "RUN hit"], "it is the same image");
    desk.docker.put(Engine, "docker.io/library/node:22.11", &image(2, &json!({ "Env": ["V=1"] })));
    assert_eq!(desk.statuses(&["--resolve"]), ["COPY miss", "RUN miss"], "it is another one");
}
