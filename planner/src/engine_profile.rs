//! The few rules in which engines differ, as data. A profile is chosen by preset name; nothing else in
//! the program asks for an engine's version.

use serde::{Deserialize, Serialize};

/// How one kind of engine reads Dockerfiles and computes keys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EngineProfile {
    /// The preset's name.
    pub name: String,
    /// The Dockerfile frontend's version, major and minor.
    pub frontend: (u32, u32),
    /// What enters the digest of a wildcard's matches beside their content.
    pub wildcard_names: WildcardNames,
    /// Whether the engine can merge layers, so that `COPY --link` stands on its own.
    pub merges_layers: bool,
}

/// How the matches of a wildcard, include or exclude pattern are named in their common digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum WildcardNames {
    /// By base name (BuildKit up to v0.25).
    Base,
    /// By the path below the part of the source that holds no wildcard (frontend 1.20 and later).
    Relative,
}

impl EngineProfile {
    /// Docker Engine 28 with the classic image store: frontend 1.19, no merging of layers.
    #[must_use]
    pub fn docker_legacy() -> Self {
        Self {
            name: "docker-legacy".to_owned(),
            frontend: (1, 19),
            wildcard_names: WildcardNames::Base,
            merges_layers: false,
        }
    }

    /// The newest BuildKit, or Docker with the containerd image store.
    #[must_use]
    pub fn buildkit() -> Self {
        Self {
            name: "buildkit".to_owned(),
            frontend: (1, 20),
            wildcard_names: WildcardNames::Relative,
            merges_layers: true,
        }
    }

    /// The preset of that name.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        [Self::docker_legacy(), Self::buildkit()].into_iter().find(|profile| profile.name == name)
    }

    /// Whether the Dockerfile is checked for what BuildKit only warns of (frontend 1.8 and later).
    #[must_use]
    pub fn checks(&self) -> bool {
        self.frontend >= (1, 8)
    }

    /// Whether the frontend knows a flag of an instruction.
    /// `COPY --parents` came with frontend 1.20, `RUN --security` is in the newest stable one.
    #[must_use]
    pub fn knows_flag(&self, flag: &str) -> bool {
        !matches!(flag, "parents" | "security" | "device") || self.frontend >= (1, 20)
    }
}
