//! The words of a watch: what it is set on, contexts by name and single files elsewhere, and what it tells. Also what a
//! scan would do with one path of a watched context. No disk is looked at here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use planner::context::ContextPath;
use planner::ignorefile::{Ignorefile, State};
use planner::requested::{Requested, Want};

/// What to watch. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Contexts by the names they are told under; they may overlap.
    pub contexts: BTreeMap<String, Arc<Watched>>,
    /// Single files, in a context or not, there or not: the Dockerfile, ignore files. They are told as given here.
    pub files: BTreeSet<PathBuf>,
}

/// A context to be watched as far as a scan would enter it.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The folder.
    pub root: PathBuf,
    /// What is left out.
    pub ignorefile: Ignorefile,
    /// What is asked for.
    pub requested: Requested,
}

/// A place that something happened at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// A path in a context.
    Context {
        /// The name of the context.
        name: String,
        /// The path in it.
        path: ContextPath,
    },
    /// One of the single files.
    File(PathBuf),
}

/// What a watch tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WatchEvent {
    /// Something happened at this place, which is not ignored; whether a step asks for it is not asked. A file found in
    /// a new folder counts.
    Touched(Place),
    /// Anything may have happened, anywhere, the single files included.
    Rescan(Why),
    /// Not every folder can be watched: from now on rescans are asked for, see [`Why::Polled`].
    Polling(Shortage),
}

/// Why a rescan is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The system dropped events.
    Overflow,
    /// The root of a context, or a folder above it or above a single file, came, went or was replaced.
    Moved,
    /// It is time to look again, as not everything can be watched.
    Polled,
}

/// Why a folder cannot be watched.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Shortage {
    /// The user's watches are used up; `fs.inotify.max_user_watches` raises their number.
    #[error("all watches that the system allows are in use")]
    Watches,
    /// The user's watching programs are too many; `fs.inotify.max_user_instances` raises their number.
    #[error("as many programs watch files as the system allows")]
    Instances,
    /// Anything else, in the system's words.
    #[error("cannot watch: {0}")]
    Other(String),
}

impl Shortage {
    /// The kernel parameter that limits, if it is one.
    #[must_use]
    pub fn parameter(&self) -> Option<&'static str> {
        match self {
            Self::Watches => Some("fs.inotify.max_user_watches"),
            Self::Instances => Some("fs.inotify.max_user_instances"),
            Self::Other(_) => None,
        }
    }
}

/// What a scan does with a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Passage {
    /// It lies in a folder that is not entered, or is left out.
    Barred,
    /// It may matter; a folder is entered.
    Open,
}

impl Watched {
    /// What a scan does with the entry `path` of a folder in `state` that is entered. Where a pattern cannot be matched
    /// the scan fails and says so; nothing is barred by it.
    pub(crate) fn passage(&self, state: &State, path: &ContextPath, is_folder: bool) -> (Passage, State) {
        let Ok((decision, inner)) = self.ignorefile.decide(state, path.as_bytes()) else {
            return (Passage::Open, State::default());
        };
        let is_left_out = decision.is_ignored() && (!is_folder || self.ignorefile.can_skip(path.as_bytes()));
        let is_entered = !is_folder || self.requested.wants(path) != Want::No;
        (if is_left_out || !is_entered { Passage::Barred } else { Passage::Open }, inner)
    }

    /// The same from the root down, with the folders above the path.
    pub(crate) fn passage_from_root(&self, path: &ContextPath, is_folder: bool) -> (Passage, State) {
        let mut state = self.ignorefile.root();
        let mut above = ContextPath::root();
        let mut names = path.components().peekable();
        while let Some(name) = names.next() {
            above = above.join(name);
            let (passage, inner) = self.passage(&state, &above, is_folder || names.peek().is_some());
            if passage == Passage::Barred {
                return (Passage::Barred, inner);
            }
            state = inner;
        }
        (Passage::Open, state)
    }
}
