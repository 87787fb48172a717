//! Which step of an earlier build a step corresponds to: stages by name, else by place; instructions by their text,
//! else by keyword, in order. It decides only what a miss is compared with, never whether there is one.

use std::collections::BTreeMap;

use crate::graph::{Placed, StageGraph, TargetGraph};
use crate::snapshot::Snapshot;

/// Above this number of comparisons only equal beginnings and ends are aligned.
const MAX_COMPARISONS: usize = 1_000_000;

/// For steps of a newer snapshot, the steps of an older one.
#[derive(Clone, Debug, Default)]
pub struct Alignment {
    steps: BTreeMap<usize, usize>,
    instructions: BTreeMap<(usize, usize, usize), (usize, usize, usize)>,
}

impl Alignment {
    /// Aligns two snapshots.
    #[must_use]
    pub fn of(newer: &Snapshot, older: &Snapshot) -> Self {
        let mut alignment = Self::default();
        for (target, new) in newer.targets.iter().enumerate() {
            let same_name = older.targets.iter().position(|old| old.name == new.name);
            if let Some(other) = same_name.or((older.targets.len() == 1).then_some(0)) {
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

    /// The older instruction of a newer one, each as target, stage and place in the stage.
    #[must_use]
    pub fn instruction(&self, at: (usize, usize, usize)) -> Option<(usize, usize, usize)> {
        self.instructions.get(&at).copied()
    }

    fn target(&mut self, newer: (usize, &TargetGraph), older: (usize, &TargetGraph)) {
        for (stage, new) in newer.1.stages.iter().enumerate() {
            if let Some(other) = older_stage(stage, newer.1, older.1) {
                let old = &older.1.stages[other];
                for (a, b) in paired(&new.instructions, &old.instructions) {
                    self.instructions.insert((newer.0, stage, a), (older.0, other, b));
                    self.pair(&new.instructions[a], &old.instructions[b]);
                }
            }
        }
    }

    fn pair(&mut self, new: &Placed, old: &Placed) {
        for (new, old) in [(new.step, old.step), (new.link, old.link)] {
            if let (Some(new), Some(old)) = (new, old) {
                self.steps.entry(new).or_insert(old);
            }
        }
    }
}

/// The older stage of the same name; else the one at the same place, unless its name went elsewhere.
fn older_stage(stage: usize, newer: &TargetGraph, older: &TargetGraph) -> Option<usize> {
    let new = &newer.stages[stage];
    let by_name = |wanted: &StageGraph, graph: &TargetGraph| {
        wanted.name.as_ref().and_then(|name| graph.stages.iter().rposition(|other| other.name.as_ref() == Some(name)))
    };
    by_name(new, older).or_else(|| {
        let old = older.stages.get(stage)?;
        by_name(old, newer).is_none().then_some(stage)
    })
}

/// Pairs the instructions of two stages: equal ones first, then those of one keyword between them.
fn paired(new: &[Placed], old: &[Placed]) -> Vec<(usize, usize)> {
    let equal = |a: &Placed, b: &Placed| a.keyword == b.keyword && a.text == b.text && a.trigger == b.trigger;
    let shorter = new.len().min(old.len());
    let n_head = new.iter().zip(old).take_while(|(a, b)| equal(a, b)).count();
    let n_tail = new.iter().rev().zip(old.iter().rev()).take(shorter - n_head).take_while(|(a, b)| equal(a, b)).count();
    let (new_end, old_end) = (new.len() - n_tail, old.len() - n_tail);
    let mut pairs: Vec<(usize, usize)> = (0..n_head).map(|index| (index, index)).collect();
    if (new_end - n_head) * (old_end - n_head) <= MAX_COMPARISONS {
        let middle = common(&new[n_head..new_end], &old[n_head..old_end]);
        pairs.extend(middle.into_iter().map(|(a, b)| (a + n_head, b + n_head)));
    }
    pairs.extend((0..n_tail).map(|index| (new_end + index, old_end + index)));
    pairs
}

/// The pairing of most worth: equal instructions are worth three, those of one keyword one.
fn common(new: &[Placed], old: &[Placed]) -> Vec<(usize, usize)> {
    let worth = |a: &Placed, b: &Placed| match (a.keyword == b.keyword, a.text == b.text) {
        (true, true) => 3,
        (true, false) => 1,
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
