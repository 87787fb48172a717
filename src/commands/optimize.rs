//! `optimize`: what a careful reviewer would say about the order of a Dockerfile's steps, with edits; `--write` applies
//! those that certainly make the same images.

use std::collections::BTreeSet;

use anyhow::Context as _;
use clap::Args;
use planner::context::ContextPath;
use planner::known_command::visible::Manifests;
use planner::request::Request;
use planner::rules;
use planner::steps::Surroundings;
use planner::suggestion::{Facts, Suggestion, silence};

use super::Session;
use crate::Status;
use crate::args::{Format, OutputArgs, ProjectArgs};
use crate::bases;
use crate::config;
use crate::fault::Fault;
use crate::git::Repository;
use crate::manifests;
use crate::observation::{read_dockerfile, whole_context};
use crate::past::Past;
use crate::project::Project;
use crate::render;
use crate::render::json::{self, OptimizeView};
use crate::render::optimize::{self, OptimizeReport};
use crate::rewriting;
use crate::yardstick::{Priced, Yardstick};

/// What `--help` ends with.
const EXAMPLES: &str = "\
Examples:
  stageplan optimize
      What to change and why, each as a diff
  stageplan optimize --write
      Apply what certainly makes the same images
  stageplan optimize --format json
      The same for programs
  stageplan optimize --check --ignore early-variable
      In CI: exit with 1 if something could be applied, one rule left out
";

/// Suggest a better order of the steps of a Dockerfile
///
/// Reads the Dockerfile and the build context as a careful reviewer would: are sources copied above the install that does
/// not need them, is output, are variables declared too early, is something installed twice? A suggestion is safe if
/// every command certainly sees what it reads and the images are the same; all others are for you to review. A comment
/// `# stageplan ignore=RULE` right above an instruction, or above the FROM of its stage, silences a rule there; a file
/// `stageplan.toml` in the context, or above it in the repository, with `ignore = ["RULE"]` under `[optimize]` silences it
/// everywhere.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct OptimizeArgs {
    #[command(flatten)]
    project: ProjectArgs,

    #[command(flatten)]
    output: OutputArgs,

    /// Show each suggestion as a diff; this is the default, with --check too
    #[arg(long, conflicts_with = "write")]
    diff: bool,

    /// Apply the safe suggestions to the Dockerfile
    #[arg(long, conflicts_with = "check")]
    write: bool,

    /// Exit with 1 if there is a safe suggestion
    #[arg(long)]
    check: bool,

    /// Leave a rule out, beside those that `stageplan.toml` names
    #[arg(long, value_name = "RULE", value_parser = clap::builder::PossibleValuesParser::new(rules::names()),
          hide_possible_values = true)]
    ignore: Vec<String>,

    /// Replay so many commits to say what is saved; 0 for none
    #[arg(long, value_name = "N", default_value_t = 200)]
    commits: u32,
}

pub(super) fn run(args: &OptimizeArgs, session: &Session) -> anyhow::Result<Status> {
    let project = Project::open(&args.project)?;
    let source = project.dockerfile()?;
    let ignored = ignored(args, &project)?;
    let store = &session.store;
    let past = Past::read(store, &project.builder)?;
    let profile = past.builds.profile(args.project.engine_profile, store, &project.id)?;
    let requests = bases::requests(&project, profile, &past.builds, store)?;
    let request = request(&project, &requests)?;
    let context = whole_context(&project, store)?.now.context;
    let manifests = manifests::read(&project.context.root, &context);
    let own = project.context.below(&source.shown);
    let untracked = untracked(&project, own.as_ref(), &manifests);
    let around = Surroundings {
        request: &request,
        context: &context,
        manifests: &manifests,
        dockerfile: own.as_ref(),
        untracked: &untracked,
    };
    let facts = Facts::read(&source.bytes, around).map_err(|refusal| Fault::new(refusal.message))?;
    warn_of_unknown_rules(&facts);
    session.warn();
    let is_wanted = |one: &Suggestion| !ignored.iter().any(|rule| rule == one.rule);
    let suggestions: Vec<Suggestion> = rules::suggest(&facts).into_iter().filter(is_wanted).collect();
    let (dockerfile, shown_context) = project.shown();
    let mut report = OptimizeReport {
        dockerfile,
        context: shown_context,
        text: facts.text().to_owned(),
        suggestions: suggestions.into_iter().map(Priced::from).collect(),
        written: None,
        savings: None,
        no_history: None,
    };
    let yardstick = (args.commits > 0 && !report.suggestions.is_empty())
        .then(|| Yardstick::new(&project, &requests, &past, store, args.commits as usize));
    match yardstick {
        Some(Ok(yardstick)) => {
            let savings = yardstick.price_all(facts.text(), &mut report.suggestions, around, &is_wanted);
            report.savings = savings.map_err(|refusal| Fault::new(refusal.message))?;
        }
        Some(Err(error)) => report.no_history = Some(render::told(&error)),
        None => {}
    }
    if args.write {
        let rewritten = rules::rewrite(&source.bytes, around, &is_wanted)
            .map_err(|refusal| Fault::new(refusal.message))
            .context("cannot apply the suggestions")?;
        if !rewritten.applied.is_empty() {
            rewriting::rewrite(source, &rewritten.text)?;
        }
        report.remain(&rewritten, around, &is_wanted);
    }
    let answer = match args.output.format {
        Format::Text => optimize::write(&report, args.output.verbose),
        Format::Json => json::write(&OptimizeView::from(&report))?,
    };
    render::answer(&answer)?;
    Ok(if args.check && report.n_safe() > 0 { Status::No } else { Status::Answered })
}

/// The rules that are left out, by the project's file and in this run.
fn ignored(args: &OptimizeArgs, project: &Project) -> anyhow::Result<Vec<String>> {
    let known: Vec<&str> = rules::names().collect();
    let mut ignored = config::ignored_rules(&project.context.root, project.context.top(), &known)?;
    ignored.extend(args.ignore.iter().cloned());
    Ok(ignored)
}

/// What is asked of the builder, under the rules of the frontend that the Dockerfile asks for.
fn request(project: &Project, requests: &[Request]) -> anyhow::Result<Request> {
    let source = project.dockerfile()?;
    let reading = read_dockerfile(&source.bytes, &source.shown.display().to_string(), requests)?;
    if let Some(image) = reading.unknown_frontend {
        let fault = Fault::new(format!("nothing is known of the frontend `{image}`, so nothing can be suggested"));
        return Err(fault.with_hint("the rules hold for `# syntax=docker/dockerfile:1`").into());
    }
    render::warn_of(&reading.warnings);
    let request = requests.first().cloned().context("nothing is asked for")?;
    Ok(Request { profile: reading.graph.profile.clone(), ..request })
}

/// Manifests that the repository of a tracked Dockerfile does not hold; none where git cannot say.
fn untracked(project: &Project, dockerfile: Option<&ContextPath>, manifests: &Manifests) -> BTreeSet<ContextPath> {
    let root = &project.context.root;
    let (Some(dockerfile), Ok(repository)) = (dockerfile, Repository::of(root)) else { return BTreeSet::new() };
    let Some(folder) = repository.below(root) else { return BTreeSet::new() };
    let paths: Vec<ContextPath> = manifests.keys().chain([dockerfile]).map(|path| folder.append(path)).collect();
    let found = repository.untracked(&paths).unwrap_or_default();
    let found: BTreeSet<ContextPath> = found.iter().filter_map(|path| path.strip(&folder)).collect();
    if found.contains(dockerfile) { BTreeSet::new() } else { found }
}

/// Tells of comments that silence a rule nobody knows.
fn warn_of_unknown_rules(facts: &Facts<'_>) {
    let known: BTreeSet<&str> = rules::names().collect();
    for (line, rule) in silence::named(facts).iter().filter(|(_, rule)| !known.contains(rule.as_str())) {
        render::warn(&format!("the comment in line {line} silences `{rule}`, which is no rule"));
    }
}
