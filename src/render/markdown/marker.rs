//! The hidden line by which a bot finds its own comment: an HTML comment that names what is built, not what is said
//! of it. In go the [`Names`], out comes one line that is the same for the same build in every checkout.

use std::fmt::Write as _;

use planner::digest::Hasher;

use crate::project::Names;

/// Characters of a name that are written out.
const N_CHARACTERS: usize = 200;

/// The hidden line: what is built, and the step where only one is told of, in letters that can end no comment.
pub(super) fn write(names: &Names, narrowed: Option<&str>) -> String {
    let mut marker = format!("<!-- stageplan file={}", word(names.dockerfile.as_deref().unwrap_or("-")));
    let _ = write!(marker, " context={}", word(&names.context));
    if let Some(target) = &names.target {
        let _ = write!(marker, " target={}", word(target));
    }
    if let Some(step) = narrowed {
        let _ = write!(marker, " step={}", word(step));
    }
    marker + " -->\n"
}

/// A name without white space, `--` or `>`; a very long one by its beginning and digest.
fn word(name: &str) -> String {
    let mut word = String::new();
    for byte in name.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"_./".contains(&byte);
        if is_plain || (byte == b'-' && !word.is_empty() && !word.ends_with('-')) {
            word.push(char::from(byte));
        } else {
            let _ = write!(word, "%{byte:02x}");
        }
    }
    if word.ends_with('-') {
        word.pop();
        word.push_str("%2d");
    }
    if word.len() <= N_CHARACTERS {
        return word;
    }
    let mut hasher = Hasher::new("comment marker");
    hasher.text(name);
    let start: String = word.chars().take(N_CHARACTERS / 2).collect();
    format!("{start}~{}", hasher.finish().short())
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn no_name_ends_the_hidden_line() {
        let cases = [
            ("services/api/Dockerfile", "services/api/Dockerfile"),
            ("a-b", "a-b"),
            ("-->", "%2d-%3e"),
            ("a--!>b", "a-%2d%21%3eb"),
            ("a--", "a-%2d"),
            ("a-", "a%2d"),
            ("a b\n", "a%20b%0a"),
            ("é", "%c3%a9"),
        ];
        for (name, expected) in cases {
            assert_eq!(word(name), expected);
        }
        let (long, other) = (word(&"a".repeat(4096)), word(&"a".repeat(4097)));
        assert!(long.len() < 200 && long != other, "{long}");
    }
}
