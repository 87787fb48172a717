//! `--shm-size` and `--ulimit`, by docker's rules (go-units). In go the texts of the flags, out come bytes
//! and `name=soft:hard`, as they enter keys.

use std::collections::BTreeMap;

use crate::fault::Fault;

const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// A size in bytes: a number, perhaps with a fraction, and `b`, `k`, `m`, `g`, `t` or `p` (powers of 1024).
pub(super) fn shm_size(text: &str) -> anyhow::Result<u64> {
    let fault = || {
        let fault = Fault::new(format!("invalid size `{text}` after --shm-size"));
        fault.with_hint("write a number and a unit, such as `128m`")
    };
    let at =
        text.rfind(|character: char| character.is_ascii_digit() || matches!(character, '.' | ' ')).ok_or_else(fault)?;
    let number = if text[at..].starts_with(' ') { &text[..at] } else { &text[..=at] };
    let exponent = match text[at + 1..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return Err(fault().into()),
    };
    let amount: f64 = number.parse().map_err(|_| fault())?;
    if !(amount >= 0.0 && amount.is_finite()) {
        return Err(fault().into());
    }
    Ok((amount * 1024_f64.powi(exponent)) as u64)
}

/// Limits as `name=soft:hard`, sorted by name; of two with one name the later one counts.
pub(super) fn ulimits(values: &[String]) -> anyhow::Result<Vec<String>> {
    let mut limits = BTreeMap::new();
    for value in values {
        let (name, soft, hard) = ulimit(value).map_err(|why| {
            Fault::new(format!("invalid ulimit `{value}`: {why}")).with_hint("write `NAME=SOFT[:HARD]`")
        })?;
        limits.insert(name, format!("{name}={soft}:{hard}"));
    }
    Ok(limits.into_values().collect())
}

fn ulimit(value: &str) -> Result<(&str, i64, i64), String> {
    let (name, limits) = value.split_once('=').ok_or("there is no `=`")?;
    if !ULIMITS.contains(&name) {
        return Err(format!("there is no limit named `{name}`"));
    }
    let number = |text: &str| text.parse::<i64>().map_err(|_| format!("`{text}` is not a number"));
    let (soft, hard) = match limits.split_once(':') {
        None => (number(limits)?, number(limits)?),
        Some((soft, hard)) => (number(soft)?, number(hard)?),
    };
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err("the soft limit must not be above the hard limit".to_owned());
    }
    Ok((name, soft, hard))
}

#[cfg(test)]
mod tests {
    use super::{shm_size, ulimit};

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        let cases = [
            ("64", Some(64)),
            ("64b", Some(64)),
            ("1.5k", Some(1536)),
            ("64m", Some(64 << 20)),
            ("64MB", Some(64 << 20)),
            ("2 GiB", Some(2 << 30)),
            ("0", Some(0)),
            ("m", None),
            ("64mm", None),
            ("64bb", None),
            ("-1", None),
            ("64é", None),
            ("", None),
        ];
        for (text, size) in cases {
            assert_eq!(shm_size(text).ok(), size, "{text}");
        }
    }

    #[test]
    fn limits_are_checked_as_docker_checks_them() {
        let cases = [
            ("nofile=1024", Some(("nofile", 1024, 1024))),
            ("nofile=1024:2048", Some(("nofile", 1024, 2048))),
            ("core=-1", Some(("core", -1, -1))),
            ("core=5:-1", Some(("core", 5, -1))),
            ("core=-1:5", None),
            ("nofile=2:1", None),
            ("nofile=1:2:3", None),
            ("nofile", None),
            ("files=1", None),
            ("nofile=a", None),
        ];
        for (value, limit) in cases {
            assert_eq!(ulimit(value).ok(), limit, "{value}");
        }
    }
}
