//! `stageplan.build/1`: one build, each step with what was predicted and what the engine did.

use planner::built::{BuiltStep, End, Source};
use planner::prediction::Verdict;
use serde::Serialize;

use crate::render::build::{Closing, disagreements};

/// The answer of `build --format json`, and of `history show`.
#[derive(Serialize)]
pub(crate) struct BuildView {
    schema: &'static str,
    id: String,
    builder: String,
    engine: String,
    source: &'static str,
    end: &'static str,
    seconds: f64,
    /// Whether nothing that was certain came out otherwise; `null` where nothing certain was predicted.
    agrees: Option<bool>,
    steps: Vec<StepView>,
    /// The engine's names of steps that could not be told to be ours.
    unattributed: Vec<String>,
    /// What changed while the build began; absent where nothing did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed: Vec<String>,
}

#[derive(Serialize)]
struct StepView {
    step: String,
    text: String,
    predicted: Option<&'static str>,
    observed: &'static str,
    /// `null` where nothing certain was predicted.
    agrees: Option<bool>,
    /// The most likely reason why it does not; absent where it only follows from another step that does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    seconds: f64,
    /// The seconds it took when it ran last before; `null` where it was never timed.
    expected_seconds: Option<f64>,
}

impl BuildView {
    /// The view of a build.
    pub(crate) fn new(id: &str, builder: &str, closing: &Closing<'_>) -> Self {
        let built = closing.built;
        let labels = closing.snapshot.step_labels();
        let disagreements = disagreements(closing);
        let reason = |step: &BuiltStep| {
            let found = disagreements.iter().find(|(wrong, _)| wrong.step == step.step);
            found.map(|(_, reason)| reason.clone())
        };
        let step = |step: &BuiltStep| StepView {
            step: step.name.clone(),
            text: labels.get(&step.step).map(|(_, text)| text.clone()).unwrap_or_default(),
            predicted: step.predicted.map(Verdict::name),
            observed: step.outcome.name(),
            agrees: step.agrees(),
            reason: reason(step),
            seconds: step.seconds,
            expected_seconds: closing.experience.seconds.get(&step.step).copied(),
        };
        Self {
            schema: "stageplan.build/1",
            id: id.to_owned(),
            builder: builder.to_owned(),
            engine: built.engine.clone(),
            source: source(built.source),
            end: end(built.end),
            seconds: built.seconds,
            agrees: built.agrees(),
            steps: built.steps.iter().map(step).collect(),
            unattributed: built.unattributed.clone(),
            changed: built.changed.clone(),
        }
    }
}

/// How a build came into the records.
pub(crate) fn source(source: Source) -> &'static str {
    match source {
        Source::Build => "build",
        Source::Import => "import",
    }
}

/// How a build ended.
pub(crate) fn end(end: End) -> &'static str {
    match end {
        End::Succeeded => "succeeded",
        End::Failed => "failed",
        End::Interrupted => "interrupted",
    }
}
