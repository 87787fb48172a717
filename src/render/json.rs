//! The answers for programs: documented views (contract: `docs/json.md`), never serialized inner types. A
//! view changes only by growing. In go the commands' results, out comes text that is safe to show, too.

mod context;
pub(crate) mod build;
mod commits;
mod explain;
mod graph;
mod history;
mod optimize;
mod parse;

use planner::context::ContextPath;
use serde::Serialize;

use super::text;

pub(crate) use build::BuildView;
pub(crate) use commits::CommitsView;
pub(crate) use context::ContextView;
pub(crate) use explain::ExplainView;
pub(crate) use graph::GraphView;
pub(crate) use history::HistoryView;
pub(crate) use optimize::OptimizeView;
pub(crate) use parse::ParseView;

/// The view as indented JSON with a line end. Characters that act on a terminal are written as `\u` escapes.
///
/// # Errors
/// If the view cannot be written as JSON.
pub(crate) fn write(view: &impl Serialize) -> anyhow::Result<String> {
    Ok(safe(&serde_json::to_string_pretty(view)?))
}

/// The view as JSON on one line with its end, as safe.
///
/// # Errors
/// If the view cannot be written as JSON.
pub(crate) fn line(view: &impl Serialize) -> anyhow::Result<String> {
    Ok(safe(&serde_json::to_string(view)?))
}

fn safe(json: &str) -> String {
    let mut safe = String::with_capacity(json.len() + 1);
    for character in json.chars() {
        // JSON's own line ends; those inside strings are escaped already.
        if character == '\n' || !text::is_unsafe(character) {
            safe.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            safe.push_str(&format!("\\u{unit:04x}"));
        }
    }
    safe.push('\n');
    safe
}

/// A path as text, and beside it its bytes where they are not UTF-8.
#[derive(Serialize)]
pub(crate) struct PathView {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_b64: Option<String>,
}

impl From<&ContextPath> for PathView {
    fn from(path: &ContextPath) -> Self {
        let path_b64 = std::str::from_utf8(path.as_bytes()).is_err().then(|| base64(path.as_bytes()));
        Self { path: path.to_lossy(), path_b64 }
    }
}

/// RFC 4648 with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) as usize % 64;
            text.push(if digit > chunk.len() { '=' } else { char::from(DIGITS[index]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use planner::context::ContextPath;

    use super::{PathView, base64, write};

    #[test]
    fn bytes_are_written_as_base64() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (bytes, text) in cases {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe]), "//4=");
    }

    #[test]
    fn json_is_safe_on_a_terminal_and_reads_back_the_same() {
        let text = "a\u{1b}[0m\u{202e}\u{7f}\u{9b}\n\u{e0041}é";
        let json = write(&text).unwrap();
        assert_eq!(json, "\"a\\u001b[0m\\u202e\\u007f\\u009b\\n\\udb40\\udc41é\"\n");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn a_path_that_is_not_text_keeps_its_bytes() {
        let json = |path: &[u8]| serde_json::to_string(&PathView::from(&ContextPath::new(path))).unwrap();
        assert_eq!(json(b"a/b"), r#"{"path":"a/b"}"#);
        assert_eq!(json(b"\xff"), "{\"path\":\"\u{fffd}\",\"path_b64\":\"/w==\"}");
    }
}
