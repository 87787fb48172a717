//! `build`: the build itself, through the user's docker. What was predicted stands beside what the engine did, and the
//! engine's cache is known from then on.

use std::os::unix::process::ExitStatusExt as _;

use clap::Args;
use planner::built::{Built, End, Source};
use planner::history::StepRecord;
use planner::prediction::Prediction;
use planner::recording::{self, Left, Witnessed};
use planner::request::Request;
use planner::snapshot::StepKind;

use super::Session;
use crate::Status;
use crate::args::{Format, ImageArgs, OutputArgs, ProjectArgs};
use crate::bases;
use crate::bookkeeping::Entry;
use crate::building::{self, Ended};
use crate::engine::identity::buildx_version;
use crate::engine::invocation;
use crate::fault::Fault;
use crate::forecast::{Past, Trees, doubted, engine_before, predict_observed};
use crate::observation::{Observation, observe};
use crate::project::Project;
use crate::render;
use crate::render::build::Closing;
use crate::render::json::{self, BuildView};
use crate::render::progress::Progress;
use crate::sight::Sight;
use crate::store::Store;

const EXAMPLES: &str = "\
Examples:
  stageplan build --tag shop .
          Build as `docker buildx build --tag shop .` would
  stageplan build --target build --target runtime
          Build two stages side by side, what they share once
  stageplan build --push --tag registry.example/shop -- --provenance=false
          Hand any other flag of the builder over behind `--`
";

/// Build through docker, and compare what happens with what was predicted
///
/// Runs `docker buildx build` with your builder, contexts and credentials (several --target in one call), shows the
/// steps at work with the time they are expected to take, and records what the engine did: later explanations come
/// with seconds.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct BuildArgs {
    #[command(flatten)]
    project: ProjectArgs,

    #[command(flatten, next_help_heading = "Image flags (they mean what they mean to `docker buildx build`)")]
    image: ImageArgs,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &BuildArgs, session: &Session) -> anyhow::Result<Status> {
    let project = Project::open(&args.project)?;
    let invocation = invocation::of_build(&args.project, &args.image, project.stdin_dockerfile(), buildx_version)?;
    let store = &session.store;
    let past = Past::read(store, &project.builder)?;
    let mut sight = Sight::new(&project, args.project.engine_profile, &past, store)?;
    session.warn();
    let observation = &sight.observation;
    render::warn_of(&observation.warnings);
    let trees = Trees::new(store, observation.views().map(|(_, context)| context));
    let mut prediction = predict_observed(observation, &past, &trees);
    let mut experience = past.experience(&project, &observation.snapshot, store)?;
    let mut progress = Progress::new(&observation.snapshot, &experience, args.output.verbose);
    let mut ended = building::build(&invocation, &project, observation, store, &mut progress)?;
    progress.finish();
    tell_end(&ended, &progress, args.output.verbose)?;
    let has_other_rules = sight.settle()?;
    let Sight { engine, requests, mut observation, .. } = sight;
    let told = doubted(&project, &observation, &past, store, prediction.clone());
    let mut built = building::report(&observation, &told, &ended, engine.name.clone(), Source::Build);
    let learned = bases::learned(&project, &observation, &ended.observed);
    let news = if learned.is_empty() && !has_other_rules {
        News::None
    } else {
        let requests = bases::taught(requests.clone(), &past, learned);
        let is_told = observation.learn(&project, &requests, &store.secret_key()?)?;
        if is_told { News::Steps } else { News::OtherFiles }
    };
    if news == News::Steps {
        ended.look_again(&observation);
        prediction = predict_observed(&observation, &past, &trees);
        experience = past.experience(&project, &observation.snapshot, store)?;
        let again = building::report(&observation, &prediction, &ended, built.engine.clone(), Source::Build);
        built = foretold(again, &built);
    }
    ended.doubt.images = bases::moved(&observation, &engine, &ended.observed);
    built.doubt(ended.changed(&observation), &ended.unsettled(&observation));
    let closing = Closing {
        built: &built,
        snapshot: &observation.snapshot,
        experience: &experience,
        engine_before: engine_before(store, past.of_project(&project.id))?,
        verbose: args.output.verbose,
    };
    let entry = Entry::new(&project)?;
    let answer = written(args.output.format, &entry, &project, &closing)?;
    let mut left = Left::default();
    if observation.unknown_frontend.is_none() && news != News::OtherFiles {
        left = left_by(&observation, &prediction, &past, &ended, &entry.id, store)?;
        let mut otherwise = left_otherwise(args, &requests, &past, &ended, store);
        otherwise.retain(|step| left.unsettled.iter().all(|known| known.key != step.key));
        left.unsettled.extend(otherwise);
    }
    entry.keep(&project, observation, Some(&ended.contexts), left, Some(built), store)?;
    session.warn();
    if invocation.answers_on_stdout {
        render::talk(&answer)?;
    } else {
        render::answer(&answer)?;
    }
    Ok(if ended.end == End::Succeeded { Status::Answered } else { Status::No })
}

fn written(format: Format, entry: &Entry, project: &Project, closing: &Closing<'_>) -> anyhow::Result<String> {
    Ok(match format {
        Format::Text => render::build::write(closing),
        Format::Json => json::write(&BuildView::new(&entry.id, &project.builder, closing))?,
    })
}

/// Tells what went wrong in the builder's own words.
fn tell_end(ended: &Ended, progress: &Progress, verbose: bool) -> anyhow::Result<()> {
    if ended.end != End::Succeeded || verbose {
        progress.explain_failure(&ended.observed, &ended.attribution);
    }
    if let Some(how) = unusual_end(ended) {
        progress.say(&how);
    }
    refuse_silence(ended)
}

/// What the build left in the engine's cache.
fn left_by(
    observation: &Observation,
    prediction: &Prediction,
    past: &Past,
    ended: &Ended,
    id: &str,
    store: &Store,
) -> anyhow::Result<Left> {
    let outcomes = building::outcomes(ended);
    let blurred = &ended.unsettled(observation);
    let key = store.secret_key()?;
    let after = (!blurred.is_empty()).then(|| observation.snapshot_with(&ended.contexts, &key));
    let succeeded = ended.end == End::Succeeded;
    let witnessed = Witnessed { outcomes: &outcomes, succeeded, blurred, after: after.as_ref(), is_cut: false };
    Ok(recording::record_witnessed(&observation.snapshot, prediction, &past.ledger, id, &witnessed))
}

/// What it left if it was made from the Dockerfile, the ignore files and the images as they are now, where they changed
/// while it began. Nobody knows of what BuildKit would refuse.
fn left_otherwise(
    args: &BuildArgs,
    requests: &[Request],
    past: &Past,
    ended: &Ended,
    store: &Store,
) -> Vec<StepRecord> {
    if !ended.doubt.is_of_another() {
        return Vec::new();
    }
    let requests = bases::taught(requests.to_vec(), past, ended.doubt.images.clone());
    let now =
        Project::open(&args.project).and_then(|project| observe(&project, &requests, store, || store.secret_key()));
    let steps = now.map(|now| now.snapshot.steps).unwrap_or_default();
    steps.into_iter().filter(|step| step.kind == StepKind::Step).map(|step| step.record).collect()
}

/// How docker ended, where that is not the exit status of every failed build.
fn unusual_end(ended: &Ended) -> Option<String> {
    let exit = ended.exit.filter(|_| ended.end == End::Failed)?;
    match (exit.signal(), exit.code()) {
        (Some(signal), _) => Some(format!("docker ended early: killed by signal {signal}")),
        (None, Some(code)) if code > 1 => Some(format!("docker ended with exit status {code}")),
        _ => None,
    }
}

/// What a build taught of the images it read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    /// Nothing that was not known.
    None,
    /// Enough to say anew what its steps are.
    Steps,
    /// That its steps read other files than was thought: of this build nobody can say what they are.
    OtherFiles,
}

/// The report with what was foreseen before anything was learned.
fn foretold(mut report: Built, before: &Built) -> Built {
    for step in &mut report.steps {
        let foreseen = before.steps.iter().find(|known| known.name == step.name && known.outcome == step.outcome);
        step.predicted = foreseen.and_then(|known| known.predicted);
    }
    report
}

/// A builder that failed without having begun anything was not there, or understood nothing.
fn refuse_silence(ended: &Ended) -> anyhow::Result<()> {
    if ended.end != End::Failed || !ended.observed.vertices().is_empty() {
        return Ok(());
    }
    let exit = ended.exit.map_or_else(String::new, |exit| format!(" ({exit})"));
    let fault = Fault::new(format!("the builder did not build{exit}"));
    Err(fault.with_hint("its own words stand above").into())
}
