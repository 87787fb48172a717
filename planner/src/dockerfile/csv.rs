//! One line of comma-separated values, as `--mount` and `--device` hold them. The rules and the error texts
//! are those of Go's `encoding/csv` with one record allowed; see github.com/tonistiigi/go-csvvalue.

use std::borrow::Cow;

/// The fields of `line`; a trailing line end is dropped.
///
/// # Errors
/// The text with which BuildKit refuses the line.
pub(super) fn fields(line: &str) -> Result<Vec<Cow<'_, str>>, String> {
    let without_end = line.strip_suffix("\r\n").or_else(|| line.strip_suffix('\n')).unwrap_or(line);
    if without_end.is_empty() {
        return Err("EOF".to_owned());
    }
    let mut fields = Vec::new();
    let mut rest = without_end;
    loop {
        let (field, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(without_end, quoted)?,
            None => bare_field(without_end, rest)?,
        };
        fields.push(field);
        match behind {
            Some(behind) => rest = behind,
            None => return Ok(fields),
        }
    }
}

/// A field and what stands behind its comma.
type Field<'a> = (Cow<'a, str>, Option<&'a str>);

/// A field without quotes.
fn bare_field<'a>(line: &str, rest: &'a str) -> Result<Field<'a>, String> {
    let (field, behind) = rest.split_once(',').map_or((rest, None), |(field, behind)| (field, Some(behind)));
    match field.find('"') {
        Some(at) => Err(parse_error(line.len() - rest.len() + at, "bare \" in non-quoted-field")),
        None => Ok((Cow::Borrowed(field), behind)),
    }
}

/// The field whose opening quote was taken off.
fn quoted_field<'a>(line: &str, mut rest: &'a str) -> Result<Field<'a>, String> {
    const MISPLACED: &str = "extraneous or missing \" in quoted-field";
    let mut field = String::new();
    loop {
        let at = line.len() - rest.len();
        let Some((part, behind)) = rest.split_once('"') else {
            return Err(parse_error(at, MISPLACED));
        };
        field.push_str(part);
        if behind.is_empty() {
            return Ok((field.into(), None));
        }
        if let Some(behind) = behind.strip_prefix(',') {
            return Ok((field.into(), Some(behind)));
        }
        let Some(behind_pair) = behind.strip_prefix('"') else {
            return Err(parse_error(at + part.len(), MISPLACED));
        };
        field.push('"');
        rest = behind_pair;
    }
}

fn parse_error(at: usize, what: &str) -> String {
    format!("parse error on line 1, column {}: {what}", at + 1)
}
