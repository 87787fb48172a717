//! Parser directives: `# syntax=`, `# escape=` and `# check=` at the top of a file, and the other ways in which
//! a file may name its frontend image. Lines in, names and values out. What a directive changes is not decided
//! here.

use super::{go, json_array};

const KNOWN: [&str; 3] = ["syntax", "escape", "check"];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads directives line by line, until the first line that is none.
#[derive(Default)]
pub(super) struct DirectiveBlock {
    seen: Vec<String>,
    /// Whether a line was met that is none.
    pub(super) is_over: bool,
}

/// What a line is.
pub(super) enum DirectiveLine {
    /// No directive; nor is any line after it.
    Other,
    /// A directive: its name in lower case and its value.
    Directive(String, String),
    /// A directive of a name that was there before.
    Repeated(String),
}

impl DirectiveBlock {
    /// Reads one line, which has no line end.
    pub(super) fn read(&mut self, line: &[u8], comment: &str) -> DirectiveLine {
        let found = if self.is_over { None } else { named_value(line, comment) };
        let Some((name, value)) = found else {
            self.is_over = true;
            return DirectiveLine::Other;
        };
        if self.seen.contains(&name) {
            return DirectiveLine::Repeated(name);
        }
        self.seen.push(name.clone());
        DirectiveLine::Directive(name, value)
    }
}

/// Name and value of a line such as `# name = value`, if the name is known.
fn named_value(line: &[u8], comment: &str) -> Option<(String, String)> {
    let line = line.strip_prefix(comment.as_bytes())?;
    let line = &line[go::leading_space(line)..];
    let n_name = line.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let name = go::decode(&line[..n_name]);
    let name = go::lower(&name);
    let behind = without_blanks(&line[n_name..]).strip_prefix(b"=")?;
    let value = without_blanks(behind);
    // BuildKit's pattern gives back one blank where nothing else is left.
    let value = if value.is_empty() { &behind[behind.len().checked_sub(1)?..] } else { value };
    let n_blank = value.iter().skip(1).rev().take_while(|byte| is_blank(**byte)).count();
    let value = go::decode(&value[..value.len() - n_blank]);
    KNOWN.contains(&&*name).then(|| (name.into_owned(), value.into_owned()))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

fn without_blanks(bytes: &[u8]) -> &[u8] {
    let n_blank = bytes.iter().take_while(|byte| is_blank(**byte)).count();
    &bytes[n_blank..]
}

/// The bytes without a byte order mark in front.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// The frontend image a file names: by `# syntax=`, `// syntax=` or the `syntax` key of a JSON object, a line
/// `#!` in front not counted.
pub(super) fn syntax(source: &[u8]) -> Option<String> {
    let source = without_mark(source);
    let source = match source.iter().position(|byte| *byte == b'\n') {
        _ if !source.starts_with(b"#!") => source,
        Some(end) => &source[end + 1..],
        None => &[],
    };
    let found = ["#", "//"].into_iter().find_map(|comment| syntax_directive(source, comment));
    match found {
        Some(value) => value.split(' ').next().map(str::to_owned),
        None => json_array::object_string(source, "syntax"),
    }
}

fn syntax_directive(source: &[u8], comment: &str) -> Option<String> {
    /// A longer line ends the search.
    const MAX_LINE: usize = 65_535;
    let mut block = DirectiveBlock::default();
    for line in source.split(|byte| *byte == b'\n') {
        if line.len() > MAX_LINE {
            return None;
        }
        match block.read(line.strip_suffix(b"\r").unwrap_or(line), comment) {
            DirectiveLine::Directive(name, value) if name == "syntax" => return Some(value),
            DirectiveLine::Directive(..) => {}
            DirectiveLine::Other | DirectiveLine::Repeated(_) => return None,
        }
    }
    None
}
