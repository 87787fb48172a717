//! The edit of an instruction or of an ignore file as a small diff: the changed lines with one line around them. An
//! instruction is known on one line, so its parts between `&&`, `||` and `;` count as lines. In go two masked texts,
//! out come marked lines for people and one text for programs.

use std::fmt::Write as _;

use planner::cause::{Cause, CauseKind};
use similar::{ChangeTag, TextDiff};

use crate::render::palette::{FAINT, GONE, GONE_WORD, NEW, NEW_WORD};
use crate::render::{layout, text};

/// Lines of a diff that are shown without `--verbose`.
const N_LINES: usize = 8;

/// One line of a diff.
struct Line {
    mark: char,
    text: String,
}

/// The diff of a cause that has one: lines marked `-`, `+` or with a blank, `…` for what is left out between them.
pub(crate) fn plain(cause: &Cause) -> Option<String> {
    let lines = lines(cause)?;
    let written = lines.iter().map(|line| match line.mark {
        '…' => "…\n".to_owned(),
        mark => format!("{mark} {}\n", line.text),
    });
    Some(written.collect())
}

/// The same for people, in lines of at most `width` characters, what differs within a line set off.
pub(crate) fn shown(cause: &Cause, width: Option<usize>) -> Vec<String> {
    let lines = lines(cause).unwrap_or_default();
    let n_shown = if width.is_some() { N_LINES } else { usize::MAX };
    let mut shown = Vec::new();
    let mut rest = &lines[..];
    while let [first, after @ ..] = rest {
        if shown.len() >= n_shown {
            let n_left = rest.iter().filter(|line| matches!(line.mark, '-' | '+')).count();
            if n_left > 0 {
                let left = text::count(n_left, "more changed line");
                shown.push(format!("{FAINT}{left} (--verbose shows all){FAINT:#}"));
            }
            break;
        }
        match after {
            // An old line and the one in its place, and no more of either.
            [second, others @ ..]
                if (first.mark, second.mark) == ('-', '+') && others.first().is_none_or(|next| next.mark != '+') =>
            {
                let (old, new) = pair(&first.text, &second.text, width);
                shown.extend([old, new]);
                rest = others;
            }
            _ => {
                shown.push(single(first, width));
                rest = after;
            }
        }
    }
    shown
}

fn lines(cause: &Cause) -> Option<Vec<Line>> {
    let split: fn(&str) -> String = match cause.kind {
        CauseKind::InstructionEdited => parts_on_lines,
        CauseKind::IgnorefileChanged => |text| text.to_owned(),
        _ => return None,
    };
    let (old, new) = (split(cause.old.as_deref()?), split(cause.new.as_deref()?));
    if old == new {
        return None;
    }
    let (old, new) = (with_end(old), with_end(new));
    // Where the line ends became others, they are what differs.
    let has_other_ends = old.contains("\r\n") != new.contains("\r\n");
    let ends: &[char] = if has_other_ends { &['\n'] } else { &['\n', '\r'] };
    let radius = if cause.kind == CauseKind::IgnorefileChanged { 0 } else { 1 };
    let diff = TextDiff::from_lines(&old, &new);
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(radius).iter().enumerate() {
        let begins_inside = group.first().is_some_and(|op| op.old_range().start > 0 && radius > 0);
        if index > 0 && radius > 0 || begins_inside {
            lines.push(Line { mark: '…', text: String::new() });
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let mark = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(Line { mark, text: change.value().trim_end_matches(ends).to_owned() });
        }
    }
    Some(lines)
}

/// Each command of a chain on a line of its own.
fn parts_on_lines(text: &str) -> String {
    let (first, body) = text.split_once('\n').map_or((text, None), |(first, body)| (first, Some(body)));
    let mut written = first.replace(" && ", "\n&& ").replace(" || ", "\n|| ").replace("; ", ";\n");
    if let Some(body) = body {
        let _ = write!(written, "\n{body}");
    }
    written
}

/// The last line ends like the others; whether it did is of no interest here.
fn with_end(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn single(line: &Line, width: Option<usize>) -> String {
    let cut = |text: &str| width.map_or_else(|| text.to_owned(), |width| layout::cut(text, width.saturating_sub(2)));
    let text = cut(&text::escape(&line.text));
    match line.mark {
        '-' => format!("{GONE}- {text}{GONE:#}"),
        '+' => format!("{NEW}+ {text}{NEW:#}"),
        '…' => format!("{FAINT}…{FAINT:#}"),
        _ => format!("{FAINT}  {text}{FAINT:#}"),
    }
}

/// An old line and the one in its place, both cut around the words that differ, and these set off.
fn pair(old: &str, new: &str, width: Option<usize>) -> (String, String) {
    let (old, new) = (text::escape(old), text::escape(new));
    let (before, behind) = common_ends(&old, &new);
    let room = width.map(|width| width.saturating_sub(2));
    let longest = old.chars().count().max(new.chars().count());
    let mut head = old[..before].to_owned();
    if let Some(room) = room.filter(|room| longest > *room) {
        head = last_words(&head, room / 3);
    }
    let left = room.map(|room| room.saturating_sub(head.chars().count()));
    let middle = |text: &str| text[before..text.len() - behind].to_owned();
    let (old_word, new_word) = (middle(&old), middle(&new));
    let (old_word, new_word) = match left {
        Some(left) => layout::cut_pair(&old_word, &new_word, left),
        None => (old_word, new_word),
    };
    let tail = |text: &str, word: &str| {
        let tail = &text[text.len() - behind..];
        match left.map(|left| left.saturating_sub(word.chars().count())) {
            None => tail.to_owned(),
            Some(0) => String::new(),
            Some(left) => layout::cut(tail, left),
        }
    };
    let (old_tail, new_tail) = (tail(&old, &old_word), tail(&new, &new_word));
    let (old, new) = (old_word, new_word);
    let gone = format!("{GONE}- {head}{GONE:#}{GONE_WORD}{old}{GONE_WORD:#}{GONE}{old_tail}{GONE:#}");
    let come = format!("{NEW}+ {head}{NEW:#}{NEW_WORD}{new}{NEW_WORD:#}{NEW}{new_tail}{NEW:#}");
    (gone, come)
}

/// The last words of a text, of at most `n` characters together, behind a mark of what was left out.
fn last_words(text: &str, n: usize) -> String {
    if text.chars().count() <= n {
        return text.to_owned();
    }
    let mut left = n.saturating_sub(2);
    let words = text.split_inclusive(' ').rev().take_while(|word| {
        let length = word.chars().count();
        let fits = length <= left;
        left = left.saturating_sub(length);
        fits
    });
    let words: Vec<&str> = words.collect();
    let kept: String = words.into_iter().rev().collect();
    format!("… {kept}")
}

/// How many bytes of whole words two lines have in common at their beginnings and at their ends.
fn common_ends(old: &str, new: &str) -> (usize, usize) {
    let words = |text: &str| text.split_inclusive(' ').map(str::len).collect::<Vec<_>>();
    let (olds, news) = (words(old), words(new));
    let same = |pair: &(&str, &str)| pair.0 == pair.1;
    let n_before = old.split_inclusive(' ').zip(new.split_inclusive(' ')).take_while(same).count();
    let most = olds.len().min(news.len()) - n_before;
    let backward = old.split_inclusive(' ').rev().zip(new.split_inclusive(' ').rev());
    let n_behind = backward.take(most).take_while(same).count();
    let before = olds[..n_before].iter().sum();
    (before, olds[olds.len() - n_behind..].iter().sum())
}

#[cfg(test)]
mod tests {
    use planner::cause::{Cause, CauseKind};

    use super::{common_ends, plain, shown};

    fn edit(old: &str, new: &str) -> Cause {
        Cause::of(CauseKind::InstructionEdited).values(Some(old.to_owned()), Some(new.to_owned()))
    }

    fn bare(lines: &[String]) -> String {
        lines.iter().map(|line| format!("{}\n", anstream::adapter::strip_str(line))).collect()
    }

    #[test]
    fn only_the_changed_commands_of_a_chain_are_shown() {
        let old = "RUN apt-get update && apt-get install -y curl && rm -rf /x && true";
        let cause = edit(old, &old.replace("curl", "curl git"));
        let diff =
            "…\n  && apt-get update\n- && apt-get install -y curl\n+ && apt-get install -y curl git\n  && rm -rf /x\n";
        let expected = diff.replace("…\n  && apt-get update", "  RUN apt-get update");
        assert_eq!(plain(&cause), Some(expected.clone()));
        assert_eq!(bare(&shown(&cause, Some(59))), expected);
    }

    #[test]
    fn a_long_line_is_cut_around_what_differs() {
        let old = format!("RUN tool {} --flag=old {}", "a ".repeat(40), "b ".repeat(40));
        let lines = shown(&edit(&old, &old.replace("old", "new")), Some(40));
        let bare = bare(&lines);
        assert!(bare.contains("--flag=old") && bare.contains("--flag=new"), "{bare}");
        assert!(bare.lines().all(|line| line.chars().count() <= 40), "{bare}");
    }

    #[test]
    fn a_long_word_is_cut_around_what_differs() {
        let old = format!("RUN curl https://example.com/{}/v1.2.3/tool.tar.gz && make", "some-long-path/".repeat(6));
        let bare = bare(&shown(&edit(&old, &old.replace("1.2.3", "1.2.4")), Some(59)));
        assert!(bare.contains("v1.2.3/") && bare.contains("v1.2.4/"), "{bare}");
        assert!(bare.lines().all(|line| line.chars().count() <= 59), "{bare}");
    }

    #[test]
    fn other_line_ends_are_seen() {
        let cause = edit("RUN <<E\necho a\n", "RUN <<E\necho a\r\n");
        assert!(bare(&shown(&cause, Some(59))).contains("- echo a\n+ echo a\\r\n"));
        assert_eq!(plain(&cause).as_deref(), Some("  RUN <<E\n- echo a\n+ echo a\r\n"));
        let both = edit("RUN <<E\r\necho a\r\n", "RUN <<E\r\necho b\r\n");
        assert!(plain(&both).is_some_and(|diff| !diff.contains('\r')));
    }

    #[test]
    fn two_texts_that_are_masked_alike_have_no_diff() {
        assert_eq!(plain(&edit("RUN TOKEN=***", "RUN TOKEN=***")), None);
        assert_eq!(plain(&Cause::of(CauseKind::FileAdded)), None);
    }

    #[test]
    fn common_ends_are_whole_words_and_never_overlap() {
        assert_eq!(common_ends("a b c", "a x c"), (2, 1));
        assert_eq!(common_ends("a", "a a"), (0, 1));
        assert_eq!(common_ends("a a", "a a a"), (2, 1));
        assert_eq!(common_ends("", "x"), (0, 0));
    }
}
