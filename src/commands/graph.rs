//! `graph`: the stages, their steps and everything they take from each other, as a picture. Hit and miss are marked as
//! `explain` finds them.

use clap::{Args, ValueEnum};

use super::Session;
use crate::Status;
use crate::args::ProjectArgs;
use crate::forecast::{forecast, forecast_since};
use crate::render;
use crate::render::graph::{self, Drawing};
use crate::render::json::{self, GraphView};
use crate::sight::Look;
use crate::since::at_revision;
use crate::store::Store;

const EXAMPLES: &str = "\
Examples:
  stageplan graph
          Draw a tree, in the terminal
  stageplan graph --format dot > graph.dot
          Draw for Graphviz: `dot -Tpng graph.dot > graph.png` makes a picture
  stageplan graph --format mermaid
          Draw for a mermaid block in Markdown
  stageplan graph --since main --target build
          Draw one stage and what it needs, marked with what changed since main
";

/// Draw the stages, their steps, and what they take from each other
///
/// Shows which image each stage begins with, which stages copy from which, what each step reads of the build context,
/// and which steps would be cached or run again. With nothing recorded yet it draws all the same, with the status
/// `unknown`. Neither Docker nor the network is needed, unless
/// --resolve or --pull has base images looked up.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct GraphArgs {
    #[command(flatten)]
    project: ProjectArgs,

    /// How the picture is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: GraphFormat,

    /// Show the stages that the target does not need, too, and long instructions in full
    #[arg(short, long)]
    verbose: bool,

    /// Compare with this git revision, as if it had been built, instead of the recorded builds
    #[arg(long, value_name = "REV")]
    since: Option<String>,
}

/// A form of the picture.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
enum GraphFormat {
    /// A tree for people, coloured on a terminal
    #[default]
    Text,
    /// For Graphviz
    Dot,
    /// A Mermaid flowchart, which GitHub and GitLab show in Markdown
    Mermaid,
    /// For programs
    Json,
}

pub(super) fn run(args: &GraphArgs, session: &Session) -> anyhow::Result<Status> {
    let store = &session.store;
    let Look { project, past, requests, observation } = Look::at(&args.project, store, Store::secret_key)?;
    let (vertices, views) = (observation.graph.clone(), observation.views().collect());
    let forecast = match &args.since {
        Some(since) => {
            let revision = at_revision(&project, &requests, &observation, store, since)?;
            forecast_since(&project, observation, revision, &past, store)?
        }
        None => forecast(&project, &observation, &past, store)?,
    };
    session.warn();
    let drawing = Drawing::new(&vertices, &views, &forecast.explanation);
    let n_unused = drawing.n_unused();
    let is_whole = args.verbose || args.format == GraphFormat::Json;
    let drawing = if is_whole { drawing } else { drawing.without_unused() };
    let answer = match args.format {
        GraphFormat::Text => graph::text(&drawing, n_unused, &forecast, args.verbose),
        GraphFormat::Dot => graph::dot(&drawing, n_unused, &forecast, args.verbose),
        GraphFormat::Mermaid => graph::mermaid(&drawing, n_unused, &forecast, args.verbose),
        GraphFormat::Json => json::write(&GraphView::new(&project, &forecast, &drawing))?,
    };
    render::answer(&answer)?;
    Ok(Status::Answered)
}
