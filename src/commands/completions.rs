//! `completions`: a script that teaches a shell the words of this program, made from the same definition as `--help`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;
use crate::Status;
use crate::render;

/// What `--help` ends with.
const EXAMPLES: &str = "\
Examples:
  stageplan completions bash \\
    > ~/.local/share/bash-completion/completions/stageplan
      For bash, for yourself only
  stageplan completions fish > ~/.config/fish/completions/stageplan.fish
      For fish
";

/// Print a completion script for a shell
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
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
