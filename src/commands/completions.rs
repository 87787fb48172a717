//! `completions`: a script that teaches a shell the words of this program, made from the same definition as `--help`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;
use crate::Status;
use crate::render;

/// Print a completion script for a shell
#[derive(Args)]
#[command(after_help = "For bash: stageplan completions bash > /etc/bash_completion.d/stageplan")]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> anyhow::Result<Status> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "stageplan", &mut script);
    render::answer(&String::from_utf8_lossy(&script))?;
    Ok(Status::Answered)
}
