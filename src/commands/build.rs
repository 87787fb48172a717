//! `build`: the build itself, through the user's docker. What was predicted stands beside what the engine did, and the
//! engine's cache is known from then on.

use clap::Args;
use planner::built::End;

use super::Session;
use crate::Status;
use crate::args::{Format, ImageArgs, OutputArgs, ProjectArgs};
use crate::building;
use crate::render;
use crate::render::json::{self, BuildView};
use crate::round::{Done, Round, tell_end};

const EXAMPLES: &str = "\
Examples:
  stageplan build --tag shop .
          Build as `docker buildx build --tag shop .` would
  stageplan build --target build --target runtime
          Build two stages side by side, what they share once
  stageplan build --push --tag registry.example/shop -- --provenance=false
          Hand any other flag of the builder over behind `--`
";

/// Build through docker, and compare what happens with what was predicted
///
/// Runs `docker buildx build` with your builder, contexts and credentials (several --target in one call), shows the
/// steps at work with the time they are expected to take, and records what the engine did: later explanations come
/// with seconds.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct BuildArgs {
    #[command(flatten)]
    project: ProjectArgs,

    #[command(flatten, next_help_heading = "Image flags (they mean what they mean to `docker buildx build`)")]
    image: ImageArgs,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &BuildArgs, session: &Session) -> anyhow::Result<Status> {
    let store = &session.store;
    let round = Round::open(&args.project, &args.image, store, None)?;
    session.warn();
    render::warn_of(&round.observation().warnings);
    let mut progress = round.progress(args.output.verbose);
    round.begin(store)?;
    let is_read = |contexts: &_| round.is_read(contexts, store);
    let ended = building::build(&round.invocation, &round.ground(store), &mut progress, &is_read)?;
    progress.finish();
    if let Err(silence) = tell_end(&ended, &progress, args.output.verbose) {
        round.withdraw(store)?;
        return Err(silence);
    }
    let answers_on_stdout = round.invocation.answers_on_stdout;
    let mut done = round.conclude(ended, store)?;
    let (answer, end) = (written(&done, &args.output)?, done.ended.end);
    done.keep(store)?;
    session.warn();
    if answers_on_stdout {
        render::talk(&answer)?;
    } else {
        render::answer(&answer)?;
    }
    Ok(if end == End::Succeeded { Status::Answered } else { Status::No })
}

fn written(done: &Done, output: &OutputArgs) -> anyhow::Result<String> {
    let closing = done.closing(output.verbose);
    Ok(match output.format {
        Format::Text => render::build::write(&closing),
        Format::Json => json::write(&BuildView::new(&done.entry.id, &done.project.builder, &closing))?,
    })
}
