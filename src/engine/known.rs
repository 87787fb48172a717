//! Which engine a builder was found to be, kept so that docker need not be asked again: that takes longer than a small
//! build. A note holds as long as docker and buildx would choose the builder by the same settings, and the engine of this
//! machine says the same of itself. In go a builder's name and the store, out comes an engine.
//!
//! What decides the choice: docs.docker.com/reference/cli/docker (environment variables, config.json, contexts), and
//! store/store.go of docker/buildx.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use planner::digest::{ContentDigest, Hasher};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::identity::{Engine, identify};
use super::socket;
use crate::fault::Fault;
use crate::store::Store;

/// What was found of a builder.
#[derive(Serialize, Deserialize)]
struct Note {
    engine: Engine,
    /// What the engine says of itself.
    says: Value,
}

/// The question which engine a builder is.
pub(crate) struct Asking {
    builder: Option<String>,
    answer: Answer,
}

enum Answer {
    Known(Engine),
    OnItsWay(JoinHandle<anyhow::Result<Engine>>),
}

impl Asking {
    /// Looks whether the engine is known; else docker is asked, while the caller goes on. Without a name it is the
    /// builder that docker chooses.
    pub(crate) fn begin(builder: Option<String>, store: &Store) -> Self {
        if let Some(engine) = known(builder.as_deref(), store) {
            return Self { builder, answer: Answer::Known(engine) };
        }
        let asked = builder.clone();
        let answer = Answer::OnItsWay(thread::spawn(move || identify(asked.as_deref())));
        Self { builder, answer }
    }

    /// Whether nobody has to wait for the answer.
    pub(crate) fn is_answered(&self) -> bool {
        match &self.answer {
            Answer::Known(_) => true,
            Answer::OnItsWay(asked) => asked.is_finished(),
        }
    }

    /// Waits for the answer, and keeps it.
    ///
    /// # Errors
    /// If no engine answers.
    pub(crate) fn answer(self, store: &Store) -> anyhow::Result<Engine> {
        match self.answer {
            Answer::Known(engine) => Ok(engine),
            Answer::OnItsWay(asked) => {
                let engine = asked.join().map_err(|_| Fault::new("docker could not be asked"))??;
                keep(self.builder.as_deref(), &engine, store);
                Ok(engine)
            }
        }
    }
}

fn known(builder: Option<&str>, store: &Store) -> Option<Engine> {
    let note = store.engine_note(&choice(builder)?)?;
    let note: Note = serde_json::from_slice(&note).ok()?;
    (note.says == says()?).then_some(note.engine)
}

/// Keeps what docker said, where it can be told later whether that still holds.
fn keep(builder: Option<&str>, engine: &Engine, store: &Store) {
    // Another context's engine, or a BuildKit by itself, does not listen on the socket.
    if engine.context.is_some() || !engine.is_dockers_own() {
        return;
    }
    let note = says().map(|says| Note { engine: engine.clone(), says }).and_then(|note| serde_json::to_vec(&note).ok());
    if let Some((choice, note)) = choice(builder).zip(note) {
        store.keep_engine_note(&choice, &note);
    }
}

/// What the engine of this machine says that decides how it is named, and by which rules it goes.
fn says() -> Option<Value> {
    let mut info = socket::get("/info")?;
    let parts = ["ID", "ServerVersion", "DriverStatus"].map(|name| info.get_mut(name).map(Value::take));
    parts.iter().all(Option::is_some).then(|| Value::Array(parts.into_iter().flatten().collect()))
}

/// The digest of everything by which docker and buildx choose an engine.
fn choice(builder: Option<&str>) -> Option<ContentDigest> {
    let mut hasher = Hasher::new("choice of an engine");
    hasher.text(builder.unwrap_or_default());
    for name in ["BUILDX_BUILDER", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "BUILDX_CONFIG", "PATH"] {
        hasher.text(name).field(env::var_os(name).unwrap_or_default().as_encoded_bytes());
    }
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let docker = set("DOCKER_CONFIG").or_else(|| Some(set("HOME")?.join(".docker")))?;
    let buildx = set("BUILDX_CONFIG").unwrap_or_else(|| docker.join("buildx"));
    file(&docker.join("config.json"), &mut hasher);
    for name in ["current", "defaults", "instances"] {
        tree(&buildx.join(name), &mut hasher);
    }
    Some(hasher.finish())
}

/// A file, or all files of a folder.
fn tree(path: &Path, hasher: &mut Hasher) {
    let Ok(entries) = fs::read_dir(path) else { return file(path, hasher) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.iter().for_each(|path| file(path, hasher));
}

/// A file's name and bytes; one that is not there is one without bytes.
fn file(path: &Path, hasher: &mut Hasher) {
    hasher.field(path.as_os_str().as_encoded_bytes()).field(&fs::read(path).unwrap_or_default());
}
