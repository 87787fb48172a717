//! Whether the images of two Dockerfiles are configured alike: environment and labels as maps, everything else in its
//! order. In go the two; variables are expanded with what stands above, and one that nobody knows stands for itself.

use std::collections::BTreeMap;

use crate::dockerfile::expand::Expander;
use crate::dockerfile::{Command, Pair};
use crate::suggestion::Facts;

/// How a stage's image is configured, as far as the Dockerfile says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Config {
    env: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    /// Keyword and words of all other instructions that configure it, in order.
    others: Vec<(String, Vec<String>)>,
}

/// What a stage hands to those that continue it.
#[derive(Clone, Default)]
struct Carried {
    config: Config,
    scope: BTreeMap<String, String>,
}

/// Notes stages whose images are configured otherwise.
pub(super) fn argue(before: &Facts<'_>, after: &Facts<'_>, doubts: &mut Vec<String>) {
    let (old, new) = (configs(before), configs(after));
    for (stage, (old, new)) in old.iter().zip(&new).enumerate() {
        if old != new {
            doubts.push(format!("the image of stage {stage} is configured otherwise"));
        }
    }
}

fn configs(facts: &Facts<'_>) -> Vec<Config> {
    let mut carried: Vec<Carried> = Vec::new();
    for (stage, steps) in facts.dockerfile.stages.iter().zip(&facts.stages) {
        let mut own = steps.base.and_then(|base| carried.get(base)).cloned().unwrap_or_default();
        for index in stage.body.clone() {
            own.follow(facts, &facts.instruction(index).command);
        }
        carried.push(own);
    }
    carried.into_iter().map(|carried| carried.config).collect()
}

impl Carried {
    fn follow(&mut self, facts: &Facts<'_>, command: &Command) {
        let scope = self.scope.clone();
        let known = |name: &str| Some(scope.get(name).cloned().unwrap_or_else(|| format!("\u{0}{name}")));
        let expander = Expander::new(facts.dockerfile.escape, &known);
        let expand = |word: &str| expander.expand(word).unwrap_or_else(|error| format!("\u{0}{}", error.reason));
        let pairs = |pairs: &[Pair]| -> Vec<(String, String)> {
            pairs.iter().map(|pair| (expand(&pair.name), expand(&pair.value))).collect()
        };
        let words = |words: &[crate::dockerfile::text::Text]| words.iter().map(|word| expand(word)).collect();
        let mut other = |keyword: &str, words: Vec<String>| self.config.others.push((keyword.to_owned(), words));
        match command {
            Command::Arg(declarations) => {
                for declaration in declarations {
                    let given = facts.around.request.build_args.get(declaration.name.as_str()).cloned();
                    let default = declaration.default.as_ref().map(|default| expand(default));
                    let global = || format!("\u{0}global {}", declaration.name);
                    let value = given.or(default).unwrap_or_else(global);
                    self.scope.insert(declaration.name.to_string(), value);
                }
            }
            Command::Env(env) => {
                for (name, value) in pairs(env) {
                    self.scope.insert(name.clone(), value.clone());
                    self.config.env.insert(name, value);
                }
            }
            Command::Label(labels) => self.config.labels.extend(pairs(labels)),
            Command::Workdir(path) => other("WORKDIR", vec![expand(path)]),
            Command::User(user) => other("USER", vec![expand(user)]),
            Command::Shell(shell) => other("SHELL", shell.iter().map(ToString::to_string).collect()),
            Command::Onbuild(text) => other("ONBUILD", vec![text.to_string()]),
            Command::Cmd(line) => other("CMD", literal(line)),
            Command::Entrypoint(line) => other("ENTRYPOINT", literal(line)),
            Command::Healthcheck(check) => other("HEALTHCHECK", check.iter().map(ToString::to_string).collect()),
            Command::Expose(ports) => other("EXPOSE", words(ports)),
            Command::Volume(volumes) => other("VOLUME", words(volumes)),
            Command::StopSignal(signal) => other("STOPSIGNAL", vec![expand(signal)]),
            Command::Maintainer(name) => other("MAINTAINER", vec![name.to_string()]),
            Command::From | Command::Run(_) | Command::Copy(_) | Command::Add(_) | Command::Invalid => {}
        }
    }
}

fn literal(line: &crate::dockerfile::CommandLine) -> Vec<String> {
    let shell = if line.shell { "shell" } else { "words" };
    std::iter::once(shell.to_owned()).chain(line.words.iter().map(ToString::to_string)).collect()
}
