//! Comments on builds whose steps were timed.

use planner::cause::{Cause, CauseKind};
use planner::context::ContextPath;
use planner::explanation::{Explanation, InstructionReport, Reads, StageReport, Status, TargetReport};
use planner::graph::Placed;

use super::write;
use crate::forecast::{Baseline, Forecast};
use crate::project::Names;

fn step(line: u32, status: Status, root: Option<&str>, seconds: Option<f64>) -> InstructionReport {
    let own = || Cause::of(CauseKind::FileModified).about(ContextPath::new(b"src/a.ts"), None);
    let upstream = |root: &str| Cause { root: Some(root.to_owned()), ..Cause::of(CauseKind::Upstream) };
    InstructionReport {
        placed: Placed {
            line,
            end_line: line,
            keyword: "RUN".to_owned(),
            text: format!("RUN {line}"),
            trigger: false,
            body: String::new(),
            step: None,
            link: None,
            variables: std::collections::BTreeMap::new(),
        }
        .into(),
        status,
        link: None,
        stale_risk: false,
        causes: if status == Status::Hit { Vec::new() } else { vec![root.map_or_else(own, upstream)] },
        root: root.map(str::to_owned),
        reads: Reads::default(),
        waits_for: Vec::new(),
        odds: None,
        critical: false,
        seconds,
    }
}

fn comment(instructions: Vec<InstructionReport>) -> String {
    let stage = StageReport {
        index: Some(0),
        name: Some("build".to_owned()),
        base: "node:22".to_owned(),
        used: true,
        instructions,
    };
    let target = TargetReport {
        name: "default".to_owned(),
        stage: "build".to_owned(),
        stages: vec![stage],
        plan: planner::plan::Plan::default(),
    };
    let forecast = Forecast {
        explanation: Explanation { targets: vec![target] },
        baseline: Baseline::Git { id: "0123456789abcdef".to_owned(), committed_at: "2020-01-02T03:04:05Z".to_owned() },
        gap: None,
        unmoved: Vec::new(),
        lost: false,
        notes: vec!["the Dockerfile was `a`b` then".to_owned()],
        whole: None,
        narrowed: None,
        roots: Default::default(),
    };
    let names = Names {
        dockerfile: Some("docker/Dockerfile".to_owned()),
        context: ".".to_owned(),
        target: Some("build".to_owned()),
    };
    write(&forecast, &names)
}

#[test]
fn times_are_added_up_where_steps_were_timed() {
    let told = comment(vec![
        step(2, Status::Hit, None, Some(30.0)),
        step(3, Status::Miss, None, Some(0.2)),
        step(4, Status::Miss, Some("build:3"), Some(47.7)),
    ]);
    let expected = "\
<!-- stageplan file=docker/Dockerfile context=. target=build -->
### Build of `docker/Dockerfile`, target `build`, context `.`: 2 of 3 steps run again in `build`, about 48 s; 1 stays cached

| Why | Runs again | And then |
| --- | --- | --- |
| `src/a.ts` changed | `build:3` `RUN 3` | 1 step in `build`; about 48 s in all |

<details><summary>All 3 steps</summary>

**Stage** `build` from `node:22`

| Line | | Step | Last took |
| ---: | --- | --- | ---: |
| 2 | cached | `RUN 2` | 30 s |
| 3 | **runs** | `RUN 3` | 0.2 s |
| 4 | **runs** | `RUN 4` | 48 s |

</details>

Compared with commit `0123456789ab`.

Note: the Dockerfile was ``a`b`` then
";
    assert_eq!(told, expected);
}

#[test]
fn steps_that_were_never_timed_make_the_time_a_lower_bound() {
    let told = comment(vec![
        step(3, Status::Miss, None, None),
        step(4, Status::Miss, Some("build:3"), Some(200.0)),
        step(5, Status::Hit, None, None),
    ]);
    assert!(told.contains("2 of 3 steps run again in `build`, at least 3 min; 1 stays cached\n"), "{told}");
    assert!(told.contains("| 3 | **runs** | `RUN 3` |  |\n"), "{told}");
    assert!(!comment(vec![step(3, Status::Miss, None, None)]).contains(" s;"));
}
