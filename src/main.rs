//! The `stageplan` binary: parse arguments, call one command, print one error, set the exit status.
fn main() {}
