//! How the steps of a target stand to each other in time: which must end before which, how many can run at one
//! moment, which chain decides how long the build takes. In go a snapshot, the verdicts, and the seconds of steps
//! that were timed; out comes a [`Plan`]. It takes nothing for granted of the machine: BuildKit starts a step as
//! soon as its inputs are there, so the plan is that of an engine that never waits for a free processor.
//!
//! A chain is measured in seconds first, in steps second. A step that was never timed adds no seconds; where none
//! was timed, steps alone decide.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::maximum_flow::dinics;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::graph::{TargetGraph, VertexId};
use crate::prediction::Verdict;
use crate::snapshot::{Snapshot, Step};

/// The order of one target's steps. Steps go by their index in the snapshot.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Plan {
    /// For each step that an instruction makes, the length in steps of the longest chain before it. Steps of one
    /// level never wait for each other.
    pub levels: BTreeMap<usize, usize>,
    /// The critical path, first step first: the longest chain among the steps that may run (all but hits), or among
    /// all steps if every one hits.
    pub critical: Vec<usize>,
    /// How many of the steps that may run can be running at one moment, whatever each takes: the size of the
    /// largest set of them in which none waits for another.
    pub width: usize,
    /// The seconds that the steps which certainly run take at least: the longest chain of misses. A step that was
    /// never timed adds nothing.
    pub least_seconds: f64,
    /// The seconds of the critical path if every step that may run does; `None` if one of them was never timed.
    pub seconds: Option<f64>,
}

impl Plan {
    /// Plans a target. `seconds` tells what steps took when they last ran.
    #[must_use]
    pub fn new(
        snapshot: &Snapshot,
        target: &TargetGraph,
        verdict: &dyn Fn(usize) -> Verdict,
        seconds: &BTreeMap<usize, f64>,
    ) -> Self {
        let shown: BTreeSet<usize> = target
            .stages
            .iter()
            .filter(|stage| stage.used)
            .flat_map(|stage| stage.instructions.iter().filter_map(|placed| placed.step))
            .collect();
        let of_verdict = |is: fn(Verdict) -> bool| -> BTreeSet<usize> {
            shown.iter().copied().filter(|step| is(verdict(*step))).collect()
        };
        let certain = of_verdict(|verdict| verdict == Verdict::Miss);
        let possible = of_verdict(|verdict| verdict != Verdict::Hit);
        let inputs = inputs(snapshot);
        let end = target.result.map(VertexId::index);
        let counted = if possible.is_empty() { &shown } else { &possible };
        let chain = longest(&inputs, counted, seconds, end);
        let is_timed = possible.iter().all(|step| seconds.contains_key(step));
        let last = if possible.is_empty() { 0.0 } else { chain.length.seconds };
        Self {
            levels: levels(&inputs, &shown),
            critical: chain.steps,
            width: width(&inputs, &possible),
            least_seconds: longest(&inputs, &certain, seconds, end).length.seconds,
            seconds: is_timed.then_some(last),
        }
    }
}

/// The seconds of the longest chain among these steps, each with its own, over all targets.
#[must_use]
pub fn longest_seconds(snapshot: &Snapshot, seconds: &BTreeMap<usize, f64>) -> f64 {
    let (inputs, counted) = (inputs(snapshot), seconds.keys().copied().collect());
    let ends = snapshot.targets.iter().filter_map(|target| target.result.map(VertexId::index));
    ends.map(|end| longest(&inputs, &counted, seconds, Some(end)).length.seconds).fold(0.0, f64::max)
}

/// For each vertex those it waits for, in order and each once; these come before it.
type Inputs = Vec<Vec<usize>>;

fn inputs(snapshot: &Snapshot) -> Inputs {
    let of_step = |step: &Step| {
        let mut inputs: Vec<usize> = step.inputs.iter().map(|input| input.index()).collect();
        inputs.sort_unstable();
        inputs.dedup();
        inputs
    };
    snapshot.steps.iter().map(of_step).collect()
}

fn levels(inputs: &Inputs, shown: &BTreeSet<usize>) -> BTreeMap<usize, usize> {
    let mut before = vec![0_usize; inputs.len()];
    for (vertex, inputs) in inputs.iter().enumerate() {
        let above = |input: &usize| before[*input] + usize::from(shown.contains(input));
        before[vertex] = inputs.iter().map(above).max().unwrap_or(0);
    }
    shown.iter().map(|step| (*step, before[*step])).collect()
}

#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Length {
    seconds: f64,
    steps: usize,
}

impl Length {
    fn order(&self, other: &Self) -> Ordering {
        self.seconds.total_cmp(&other.seconds).then(self.steps.cmp(&other.steps))
    }
}

struct Chain {
    length: Length,
    steps: Vec<usize>,
}

/// The longest chain of counted steps that leads to `end`.
fn longest(inputs: &Inputs, counted: &BTreeSet<usize>, seconds: &BTreeMap<usize, f64>, end: Option<usize>) -> Chain {
    let mut lengths: Vec<(Length, Option<usize>)> = Vec::with_capacity(inputs.len());
    for (vertex, inputs) in inputs.iter().enumerate() {
        let before = inputs.iter().copied().max_by(|one, other| lengths[*one].0.order(&lengths[*other].0));
        let mut length = before.map_or_else(Length::default, |input| lengths[input].0);
        if counted.contains(&vertex) {
            length.seconds += seconds.get(&vertex).copied().unwrap_or(0.0);
            length.steps += 1;
        }
        lengths.push((length, before));
    }
    let mut steps = Vec::new();
    let mut next = end;
    while let Some(vertex) = next {
        if counted.contains(&vertex) {
            steps.push(vertex);
        }
        next = lengths[vertex].1;
    }
    steps.reverse();
    Chain { length: end.map_or_else(Length::default, |end| lengths[end].0), steps }
}

/// The size of the largest set of counted steps in which none waits for another. By Dilworth's theorem that is the
/// least number of chains that hold all of them, which is their number less the most links that chains can have;
/// a link may lead through vertices that are not counted. The most links are a maximum flow: every counted step
/// has one link to give (from its `out`) and one to take (at its `in`).
fn width(inputs: &Inputs, counted: &BTreeSet<usize>) -> usize {
    if counted.len() < 2 {
        return counted.len();
    }
    let mut network: DiGraph<(), usize> = DiGraph::new();
    let ins: Vec<NodeIndex> = inputs.iter().map(|_| network.add_node(())).collect();
    let outs: Vec<NodeIndex> = inputs.iter().map(|_| network.add_node(())).collect();
    let (source, sink) = (network.add_node(()), network.add_node(()));
    for (vertex, inputs) in inputs.iter().enumerate() {
        network.add_edge(ins[vertex], outs[vertex], counted.len());
        for input in inputs {
            network.add_edge(outs[*input], ins[vertex], counted.len());
        }
    }
    for step in counted {
        network.add_edge(source, outs[*step], 1);
        network.add_edge(ins[*step], sink, 1);
    }
    counted.len() - dinics(&network, source, sink).0
}

#[cfg(test)]
mod tests;
