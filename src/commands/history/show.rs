//! `history show`: one recorded build, step by step.

use clap::Args;
use planner::built::Experience;
use planner::history::BuildRecord;

use super::Session;
use crate::Status;
use crate::args::{Format, OutputArgs};
use crate::fault::Fault;
use crate::past::{engine_before, is_same_project};
use crate::render;
use crate::render::build::Closing;
use crate::render::history::{Listed, shown};
use crate::render::json::{self, BuildView, HistoryView};

/// Show a recorded build step by step
#[derive(Args)]
pub(super) struct ShowArgs {
    /// The build's id, or how it begins
    #[arg(value_name = "ID")]
    id: String,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &ShowArgs, session: &Session) -> anyhow::Result<Status> {
    let store = &session.store;
    let builds = store.builds()?;
    let record = find(&builds, &args.id)?.clone();
    let earlier =
        builds.iter().take_while(|build| build.id != record.id).filter(|build| build.builder == record.builder);
    let earlier: Vec<_> = earlier.filter(|build| is_same_project(&build.project, &record.project)).collect();
    let engine_before = engine_before(store, earlier.into_iter().rev())?;
    let built = store.built(&record.id)?;
    let snapshot = store.snapshot(&record.id)?;
    session.warn();
    let targets = snapshot.as_ref().map(|snapshot| snapshot.stages()).unwrap_or_default();
    let is_pruned = store.is_pruned(&record.id)?;
    let listed = Listed { record, built, targets, is_pruned };
    let experience = Experience::default();
    let closing = listed.built.as_ref().zip(snapshot.as_ref()).map(|(built, snapshot)| Closing {
        built,
        snapshot,
        experience: &experience,
        engine_before: engine_before.clone(),
        verbose: true,
    });
    let answer = match (args.output.format, &closing) {
        (Format::Text, closing) => shown(&listed, closing.as_ref()),
        (Format::Json, Some(closing)) => {
            json::write(&BuildView::new(&listed.record.id, &listed.record.builder, closing))?
        }
        (Format::Json, None) => json::write(&HistoryView::new(&[listed], 1))?,
    };
    render::answer(&answer)?;
    Ok(Status::Answered)
}

/// The one build whose id begins like that.
fn find<'a>(builds: &'a [BuildRecord], id: &str) -> anyhow::Result<&'a BuildRecord> {
    let mut found: Vec<&BuildRecord> =
        builds.iter().filter(|build| !id.is_empty() && build.id.starts_with(id)).collect();
    match (found.pop(), found.len()) {
        (Some(build), 0) => Ok(build),
        (Some(_), n) => {
            let fault = Fault::new(format!("`{id}` begins the ids of {} builds", n + 1));
            Err(fault.with_hint("write more of it").into())
        }
        (None, _) => {
            let fault = Fault::new(format!("there is no recorded build `{id}`"));
            Err(fault.with_hint("`stageplan history --all` lists them").into())
        }
    }
}
