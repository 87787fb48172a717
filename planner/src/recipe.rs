//! What decides what a target becomes, in one digest: the keys of the steps it stands on, and the instructions that only
//! write its image's configuration. Two builds of equal recipes make the same image from the cache; a comment, a stage
//! that the target does not need, or a file that nothing copies is in none. Remote sources are in it by their address.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::digest::{ContentDigest, Hasher};
use crate::graph::{Placed, TargetGraph};
use crate::snapshot::Snapshot;

/// The digest of what a target of the snapshot is made of.
#[must_use]
pub fn recipe(snapshot: &Snapshot, target: &TargetGraph) -> ContentDigest {
    let mut hasher = Hasher::new("recipe");
    // Beside other targets the steps of this one stand in another order.
    let steps = steps(snapshot, target);
    let keys: BTreeSet<_> = steps.iter().filter_map(|step| Some(&snapshot.steps.get(*step)?.record.key)).collect();
    hasher.number(keys.len() as u64);
    for key in keys {
        hasher.digest(key);
    }
    for placed in configuring(target) {
        hasher.text(&placed.text).text(&placed.body);
        for (name, used) in &placed.variables {
            hasher.text(name).text(&used.value);
        }
    }
    hasher.finish()
}

/// The steps that a target needs, sources included, by their index in the snapshot.
#[must_use]
pub fn steps(snapshot: &Snapshot, target: &TargetGraph) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    let mut open: Vec<usize> = target.result.map(|result| result.index()).into_iter().collect();
    while let Some(step) = open.pop() {
        if needed.insert(step) {
            let inputs = snapshot.steps.get(step).map(|step| step.inputs.as_slice()).unwrap_or_default();
            open.extend(inputs.iter().map(|input| input.index()));
        }
    }
    needed
}

/// The instructions without a step of the target's stage and of those it continues.
fn configuring(target: &TargetGraph) -> impl Iterator<Item = &Arc<Placed>> {
    let mut next = Some(target.stage);
    let stages = std::iter::from_fn(move || {
        let stage = target.stages.get(next?)?;
        // A stage continues only one above it.
        next = stage.base_stage.filter(|base| Some(*base) < next);
        Some(stage)
    });
    let made = |placed: &&Arc<Placed>| placed.step.is_none() && placed.keyword != "FROM" && placed.keyword != "ARG";
    stages.flat_map(move |stage| stage.instructions.iter().filter(made))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::{recipe, steps};
    use crate::cache_key::Sealer;
    use crate::context::{BuildContext, ContextPath, FileEntry, Node};
    use crate::digest::ContentDigest;
    use crate::dockerfile::Dockerfile;
    use crate::engine_profile::EngineProfile;
    use crate::graph::lower::{MAIN_CONTEXT, lower};
    use crate::request::Request;
    use crate::snapshot::Snapshot;

    const SHOP: &str = "FROM scratch AS deps\nCOPY package.json /\nRUN npm ci\n\
                        FROM deps AS build\nCOPY src /src\nRUN make\n\
                        FROM deps AS test\nCOPY src /src\nRUN make test\n\
                        FROM scratch\nLABEL by=me\nCOPY --from=build /out /\nCMD [\"run\"]\n";

    fn snapshot(text: &str, stages: &[Option<&str>], source: &str) -> Snapshot {
        let (dockerfile, _) = Dockerfile::parse(text.as_bytes());
        let profile = EngineProfile::buildkit();
        let mut requests = Vec::new();
        for stage in stages {
            let mut request = Request::new("linux/amd64".to_owned(), profile.clone());
            request.stage = stage.map(str::to_owned);
            requests.push(request);
        }
        let targets: Vec<_> = requests.iter().map(|request| (&dockerfile, request)).collect();
        let (graph, diagnostics) = lower(&targets, &profile);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let files = [("package.json", "{}"), ("src/a", source), ("README", source)];
        let context = files.iter().fold(BuildContext::default(), |context, (path, text)| {
            let entry = FileEntry::file(0o644, text.len() as u64, ContentDigest::of(text.as_bytes()));
            context.with(&ContextPath::new(path), Node::File(Arc::new(entry)))
        });
        let contexts = BTreeMap::from([(MAIN_CONTEXT.to_owned(), context)]);
        Snapshot::take(&graph, &contexts, &Sealer::new(&[7; 32]))
    }

    fn recipes(text: &str, source: &str) -> Vec<ContentDigest> {
        let stages = [None, Some("test"), Some("deps")];
        let snapshot = snapshot(text, &stages, source);
        snapshot.targets.iter().map(|target| recipe(&snapshot, target)).collect()
    }

    /// Which of the default target, `test` and `deps` are made otherwise.
    fn changed(text: &str, source: &str) -> [bool; 3] {
        let (before, after) = (recipes(SHOP, "one"), recipes(text, source));
        [0, 1, 2].map(|target| before[target] != after[target])
    }

    #[test]
    fn an_edit_changes_the_recipes_of_what_reads_it() {
        assert_eq!(changed(SHOP, "one"), [false, false, false]);
        assert_eq!(changed(SHOP, "two"), [true, true, false]);
        let cases = [
            ("# a comment\nFROM", "FROM scratch AS deps", [false, false, false]),
            ("npm install", "npm ci", [true, true, true]),
            ("make other", "make test", [false, true, false]),
            ("CMD [\"walk\"]", "CMD [\"run\"]", [true, false, false]),
            ("LABEL by=you", "LABEL by=me", [true, false, false]),
        ];
        for (new, old, expected) in cases {
            let new = new.replace("FROM", "FROM scratch AS deps");
            assert_eq!(changed(&SHOP.replace(old, &new), "one"), expected, "{new}");
        }
    }

    #[test]
    fn a_target_needs_what_it_stands_on_and_nothing_else() {
        let snapshot = snapshot(SHOP, &[Some("deps"), None], "one");
        let [deps, whole] = [0, 1].map(|target| steps(&snapshot, &snapshot.targets[target]));
        assert!(deps.is_subset(&whole) && deps.len() < whole.len());
        assert_eq!(deps.len(), 3, "the context, the copy and the run");
    }
}
