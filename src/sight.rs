//! What an answer begins with: the project, what is recorded, what is asked of the builder, and the project as that
//! builder will see it. A [`Look`] takes the engine for what it was, unless the flags say to ask; a [`Sight`], which a
//! build begins with, asks. Nothing is recorded here but what was found of the engine.

use planner::request::Request;

use crate::args::{EngineProfileName, ProjectArgs};
use crate::bases;
use crate::engine::identity::Engine;
use crate::engine::known::Asking;
use crate::observation::{Observation, observe, observe_anew};
use crate::past::{Builds, Past};
use crate::project::Project;
use crate::store::Store;

/// What an answer without a build begins with.
pub(crate) struct Look {
    /// The project.
    pub(crate) project: Project,
    /// What its builder has built.
    pub(crate) past: Past,
    /// What is asked of the builder.
    pub(crate) requests: Vec<Request>,
    /// The project as the builder will see it.
    pub(crate) observation: Observation,
}

impl Look {
    /// Looks at the project that the arguments name. `key` gives the key that seals what looks like a secret.
    ///
    /// # Errors
    /// If BuildKit would refuse the Dockerfile or the flags, or a file cannot be read.
    pub(crate) fn at(
        args: &ProjectArgs,
        store: &Store,
        key: fn(&Store) -> anyhow::Result<[u8; 32]>,
    ) -> anyhow::Result<Self> {
        let project = Project::open(args)?;
        let look = |builds: &Builds| {
            let profile = builds.profile(args.engine_profile, store, &project.id)?;
            let requests = bases::requests(&project, profile, builds, store)?;
            let observation = observe(&project, &requests, store, || key(store))?;
            Ok((requests, observation))
        };
        let (past, (requests, observation)) = Past::read_beside(store, &project.builder, look)?;
        Ok(Self { project, past, requests, observation })
    }
}

/// What a build begins with.
pub(crate) struct Sight {
    /// The engine.
    pub(crate) engine: Engine,
    /// What is asked of it.
    pub(crate) requests: Vec<Request>,
    /// The project as that engine will see it.
    pub(crate) observation: Observation,
}

impl Sight {
    /// Asks which engine the builder is, and looks at the project meanwhile: with what was `seen` of it a moment ago, if
    /// anything, or from the disk.
    ///
    /// # Errors
    /// If BuildKit would refuse the Dockerfile or the flags, a file cannot be read, or no engine answers.
    pub(crate) fn new(
        project: &Project,
        chosen: Option<EngineProfileName>,
        past: &Past,
        store: &Store,
        seen: Option<&Observation>,
    ) -> anyhow::Result<Self> {
        let look = |requests: &[Request]| match seen {
            Some(seen) => observe_anew(project, requests, store, seen),
            None => observe(project, requests, store, || store.keep_secret_key()),
        };
        let asking = Asking::begin(project.builder_flag(), store);
        let assumed = past.builds.profile(chosen, store, &project.id)?;
        let foreseen = bases::remembered(project, assumed.clone(), &past.builds)?;
        let observation = look(&foreseen)?;
        let engine = asking.answer(store)?;
        let profile = if project.has_chosen_rules { assumed } else { engine.profile.clone() };
        let requests =
            bases::looked_up(project, bases::remembered(project, profile, &past.builds)?, &engine, &past.builds, store);
        if requests == foreseen {
            return Ok(Self { engine, requests, observation });
        }
        let observation = look(&requests)?;
        Ok(Self { engine, requests, observation })
    }
}
