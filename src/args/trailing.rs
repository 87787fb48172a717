//! The builder flags behind `--`: picks out those that enter keys. Everything else there (`--push`,
//! `--tag x`) is for the builder alone, may be newer than this program, and is passed over. In goes the
//! list of words, out come the flags. It does not say which unknown flags are right.

use clap::{Args as _, CommandFactory as _, FromArgMatches as _, Parser};

use super::BuilderFlags;

#[derive(Parser)]
#[command(name = "stageplan … --", no_binary_name = true, args_override_self = true, disable_help_flag = true)]
struct Trailing {
    #[command(flatten)]
    flags: BuilderFlags,
}

/// Reads the flags that enter keys.
pub(super) fn parse(words: &[String]) -> Result<BuilderFlags, clap::Error> {
    let mut command = Trailing::command();
    let picked = sorted(words).known;
    // The default of `--platform` from the environment was read with the other flags already.
    command = command.mut_arg("platform", |arg| arg.env(None::<&str>));
    let matches = command.try_get_matches_from_mut(picked)?;
    BuilderFlags::from_arg_matches(&matches)
}

/// The words that are for the builder alone.
pub(crate) fn unknown_to_keys(words: &[String]) -> Vec<&str> {
    sorted(words).unknown
}

struct Sorted<'a> {
    known: Vec<&'a str>,
    unknown: Vec<&'a str>,
}

fn sorted(words: &[String]) -> Sorted<'_> {
    let command = BuilderFlags::augment_args(clap::Command::new(""));
    let mut sorted = Sorted { known: Vec::new(), unknown: Vec::new() };
    let mut rest = words.iter().map(String::as_str);
    while let Some(word) = rest.next() {
        let known = known_flag(&command, word);
        let to = if matches!(known, Known::No) { &mut sorted.unknown } else { &mut sorted.known };
        to.push(word);
        if matches!(known, Known::ValueFollows) || (matches!(known, Known::No) && takes_value(word)) {
            to.extend(rest.next());
        }
    }
    sorted
}

enum Known {
    No,
    Complete,
    ValueFollows,
}

fn known_flag(command: &clap::Command, word: &str) -> Known {
    let (long, short) = (word.strip_prefix("--"), word.strip_prefix("-").filter(|rest| !rest.starts_with('-')));
    let name = long.map(|rest| rest.split_once('=').map_or(rest, |(name, _)| name));
    let arg = command.get_arguments().find(|arg| match (name, short) {
        (Some(name), _) => arg.get_long() == Some(name),
        (None, Some(rest)) => arg.get_short().is_some_and(|letter| rest.starts_with(letter)),
        (None, None) => false,
    });
    let Some(arg) = arg else { return Known::No };
    let is_complete = match (name, short) {
        (Some(name), _) => word.len() > name.len() + 2,
        (None, Some(rest)) => rest.len() > 1,
        (None, None) => false,
    };
    if is_complete || arg.is_require_equals_set() { Known::Complete } else { Known::ValueFollows }
}

/// Whether the next word belongs to this flag of `docker buildx build` that enters no key.
fn takes_value(word: &str) -> bool {
    matches!(
        word,
        "--allow"
            | "--annotation"
            | "--attest"
            | "--cache-from"
            | "--cache-to"
            | "--call"
            | "--iidfile"
            | "--metadata-file"
            | "--output"
            | "-o"
            | "--policy"
            | "--progress"
            | "--provenance"
            | "--resource"
            | "--sbom"
            | "--tag"
            | "-t"
    )
}

#[cfg(test)]
mod tests {
    fn parse(words: &[&str]) -> super::BuilderFlags {
        super::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn flags_that_enter_keys_are_found_among_the_others() {
        let flags = parse(&["--push", "-t", "--target", "--build-arg", "A=1", "--future", "x", "--build-arg=B", "-fx"]);
        assert_eq!(flags.build_arg, ["A=1", "B"]);
        assert_eq!((flags.target, flags.file), (Vec::new(), Some("x".into())));
        let flags = parse(&["--no-cache", "--target=b", "--no-cache-filter", "c,d", "--output", "--no-cache=false"]);
        assert_eq!((flags.no_cache, flags.target), (Some(true), vec!["b".to_owned()]));
        assert_eq!(flags.no_cache_filter, ["c,d"]);
        assert_eq!(parse(&["--no-cache", "--no-cache=0"]).no_cache, Some(false));
        assert_eq!((parse(&["--push", "--pull"]).pull, parse(&["--pull=false"]).pull), (Some(true), Some(false)));
    }

    #[test]
    fn a_flag_without_its_value_is_refused() {
        assert!(super::parse(&["--build-arg".to_owned()]).is_err());
        assert!(super::parse(&["--no-cache=perhaps".to_owned()]).is_err());
    }
}
