//! The Dockerfiles of `tests/conformance/public`, each twenty times, parsed in this one process by `planner` and by the
//! crate `parse-dockerfile`, in turn. One line for each on stdout: its name and the least seconds of several rounds. That
//! crate does less: no word of a flag, a mount or a variable is looked at, and the first error ends it.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up may stop")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use planner::dockerfile::Dockerfile;

const TIMES: usize = 20;
const ROUNDS: usize = 15;

/// The Dockerfile of each case; one that is given in lines is joined.
fn dockerfiles() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/public");
    let entries = fs::read_dir(folder).expect("the recorded cases").map(|entry| entry.expect("a file").path());
    let mut paths: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    paths.sort();
    let text = |path: &std::path::PathBuf| {
        let json = fs::read(path).expect("a case");
        let case: serde_json::Value = serde_json::from_slice(&json).expect("a case in JSON");
        match &case["case"]["dockerfile"] {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(lines) => {
                lines.iter().filter_map(|line| line.as_str()).map(|line| format!("{line}\n")).collect()
            }
            _ => String::new(),
        }
    };
    paths.iter().map(text).filter(|text| !text.is_empty()).collect()
}

fn timed(texts: &[String], parse: impl Fn(&str)) -> Duration {
    let started = Instant::now();
    for _ in 0..TIMES {
        texts.iter().for_each(|text| parse(text));
    }
    started.elapsed()
}

fn main() {
    let texts = dockerfiles();
    assert!(texts.len() > 500, "{} Dockerfiles", texts.len());
    let (mut ours, mut peer) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        ours = ours.min(timed(&texts, |text| drop(black_box(Dockerfile::parse(text.as_bytes())))));
        peer = peer.min(timed(&texts, |text| drop(black_box(parse_dockerfile::parse(text)))));
    }
    println!("planner {:.6}\nparse-dockerfile {:.6}", ours.as_secs_f64(), peer.as_secs_f64());
}
