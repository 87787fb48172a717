//! `explain`: why will each step run again? Compares the present inputs with the recorded builds.

use clap::Args;

use super::Session;
use crate::Status;
use crate::args::{OutputArgs, ProjectArgs, ReportFormat};
use crate::forecast::{forecast, forecast_since};
use crate::render::json::{self, ExplainView};
use crate::render::{self, explain};
use crate::sight::Look;
use crate::since::at_revision;
use crate::store::Store;

/// What `--help` ends with.
const EXAMPLES: &str = "\
Examples:
  stageplan explain
      Which steps will run again after the last record, and why
  stageplan explain --since main
      The same compared with a git revision; needs no record
  stageplan explain --resolve
      The same after asking what the base images are now
  stageplan explain --step 'RUN npm test'
      One step only, named by first words, line, or stage:line
  stageplan explain --exit-code || echo 'some step will run'
      For scripts: exit 1 if some step that is used is no hit
";

/// Say which steps will run again, and why
///
/// Compares the Dockerfile, the build context and the flags with the builds that were recorded (see `stageplan record`)
/// or with a git revision (--since), and names what makes each step run: a file that changed, a build argument, an
/// edited instruction, a base image. Steps that only follow are listed below their cause. Neither Docker nor the
/// network is needed, unless --resolve or --pull has base images looked up. Pass the flags that you pass to `docker build`: they are part of what is compared.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    project: ProjectArgs,

    #[command(flatten)]
    output: OutputArgs<ReportFormat>,

    /// Compare with this git revision, as if it had been built, instead of the recorded builds
    #[arg(long, value_name = "REV")]
    since: Option<String>,

    /// Tell only of this step: `stage:line`, a line, or the instruction's first words
    #[arg(long, value_name = "STEP")]
    step: Option<String>,

    /// Exit with 1 if some step that is used is no hit; with --step, if that one is none
    #[arg(long)]
    exit_code: bool,
}

pub(super) fn run(args: &ExplainArgs, session: &Session) -> anyhow::Result<Status> {
    let store = &session.store;
    let Look { project, past, requests, observation } = Look::at(&args.project, store, Store::secret_key)?;
    render::warn_of(&observation.warnings);
    let mut forecast = match &args.since {
        Some(since) => {
            let revision = at_revision(&project, &requests, &observation, store, since)?;
            forecast_since(&project, observation, revision, &past, store)?
        }
        None => {
            let forecast = forecast(&project, &observation, &past, store)?;
            // The process is about to end: taking apart what it read would only take time.
            std::mem::forget(observation);
            forecast
        }
    };
    std::mem::forget(past);
    session.warn();
    if let Some(step) = &args.step {
        forecast.narrow(step)?;
    }
    let answer = match args.output.format {
        ReportFormat::Text => explain::write(&forecast, args.output.verbose),
        ReportFormat::Json => json::write(&ExplainView::explain(&project, &forecast))?,
        ReportFormat::Markdown => render::markdown::write(&forecast, &project.names()),
        ReportFormat::Github => render::github::write(&forecast, &project.names()),
    };
    render::answer(&answer)?;
    let all_hit = forecast.all_hit();
    std::mem::forget(forecast);
    Ok(if args.exit_code && !all_hit { Status::No } else { Status::Answered })
}
