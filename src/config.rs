//! `stageplan.toml`: what a project always wants left out. In goes the folder of the context, out comes the file's settings:
//! the nearest file upwards counts, and nothing above the top of the git repository is looked at. What is not known in it
//! is refused, so that a misspelt name cannot be passed over.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use planner::source::Span;
use serde::Deserialize;
use toml::Spanned;

use crate::fault::{Fault, Place};
use crate::intake;

/// The name of the file.
const NAME: &str = "stageplan.toml";

/// What the file may hold.
#[derive(Deserialize, Default, Debug)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    optimize: Optimize,
}

#[derive(Deserialize, Default, Debug)]
#[serde(deny_unknown_fields, default)]
struct Optimize {
    /// Rules that are left out.
    ignore: Vec<Spanned<String>>,
}

/// The rules that the project's file leaves out, each one of `known`; none where there is no such file.
///
/// # Errors
/// If the file cannot be read, is not TOML, or names something that is not known.
pub(crate) fn ignored_rules(context: &Path, top: Option<&Path>, known: &[&str]) -> anyhow::Result<Vec<String>> {
    let Some((path, bytes)) = find(context, top)? else { return Ok(Vec::new()) };
    let shown = path.display().to_string();
    let text = String::from_utf8(bytes).map_err(|_| Fault::new(format!("`{shown}` is not UTF-8")))?;
    let settings: Settings = toml::from_str(&text).map_err(|error| {
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        at(&shown, &text, error.span(), &message).with_hint(FORM)
    })?;
    let rules = settings.optimize.ignore;
    if let Some(unknown) = rules.iter().find(|rule| !known.contains(&rule.as_ref().as_str())) {
        let message = format!("no rule is called `{}`", unknown.as_ref());
        let hint = format!("the rules are {}", known.join(", "));
        return Err(at(&shown, &text, Some(unknown.span()), &message).with_hint(hint).into());
    }
    Ok(rules.into_iter().map(Spanned::into_inner).collect())
}

/// What the file should look like.
const FORM: &str = "it may hold `[optimize]` with `ignore = [\"RULE\", …]`, and nothing else";

/// The nearest file, and its bytes.
fn find(context: &Path, top: Option<&Path>) -> anyhow::Result<Option<(PathBuf, Vec<u8>)>> {
    let is_inside = |folder: &&Path| *folder == context || top.is_some_and(|top| folder.starts_with(top));
    for folder in context.ancestors().take_while(is_inside) {
        let path = folder.join(NAME);
        match intake::read_by_hand(&path) {
            Ok(bytes) => return Ok(Some((path, bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", path.display())),
        }
    }
    Ok(None)
}

/// An error at a place of the file.
fn at(shown: &str, text: &str, span: Option<std::ops::Range<usize>>, message: &str) -> Fault {
    let Some(span) = span else { return Fault::new(format!("`{shown}`: {message}")) };
    let line = text.get(..span.start).unwrap_or(text).matches('\n').count() + 1;
    let place = Place { text: text.to_owned(), span: Span::new(span.start, span.end), secrets: Vec::new() };
    Fault::new(format!("`{shown}` line {line}: {message}")).at(place)
}
