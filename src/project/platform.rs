//! `--platform`: the one platform that is built for, in normal form. Several at once are refused, because each
//! has steps of its own.

use std::env::consts;

use planner::graph::place;

use crate::fault::Fault;

/// The platform of this machine; containers run on Linux whatever it runs.
pub(super) fn of_machine() -> String {
    let platform = format!("linux/{}", consts::ARCH);
    place::platform(&platform).unwrap_or(platform)
}

/// The platform that the flags name; `None` without any.
pub(super) fn parse(values: &[String]) -> anyhow::Result<Option<String>> {
    let mut platforms = Vec::new();
    for value in values.iter().filter(|value| !value.is_empty()).flat_map(|value| value.split(',')) {
        let platform = if value.eq_ignore_ascii_case("local") { Ok(of_machine()) } else { place::platform(value) };
        let platform = platform.map_err(|_| {
            Fault::new(format!("invalid platform `{value}`")).with_hint("write `OS/ARCH`, such as `linux/amd64`")
        })?;
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    if platforms.len() > 1 {
        let fault = Fault::new(format!("cannot plan for several platforms at once: {}", platforms.join(", ")));
        return Err(fault.with_hint("give one --platform; each platform has steps of its own").into());
    }
    Ok(platforms.pop())
}

#[cfg(test)]
mod tests {
    #[test]
    fn several_names_of_one_platform_are_one() {
        let parse = |values: &[&str]| super::parse(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
        assert_eq!(parse(&[]).unwrap(), None);
        assert_eq!(parse(&[""]).unwrap(), None);
        assert_eq!(parse(&["linux/amd64,linux/x86_64", "amd64"]).unwrap().as_deref(), Some("linux/amd64"));
        assert_eq!(parse(&["local"]).unwrap(), Some(super::of_machine()));
        assert!(parse(&["linux/amd64,linux/arm64"]).is_err());
        assert!(parse(&["linux//"]).is_err());
    }
}
