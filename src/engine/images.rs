//! What an image is now, asked of the engine or of its registry through docker: the digest, the layers, the part of the
//! configuration that a stage begins with. In go a reference and a platform, out comes an [`Image`] or why nobody could
//! say. Nothing is pulled. Whom to ask is a fact about the engine, see [`ImageStore`].

use anyhow::Context as _;
use planner::image::{Image, ImageConfig, ImageName, name_layers};
use serde::Deserialize;
use serde_json::Value;

use super::buildx::ask;
use super::identity::{Engine, ImageStore};
use super::socket;
use crate::fault::Fault;

const UNREADABLE: &str = "docker's answer cannot be read";

/// Asks what the image is that a build would take, one with `--pull` if `pull`.
///
/// # Errors
/// If neither the engine nor the registry, as far as the build would ask them, knows the image; the error is that of
/// the one asked last.
pub(crate) fn look_up(engine: &Engine, builder: Option<&str>, name: &ImageName, pull: bool) -> anyhow::Result<Image> {
    let own = || of_engine(engine, name);
    let registry = || of_registry(builder, name);
    match engine.images {
        ImageStore::OwnFirst if !pull => own().or_else(|_| registry()),
        ImageStore::RegistryFirst if !pull => registry().or_else(|error| own().map_err(|_| error)),
        _ => registry(),
    }
}

/// Asks the engine alone; what it does not hold is not looked up. `None` where the engine would ask the registry first.
pub(crate) fn look_up_near(engine: &Engine, name: &ImageName) -> Option<Image> {
    if engine.images == ImageStore::OwnFirst { of_engine(engine, name).ok() } else { None }
}

/// What `docker image inspect` says of one image.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    repo_digests: Option<Vec<String>>,
    os: String,
    architecture: String,
    config: Option<Config>,
    #[serde(rename = "RootFS")]
    root_fs: RootFs,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RootFs {
    layers: Option<Vec<String>>,
}

/// The configuration of an image (OCI image specification, config.md), the part that a stage begins with.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    env: Option<Vec<String>>,
    working_dir: Option<String>,
    user: Option<String>,
    shell: Option<Vec<String>>,
    on_build: Option<Vec<String>>,
}

impl Config {
    fn known(self) -> ImageConfig {
        let variable = |text: String| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (text, String::new()),
        };
        ImageConfig {
            env: self.env.unwrap_or_default().into_iter().map(variable).collect(),
            workdir: self.working_dir.unwrap_or_default(),
            user: self.user.unwrap_or_default(),
            shell: self.shell.unwrap_or_default(),
            onbuild: self.on_build.unwrap_or_default(),
        }
    }
}

fn of_engine(engine: &Engine, name: &ImageName) -> anyhow::Result<Image> {
    let is_current = engine.context.is_none();
    if let Some(image) = is_current.then(|| socket::get(&format!("/images/{}/json", name.reference))).flatten() {
        return of_inspected(serde_json::from_value(image).context(UNREADABLE)?, name);
    }
    let mut words = Vec::new();
    words.extend(engine.context.iter().flat_map(|context| ["--context", context.as_str()]));
    words.extend(["image", "inspect", "--format", "{{json .}}", &name.reference]);
    of_inspected(serde_json::from_str(&ask(&words)?).context(UNREADABLE)?, name)
}

fn of_inspected(image: Inspected, name: &ImageName) -> anyhow::Result<Image> {
    // The engine passes over an image of another platform.
    let platform = format!("{}/{}", image.os, image.architecture);
    if !is_platform(&name.platform, &platform) {
        return Err(Fault::new(format!("the engine has it for {platform}, not for {}", name.platform)).into());
    }
    let repository = repository(&name.reference);
    let digests = image.repo_digests.unwrap_or_default();
    let known = digests.iter().filter_map(|known| known.split_once('@'));
    let of_registry =
        known.into_iter().find(|(of, _)| is_repository(repository, of)).map(|(_, digest)| digest.to_owned());
    Ok(Image {
        digest: Some(of_registry.unwrap_or(image.id)),
        layers: name_layers(image.root_fs.layers.iter().flatten().map(String::as_str)),
        config: Some(image.config.unwrap_or_default().known()),
        ..Image::default()
    })
}

/// What `docker buildx imagetools inspect` says of a reference.
#[derive(Deserialize)]
struct Listed {
    manifest: Manifest,
    /// The image itself, or several by platform.
    image: Value,
}

#[derive(Deserialize)]
struct Manifest {
    digest: String,
}

#[derive(Deserialize)]
struct ListedImage {
    #[serde(default)]
    config: Config,
    rootfs: ListedLayers,
}

#[derive(Deserialize)]
struct ListedLayers {
    diff_ids: Option<Vec<String>>,
}

/// Asks the registry alone.
///
/// # Errors
/// If it does not answer, or has no such image for the platform.
pub(crate) fn of_registry(builder: Option<&str>, name: &ImageName) -> anyhow::Result<Image> {
    let mut words = vec!["buildx", "imagetools", "inspect", "--format", "{{json .}}"];
    words.extend(builder.iter().flat_map(|builder| ["--builder", *builder]));
    words.push(&name.reference);
    read_listed(&ask(&words)?, name)
}

fn read_listed(json: &str, name: &ImageName) -> anyhow::Result<Image> {
    let listed: Listed = serde_json::from_str(json).context(UNREADABLE)?;
    let image = of_platform(listed.image, &name.platform)
        .ok_or_else(|| Fault::new(format!("the registry has no image for {}", name.platform)))?;
    let image: ListedImage = serde_json::from_value(image).context(UNREADABLE)?;
    Ok(Image {
        digest: Some(listed.manifest.digest),
        layers: name_layers(image.rootfs.diff_ids.iter().flatten().map(String::as_str)),
        config: Some(image.config.known()),
        ..Image::default()
    })
}

/// The image itself, or the one of several that is for the platform.
fn of_platform(image: Value, platform: &str) -> Option<Value> {
    if image.get("rootfs").is_some() {
        return Some(image);
    }
    let Value::Object(mut images) = image else { return None };
    let exact = images.remove(platform);
    exact.or_else(|| images.into_iter().find(|(of, _)| is_platform(platform, of)).map(|(_, image)| image))
}

/// Whether an image for a platform is one for `wanted`; the variant counts where both name one.
fn is_platform(wanted: &str, of: &str) -> bool {
    wanted.split('/').zip(of.split('/')).all(|(a, b)| a == b)
}

/// A reference without tag and digest.
fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or_default();
    match name.rfind(':').filter(|colon| name[*colon..].find('/').is_none()) {
        Some(colon) => &name[..colon],
        None => name,
    }
}

/// Whether docker's short name for a repository is that of the whole one.
fn is_repository(whole: &str, short: &str) -> bool {
    let familiar = whole.strip_prefix("docker.io/").unwrap_or(whole);
    short == whole || short == familiar || Some(short) == familiar.strip_prefix("library/")
}

#[cfg(test)]
mod tests {
    use planner::image::ImageName;

    fn name(reference: &str, platform: &str) -> ImageName {
        ImageName { reference: reference.to_owned(), platform: platform.to_owned() }
    }

    #[test]
    fn an_image_of_the_engine_is_known_by_its_repositorys_digest_else_by_its_id() {
        let json = |digests: &str| {
            format!(
                r#"{{"Id":"sha256:1","RepoDigests":{digests},"Os":"linux","Architecture":"amd64",
                 "Config":{{"Env":["A=b=c"],"OnBuild":["RUN x"],"WorkingDir":"/w"}},"RootFS":{{"Layers":["sha256:a"]}}}}"#
            )
        };
        let wanted = name("docker.io/library/node:22", "linux/amd64");
        let read = |digests| super::of_inspected(serde_json::from_str(&json(digests)).unwrap(), &wanted).unwrap();
        assert_eq!(read("[]").digest.as_deref(), Some("sha256:1"));
        assert_eq!(read("null").digest.as_deref(), Some("sha256:1"));
        assert_eq!(read(r#"["mine/node@sha256:3","node@sha256:2"]"#).digest.as_deref(), Some("sha256:2"));
        let config = read("[]").config.unwrap();
        assert_eq!(config.env, [("A".to_owned(), "b=c".to_owned())]);
        assert_eq!((config.workdir.as_str(), config.onbuild.as_slice()), ("/w", ["RUN x".to_owned()].as_slice()));
        let other = name("docker.io/library/node:22", "linux/arm64");
        assert!(super::of_inspected(serde_json::from_str(&json("[]")).unwrap(), &other).is_err(), "another platform");
    }

    #[test]
    fn of_several_images_at_a_registry_the_platforms_own_is_taken() {
        let image =
            |layer: &str| format!(r#"{{"os":"linux","config":{{"User":"me"}},"rootfs":{{"diff_ids":["{layer}"]}}}}"#);
        let listed = |image: &str| format!(r#"{{"name":"x","manifest":{{"digest":"sha256:9"}},"image":{image}}}"#);
        let several = listed(&format!(r#"{{"linux/amd64":{},"linux/arm64":{}}}"#, image("a"), image("b")));
        let read = |json: &str, platform| super::read_listed(json, &name("x", platform)).map(|image| image.layers);
        let (amd, arm) = (read(&several, "linux/amd64").unwrap(), read(&several, "linux/arm64/v8").unwrap());
        assert_ne!(amd, arm);
        assert_eq!(read(&listed(&image("a")), "linux/amd64").unwrap(), amd);
        assert!(read(&several, "linux/s390x").is_err());
    }

    #[test]
    fn a_port_is_no_tag() {
        let cases = [("localhost:5000/a", "localhost:5000/a"), ("h:1/a:2", "h:1/a"), ("a/b:1@sha256:0", "a/b")];
        for (reference, repository) in cases {
            assert_eq!(super::repository(reference), repository);
        }
    }
}
