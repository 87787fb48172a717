//! `--platform`, by containerd's rules: `OS/ARCH[/VARIANT]`, an operating system or an architecture alone,
//! aliases resolved and redundant variants dropped. Out comes the normal form, such as `linux/arm64`.

use std::env::consts;

use crate::fault::Fault;

/// The platform of this machine; containers run on Linux whatever it runs.
pub(super) fn of_machine() -> String {
    normalize("linux", consts::ARCH, "")
}

/// The one platform that the flags name; `None` without any.
pub(super) fn parse(values: &[String]) -> anyhow::Result<Option<String>> {
    let mut platforms = Vec::new();
    for value in values.iter().flat_map(|value| value.split(',')) {
        let platform = parse_one(value).ok_or_else(|| {
            Fault::new(format!("invalid platform `{value}`")).with_hint("write `OS/ARCH`, such as `linux/amd64`")
        })?;
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    if platforms.len() > 1 {
        let fault = Fault::new(format!("cannot plan for several platforms at once: {}", platforms.join(", ")));
        return Err(fault.with_hint("give one --platform; each platform has steps of its own").into());
    }
    Ok(platforms.pop())
}

fn parse_one(value: &str) -> Option<String> {
    if value.eq_ignore_ascii_case("local") {
        return Some(of_machine());
    }
    let parts: Vec<&str> = value.split('/').collect();
    let is_word =
        |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if !parts.iter().all(is_word) {
        return None;
    }
    match parts[..] {
        [os] if OPERATING_SYSTEMS.contains(&os.to_ascii_lowercase().as_str()) => Some(normalize(os, consts::ARCH, "")),
        [arch] if is_architecture(arch) => Some(normalize("linux", arch, "")),
        [os, arch] => Some(normalize(os, arch, "")),
        [os, arch, variant] => Some(normalize(os, arch, variant)),
        _ => None,
    }
}

const OPERATING_SYSTEMS: [&str; 10] =
    ["linux", "windows", "darwin", "macos", "freebsd", "netbsd", "openbsd", "solaris", "wasi", "android"];

fn is_architecture(text: &str) -> bool {
    let (arch, _) = alias(&text.to_ascii_lowercase(), "");
    matches!(
        arch.as_str(),
        "386"
            | "amd64"
            | "arm"
            | "arm64"
            | "loong64"
            | "mips"
            | "mipsle"
            | "mips64"
            | "mips64le"
            | "ppc64"
            | "ppc64le"
            | "riscv64"
            | "s390x"
            | "wasm"
    )
}

fn normalize(os: &str, arch: &str, variant: &str) -> String {
    let os = os.to_ascii_lowercase();
    let os = if os == "macos" { "darwin".to_owned() } else { os };
    let (arch, variant) = alias(&arch.to_ascii_lowercase(), &variant.to_ascii_lowercase());
    if variant.is_empty() { format!("{os}/{arch}") } else { format!("{os}/{arch}/{variant}") }
}

fn alias(arch: &str, variant: &str) -> (String, String) {
    let (arch, variant) = match (arch, variant) {
        ("i386" | "i686" | "x86", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("aarch64" | "arm64", "8" | "v8" | "") => ("arm64", ""),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        ("arm", "" | "7") => ("arm", "v7"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "6") => ("arm", "v6"),
        ("arm", "8") => ("arm", "v8"),
        other => other,
    };
    (arch.to_owned(), variant.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_of_one_platform_have_one_form() {
        let cases = [
            ("linux/amd64", Some("linux/amd64")),
            ("linux/x86_64", Some("linux/amd64")),
            ("Linux/AMD64/v1", Some("linux/amd64")),
            ("linux/amd64/v3", Some("linux/amd64/v3")),
            ("arm64", Some("linux/arm64")),
            ("linux/arm64/v8", Some("linux/arm64")),
            ("linux/aarch64", Some("linux/arm64")),
            ("linux/arm", Some("linux/arm/v7")),
            ("linux/arm/v6", Some("linux/arm/v6")),
            ("armhf", Some("linux/arm/v7")),
            ("linux/i386", Some("linux/386")),
            ("linux/", None),
            ("", None),
            ("nothing", None),
            ("a/b/c/d", None),
        ];
        for (written, normal) in cases {
            assert_eq!(super::parse_one(written).as_deref(), normal, "{written}");
        }
    }
}
