//! One step of a forecast, for who asks about it alone: the others are left out, and what it follows from is kept
//! beside it. In go a forecast and the words for a step; verdicts and causes stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use planner::explanation::InstructionReport;
use planner::graph::Placed;

use super::Forecast;
use crate::fault::Fault;

impl Forecast {
    /// Leaves only the steps that `step` names: `stage:line`, a line, or an instruction's first words.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn narrow(&mut self, step: &str) -> anyhow::Result<()> {
        let step = step.trim();
        self.whole.get_or_insert_with(|| self.explanation.clone());
        self.roots = self.root_steps();
        for target in &mut self.explanation.targets {
            for stage in &mut target.stages {
                let names = [stage.name.clone(), stage.index.map(|index| index.to_string())];
                stage.instructions.retain(|report| is_named(&report.placed, &names, step));
            }
            target.stages.retain(|stage| !stage.instructions.is_empty());
        }
        if self.explanation.targets.iter().all(|target| target.stages.is_empty()) {
            let fault = Fault::new(format!("there is no step `{step}`"));
            return Err(fault.with_hint("write `stage:line`, a line, or an instruction's first words").into());
        }
        self.narrowed = Some(step.to_owned());
        Ok(())
    }

    /// The steps that others follow from.
    fn root_steps(&self) -> BTreeMap<String, InstructionReport> {
        let stages = self.explanation.targets.iter().flat_map(|target| target.stages.iter().enumerate());
        let steps = stages.flat_map(|(place, stage)| {
            let stage_name = stage.name.clone().unwrap_or_else(|| place.to_string());
            stage.instructions.iter().map(move |step| (format!("{stage_name}:{}", step.placed.line), step.clone()))
        });
        let steps: BTreeMap<_, _> = steps.filter(|(_, step)| step.placed.step.is_some()).collect();
        let roots: BTreeSet<String> = steps.values().filter_map(|step| step.root.clone()).collect();
        steps.into_iter().filter(|(name, _)| roots.contains(name)).collect()
    }
}

fn is_named(placed: &Placed, stages: &[Option<String>; 2], step: &str) -> bool {
    let is_line = |text: &str| text.parse().is_ok_and(|line: u32| (placed.line..=placed.end_line).contains(&line));
    if is_line(step) {
        return true;
    }
    if step.is_empty() {
        return false;
    }
    let in_stage = |stage: &str| stages.iter().flatten().any(|name| name.eq_ignore_ascii_case(stage));
    step.rsplit_once(':').is_some_and(|(stage, line)| in_stage(stage) && is_line(line))
        || placed.text.to_lowercase().starts_with(&step.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase())
}
