//! The report of `plan`: the conclusion, then every stage with its steps, what they read and what they wait for.
//! In goes a [`Forecast`], out comes text.

use std::fmt::Write as _;

use planner::explanation::{InstructionReport, StageReport, Status};

use super::explain::{conclusion, line, notes};
use super::palette::{FAINT, HEADLINE};
use super::text;
use crate::forecast::Forecast;

/// The report as text; stages and instructions that make no step too if `verbose`.
pub(crate) fn write(forecast: &Forecast, verbose: bool) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{HEADLINE}{}{HEADLINE:#}", conclusion(forecast));
    for stage in forecast.explanation.targets.iter().flat_map(|target| &target.stages) {
        if (stage.used && stage.index.is_some()) || verbose {
            write_stage(&mut out, stage, verbose);
        }
    }
    notes(&mut out, forecast);
    out
}

fn write_stage(out: &mut String, stage: &StageReport, verbose: bool) {
    let shown: Vec<&InstructionReport> =
        stage.instructions.iter().filter(|step| verbose || step.status != Status::None).collect();
    let name = stage.name.clone().or(stage.index.map(|index| format!("stage {index}")));
    let name = text::escape(&name.unwrap_or_else(|| "before the first stage".to_owned()));
    let base = if stage.base.is_empty() { String::new() } else { format!(" from {}", text::escape(&stage.base)) };
    let unused = if stage.used { "" } else { ", not needed" };
    let _ = writeln!(out, "\n{HEADLINE}{name}{HEADLINE:#}{FAINT}{base}{unused}{FAINT:#}");
    for step in shown {
        line(out, step.status.name(), &step.placed.line.to_string(), step, verbose);
        let details = details(step);
        if !details.is_empty() {
            let _ = writeln!(out, "{:21}{FAINT}{details}{FAINT:#}", "");
        }
    }
}

fn details(step: &InstructionReport) -> String {
    let mut details = Vec::new();
    if step.reads.files > 0 {
        let (files, bytes) = (text::count(step.reads.files, "file"), text::bytes(step.reads.bytes));
        details.push(format!("reads {files}, {bytes}"));
    }
    let elsewhere: Vec<String> = step.waits_for.iter().map(|name| text::escape(name)).collect();
    if elsewhere.len() > 1 {
        details.push(format!("waits for {}", elsewhere.join(", ")));
    }
    if step.critical && step.status != Status::Hit {
        details.push("on the critical path".to_owned());
    }
    details.join("; ")
}
