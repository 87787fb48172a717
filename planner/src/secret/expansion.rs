//! References to variables in a text: `$NAME`, `${NAME}`, and what is written behind an operator, as in
//! `${NAME:-word}`. In goes a text as it was written, out come names and the places of such words. Nothing is expanded,
//! and whether the text is a shell's or a Dockerfile's makes no difference.

use std::ops::Range;

/// A reference to a variable.
pub(super) struct Expansion<'a> {
    /// The variable.
    pub(super) name: &'a str,
    /// The word behind the operator; empty where there is none.
    pub(super) word: Range<usize>,
}

/// All references of a text, those within the words of others included.
pub(super) fn all(text: &str) -> Vec<Expansion<'_>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('$') {
        let rest = &text[at + 1..];
        let (start, is_braced) = if rest.starts_with('{') { (at + 2, true) } else { (at + 1, false) };
        let length = text[start..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let end = length.map_or(text.len(), |length| start + length);
        if end == start {
            continue;
        }
        let word = if is_braced { word(text, end) } else { end..end };
        found.push(Expansion { name: &text[start..end], word });
    }
    found
}

/// The word behind the operator that begins at `from`, up to the brace that ends the reference.
fn word(text: &str, from: usize) -> Range<usize> {
    let operator = |c: char| matches!(c, ':' | '-' | '+' | '?' | '#' | '%' | '/' | '=' | '^' | ',');
    // Of operators in a row only two belong together, so that a word may begin with any of them.
    let n_operators = text[from..].chars().take(2).take_while(|c| operator(*c)).count();
    let start = from + n_operators;
    let (mut depth, mut is_escaped) = (1, false);
    for (offset, character) in text[start..].char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return start..start + offset;
        }
    }
    start..text.len()
}

#[cfg(test)]
mod tests {
    use super::all;

    #[test]
    fn words_end_at_the_brace_that_belongs_to_them() {
        for (text, expected) in [
            ("a $B ${C} $ ${}", &[("B", ""), ("C", "")][..]),
            ("${A:-b c} ${D-e}", &[("A", "b c"), ("D", "e")]),
            ("${A:-${B:-c}d}", &[("A", "${B:-c}d"), ("B", "c")]),
            ("${A:?\\}b}", &[("A", "\\}b")]),
            ("${A##*/} ${B:-", &[("A", "*/"), ("B", "")]),
        ] {
            let found: Vec<_> = all(text).into_iter().map(|found| (found.name, &text[found.word])).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
