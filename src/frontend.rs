//! Which Dockerfile frontend reads the file: the engine's own, or the image that `# syntax=` or the build
//! argument `BUILDKIT_SYNTAX` names. Tags of `docker/dockerfile` select a version of the rules; of any other
//! frontend nothing is known. In go the Dockerfile and the request, out comes the verdict.

use planner::dockerfile::Dockerfile;
use planner::engine_profile::EngineProfile;
use planner::request::Request;

/// Who reads the Dockerfile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Frontend {
    /// The frontend of these rules.
    Known(EngineProfile),
    /// Another program; its image.
    Unknown(String),
}

/// The frontend of a build.
pub(crate) fn of(dockerfile: &Dockerfile, request: &Request) -> Frontend {
    let argument = request.build_args.get("BUILDKIT_SYNTAX");
    let Some(image) = argument.or(dockerfile.syntax.as_ref()) else {
        return Frontend::Known(request.profile.clone());
    };
    // What follows the image is its command line.
    let image = image.split_whitespace().next().unwrap_or_default();
    match version(image) {
        Some(frontend) => Frontend::Known(EngineProfile { frontend, ..request.profile.clone() }),
        None => Frontend::Unknown(image.to_owned()),
    }
}

/// The version that a reference to `docker/dockerfile` selects; one without a minor number is the newest.
fn version(image: &str) -> Option<(u32, u32)> {
    let newest = EngineProfile::buildkit().frontend;
    let name = image.split('@').next().unwrap_or_default();
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let tag = match name.strip_prefix("docker/dockerfile")? {
        "" => return Some(newest),
        rest => rest.strip_prefix(':')?,
    };
    let mut numbers = tag.strip_suffix("-labs").unwrap_or(tag).split('.');
    match (numbers.next()?, numbers.next()) {
        ("latest" | "labs" | "1", None) => Some(newest),
        (major, Some(minor)) => Some((major.parse().ok()?, minor.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use planner::engine_profile::EngineProfile;

    #[test]
    fn tags_of_dockers_own_frontend_select_a_version() {
        let newest = Some(EngineProfile::buildkit().frontend);
        let cases = [
            ("docker/dockerfile", newest),
            ("docker/dockerfile:1", newest),
            ("docker.io/docker/dockerfile:latest", newest),
            ("docker/dockerfile:labs", newest),
            ("docker/dockerfile:1-labs", newest),
            ("docker/dockerfile:1.4", Some((1, 4))),
            ("docker/dockerfile:1.10.0-labs", Some((1, 10))),
            ("docker/dockerfile:1.7@sha256:00", Some((1, 7))),
            ("docker/dockerfile:master", None),
            ("docker/dockerfile-upstream:1.4", None),
            ("example.com/docker/dockerfile:1", None),
            ("", None),
        ];
        for (image, expected) in cases {
            assert_eq!(super::version(image), expected, "{image}");
        }
    }
}
