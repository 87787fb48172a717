//! `man`: the manual page of the program or of one command, made from the same definition as `--help`.

use clap::{Args, CommandFactory as _};

use super::Cli;
use crate::Status;
use crate::fault::Fault;
use crate::render;

/// Print the manual page of stageplan, or of one of its commands
#[derive(Args)]
#[command(after_help = "To read one: stageplan man explain | man -l -")]
pub(super) struct ManArgs {
    /// The command
    command: Option<String>,
}

pub(super) fn run(args: &ManArgs) -> anyhow::Result<Status> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let page = match &args.command {
        None => program,
        Some(name) => program.find_subcommand(name).cloned().ok_or_else(|| {
            Fault::new(format!("there is no command `{name}`")).with_hint("`stageplan --help` lists the commands")
        })?,
    };
    let mut roff = Vec::new();
    clap_mangen::Man::new(page.version(env!("CARGO_PKG_VERSION"))).render(&mut roff)?;
    render::answer(&String::from_utf8_lossy(&roff))?;
    Ok(Status::Answered)
}
