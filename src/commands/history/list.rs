//! `history`: one line for each recorded build.

use super::{ListArgs, Session};
use crate::Status;
use crate::args::Format;
use crate::past::is_same_project;
use crate::project;
use crate::render;
use crate::render::history::{Listed, write};
use crate::render::json::{self, HistoryView};

pub(super) fn run(args: &ListArgs, session: &Session) -> anyhow::Result<Status> {
    let store = &session.store;
    let wanted = if args.all { None } else { Some(project::identity_of(&args.context)?) };
    let mut builds = store.builds()?;
    builds.reverse();
    builds.retain(|build| wanted.as_ref().is_none_or(|wanted| is_same_project(&build.project, wanted)));
    let n_all = builds.len();
    builds.truncate(args.limit);
    let mut listed = Vec::new();
    for record in builds {
        let built = store.built(&record.id)?;
        let targets = store.snapshot(&record.id)?.map(|snapshot| snapshot.stages()).unwrap_or_default();
        let is_pruned = store.is_pruned(&record.id)?;
        listed.push(Listed { record, built, targets, is_pruned });
    }
    session.warn();
    let answer = match args.output.format {
        Format::Text => write(&listed, n_all, args.output.verbose),
        Format::Json => json::write(&HistoryView::new(&listed, n_all))?,
    };
    render::answer(&answer)?;
    Ok(Status::Answered)
}
