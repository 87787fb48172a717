//! How the stages of a Dockerfile hang together: names, bases, references, what a target reaches, and the
//! triggers that a base stage hands down. Errors are BuildKit's (frontend/dockerfile/dockerfile2llb).

use std::collections::{BTreeMap, BTreeSet};

use super::blame::place_of;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::expand::Expander;
use crate::dockerfile::mount;
use crate::dockerfile::{Command, Dockerfile, Instruction, Stage, parse};
use crate::request::{NamedContext, Request};

/// Expansion with the escape character of a Dockerfile; errors in BuildKit's words.
#[derive(Clone, Copy)]
pub(super) struct Expansion {
    escape: char,
}

impl Expansion {
    pub(super) fn new(escape: char) -> Self {
        Self { escape }
    }

    pub(super) fn word(self, word: &str, scope: &BTreeMap<String, String>) -> Result<String, String> {
        let lookup = |name: &str| scope.get(name).cloned();
        Expander::new(self.escape, &lookup).expand(word).map_err(|error| error.in_full())
    }
}

/// A stage with its references resolved.
#[derive(Clone, Debug)]
pub(super) struct Resolved<'a> {
    pub(super) stage: &'a Stage,
    /// What `FROM` names, expanded.
    pub(super) base: String,
    /// The earlier stage it names, if it names one.
    pub(super) base_stage: Option<usize>,
    /// `FROM --platform=`, expanded.
    pub(super) platform: Option<String>,
    /// The build context that replaces the stage.
    pub(super) replaced_by: Option<&'a NamedContext>,
    /// Triggers of the base, parsed.
    pub(super) triggers: Vec<Instruction>,
    /// Stages that its instructions read.
    pub(super) reads: BTreeSet<usize>,
}

impl Resolved<'_> {
    /// The name BuildKit's messages use.
    pub(super) fn display_name(&self, index: usize) -> String {
        self.stage.name.as_ref().map_or_else(|| format!("stage-{index}"), ToString::to_string)
    }
}

/// All stages of a Dockerfile and the variables that `FROM` sees.
pub(super) struct Stages<'a> {
    pub(super) dockerfile: &'a Dockerfile,
    pub(super) list: Vec<Resolved<'a>>,
    /// For each name, the last stage of that name.
    by_name: BTreeMap<&'a str, usize>,
}

impl<'a> Stages<'a> {
    /// Resolves names and bases.
    pub(super) fn resolve(
        dockerfile: &'a Dockerfile,
        request: &'a Request,
        globals: &BTreeMap<String, String>,
    ) -> Result<Self, Diagnostic> {
        let expansion = Expansion::new(dockerfile.escape);
        let mut stages = Self { dockerfile, list: Vec::new(), by_name: BTreeMap::new() };
        for (index, stage) in dockerfile.stages.iter().enumerate() {
            let at = |message: String| blamed(dockerfile, stage, &stage.base, message);
            let base = expansion.word(&stage.base, globals).map_err(at)?;
            if base.is_empty() {
                let refusal = at(format!("base name ({}) should not be blank", stage.base));
                return Err(refusal.with_hint(
                    "give the argument a default above the first FROM, or a value: --build-arg NAME=VALUE",
                ));
            }
            let platform = stages.platform(stage, &expansion, globals)?;
            let base_stage = stages.by_name.get(base.to_lowercase().as_str()).copied();
            let replaced_by = stage.name.as_ref().and_then(|name| request.contexts.get(name.as_str()));
            let triggers = Vec::new();
            let reads = BTreeSet::new();
            stages.list.push(Resolved { stage, base, base_stage, platform, replaced_by, triggers, reads });
            if let Some(name) = &stage.name {
                stages.by_name.insert(name, index);
            }
        }
        stages.find_readers()?;
        stages.refuse_circles()?;
        Ok(stages)
    }

    fn platform(
        &self,
        stage: &Stage,
        expansion: &Expansion,
        globals: &BTreeMap<String, String>,
    ) -> Result<Option<String>, Diagnostic> {
        let Some(written) = &stage.platform else { return Ok(None) };
        let at = |message: String| blamed(self.dockerfile, stage, written, message);
        let platform = expansion.word(written, globals).map_err(at)?;
        if platform.is_empty() {
            return Err(at(format!("empty platform value from expression {written}")));
        }
        super::place::platform(&platform)
            .map(Some)
            .map_err(|error| at(format!("failed to parse platform {written}: {error}")))
    }

    /// The stage that `--from=` or a mount's `from` names; an index counts only where `by_index` allows it.
    pub(super) fn named(&self, name: &str, by_index: bool) -> Result<Option<usize>, String> {
        if by_index && let Ok(index) = name.parse::<i64>() {
            return match usize::try_from(index) {
                Ok(index) if index < self.list.len() => Ok(Some(index)),
                _ => Err(format!("invalid stage index {index}")),
            };
        }
        Ok(self.by_name.get(name.to_lowercase().as_str()).copied())
    }

    /// The stage that is built.
    pub(super) fn target(&self, name: Option<&str>) -> Result<usize, Diagnostic> {
        let Some(last) = self.list.len().checked_sub(1) else {
            return Err(Diagnostic::error("dockerfile contains no stages to build", None, None));
        };
        let Some(name) = name else { return Ok(last) };
        self.by_name.get(name.to_lowercase().as_str()).copied().ok_or_else(|| {
            let names: Vec<&str> = self.by_name.keys().copied().collect();
            let error = Diagnostic::error(format!("target stage \"{name}\" could not be found"), None, None);
            if names.is_empty() {
                return error.with_hint("no stage has a name; add `AS NAME` to a FROM");
            }
            error.with_hint(format!("the stages are: {}", names.join(", ")))
        })
    }

    /// The stages an instruction reads.
    fn read_by(&self, instruction: &Instruction, is_trigger: bool) -> Result<Vec<usize>, Diagnostic> {
        match &instruction.command {
            Command::Copy(copy) => {
                let Some(from) = &copy.from else { return Ok(Vec::new()) };
                let place = (!is_trigger).then(|| place_of(instruction, &self.dockerfile.text, from));
                let at = |message: String| Diagnostic::error(message, Some(instruction.line), place);
                let plain = Expansion::new(self.dockerfile.escape).word(from, &BTreeMap::new());
                if plain.as_deref() != Ok(from) {
                    return Err(at("variable expansion is not supported for --from, define a new stage with FROM \
                                   using ARG from global scope as a workaround"
                        .to_owned()));
                }
                Ok(self.named(from, true).map_err(at)?.into_iter().collect())
            }
            Command::Run(run) => {
                let names = run.mounts.iter().filter_map(|value| mount::from(value));
                Ok(names.filter_map(|name| self.named(&name, false).ok().flatten()).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn find_readers(&mut self) -> Result<(), Diagnostic> {
        for index in 0..self.list.len() {
            let mut reads = BTreeSet::new();
            for instruction in self.dockerfile.body(self.list[index].stage) {
                reads.extend(self.read_by(instruction, false)?);
            }
            if self.list[index].replaced_by.is_none() {
                self.list[index].reads = reads;
            }
        }
        Ok(())
    }

    fn refuse_circles(&self) -> Result<(), Diagnostic> {
        let mut done = vec![false; self.list.len()];
        for index in 0..self.list.len() {
            self.refuse_circle(index, &mut Vec::new(), &mut done)?;
        }
        Ok(())
    }

    fn refuse_circle(&self, index: usize, path: &mut Vec<usize>, done: &mut [bool]) -> Result<(), Diagnostic> {
        if path.contains(&index) {
            let stage = &self.list[index];
            let message = format!("circular dependency detected on stage: {}", stage.display_name(index));
            let named = stage.stage.name.as_deref().unwrap_or(&stage.stage.base);
            return Err(blamed(self.dockerfile, stage.stage, named, message));
        }
        if done[index] {
            return Ok(());
        }
        path.push(index);
        for read in self.list[index].reads.iter().chain(&self.list[index].base_stage) {
            self.refuse_circle(*read, path, done)?;
        }
        path.pop();
        done[index] = true;
        Ok(())
    }

    /// Which stages `target` needs; on the way, the triggers of base stages are parsed and handed down.
    pub(super) fn reach(&mut self, target: usize) -> Result<BTreeSet<usize>, Diagnostic> {
        let mut reached = BTreeSet::new();
        let mut open = vec![target];
        while let Some(index) = open.pop() {
            if !reached.insert(index) {
                continue;
            }
            self.hand_down_triggers(index)?;
            let stage = &self.list[index];
            if stage.replaced_by.is_none() {
                open.extend(stage.base_stage);
            }
            open.extend(stage.reads.iter().copied());
        }
        Ok(reached)
    }

    fn hand_down_triggers(&mut self, index: usize) -> Result<(), Diagnostic> {
        let stage = &self.list[index];
        let Some(base) = stage.base_stage.filter(|_| stage.replaced_by.is_none()) else { return Ok(()) };
        let line = stage.stage.line;
        let mut triggers = Vec::new();
        for instruction in self.dockerfile.body(self.list[base].stage) {
            if let Command::Onbuild(text) = &instruction.command {
                triggers.push(trigger(text, line)?);
            }
        }
        self.add_triggers(index, triggers)
    }

    /// Puts triggers in front of a stage's instructions.
    pub(super) fn add_triggers(&mut self, index: usize, triggers: Vec<Instruction>) -> Result<(), Diagnostic> {
        for instruction in &triggers {
            let reads = self.read_by(instruction, true)?;
            self.list[index].reads.extend(reads);
        }
        self.list[index].triggers.extend(triggers);
        Ok(())
    }
}

/// An error about a value of a stage's `FROM`.
pub(super) fn blamed(dockerfile: &Dockerfile, stage: &Stage, value: &str, message: String) -> Diagnostic {
    let from = &dockerfile.instructions[stage.from];
    Diagnostic::error(message, Some(stage.line), Some(place_of(from, &dockerfile.text, value)))
}

/// Parses a trigger where it fires: at the `FROM` in `line`.
pub(super) fn trigger(text: &str, line: u32) -> Result<Instruction, Diagnostic> {
    let (instruction, diagnostics) = parse::parse_trigger(text, line);
    match (instruction, diagnostics.into_iter().next()) {
        (Some(instruction), None) => Ok(instruction),
        (_, Some(refusal)) => Err(refusal),
        (None, None) => Err(Diagnostic::error("onbuild trigger should be a single expression", Some(line), None)),
    }
}
