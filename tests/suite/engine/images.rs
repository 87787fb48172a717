//! Base images that no earlier build has used. The engine keeps its cache from run to run and shares it among projects;
//! a base of its own makes a case's first build as cold as it was when the case was recorded, and changes no line of it.
//!
//! In: the texts that name images, a salt. Out: the same texts naming images that [`make`] has built: the busybox base,
//! stand-ins for build tools, and one file that tells them apart.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

use crate::case::edit::Edit;
use crate::case::{Case, Files, Row, Text};

/// The repositories whose images are replaced.
const REPOSITORIES: &[&str] = &[
    "alpine:",
    "busybox:",
    "debian:",
    "gcr.io/distroless/",
    "golang:",
    "nginx:",
    "node:",
    "python:",
    "rust:",
    "stageplan/base:",
];

/// A word of a Dockerfile.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| letter.is_whitespace() || matches!(letter, '=' | ',' | '"' | '\''))
}

fn is_image(word: &str) -> bool {
    REPOSITORIES.iter().any(|repository| word.strip_prefix(repository).is_some_and(|rest| !rest.is_empty()))
}

/// The image that stands for another under a salt.
fn salted(image: &str, salt: &str) -> String {
    format!("stageplan-{salt}/{image}")
}

/// Stands for the salt in the files and commands of a walk.
pub(super) const SALT: &str = "SALT";

/// A Dockerfile with its images replaced; a stage of no image begins with a file of its own instead.
pub(super) fn salt_dockerfile(text: &str, salt: &str) -> String {
    let mut salted_text = String::new();
    for line in salt_text(text, salt).split_inclusive('\n') {
        salted_text.push_str(line);
        if line.starts_with("FROM scratch") {
            let end = if line.ends_with('\n') { "" } else { "\n" };
            salted_text.push_str(&format!("{end}COPY <<END /etc/base-image\n{salt}\nEND\n"));
        }
    }
    salted_text
}

/// A text with its images replaced.
pub(super) fn salt_text(text: &str, salt: &str) -> String {
    let text = text.replace(SALT, salt);
    let text = text.as_str();
    let mut salted_text = String::new();
    let mut rest = text;
    for word in words(text) {
        let (word, behind) = rest.split_at(word.len());
        salted_text.push_str(&if is_image(word) { salted(word, salt) } else { word.to_owned() });
        let separator = behind.chars().next().map_or(0, char::len_utf8);
        salted_text.push_str(&behind[..separator]);
        rest = &behind[separator..];
    }
    salted_text
}

/// An operation with the images of its texts replaced.
pub(super) fn salt_edit(edit: &Edit, salt: &str) -> Edit {
    let mut edit = edit.clone();
    match &mut edit {
        Edit::Dockerfile { replace, text } => {
            *replace = replace.as_ref().map(|(from, to)| (salt_text(from, salt), salt_text(to, salt)));
            *text = text.as_ref().map(|text| Text::Whole(salt_dockerfile(&text.joined(), salt)));
        }
        Edit::Write { text, .. } | Edit::WriteKeepMtime { text, .. } => {
            *text = text.as_ref().map(|text| text.replace(SALT, salt));
        }
        _ => {}
    }
    edit
}

/// The files of a case with their salt.
pub(super) fn salt_files(files: &Files, salt: &str) -> Files {
    let salted = |mut row: Row| {
        row.entry.text = row.entry.text.map(|text| text.replace(SALT, salt));
        row
    };
    Files::Rows(files.rows().into_iter().map(salted).collect())
}

/// The images that a case names, at its start or in an edit.
pub(super) fn of_case(case: &Case) -> BTreeSet<String> {
    let mut texts = vec![case.dockerfile.joined()];
    texts.extend(case.build_args.values().cloned());
    for edit in case.before.iter().flatten().chain(&case.mutation) {
        match edit {
            Edit::Dockerfile { replace, text } => {
                texts.extend(replace.iter().flat_map(|(from, to)| [from.clone(), to.clone()]));
                texts.extend(text.iter().map(Text::joined));
            }
            Edit::SetBuildArg { value, .. } => texts.extend(value.clone()),
            _ => {}
        }
    }
    texts.iter().flat_map(|text| words(text)).filter(|word| is_image(word)).map(str::to_owned).collect()
}

/// Builds the images, each with content of its own, in one call.
pub(super) fn make(wanted: &[(String, String)]) {
    if wanted.is_empty() {
        return;
    }
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/tools");
    let mut targets = Map::new();
    for (index, (image, salt)) in wanted.iter().enumerate() {
        let dockerfile = format!(
            "FROM stageplan/base:busybox\nCOPY . /usr/local/bin/\nCOPY <<END /etc/base-image\n{}\nEND\n",
            salted(image, salt)
        );
        let tags = [salted(image, salt)];
        let target = json!({ "context": tools, "dockerfile-inline": dockerfile, "tags": tags });
        targets.insert(format!("image{index}"), target);
    }
    let names: Vec<&String> = targets.keys().collect();
    let definition: Value = json!({ "group": { "default": { "targets": names } }, "target": targets });
    let mut command = Command::new("docker");
    command.args(["buildx", "bake", "--file", "-", "--progress", "plain"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("docker starts");
    let mut stdin = child.stdin.take().expect("its input is ours");
    stdin.write_all(definition.to_string().as_bytes()).expect("docker reads");
    drop(stdin);
    let output = child.wait_with_output().expect("docker ends");
    assert!(output.status.success(), "no base images:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Removes images made for these salts; what builds cached of them stays with the engine.
pub(super) fn remove(wanted: &[(String, String)]) {
    let mut command = Command::new("docker");
    command.args(["image", "rm", "--force"]).args(wanted.iter().map(|(image, salt)| salted(image, salt)));
    // Left-over images harm nobody.
    let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

#[test]
fn images_are_replaced_and_stages_are_not() {
    let text =
        "FROM node:20 AS node\nCOPY --from=busybox:1.36 a:b /\nFROM gcr.io/distroless/x\nRUN --mount=from=a,x=y\n";
    let expected = "FROM stageplan-s/node:20 AS node\nCOPY --from=stageplan-s/busybox:1.36 a:b /\n\
                    FROM stageplan-s/gcr.io/distroless/x\nRUN --mount=from=a,x=y\n";
    assert_eq!(salt_text(text, "s"), expected);
}

#[test]
fn a_stage_of_no_image_begins_with_the_salt() {
    let expected = "FROM scratch AS a\nCOPY <<END /etc/base-image\ns\nEND\nCOPY b /\n";
    assert_eq!(salt_dockerfile("FROM scratch AS a\nCOPY b /\n", "s"), expected);
}
