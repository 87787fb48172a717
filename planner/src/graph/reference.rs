//! Image references as the registry protocol means them: `alpine` is `docker.io/library/alpine:latest`.

/// The normalised reference, with the tag `latest` where neither tag nor digest is given.
///
/// # Errors
/// Why it is no reference, in BuildKit's words (github.com/distribution/reference).
pub(crate) fn normalize(reference: &str) -> Result<String, String> {
    let (domain, path, suffix) = split(reference)?;
    let suffix = if suffix.is_empty() { ":latest" } else { suffix };
    Ok(format!("{domain}/{path}{suffix}"))
}

/// The name under which `--build-context` replaces an image: familiar, without `:latest`.
#[must_use]
pub(crate) fn familiar(reference: &str) -> String {
    match split(reference) {
        Ok((domain, path, suffix)) => {
            let path =
                if domain == "docker.io" { path.strip_prefix("library/").unwrap_or(&path).to_owned() } else { path };
            let domain = if domain == "docker.io" { String::new() } else { format!("{domain}/") };
            format!("{domain}{path}{}", suffix.strip_suffix(":latest").unwrap_or(suffix))
        }
        Err(_) => reference.to_owned(),
    }
}

/// Whether two references that differ may still name one image: the same repository, and one of them pinned by
/// digest, or one tag being a longer spelling of the other (`22` and `22.11`, `latest` and anything).
#[must_use]
pub fn may_be_one_image(a: &str, b: &str) -> bool {
    let (Ok((domain_a, path_a, suffix_a)), Ok((domain_b, path_b, suffix_b))) = (split(a), split(b)) else {
        return false;
    };
    if (domain_a, path_a) != (domain_b, path_b) {
        return false;
    }
    let tag = |suffix: &str| suffix.split('@').next().unwrap_or_default().trim_start_matches(':').to_owned();
    let (tag_a, tag_b) = (tag(suffix_a), tag(suffix_b));
    let is_digest = |suffix: &str| suffix.contains('@');
    if is_digest(suffix_a) && is_digest(suffix_b) {
        return digest(suffix_a) == digest(suffix_b);
    }
    is_digest(suffix_a) || is_digest(suffix_b) || refines(&tag_a, &tag_b) || refines(&tag_b, &tag_a)
}

fn digest(suffix: &str) -> &str {
    suffix.split_once('@').map_or("", |(_, digest)| digest)
}

/// Whether `long` is the tag `short` with more said in one of its parts: `22-alpine` and `22.11-alpine3.20`.
fn refines(short: &str, long: &str) -> bool {
    if short.is_empty() || short == "latest" {
        return true;
    }
    let mut long_parts = long.split('-');
    short.split('-').all(|part| {
        long_parts.any(|longer| {
            longer.strip_prefix(part).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('.') || (!part.ends_with(|c: char| c.is_ascii_digit()))
            })
        })
    })
}

/// Domain, path and the rest (`:tag`, `@digest` or both).
fn split(reference: &str) -> Result<(String, String, &str), String> {
    let invalid = || "invalid reference format".to_owned();
    let (name, digest) = match reference.find('@') {
        Some(at) => reference.split_at(at),
        None => (reference, ""),
    };
    let last_slash = name.rfind('/').map_or(0, |slash| slash + 1);
    let (name, _) = match name[last_slash..].find(':') {
        Some(colon) => name.split_at(last_slash + colon),
        None => (name, ""),
    };
    let suffix = &reference[name.len()..];
    let tag = &suffix[..suffix.len() - digest.len()];
    if !tag.is_empty() && !is_tag(&tag[1..]) || !digest.is_empty() && !digest[1..].contains(':') {
        return Err(invalid());
    }
    let (domain, path) = match name.split_once('/') {
        Some((domain, path)) if domain.contains(['.', ':']) || domain == "localhost" => {
            (domain.to_owned(), path.to_owned())
        }
        Some(_) => ("docker.io".to_owned(), name.to_owned()),
        None => ("docker.io".to_owned(), format!("library/{name}")),
    };
    let domain = if domain == "index.docker.io" { "docker.io".to_owned() } else { domain };
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!("invalid reference format: repository name ({path}) must be lowercase"));
    }
    let is_component = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    if !path.split('/').all(is_component) {
        return Err(invalid());
    }
    Ok((domain, path, suffix))
}

fn is_tag(tag: &str) -> bool {
    tag.len() <= 128
        && tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && tag.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::{familiar, may_be_one_image, normalize};

    #[test]
    fn a_short_name_is_a_library_image_with_the_tag_latest() {
        let cases = [
            ("alpine", "docker.io/library/alpine:latest"),
            ("docker.io/library/alpine:3.20", "docker.io/library/alpine:3.20"),
            ("me/app:1", "docker.io/me/app:1"),
            ("localhost:5000/a", "localhost:5000/a:latest"),
            ("ghcr.io/o/r@sha256:00", "ghcr.io/o/r@sha256:00"),
        ];
        for (written, normal) in cases {
            assert_eq!(normalize(written).as_deref(), Ok(normal));
        }
        for invalid in ["Build", "a b", "", "a//b", "a:b:c!", "-a"] {
            assert!(normalize(invalid).is_err(), "{invalid}");
        }
        assert_eq!(familiar("docker.io/library/alpine:latest"), "alpine");
    }

    #[test]
    fn only_a_tag_that_says_more_may_name_the_same_image() {
        let cases = [
            ("node:22", "node:22.11", true),
            ("node:22-alpine", "node:22.11-alpine3.20", true),
            ("node", "node:22", true),
            ("node:22", "node:22@sha256:00", true),
            ("node:22-alpine", "node:22-slim", false),
            ("alpine:3.20", "alpine:3.21", false),
            ("alpine:3.2", "alpine:3.20", false),
            ("node:2", "node:22", false),
            ("alpine", "debian", false),
        ];
        for (a, b, expected) in cases {
            assert_eq!(may_be_one_image(a, b), expected, "{a} {b}");
            assert_eq!(may_be_one_image(b, a), expected, "{b} {a}");
        }
    }
}
