//! `plan`: what will this build do? Stages, steps, what each reads and waits for; with `--changed`, what an edit
//! that has not been made would do.

use std::io::{self, Read as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::Session;
use crate::Status;
use crate::args::{OutputArgs, ProjectArgs, ReportFormat};
use crate::forecast::{forecast, forecast_of_edit, forecast_since};
use crate::render;
use crate::render::json::{self, ExplainView};
use crate::sight::Look;
use crate::since::at_revision;
use crate::store::Store;

/// What `--help` ends with.
const EXAMPLES: &str = "\
Examples:
  stageplan plan
      What the next build will do, compared with the recorded ones
  stageplan plan --changed src/server.ts
      What an edit of a file would cost; this needs no record
  git diff --name-only --relative main | stageplan plan --changed -
      The same for all files that differ from a branch
  stageplan plan --since main --target build
      In CI: what this checkout costs after a build of main
";

/// Say what a build will do: its stages and steps, what they read and wait for
///
/// Shows each stage with its steps, the files that each step reads, the steps it waits for and the critical path, and
/// predicts for each step whether it comes from the cache. A step is a hit (taken from the cache), a miss (will run),
/// pending (decided by what an earlier step will produce), unknown (nothing that is recorded tells), unused (not
/// needed for the target) or none (makes no layer, like ENV). Nothing is built.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    project: ProjectArgs,

    #[command(flatten)]
    output: OutputArgs<ReportFormat>,

    /// Ask what an edit of this file would do, everything else being built; `-` reads paths from standard input
    #[arg(long, value_name = "PATH")]
    changed: Vec<PathBuf>,

    /// Compare with this git revision, as if it had been built, instead of the recorded builds
    #[arg(long, value_name = "REV", conflicts_with = "changed")]
    since: Option<String>,

    /// Exit with 1 if some step that is used is no hit
    #[arg(long)]
    exit_code: bool,
}

pub(super) fn run(args: &PlanArgs, session: &Session) -> anyhow::Result<Status> {
    let store = &session.store;
    let Look { project, past, requests, observation } = Look::at(&args.project, store, Store::secret_key)?;
    render::warn_of(&observation.warnings);
    let forecast = if let Some(since) = &args.since {
        let revision = at_revision(&project, &requests, &observation, store, since)?;
        forecast_since(&project, observation, revision, &past, store)?
    } else if args.changed.is_empty() {
        forecast(&project, &observation, &past, store)?
    } else {
        forecast_of_edit(&project, observation, past, store, &changed_paths(&args.changed)?)?
    };
    session.warn();
    let answer = match args.output.format {
        ReportFormat::Text => render::plan::write(&forecast, args.output.verbose),
        ReportFormat::Json => json::write(&ExplainView::plan(&project, &forecast))?,
        ReportFormat::Markdown => render::markdown::write(&forecast, &project.names()),
        ReportFormat::Github => render::github::write(&forecast, &project.names()),
    };
    render::answer(&answer)?;
    Ok(if args.exit_code && !forecast.all_hit() { Status::No } else { Status::Answered })
}

/// The paths as given; those on standard input end with NUL, or where there is none with line ends.
fn changed_paths(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    use std::os::unix::ffi::OsStringExt as _;
    let mut all = Vec::new();
    for path in paths {
        if path.as_os_str() != "-" {
            all.push(path.clone());
            continue;
        }
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).context("cannot read paths from standard input")?;
        let separator = if bytes.contains(&0) { 0 } else { b'\n' };
        let given = bytes.split(|byte| *byte == separator).filter(|path| !path.is_empty());
        all.extend(given.map(|path| PathBuf::from(std::ffi::OsString::from_vec(path.to_vec()))));
    }
    Ok(all)
}
