//! The ways in which commands are told a password and settings files hold one: `-u name:password`, `mysql -ppassword`,
//! `Name: value`, `name = value`. In goes a text, out come the places of the values. Whether a name is that of a secret
//! is decided by the parent.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::value::{Ends, closing, line_end, word_end};
use super::{is_harmless, looks_secret, regex, unquoted};

/// A pattern, and the place of the secret in a match of it.
pub(super) type Form = (&'static LazyLock<Option<Regex>>, fn(&str, &Captures<'_>) -> Option<Range<usize>>);

/// All of them.
pub(super) const FORMS: [Form; 5] = [
    (&USER, behind_user),
    (&PASSWORD_FLAG, behind_flag),
    (&HEADER, of_setting),
    (&COLON, of_setting),
    (&EQUALS, of_setting),
];

/// What their texts hold somewhere and those of other secrets need not, in lower case.
pub(super) const CLUES: [&str; 7] = ["-u", "curl", "mysql", "mariadb", "mongo", "redis-cli", "login"];

/// From one word of a command to the next, in shell form or JSON form.
const NEXT: &str = r#"(?:["'][ \t]*,[ \t]*["']|[ \t\r\n]+)"#;

/// `-u name:password`, `--user=name:password`.
static USER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(&format!(
        r#"[ \t\r\n"'](?:-[a-zA-Z]*[uU]{NEXT}|-u|--(?:proxy-)?user(?:{NEXT}|=))(?<quote>["']?)(?<user>(?:\$\{{[^}}]*\}}|[^ \t\r\n"':;&|,])*):"#
    ))
});

fn behind_user(text: &str, found: &Captures<'_>) -> Option<Range<usize>> {
    let start = found.get(0)?.end();
    let quoted = found["quote"].chars().next().and_then(|quote| closing(text, start, quote));
    let place = quoted.map_or_else(|| word(text, found), |end| start..end);
    let value = &text[place.clone()];
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_address = value.starts_with("//");
    let is_identity = is_number(&found["user"]) && is_number(value);
    (!is_harmless(unquoted(value)) && !is_identity && !is_address).then_some(place)
}

/// `mysql -ppassword`, `docker login -p password`: the commands that are known to take a password so.
static PASSWORD_FLAG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(&format!(
        r#"(?:^|[ \t\r\n"'/;&|(])(?:(?:mysql|mariadb)[a-z_-]*\b[^;|&]*?[ \t\r\n"']-p|(?:sshpass|mongo[a-z]*|login)\b[^;|&]*?[ \t\r\n"']-p(?:{NEXT}|=)?|redis-cli\b[^;|&]*?[ \t\r\n"']-a(?:{NEXT})?)"#
    ))
});

fn behind_flag(text: &str, found: &Captures<'_>) -> Option<Range<usize>> {
    let place = word(text, found);
    let value = unquoted(&text[place.clone()]);
    (!is_harmless(value) && !value.starts_with('-')).then_some(place)
}

/// `-H "Name:value"`.
static HEADER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(&format!(r#"[ \t\r\n"'](?:-H|--header)(?:{NEXT}|=)?["']?(?<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*:[ \t]*"#))
});
/// `name: value`.
static COLON: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r"(?:^|[^A-Za-z0-9_.$\{/-])(?<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*:[ \t]+"));
/// `name = value`.
static EQUALS: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r"(?:^|[^A-Za-z0-9_.$\{-])(?<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]+={1,3}[ \t]+"));

fn of_setting(text: &str, found: &Captures<'_>) -> Option<Range<usize>> {
    let name = found.name("name")?;
    let start = found.get(0)?.end();
    let is_secret = |value: &str| looks_secret(name.as_str(), unquoted(value));
    is_secret(&text[start..])
        .then(|| start..line_end(text, name.start(), start))
        .filter(|place| is_secret(&text[place.clone()]))
}

fn word(text: &str, found: &Captures<'_>) -> Range<usize> {
    let start = found.get(0).map_or(text.len(), |found| found.end());
    start..word_end(text, start, Ends::Command)
}
