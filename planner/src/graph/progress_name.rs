//! The names BuildKit gives to steps in its progress, `[build 3/6] COPY . .`, and which step of a [`TargetGraph`]
//! such a name means. Names carry no line: the stage, the number and the text must all agree, or the name means
//! nothing here. Nothing is guessed.
//!
//! The rules are those of frontend/dockerfile/dockerfile2llb (prefixCommand, buildDispatchStates) and, for a plan of
//! several targets, the prefix that buildx puts in front.

use std::sync::Arc;

use std::collections::BTreeSet;

use super::{Placed, StageGraph, TargetGraph};
use crate::secret::MASK;

/// A name taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProgressName<'a> {
    /// The words between the bracket and the number: as it applies, a target of the plan, a platform, a stage.
    pub words: Vec<&'a str>,
    /// The number of the step in its stage, from 1.
    pub number: usize,
    /// How many numbers the stage is said to have. Not an upper bound: BuildKit 0.13 leaves triggers out.
    pub total: usize,
    /// Whether it is marked as a trigger.
    pub trigger: bool,
    /// Whether it is the merge behind a `COPY --link`.
    pub link: bool,
    /// The instruction, variables expanded, on one line.
    pub text: &'a str,
}

impl<'a> ProgressName<'a> {
    /// Reads a name; `None` where it is not that of a numbered step (`[internal] …`, `exporting to image`).
    #[must_use]
    pub fn parse(name: &'a str) -> Option<Self> {
        let (bracket, text) = name.strip_prefix('[')?.split_once(']')?;
        let mut words: Vec<&str> = bracket.split_whitespace().collect();
        let (number, total) = words.pop()?.split_once('/')?;
        let (number, total) = (number.parse().ok()?, total.parse().ok()?);
        let text = text.trim_start();
        let (trigger, text) = text.strip_prefix("ONBUILD ").map_or((false, text), |text| (true, text));
        let (link, text) = text.strip_prefix("LINK ").map_or((false, text), |text| (true, text));
        Some(Self { words, number, total, trigger, link, text })
    }

    /// Whether it names an image that a stage begins with.
    #[must_use]
    pub fn is_base(&self) -> bool {
        self.text.starts_with("FROM ")
    }

    /// The platform it names; BuildKit does so where a build has several.
    #[must_use]
    pub fn platform(&self) -> Option<&'a str> {
        self.words.iter().copied().find(|word| is_platform(word))
    }
}

impl TargetGraph {
    /// The steps that a name may mean: none if it is not of this target, several only where stages of one name hold
    /// the same text at the same number.
    #[must_use]
    pub fn steps_named(&self, name: &ProgressName<'_>) -> BTreeSet<usize> {
        let used = self.stages.iter().enumerate().filter(|(_, stage)| stage.used);
        let named = used.filter(|(index, stage)| self.is_stage(*index, stage, name) && stage.has_total(name.total));
        named.filter_map(|(_, stage)| stage.step_numbered(name)).collect()
    }

    /// Whether the words of a name are those of a stage: `TARGET`, platform and stage, each but the last optional, and
    /// the last too where there is but one stage.
    fn is_stage(&self, index: usize, stage: &StageGraph, name: &ProgressName<'_>) -> bool {
        let label = stage.name.clone().unwrap_or_else(|| format!("stage-{index}"));
        let mut words = name.words.as_slice();
        match words.split_last() {
            Some((last, rest)) if *last == label => words = rest,
            _ if self.stages.len() > 1 => return false,
            _ => {}
        }
        if let Some((last, rest)) = words.split_last()
            && is_platform(last)
        {
            words = rest;
        }
        // A plan's names of targets hold no dots.
        words.is_empty() || words == [self.name.replace('.', "_").as_str()]
    }
}

/// `linux/arm64`, or `linux/amd64->arm64` where a stage of one platform works for another.
fn is_platform(word: &str) -> bool {
    word.split_once('/').is_some_and(|(os, rest)| !os.is_empty() && !rest.is_empty())
}

impl StageGraph {
    /// Whether its first number goes to the image it is built upon.
    fn numbers_base(&self) -> bool {
        self.is_on_image() && !self.replaced_base
    }

    /// An image counts even where a build context replaces it and takes no number.
    fn is_on_image(&self) -> bool {
        self.base_stage.is_none() && self.base != "scratch"
    }

    /// Whether `total` is how BuildKit counts this stage: every RUN, COPY, ADD and WORKDIR, whether or not it makes a
    /// step, and the triggers of any kind, which older versions forget.
    fn has_total(&self, total: usize) -> bool {
        let is_counted = |placed: &&Arc<Placed>| matches!(placed.keyword.as_str(), "RUN" | "COPY" | "ADD" | "WORKDIR");
        let n_own = self.instructions.iter().filter(|placed| !placed.trigger).filter(is_counted).count();
        let n_triggers = self.instructions.iter().filter(|placed| placed.trigger).count();
        let without_triggers = n_own + usize::from(self.is_on_image());
        total == without_triggers || total == without_triggers + n_triggers
    }

    /// The step of that number, if its text agrees.
    fn step_numbered(&self, name: &ProgressName<'_>) -> Option<usize> {
        let mut number = usize::from(self.numbers_base());
        for placed in &self.instructions {
            number += usize::from(placed.step.is_some());
            if placed.step.is_some() && number == name.number {
                let is_kind = placed.trigger || !name.trigger;
                let step = if name.link { placed.link } else { placed.step };
                return step.filter(|_| is_kind && fits(&placed.text, name.text));
            }
        }
        None
    }
}

/// Whether `shown`, the text of a name, may be the instruction `written` with its variables expanded. White space, quotes
/// and escapes do not count, since the builder's lexer and ours treat them differently.
#[must_use]
pub fn fits(written: &str, shown: &str) -> bool {
    let literals = literals(written);
    // The name of a lone here-document ends with its first line.
    let without_body = shown.rfind(" (").filter(|_| written.contains("<<") && shown.ends_with(')'));
    let without_body = without_body.map(|at| &shown[..at]);
    [Some(shown), without_body].into_iter().flatten().any(|shown| is_filled(&literals, &bare(shown)))
}

/// Whether a text is these literals in order with anything between them, and nothing before or behind.
fn is_filled(literals: &[String], text: &str) -> bool {
    let Some((first, rest)) = literals.split_first() else { return text.is_empty() };
    let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
    let Some((last, between)) = rest.split_last() else { return text.is_empty() };
    for literal in between {
        let Some(at) = text.find(literal.as_str()) else { return false };
        text = &text[at + literal.len()..];
    }
    text.ends_with(last.as_str())
}

/// What stands between the variables (and masked values) of an instruction, bare.
fn literals(written: &str) -> Vec<String> {
    let mut literals = vec![String::new()];
    let mut rest = written;
    while let Some(character) = rest.chars().next() {
        let n_variable = variable(rest);
        if n_variable > 0 {
            literals.push(String::new());
            rest = &rest[n_variable..];
            continue;
        }
        if is_bare(character) {
            literals.last_mut().into_iter().for_each(|literal| literal.push(character));
        }
        rest = &rest[character.len_utf8()..];
    }
    literals
}

/// How many bytes at the start of a text are one variable or one masked value.
fn variable(text: &str) -> usize {
    if text.starts_with(MASK) {
        return MASK.len();
    }
    let Some(behind) = text.strip_prefix('$') else { return 0 };
    if behind.starts_with('{') {
        return 1 + braces(behind);
    }
    let name: usize = behind.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
    match behind.chars().next() {
        Some(_) if name > 0 => 1 + name,
        Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => 2,
        _ => 0,
    }
}

/// How many bytes `{…}` takes, braces inside included; all where it is not closed.
fn braces(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

fn bare(text: &str) -> String {
    text.chars().filter(|character| is_bare(*character)).collect()
}

fn is_bare(character: char) -> bool {
    !character.is_whitespace() && !matches!(character, '"' | '\'' | '\\' | '`')
}

#[cfg(test)]
mod tests;
