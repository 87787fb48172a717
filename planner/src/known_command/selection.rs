//! Which of the packages that a lock file names an install takes: all of them, or all but those for development. In goes a
//! command, out comes a set of words; two installs of one lock file are the same where their sets are.

use std::collections::BTreeSet;

use super::shell::Invocation;

/// Words of JavaScript's package managers that leave development dependencies out.
const PRODUCTION: &[&str] =
    &["--omit=dev", "--production", "--production=true", "--prod", "-P", "--only=production", "--only=prod"];
/// Words that take them in.
const DEVELOPMENT: &[&str] = &["--include=dev", "--production=false", "--prod=false"];
/// Options of others that choose groups of packages, with or without a value.
const GROUPS: &[&str] = &[
    "--only",
    "--without",
    "--with",
    "--extras",
    "-E",
    "--all-extras",
    "--all-groups",
    "--no-dev",
    "--dev",
    "-d",
    "--extra",
    "--group",
    "--no-group",
    "--only-group",
    "--only-dev",
    "--no-default-groups",
    "--categories",
    "-r",
    "--requirement",
];
/// Variables that choose them.
const VARIABLES: &[&str] =
    &["BUNDLE_WITHOUT", "BUNDLE_WITH", "BUNDLE_ONLY", "COMPOSER_NO_DEV", "MIX_ENV", "UV_NO_DEV", "POETRY_WITHOUT"];

/// What an install takes.
#[must_use]
pub fn selection(invocation: &Invocation) -> BTreeSet<String> {
    let words: Vec<&str> = invocation.arguments().iter().map(String::as_str).collect();
    let is_javascript = ["npm", "yarn", "yarnpkg", "pnpm", "bun", "corepack"].contains(&invocation.program());
    if is_javascript {
        let is_pair = |option: &str| {
            words.windows(2).any(|pair| pair[0] == option && matches!(pair[1], "dev" | "prod" | "production"))
        };
        let variable = |name: &str| invocation.env.get(name).map(String::as_str).unwrap_or_default();
        let is_asked = words.iter().any(|word| PRODUCTION.contains(word)) || is_pair("--omit") || is_pair("--only");
        let is_set = variable("NODE_ENV") == "production"
            || variable("npm_config_production") == "true"
            || ["npm_config_omit", "NPM_CONFIG_OMIT"].iter().any(|name| variable(name) == "dev");
        let is_all = words.iter().any(|word| DEVELOPMENT.contains(word)) || is_pair("--include");
        let is_production = !is_all && (is_asked || is_set);
        return is_production.then(|| LEFT_OUT.to_owned()).into_iter().collect();
    }
    let mut selection = BTreeSet::new();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let (option, value) = word.split_once('=').map_or((word, None), |(option, value)| (option, Some(value)));
        if GROUPS.contains(&option) {
            let value = value.or_else(|| words.next_if(|next| !next.starts_with('-'))).unwrap_or_default();
            selection.insert(format!("{option} {value}"));
        }
    }
    let variables = VARIABLES.iter().filter_map(|name| Some((name, invocation.env.get(*name)?)));
    selection.extend(variables.map(|(name, value)| format!("{name}={value}")));
    selection
}

/// How it is told that development dependencies are left out.
const LEFT_OUT: &str = "without those for development";

/// Whether only development dependencies are left out.
#[must_use]
pub fn is_production(selection: &BTreeSet<String>) -> bool {
    selection.len() == 1 && selection.contains(LEFT_OUT)
}
