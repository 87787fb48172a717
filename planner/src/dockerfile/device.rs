//! `RUN --device=`: only whether BuildKit accepts the value, which it takes as it stands.

use super::nearest::with_nearest;
use super::{csv, go, number};

/// What BuildKit refuses in the value of a `--device` flag.
///
/// # Errors
/// BuildKit's words.
pub(super) fn check(value: &str) -> Result<(), String> {
    let fields = csv::fields(value).map_err(|error| format!("failed to parse csv devices: {error}"))?;
    let mut name = String::new();
    for field in &fields {
        let (key, value) = field.split_once('=').map_or((&**field, None), |(key, value)| (key, Some(value)));
        let key = go::lower(key);
        match (&*key, value) {
            ("required", None) => {}
            ("required", Some(value)) => {
                number::boolean(value).ok_or_else(|| format!("invalid value for {key}: {value}"))?;
            }
            ("name", Some(_)) if !name.is_empty() => return Err(format!("device name already set to {name}")),
            ("name", Some(value)) => value.clone_into(&mut name),
            _ if name.is_empty() => field.as_ref().clone_into(&mut name),
            (_, None) => return Err(format!("invalid field '{field}' must be a key=value pair")),
            (_, Some(_)) => {
                let message = format!("unexpected key '{key}' in '{field}'");
                return Err(with_nearest(message, &key, &["name", "required"]));
            }
        }
    }
    Ok(())
}
