//! What BuildKit builds but warns of, as far as the file alone shows it for certain and it bears on what is built or
//! cached; and the options that silence warnings or make errors of them (`# check=`, or the build argument
//! `BUILDKIT_DOCKERFILE_CHECK`). In go a [`Dockerfile`] and the warnings of its parser, out come [`Finding`]s. Rules
//! and their words are those of frontend/dockerfile/linter; rules that need the base image are not among them.

use std::collections::BTreeSet;

use super::lines::EMPTY_CONTINUATION;
use super::{Dockerfile, Stage, go, number};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The build argument that takes the place of the directive.
pub const CHECK_ARG: &str = "BUILDKIT_DOCKERFILE_CHECK";

/// What BuildKit warns of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// BuildKit's name of the rule.
    pub rule: &'static str,
    /// What it says, and where.
    pub diagnostic: Diagnostic,
}

/// The options of the check.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Check {
    /// The rules that are silenced.
    skip: BTreeSet<String>,
    /// Whether all are.
    skip_all: bool,
    /// Whether a build fails that BuildKit warns of.
    pub error: bool,
}

impl Check {
    /// The options of a build: those of the build argument if it is given, else those of the file.
    ///
    /// # Errors
    /// BuildKit's words against the options.
    pub fn of(dockerfile: &Dockerfile, argument: Option<&str>) -> Result<Self, Diagnostic> {
        if let Some(options) = argument {
            return Self::parse(options).map_err(|message| {
                Diagnostic::error(format!("failed to parse build-arg:{CHECK_ARG}: {message}"), None, None)
            });
        }
        let Some(directive) = dockerfile.directives.iter().find(|directive| directive.name == "check") else {
            return Ok(Self::default());
        };
        Self::parse(&directive.value).map_err(|message| {
            let message = format!("failed to parse check options: {message}");
            Diagnostic::error(message, None, Some(directive.span))
        })
    }

    fn parse(options: &str) -> Result<Self, String> {
        let mut check = Self::default();
        let options = options.trim();
        if options.is_empty() {
            return Ok(check);
        }
        for option in options.splitn(3, ';') {
            let Some((name, value)) = option.split_once('=') else {
                return Err(format!("invalid check option {}", go::quote(option)));
            };
            let value = value.trim();
            match name.trim() {
                "skip" if value == "all" => check.skip_all = true,
                "skip" => check.skip = value.split(',').map(|rule| rule.trim().to_owned()).collect(),
                // None of the rules here is experimental.
                "experimental" => {}
                "error" => {
                    check.error = number::boolean(value).ok_or_else(|| {
                        let why = format!("strconv.ParseBool: parsing {}: invalid syntax", go::quote(value));
                        format!("failed to parse check option {}: {why}", go::quote(option))
                    })?;
                }
                name => return Err(format!("invalid check option {}", go::quote(name))),
            }
        }
        Ok(check)
    }

    fn skips(&self, rule: &str) -> bool {
        self.skip_all || self.skip.contains(rule)
    }
}

/// What BuildKit warns of in a file that it builds; `parsed` is what its parser said. In the order of the file.
#[must_use]
pub fn findings(dockerfile: &Dockerfile, parsed: &[Diagnostic], check: &Check) -> Vec<Finding> {
    let empty = parsed.iter().filter(|diagnostic| diagnostic.message == EMPTY_CONTINUATION);
    let empty = empty.map(|diagnostic| Finding { rule: "NoEmptyContinuation", diagnostic: diagnostic.clone() });
    let mut found: Vec<Finding> = empty.chain(stage_names(dockerfile)).collect();
    found.retain(|finding| !check.skips(finding.rule));
    found.sort_by_key(|finding| finding.diagnostic.line);
    found
}

/// Names that mean something else, and names that were there before: a later `FROM` or `--from` of the name reads
/// this stage.
fn stage_names(dockerfile: &Dockerfile) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for stage in &dockerfile.stages {
        let Some(name) = &stage.name else { continue };
        let mut add = |rule, message: String| {
            let place = Some(place_of_name(dockerfile, stage));
            found.push(Finding { rule, diagnostic: Diagnostic::warning(message, Some(stage.line), place) });
        };
        if ["context", "scratch"].contains(&name.as_str()) {
            let message = "Stage name should not use the same name as reserved stage";
            add("ReservedStageName", format!("{message} {}", go::quote(name)));
        }
        if !seen.insert(name) {
            let message = format!("Duplicate stage name {}, stage names should be unique", go::quote(name));
            add("DuplicateStageName", message);
        }
    }
    found
}

fn place_of_name(dockerfile: &Dockerfile, stage: &Stage) -> Span {
    let from = &dockerfile.instructions[stage.from];
    from.args.last().map_or(from.keyword.span, |name| name.span)
}

#[cfg(test)]
mod tests {
    use super::{Check, Dockerfile, findings};

    fn rules(text: &str) -> Vec<(&'static str, Option<u32>)> {
        let (dockerfile, parsed) = Dockerfile::parse(text.as_bytes());
        let check = Check::of(&dockerfile, None).unwrap_or_default();
        findings(&dockerfile, &parsed, &check).iter().map(|found| (found.rule, found.diagnostic.line)).collect()
    }

    #[test]
    fn rules_speak_until_they_are_silenced() {
        let text = "FROM a AS scratch\nRUN a \\\n\n  b\nFROM b AS Scratch\nFROM c AS d\n";
        let (reserved, empty, duplicate) = ("ReservedStageName", "NoEmptyContinuation", "DuplicateStageName");
        let all = [(reserved, Some(1)), (empty, Some(4)), (reserved, Some(5)), (duplicate, Some(5))];
        assert_eq!(rules(text), all);
        let moved = [(reserved, Some(2)), (reserved, Some(6))];
        assert_eq!(rules(&format!("# check=skip=DuplicateStageName, NoEmptyContinuation;error=true\n{text}")), moved);
        assert_eq!(rules(&format!("# check=skip=all\n{text}")), []);
        assert_eq!(rules("FROM a AS b\nFROM b\n"), []);
    }

    #[test]
    fn bad_options_are_refused_in_buildkits_words() {
        for (options, reason) in [
            ("foo", "invalid check option \"foo\""),
            ("foo=1", "invalid check option \"foo\""),
            (
                "error=maybe",
                "failed to parse check option \"error=maybe\": strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
        ] {
            assert_eq!(Check::parse(options), Err(reason.to_owned()));
        }
        assert_eq!(Check::parse(" error = 1 ; experimental=all "), Ok(Check { error: true, ..Check::default() }));
    }
}
