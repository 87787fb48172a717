//! The few rules in which engines differ, as data. In goes a preset's name and, where an engine told it, the version of its
//! BuildKit; out comes a profile. Nothing else in the program asks for an engine's version, and nobody is asked here.

use serde::{Deserialize, Serialize};

/// Major and minor.
type Version = (u32, u32);

/// How one kind of engine reads Dockerfiles and computes keys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EngineProfile {
    /// The preset's name.
    pub name: String,
    /// The engine's BuildKit, major and minor, where an engine told it; else the rules are the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buildkit: Option<(u32, u32)>,
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

/// Which modes `--chmod` takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModeRules {
    /// An octal number as it is written. Anything else, a variable above all, is passed over without a word (BuildKit
    /// v0.15, `dockerfile2llb/convert.go`; observed on v0.13).
    OctalOrIgnored,
    /// An octal number, variables expanded; anything else is refused.
    Octal,
    /// An octal number or a symbolic mode, variables expanded; anything else is refused.
    OctalOrSymbolic,
}

/// The BuildKit of each Docker Engine from the version before it on (`vendor.mod` of moby's releases).
const BUILDKIT_OF_DOCKER: &[(Version, Version)] = &[
    ((20, 10), (0, 8)),
    ((23, 0), (0, 10)),
    ((24, 0), (0, 11)),
    ((25, 0), (0, 12)),
    ((26, 0), (0, 13)),
    ((27, 0), (0, 14)),
    ((27, 1), (0, 15)),
    ((27, 3), (0, 16)),
    ((27, 4), (0, 17)),
    ((27, 5), (0, 18)),
    ((28, 0), (0, 20)),
    ((28, 1), (0, 21)),
    ((28, 2), (0, 22)),
    ((28, 3), (0, 23)),
    ((28, 4), (0, 24)),
    ((28, 5), (0, 25)),
    ((29, 1), (0, 26)),
    ((29, 2), (0, 27)),
    ((29, 3), (0, 28)),
    ((29, 4), (0, 29)),
    ((29, 5), (0, 30)),
    ((29, 6), (0, 31)),
    ((29, 7), (0, 32)),
];

/// The BuildKit of that Docker Engine, major and minor; `None` for engines older than BuildKit's frontend numbers.
#[must_use]
pub fn buildkit_of_docker(docker: (u32, u32)) -> Option<(u32, u32)> {
    BUILDKIT_OF_DOCKER.iter().rev().find(|(since, _)| docker >= *since).map(|(_, buildkit)| *buildkit)
}

impl EngineProfile {
    /// Docker Engine 28 with the classic image store: frontend 1.19, no merging of layers.
    #[must_use]
    pub fn docker_legacy() -> Self {
        Self {
            name: "docker-legacy".to_owned(),
            buildkit: None,
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
            buildkit: None,
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

    /// The preset's rules as that BuildKit has them, major and minor: `v0.13` bundles frontend 1.7, `v0.26` frontend 1.20, and so
    /// does every release between and since (tags `v0.*` and `dockerfile/1.*` of moby/buildkit).
    #[must_use]
    pub fn with_buildkit(self, buildkit: (u32, u32)) -> Self {
        const BEHIND: u32 = 6;
        let (0, minor @ 8..) = buildkit else { return self };
        let wildcard_names = if minor >= 26 { WildcardNames::Relative } else { WildcardNames::Base };
        Self { buildkit: Some(buildkit), frontend: (1, minor - BEHIND), wildcard_names, ..self }
    }

    /// Whether `TARGETSTAGE` is set (frontend 1.11 and later).
    #[must_use]
    pub fn names_target(&self) -> bool {
        self.frontend >= (1, 11)
    }

    /// Whether `SOURCE_DATE_EPOCH` is the time of the folder that `WORKDIR` makes (frontend 1.16 and later).
    #[must_use]
    pub fn dates_workdirs(&self) -> bool {
        self.frontend >= (1, 16)
    }

    /// Which modes `--chmod` takes: variables since frontend 1.10, symbolic ones since 1.14. With 1.13 only the labs channel takes
    /// those, and where it does not the build fails.
    #[must_use]
    pub fn modes(&self) -> ModeRules {
        match self.frontend {
            (1, ..=9) => ModeRules::OctalOrIgnored,
            (1, ..=12) => ModeRules::Octal,
            _ => ModeRules::OctalOrSymbolic,
        }
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

#[cfg(test)]
mod tests {
    use super::{EngineProfile, ModeRules, WildcardNames, buildkit_of_docker};

    /// The profile of a Docker Engine with the classic image store.
    fn of_docker(major: u32, minor: u32) -> EngineProfile {
        EngineProfile::docker_legacy().with_buildkit(buildkit_of_docker((major, minor)).expect("a known engine"))
    }

    #[test]
    fn an_engine_has_the_frontend_that_its_buildkit_bundles() {
        let cases = [
            ((20, 10), (1, 2)),
            ((23, 0), (1, 4)),
            ((26, 1), (1, 7)),
            ((27, 2), (1, 9)),
            ((27, 5), (1, 12)),
            ((28, 5), (1, 19)),
            ((29, 0), (1, 19)),
            ((29, 1), (1, 20)),
            ((40, 0), (1, 26)),
        ];
        for (docker, frontend) in cases {
            assert_eq!(of_docker(docker.0, docker.1).frontend, frontend, "Docker Engine {docker:?}");
        }
        assert_eq!(buildkit_of_docker((19, 3)), None);
    }

    #[test]
    fn rules_come_with_their_frontend() {
        let rules = |major, minor| {
            let profile = of_docker(major, minor);
            (profile.names_target(), profile.dates_workdirs(), profile.modes(), profile.wildcard_names)
        };
        assert_eq!(rules(27, 2), (false, false, ModeRules::OctalOrIgnored, WildcardNames::Base));
        assert_eq!(rules(27, 3), (false, false, ModeRules::Octal, WildcardNames::Base));
        assert_eq!(rules(27, 4), (true, false, ModeRules::Octal, WildcardNames::Base));
        assert_eq!(rules(28, 1), (true, false, ModeRules::OctalOrSymbolic, WildcardNames::Base));
        assert_eq!(rules(28, 2), (true, true, ModeRules::OctalOrSymbolic, WildcardNames::Base));
        assert_eq!(rules(29, 1), (true, true, ModeRules::OctalOrSymbolic, WildcardNames::Relative));
    }

    #[test]
    fn the_presets_are_those_of_the_engines_they_name() {
        let unnamed = |profile: EngineProfile| EngineProfile { buildkit: None, ..profile };
        assert_eq!(unnamed(of_docker(28, 5)), EngineProfile::docker_legacy());
        assert_eq!(unnamed(EngineProfile::buildkit().with_buildkit((0, 26))), EngineProfile::buildkit());
        // What is built without a version calls itself v0.0.0.
        assert_eq!(EngineProfile::buildkit().with_buildkit((0, 0)), EngineProfile::buildkit());
    }
}
