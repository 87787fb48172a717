//! A docker that knows images and nothing else: a script that answers `image inspect` as an engine does and
//! `buildx imagetools inspect` as a registry does, from files. It notes what it was asked.
//!
//! In: images by reference, as short JSON. Out: a folder to put on PATH, and the list of questions.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The program: files named by reference, with `_` for what file names dislike.
const SCRIPT: &str = r#"#!/bin/sh
cd "$(dirname "$0")/.." && printf '%s\n' "$*" >>calls
for reference; do :; done
file=$(printf %s "$reference" | tr '/:@' ___)
case "$*" in
--version) echo 'Docker version 28.5.2' ;;
'buildx inspect'*) cat driver ;;
info*) printf '28.5.2\n[["Backing Filesystem","extfs"]]\n' ;;
'image inspect'*) cat "engine/$file" 2>/dev/null || { echo "Error: No such image: $reference" >&2; exit 1; } ;;
'buildx imagetools'*) cat "registry/$file" 2>/dev/null || { echo "ERROR: lookup registry: no such host" >&2; exit 1; } ;;
*) exit 64 ;;
esac
"#;

/// Where an image is.
#[derive(Clone, Copy)]
pub(crate) enum Where {
    Engine,
    Registry,
}

/// The program and what it knows.
pub(crate) struct FakeDocker {
    dir: TempDir,
}

impl FakeDocker {
    /// A docker whose builder has that driver.
    pub(crate) fn new(driver: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for folder in ["bin", "engine", "registry"] {
            fs::create_dir(dir.path().join(folder)).expect("a folder");
        }
        let program = dir.path().join("bin/docker");
        fs::write(&program, SCRIPT).expect("a script");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
        fs::write(dir.path().join("driver"), format!("Driver: {driver}\nEndpoint: default\n")).expect("a file");
        Self { dir }
    }

    /// The value of PATH under which it is found first.
    pub(crate) fn path(&self) -> String {
        format!("{}:/usr/bin:/bin", self.dir.path().join("bin").display())
    }

    /// The image behind a normalised reference from now on. `image` has `digest`, `layers`, and of the configuration
    /// `Env`, `WorkingDir`, `User`, `Shell`, `OnBuild` as they are there.
    pub(crate) fn put(&self, place: Where, reference: &str, image: &Value) {
        let (folder, answer) = match place {
            Where::Engine => ("engine", inspected(image)),
            Where::Registry => ("registry", listed(image)),
        };
        fs::write(self.file(folder, reference), answer.to_string()).expect("a file");
    }

    /// Forgets an image.
    pub(crate) fn remove(&self, place: Where, reference: &str) {
        let folder = if matches!(place, Where::Engine) { "engine" } else { "registry" };
        fs::remove_file(self.file(folder, reference)).expect("an image that is there");
    }

    fn file(&self, folder: &str, reference: &str) -> PathBuf {
        Path::new(self.dir.path()).join(folder).join(reference.replace(['/', ':', '@'], "_"))
    }

    /// What it was asked so far, one question a line.
    pub(crate) fn calls(&self) -> String {
        fs::read_to_string(self.dir.path().join("calls")).unwrap_or_default()
    }
}

/// Where no engine listens: stand-ins are asked through docker's command line alone.
pub(crate) const NO_SOCKET: (&str, &str) = ("DOCKER_HOST", "unix:///nonexistent/docker.sock");

fn inspected(image: &Value) -> Value {
    json!({ "Id": image["digest"], "RepoDigests": [], "Os": "linux", "Architecture": machine(), "Config": image,
            "RootFS": { "Layers": image["layers"] } })
}

fn listed(image: &Value) -> Value {
    let image_of = |architecture: &str| json!({ "os": "linux", "architecture": architecture, "config": image, "rootfs": { "diff_ids": image["layers"] } });
    let images = json!({ "linux/s390x": { "rootfs": { "diff_ids": ["sha256:other"] } },
                         (format!("linux/{}", machine())): image_of(machine()) });
    json!({ "name": "x", "manifest": { "digest": image["digest"] }, "image": images })
}

/// This machine's architecture in docker's words.
fn machine() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
