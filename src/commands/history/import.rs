//! `history import`: a build that went another way. Its progress log says which steps came from the cache and how long
//! the others took; the present files are taken as those it was made from.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use planner::built::{Built, End, Experience, Source};
use planner::recording::{self, Left, Witnessed};
use planner::snapshot::Snapshot;

use super::Session;
use crate::Status;
use crate::args::{Format, OutputArgs, ProjectArgs};
use crate::bookkeeping::Entry;
use crate::building::{self, Ended};
use crate::engine::observed::Observed;
use crate::fault::Fault;
use crate::forecast::{doubted, predicted};
use crate::intake;
use crate::observation::Observation;
use crate::past::Past;
use crate::project::Project;
use crate::render;
use crate::render::build::Closing;
use crate::render::json::{self, BuildView};
use crate::sight::Look;
use crate::store::Store;

/// Learn from the progress log of a build that went another way
///
/// Reads what `docker buildx build --progress=rawjson` wrote to standard error, or what
/// `docker buildx history logs --progress=rawjson` prints: a CI job's artifact, say. The present files, Dockerfile and
/// flags are taken as those of that build, so check out what it built first.
#[derive(Args)]
pub(super) struct ImportArgs {
    /// The progress log; `-` is standard input
    #[arg(id = "log", value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    project: ProjectArgs,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &ImportArgs, session: &Session) -> anyhow::Result<Status> {
    let observed = Observed::of_stream(&read(&args.file)?);
    let store = &session.store;
    let Look { project, past, observation, .. } = Look::at(&args.project, store, Store::keep_secret_key)?;
    session.warn();
    let prediction = predicted(&observation, &past, store);
    let experience = past.builds.experience(&project, &observation.snapshot, store)?;
    let ended = Ended::of_log(observed, &observation.snapshot);
    refuse_strange(&args.file, &ended)?;
    let told = doubted(&project, &observation, &past, store, prediction.clone());
    let built = building::report(&observation, &told, &ended, String::new(), Source::Import);
    if let Some(known) = known_before(&project, &observation, &past, store, &built)? {
        session.warn();
        return already(&known, &project, args.output.format);
    }
    let entry = Entry::new(&project)?;
    let closing = Closing {
        built: &built,
        snapshot: &observation.snapshot,
        experience: &experience,
        engine_before: None,
        verbose: true,
    };
    let answer = match args.output.format {
        Format::Text => render::history::imported(&closing),
        Format::Json => json::write(&BuildView::new(&entry.id, &project.builder, &closing))?,
    };
    let outcomes = building::outcomes(&ended);
    let witnessed = Witnessed {
        outcomes: &outcomes,
        succeeded: ended.end == End::Succeeded,
        blurred: &BTreeSet::new(),
        after: None,
        is_cut: ended.is_cut(),
    };
    let left = match observation.unknown_frontend {
        Some(_) => Left::default(),
        None => recording::record_witnessed(&observation.snapshot, &prediction, &past.ledger, &entry.id, &witnessed),
    };
    entry.keep(&project, &observation, Some(&ended.contexts), left, Some(built), store)?;
    session.warn();
    render::answer(&answer)?;
    Ok(Status::Answered)
}

/// A recorded build that is the one in the log: one that was watched, or one that was learned from the same log and the
/// same files.
fn known_before(
    project: &Project,
    observation: &Observation,
    past: &Past,
    store: &Store,
    built: &Built,
) -> anyhow::Result<Option<Known>> {
    /// So many of the newest builds are looked at.
    const N_SEARCHED: usize = 200;
    let keys = |snapshot: &Snapshot| snapshot.steps.iter().map(|step| step.record.key).collect::<Vec<_>>();
    let now = keys(&observation.snapshot);
    for record in past.builds.of_project(&project.id).into_iter().take(N_SEARCHED) {
        let Some(earlier) = store.built(&record.id)? else { continue };
        let is_same = earlier.telling.zip(built.telling).is_some_and(|(one, other)| one.is_same(&other));
        if !is_same {
            continue;
        }
        let Some(snapshot) = store.snapshot(&record.id)? else { continue };
        if earlier.source == Source::Build || keys(&snapshot) == now {
            return Ok(Some(Known { id: record.id.clone(), built: earlier, snapshot }));
        }
    }
    Ok(None)
}

/// A recorded build.
struct Known {
    id: String,
    built: Built,
    snapshot: Snapshot,
}

/// Tells that there is nothing to learn.
fn already(known: &Known, project: &Project, format: Format) -> anyhow::Result<Status> {
    let experience = Experience::default();
    let Known { id, built, snapshot } = known;
    let closing = Closing { built, snapshot, experience: &experience, engine_before: None, verbose: true };
    let answer = match format {
        Format::Text => render::history::imported_before(id, built.source),
        Format::Json => json::write(&BuildView::new(id, &project.builder, &closing))?,
    };
    render::answer(&answer)?;
    Ok(Status::Answered)
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file != Path::new("-") {
        return intake::read(file).with_context(|| format!("cannot read `{}`", file.display()));
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    Ok(bytes)
}

/// A log of another build, or of none, teaches nothing.
fn refuse_strange(file: &Path, ended: &Ended) -> anyhow::Result<()> {
    if !ended.attribution.steps.is_empty() {
        return Ok(());
    }
    let shown = file.display();
    let fault = match ended.observed.vertices().len() {
        0 => Fault::new(format!("`{shown}` holds no progress of a build"))
            .with_hint("`docker buildx build --progress=rawjson … 2> FILE` writes it"),
        _ => Fault::new(format!("no step of the build in `{shown}` is one of this Dockerfile's"))
            .with_hint("name the Dockerfile, the target and the context it was built from"),
    };
    Err(fault.into())
}
