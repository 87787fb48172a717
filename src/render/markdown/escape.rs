//! Texts that nobody has vetted, made safe in GitHub's and GitLab's Markdown: every one of them stands in a code span,
//! where no link, image, mention, reference, HTML or emphasis is read. In go texts and causes, out comes Markdown of
//! one line. The words of causes are those of every report.

use planner::cause::Cause;
use planner::context::ContextPath;

use crate::render::cause::sentence;
use crate::render::text;

/// Characters of one text that are shown.
const N_CHARACTERS: usize = 80;

/// Stand in for the texts of a cause while its sentence is made. They are private characters: nobody's words.
const MARKS: [char; 6] = ['\u{e000}', '\u{e001}', '\u{e002}', '\u{e003}', '\u{e004}', '\u{e005}'];

/// Where a code span stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// In running text.
    Line,
    /// In a cell of a table, where a bar would end the cell.
    Cell,
}

/// The text as a code span.
pub(super) fn code(text: &str, within: Within) -> String {
    span(&text::escape(text), within)
}

/// A path as a code span.
fn path(path: &ContextPath, within: Within) -> String {
    span(&text::path(path), within)
}

/// A code span of a safe text of one line: fenced by more backticks than it holds in a row.
pub(super) fn span(escaped: &str, within: Within) -> String {
    let mut shown: String = escaped.chars().take(N_CHARACTERS).collect();
    if shown.len() < escaped.len() {
        shown.pop();
        shown.push('…');
    }
    if shown.is_empty() {
        return "(empty)".to_owned();
    }
    let longest = shown.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let is_edged = shown.starts_with(['`', ' ']) || shown.ends_with(['`', ' ']);
    let pad = if is_edged { " " } else { "" };
    let shown = if within == Within::Cell { bars_escaped(&shown) } else { shown };
    format!("{fence}{pad}{shown}{pad}{fence}")
}

/// A bar behind a backslash is read in different ways, so that one is written as a number.
fn bars_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' if escaped.ends_with('\\') => escaped.push_str("\\x7c"),
            '|' => escaped.push_str("\\|"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A cause in the words of every report, its texts in code spans.
pub(super) fn cause(cause: &Cause, within: Within) -> String {
    let [path_mark, name_mark, old_mark, new_mark, root_mark, detail_mark] = MARKS;
    let is_ours = |detail: &String| detail.chars().all(|character| character.is_ascii_lowercase());
    let marked = Cause {
        kind: cause.kind,
        path: cause.path.as_ref().map(|_| ContextPath::new(path_mark.to_string().as_bytes())),
        name: cause.name.as_ref().map(|_| name_mark.to_string()),
        detail: cause.detail.clone().map(|detail| if is_ours(&detail) { detail } else { detail_mark.to_string() }),
        old: cause.old.as_ref().map(|_| old_mark.to_string()),
        // Equal values, such as two masked ones, are not told: they must stay equal.
        new: cause
            .new
            .as_ref()
            .map(|new| if cause.old.as_ref() == Some(new) { old_mark } else { new_mark }.to_string()),
        root: cause.root.as_ref().map(|_| root_mark.to_string()),
        by: None,
    };
    let optional = |text: &Option<String>| code(text.as_deref().unwrap_or_default(), within);
    let mut told = String::new();
    let mut words = String::new();
    let sentence = sentence(&marked, true);
    // A code span needs no quotes around it.
    let bare = MARKS.iter().fold(sentence, |text, mark| text.replace(&format!("`{mark}`"), &mark.to_string()));
    for character in bare.chars() {
        let Some(mark) = MARKS.iter().position(|mark| *mark == character) else {
            words.push(character);
            continue;
        };
        told.push_str(&plain(&std::mem::take(&mut words), within));
        told.push_str(&match mark {
            0 => cause.path.as_ref().map(|found| path(found, within)).unwrap_or_default(),
            1 => optional(&cause.name),
            2 => optional(&cause.old),
            3 => optional(&cause.new),
            4 => optional(&cause.root),
            _ => optional(&cause.detail),
        });
    }
    told.push_str(&plain(&words, within));
    told
}

/// A note of ours, which names at most one thing between backticks.
pub(super) fn note(note: &str) -> String {
    let (Some(start), Some(end)) = (note.find('`'), note.rfind('`')) else { return plain(note, Within::Line) };
    let named = note.get(start + 1..end).unwrap_or_default();
    let (before, after) = (plain(&note[..start], Within::Line), plain(&note[end + 1..], Within::Line));
    format!("{before}{}{after}", code(named, Within::Line))
}

/// Our own words; whatever else they hold makes a code span of them.
fn plain(words: &str, within: Within) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || " ,;:.'()→…-".contains(character);
    if words.chars().all(is_plain) { words.to_owned() } else { code(words, within) }
}

#[cfg(test)]
mod tests {
    use planner::cause::{Cause, CauseKind};

    use super::{Within, cause, code};

    #[test]
    fn a_code_span_shows_the_text_and_nothing_else() {
        let cases = [
            ("COPY . .", "`COPY . .`"),
            ("", "(empty)"),
            ("a`b", "``a`b``"),
            ("`", "`` ` ``"),
            ("``` sh", "```` ``` sh ````"),
            (" x ", "`  x  `"),
            ("x\\", "`x\\`"),
            ("a\nb\u{202e}", "`a\\nb\\u{202e}`"),
            ("<!-- @all #1", "`<!-- @all #1`"),
        ];
        for (text, shown) in cases {
            assert_eq!(code(text, Within::Line), shown);
        }
        assert_eq!(code("a|b", Within::Line), "`a|b`");
        assert_eq!(code("a|b\\|c\\\\|", Within::Cell), "`a\\|b\\\\x7cc\\\\\\x7c`");
        assert_eq!(code(&"é".repeat(200), Within::Line), format!("`{}…`", "é".repeat(79)));
    }

    #[test]
    fn a_cause_keeps_its_words_and_its_texts_are_code() {
        let base = Cause::of(CauseKind::BuildArgChanged).named("A`B");
        let told = |old: &str, new: &str| {
            let values = base.clone().values(Some(old.to_owned()), Some(new.to_owned()));
            cause(&values, Within::Line)
        };
        assert!(
            told("***", "***").contains(" changed") && !told("***", "***").contains("***"),
            "{}",
            told("***", "***")
        );
        let shown = told("@all", "\u{e000}|#1");
        assert!(shown.contains("``A`B``") && shown.ends_with("`@all` → `\u{e000}|#1`"), "{shown}");
    }
}
