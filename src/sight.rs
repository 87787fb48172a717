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
use crate::observation::{Observation, images_read, observe};
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
    asked: Asked,
}

/// Docker's own answer.
enum Asked {
    /// It is known.
    Told,
    /// It is to be asked, about that builder.
    Later(Option<String>),
    /// It is waited for.
    Now(JoinHandle<anyhow::Result<Engine>>),
}

impl Asked {
    fn answer(self) -> anyhow::Result<Engine> {
        match self {
            Self::Now(answer) => answer.join().map_err(|_| Fault::new("docker could not be asked"))?,
            Self::Later(builder) => identify(builder.as_deref()),
            Self::Told => Err(Fault::new("docker has answered already").into()),
        }
    }
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
        let rules = past.profile(chosen, store, &project.id)?;
        let foreseen = bases::remembered(project, rules.clone(), past)?;
        let last = engine_before(store, past.of_project(&project.id))?;
        let is_asked_for = project.lookup != Lookup::Nobody || project.has_chosen_rules;
        let assumed = last
            .filter(|_| !is_asked_for)
            .and_then(|name| Engine::remembered(name, &rules, project.builder_flag().as_deref()));
        let asked = if assumed.is_some() { Asked::Later(project.builder_flag()) } else { ask(project.builder_flag()) };
        let near = assumed.as_ref().map(|engine| Near::ask(images_read(project, &foreseen), engine));
        let observation = observe(project, &foreseen, store, || store.keep_secret_key())?;
        let (engine, asked) = match assumed {
            Some(engine) => (engine, asked),
            None => (asked.answer()?, Asked::Told),
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

    /// Asks docker which engine it is, where that is only assumed: the build has begun, and need not wait.
    pub(crate) fn ask(&mut self) {
        if let Asked::Later(builder) = &mut self.asked {
            self.asked = ask(builder.take());
        }
    }

    /// Waits for what docker says of the engine. Whether it follows other rules than those that were assumed; the
    /// requests then are by its own.
    ///
    /// # Errors
    /// If no engine answered.
    pub(crate) fn settle(&mut self) -> anyhow::Result<bool> {
        let asked = std::mem::replace(&mut self.asked, Asked::Told);
        if matches!(asked, Asked::Told) {
            return Ok(false);
        }
        let assumed = std::mem::replace(&mut self.engine, asked.answer()?);
        for request in &mut self.requests {
            request.profile = self.engine.profile.clone();
        }
        Ok(assumed.profile != self.engine.profile)
    }
}

fn ask(builder: Option<String>) -> Asked {
    Asked::Now(thread::spawn(move || identify(builder.as_deref())))
}
