//! Text that came from files, made safe to show: control characters, line ends and marks that reorder or
//! hide text are written out. Also numbers as people read them. In go names and texts, out come texts of
//! one line. It adds no colour and no layout.

use planner::built::Odds;
use planner::context::ContextPath;

/// Whether a character could act on a terminal, a log or a reader instead of being seen.
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text with unsafe characters as escapes: `\n`, `\t`, `\x1b`, `\u{202e}`.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            _ if !is_unsafe(character) => escaped.push(character),
            _ if character < '\u{80}' => escaped.push_str(&format!("\\x{:02x}", u32::from(character))),
            _ => escaped.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
        }
    }
    escaped
}

/// A path with unsafe characters, and bytes that are not UTF-8, as escapes; `.` for the root.
pub(crate) fn path(path: &ContextPath) -> String {
    if path.is_root() {
        return ".".to_owned();
    }
    let mut escaped = String::new();
    for chunk in path.as_bytes().utf8_chunks() {
        escaped.push_str(&escape(chunk.valid()));
        for byte in chunk.invalid() {
            escaped.push_str(&format!("\\x{byte:02x}"));
        }
    }
    escaped
}

/// A number of bytes to three digits: `17 B`, `4.2 kB`, `312 MB`. Powers of 1000, as in `docker images`.
pub(crate) fn bytes(n_bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if n_bytes < 1000 {
        return format!("{n_bytes} B");
    }
    let mut amount = n_bytes as f64 / 1000.0;
    let mut unit = 0;
    // From 999.5 on the rounded text would have four digits.
    while amount >= 999.5 && unit + 1 < UNITS.len() {
        amount /= 1000.0;
        unit += 1;
    }
    let unit = UNITS[unit];
    if amount < 9.95 { format!("{amount:.1} {unit}") } else { format!("{amount:.0} {unit}") }
}

/// A time as people say it: `0.2 s`, `48 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    // Rounded before it is split, so that no part is 60; what a build takes fits.
    let whole = seconds.round() as u64;
    let (large, small, units) = match whole {
        0..100 => return format!("{whole} s"),
        100..3600 => (whole / 60, whole % 60, ["min", "s"]),
        _ => (whole / 3600, whole % 3600 / 60, ["h", "min"]),
    };
    if small == 0 { format!("{large} {}", units[0]) } else { format!("{large} {} {small} {}", units[0], units[1]) }
}

/// How often a step ran in recent builds that had left it open, as this one does.
pub(crate) fn odds(odds: Odds) -> String {
    format!("ran in {} of {} such builds", odds.ran, odds.of)
}

/// The text, or its first characters and `…`: at most `n` characters.
pub(crate) fn cut(text: &str, n: usize) -> String {
    if text.chars().count() <= n {
        return text.to_owned();
    }
    text.chars().take(n.saturating_sub(1)).chain(['…']).collect()
}

/// `1 file`, `2 files`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use planner::context::ContextPath;

    #[test]
    fn nothing_that_acts_on_a_terminal_is_left() {
        let cases = [
            ("a b é 日本 \u{1f600}", "a b é 日本 \u{1f600}"),
            ("a\nb\rc\td", "a\\nb\\rc\\td"),
            ("\u{1b}[31m\u{7f}\u{0}", "\\x1b[31m\\x7f\\x00"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("\u{202e}evil\u{2066}\u{200f}", "\\u{202e}evil\\u{2066}\\u{200f}"),
            ("\u{2028}\u{feff}\u{e0041}", "\\u{2028}\\u{feff}\\u{e0041}"),
        ];
        for (text, escaped) in cases {
            assert_eq!(super::escape(text), escaped);
        }
        assert_eq!(super::path(&ContextPath::new(b"a/\xff\n\xc3\xa9")), "a/\\xff\\né");
    }

    #[test]
    fn sizes_have_at_most_three_digits() {
        let cases = [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_949, "9.9 kB"), (9_950, "10 kB")];
        let more = [(999_499, "999 kB"), (999_500, "1.0 MB"), (312_000_000, "312 MB"), (u64::MAX, "18 EB")];
        for (n_bytes, text) in cases.into_iter().chain(more) {
            assert_eq!(super::bytes(n_bytes), text);
        }
    }

    #[test]
    fn times_are_told_in_the_units_that_matter() {
        let cases = [(0.0, "0.0 s"), (0.24, "0.2 s"), (9.94, "9.9 s"), (9.96, "10 s"), (99.4, "99 s")];
        let more = [(99.6, "1 min 40 s"), (120.0, "2 min"), (3599.7, "1 h"), (7500.0, "2 h 5 min")];
        for (seconds, text) in cases.into_iter().chain(more) {
            assert_eq!(super::seconds(seconds), text);
        }
    }

    #[test]
    fn a_cut_text_is_no_longer_than_asked() {
        assert_eq!(super::cut("abc", 3), "abc");
        assert_eq!(super::cut("äbcd", 3), "äb…");
    }
}
