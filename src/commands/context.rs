//! `context`: what is in the build context, what is left out by which line, and what no step reads.

use std::collections::BTreeMap;

use clap::Args;
use planner::context::{BuildContext, ContextPath};
use planner::explanation::reads::read_paths;
use planner::graph::lower::MAIN_CONTEXT;
use watcher::{EntryKind, Listing};

use super::Session;
use crate::Status;
use crate::args::{Format, OutputArgs, ProjectArgs};
use crate::bases;
use crate::observation::{ignorefile, observe, scan_fault};
use crate::past::Past;
use crate::project::Project;
use crate::render;
use crate::render::context::{self, ContextReport};
use crate::render::json::{self, ContextView};

/// What `--help` ends with.
const EXAMPLES: &str = "\
Examples:
  stageplan context
      How much there is, what is ignored, and what no step reads
  stageplan context --verbose
      The same with every file
  stageplan context --format json | grep -c '\"mode\"'
      For scripts: how many files and folders are in the context
";

/// Show what is in the build context, what is ignored and what no step reads
///
/// The build context is the folder that `docker build` sends to the builder: all its files but those that
/// .dockerignore leaves out. A file that changes there makes each step run again that copies it. Works without a
/// Dockerfile, too; then nothing is said of what steps read.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ContextArgs {
    #[command(flatten)]
    project: ProjectArgs,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &ContextArgs, session: &Session) -> anyhow::Result<Status> {
    let project = Project::open(&args.project)?;
    let rules = ignorefile(project.ignorefile.as_ref())?;
    let listing = watcher::list(&project.context.root, &rules).map_err(scan_fault)?;
    let unread = if project.has_dockerfile() { Some(unread(args, &project, &listing, session)?) } else { None };
    session.warn();
    let report = ContextReport {
        context: project.context.shown.display().to_string(),
        ignorefile: project.ignorefile.as_ref().map(|source| source.name.display().to_string()),
        entries: listing.kept,
        ignored: listing.ignored,
        unread,
    };
    let answer = match args.output.format {
        Format::Text => context::write(&report, args.output.verbose),
        Format::Json => json::write(&ContextView::from(&report))?,
    };
    render::answer(&answer)?;
    Ok(Status::Answered)
}

/// The files that no step of the target reads, in canonical order.
fn unread(
    args: &ContextArgs,
    project: &Project,
    listing: &Listing,
    session: &Session,
) -> anyhow::Result<Vec<ContextPath>> {
    let store = &session.store;
    let past = Past::read(store, &project.builder)?;
    let profile = past.builds.profile(args.project.engine_profile, store, &project.id)?;
    let requests = bases::requests(project, profile, &past.builds, store)?;
    let observation = observe(project, &requests, store, || store.secret_key())?;
    let scanned = observation.contexts.iter().map(|(name, context)| (name.clone(), context.now.context.clone()));
    let scanned: BTreeMap<String, BuildContext> = scanned.collect();
    let read = read_paths(&observation.snapshot, &scanned);
    let read = read.get(MAIN_CONTEXT);
    let files = listing.kept.iter().filter(|kept| kept.kind != EntryKind::Folder).map(|kept| &kept.path);
    Ok(files.filter(|path| read.is_none_or(|read| !read.contains(*path))).cloned().collect())
}
