//! What the user of a watch asks for, and what is typed for a build of some of the watched targets: what a plain build
//! would be typed with, and nothing that is another target's. Pure.

use std::time::Duration;

use crate::args::{Format, ImageArgs, ProjectArgs, targeted, unknown_to_keys};

/// What is asked for.
pub(crate) struct Wish {
    /// The project, and what would be built.
    pub(crate) project: ProjectArgs,
    /// What becomes of the images.
    pub(crate) image: ImageArgs,
    /// Whether the stages that no other stage reads are built, too.
    pub(crate) leaves: bool,
    /// Whether nothing is to be built.
    pub(crate) plan_only: bool,
    /// The most targets built side by side.
    pub(crate) jobs: Option<usize>,
    /// Whether a change that reaches the build at work stops it.
    pub(crate) restarts: bool,
    /// The quiet that ends a batch of changes; `None` for one that adapts.
    pub(crate) debounce: Option<Duration>,
    /// What is run after a build that succeeded.
    pub(crate) exec: Option<String>,
    /// How it is told.
    pub(crate) format: Format,
    /// Whether the output of all steps is shown.
    pub(crate) verbose: bool,
}

/// The watched targets, as far as command lines name them.
pub(super) struct Watched<'a> {
    /// With all of them as targets.
    pub(super) args: &'a ProjectArgs,
    /// How many they are.
    pub(super) n_targets: usize,
    /// The target of a build without `--target`.
    pub(super) default: &'a str,
}

impl Wish {
    /// Whether a build that found every step cached would do more than nothing: it would name, write or run something
    /// that is in no record.
    pub(super) fn has_effects(&self) -> bool {
        let ImageArgs { tag, load, push, output, cache_from: _, cache_to } = &self.image;
        let is_named = !tag.is_empty() || !output.is_empty() || !cache_to.is_empty() || *load || *push;
        is_named
            || self.exec.is_some()
            || !self.project.typed().label.is_empty()
            || !unknown_to_keys(self.project.rest()).is_empty()
    }

    /// What is typed for a build of these targets only.
    pub(super) fn narrowed(&self, wanted: &[String], watched: &Watched<'_>) -> (ProjectArgs, ImageArgs) {
        let is_plain = watched.n_targets == 1 && self.project.typed().target.is_empty();
        let args = if is_plain {
            self.project.clone()
        } else {
            watched.args.only(&wanted.iter().map(|stage| targeted(stage)).collect::<Vec<_>>())
        };
        let tags = self.image.tag.iter().filter_map(|tag| self.tag(tag, wanted, watched.default));
        (args, ImageArgs { tag: tags.collect(), ..self.image.clone() })
    }

    /// A name as it is given to a build of these targets; `None` if it is that of another one.
    fn tag(&self, tag: &str, wanted: &[String], default: &str) -> Option<String> {
        let is_wanted = |stage: &str| wanted.iter().any(|name| name.eq_ignore_ascii_case(stage));
        match tag.split_once('=') {
            Some((stage, _)) if !is_wanted(stage) => None,
            Some((_, name)) if wanted.len() == 1 => Some(name.to_owned()),
            Some(_) => Some(tag.to_owned()),
            // With --leaves a tag without a stage is that of the image that a plain build makes.
            None if !self.leaves => Some(tag.to_owned()),
            None if !is_wanted(default) => None,
            None if wanted.len() == 1 => Some(tag.to_owned()),
            None => Some(format!("{}={tag}", targeted(default))),
        }
    }
}
