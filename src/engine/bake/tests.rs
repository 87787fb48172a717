//! What bake is asked for, read back from the definition.

use clap::Parser;
use serde_json::{Value, json};

use super::{Asked, Version};
use crate::args::{ImageArgs, ProjectArgs};

#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    image: ImageArgs,
}

/// The words and the definition for two stages, or what the refusal says.
fn plan(buildx: &str, words: &[&str]) -> Result<(Vec<String>, Value), String> {
    let typed = Typed::parse_from(["build"].iter().chain(words));
    let flags = typed.project.flags().unwrap();
    let stages = vec!["a.b".to_owned(), "c".to_owned()];
    let asked = Asked { project: &typed.project, flags: &flags, image: &typed.image, stages, stdin: None };
    let (words, definition) = asked.plan(&Version::parse(buildx)).map_err(|fault| fault.to_string())?;
    let words = words.into_iter().map(|word| word.into_string().unwrap()).collect();
    Ok((words, serde_json::from_str(&definition).unwrap()))
}

const OLD: &str = "github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3";
const NEW: &str = "github.com/docker/buildx v0.29.1 a32761a";

#[test]
fn versions_are_read_as_distributions_write_them() {
    assert!(Version::parse(NEW).is_at_least(0, 29) && !Version::parse(NEW).is_at_least(0, 30));
    assert!(Version::parse(OLD).is_at_least(0, 13) && !Version::parse(OLD).is_at_least(0, 14));
    for odd in ["", "github.com/docker/buildx v0.0.0+unknown", "github.com/docker/buildx 7f3a2b1"] {
        assert!(!Version::parse(odd).is_at_least(0, 0), "{odd}");
    }
}

#[test]
fn a_network_goes_only_to_a_buildx_that_passes_it_on() {
    let refused = plan(OLD, &["--network", "host"]).unwrap_err();
    assert!(refused.contains("since buildx 0.18") && refused.contains("0.13"), "{refused}");
    assert!(plan("docker/buildx v0.0.0+unknown", &["--network", "none"]).unwrap_err().contains("unknown version"));
    // What `default` asks for is what every version does.
    assert!(plan(OLD, &["--network", "default"]).unwrap().1["target"]["c"].get("network").is_none());
    let (words, definition) = plan(NEW, &["--network", "host"]).unwrap();
    assert_eq!(definition["target"]["c"]["network"], "host");
    assert_eq!(words, ["--allow=fs=*", "--allow=network.host"]);
    assert!(!plan(NEW, &["--network", "none"]).unwrap().0.contains(&"--allow=network.host".to_owned()));
    assert!(plan(OLD, &[]).unwrap().0.is_empty());
}

#[test]
fn what_bake_cannot_do_or_targets_would_overwrite_is_refused() {
    let refused: &[&[&str]] = &[
        &["--add-host", "a:1.2.3.4"],
        &["--cgroup-parent", "g"],
        &["--output", "out"],
        &["--output", "-"],
        &["--output", "type=local,dest=out"],
        &["--output", "type=image,name=x,push=true"],
        &["--cache-to", "type=local,dest=x"],
        &["--cache-to", "registry.example/x"],
        &["--tag", "x"],
        &["--", "--iidfile", "x"],
        &["--", "--attest", "type=sbom"],
        &["--", "--annotation", "a=b"],
        &["--", "--allow", "security.insecure"],
        &["--", "--output=x"],
        &["--", "--set", "*.args.A=b"],
    ];
    for words in refused {
        let told = plan(NEW, words).expect_err("a refusal");
        assert!(told.contains("several targets"), "{words:?}: {told}");
    }
}

/// Every flag that bake takes from us.
const ALL: &[&str] = &[
    "--secret",
    "id=s,src=x",
    "--ssh",
    "default",
    "--ulimit",
    "nofile=9",
    "--shm-size",
    "64m",
    "--no-cache-filter",
    "c",
    "--platform",
    "linux/amd64",
    "--label",
    "l",
    "--build-arg",
    "A=${B}",
    "--build-arg",
    "STAGEPLAN_UNSET",
    "--cache-from",
    "type=local,src=x",
    "--cache-to",
    "type=inline",
    "--output",
    "type=docker",
    "--push",
    "--pull",
    "--tag",
    "a.b=x:1",
    "--builder",
    "other",
    "ctx",
    "--",
    "--provenance",
    "false",
    "--sbom=true",
    "--metadata-file=m.json",
    "--no-cache",
];

#[test]
fn each_target_is_asked_what_one_target_would_be() {
    let (words, definition) = plan(OLD, ALL).unwrap();
    assert_eq!(
        words,
        [
            "--builder",
            "other",
            "--pull=true",
            "--push",
            "--provenance",
            "false",
            "--sbom=true",
            "--metadata-file=m.json"
        ]
    );
    let mut expected = json!({
        "context": "ctx", "target": "c", "secret": ["id=s,src=x"], "ssh": ["default"], "ulimits": ["nofile=9"],
        "shm-size": "64m", "no-cache-filter": ["c"], "platforms": ["linux/amd64"], "labels": { "l": "" },
        "args": { "A": "$${B}" }, "cache-from": ["type=local,src=x"], "cache-to": ["type=inline"],
        "output": ["type=docker"], "no-cache": true,
    });
    assert_eq!(definition["target"]["c"], expected);
    expected["target"] = json!("a.b");
    expected["tags"] = json!(["x:1"]);
    assert_eq!(definition["target"]["a_b"], expected);
    assert_eq!(definition["group"]["default"]["targets"], json!(["a_b", "c"]));
}
