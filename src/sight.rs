//! What a build begins with: the engine, what is asked of it, and the project as it will see it. In go a project and
//! the records. Where docker has to be asked which engine it is, the project is read meanwhile. Nothing is recorded here.

use std::thread;

use planner::request::Request;

use crate::args::EngineProfileName;
use crate::bases;
use crate::engine::identity::{Engine, identify};
use crate::engine::known;
use crate::fault::Fault;
use crate::forecast::Past;
use crate::observation::{Observation, observe};
use crate::project::Project;
use crate::store::Store;

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
    /// Asks which engine the builder is, and looks at the project.
    ///
    /// # Errors
    /// If BuildKit would refuse the Dockerfile or the flags, a file cannot be read, or no engine answers.
    pub(crate) fn new(
        project: &Project,
        chosen: Option<EngineProfileName>,
        past: &Past,
        store: &Store,
    ) -> anyhow::Result<Self> {
        let builder = project.builder_flag();
        let known = known::known(builder.as_deref(), store);
        let asked = known.is_none().then(|| {
            let builder = builder.clone();
            thread::spawn(move || identify(builder.as_deref()))
        });
        let assumed = past.profile(chosen, store, &project.id)?;
        let foreseen = bases::remembered(project, assumed.clone(), past)?;
        let observation = observe(project, &foreseen, store, || store.keep_secret_key())?;
        let engine = match (known, asked) {
            (Some(engine), _) => engine,
            (None, None) => identify(builder.as_deref())?,
            (None, Some(asked)) => {
                let engine = asked.join().map_err(|_| Fault::new("docker could not be asked"))??;
                known::keep(builder.as_deref(), &engine, store);
                engine
            }
        };
        let profile = if project.has_chosen_rules { assumed } else { engine.profile.clone() };
        let requests = bases::looked_up(project, bases::remembered(project, profile, past)?, &engine, past, store);
        if requests == foreseen {
            return Ok(Self { engine, requests, observation });
        }
        let observation = observe(project, &requests, store, || store.keep_secret_key())?;
        Ok(Self { engine, requests, observation })
    }
}
