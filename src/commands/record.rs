//! `record`: the present inputs as those of a build that succeeded. What a build would have left in BuildKit's cache
//! joins the store; nothing is built.

use clap::Args;
use planner::recording::{self, Left};

use super::Session;
use crate::Status;
use crate::args::ProjectArgs;
use crate::bookkeeping::Entry;
use crate::forecast::predicted;
use crate::render;
use crate::sight::Look;
use crate::store::Store;

/// What `--help` ends with.
const EXAMPLES: &str = "\
Examples:
  docker build . && stageplan record
      Build, and note what is now in the cache
  docker build --target build . && stageplan record --target build
      The same for one stage: flags go to both
  stageplan record --file Dockerfile --platform linux/arm64 .
      Dockerfile, platform and context are named as docker names them
";

/// Take the present inputs as those of a build that succeeded, without building
///
/// Run it after `docker build`, with the same flags, so that `stageplan plan` and `stageplan explain` know what BuildKit
/// has in its cache. Records add up: a step is a hit if any record holds it. They live in a folder of your own (see
/// --state-dir), never in the project, and hold digests of files, not their contents.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct RecordArgs {
    #[command(flatten)]
    project: ProjectArgs,
}

pub(super) fn run(args: &RecordArgs, session: &Session) -> anyhow::Result<Status> {
    let store = &session.store;
    let Look { project, past, observation, .. } = Look::at(&args.project, store, Store::keep_secret_key)?;
    let prediction = predicted(&observation, &past, store);
    let entry = Entry::new(&project)?;
    // Under an unknown frontend nobody knows what the steps are.
    let steps = match observation.unknown_frontend {
        Some(_) => None,
        None => Some(recording::record(&observation.snapshot, &prediction, &past.ledger, &entry.id)),
    };
    let n_new = steps.as_ref().map(Vec::len);
    let missing = recording::missing_source(&prediction);
    entry.keep(
        &project,
        &observation,
        None,
        Left { steps: steps.unwrap_or_default(), ..Left::default() },
        None,
        store,
    )?;
    session.warn();
    render::answer(&render::record::write(n_new, missing))?;
    Ok(if missing.is_some() { Status::No } else { Status::Answered })
}
