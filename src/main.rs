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
mod engine;
mod since;
mod forecast;
mod bases;
mod sight;
mod bookkeeping;
mod render;
mod building;
mod round;
mod commands;

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use commands::Cli;
use fault::Fault;
use plugin::Call;
use render::palette::{ERROR, HINT};
use render::text::escape;

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
    let outcome = match plugin::read(env::args_os().collect()) {
        Call::Program(words) => commands::run(&Cli::parse_from(words)),
        Call::Metadata(metadata) => render::answer(&metadata).map(|()| Status::Answered).map_err(Into::into),
    };
    let status = outcome.unwrap_or_else(|error| report(&error));
    status.into()
}

/// The error with its causes, system errors in words.
fn told(error: &anyhow::Error) -> String {
    let clause = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().map_or_else(|| cause.to_string(), intake::reason)
    };
    error.chain().map(clause).collect::<Vec<_>>().join(": ")
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
    let mut err = anstream::stderr();
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(err, "{ERROR}error{ERROR:#}: {}", escape(&told(error)));
    if let Some(place) = Fault::place_of(error) {
        let _ = write!(err, "{}", render::diagnostic::of_error(place));
    }
    if let Some(hint) = Fault::hint_of(error) {
        let _ = writeln!(err, "{HINT}hint{HINT:#}: {}", escape(hint));
    }
    Status::CouldNot
}
