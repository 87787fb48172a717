//! `man`: the manual page of the program or of one command, made from the same definition as `--help`.

use clap::{Args, CommandFactory as _};

use super::Cli;
use crate::Status;
use crate::fault::Fault;
use crate::render;

/// What `--help` ends with.
const EXAMPLES: &str = "\
Examples:
  stageplan man explain | man -l -
      Read the page of one command
  stageplan man > ~/.local/share/man/man1/stageplan.1
      Keep the page of the program where `man stageplan` finds it
";

/// Print the manual page of stageplan, or of one of its commands
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
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
    let version = env!("CARGO_PKG_VERSION");
    let title = args.command.as_ref().map_or_else(|| "stageplan".to_owned(), |name| format!("stageplan-{name}"));
    let man = clap_mangen::Man::new(page.version(version)).title(title).manual("stageplan");
    man.source(format!("stageplan {version}")).render(&mut roff)?;
    // What `--help` ends with goes by no name of its own.
    let page = String::from_utf8_lossy(&roff).replace("\n.SH EXTRA\n", "\n.SH EXAMPLES\n");
    render::answer(&page.replace("\n.SH EXAMPLES\nExamples:\n", "\n.SH EXAMPLES\n"))?;
    Ok(Status::Answered)
}
