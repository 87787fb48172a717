//! `history prune`: smaller records.

use std::collections::BTreeMap;

use clap::Args;
use planner::history::BuildRecord;

use super::Session;
use crate::Status;
use crate::builder;
use crate::render;
use crate::store::Keep;

/// Drop what is no longer needed of old builds
///
/// What old builds were made from and how long they took goes; that their steps are in the cache stays, so predictions
/// stay as they are. After `docker builder prune --all` nothing of it holds any more: --all forgets every build of the
/// builder.
#[derive(Args)]
pub(super) struct PruneArgs {
    /// Keep the newest N builds of each project whole
    #[arg(long, value_name = "N", default_value_t = 50)]
    keep: usize,

    /// Forget every build of the builder, because its cache was emptied
    #[arg(long, conflicts_with = "keep")]
    all: bool,

    /// The builder whose builds are meant [default: the one that `docker buildx` would choose]
    #[arg(long, value_name = "NAME")]
    builder: Option<String>,
}

pub(super) fn run(args: &PruneArgs, session: &Session) -> anyhow::Result<Status> {
    let store = &session.store;
    let builder = builder::selected(args.builder.as_deref(), &|name| std::env::var(name).ok());
    let mut newest: BTreeMap<(String, Option<String>), Vec<String>> = BTreeMap::new();
    for build in store.builds()?.iter().rev() {
        let of_project = newest.entry((build.project.context.clone(), build.project.repository.clone())).or_default();
        if of_project.len() < args.keep {
            of_project.push(build.id.clone());
        }
    }
    let is_new = |build: &BuildRecord| newest.values().flatten().any(|id| *id == build.id);
    let pruned = store.prune(&|build| match () {
        () if build.builder != builder => Keep::Whole,
        () if args.all => Keep::Nothing,
        () if is_new(build) => Keep::Whole,
        () => Keep::Steps,
    })?;
    session.warn();
    render::answer(&render::history::pruned(pruned, args.all))?;
    Ok(Status::Answered)
}
