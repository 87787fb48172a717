//! What is known of the images that a build reads: which layers they have and how they are configured. A tag names one
//! image today and another tomorrow; BuildKit's cache knows an image by its manifest and by its layers, so that an image
//! is the same under any name. In go the answers of an engine or a registry, now or at an earlier build; whom to ask,
//! and whether to, is decided by who makes the request.

use serde::{Deserialize, Serialize};

use crate::digest::Hasher;

/// An image as a build asks for it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ImageName {
    /// The normalised reference, such as `docker.io/library/node:22-alpine`.
    pub reference: String,
    /// The platform it is taken for, such as `linux/amd64`.
    pub platform: String,
}

/// What is known of an image.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Image {
    /// The digest that a registry, else the engine, knows it by: `sha256:` and hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What names its layers, see [`name_layers`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<String>,
    /// What a stage upon it begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ImageConfig>,
    /// How builds that were recorded before anything was known of the reference stand to it.
    #[serde(skip)]
    pub before: Before,
    /// Whether it was looked up for this very request.
    #[serde(skip)]
    pub is_looked_up: bool,
}

/// The part of an image's configuration that a stage begins with.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ImageConfig {
    /// `NAME=value`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
    /// The working folder; empty means `/`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub workdir: String,
    /// The user; empty means root.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The shell of shell-form instructions; empty means `/bin/sh -c`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shell: Vec<String>,
    /// The triggers, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub onbuild: Vec<String>,
}

/// Which image a reference named when nobody looked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Before {
    /// This one: it was the first that was found under the reference, and is taken as unmoved until then.
    #[default]
    This,
    /// Another one.
    Another,
    /// One of another digest, which may have the same layers.
    Unclear,
}

impl Image {
    /// How this image stands to the first one that was found under its reference.
    #[must_use]
    pub fn after(&self, first: Option<&Self>) -> Before {
        let Some(first) = first else { return Before::This };
        let digests = self.digest.as_ref().zip(first.digest.as_ref());
        if digests.is_some_and(|(a, b)| a == b) {
            return Before::This;
        }
        match self.layers.as_ref().zip(first.layers.as_ref()) {
            Some((a, b)) if a == b => Before::This,
            Some(_) => Before::Another,
            None if digests.is_some() => Before::Unclear,
            None => Before::This,
        }
    }
}

/// What names a stack of layers, by the digests of their uncompressed archives, lowest first; `None` without layers.
/// It is ours, and as good as BuildKit's chain id: equal for equal layers.
#[must_use]
pub fn name_layers<'a>(layers: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut layers = layers.into_iter().peekable();
    layers.peek()?;
    let mut hasher = Hasher::new("layers");
    for layer in layers {
        hasher.text(layer);
    }
    Some(hasher.finish().to_string())
}
