//! `history`: recorded builds. Its parts list them, show one, learn from a saved progress log, make the records smaller,
//! and replay the commits of the project.

mod list;
mod show;
mod import;
mod prune;
mod commits;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Session;
use crate::Status;
use crate::args::OutputArgs;

const EXAMPLES: &str = "\
Examples:
  stageplan history
          List the builds of this project, newest first
  stageplan history --all --limit 100 --format json
          List those of all projects, for a program
  stageplan history commits
          Replay the last commits: what they make a build run again
  stageplan history prune --keep 20
          Make all but the newest 20 builds of each project smaller
";

/// Show recorded builds, learn from others, and replay commits
///
/// Lists the builds of the project in CONTEXT, newest first: when, what, how many steps came from the cache and how
/// many ran, how long it took, and whether all came as predicted.
#[derive(Args)]
#[command(after_long_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct HistoryArgs {
    #[command(subcommand)]
    command: Option<HistoryCommand>,

    #[command(flatten)]
    list: ListArgs,
}

#[derive(Args)]
struct ListArgs {
    /// The folder of the project
    #[arg(value_name = "CONTEXT", default_value = ".")]
    context: PathBuf,

    /// List the builds of all projects
    #[arg(short, long)]
    all: bool,

    /// The most builds to list, newest first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    limit: usize,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Subcommand)]
enum HistoryCommand {
    Show(show::ShowArgs),
    Import(Box<import::ImportArgs>),
    Prune(prune::PruneArgs),
    Commits(Box<commits::CommitsArgs>),
}

pub(super) fn run(args: &HistoryArgs, session: &Session) -> anyhow::Result<Status> {
    match &args.command {
        None => list::run(&args.list, session),
        Some(HistoryCommand::Show(args)) => show::run(args, session),
        Some(HistoryCommand::Import(args)) => import::run(args, session),
        Some(HistoryCommand::Prune(args)) => prune::run(args, session),
        Some(HistoryCommand::Commits(args)) => commits::run(args, session),
    }
}
