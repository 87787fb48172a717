//! What a build begins with: the engine, what is asked of it, and the project as it will see it. In go a project and
//! the records. Docker takes longer to tell what it is than a small build takes, so the engine of the last build is
//! assumed where there is one, and docker's answer is waited for when the build is over. Nothing is recorded here.

use std::thread::{self, JoinHandle};

use planner::request::Request;

use crate::args::EngineProfileName;
use crate::bases::{self, Near};
use crate::engine::identity::{Engine, identify};
use crate::fault::Fault;
use crate::forecast::{Past, engine_before};
use crate::observation::{Observation, observe};
use crate::project::{Lookup, Project};
use crate::store::Store;

/// What a build begins with.
pub(crate) struct Sight {
    /// The engine, as far as is known yet.
    pub(crate) engine: Engine,
    /// What is asked of it.
    pub(crate) requests: Vec<Request>,
    /// The project as that engine will see it.
    pub(crate) observation: Observation,
    /// Docker's own answer, where it is still waited for.
    asked: Option<JoinHandle<anyhow::Result<Engine>>>,
}

impl Sight {
    /// Looks at the project, as the engine of the last build would see it, or as the builder's own where none is known.
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
        let asked = thread::spawn(move || identify(builder.as_deref()));
        let rules = past.profile(chosen, store, &project.id)?;
        let foreseen = bases::remembered(project, rules.clone(), past)?;
        let last = engine_before(store, past.of_project(&project.id))?;
        let is_asked_for = project.lookup != Lookup::Nobody || project.has_chosen_rules;
        let assumed = last
            .filter(|_| !is_asked_for)
            .and_then(|name| Engine::remembered(name, &rules, project.builder_flag().as_deref()));
        let near = assumed.as_ref().map(|engine| Near::ask(project, &foreseen, engine));
        let observation = observe(project, &foreseen, store, || store.keep_secret_key())?;
        let (engine, asked) = match assumed {
            Some(engine) => (engine, Some(asked)),
            None => (told(asked)?, None),
        };
        let profile = if project.has_chosen_rules { rules } else { engine.profile.clone() };
        let near = near.map(Near::answers).unwrap_or_default();
        let requests = bases::remembered(project, profile, past)?;
        let requests = bases::looked_up(project, requests, &engine, near, past, store);
        if requests == foreseen {
            return Ok(Self { engine, requests, observation, asked });
        }
        let observation = observe(project, &requests, store, || store.keep_secret_key())?;
        Ok(Self { engine, requests, observation, asked })
    }

    /// Waits for what docker says of the engine. Whether it follows other rules than those that were assumed; the
    /// requests then are by its own.
    ///
    /// # Errors
    /// If no engine answered.
    pub(crate) fn settle(&mut self) -> anyhow::Result<bool> {
        let Some(asked) = self.asked.take() else { return Ok(false) };
        let assumed = std::mem::replace(&mut self.engine, told(asked)?);
        for request in &mut self.requests {
            request.profile = self.engine.profile.clone();
        }
        Ok(assumed.profile != self.engine.profile)
    }
}

fn told(asked: JoinHandle<anyhow::Result<Engine>>) -> anyhow::Result<Engine> {
    asked.join().map_err(|_| Fault::new("docker could not be asked"))?
}
