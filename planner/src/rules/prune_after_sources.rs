//! Development dependencies are taken out behind the sources: each edit prunes again, and makes a new layer of packages for
//! whoever copies them. Installed without them in a stage of its own, that layer stays cached.

use crate::dockerfile::{Command, CopySource};
use crate::graph::lower::MAIN_CONTEXT;
use crate::known_command::effect::{Kind, is_within};
use crate::known_command::selection::selection;
use crate::known_command::shell;
use crate::source::{Span, TextEdit};
use crate::steps::{Act, Copied, Origin, RunStep, StageSteps, Step};
use crate::suggestion::{Facts, Suggestion, layout, naming};

pub(super) const NAME: &str = "prune-after-sources";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for stage in facts.stages.iter().filter(|stage| stage.is_read) {
        for (at, step) in stage.steps.iter().enumerate() {
            let (Act::Run(run), Some(instruction)) = (&step.act, step.instruction) else { continue };
            let Some(name) = prunes(run) else { continue };
            if !has_sources(stage, at) {
                continue;
            }
            let mut one = Suggestion::at(facts, NAME, stage.index, instruction);
            one.title = format!("`{name}` runs again with every edit of a source");
            one.reason = "Each run makes a new layer of packages, which stages that copy them take anew. Install without development \
                          dependencies in a stage of its own, from the manifests alone, and copy the packages from there."
                .to_owned();
            if let Some(edits) = edits(facts, stage, at) {
                one.edits = edits;
                one.doubts.push("the two ways may leave other files behind in `node_modules`".to_owned());
            }
            found.push(one);
        }
    }
    found
}

/// The same lines as far as the install, in a stage of packages without development dependencies; no pruning; and copies
/// of packages from there. `None` where the lines are not plain enough for that.
fn edits(facts: &Facts<'_>, stage: &StageSteps, at: usize) -> Option<Vec<TextEdit>> {
    let file = &facts.dockerfile;
    let own = &file.stages[stage.index];
    let name = own.name.as_ref()?.to_string();
    if naming::has_numbers(facts) || !naming::is_free(facts, STAGE) || stage.base.is_some() {
        return None;
    }
    let is_install = |step: &&Step| matches!(&step.act, Act::Run(run) if run.effect.kind == Kind::Install);
    let install = stage.steps[..at].iter().rfind(is_install)?;
    let Act::Run(run) = &install.act else { return None };
    let [part] = &run.parts[..] else { return None };
    let is_plain = part.invocation.words.starts_with(&["npm".to_owned(), "ci".to_owned()])
        && selection(&part.invocation).is_empty();
    let last = install.instruction.filter(|_| is_plain)?;
    let mut edits = copies(facts, &name, &format!("{}/node_modules", part.effect.folder))?;
    edits.push(without_prune(facts, stage.steps[at].instruction?)?);
    let from = &facts.text()[facts.instruction(own.from).span.range()];
    let eol = layout::line_break(facts, own.from);
    let mut lines = vec![naming::renamed(from.trim(), &name, STAGE)?];
    for place in own.body.start..=last {
        let text = facts.text()[facts.instruction(place).span.range()].trim();
        if place == last {
            let ci = text.find("npm ci").filter(|_| text.matches("npm ci").count() == 1)? + "npm ci".len();
            lines.push(format!("{} --omit=dev{}", &text[..ci], &text[ci..]));
        } else {
            lines.push(text.to_owned());
        }
    }
    lines.push(String::new());
    let above: String = lines.iter().flat_map(|line| [line.as_str(), eol]).collect();
    edits.push(layout::insert_above(facts, own.from, &above));
    Some(edits)
}

/// The name of the stage of packages.
const STAGE: &str = "packages";

/// Each `COPY --from` of the packages with the other stage in it; `None` where there is none, or one takes more than them.
fn copies(facts: &Facts<'_>, name: &str, packages: &str) -> Option<Vec<TextEdit>> {
    let mut edits = Vec::new();
    for (place, instruction) in facts.dockerfile.instructions.iter().enumerate() {
        let Command::Copy(copy) = &instruction.command else { continue };
        if copy.from.as_ref().is_none_or(|from| !from.eq_ignore_ascii_case(name)) {
            continue;
        }
        let is_packages = |source: &CopySource| naming::is_path(source, packages);
        if copy.sources.iter().all(is_packages) {
            let span = facts.instruction(place).span;
            let flag = format!("--from={}", copy.from.as_ref()?.as_str());
            let at = span.start + facts.text()[span.range()].find(&flag)? + "--from=".len();
            edits.push(TextEdit {
                span: Span::new(at, at + flag.len() - "--from=".len()),
                replacement: STAGE.to_owned(),
            });
        } else if copy.sources.iter().any(|source| holds(source, packages)) {
            return None;
        }
    }
    (!edits.is_empty()).then_some(edits)
}

/// Whether a source may hold a folder.
fn holds(source: &CopySource, folder: &str) -> bool {
    match source {
        CopySource::Path(path) => {
            path.contains(['*', '?', '[', '$'])
                || !path.starts_with('/')
                || is_within(folder, path.trim_end_matches('/'))
        }
        CopySource::Heredoc(_) | CopySource::Inline { .. } => false,
    }
}

/// The step without the pruning: all of it where there is nothing else, or its last command.
fn without_prune(facts: &Facts<'_>, instruction: usize) -> Option<TextEdit> {
    let span = facts.instruction(instruction).span;
    let text = &facts.text()[span.range()];
    let start = text.find("npm prune")?;
    let is_last =
        text[start..].split_whitespace().all(|word| word.starts_with('-') || word == "npm" || word == "prune");
    let escape = facts.dockerfile.escape;
    let before = text[..start].trim_end_matches(|letter: char| letter.is_whitespace() || letter == escape);
    let kept = before.strip_suffix("&&").map(str::trim_end);
    match kept {
        _ if !is_last || text.contains('#') => None,
        Some(kept) => Some(TextEdit { span: Span::new(span.start + kept.len(), span.end), replacement: String::new() }),
        None if before.eq_ignore_ascii_case("RUN") => Some(removed(facts, instruction)),
        None => None,
    }
}

/// The command that prunes.
fn prunes(run: &RunStep) -> Option<String> {
    if run.effect.kind == Kind::Prune {
        return Some(run.effect.name.clone());
    }
    let commands = shell::read(&run.exec)?;
    let is_prune =
        |words: &[String]| matches!(words, [tool, verb, ..] if verb == "prune" && (tool == "npm" || tool == "pnpm"));
    commands.iter().find(|one| is_prune(&one.words)).map(|one| one.words[..2].join(" "))
}

/// Whether sources were copied between the install and a step.
fn has_sources(stage: &StageSteps, at: usize) -> bool {
    let is_install =
        |place: &usize| matches!(&stage.steps[*place].act, Act::Run(run) if run.effect.kind == Kind::Install);
    let from = (0..at).rev().find(is_install).map_or(0, |install| install + 1);
    let is_source = |copied: &Copied| copied.origin == Origin::Context(MAIN_CONTEXT.to_owned());
    stage.steps[from..at].iter().any(|step| matches!(&step.act, Act::Copy(copies) if copies.iter().any(is_source)))
}

/// Takes a step out with its comments, and with one of two empty lines that would meet.
fn removed(facts: &Facts<'_>, instruction: usize) -> TextEdit {
    let mut edit = layout::remove(facts, instruction);
    let (before, after) = (&facts.text()[..edit.span.start], &facts.text()[edit.span.end..]);
    let n_empty = ["\r\n", "\n"].iter().find(|eol| after.starts_with(**eol)).map_or(0, |eol| eol.len());
    if before.ends_with("\n\n") || before.ends_with("\n\r\n") {
        edit.span.end += n_empty;
    }
    edit
}
