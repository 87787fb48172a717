//! What the reader can do next: one hint for a whole report, the most pressing one, or none. In go the steps, out comes
//! one sentence.

use planner::cause::umask::Drift;
use planner::cause::{Cause, CauseKind};
use planner::explanation::{InstructionReport, Status};
use planner::prediction::Gap;

use crate::forecast::Forecast;
use crate::render::cause::is_ignorefile;
use crate::render::text;

/// The hint for a report of these steps.
pub(super) fn of(forecast: &Forecast, steps: &[(String, &InstructionReport)], drift: Option<Drift>) -> Option<String> {
    if forecast.gap == Some(Gap::NeverRecorded) {
        return Some(never_recorded().to_owned());
    }
    if forecast.gap.is_some() {
        return None;
    }
    let causes = || steps.iter().flat_map(|(_, step)| step.causes.iter().map(move |cause| (*step, cause)));
    let first = |kind| causes().find(|(_, cause)| cause.kind == kind);
    let missing = first(CauseKind::SourceMissing).and_then(|(_, cause)| missing(cause));
    let lost = || forecast.lost.then(|| lost().to_owned());
    let stale = || first(CauseKind::StaleSource).map(|(_, cause)| stale(cause));
    let remote = || {
        let is_add = |step: &InstructionReport| {
            let is_pinned = step.placed.text.split(' ').any(|word| word.starts_with("--checksum="));
            step.status == Status::Unknown && step.placed.keyword == "ADD" && !is_pinned
        };
        let found = causes().find(|(step, cause)| cause.kind == CauseKind::RemoteSource && is_add(step));
        found.map(|_| "a checksum makes it certain: `ADD --checksum=…`".to_owned())
    };
    missing.or_else(lost).or_else(stale).or_else(|| drift.map(umask)).or_else(remote).or_else(|| copied(causes()))
}

/// What to do where nothing is recorded.
pub(super) fn never_recorded() -> &'static str {
    "after a build, `stageplan record` takes the present state as built; `--since REV` compares with git"
}

/// What to do where recorded builds were lost.
pub(super) fn lost() -> &'static str {
    "recorded builds were lost; once the cache is pruned, delete the `.damaged-` files of the state folder"
}

fn missing(cause: &Cause) -> Option<String> {
    let path = cause.path.as_ref().map(text::path)?;
    is_ignorefile(cause).then(|| format!("a last line `!{path}` in the ignore file lets it in"))
}

fn stale(cause: &Cause) -> String {
    let path = cause.path.as_ref().map(text::path).unwrap_or_default();
    match cause.detail.as_deref() {
        Some("mode") => "`docker buildx prune --filter type=source.local` makes BuildKit read the mode anew".to_owned(),
        _ => format!("`touch {path}` makes BuildKit look: it goes by size and time of change"),
    }
}

/// Rights back as they were, and how they stay so. `COPY --chmod` would not help: BuildKit hashes the modes of the
/// sources all the same.
fn umask(drift: Drift) -> String {
    let (added, taken) = (drift.new & !drift.old, drift.old & !drift.new);
    let mut changes = Vec::new();
    for (who, shift) in [("g", 3), ("o", 0)] {
        let letters = |mask: u32, execute: char| {
            let letter = |bit: u32, letter: char| (mask >> shift & bit != 0).then_some(letter);
            [letter(4, 'r'), letter(2, 'w'), letter(1, execute)].into_iter().flatten().collect::<String>()
        };
        // What the new umask takes and the old one did not comes back, and the other way round.
        changes.extend(Some(letters(added, 'X')).filter(|letters| !letters.is_empty()).map(|l| format!("{who}+{l}")));
        changes.extend(Some(letters(taken, 'x')).filter(|letters| !letters.is_empty()).map(|l| format!("{who}-{l}")));
    }
    format!(
        "`chmod -R {} .` in the context gives the earlier modes back; check out under `umask {:03o}` to keep them",
        changes.join(","),
        drift.old
    )
}

/// A Dockerfile or an ignore file that is copied like any other file.
fn copied<'a>(causes: impl Iterator<Item = (&'a InstructionReport, &'a Cause)>) -> Option<String> {
    let is_own = |name: &[u8]| name == b"Dockerfile" || name.ends_with(b".dockerignore");
    let modified = causes.filter(|(_, cause)| cause.kind == CauseKind::FileModified);
    let path = modified.filter_map(|(_, cause)| cause.path.as_ref()).find(|path| is_own(path.as_bytes()))?;
    let name = text::path(path);
    Some(format!(
        "a line `{name}` in the ignore file keeps edits of it from running steps; builds read it all the same"
    ))
}

#[cfg(test)]
mod tests {
    use planner::cause::umask::Drift;

    #[test]
    fn the_earlier_modes_come_back() {
        for (old, new, command) in [
            (0o022, 0o002, "chmod -R g-w ."),
            (0o022, 0o077, "chmod -R g+rX,o+rX ."),
            (0o077, 0o022, "chmod -R g-rx,o-rx ."),
            (0o022, 0o027, "chmod -R o+rX ."),
            (0o002, 0o022, "chmod -R g+w ."),
        ] {
            assert!(super::umask(Drift { old, new }).contains(command), "{old:o} {new:o}");
        }
    }
}
