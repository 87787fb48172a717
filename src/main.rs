//! The `stageplan` binary: parse arguments, call one command, print one error, set the exit status.

mod fault;
mod refusal;
mod intake;
mod plugin;
mod args;
mod builder;
mod git;
mod scanning;
mod store;
mod project;
mod frontend;
mod observation;
mod manifests;
mod config;
mod rewriting;
mod engine;
mod since;
mod commits;
mod past;
mod forecast;
mod bases;
mod yardstick;
mod sight;
mod bookkeeping;
mod render;
mod building;
mod round;
mod watching;
mod commands;

use std::env;
use std::io;
use std::process::ExitCode;

use clap::Parser as _;

use commands::Cli;
use plugin::Call;

/// What the exit status says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    /// The question was answered.
    Answered,
    /// The question was answered, and the answer is no.
    No,
    /// The question could not be answered.
    CouldNot,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Answered => 0,
            Status::No => 1,
            Status::CouldNot => 2,
        })
    }
}

fn main() -> ExitCode {
    let outcome = plugin::read(env::args_os().collect()).and_then(|call| match call {
        Call::Program(words) => commands::run(&Cli::parse_from(words)),
        Call::Within(set, words) => Err(plugin::become_it(set, &words)),
        Call::Metadata(metadata) => render::answer(&metadata).map(|()| Status::Answered).map_err(Into::into),
    });
    let status = outcome.unwrap_or_else(|error| report(&error));
    status.into()
}

/// Prints what went wrong, where, and one hint. A reader who has seen enough and closed the pipe is no error.
fn report(error: &anyhow::Error) -> Status {
    let is_closed = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(is_closed) {
        return Status::Answered;
    }
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        usage.exit();
    }
    render::fault(error);
    Status::CouldNot
}
