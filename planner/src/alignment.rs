//! Which step of an earlier build a step corresponds to: stages by name, else by what they hold; instructions by their
//! text, else by keyword, in order, else by standing alone in the place of another. It decides only what a miss is
//! compared with, never whether there is one. What moved corresponds to nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::graph::{Placed, StageGraph, TargetGraph};
use crate::snapshot::Snapshot;

/// Above this number of comparisons only equal beginnings and ends are aligned.
const MAX_COMPARISONS: usize = 1_000_000;

/// Where an instruction stands: target, stage and place in the stage.
pub type At = (usize, usize, usize);

/// For steps of a newer snapshot, the steps of an older one.
#[derive(Clone, Debug, Default)]
pub struct Alignment {
    steps: BTreeMap<usize, usize>,
    instructions: BTreeMap<At, At>,
    /// The same, from older to newer.
    back: BTreeMap<At, At>,
    stages: BTreeMap<(usize, usize), (usize, usize)>,
}

impl Alignment {
    /// Aligns two snapshots.
    #[must_use]
    pub fn of(newer: &Snapshot, older: &Snapshot) -> Self {
        let mut alignment = Self::default();
        for (target, new) in newer.targets.iter().enumerate() {
            // A step that the likest target had no need of may be one of another's.
            let mut likest: Vec<usize> = (0..older.targets.len()).collect();
            likest.sort_by_key(|other| std::cmp::Reverse(likeness(new, &older.targets[*other])));
            for other in likest {
                alignment.target((target, new), (other, &older.targets[other]));
            }
        }
        alignment
    }

    /// The older step of a newer one.
    #[must_use]
    pub fn step(&self, step: usize) -> Option<usize> {
        self.steps.get(&step).copied()
    }

    /// The older instruction of a newer one.
    #[must_use]
    pub fn instruction(&self, at: At) -> Option<At> {
        self.instructions.get(&at).copied()
    }

    /// The newer instruction of an older one.
    #[must_use]
    pub fn newer(&self, at: At) -> Option<At> {
        self.back.get(&at).copied()
    }

    /// The older stage of a newer one, each as target and stage.
    #[must_use]
    pub fn stage(&self, stage: (usize, usize)) -> Option<(usize, usize)> {
        self.stages.get(&stage).copied()
    }

    fn target(&mut self, newer: (usize, &TargetGraph), older: (usize, &TargetGraph)) {
        for (stage, other) in stages(newer.1, older.1) {
            self.stages.entry((newer.0, stage)).or_insert((older.0, other));
            let (new, old) = (&newer.1.stages[stage], &older.1.stages[other]);
            for (a, b) in paired(&new.instructions, &old.instructions) {
                let is_new = self.pair(&new.instructions[a], &old.instructions[b]);
                let known = self.instructions.entry((newer.0, stage, a)).or_insert((older.0, other, b));
                if is_new {
                    *known = (older.0, other, b);
                }
                self.back.entry((older.0, other, b)).or_insert((newer.0, stage, a));
            }
        }
    }

    /// Pairs the steps of two instructions; whether the newer one had no pair yet.
    fn pair(&mut self, new: &Placed, old: &Placed) -> bool {
        let mut is_new = false;
        for (new, old) in [(new.step, old.step), (new.link, old.link)] {
            if let (Some(new), Some(old)) = (new, old) {
                is_new |= !self.steps.contains_key(&new);
                self.steps.entry(new).or_insert(old);
            }
        }
        is_new
    }
}

/// How much an older target is like a newer one: by name, by what is built, by whether that is needed.
fn likeness(newer: &TargetGraph, older: &TargetGraph) -> (bool, bool, bool) {
    let built = |target: &TargetGraph| target.stages.get(target.stage).and_then(|stage| stage.name.clone());
    let name = built(newer);
    let is_needed = older.stages.iter().any(|stage| stage.used && name.is_some() && stage.name == name);
    (newer.name == older.name, name == built(older), is_needed)
}

/// The older stage of each: the one of its name; for those that have none, the one with the most instructions in
/// common, else the one that is built as it is, else the one in the same place.
fn stages(newer: &TargetGraph, older: &TargetGraph) -> BTreeMap<usize, usize> {
    let mut pairs = BTreeMap::new();
    let mut free: BTreeSet<usize> = (0..older.stages.len()).collect();
    for (stage, new) in newer.stages.iter().enumerate().filter(|(_, new)| new.name.is_some()) {
        if let Some(other) = older.stages.iter().rposition(|old| old.name == new.name) {
            pairs.insert(stage, other);
            free.remove(&other);
        }
    }
    let mut likely = Vec::new();
    for stage in (0..newer.stages.len()).filter(|stage| !pairs.contains_key(stage)) {
        for other in free.iter().copied() {
            let alike = n_alike(&newer.stages[stage], &older.stages[other]);
            let is_built = stage == newer.stage && other == older.stage;
            likely.push(((alike, is_built, stage == other), stage, other));
        }
    }
    likely.retain(|(likeness, ..)| *likeness != (0, false, false));
    // A stable sort: of equals, the first.
    likely.sort_by_key(|(likeness, ..)| std::cmp::Reverse(*likeness));
    for (_, stage, other) in likely {
        if !pairs.contains_key(&stage) && free.remove(&other) {
            pairs.insert(stage, other);
        }
    }
    pairs
}

/// How many instructions of a stage stand in another one, too.
fn n_alike(new: &StageGraph, old: &StageGraph) -> usize {
    let texts: BTreeSet<&str> = old.instructions.iter().map(|placed| placed.text.as_str()).collect();
    new.instructions.iter().filter(|placed| placed.keyword != "FROM" && texts.contains(placed.text.as_str())).count()
}

/// Pairs the instructions of two stages: equal ones first, then those of one keyword between them.
fn paired(new: &[Arc<Placed>], old: &[Arc<Placed>]) -> Vec<(usize, usize)> {
    let shorter = new.len().min(old.len());
    let n_head = new.iter().zip(old).take_while(|(a, b)| is_same(a, b)).count();
    let n_tail =
        new.iter().rev().zip(old.iter().rev()).take(shorter - n_head).take_while(|(a, b)| is_same(a, b)).count();
    let (new_end, old_end) = (new.len() - n_tail, old.len() - n_tail);
    let mut pairs: Vec<(usize, usize)> = (0..n_head).map(|index| (index, index)).collect();
    if (new_end - n_head) * (old_end - n_head) <= MAX_COMPARISONS {
        let middle = common(&new[n_head..new_end], &old[n_head..old_end]);
        pairs.extend(middle.into_iter().map(|(a, b)| (a + n_head, b + n_head)));
        replaced(&mut pairs, (new, new_end), (old, old_end));
    }
    pairs.extend((0..n_tail).map(|index| (new_end + index, old_end + index)));
    pairs
}

/// Pairs what makes a step and stands between two pairs with what stood there, in order.
fn replaced(
    pairs: &mut Vec<(usize, usize)>,
    (new, new_end): (&[Arc<Placed>], usize),
    (old, old_end): (&[Arc<Placed>], usize),
) {
    let mut gaps = Vec::new();
    let mut from = (0, 0);
    for &(a, b) in pairs.iter().chain([&(new_end, old_end)]) {
        gaps.push((from.0..a, from.1..b));
        from = (a + 1, b + 1);
    }
    for (come, gone) in gaps {
        let stays = |placed: &Placed, others: &[Arc<Placed>]| {
            placed.step.is_some() && !others.iter().any(|other| is_same(placed, other))
        };
        let come = come.filter(|&a| stays(&new[a], old));
        let gone = gone.filter(|&b| stays(&old[b], new));
        pairs.extend(come.zip(gone).collect::<Vec<_>>());
    }
}

fn is_same(a: &Placed, b: &Placed) -> bool {
    a.keyword == b.keyword && a.text == b.text && a.trigger == b.trigger
}

/// The pairing of most worth: equal instructions are worth three, those of one keyword one. What stands on the other
/// side as it is, is no edit of something else.
fn common(new: &[Arc<Placed>], old: &[Arc<Placed>]) -> Vec<(usize, usize)> {
    let of_old: BTreeSet<&str> = old.iter().map(|placed| placed.text.as_str()).collect();
    let of_new: BTreeSet<&str> = new.iter().map(|placed| placed.text.as_str()).collect();
    let worth = |a: &Placed, b: &Placed| match (a.keyword == b.keyword, a.text == b.text) {
        (true, true) => 3,
        (true, false) if !of_old.contains(a.text.as_str()) && !of_new.contains(b.text.as_str()) => 1,
        _ => 0,
    };
    let mut best = vec![vec![0_u32; old.len() + 1]; new.len() + 1];
    for a in (0..new.len()).rev() {
        for b in (0..old.len()).rev() {
            let paired = worth(&new[a], &old[b]);
            let with = if paired > 0 { paired + best[a + 1][b + 1] } else { 0 };
            best[a][b] = with.max(best[a + 1][b]).max(best[a][b + 1]);
        }
    }
    let (mut a, mut b, mut pairs) = (0, 0, Vec::new());
    while a < new.len() && b < old.len() {
        let paired = worth(&new[a], &old[b]);
        if paired > 0 && best[a][b] == paired + best[a + 1][b + 1] {
            pairs.push((a, b));
            (a, b) = (a + 1, b + 1);
        } else if best[a][b] == best[a + 1][b] {
            a += 1;
        } else {
            b += 1;
        }
    }
    pairs
}
