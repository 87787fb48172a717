//! A tag that moves from one image to another between two builds, on a real engine. In: two images of the engine. Out: what
//! is said of the tag, and that the engine executes the steps of which it was said.

use std::process::Command;

use super::live::{Built, Live, new_salt};
use super::{images, is_here};
use crate::case::{Case, Text};

const V1: &str = "stageplan/base:v1";
const V2: &str = "stageplan/base:v2";
const TAG: &str = "stageplan/base:moving";

/// Lets the tag name an image.
fn tag(image: &str, salt: &str) {
    let words = [images::salt_text(image, salt), images::salt_text(TAG, salt)];
    let status = Command::new("docker").arg("tag").args(words).status().expect("docker starts");
    assert!(status.success(), "no tag for {image}");
}

/// Each step of a build: what was predicted and what was observed.
fn told(built: &Built) -> Vec<(&str, &str)> {
    built.steps.iter().map(|step| (step.predicted.as_deref().unwrap_or("nothing"), step.observed.as_str())).collect()
}

#[test]
fn steps_upon_a_tag_that_moved_are_executed_as_foreseen() {
    if !is_here() {
        return;
    }
    let salt = new_salt();
    let wanted: Vec<(String, String)> = [V1, V2].iter().map(|image| ((*image).to_owned(), salt.clone())).collect();
    images::make(&wanted);
    tag(V1, &salt);
    let dockerfile = format!("FROM {TAG}\nRUN cat /etc/base-image > /copy\nWORKDIR /app\nRUN pwd\n");
    let live = Live::lay_out(&Case { dockerfile: Text::Whole(dockerfile), ..Case::default() }, &salt);
    live.build().expect("a build");
    assert!(live.explain_text(&["--resolve"]).contains("all 3 steps will come from the cache"));
    tag(V2, &salt);
    assert!(live.explain_text(&[]).contains("not looked up, taken as unmoved"));
    let text = live.explain_text(&["--resolve", "--verbose"]);
    let moved = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(moved.contains(":moving moved from sha256:") && moved.contains("3 of 3 steps will run"), "{text}");
    let built = live.build().expect("a build");
    assert_eq!(told(&built), [("miss", "ran"); 3], "the engine ran what was foreseen");
    tag(V1, &salt);
    let built = live.build().expect("a build");
    assert_eq!(told(&built), [("hit", "cached"); 3], "the tag moved back");
    images::remove(&[wanted, vec![(TAG.to_owned(), salt)]].concat());
}

#[test]
fn an_image_that_is_only_copied_from_is_the_one_that_moved() {
    if !is_here() {
        return;
    }
    let salt = new_salt();
    let base = "stageplan/base:still";
    let wanted: Vec<(String, String)> =
        [V1, V2, base].iter().map(|image| ((*image).to_owned(), salt.clone())).collect();
    images::make(&wanted);
    tag(V1, &salt);
    let dockerfile = format!("FROM {base}\nCOPY --from={TAG} /etc/base-image /v\nRUN cat /v\n");
    let live = Live::lay_out(&Case { dockerfile: Text::Whole(dockerfile), ..Case::default() }, &salt);
    live.build().expect("a build");
    tag(V2, &salt);
    let text = live.explain_text(&["--resolve", "--verbose"]);
    let told = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(":moving moved from sha256:"), "{text}");
    assert!(!told.contains("may be the image"), "{text}");
    images::remove(&[wanted, vec![(TAG.to_owned(), salt)]].concat());
}
