//! The patterns of `${NAME#pattern}`, `${NAME%pattern}` and `${NAME/pattern/text}`: `*`, `?` and escapes, no
//! bracket classes. A pattern, a value and what to do go in; the changed value, or BuildKit's reason against
//! the pattern, comes out.

use regex::{Regex, escape};

use crate::dockerfile::go;

/// The value without the shortest (or `longest`) start that matches.
pub(super) fn trim_prefix(pattern: &str, value: &str, longest: bool) -> Result<String, String> {
    let matcher = matcher(pattern, longest, true)?;
    let end = matcher.find(value).map_or(0, |found| found.end());
    Ok(value[end..].to_owned())
}

/// The value without the shortest (or `longest`) end that matches.
pub(super) fn trim_suffix(pattern: &str, value: &str, longest: bool) -> Result<String, String> {
    let trimmed = trim_prefix(&reversed_pattern(pattern), &reversed(value), longest)?;
    Ok(reversed(&trimmed))
}

/// The value with the first match, or `every` match, replaced. Only where every match is replaced is the
/// replacement a template in which `$0` stands for the match.
pub(super) fn replace(pattern: &str, value: &str, replacement: &str, every: bool) -> Result<String, String> {
    let matcher = matcher(pattern, true, false)?;
    if every {
        let fill = |found: &regex::Captures<'_>| filled(replacement, &found[0]);
        return Ok(matcher.replace_all(value, fill).into_owned());
    }
    Ok(matcher.replace(value, regex::NoExpand(replacement)).into_owned())
}

fn matcher(pattern: &str, longest: bool, anchored: bool) -> Result<Regex, String> {
    let refused = |why: &str| format!("invalid pattern ({pattern}) in substitution: {why}");
    let expression = expression(pattern, longest, anchored).map_err(|why| refused(&why))?;
    Regex::new(&expression).map_err(|_| refused("expression too large"))
}

fn expression(pattern: &str, longest: bool, anchored: bool) -> Result<String, String> {
    let mut expression = String::from(if anchored { "^" } else { "" });
    let literal = |expression: &mut String, character: char| {
        expression.push_str(&escape(character.encode_utf8(&mut [0; 4])));
    };
    // Go's scanner drops a byte order mark in front.
    let mut rest = pattern.strip_prefix('\u{feff}').unwrap_or(pattern).chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '*' => expression.push_str(if longest { ".*" } else { ".*?" }),
            '?' => expression.push('.'),
            '\\' => match rest.next_if(|next| !matches!(next, '}' | '/')) {
                Some(escaped @ ('*' | '?' | '\\')) => literal(&mut expression, escaped),
                // The brace or slash follows by itself: only its escape goes.
                None if rest.peek().is_some() => {}
                other => return Err(format!("invalid escape '\\{}'", other.unwrap_or(char::REPLACEMENT_CHARACTER))),
            },
            _ => literal(&mut expression, character),
        }
    }
    Ok(expression)
}

/// The pattern back to front, escapes staying in front of what they escape.
fn reversed_pattern(pattern: &str) -> String {
    let mut parts = Vec::new();
    let mut rest = pattern.chars();
    while let Some(character) = rest.next() {
        match (character, rest.clone().next()) {
            ('\\', Some(escaped)) => {
                rest.next();
                parts.push(format!("\\{escaped}"));
            }
            _ => parts.push(character.to_string()),
        }
    }
    parts.reverse();
    parts.concat()
}

fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

/// Fills in a template of Go's regexp package; the patterns here have no group but the whole match.
fn filled(template: &str, whole: &str) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('$') {
        text.push_str(before);
        if let Some(behind) = behind.strip_prefix('$') {
            text.push('$');
            rest = behind;
            continue;
        }
        let inside = behind.strip_prefix('{').unwrap_or(behind);
        let is_part = |part: char| part == '_' || go::is_letter(part) || go::is_digit(part);
        let end = inside.find(|part| !is_part(part)).unwrap_or(inside.len());
        let (name, after) = inside.split_at(end);
        let after = if inside.len() == behind.len() { Some(after) } else { after.strip_prefix('}') };
        match after {
            Some(after) if !name.is_empty() => {
                if name == "0" {
                    text.push_str(whole);
                }
                rest = after;
            }
            _ => {
                text.push('$');
                rest = behind;
            }
        }
    }
    text + rest
}
