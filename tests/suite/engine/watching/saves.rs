//! Two hundred saves at random while builds run: when the watch has settled, the image holds the files, modes and links
//! that one built without any cache from the same tree holds.
//!
//! In: a seed, printed; WATCH_SEED=N takes another one. Out: two trees, as docker exports them. Times do not count.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{is_fresh, is_here, lay_out, save, say, start};
use crate::case::project::below;
use crate::engine::live::Live;
use crate::scan::Context;
use crate::scan::refreshed::Step;
use crate::scan::saved::{self, N_SAVES};
use crate::scan::trust::Dice;
use crate::watching::Watch;

const N_STEPS: usize = 200;
const DOCKERFILE: &str = "\
FROM stageplan/base:busybox AS listed
COPY . /all
RUN --network=none find /all | sort > /list; sleep 0.3

FROM stageplan/base:busybox
COPY . /all
COPY --from=listed /list /list
";

/// The path of every entry with what it is, its mode, and its bytes or where it leads.
pub(in crate::engine) type Tree = BTreeMap<String, (String, u32, Vec<u8>)>;

/// The tree below a folder.
pub(in crate::engine) fn tree(root: &Path) -> Tree {
    let entry = |path: std::path::PathBuf| {
        let metadata = fs::symlink_metadata(&path).expect("an entry");
        let (kind, bytes) = if metadata.is_symlink() {
            ("link", fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes())
        } else if metadata.is_dir() {
            ("folder", Vec::new())
        } else {
            ("file", fs::read(&path).expect("a file"))
        };
        let name = path.strip_prefix(root).expect("below the root").display().to_string();
        (name, (kind.to_owned(), metadata.permissions().mode(), bytes))
    };
    below(root).into_iter().map(entry).collect()
}

fn docker(words: &[&str]) -> String {
    let done = Command::new("docker").args(words).stdin(Stdio::null()).output().expect("docker starts");
    assert!(done.status.success(), "docker {words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// What stands in an image, in a folder.
fn exported(image: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let container = docker(&["create", image, "/nothing"]);
    let tar = folder.path().join("image.tar");
    docker(&["export", "--output", &tar.display().to_string(), &container]);
    docker(&["rm", &container]);
    let files = folder.path().join("files");
    fs::create_dir(&files).expect("a folder");
    let unpacked = Command::new("tar").arg("-xpf").arg(&tar).arg("-C").arg(&files).args(["all", "list"]).status();
    assert!(unpacked.expect("tar starts").success());
    folder
}

/// One save, or something else that a tool does.
fn edit(context: &Context, dice: &mut Dice) {
    if dice.below(5) == 0 {
        let way = usize::try_from(dice.below(N_SAVES as u64)).expect("below a usize");
        saved::save(context, way);
    } else {
        Step::any(dice).take(context);
    }
}

/// Saves what is told for certain, and waits until it is, or until all is built.
fn wait(live: &Live, watch: &Watch, number: usize, dice: &mut Dice) {
    save(live, "tick", &format!("{number}\n"));
    let is_told = |event: &Value| event["paths"].as_array().is_some_and(|paths| paths.contains(&"tick".into()));
    while !is_told(&watch.wait("change")) {}
    if dice.below(2) == 0 {
        settle(live, watch);
    }
}

/// Waits until all is built.
fn settle(live: &Live, watch: &Watch) {
    while !is_fresh(live, &[]) {
        watch.wait("build-finished");
    }
}

#[test]
fn after_two_hundred_saves_the_image_is_what_a_build_without_cache_makes() {
    if !is_here() {
        return;
    }
    let seed = std::env::var("WATCH_SEED").map_or(0x5a7e5, |seed| seed.parse().expect("a number"));
    let (mut dice, live) = (Dice(seed), lay_out(DOCKERFILE, &[("tick", "")]));
    let folder = tempfile::Builder::new().prefix("tree-").tempdir_in(live.context()).expect("a folder");
    let context = Context(folder);
    let name = live.context().file_name().expect("a name").display().to_string();
    let [watched, anew] = ["watched", "anew"].map(|tag| format!("{name}:{tag}"));
    let watch = start(&live, &["--tag", &watched]);
    watch.wait("build-finished");
    let mut n_waits = 0;
    for number in 0..N_STEPS {
        edit(&context, &mut dice);
        if dice.below(8) == 0 {
            wait(&live, &watch, number, &mut dice);
            n_waits += 1;
        }
    }
    wait(&live, &watch, N_STEPS, &mut dice);
    settle(&live, &watch);
    let builds = history(&live);
    say(&format!("{N_STEPS} saves, seed {seed}: {n_waits} waits, {builds} builds"));
    assert_eq!(watch.end().0, Some(0));

    // Under another name the engine has nothing that it received before.
    let copy = tempfile::tempdir().expect("a temporary folder");
    let copy = copy.path().join(format!("copy-of-{name}"));
    let copied = Command::new("cp").arg("-a").arg(live.context()).arg(&copy).status();
    assert!(copied.expect("cp starts").success());
    docker(&["buildx", "build", "--no-cache", "--load", "--tag", &anew, &copy.display().to_string()]);
    let [left, right] = [&watched, &anew].map(|image| exported(image));
    let [left, right] = [left, right].map(|folder| tree(&folder.path().join("files")));
    docker(&["image", "rm", &watched, &anew]);
    assert!(left.len() > 100, "{} entries", left.len());
    let differ: Vec<_> = left.keys().chain(right.keys()).filter(|path| left.get(*path) != right.get(*path)).collect();
    assert!(differ.is_empty(), "seed {seed}: {differ:?}");
}

/// How many builds are recorded.
fn history(live: &Live) -> usize {
    let answer = live.plain("history", &[]).output().expect("the program");
    let text = String::from_utf8_lossy(&answer.stdout);
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}
