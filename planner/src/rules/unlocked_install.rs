//! `npm install` where a lock file is copied: it may resolve versions anew and rewrites the lock file, while `npm ci`
//! installs what the lock file says or fails.

use crate::known_command::shell;
use crate::source::{Span, TextEdit};
use crate::steps::{Act, RunStep};
use crate::suggestion::{Facts, Suggestion};

pub(super) const NAME: &str = "unlocked-install";

pub(super) fn find(facts: &Facts<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for stage in &facts.stages {
        for step in &stage.steps {
            if let (Act::Run(run), Some(instruction)) = (&step.act, step.instruction)
                && run.effect.is_unlocked
                && run.effect.lock.is_some()
                && run.effect.name.starts_with("npm ")
            {
                let mut one = Suggestion::at(facts, NAME, stage.index, instruction);
                one.title = format!("`{}` may install other versions than the lock file names", run.effect.name);
                one.reason = "`npm ci` installs exactly what the lock file names, and fails where it does not fit `package.json`.".to_owned();
                one.edits.extend(edit(facts, run, instruction));
                one.doubts.push("the lock file must fit `package.json`, or `npm ci` fails".to_owned());
                found.push(one);
            }
        }
    }
    found
}

/// `npm ci` in place of the words, where they stand plainly and nothing is installed by name.
fn edit(facts: &Facts<'_>, run: &RunStep, instruction: usize) -> Option<TextEdit> {
    let commands = shell::read(&run.exec)?;
    let install = commands.iter().find(|one| one.words.first().is_some_and(|word| word == "npm"))?;
    let [_, verb, flags @ ..] = &install.words[..] else { return None };
    let is_plain = verb == "install" && flags.iter().all(|word| word.starts_with('-'));
    let span = facts.instruction(instruction).span;
    let text = &facts.text()[span.range()];
    let at = text.find("npm install").filter(|_| is_plain)? + span.start + "npm ".len();
    Some(TextEdit { span: Span::new(at, at + "install".len()), replacement: "ci".to_owned() })
}
