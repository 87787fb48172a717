//! Whether the steps of a stage, in another order and with some files copied twice, leave the same files. In go the stage
//! before and after; pairs of steps that changed places must not touch the same files, and a file that is copied once
//! more must be copied again, as it is, by a step that was there before.

use super::commands::{self, Ran};
use crate::known_command::effect::{is_within, upwards};
use crate::steps::written::{Region, Written};
use crate::steps::{Act, Copied, Origin, StageSteps};

/// A step that touches files.
#[derive(Clone, Copy)]
enum Event<'a> {
    Run(Ran<'a>),
    Copy(&'a Copied),
    Folder(&'a str),
}

/// Notes what may come out differently.
pub(super) fn argue(old: &StageSteps, new: &StageSteps, doubts: &mut Vec<String>) {
    let (before, after) = (events(old), events(new));
    let pairs = match paired(&before, &after) {
        Ok(pairs) => pairs,
        Err(doubt) => return doubts.push(doubt),
    };
    let is_paired = |at: &usize| pairs.iter().any(|(_, new)| new == at);
    let added: Vec<usize> = (0..after.len()).filter(|at| !is_paired(at)).collect();
    let stage = Stage { before: &before, after: &after, added: &added, pairs: &pairs };
    for (at, (old_one, new_one)) in pairs.iter().enumerate() {
        for (old_two, new_two) in &pairs[at + 1..] {
            if (old_one < old_two) != (new_one < new_two) {
                let order = if old_one < old_two { (*old_one, *old_two) } else { (*old_two, *old_one) };
                doubts.extend(stage.exchanged(order));
            }
        }
    }
    added.iter().for_each(|at| doubts.extend(stage.doubt_added(*at)));
}

fn events(stage: &StageSteps) -> Vec<Event<'_>> {
    let mut events = Vec::new();
    for step in &stage.steps {
        match &step.act {
            Act::Run(run) => events.extend(commands::of(run).map(Event::Run)),
            Act::Copy(copies) => events.extend(copies.iter().map(Event::Copy)),
            Act::Folder(path) => events.push(Event::Folder(path)),
            Act::None => {}
        }
    }
    events
}

/// Which step of the new order is which of the old; commands keep their order.
fn paired(before: &[Event<'_>], after: &[Event<'_>]) -> Result<Vec<(usize, usize)>, String> {
    let mut taken = vec![false; after.len()];
    let mut pairs = Vec::new();
    for (old_at, old) in before.iter().enumerate() {
        let is_it = |new: &Event<'_>| match (old, new) {
            (Event::Run(_), Event::Run(_)) => true,
            (Event::Copy(old), Event::Copy(new)) => old.is_same(new),
            (Event::Folder(old), Event::Folder(new)) => old == new,
            _ => false,
        };
        let found: Vec<usize> = (0..after.len()).filter(|at| !taken[*at] && is_it(&after[*at])).collect();
        // Of copies that are there more often than before, the first ones are those that were added.
        let n_left = before[old_at..].iter().filter(|one| is_same_copy(one, old)).count();
        let n_added = if n_left == 0 { 0 } else { found.len().saturating_sub(n_left) };
        let Some(new_at) = found.get(n_added).copied() else { return Err(format!("{} is gone", shown(old))) };
        if let (Event::Run(old), Event::Run(new)) = (old, &after[new_at])
            && let Some(difference) = commands::difference(*old, *new)
        {
            return Err(difference);
        }
        taken[new_at] = true;
        pairs.push((old_at, new_at));
    }
    match after.iter().enumerate().find(|(at, event)| !taken[*at] && !matches!(event, Event::Copy(_))) {
        Some((_, event)) => Err(format!("{} is new", shown(event))),
        None => Ok(pairs),
    }
}

fn is_same_copy(one: &Event<'_>, other: &Event<'_>) -> bool {
    matches!((one, other), (Event::Copy(one), Event::Copy(other)) if one.is_same(other))
}

fn shown(event: &Event<'_>) -> String {
    match event {
        Event::Run(run) => format!("`{}`", run.effect().name),
        Event::Copy(copied) => format!("the copy to `{}`", copied.dest),
        Event::Folder(path) => format!("the folder `{path}`"),
    }
}

struct Stage<'a> {
    before: &'a [Event<'a>],
    after: &'a [Event<'a>],
    /// Copies that are only in the new order.
    added: &'a [usize],
    pairs: &'a [(usize, usize)],
}

impl Stage<'_> {
    fn new_place(&self, old: usize) -> usize {
        self.pairs.iter().find(|(before, _)| *before == old).map_or(0, |(_, after)| *after)
    }

    /// Two steps of the old order, the first now behind the second.
    fn exchanged(&self, (first, second): (usize, usize)) -> Vec<String> {
        let (copied, run, events, place) = match (self.before[first], self.before[second]) {
            (Event::Copy(copied), Event::Run(run)) => (copied, run, self.after, self.new_place(second)),
            (Event::Run(run), Event::Copy(copied)) => (copied, run, self.before, first),
            _ => return self.disturbed(first, second).into_iter().collect(),
        };
        if !run.effect().doubts.is_empty() {
            return run.effect().doubts.clone();
        }
        self.unseen(copied, run, events, place).into_iter().collect()
    }

    /// Two steps that change places and are not a copy and a command.
    fn disturbed(&self, first: usize, second: usize) -> Option<String> {
        match (self.before[first], self.before[second]) {
            (Event::Copy(one), Event::Copy(two)) => {
                let same_rights = (&one.owner, &one.mode) == (&two.owner, &two.mode);
                let path = one.written.conflict(&two.written, same_rights)?;
                Some(format!("two copies that change places may both write `{path}`"))
            }
            // Who makes the folder is argued elsewhere.
            (Event::Copy(_), Event::Folder(_)) | (Event::Folder(_), Event::Copy(_)) => None,
            (one, two) => Some(format!("{} and {} change places", shown(&one), shown(&two))),
        }
    }

    /// A copy that a command does not see on one side, where it stands at `place` among `events`.
    fn unseen(&self, copied: &Copied, run: Ran<'_>, events: &[Event<'_>], place: usize) -> Option<String> {
        let effect = run.effect();
        if !effect.is_closed() {
            return Some(format!("nobody can say which files `{}` reads and writes", effect.name));
        }
        let name = &effect.name;
        for (path, entry) in &copied.written.entries {
            if is_of_the_system(path) {
                return Some(format!("`{path}` lies where `{name}` may read and write"));
            }
            if effect.writes.has(path) || (!entry.is_folder && effect.writes.touches(path)) {
                return Some(format!("`{name}` writes `{path}`, and the later of both counts"));
            }
            let is_supplied = || supplied(events, place, path, copied);
            if !entry.is_folder && effect.reads.has(path) && !is_supplied() {
                return Some(format!("`{name}` reads `{path}`, and would not see it"));
            }
        }
        copied.written.regions.iter().find_map(|region| {
            let (Region::Below(path) | Region::Named(path, _)) = region;
            if is_of_the_system(path) || path == "/" {
                return Some(format!("what is copied to `{path}` lies where `{name}` may read and write"));
            }
            let meets = region.meets_paths(&effect.reads) || region.meets_paths(&effect.writes);
            meets.then(|| format!("what is copied to `{path}` may be something that `{name}` reads or writes"))
        })
    }

    /// A copy that is only in the new order.
    fn doubt_added(&self, at: usize) -> Option<String> {
        let Event::Copy(added) = self.after[at] else { return None };
        if !matches!(&added.origin, Origin::Context(_)) || !added.written.regions.is_empty() {
            return Some(format!("nobody can say what is copied to `{}`", added.dest));
        }
        for path in added.written.entries.keys() {
            if !self.is_copied_again(at, path, added) {
                return Some(format!("`{path}` is new, or is not copied again as it is"));
            }
        }
        self.runs_behind(at).find_map(|(old_place, run)| self.new_to(added, old_place, run))
    }

    /// Whether a step that was there before writes the same behind an added copy.
    fn is_copied_again(&self, at: usize, path: &str, added: &Copied) -> bool {
        let Some(entry) = added.written.entries.get(path) else { return false };
        let same_folder = |copied: &Copied, folder: &str| {
            let dest = copied.dest.trim_end_matches(['/', '.']);
            let is_made = copied.written.entries.get(folder).is_some_and(|entry| entry.is_folder);
            is_made || is_within(dest, folder) || dest == folder
        };
        self.after.iter().enumerate().skip(at + 1).filter(|(place, _)| !self.added.contains(place)).any(|(_, event)| {
            let Event::Copy(copied) = event else { return false };
            let same_rights = (&copied.owner, &copied.mode) == (&added.owner, &added.mode);
            let same = copied.written.entries.get(path).is_some_and(|found| found.digest == entry.digest);
            same_rights && same && upwards(path).skip(1).all(|folder| same_folder(copied, folder))
        })
    }

    /// The commands behind a place of the new order, each with its place in the old.
    fn runs_behind(&self, at: usize) -> impl Iterator<Item = (usize, Ran<'_>)> {
        self.pairs.iter().filter(move |(_, new)| *new > at).filter_map(|(old, new)| match self.after[*new] {
            Event::Run(run) => Some((*old, run)),
            _ => None,
        })
    }

    /// A file that a command sees only in the new order, and reads.
    fn new_to(&self, added: &Copied, old_place: usize, run: Ran<'_>) -> Option<String> {
        let unsupplied = added.written.files().find(|(path, _)| !supplied(self.before, old_place, path, added));
        let (path, _) = unsupplied?;
        let effect = run.effect();
        let looks_away = effect.is_closed() && !effect.reads.has(path) && !effect.writes.has(path);
        (!looks_away).then(|| format!("`{}` would see `{path}`, which it did not see before", effect.name))
    }
}

/// Whether the last copy in front of a place that writes a path writes what `copied` writes there.
fn supplied(events: &[Event<'_>], place: usize, path: &str, copied: &Copied) -> bool {
    let writes = |event: &&Event<'_>| match event {
        Event::Copy(other) => other.written.has(path),
        Event::Run(_) | Event::Folder(_) => false,
    };
    let Some(Event::Copy(last)) = events[..place].iter().rev().find(writes) else { return false };
    let digest = |written: &Written| written.entries.get(path).map(|entry| entry.digest);
    let same_rights = (&last.owner, &last.mode) == (&copied.owner, &copied.mode);
    same_rights && digest(&last.written).is_some() && digest(&last.written) == digest(&copied.written)
}

/// Whether a path lies in a folder of the system, where commands write that are not of the project.
#[must_use]
pub fn is_of_the_system(path: &str) -> bool {
    let own = ["/usr/src", "/usr/app", "/var/www", "/var/task"];
    let of_system =
        ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/var", "/root", "/tmp", "/dev", "/proc", "/sys", "/run"];
    // Caches and settings of a user.
    let below_home = path.strip_prefix("/home/").and_then(|rest| rest.split('/').nth(1));
    if below_home.is_some_and(|name| name.starts_with('.')) {
        return true;
    }
    !own.iter().any(|folder| is_within(path, folder)) && of_system.iter().any(|folder| is_within(path, folder))
}
