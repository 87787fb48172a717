//! The commands and their dispatch: one module per command, each with its arguments and a straight list of
//! calls. Only commands that work are listed.

mod plan;
mod explain;
mod graph;
mod record;
mod build;
mod watch;
mod history;
mod context;
mod optimize;
mod parse;
mod completions;
mod man;

use std::env;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::Status;
use crate::render;
use crate::scanning::Trust;
use crate::store::{self, Store};

/// What `--help` ends with.
const FIRST_SESSION: &str = "\
A first session, in a folder with a Dockerfile:
  docker build . && stageplan record
      Build as always, then note what the builder has in its cache now
  echo '// an edit' >> src/server.ts
      Work on the sources
  stageplan explain
      See which steps the next build will run again, and why
  stageplan plan --changed src/server.ts
      Or ask what an edit costs before making it; this needs no record
  stageplan plan --since main
      In CI: what this checkout costs after a build of another revision

Exit status: 0 answered, 1 the answer is no, 2 could not answer.
";

/// Predict and explain BuildKit's cache for multi-stage Dockerfiles
///
/// A `docker build` takes steps from its cache as long as nothing they depend on has changed, and runs the rest.
/// stageplan says which steps that will be, why, and what an edit would cost, before anything is built. It reads the
/// Dockerfile, .dockerignore and the build context as BuildKit does and compares them with builds you recorded or with
/// a git revision. It needs neither Docker nor the network for that, unless --resolve or
/// --pull has base images looked up.
#[derive(Parser)]
#[command(name = "stageplan", version, args_override_self = true, max_term_width = 80)]
#[command(after_help = "Exit status: 0 answered, 1 the answer is no, 2 could not answer.")]
#[command(after_long_help = FIRST_SESSION)]
pub(crate) struct Cli {
    /// The folder for recorded builds [default: $STAGEPLAN_STATE_DIR, else $XDG_STATE_HOME/stageplan]
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// Read every file anew, whatever earlier runs noted of unchanged ones
    #[arg(long, global = true)]
    no_stat_cache: bool,

    /// How far to trust what earlier runs noted of unchanged files
    #[arg(
        long,
        global = true,
        hide = true,
        value_enum,
        value_name = "TRUST",
        env = "STAGEPLAN_STAT_CACHE",
        default_value = "on"
    )]
    stat_cache: Trust,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Plan(plan::PlanArgs),
    Explain(explain::ExplainArgs),
    Graph(graph::GraphArgs),
    Record(record::RecordArgs),
    Build(build::BuildArgs),
    Watch(watch::WatchArgs),
    History(history::HistoryArgs),
    Context(context::ContextArgs),
    Optimize(optimize::OptimizeArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    #[command(hide = true)]
    Parse(parse::ParseArgs),
}

/// What commands share while they run.
struct Session {
    /// The recorded builds.
    store: Store,
}

impl Session {
    /// Tells what the store has to warn of since the last time.
    fn warn(&self) {
        for warning in self.store.take_warnings() {
            render::warn(&warning);
        }
    }
}

/// Runs the command that was asked for.
pub(crate) fn run(cli: &Cli) -> anyhow::Result<Status> {
    let session = || -> anyhow::Result<Session> {
        let state_dir = store::locate(cli.state_dir.clone(), |name| env::var_os(name).map(PathBuf::from))?;
        let trust = if cli.no_stat_cache { Trust::Off } else { cli.stat_cache };
        Ok(Session { store: Store::open(state_dir).trusting(trust) })
    };
    match &cli.command {
        Command::Plan(args) => plan::run(args, &session()?),
        Command::Explain(args) => explain::run(args, &session()?),
        Command::Graph(args) => graph::run(args, &session()?),
        Command::History(args) => history::run(args, &session()?),
        Command::Build(args) => build::run(args, &session()?),
        Command::Watch(args) => watch::run(args, &session()?),
        Command::Record(args) => record::run(args, &session()?),
        Command::Context(args) => context::run(args, &session()?),
        Command::Optimize(args) => optimize::run(args, &session()?),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
        Command::Parse(args) => parse::run(args),
    }
}
