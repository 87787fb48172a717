//! Which files, or folders of files, cost most: a folder stands for what it holds where no part of it stands out. In go
//! what each file costs, out comes a short list, the dearest first. Nothing is replayed here.

use std::collections::{BTreeMap, BTreeSet};

use super::ContextFile;
use super::tally::FileTally;
use crate::context::ContextPath;

/// A part of a folder is named only if it costs this share of all.
const LEAST_SHARE: f64 = 0.02;

/// A folder is taken apart only if its named parts cost this share of it.
const LEAST_COVER: f64 = 0.75;

/// A file or a folder that makes steps run.
#[derive(Clone, PartialEq, Debug)]
pub struct Churn {
    /// The context's name.
    pub context: String,
    /// Its path there; the root for all of a context.
    pub path: ContextPath,
    /// Whether it stands for the files it holds.
    pub is_folder: bool,
    /// In how many builds steps run because of it.
    pub n_builds: usize,
    /// What it costs, in seconds per build.
    pub seconds: f64,
}

#[derive(Clone, Default)]
struct Node {
    tally: FileTally,
    parts: BTreeSet<ContextFile>,
}

/// What costs most, in at most `most` entries, the dearest first. Files that cost nothing are left out.
#[must_use]
pub fn dearest(files: &BTreeMap<ContextFile, FileTally>, most: usize) -> Vec<Churn> {
    let nodes = nodes(files);
    let all: f64 = files.values().map(|file| file.seconds).sum();
    let roots = nodes.keys().filter(|(_, path)| path.is_root());
    let mut shown: Vec<ContextFile> = roots.cloned().collect();
    let mut whole = BTreeSet::new();
    loop {
        shown.sort_by(|a, b| nodes[b].tally.seconds.total_cmp(&nodes[a].tally.seconds).then_with(|| a.cmp(b)));
        // What git keeps there is nobody's to edit, and changes together.
        let is_whole = |file: &ContextFile| whole.contains(file) || file.1.name() == b".git";
        let is_open = |file: &&ContextFile| !nodes[*file].parts.is_empty() && !is_whole(file);
        let Some(at) = shown.iter().position(|file| is_open(&file)) else { break };
        let node = &nodes[&shown[at]];
        let named: Vec<&ContextFile> =
            node.parts.iter().filter(|part| nodes[*part].tally.seconds >= LEAST_SHARE * all).collect();
        let covered: f64 = named.iter().map(|part| nodes[*part].tally.seconds).sum();
        // The root says nothing, so it is taken apart at the price of a longer list.
        let fits = shown.len() + named.len() <= most + 1 || shown[at].1.is_root();
        if !named.is_empty() && fits && covered >= LEAST_COVER * node.tally.seconds {
            let named: Vec<ContextFile> = named.into_iter().cloned().collect();
            shown.swap_remove(at);
            shown.extend(named);
        } else {
            whole.insert(shown[at].clone());
        }
    }
    shown.truncate(most);
    let told = shown.into_iter().map(|file| {
        let Node { tally, parts } = &nodes[&file];
        let (n_builds, seconds, is_folder) = (tally.builds.len(), tally.seconds, !parts.is_empty());
        Churn { context: file.0, path: file.1, is_folder, n_builds, seconds }
    });
    told.filter(|churn| churn.seconds > 0.0).collect()
}

/// Every file and the folders it lies in, with what they hold.
fn nodes(files: &BTreeMap<ContextFile, FileTally>) -> BTreeMap<ContextFile, Node> {
    let mut nodes: BTreeMap<ContextFile, Node> = BTreeMap::new();
    for ((context, path), tally) in files {
        let mut below = None;
        for path in std::iter::successors(Some(path.clone()), ContextPath::parent) {
            let file = (context.clone(), path);
            let node = nodes.entry(file.clone()).or_default();
            node.tally.seconds += tally.seconds;
            node.tally.builds.extend(&tally.builds);
            node.parts.extend(below.replace(file));
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{ContextPath, FileTally, dearest};

    fn told(files: &[(&str, f64, &[usize])], most: usize) -> Vec<String> {
        let tally = |seconds: f64, builds: &[usize]| FileTally { seconds, builds: builds.iter().copied().collect() };
        let files: BTreeMap<_, _> = files
            .iter()
            .map(|(path, seconds, builds)| (("context".to_owned(), ContextPath::new(path)), tally(*seconds, builds)))
            .collect();
        let shown = dearest(&files, most);
        let slash = |is_folder| if is_folder { "/" } else { "" };
        let line = |churn: &super::Churn| {
            format!("{}{} {} {}", churn.path.to_lossy(), slash(churn.is_folder), churn.n_builds, churn.seconds)
        };
        shown.iter().map(line).collect()
    }

    #[test]
    fn a_folder_stands_for_files_of_which_none_stands_out() {
        let names: Vec<String> = (0..100).map(|n| format!("app/src/{n}")).collect();
        let mut files: Vec<(&str, f64, &[usize])> =
            names.iter().map(|name| (name.as_str(), 0.1, [1, 2].as_slice())).collect();
        files.push(("package.json", 4.0, &[3]));
        files.push(("README", 0.0, &[4]));
        assert_eq!(told(&files, 6).len(), 2, "{:?}", told(&files, 6));
        assert!(told(&files, 6)[0].starts_with("app/src/ 2 "), "{:?}", told(&files, 6));
        assert_eq!(told(&files, 6)[1], "package.json 1 4");
    }

    #[test]
    fn files_that_stand_out_are_named_as_long_as_there_is_room() {
        let files: [(&str, f64, &[usize]); 4] =
            [("src/a", 6.0, &[1]), ("src/b", 3.0, &[2]), ("src/c/d", 0.1, &[3]), ("lock", 2.0, &[1, 4])];
        assert_eq!(told(&files, 6), ["src/a 1 6", "src/b 1 3", "lock 2 2"]);
        assert_eq!(told(&files, 2), ["src/ 3 9.1", "lock 2 2"]);
        assert_eq!(told(&[], 6), Vec::<String>::new());
    }
}
