//! Texts made to fit: cut, wrapped, and pairs of values shown where they differ. In go texts that are safe to show and
//! widths in characters; out come texts of at most that width. Nothing is coloured here.

/// The text, of which at most `n` characters are shown.
pub(crate) fn cut(text: &str, n: usize) -> String {
    if text.chars().count() <= n {
        return text.to_owned();
    }
    text.chars().take(n.saturating_sub(1)).chain(['…']).collect()
}

/// The text without its beginning where it is longer than `n` characters: a path is told by its end.
pub(crate) fn cut_front(text: &str, n: usize) -> String {
    let length = text.chars().count();
    if length <= n {
        return text.to_owned();
    }
    ['…'].into_iter().chain(text.chars().skip(length - n.saturating_sub(1))).collect()
}

/// The words in lines of at most `width` characters; a longer word is cut.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let word = cut(word, width);
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Two values of at most `n` characters each, cut so that where they first differ is seen.
pub(crate) fn cut_pair(old: &str, new: &str, n: usize) -> (String, String) {
    /// Characters shown before the difference.
    const BEFORE: usize = 8;
    if old.chars().count().max(new.chars().count()) <= n {
        return (old.to_owned(), new.to_owned());
    }
    let common = old.chars().zip(new.chars()).take_while(|(old, new)| old == new).count();
    let skipped = if common > n / 2 { common - BEFORE.min(common) } else { 0 };
    let shown = |text: &str| {
        let rest: String = text.chars().skip(skipped).collect();
        if skipped == 0 { cut(&rest, n) } else { format!("…{}", cut(&rest, n.saturating_sub(1))) }
    };
    (shown(old), shown(new))
}

/// Seconds as people read them: `0.4 s`, `12 s`, `3 min 20 s`, `1 h 5 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, 0) => format!("{min} min"),
        (0, min, s) => format!("{min} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, min, _) => format!("{h} h {min} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::{cut, cut_front, cut_pair, seconds, wrap};

    #[test]
    fn what_is_too_long_is_cut_at_the_end_that_tells_less() {
        assert_eq!((cut("abcdef", 6), cut("abcdefg", 6)), ("abcdef".to_owned(), "abcde…".to_owned()));
        assert_eq!((cut_front("a/b/c", 5), cut_front("a/b/cd", 5)), ("a/b/c".to_owned(), "…b/cd".to_owned()));
    }

    #[test]
    fn words_are_wrapped_and_long_ones_cut() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a incomprehensible b", 6), ["a", "incom…", "b"]);
    }

    #[test]
    fn of_two_long_values_the_difference_is_shown() {
        let (old, new) = cut_pair(&format!("{}old", "x".repeat(50)), &format!("{}new", "x".repeat(50)), 20);
        assert_eq!((old.as_str(), new.as_str()), ("…xxxxxxxxold", "…xxxxxxxxnew"));
        assert_eq!(cut_pair("1", "2", 20), ("1".to_owned(), "2".to_owned()));
        assert_eq!(cut_pair("a", &"b".repeat(30), 5), ("a".to_owned(), "bbbb…".to_owned()));
    }

    #[test]
    fn seconds_grow_into_minutes_and_hours() {
        for (n, text) in [(0.0, "0.0 s"), (0.44, "0.4 s"), (9.96, "10 s"), (59.6, "1 min"), (200.0, "3 min 20 s")] {
            assert_eq!(seconds(n), text);
        }
        assert_eq!((seconds(3600.0), seconds(3900.4)), ("1 h".to_owned(), "1 h 5 min".to_owned()));
    }
}
