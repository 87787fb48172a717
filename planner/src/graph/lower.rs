//! A Dockerfile and a request to a [`BuildGraph`]: stages that the target does not need are dropped,
//! variables are expanded once at their place, and each instruction is told which vertices it became. The
//! rules are those of frontend/dockerfile/dockerfile2llb.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::blame::{place_of, placed};
pub use super::site::MAIN_CONTEXT;
use super::site::{Builder, Lowering, Site, base};
use super::stage_state::{StageState, clean};
use super::stages::{Expansion, Resolved, Stages, trigger};
use super::{BuildGraph, FileAction, Op, Owner, Placed, StageGraph, TargetGraph, Vertex, reference};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::text::Text;
use crate::dockerfile::{ArgDeclaration, Command, Dockerfile, Pair};
use crate::engine_profile::EngineProfile;
use crate::image::{Image, ImageConfig, ImageName};
use crate::request::{NoCache, Request};

/// Lowers the targets of a plan into one graph. The graph is whole unless a diagnostic is an error.
#[must_use]
pub fn lower(targets: &[(&Dockerfile, &Request)], profile: &EngineProfile) -> (BuildGraph, Vec<Diagnostic>) {
    let mut builder = Builder::default();
    let mut lowered = Vec::new();
    let mut diagnostics = Vec::new();
    for (dockerfile, request) in targets {
        match lower_target(dockerfile, request, &mut builder) {
            Ok(target) => lowered.push(target),
            Err(diagnostic) => diagnostics.push(placed(diagnostic, dockerfile)),
        }
    }
    (BuildGraph { graph: builder.graph, targets: lowered, profile: profile.clone() }, diagnostics)
}

fn lower_target(dockerfile: &Dockerfile, request: &Request, builder: &mut Builder) -> Result<TargetGraph, Diagnostic> {
    let globals = global_scope(dockerfile, request)?;
    let mut stages = Stages::resolve(dockerfile, request, &globals)?;
    let target = stages.target(request.stage.as_deref())?;
    hand_down_image_triggers(&mut stages, request)?;
    let reached = stages.reach(target)?;
    let epoch = epoch(request, &globals)?;
    let mut lowering = Lowering {
        dockerfile,
        request,
        globals,
        stages: &stages,
        reached: &reached,
        builder,
        epoch,
        finished: BTreeMap::new(),
        requested: BTreeMap::new(),
    };
    let mut graphs = Vec::new();
    for (index, stage) in stages.list.iter().enumerate() {
        graphs.push(lowering.stage(index, stage)?);
    }
    Ok(TargetGraph {
        name: request.name.clone(),
        stage: target,
        result: graphs[target].result,
        stages: graphs,
        preamble: dockerfile.preamble().iter().map(|one| Arc::new(Placed::new(one, dockerfile, false))).collect(),
        requested: lowering.requested,
    })
}

/// The variables that `FROM` and a re-declaring `ARG` see.
fn global_scope(dockerfile: &Dockerfile, request: &Request) -> Result<BTreeMap<String, String>, Diagnostic> {
    let stage = request
        .stage
        .clone()
        .or_else(|| dockerfile.stages.last().and_then(|stage| stage.name.as_ref().map(String::from)));
    let mut globals = platform_args(request);
    if request.profile.names_target() {
        globals.insert("TARGETSTAGE".to_owned(), stage.unwrap_or_else(|| "default".to_owned()));
    }
    for (name, value) in &mut globals {
        if let Some(given) = request.build_args.get(name) {
            value.clone_from(given);
        }
    }
    let expansion = Expansion::new(dockerfile.escape);
    for instruction in dockerfile.preamble() {
        let Command::Arg(declarations) = &instruction.command else { continue };
        for ArgDeclaration { name, default } in declarations {
            let value = match (request.build_args.get(name.as_str()), default) {
                (Some(given), _) => given.clone(),
                (None, Some(default)) => expansion.word(default, &globals).map_err(|error| {
                    let place = place_of(instruction, &dockerfile.text, default);
                    Diagnostic::error(error, Some(instruction.line), Some(place))
                })?,
                (None, None) => continue,
            };
            globals.insert(name.to_string(), value);
        }
    }
    Ok(globals)
}

fn platform_args(request: &Request) -> BTreeMap<String, String> {
    let mut args = BTreeMap::new();
    for (prefix, platform) in [("BUILD", request.build_platform.as_str()), ("TARGET", request.target_platform())] {
        let mut parts = platform.splitn(3, '/');
        args.insert(format!("{prefix}PLATFORM"), platform.to_owned());
        for name in ["OS", "ARCH", "VARIANT"] {
            args.insert(format!("{prefix}{name}"), parts.next().unwrap_or_default().to_owned());
        }
        args.insert(format!("{prefix}OSVERSION"), String::new());
    }
    args
}

/// `SOURCE_DATE_EPOCH` as a build argument or a global `ARG`, in seconds, where it dates what is made. What is no time is
/// refused by all engines.
fn epoch(request: &Request, globals: &BTreeMap<String, String>) -> Result<Option<i64>, Diagnostic> {
    let name = "SOURCE_DATE_EPOCH";
    match request.build_args.get(name).or_else(|| globals.get(name)).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => value.parse().map(|seconds| request.profile.dates_workdirs().then_some(seconds)).map_err(|_| {
            Diagnostic::error(format!("invalid SOURCE_DATE_EPOCH: {value}"), None, None)
                .with_hint("give it as whole seconds since 1970")
        }),
    }
}

fn hand_down_image_triggers(stages: &mut Stages<'_>, request: &Request) -> Result<(), Diagnostic> {
    for index in 0..stages.list.len() {
        let stage = &stages.list[index];
        if stage.base_stage.is_some() || stage.replaced_by.is_some() {
            continue;
        }
        let platform = stage.platform.as_deref().unwrap_or(request.target_platform()).to_owned();
        let name = reference::normalize(&stage.base).ok().map(|reference| ImageName { reference, platform });
        let known = name.and_then(|name| request.images.get(&name)?.config.as_ref());
        let Some(config) = known else { continue };
        let line = stage.stage.line;
        let triggers: Result<Vec<_>, _> = config.onbuild.iter().map(|text| trigger(text, line)).collect();
        stages.add_triggers(index, triggers?)?;
    }
    Ok(())
}

/// What a stage upon an image begins with; of an unknown one the plainest is assumed.
fn config(image: Image) -> ImageConfig {
    image.config.unwrap_or_default()
}

impl Lowering<'_> {
    fn stage(&mut self, index: usize, stage: &Resolved<'_>) -> Result<StageGraph, Diagnostic> {
        let used = self.reached.contains(&index) && stage.replaced_by.is_none();
        let own = self.dockerfile.body(stage.stage);
        let from = &self.dockerfile.instructions[stage.stage.from];
        let mut instructions = vec![Arc::new(Placed::new(from, self.dockerfile, false))];
        let mut graph = StageGraph {
            name: stage.stage.name.as_ref().map(String::from),
            base: stage.base.clone(),
            base_stage: stage.base_stage,
            replaced_base: stage.base_stage.is_none() && self.replacement(&stage.base).is_some(),
            used,
            instructions: Vec::new(),
            result: None,
        };
        if self.reached.contains(&index) {
            let mut state = self.start(index, stage)?;
            for (instruction, trigger) in stage.triggers.iter().map(|t| (t, true)).chain(own.iter().map(|i| (i, false)))
            {
                let mut placed = Placed::new(instruction, self.dockerfile, trigger);
                if used {
                    let ignore_cache = self.ignores_cache(stage);
                    let escape = self.dockerfile.escape;
                    let site = Site {
                        instruction,
                        text: (!trigger).then_some(self.dockerfile.text.as_str()),
                        stage: index,
                        state: &mut state,
                        placed: &mut placed,
                        ignore_cache,
                        escape,
                    };
                    self.dispatch(site)?;
                }
                instructions.push(Arc::new(placed));
            }
            graph.result = state.vertex;
            self.finished.insert(index, state);
        } else {
            instructions.extend(own.iter().map(|one| Arc::new(Placed::new(one, self.dockerfile, false))));
        }
        graph.instructions = instructions;
        Ok(graph)
    }

    fn ignores_cache(&self, stage: &Resolved<'_>) -> bool {
        match &self.request.no_cache {
            NoCache::None => false,
            NoCache::All => true,
            NoCache::Stages(names) => {
                stage.stage.name.as_ref().is_some_and(|name| names.iter().any(|named| *name == **named))
            }
        }
    }

    /// The state a stage begins with.
    fn start(&mut self, index: usize, stage: &Resolved<'_>) -> Result<StageState, Diagnostic> {
        let platform = stage.platform.as_deref().unwrap_or(self.request.target_platform()).to_owned();
        let line = stage.stage.line;
        let at = |message: String| Diagnostic::error(message, Some(line), None);
        if let (Some(context), Some(name)) = (stage.replaced_by, &stage.stage.name) {
            let (vertex, image) = self.named_context(name, context, &platform).map_err(at)?;
            return Ok(StageState::on_image(Some(vertex), &config(image), &platform));
        }
        if let Some(base) = stage.base_stage {
            return self
                .finished
                .get(&base)
                .cloned()
                .ok_or_else(|| at(format!("circular dependency detected on stage: {}", stage.display_name(index))));
        }
        if stage.base == "scratch" {
            return Ok(StageState::on_image(None, &ImageConfig::default(), self.request.target_platform()));
        }
        let (vertex, image) = self
            .image(&stage.base, &platform)
            .map_err(|error| at(format!("failed to parse stage name {:?}: {error}", stage.base)))?;
        Ok(StageState::on_image(Some(vertex), &config(image), &platform))
    }

    fn dispatch(&mut self, mut site: Site<'_>) -> Result<(), Diagnostic> {
        match &site.instruction.command {
            Command::Run(run) => self.run(&mut site, run),
            Command::Copy(copy) => self.copy(&mut site, copy),
            Command::Add(add) => self.add(&mut site, add),
            Command::Workdir(path) => self.workdir(&mut site, path),
            Command::Env(pairs) => env(&mut site, pairs),
            Command::Arg(declarations) => self.arg(&mut site, declarations),
            Command::User(user) => {
                site.state.user = site.expand(user)?;
                Ok(())
            }
            Command::Shell(words) => {
                site.state.shell = words.iter().map(String::from).collect();
                Ok(())
            }
            command => only_expand(&mut site, command),
        }
    }

    fn workdir(&mut self, site: &mut Site<'_>, path: &str) -> Result<(), Diagnostic> {
        let path = site.expand(path)?;
        site.state.change_workdir(&path);
        let folder = clean(&site.state.workdir);
        // `/` alone makes no layer; `//` or `/.` do.
        if site.state.workdir == "/" {
            return Ok(());
        }
        let owner = (!site.state.user.is_empty()).then(|| Owner::parse(&site.state.user));
        let action = FileAction::Mkdir { path: folder, mode: 0o755, owner, timestamp: self.epoch };
        let vertex = Vertex { op: Op::File(vec![action]), inputs: base(site.state.vertex), ignore_cache: false };
        site.finish(self.builder.add(vertex));
        Ok(())
    }

    fn arg(&mut self, site: &mut Site<'_>, declarations: &[ArgDeclaration]) -> Result<(), Diagnostic> {
        for ArgDeclaration { name, default } in declarations {
            let value = match (self.request.build_args.get(name.as_str()), default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(site.expand(default)?),
                (None, None) => self.globals.get(name.as_str()).cloned(),
            };
            let is_for_the_builder = matches!(name.as_str(), "BUILDKIT_SBOM_SCAN_CONTEXT" | "BUILDKIT_SBOM_SCAN_STAGE");
            if let Some(value) = value.filter(|_| !is_for_the_builder) {
                site.state.set(name, &value, true);
            }
        }
        Ok(())
    }
}

fn env(site: &mut Site<'_>, pairs: &[Pair]) -> Result<(), Diagnostic> {
    let mut expanded = Vec::new();
    for pair in pairs {
        expanded.push((site.expand(&pair.name)?, site.expand(&pair.value)?));
    }
    for (name, value) in expanded {
        site.state.set(&name, &value, false);
    }
    Ok(())
}

/// Instructions that make no step and change no key; BuildKit still refuses what it can't expand.
fn only_expand(site: &mut Site<'_>, command: &Command) -> Result<(), Diagnostic> {
    let words: Vec<&Text> = match command {
        Command::Label(pairs) => pairs.iter().flat_map(|pair| [&pair.name, &pair.value]).collect(),
        Command::Expose(words) | Command::Volume(words) => words.iter().collect(),
        Command::StopSignal(word) => vec![word],
        _ => Vec::new(),
    };
    for word in words {
        let expanded = site.expand(word)?;
        if expanded.is_empty() && matches!(command, Command::Volume(_)) {
            return Err(site.error_at(word, "VOLUME specified can not be an empty string"));
        }
    }
    site.placed.variables.clear();
    Ok(())
}
