//! `history commits`: what the last commits of the project would have run again, step by step, and because of which
//! files. The commits are replayed in memory; nothing is built, checked out or recorded.

use clap::Args;
use planner::replay::replay;
use planner::replay::tally::Costs;
use planner::weight::weights;

use super::Session;
use crate::Status;
use crate::args::{Format, OutputArgs, ProjectArgs};
use crate::bases;
use crate::commits::History;
use crate::fault::Fault;
use crate::observation::{read_dockerfile, scan_contexts};
use crate::past::Past;
use crate::project::Project;
use crate::render;
use crate::render::commits::{CommitsReport, write};
use crate::render::json::{self, CommitsView};

/// What `--help` ends with.
const EXAMPLES: &str = "\
Examples:
  stageplan history commits
          What the last 200 commits make a build run again
  stageplan history commits --commits 1000 --target build
          The same over a longer time, for one stage
  stageplan history commits --format json
          Commit by commit, for a program
";

/// Replay the last commits: what each makes a build run again
///
/// Takes today's Dockerfile, ignore file and flags over the files of each of the last commits that touch a build
/// context: the first-parent history of HEAD, oldest first, as one machine would have built them one after another with
/// a cache that only grows. The first is compared with its parent, taken as built. Says how many seconds of steps run
/// again per commit, how often each step does, and which files cause most of it. Seconds are those measured by
/// `stageplan build` or `history import`, else a default for the kind of command, marked `~`. A step whose outcome hangs
/// on bytes that only a build knows counts with the odds of recorded builds, else as if it ran. Files that git ignores
/// or does not track are taken as they are now in every commit. Nothing is built, checked out or recorded.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct CommitsArgs {
    #[command(flatten)]
    project: ProjectArgs,

    /// The most commits to replay, from the newest back
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    commits: u32,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &CommitsArgs, session: &Session) -> anyhow::Result<Status> {
    let project = Project::open(&args.project)?;
    let store = &session.store;
    let history = History::read(&project, args.commits as usize)?;
    let past = Past::read(store, &project.builder)?;
    let profile = past.builds.profile(args.project.engine_profile, store, &project.id)?;
    let requests = bases::requests(&project, profile, &past.builds, store)?;
    let source = project.dockerfile()?;
    let reading = read_dockerfile(&source.bytes, &source.shown.display().to_string(), &requests)?;
    render::warn_of(&reading.warnings);
    if let Some(image) = &reading.unknown_frontend {
        let fault = Fault::new(format!("cannot replay: nothing is known of the frontend `{image}`"));
        return Err(fault.with_hint("replay a Dockerfile without that `# syntax=` line").into());
    }
    let contexts = scan_contexts(&project, &reading.graph, store)?;
    let commits = history.commits(&project, &contexts)?;
    let key = store.secret_key()?;
    let versions = commits.each.iter().map(|commit| (commit.id.as_str(), &commit.contexts));
    let replays = replay(&reading.graph, &key, &commits.before, versions);
    let experience = past.builds.experience(&project, &replays.snapshot, store)?;
    let weights = weights(&replays.snapshot, &experience);
    let costs = Costs { snapshot: &replays.snapshot, weights: &weights, odds: &experience.odds };
    let tally = costs.tally(&replays.builds);
    session.warn();
    let report =
        CommitsReport { project: &project, history: &history, commits: &commits, replays: &replays, costs, tally };
    let answer = match args.output.format {
        Format::Text => write(&report, args.output.verbose),
        Format::Json => json::write(&CommitsView::new(&report))?,
    };
    render::answer(&answer)?;
    Ok(Status::Answered)
}
