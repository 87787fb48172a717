//! Where an instruction stands and how it is shown; platforms as BuildKit spells them.

use std::collections::BTreeMap;

use super::Placed;
use crate::dockerfile::{Dockerfile, Instruction};

impl Placed {
    /// An instruction that makes no step so far, written in `dockerfile`.
    #[must_use]
    pub fn new(instruction: &Instruction, dockerfile: &Dockerfile, trigger: bool) -> Self {
        Self {
            line: instruction.line,
            end_line: instruction.end_line,
            keyword: instruction.keyword.text.to_uppercase(),
            text: if trigger { decoded(instruction) } else { written(instruction, dockerfile) },
            body: instruction.heredocs.iter().map(|heredoc| heredoc.content.as_str()).collect(),
            trigger,
            step: None,
            link: None,
            variables: BTreeMap::new(),
        }
    }
}

/// The instruction as written, on one line: white space folded; comments, continuation marks and the bodies of
/// here-documents left out.
fn written(instruction: &Instruction, dockerfile: &Dockerfile) -> String {
    let end = instruction.heredocs.first().map_or(instruction.span.end, |heredoc| heredoc.span.start);
    let text = dockerfile.text.get(instruction.span.start..end).unwrap_or_default();
    if is_shown_as_written(&text, dockerfile.escape) {
        let (keyword, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
        return keyword.to_ascii_uppercase() + rest;
    }
    let lines = text.lines().enumerate().filter(|(n, line)| *n == 0 || !line.trim_start().starts_with('#'));
    let unmarked = lines.map(|(_, line)| line.trim_end().trim_end_matches(dockerfile.escape));
    let mut words = unmarked.flat_map(str::split_whitespace);
    let mut shown = words.next().unwrap_or_default().to_uppercase();
    shown.reserve(text.len().saturating_sub(shown.len()));
    for word in words {
        shown.push(' ');
        shown.push_str(word);
    }
    shown
}

/// Whether a text is one line of words with one space between, as most are. Then there is nothing to fold or leave out.
fn is_shown_as_written(text: &str, escape: char) -> bool {
    let is_printable = |byte: u8| matches!(byte, b' '..=b'~');
    text.bytes().all(is_printable) && !text.contains("  ") && !text.starts_with(' ') && !text.ends_with([' ', escape])
}

/// A trigger stands in no text of its own; it is shown as it was decoded.
fn decoded(instruction: &Instruction) -> String {
    let keyword = instruction.keyword.text.to_uppercase();
    let flags = instruction.flags.iter().map(|flag| flag.text.to_string());
    let args: Vec<&str> = instruction.args.iter().map(|word| word.text.as_str()).collect();
    let args = if instruction.json { format!("{args:?}") } else { args.join(" ") };
    std::iter::once(keyword).chain(flags).chain([args]).collect::<Vec<_>>().join(" ")
}

/// A platform as containerd normalises it: `amd64` is `linux/amd64`, `arm64/v8` is `arm64`.
///
/// # Errors
/// What is wrong with the text.
pub fn platform(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let is_word =
        |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_.-()".contains(c));
    if parts.is_empty() || parts.len() > 3 || !parts.iter().all(is_word) {
        return Err(format!("{text:?}: cannot parse platform specifier: invalid argument"));
    }
    let lower: Vec<String> = parts.iter().map(|part| part.to_lowercase()).collect();
    let is_os = |name: &str| matches!(name, "linux" | "windows" | "darwin" | "freebsd" | "wasi" | "js");
    let (os, architecture, variant) = match lower.as_slice() {
        [only] if is_os(only) => (only.clone(), native_architecture().to_owned(), String::new()),
        [only] => ("linux".to_owned(), only.clone(), String::new()),
        [os, architecture] => (os.clone(), architecture.clone(), String::new()),
        [os, architecture, variant] => (os.clone(), architecture.clone(), variant.clone()),
        _ => return Err(format!("{text:?}: cannot parse platform specifier: invalid argument")),
    };
    let os = if os == "macos" { "darwin".to_owned() } else { os };
    let (architecture, variant) = normal_architecture(&architecture, &variant);
    let variant = if variant.is_empty() { variant } else { format!("/{variant}") };
    Ok(format!("{os}/{architecture}{variant}"))
}

/// The architecture this program was built for, in the words of platforms.
fn native_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

fn normal_architecture(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = match (architecture, variant) {
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("i386", _) => ("386", ""),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        pair => pair,
    };
    let variant = match (architecture, variant) {
        ("amd64", "v1") | ("arm64", "8" | "v8") => "",
        ("arm", "" | "7") => "v7",
        ("arm", "5") => "v5",
        ("arm", "6") => "v6",
        ("arm", "8") => "v8",
        (_, variant) => variant,
    };
    (architecture.to_owned(), variant.to_owned())
}

#[cfg(test)]
mod tests {
    use super::platform;

    #[test]
    fn a_platform_is_spelled_one_way() {
        let cases = [
            ("linux/amd64", "linux/amd64"),
            ("amd64", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("Linux/ARM/v6", "linux/arm/v6"),
        ];
        for (written, normal) in cases {
            assert_eq!(platform(written).as_deref(), Ok(normal));
        }
        assert!(platform("linux/amd64/v2/x").is_err());
        assert!(platform("linux//").is_err());
    }
}
