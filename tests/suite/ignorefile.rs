//! `.dockerignore`: each folder of `tests/fixtures/ignorefile` is a fact. Every `*.dockerignore` in it, applied
//! to the tree of `tree.txt`, must leave the entries of `paths.txt` (`+` kept, `-` dropped and by which line),
//! or fail as `error.txt` says. Random ignore files are compared with a slow, plain reading of the rules.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use planner::diagnostic::Diagnostic;
use planner::ignorefile::{BrokenPattern, Decision, Ignorefile, State};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ignorefile")
}

fn sorted_entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The answer in the form of `paths.txt`, or the errors in the form of `error.txt`. Folders of `tree` end in a
/// slash.
fn check(text: &[u8], tree: &[&str]) -> String {
    let (ignorefile, diagnostics) = Ignorefile::parse(text);
    if !diagnostics.is_empty() {
        return diagnostics.iter().map(one_line).collect();
    }
    let mut dropped_by = vec![None; tree.len()];
    match walk(&ignorefile, tree, "", &ignorefile.root(), &mut dropped_by) {
        Err(error) => format!("line {}: {error}\n", error.line),
        Ok(_) => tree.iter().zip(dropped_by).fold(String::new(), |answer, (path, line)| match line {
            Some(line) => answer + &format!("- {line} {path}\n"),
            None => answer + &format!("+   {path}\n"),
        }),
    }
}

fn one_line(diagnostic: &Diagnostic) -> String {
    format!("line {}: {}\n", diagnostic.line.unwrap(), diagnostic.message)
}

/// Walks as BuildKit's client does; says whether anything was kept.
fn walk(
    ignorefile: &Ignorefile,
    tree: &[&str],
    folder: &str,
    state: &State,
    dropped_by: &mut [Option<u32>],
) -> Result<bool, BrokenPattern> {
    let mut any_kept = false;
    for (index, path) in tree.iter().enumerate().filter(|(_, path)| is_entry_of(path, folder)) {
        let name = path.trim_end_matches('/').as_bytes();
        let (decision, inner) = ignorefile.decide(state, name)?;
        let line = match decision {
            Decision::Kept(_) => None,
            Decision::Ignored(rule) => Some(rule.line),
        };
        let mut is_kept = line.is_none();
        if path.ends_with('/') {
            if !is_kept && ignorefile.can_skip(name) {
                let below = tree.iter().zip(dropped_by.iter_mut()).filter(|(below, _)| below.starts_with(path));
                below.for_each(|(_, dropped_by)| *dropped_by = line);
            } else {
                is_kept |= walk(ignorefile, tree, path, &inner, dropped_by)?;
            }
        }
        dropped_by[index] = line.filter(|_| !is_kept);
        any_kept |= is_kept;
    }
    Ok(any_kept)
}

fn is_entry_of(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|name| !name.is_empty() && !name.trim_end_matches('/').contains('/'))
}

#[test]
fn every_fact_holds() {
    let tree = fs::read_to_string(fixtures().join("tree.txt")).unwrap();
    let tree: Vec<&str> = tree.lines().collect();
    let (mut n_files, mut wrong) = (0, String::new());
    for case in sorted_entries(&fixtures()).into_iter().filter(|path| path.is_dir()) {
        let answer = if case.join("error.txt").exists() { "error.txt" } else { "paths.txt" };
        let expected = fs::read_to_string(case.join(answer)).unwrap();
        let files = sorted_entries(&case);
        for file in files.iter().filter(|file| file.to_str().unwrap().ends_with(".dockerignore")) {
            n_files += 1;
            let found = check(&fs::read(file).unwrap(), &tree);
            if found != expected {
                let differing: Vec<_> =
                    found.lines().filter(|line| !expected.lines().any(|other| other == *line)).collect();
                writeln!(wrong, "{}:\n{}", file.display(), differing.join("\n")).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(n_files > 100, "only {n_files} ignore files found");
}

#[test]
fn a_rule_that_changed_nothing_for_a_folder_does_not_count_below() {
    let (ignorefile, _) = Ignorefile::parse(b"**/a.txt\n!dir\n");
    let (dir, inner) = ignorefile.decide(&ignorefile.root(), b"dir").unwrap();
    assert!(!dir.is_ignored());
    let (file, _) = ignorefile.decide(&inner, b"dir/a.txt").unwrap();
    assert!(matches!(file, Decision::Ignored(rule) if rule.line == 1), "{file:?}");
}

#[test]
fn a_broken_pattern_matters_only_where_it_is_tried() {
    let (ignorefile, diagnostics) = Ignorefile::parse(b"*\nfo\\o\n");
    assert!(diagnostics.is_empty());
    let (decision, _) = ignorefile.decide(&ignorefile.root(), b"x").unwrap();
    assert!(matches!(decision, Decision::Ignored(rule) if rule.written == "*"));
}

#[test]
fn an_ignored_folder_is_entered_where_a_negation_could_lead_below_it() {
    for (text, skipped) in [
        ("dir", true),
        ("dir\n!dirt", true),
        ("dir\n!dir/a", false),
        ("dir\n!dir/a/**", false),
        ("dir\n!other/*", true),
        ("dir\n!dir/*", false),
        ("dir\n!*.txt", false),
        ("dir\n!a\\b", false),
    ] {
        assert_eq!(Ignorefile::parse(text.as_bytes()).0.can_skip(b"dir"), skipped, "{text}");
    }
}

#[test]
fn names_need_not_be_utf8() {
    let (ignorefile, _) = Ignorefile::parse(b"*.log\n?\nx[^a]\n\xff\xff*\n");
    for (path, line) in [
        (b"\xe2\x82.log".as_slice(), Some(1)),
        (b"\xff", Some(2)),
        (b"x\xff", Some(3)),
        (b"\xfe\xfd--", Some(4)),
        (b"\xff--", None),
    ] {
        let (decision, _) = ignorefile.decide(&ignorefile.root(), path).unwrap();
        let found = match decision {
            Decision::Ignored(rule) => Some(rule.line),
            Decision::Kept(_) => None,
        };
        assert_eq!(found, line, "{path:?}");
    }
}

#[test]
fn refused_lines_are_reported_with_their_place_and_the_rest_still_counts() {
    let text = format!("a\n !/ \n[l-\nb\n{}\nc\n", "x".repeat(65_536));
    let (ignorefile, diagnostics) = Ignorefile::parse(text.as_bytes());
    let found: Vec<_> = diagnostics.iter().map(|found| (found.line, found.message.as_str(), found.span)).collect();
    let span = |start, end| Some(planner::source::Span::new(start, end));
    let expected = [
        (Some(2), "illegal exclusion pattern: \"!\"", span(3, 5)),
        (Some(3), "syntax error in pattern", span(7, 10)),
        (Some(5), "bufio.Scanner: token too long", span(13, 13 + 65_536)),
    ];
    assert_eq!(found, expected);
    let rules: Vec<_> = ignorefile.rules().iter().map(|rule| (rule.line, rule.written.as_str())).collect();
    assert_eq!(rules, [(1, "a"), (4, "b")]);
}

#[test]
fn patterns_from_elsewhere_keep_their_slash_and_have_no_comments() {
    let exclude = Ignorefile::from_patterns(["/a", "#b", " !c ", ""]).unwrap();
    let is_ignored = |path: &str| exclude.decide(&exclude.root(), path.as_bytes()).unwrap().0.is_ignored();
    assert!(!is_ignored("a") && is_ignored("#b"));
    assert_eq!(exclude.rules().len(), 3);
    assert_eq!(Ignorefile::from_patterns(["["]).unwrap_err().to_string(), "syntax error in pattern");
}

#[test]
fn many_rules_are_kept_apart() {
    let text: String = (0..200).map(|number| format!("d{number}\n!d{number}/keep\n")).collect();
    let (ignorefile, _) = Ignorefile::parse(text.as_bytes());
    let (dir, inner) = ignorefile.decide(&ignorefile.root(), b"d199").unwrap();
    assert!(dir.is_ignored());
    assert!(ignorefile.decide(&inner, b"d199/x").unwrap().0.is_ignored());
    assert!(!ignorefile.decide(&inner, b"d199/keep").unwrap().0.is_ignored());
}

#[test]
fn random_files_are_decided_as_a_plain_reading_decides() {
    let mut draw = plain::Draw(0x9e37_79b9_7f4a_7c15);
    let (mut n_ignored, mut n_kept) = (0, 0);
    for _ in 0..1000 {
        let text: String = (0..=draw.below(4)).map(|_| plain::random_rule(&mut draw) + "\n").collect();
        let (ignorefile, diagnostics) = Ignorefile::parse(text.as_bytes());
        assert!(diagnostics.is_empty(), "{text}");
        let mut path = String::new();
        let (mut state, mut matched) = (ignorefile.root(), vec![false; ignorefile.rules().len()]);
        for _ in 0..=draw.below(3) {
            let name = ["a", "b", "ab", "ba", ".a", "é", "a.b", "b\na"][draw.below(8)];
            path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            let (decision, inner) = ignorefile.decide(&state, path.as_bytes()).unwrap();
            let ignored = plain::decide(&text, &path, &mut matched);
            assert_eq!(decision.is_ignored(), ignored, "{path:?} with\n{text}");
            state = inner;
            if ignored { n_ignored += 1 } else { n_kept += 1 }
        }
    }
    assert!(n_ignored > 300 && n_kept > 300, "{n_ignored} ignored, {n_kept} kept");
}

/// The rules once more, slowly: each character of a pattern is tried against each of the path.
mod plain {
    pub(super) struct Draw(pub(super) u64);

    impl Draw {
        /// A number below `bound`, by xorshift.
        pub(super) fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % bound as u64).unwrap()
        }
    }

    pub(super) fn random_rule(draw: &mut Draw) -> String {
        const COMPONENTS: [&str; 18] = [
            "a", "b", "ab", "é", "*", "**", "?", "[ab]", "[^a]", "a*", "*b", "**b", "a**", ".*", "*.b", "??", "a?",
            "*a*",
        ];
        let components: Vec<&str> = (0..=draw.below(3)).map(|_| COMPONENTS[draw.below(COMPONENTS.len())]).collect();
        let negation = if draw.below(3) == 0 { "!" } else { "" };
        format!("{negation}{}", components.join("/"))
    }

    /// Whether `path` is ignored; `matched` holds what matched its folder, and is made to hold what matches it.
    pub(super) fn decide(text: &str, path: &str, matched: &mut [bool]) -> bool {
        let mut ignored = false;
        for (rule, matched) in text.lines().zip(matched) {
            let (negated, pattern) = match rule.strip_prefix('!') {
                Some(pattern) => (true, pattern),
                None => (false, rule),
            };
            *matched = *matched || (negated == ignored && matches(pattern, path));
            if *matched {
                ignored = !negated;
            }
        }
        ignored
    }

    fn matches(pattern: &str, path: &str) -> bool {
        let is_plain = |text: &str| !text.contains(['*', '?', '[']);
        if let Some(suffix) = pattern.strip_prefix("**").filter(|rest| is_plain(rest)) {
            return path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path);
        }
        if let Some(prefix) = pattern.strip_suffix("**").filter(|rest| is_plain(rest)) {
            return path.starts_with(prefix);
        }
        run(&pattern.chars().collect::<Vec<_>>(), &path.chars().collect::<Vec<_>>())
    }

    fn run(pattern: &[char], path: &[char]) -> bool {
        match pattern {
            [] => path.is_empty(),
            ['*', '*'] | ['*', '*', '/'] => !path.contains(&'\n'),
            ['*', '*', '/', rest @ ..] | ['*', '*', rest @ ..] => {
                let is_folder = |end: &usize| path[end - 1] == '/' && !path[..*end].contains(&'\n');
                run(rest, path) || (1..=path.len()).filter(is_folder).any(|end| run(rest, &path[end..]))
            }
            ['*', rest @ ..] => {
                run(rest, path) || path.split_first().is_some_and(|(first, path)| *first != '/' && run(pattern, path))
            }
            ['[', '^', one, ']', rest @ ..] => {
                path.split_first().is_some_and(|(first, path)| first != one && run(rest, path))
            }
            ['[', one, other, ']', rest @ ..] => {
                path.split_first().is_some_and(|(first, path)| (first == one || first == other) && run(rest, path))
            }
            ['?', rest @ ..] => path.split_first().is_some_and(|(first, path)| *first != '/' && run(rest, path)),
            [one, rest @ ..] => path.split_first().is_some_and(|(first, path)| first == one && run(rest, path)),
        }
    }
}
