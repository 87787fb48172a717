//! What stageplan says before a build against what a real engine then does: recorded cases built anew (`replay`), random
//! walks through edits (`walk`), builds that are stopped or fail (`faults`), the program as a plugin of docker (`plugin`),
//! safe rewrites of `optimize` (`rewrites`), rules that differ from one engine to another (`rules`), what saves lead to under a watch (`watching`).
//!
//! The engine is the one that `docker` on PATH reaches, for instance after `eval "$(tests/engine/up.sh)"`. Where none
//! answers, these tests say so on standard error and pass; with STAGEPLAN_REQUIRE_ENGINE=1 they fail instead.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

mod bases;
mod faults;
mod images;
mod live;
mod plugin;
mod replay;
mod rewrites;
mod rules;
pub(crate) mod walk;
mod watching;

/// Whether an engine answers; says aloud when none does.
///
/// # Panics
/// If none does and one is required.
fn is_here() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let is_here = succeeds(&["buildx", "version"]) && succeeds(&["info"]);
        let is_required = std::env::var_os("STAGEPLAN_REQUIRE_ENGINE").is_some_and(|value| value == "1");
        assert!(is_here || !is_required, "no engine answers, and STAGEPLAN_REQUIRE_ENGINE=1 asks for one");
        if !is_here {
            say("engine tests did not run: `docker buildx version` or `docker info` fails; see CONTRIBUTING.md");
        }
        is_here
    })
}

fn succeeds(words: &[&str]) -> bool {
    let mut command = Command::new("docker");
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Says a line that is seen also when the test passes: the test harness catches only what macros print.
fn say(line: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}
