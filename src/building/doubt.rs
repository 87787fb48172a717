//! What changed between the reading here and the engine's: files of a context, the Dockerfile, an ignore file, an image.
//! In go the build as observed before and what was seen since, out come the steps of which nobody can say what they read,
//! and what the user is told of it. Nothing is read or asked here.

use std::collections::{BTreeMap, BTreeSet};

use planner::image::{Image, ImageName};
use planner::recording::with_followers;
use planner::snapshot::StepKind;
use planner::unsettled::{changed, readers};

use crate::forecast::familiar;
use crate::observation::{Observation, ObservedContext};

/// What changed while a build began.
#[derive(Default)]
pub(crate) struct Doubt {
    /// The Dockerfile and the ignore files that were written since they were read.
    pub(crate) texts: BTreeSet<String>,
    /// The images that are others now.
    pub(crate) images: Vec<(ImageName, Image)>,
    /// Whether the engine told of nothing at all.
    pub(crate) is_unheard: bool,
}

impl Doubt {
    /// Whether the build may be another than the one that was observed.
    pub(crate) fn is_of_another(&self) -> bool {
        !self.texts.is_empty() || !self.images.is_empty()
    }

    /// The steps in doubt, with all that stand on them; `contexts` are as they were when the engine had received them.
    pub(crate) fn steps(
        &self,
        observation: &Observation,
        contexts: &BTreeMap<String, ObservedContext>,
    ) -> BTreeSet<usize> {
        let snapshot = &observation.snapshot;
        if self.is_unheard || !self.texts.is_empty() {
            return (0..snapshot.steps.len()).collect();
        }
        let is_moved = |kind: &StepKind| match kind {
            StepKind::Image { reference, .. } => self.images.iter().any(|(name, _)| name.reference == *reference),
            _ => false,
        };
        let images = snapshot.steps.iter().enumerate().filter(|(_, step)| is_moved(&step.kind));
        let mut doubted: BTreeSet<usize> = images.map(|(index, _)| index).collect();
        for (name, after) in contexts {
            let Some(before) = observation.contexts.get(name) else { continue };
            doubted.extend(readers(snapshot, name, &before.now, &after.now));
        }
        with_followers(snapshot, &doubted)
    }

    /// What changed, as far as a step reads it.
    pub(crate) fn changed(
        &self,
        observation: &Observation,
        contexts: &BTreeMap<String, ObservedContext>,
    ) -> Vec<String> {
        let mut all: Vec<String> = self.texts.iter().cloned().collect();
        all.extend(self.images.iter().map(|(name, _)| familiar(&name.reference).to_owned()));
        for (name, after) in contexts {
            let Some(before) = observation.contexts.get(name) else { continue };
            if !readers(&observation.snapshot, name, &before.now, &after.now).is_empty() {
                all.extend(changed(&before.now, &after.now).iter().map(|path| path.to_lossy()));
            }
        }
        all
    }
}
