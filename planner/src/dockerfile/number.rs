//! Numbers, durations and sizes as Go's standard library and Docker's units package read them. Text in, a
//! value out, or the library's words against the text.

use super::go;

/// `strconv.ParseBool`.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// `strconv.ParseUint` with 32 bits: digits only.
pub(super) fn unsigned(text: &str, radix: u32) -> Option<u32> {
    let is_digits = text.chars().all(|digit| digit.is_digit(radix));
    if is_digits { u32::from_str_radix(text, radix).ok() } else { None }
}

/// `strconv.ParseInt` with base 10 and 32 bits.
pub(super) fn signed(text: &str) -> Result<i32, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let why = if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        "invalid syntax"
    } else {
        match text.parse() {
            Ok(number) => return Ok(number),
            Err(_) => "value out of range",
        }
    };
    Err(format!("strconv.ParseInt: parsing {}: {why}", go::quote(text)))
}

/// `time.ParseDuration`, in nanoseconds.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    let refused = |what: &str| format!("time: {what} {}", quoted_duration(text));
    let (is_negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    let invalid = || refused("invalid duration");
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, fraction, behind) = decimal(rest).ok_or_else(invalid)?;
        let n_unit = behind.find(|next: char| next == '.' || next.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(n_unit);
        if unit.is_empty() {
            return Err(refused("missing unit in duration"));
        }
        let nanoseconds = unit_nanoseconds(unit)
            .ok_or_else(|| refused(&format!("unknown unit {} in duration", quoted_duration(unit))))?;
        let value = in_nanoseconds(whole, fraction, nanoseconds).ok_or_else(invalid)?;
        total = total.checked_add(value).filter(|total| *total <= 1 << 63).ok_or_else(invalid)?;
        rest = behind;
    }
    match i64::try_from(total) {
        Ok(total) if is_negative => Ok(-total),
        Ok(total) => Ok(total),
        Err(_) if is_negative => Ok(i64::MIN),
        Err(_) => Err(invalid()),
    }
}

/// The digits before the point, those behind it with their scale, and the rest.
fn decimal(text: &str) -> Option<(u64, (u64, f64), &str)> {
    let n_whole = n_digits(text);
    let (digits, rest) = text.split_at(n_whole);
    let whole = if digits.is_empty() { 0 } else { digits.parse().ok().filter(|whole| *whole <= 1 << 63)? };
    let Some(behind) = rest.strip_prefix('.') else {
        return (n_whole > 0).then_some((whole, (0, 1.0), rest));
    };
    let (digits, rest) = behind.split_at(n_digits(behind));
    if n_whole == 0 && digits.is_empty() {
        return None;
    }
    let mut fraction: u64 = 0;
    let mut scale = 1.0;
    for digit in digits.bytes() {
        // Digits that no longer fit are left out.
        if fraction > i64::MAX.unsigned_abs() / 10 {
            break;
        }
        fraction = fraction * 10 + u64::from(digit - b'0');
        scale *= 10.0;
    }
    Some((whole, (fraction, scale), rest))
}

fn n_digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn in_nanoseconds(whole: u64, (fraction, scale): (u64, f64), unit: u64) -> Option<u64> {
    let whole = whole.checked_mul(unit).filter(|value| *value <= 1 << 63)?;
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as Go")]
    let part = (fraction as f64 * (unit as f64 / scale)) as u64;
    whole.checked_add(part).filter(|value| *value <= 1 << 63)
}

fn unit_nanoseconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// How package time quotes: bytes that are not printable ASCII in hexadecimal.
fn quoted_duration(text: &str) -> String {
    let quoted = text.bytes().map(|byte| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=0x7f => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    });
    format!("\"{}\"", quoted.collect::<String>())
}

/// Bytes in a size such as `64m` or `1.5 GiB`, as `docker --memory` takes it; multiples of 1024.
pub(super) fn size(text: &str) -> Option<i64> {
    let last = text.rfind(|found: char| found.is_ascii_digit() || matches!(found, '.' | ' '))?;
    let (number, suffix) = text.split_at(last + 1);
    let mut size = float(number.strip_suffix(' ').unwrap_or(number))?;
    if size < 0.0 {
        return None;
    }
    let suffix = suffix.to_lowercase();
    let power = match suffix.as_bytes() {
        [] | [b'b'] => 0,
        [unit] | [unit, b'b'] | [unit, b'i', b'b'] => b"kmgtp".iter().position(|known| known == unit)? + 1,
        _ => return None,
    };
    for _ in 0..power {
        size *= 1024.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "too large a number becomes the lowest, as on amd64")]
    Some(if size < 9_223_372_036_854_775_808.0 { size as i64 } else { i64::MIN })
}

/// `strconv.ParseFloat` for numbers in decimal.
fn float(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-' | b'_'));
    let is_separated = |(index, _): (usize, &str)| {
        let digit_at = |at: Option<usize>| at.and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_digit);
        digit_at(index.checked_sub(1)) && digit_at(Some(index + 1))
    };
    if !is_plain || !text.match_indices('_').all(is_separated) {
        return None;
    }
    text.replace('_', "").parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations_as_go_does() {
        let refused = |what: &str| Err(format!("time: {what}"));
        for (text, expected) in [
            ("5s", Ok(5_000_000_000)),
            ("1h30m.5s", Ok(5_400_500_000_000)),
            ("-1.5ms", Ok(-1_500_000)),
            ("0", Ok(0)),
            ("1", refused("missing unit in duration \"1\"")),
            ("", refused("invalid duration \"\"")),
            (".s", refused("invalid duration \".s\"")),
            ("9999999999h", refused("invalid duration \"9999999999h\"")),
            ("1\u{e9}", refused("unknown unit \"\\xc3\\xa9\" in duration \"1\\xc3\\xa9\"")),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn reads_sizes_as_docker_does() {
        for (text, expected) in [
            ("64m", Some(64 << 20)),
            ("1.5 KiB", Some(1536)),
            ("2GB", Some(2 << 30)),
            ("10b", Some(10)),
            ("1_000", Some(1000)),
            ("-1", None),
            ("m", None),
            ("1kk", None),
            ("1 2", None),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }
}
