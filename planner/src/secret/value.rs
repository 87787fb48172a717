//! How far a value goes that begins somewhere in a text: to the end of its word, to the quote that was opened before it,
//! or to the end of the line. In go a text and an offset, out comes the offset behind the value. Nothing is judged here,
//! and a shell's grammar is followed no further than quotes and escapes.

/// What ends an unquoted value, white space apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ends {
    /// What separates the commands of a shell.
    Command,
    /// Nothing more: the words of a Dockerfile.
    Word,
}

/// The end of the word that begins at `start`; quoted parts of it may hold spaces and go over line ends. A value that
/// begins within quotes ends with them.
pub(super) fn word_end(text: &str, start: usize, ends: Ends) -> usize {
    let enclosing = quote_at(text, start);
    let mut at = start;
    while let Some(character) = text[at..].chars().next() {
        match character {
            '\\' => at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
            '"' | '\'' => {
                if at > start && enclosing.is_some_and(|quote| quote == character || is_behind_word(text, at + 1)) {
                    return at;
                }
                at = closing(text, at + 1, character).map_or(text.len(), |end| end + 1);
            }
            ' ' | '\t' | '\r' | '\n' => return at,
            ';' | '&' | '|' | ',' | ')' if ends == Ends::Command => return at,
            _ => at += character.len_utf8(),
        }
    }
    at
}

/// The end of what is said from `start` on: of the line where its name begins one, of the quotes where it stands within
/// them, else of the word.
pub(super) fn line_end(text: &str, name: usize, start: usize) -> usize {
    let line = text[start..].find(['\r', '\n']).map_or(text.len(), |length| start + length);
    if let Some(quote) = text[..name].chars().next_back().filter(|before| matches!(before, '"' | '\'')) {
        return closing(text, start, quote).map_or(line, |end| end.min(line));
    }
    if let Some(quote) = quote_at(text, name) {
        let is_end = |(at, found): &(usize, &str)| found.starts_with(quote) || is_behind_word(text, start + at + 1);
        let end = text[start..line].match_indices(['"', '\'']).find(is_end);
        return end.map_or(line, |(at, _)| start + at);
    }
    let is_first = text[..name].rsplit('\n').next().is_none_or(|before| before.trim().is_empty());
    if is_first { text[..line].trim_end().len().max(start) } else { word_end(text, start, Ends::Command) }
}

/// The quote that was opened before `at` and is still open. Quotes are forgotten at line ends, where an apostrophe of a
/// comment or of prose would else turn everything behind it inside out.
fn quote_at(text: &str, at: usize) -> Option<char> {
    let mut open = None;
    let mut characters = text[..at].chars();
    while let Some(character) = characters.next() {
        match (open, character) {
            (None | Some('"'), '\\') => drop(characters.next()),
            (_, '\n') => open = None,
            (None, '"' | '\'') => open = Some(character),
            (Some(quote), _) if quote == character => open = None,
            _ => {}
        }
    }
    open
}

/// The place of the quote that closes what begins at `start`.
pub(super) fn closing(text: &str, start: usize, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (offset, character) in text[start..].char_indices() {
        if character == quote && !is_escaped {
            return Some(start + offset);
        }
        is_escaped = character == '\\' && !is_escaped && quote == '"';
    }
    None
}

fn is_behind_word(text: &str, at: usize) -> bool {
    text[at..].chars().next().is_none_or(|next| next.is_whitespace() || ";&|,)]}".contains(next))
}

#[cfg(test)]
mod tests {
    use super::{Ends, line_end, word_end};

    #[test]
    fn a_value_ends_with_its_word_or_with_the_quotes_around_it() {
        for (text, value) in [
            ("a X=b c", "b"),
            ("a X=\"b c\"d e", "\"b c\"d"),
            ("a X=b\" c\" d", "b\" c\""),
            ("a \"h?X=b\" && c \"d\"", "b"),
            ("a 'h?X=b' && c 'd'", "b"),
            ("sh -c 'a \"h?X=b\" && c \"d\"'", "b"),
            ("sh -c 'X=\"b c\" d'", "\"b c\""),
            ("it's\na \"X=b\" c", "b"),
            ("a X=b\\ c;d", "b\\ c"),
            ("a X=\"b", "\"b"),
            ("a X=", ""),
        ] {
            let start = text.find("X=").expect("a name") + 2;
            assert_eq!(&text[start..word_end(text, start, Ends::Command)], value, "{text}");
        }
    }

    #[test]
    fn a_line_of_settings_is_a_value_to_its_end() {
        for (text, value) in [
            ("\n  X: b c \nd", "b c"),
            ("echo X: b c", "b"),
            ("echo \"X: b c\" > d", "b c"),
            ("echo 'X: b\nc' > d", "b"),
            ("echo \"the X: b c\" > d", "b c"),
            ("sh -c 'a \"X: b c\" d'", "b c"),
            ("sh -c 'a \"the X: b c\" d'", "b c"),
        ] {
            let name = text.find("X: ").expect("a name");
            assert_eq!(&text[name + 3..line_end(text, name, name + 3)], value, "{text}");
        }
    }
}
