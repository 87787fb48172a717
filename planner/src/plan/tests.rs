//! Width and longest chain against brute force on small random graphs, and the facts that a table can tell.

use std::collections::{BTreeMap, BTreeSet};

use super::{Inputs, Plan, levels, longest, width};
use crate::cache_key::Sealer;
use crate::dockerfile::Dockerfile;
use crate::engine_profile::EngineProfile;
use crate::graph::lower::lower;
use crate::prediction::Verdict;
use crate::request::Request;
use crate::snapshot::Snapshot;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn graph(edges: &[&[usize]]) -> Inputs {
    edges.iter().map(|inputs| inputs.to_vec()).collect()
}

fn random(dice: &mut Dice) -> (Inputs, BTreeSet<usize>, BTreeMap<usize, f64>) {
    let n = usize::try_from(1 + dice.below(9)).unwrap();
    let density = 1 + dice.below(5);
    let inputs = (0..n).map(|vertex| (0..vertex).filter(|_| dice.below(6) < density).collect()).collect();
    let counted = (0..n).filter(|_| dice.below(4) > 0).collect();
    let timed = (0..n).filter(|_| dice.below(3) > 0).collect::<Vec<_>>();
    let seconds = timed.into_iter().map(|step| (step, f64::from(u32::try_from(dice.below(4)).unwrap()))).collect();
    (inputs, counted, seconds)
}

/// For each vertex all that come before it.
fn before(inputs: &Inputs) -> Vec<BTreeSet<usize>> {
    let mut all: Vec<BTreeSet<usize>> = Vec::new();
    for inputs in inputs {
        let far = inputs.iter().flat_map(|input| all[*input].iter().copied());
        all.push(far.chain(inputs.iter().copied()).collect());
    }
    all
}

#[test]
fn width_is_the_largest_set_of_steps_that_do_not_wait_for_each_other() {
    let mut dice = Dice(1);
    for _ in 0..2000 {
        let (inputs, counted, _) = random(&mut dice);
        let before = before(&inputs);
        let steps: Vec<usize> = counted.iter().copied().collect();
        let sets = (0..1_usize << steps.len()).map(|bits| {
            let chosen = steps.iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1);
            chosen.map(|(_, step)| *step).collect::<Vec<_>>()
        });
        let free = sets.filter(|set| set.iter().all(|one| set.iter().all(|other| !before[*one].contains(other))));
        assert_eq!(width(&inputs, &counted), free.map(|set| set.len()).max().unwrap(), "{inputs:?} {counted:?}");
    }
}

/// Every way down from a vertex to one that waits for nothing.
fn paths(inputs: &Inputs, end: usize) -> Vec<Vec<usize>> {
    let longer = inputs[end].iter().flat_map(|input| paths(inputs, *input));
    let mut all: Vec<Vec<usize>> = longer.map(|path| [path, vec![end]].concat()).collect();
    if all.is_empty() {
        all.push(vec![end]);
    }
    all
}

#[test]
fn the_critical_path_has_most_seconds_and_among_equals_most_steps() {
    let mut dice = Dice(2);
    for _ in 0..2000 {
        let (inputs, counted, seconds) = random(&mut dice);
        let end = inputs.len() - 1;
        let chain = longest(&inputs, &counted, &seconds, Some(end));
        let measured = |path: &[usize]| {
            let steps: Vec<usize> = path.iter().copied().filter(|step| counted.contains(step)).collect();
            // Whole seconds below ten: exact.
            let taken: f64 = steps.iter().filter_map(|step| seconds.get(step)).sum();
            (taken as usize, steps.len())
        };
        let best = paths(&inputs, end).iter().map(|path| measured(path)).max().unwrap();
        assert_eq!((chain.length.seconds as usize, chain.length.steps), best, "{inputs:?} {counted:?} {seconds:?}");
        assert_eq!(measured(&chain.steps), best, "{inputs:?} {counted:?} {seconds:?}");
        assert!(chain.steps.is_sorted());
    }
}

#[test]
fn a_diamond_is_two_wide_and_three_long() {
    let diamond = graph(&[&[], &[0], &[0], &[1, 2]]);
    let all: BTreeSet<usize> = (0..4).collect();
    assert_eq!(width(&diamond, &all), 2);
    assert_eq!(levels(&diamond, &all), BTreeMap::from([(0, 0), (1, 1), (2, 1), (3, 2)]));
    assert_eq!(longest(&diamond, &all, &BTreeMap::new(), Some(3)).steps.len(), 3);
    let seconds = BTreeMap::from([(1, 5.0), (2, 4.0)]);
    assert_eq!(longest(&diamond, &all, &seconds, Some(3)).steps, [0, 1, 3]);
}

#[test]
fn two_steps_that_wait_through_one_that_is_not_counted_are_not_side_by_side() {
    let chain = graph(&[&[], &[0], &[1]]);
    assert_eq!(width(&chain, &BTreeSet::from([0, 2])), 1);
    assert_eq!(levels(&chain, &BTreeSet::from([0, 2])), BTreeMap::from([(0, 0), (2, 1)]));
    assert_eq!(width(&chain, &BTreeSet::new()), 0);
}

#[test]
fn a_thousand_stages_of_ten_steps_are_a_thousand_wide() {
    let chain_of_ten =
        |vertex: usize| -> Vec<usize> { if vertex.is_multiple_of(10) { Vec::new() } else { vec![vertex - 1] } };
    let mut inputs: Inputs = (0..10_000).map(chain_of_ten).collect();
    inputs.push((0..1000).map(|stage| stage * 10 + 9).collect());
    assert_eq!(width(&inputs, &(0..10_000).collect()), 1000);
}

/// The plan of two stages of two RUNs each and a last one that copies from both. Steps go by their line; those named
/// have that verdict, the others hit.
fn planned(verdicts: &[(u32, Verdict)], seconds: &[(u32, f64)]) -> (Plan, Vec<u32>) {
    let text = "FROM a AS one\nRUN 1\nRUN 2\nFROM b AS two\nRUN 3\nRUN 4\n\
                FROM scratch\nCOPY --from=one / /\nCOPY --from=two / /\n";
    let profile = EngineProfile::buildkit();
    let (dockerfile, _) = Dockerfile::parse(text.as_bytes());
    let (graph, diagnostics) = lower(&[(&dockerfile, &Request::new("linux/amd64", profile.clone()))], &profile);
    assert!(diagnostics.is_empty());
    let snapshot = Snapshot::take(&graph, &BTreeMap::new(), &Sealer::new(&[0; 32]));
    let target = &snapshot.targets[0];
    let placed = target.stages.iter().flat_map(|stage| &stage.instructions);
    let lines: BTreeMap<usize, u32> = placed.filter_map(|placed| Some((placed.step?, placed.line))).collect();
    let step = |line: u32| *lines.iter().find(|(_, other)| **other == line).unwrap().0;
    let verdicts: BTreeMap<usize, Verdict> = verdicts.iter().map(|(line, verdict)| (step(*line), *verdict)).collect();
    let seconds = seconds.iter().map(|(line, seconds)| (step(*line), *seconds)).collect();
    let verdict = |step: usize| verdicts.get(&step).copied().unwrap_or(Verdict::Hit);
    let plan = Plan::new(&snapshot, target, &verdict, &seconds);
    let critical = plan.critical.iter().map(|step| lines[step]).collect();
    (plan, critical)
}

#[test]
fn a_step_that_hits_costs_nothing_and_one_that_may_run_is_counted() {
    let (plan, critical) = planned(
        &[(2, Verdict::Miss), (3, Verdict::Miss), (6, Verdict::Miss), (8, Verdict::Pending)],
        &[(2, 5.0), (3, 1.0), (5, 100.0), (6, 4.0), (8, 0.5), (9, 100.0)],
    );
    assert_eq!(critical, [2, 3, 8]);
    assert_eq!((plan.width, plan.least_seconds, plan.seconds), (2, 6.0, Some(6.5)));
}

#[test]
fn a_step_that_was_never_timed_adds_no_seconds_and_leaves_the_sum_open() {
    let misses = [2, 3, 6, 8, 9].map(|line| (line, Verdict::Miss));
    let (plan, critical) = planned(&misses, &[(6, 4.0)]);
    assert_eq!(critical, [6, 9]);
    assert_eq!((plan.least_seconds, plan.seconds), (4.0, None));
    let (plan, critical) = planned(&misses, &[]);
    assert_eq!(critical, [2, 3, 8, 9]);
    assert_eq!((plan.least_seconds, plan.seconds), (0.0, None));
}

#[test]
fn where_every_step_hits_nothing_runs_and_the_longest_chain_is_of_all_steps() {
    let (plan, critical) = planned(&[], &[]);
    assert_eq!(critical, [2, 3, 8, 9]);
    assert_eq!((plan.width, plan.least_seconds, plan.seconds), (0, 0.0, Some(0.0)));
    assert_eq!(plan.levels.values().copied().collect::<Vec<_>>(), [0, 1, 0, 1, 2, 3]);
}
