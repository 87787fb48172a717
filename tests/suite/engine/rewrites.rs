//! Safe rewrites on a real engine: the Dockerfile before and after make the same image, down to modes, owners and links.
//!
//! In: the projects of `optimize::generated`, with stand-ins for the installers that fail where a manifest is missing. Out:
//! two trees for each, as the engine exports them. Times do not count, and nothing has a network.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use super::live::new_salt;
use super::watching::saves::{Tree, tree};
use super::{is_here, say};
use crate::case::on_two_threads;
use crate::optimize::generated::{BASE, Generated, LINK, projects};

/// The names under which the stand-in is called.
const TOOLS: &str = "npm yarn pnpm bun pip poetry uv pipenv go bundle composer apk";

fn docker(words: &[&str]) -> Result<(), String> {
    let done = Command::new("docker").args(words).stdin(Stdio::null()).output().expect("docker starts");
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}

/// Builds the image of stand-ins under a name that no other run uses.
fn make_base(image: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let installer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/installers/installer");
    fs::copy(installer, folder.path().join("installer")).expect("a copy");
    let links = format!("for tool in {TOOLS}; do ln -s installer /usr/local/bin/$tool; done");
    let text = format!(
        "FROM stageplan/base:busybox\nCOPY --chmod=755 installer /usr/local/bin/\nRUN --network=none {links}\nENV TZ={image}\n"
    );
    fs::write(folder.path().join("Dockerfile"), text).expect("a file");
    let context = folder.path().display().to_string();
    docker(&["buildx", "build", "--load", "--tag", image, &context]).expect("a base image");
}

/// What an image holds, and who owns it.
fn built(dockerfile: &str, context: &Path, folder: &Path) -> Result<(Tree, BTreeSet<String>), String> {
    fs::create_dir_all(folder).expect("a folder");
    let (file, tar, files) = (folder.join("Dockerfile"), folder.join("image.tar"), folder.join("files"));
    fs::write(&file, dockerfile).expect("a file");
    fs::create_dir(&files).expect("a folder");
    let (file, context) = (file.display().to_string(), context.display().to_string());
    let output = format!("type=tar,dest={}", tar.display());
    docker(&["buildx", "build", "--network", "none", "--output", &output, "--file", &file, &context])?;
    let unpacked = Command::new("tar")
        .args(["--warning=no-timestamp", "-xpf"])
        .arg(&tar)
        .arg("-C")
        .arg(&files)
        .status()
        .expect("tar starts");
    assert!(unpacked.success());
    let listed = Command::new("tar").args(["--numeric-owner", "-tvf"]).arg(&tar).output().expect("tar starts");
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    // Mode and owner, then size, date and time, then the name.
    let owned = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        [&words[..2], &words[5..]].concat().join(" ")
    });
    Ok((tree(&files), owned.collect()))
}

fn check(project: &Generated, image: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let context = folder.path().join(image.replace(['/', ':'], "-"));
    for (path, text) in &project.files {
        let path = context.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    symlink(LINK.1, context.join(LINK.0)).expect("a link");
    let build = |name: &str, text: &str| built(&text.replace(BASE, image), &context, &folder.path().join(name));
    let before = build("before", &project.before)?;
    let after = build("after", &project.after).map_err(|error| format!("{}\n{error}", project.after))?;
    if before.0.len() < 10 {
        return Err("hardly anything was exported".to_owned());
    }
    let paths = before.0.keys().chain(after.0.keys());
    let mut differ: BTreeSet<String> =
        paths.filter(|path| before.0.get(*path) != after.0.get(*path)).cloned().collect();
    differ.extend(before.1.symmetric_difference(&after.1).cloned());
    if differ.is_empty() { Ok(()) } else { Err(format!("{}\n{differ:?}", project.after)) }
}

#[test]
fn safe_rewrites_make_the_same_images() {
    if !is_here() {
        return;
    }
    let image = format!("stageplan-{}/installers:busybox", new_salt());
    make_base(&image);
    let rewritten: Vec<Generated> = projects().into_iter().filter(|project| project.before != project.after).collect();
    let answers =
        on_two_threads(&rewritten, |project| check(project, &image).map_err(|why| format!("{}: {why}", project.name)));
    // A left-over image harms nobody.
    let _ = docker(&["image", "rm", "--force", &image]);
    let wrong: Vec<String> = answers.into_iter().filter_map(Result::err).collect();
    say(&format!("{} rewritten Dockerfiles built before and after", rewritten.len()));
    assert!(rewritten.len() >= 50 && wrong.is_empty(), "{} of {}\n{}", wrong.len(), rewritten.len(), wrong.join("\n"));
}
