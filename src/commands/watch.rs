//! `watch`: says on each save what it reaches, and builds that.

use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Session;
use crate::Status;
use crate::args::{Format, ImageArgs, OutputArgs, ProjectArgs};
use crate::fault::Fault;
use crate::watching::{Wish, watch};

const EXAMPLES: &str = "\
Examples:
  stageplan watch --tag shop .
          Build as `docker build --tag shop .` would, again on each save that reaches it
  stageplan watch --leaves --exec 'docker compose restart web'
          Build the tests and whatever else no stage reads, too; restart a service afterwards
  stageplan watch --plan-only
          Say what each save would run again; build nothing
";

/// Say on each save which steps it will run again, and rebuild the stages it reaches
///
/// Watches the files that the build can read, and nothing else. A save that no step reads, or that leaves the content as
/// it was, builds nothing. The targets that are reached are built in one call of docker, side by side; what they share
/// is built once, the others are not asked for.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct WatchArgs {
    #[command(flatten)]
    project: ProjectArgs,

    #[command(flatten, next_help_heading = "Image flags (they mean what they mean to `docker buildx build`)")]
    image: ImageArgs,

    /// Build the stages that no other stage reads, too, such as tests
    #[arg(long)]
    leaves: bool,

    /// Build nothing: only say what would be built
    #[arg(long)]
    plan_only: bool,

    /// Build at most so many targets side by side
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// What a change does that reaches the build at work
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    on_change: OnChange,

    /// Wait for so many milliseconds without a change before building [default: 20 to 300, as changes come]
    #[arg(long, value_name = "MS")]
    debounce: Option<u32>,

    /// Run this command after each build that succeeds, in place of the one before
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,

    #[command(flatten)]
    output: OutputArgs,
}

/// What a change does that reaches the build at work.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
enum OnChange {
    /// Another build follows
    #[default]
    Queue,
    /// The build is stopped, and another one begins
    Restart,
}

pub(super) fn run(args: &WatchArgs, session: &Session) -> anyhow::Result<Status> {
    refuse(args)?;
    let wish = Wish {
        project: args.project.clone(),
        image: args.image.clone(),
        leaves: args.leaves,
        plan_only: args.plan_only,
        jobs: args.jobs.map(usize::from),
        restarts: args.on_change == OnChange::Restart,
        debounce: args.debounce.map(|ms| Duration::from_millis(ms.into())),
        exec: args.exec.clone(),
        format: args.output.format,
        verbose: args.output.verbose,
    };
    watch(wish, &session.store)?;
    Ok(Status::Answered)
}

/// What cannot be watched, or not be built again and again.
fn refuse(args: &WatchArgs) -> anyhow::Result<()> {
    if args.project.flags()?.file.as_deref() == Some(Path::new("-")) {
        let fault = Fault::new("a Dockerfile from standard input cannot be watched");
        return Err(fault.with_hint("write it to a file, and name that with --file").into());
    }
    if args.project.rest().iter().any(|word| word == "--target" || word.starts_with("--target=")) {
        return Err(Fault::new("`--target` stands behind `--`").with_hint("write it in front").into());
    }
    let outputs = args.image.output.iter().map(String::as_str);
    if args.output.format == Format::Json
        && outputs.into_iter().any(|output| output == "-" || output.ends_with("dest=-"))
    {
        return Err(Fault::new("standard output takes the events, and cannot take the image, too").into());
    }
    Ok(())
}
