//! What differs between the parts of two operations.

use std::collections::BTreeMap;

use super::{Cause, CauseKind, mounts};
use crate::cache_key::{KeyPart, PartKind, PartValue};
use crate::graph::Placed;
use crate::secret::MASK;

/// The reasons in the parts of an operation, given the instructions that made both.
#[must_use]
pub fn changed(old: &[KeyPart], new: &[KeyPart], was: Option<&Placed>, is: Option<&Placed>) -> Vec<Cause> {
    let edited = was.zip(is).is_some_and(|(was, is)| was.text != is.text);
    let (before, after) = (by_name(old), by_name(new));
    let mut causes = Vec::new();
    for (name, part) in &after {
        let earlier = before.get(name).copied();
        if earlier.is_none_or(|earlier| earlier.value != part.value) {
            causes.extend(one(part.kind, &part.name, earlier.map(|part| &part.value), Some(&part.value), edited));
        }
    }
    for part in before.iter().filter(|(name, _)| !after.contains_key(*name)).map(|(_, part)| *part) {
        causes.extend(one(part.kind, &part.name, Some(&part.value), None, edited));
    }
    let shell_changed = causes.iter().any(|cause| cause.kind == CauseKind::ShellChanged);
    let command_edited = causes.iter().any(|cause| cause.kind == CauseKind::InstructionEdited);
    if shell_changed && command_edited && !edited {
        causes.retain(|cause| cause.kind != CauseKind::InstructionEdited);
    }
    if command_edited && edited {
        // The JSON form has no shell, so either form became the other.
        let is_form = |cause: &Cause| [&cause.old, &cause.new].into_iter().flatten().any(String::is_empty);
        causes.retain(|cause| cause.kind != CauseKind::ShellChanged || !is_form(cause));
    }
    if let Some((was, is)) = was.zip(is).filter(|_| edited) {
        causes.iter_mut().for_each(|cause| as_written(cause, was, is));
    }
    if causes.is_empty() && old != new {
        causes.extend(reordered(old, new));
    }
    let used = if causes.is_empty() { Vec::new() } else { variables(was, is) };
    if !used.is_empty() {
        // The variables say why a destination or an owner is another.
        causes.retain(|cause| !matches!(cause.kind, CauseKind::WorkdirChanged | CauseKind::UserChanged));
        causes.extend(used);
    }
    as_instruction(causes, (&command(old), &command(new)), was, is)
}

/// An instruction has one text: its differing parts are one edit, shown as written. Where the text is the same, the
/// variables it uses are the reason.
fn as_instruction(
    mut causes: Vec<Cause>,
    commands: (&str, &str),
    was: Option<&Placed>,
    is: Option<&Placed>,
) -> Vec<Cause> {
    let is_edit = |cause: &Cause| cause.kind == CauseKind::InstructionEdited;
    if !causes.iter().any(is_edit) {
        return causes;
    }
    let same_text = was.zip(is).is_some_and(|(was, is)| was.text == is.text);
    let explained = causes.iter().any(|cause| matches!(cause.kind, CauseKind::EnvChanged | CauseKind::BuildArgChanged));
    causes.retain(|cause| !is_edit(cause));
    // Variables are not put into a command: its text differs, in what is masked.
    let is_command = is.is_some_and(|is| is.keyword == "RUN");
    if is_command || !(same_text && explained) {
        causes.insert(0, edit(same_text, commands, was, is));
    }
    causes
}

/// The edit of an instruction whose text or here-documents differ.
#[must_use]
pub fn edited(was: &Placed, is: &Placed) -> Option<Cause> {
    let same_text = was.text == is.text;
    (!same_text || was.body != is.body).then(|| edit(same_text, ("", ""), Some(was), Some(is)))
}

fn edit(same_text: bool, commands: (&str, &str), was: Option<&Placed>, is: Option<&Placed>) -> Cause {
    let mut edit = Cause::of(CauseKind::InstructionEdited);
    if !same_text {
        let written = |placed: &Placed| match placed.body.as_str() {
            "" => placed.text.clone(),
            body => format!("{}\n{body}", placed.text),
        };
        return edit.values(was.map(written), is.map(written));
    }
    edit.detail = Some("body".to_owned());
    let bodies = was.zip(is).map(|(was, is)| (was.body.as_str(), is.body.as_str()));
    // Where no here-document differs, white space inside the command does.
    let (old, new) = bodies.filter(|(was, is)| was != is).unwrap_or(commands);
    let is_seen = old != new || old.contains(MASK);
    edit.values(is_seen.then(|| old.to_owned()), is_seen.then(|| new.to_owned()))
}

/// What an operation executes, without the words of the shell before it.
fn command(parts: &[KeyPart]) -> String {
    let shown = |kind| parts.iter().find(|part| part.kind == kind).map_or("", |part| part.value.shown.as_str());
    let (shell, command) = (shown(PartKind::Shell), shown(PartKind::Command));
    command.strip_prefix(shell).unwrap_or(command).trim_start_matches('\n').to_owned()
}

fn by_name(parts: &[KeyPart]) -> BTreeMap<(PartKind, &str), &KeyPart> {
    let kind = |kind: PartKind| if kind == PartKind::Arg { PartKind::Env } else { kind };
    parts.iter().map(|part| ((kind(part.kind), part.name.as_str()), part)).collect()
}

fn one(kind: PartKind, name: &str, old: Option<&PartValue>, new: Option<&PartValue>, edited: bool) -> Option<Cause> {
    let cause_kind = match kind {
        PartKind::Image => CauseKind::BaseImageChanged,
        PartKind::Remote => CauseKind::RemoteSource,
        PartKind::Shell => CauseKind::ShellChanged,
        PartKind::Env => CauseKind::EnvChanged,
        PartKind::Arg => CauseKind::BuildArgChanged,
        PartKind::User => CauseKind::UserChanged,
        PartKind::Host => CauseKind::HostConfigChanged,
        PartKind::Network => CauseKind::NetworkChanged,
        PartKind::Mount if name == "/dev/shm" => CauseKind::HostConfigChanged,
        PartKind::Mount => CauseKind::MountChanged,
        PartKind::Platform => CauseKind::PlatformChanged,
        PartKind::Timestamp => CauseKind::BuildArgChanged,
        PartKind::Workdir | PartKind::Destination if !edited => CauseKind::WorkdirChanged,
        PartKind::Owner if !edited => CauseKind::UserChanged,
        PartKind::Command | PartKind::Security | PartKind::Source | PartKind::Destination | PartKind::Owner => {
            CauseKind::InstructionEdited
        }
        // With the text as it was, what stands before the step is wired otherwise, and has a cause of its own.
        PartKind::Wiring if !edited => return None,
        PartKind::Workdir | PartKind::Mode | PartKind::Wiring | PartKind::Data => CauseKind::InstructionEdited,
    };
    let name = match kind {
        PartKind::Timestamp => "SOURCE_DATE_EPOCH",
        // An agent needs no target.
        PartKind::Mount if name.is_empty() => "ssh",
        _ => name,
    };
    let named = matches!(
        cause_kind,
        CauseKind::EnvChanged | CauseKind::BuildArgChanged | CauseKind::MountChanged | CauseKind::HostConfigChanged
    );
    // The words of a shell are kept one per line.
    let value = |value: Option<&PartValue>| {
        value.map(|value| match kind {
            PartKind::Shell => value.shown.replace('\n', " "),
            PartKind::Owner => owner(&value.shown),
            _ => value.shown.clone(),
        })
    };
    let (mut old, mut new) = (value(old), value(new));
    if cause_kind == CauseKind::UserChanged {
        // A step below no USER has no owner, or an empty user.
        (old, new) = (Some(old.unwrap_or_default()), Some(new.unwrap_or_default()));
    }
    Some(Cause::of(cause_kind).named(if named { name } else { "" }).values(old, new))
}

/// An owner as `USER` writes it; the part says of each half whether it is a name.
fn owner(part: &str) -> String {
    let halves = part.split(':').map(|half| half.strip_prefix("name ").unwrap_or(half));
    halves.collect::<Vec<_>>().join(":")
}

/// A mount that differs by options that were edited is told by these.
fn as_written(cause: &mut Cause, was: &Placed, is: &Placed) {
    if cause.kind != CauseKind::MountChanged || cause.old.is_none() || cause.new.is_none() {
        return;
    }
    let target = cause.name.as_deref().unwrap_or_default();
    if let Some((old, new)) = mounts::changed(&was.text, &is.text, target) {
        (cause.old, cause.new) = (Some(old), Some(new));
    }
}

/// The same parts in another order: only the environment has one.
fn reordered(old: &[KeyPart], new: &[KeyPart]) -> Option<Cause> {
    let variables = |parts: &[KeyPart]| {
        parts.iter().filter(|part| matches!(part.kind, PartKind::Env | PartKind::Arg)).cloned().collect::<Vec<_>>()
    };
    let (old, new) = (variables(old), variables(new));
    let moved = old.iter().zip(&new).find(|(old, new)| old != new).map(|(_, new)| new)?;
    let kind = if moved.kind == PartKind::Arg { CauseKind::BuildArgChanged } else { CauseKind::EnvChanged };
    let mut cause = Cause::of(kind).named(&moved.name);
    cause.detail = Some("order".to_owned());
    Some(cause)
}

/// The variables that an instruction's own text used and that have another value now.
fn variables(was: Option<&Placed>, is: Option<&Placed>) -> Vec<Cause> {
    let Some((was, is)) = was.zip(is).filter(|(was, is)| was.text == is.text) else { return Vec::new() };
    let changed = is.variables.iter().filter_map(|(name, used)| {
        let old = was.variables.get(name)?;
        let kind = if used.from_arg { CauseKind::BuildArgChanged } else { CauseKind::EnvChanged };
        let cause = Cause::of(kind).named(name);
        (old.value != used.value).then(|| cause.values(Some(old.value.clone()), Some(used.value.clone())))
    });
    changed.collect()
}
