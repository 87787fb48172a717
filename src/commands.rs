//! The commands and their dispatch: one module per command, each with its arguments and a straight list of
//! calls. Only commands that work are listed.

mod parse;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::Status;

/// Predict and explain BuildKit's cache for multi-stage Dockerfiles
///
/// stageplan reads a Dockerfile and its build context as `docker build` would, compares them with the builds it
/// has recorded, and says which steps will run again and why. It needs neither Docker nor the network for that.
#[derive(Parser)]
#[command(name = "stageplan", version, args_override_self = true, max_term_width = 100)]
#[command(after_help = "Exit status: 0 answered, 1 the answer is no, 2 could not answer.")]
pub(crate) struct Cli {
    /// The folder for recorded builds [default: $XDG_STATE_HOME/stageplan]
    #[arg(long, global = true, value_name = "DIR", env = "STAGEPLAN_STATE_DIR", hide_env_values = true)]
    state_dir: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(hide = true)]
    Parse(parse::ParseArgs),
}

/// Runs the command that was asked for.
pub(crate) fn run(cli: &Cli) -> anyhow::Result<Status> {
    match &cli.command {
        Command::Parse(args) => parse::run(args),
    }
}
