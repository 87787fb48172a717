//! The `stageplan` binary: parse arguments, call one command, print one error, set the exit status.
#[expect(dead_code, reason = "no command records yet")]
mod store;

fn main() {}
