//! What only timed builds show: seconds at the right of each step, and what a root costs in all.

use std::collections::BTreeMap;

use planner::cause::{Cause, CauseKind};
use planner::context::ContextPath;
use planner::explanation::{Explanation, InstructionReport, Reads, StageReport, Status, TargetReport};
use planner::graph::Placed;

use super::write;
use crate::forecast::{Baseline, Forecast};

fn step(line: u32, text: &str, status: Status, seconds: Option<f64>) -> InstructionReport {
    let placed = Placed {
        line,
        end_line: line,
        keyword: text.split(' ').next().unwrap_or_default().to_owned(),
        text: text.to_owned(),
        body: String::new(),
        trigger: false,
        step: None,
        link: None,
        variables: BTreeMap::new(),
    };
    InstructionReport {
        placed: placed.into(),
        status,
        link: None,
        stale_risk: false,
        causes: Vec::new(),
        root: None,
        reads: Reads::default(),
        odds: None,
        waits_for: Vec::new(),
        critical: false,
        seconds,
    }
}

fn report(seconds: [Option<f64>; 4]) -> String {
    let mut copy = step(3, "COPY . .", Status::Miss, seconds[1]);
    copy.causes = vec![Cause::of(CauseKind::FileModified).about(ContextPath::new("src/a.ts"), Some("content"))];
    let mut install = step(4, &format!("RUN npm ci {}", "--option ".repeat(9)), Status::Miss, seconds[2]);
    let mut build = step(5, "RUN npm run build", Status::Miss, seconds[3]);
    for step in [&mut install, &mut build] {
        step.root = Some("build:3".to_owned());
        step.causes = vec![Cause { root: step.root.clone(), ..Cause::of(CauseKind::Upstream) }];
    }
    let instructions = vec![step(2, "WORKDIR /app", Status::Hit, seconds[0]), copy, install, build];
    let name = Some("build".to_owned());
    let stage = StageReport { index: Some(0), name, base: "node:22".to_owned(), used: true, instructions };
    let target = TargetReport {
        name: "default".to_owned(),
        stage: "build".to_owned(),
        stages: vec![stage],
        plan: planner::plan::Plan::default(),
    };
    let forecast = Forecast {
        explanation: Explanation { targets: vec![target] },
        baseline: Baseline::None,
        gap: None,
        unmoved: Vec::new(),
        lost: false,
        notes: Vec::new(),
        whole: None,
        narrowed: None,
        roots: Default::default(),
    };
    let written = write(&forecast, false);
    anstream::adapter::strip_str(&written).to_string()
}

#[test]
fn seconds_stand_at_the_right_and_a_root_has_their_sum() {
    let expected = "\
3 of 4 steps will run (about 1 min), 1 root cause

runs    build:3      COPY . .                                              0.2 s
                     src/a.ts changed
then    build:4      RUN npm ci --option --option --option --option --opt…  12 s
then    build:5      RUN npm run build                                      48 s
                                                                    1 min in all
";
    assert_eq!(report([Some(0.1), Some(0.2), Some(12.0), Some(47.9)]), expected);
}

#[test]
fn without_seconds_there_is_no_room_for_them() {
    let report = report([None; 4]);
    assert!(report.starts_with("3 of 4 steps will run, 1 root cause\n") && !report.contains(" s\n"), "{report}");
    assert!(report.lines().all(|line| line.chars().count() <= 80), "{report}");
}
