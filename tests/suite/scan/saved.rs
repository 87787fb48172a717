//! How editors and tools save, as scripts of file operations on a watched folder: which paths are told, and that the
//! context refreshed at them is the one a scan finds.

use std::fs;
use std::os::unix::fs::symlink;

use planner::context::ContextPath;
use planner::requested::Requested;

use super::watched::{Sight, Told};
use super::{Context, set_mode};

/// What the file holds before each save.
const BEFORE: &str = "fn main() {}\n";
const AFTER: &str = "fn main() { println!(); }\n";
const FILE: &str = "src/main.rs";

/// One way to save [`FILE`], and the paths that must be told of it.
struct Save {
    program: &'static str,
    script: fn(&Context),
    told: &'static [&'static str],
}

fn rename(context: &Context, from: &str, to: &str) {
    fs::rename(context.at(from), context.at(to)).unwrap();
}

fn remove(context: &Context, path: &str) {
    fs::remove_file(context.at(path)).unwrap();
}

const SAVES: &[Save] = &[
    Save {
        program: "vim: a swap file, a probe named 4913, the old file kept aside until the new one is written",
        script: |context| {
            context.write("src/.main.rs.swp", "b0VIM");
            context.write("src/4913", "");
            remove(context, "src/4913");
            rename(context, FILE, "src/main.rs~");
            context.write(FILE, AFTER);
            remove(context, "src/main.rs~");
            remove(context, "src/.main.rs.swp");
        },
        told: &[FILE, "src/4913", "src/main.rs~", "src/.main.rs.swp"],
    },
    Save {
        program: "VS Code: truncates and writes",
        script: |context| {
            fs::File::options().write(true).truncate(true).open(context.at(FILE)).unwrap();
            fs::write(context.at(FILE), AFTER).unwrap();
        },
        told: &[FILE],
    },
    Save {
        program: "JetBrains: a temporary file takes the place of the old one, which is kept aside meanwhile",
        script: |context| {
            context.write("src/main.rs___jb_tmp___", AFTER);
            rename(context, FILE, "src/main.rs___jb_old___");
            rename(context, "src/main.rs___jb_tmp___", FILE);
            remove(context, "src/main.rs___jb_old___");
        },
        told: &[FILE, "src/main.rs___jb_tmp___", "src/main.rs___jb_old___"],
    },
    Save {
        program: "emacs: a link that leads nowhere as a lock, an auto-save file, a backup",
        script: |context| {
            symlink("me@host.1234:1700000000", context.at("src/.#main.rs")).unwrap();
            context.write("src/#main.rs#", AFTER);
            rename(context, FILE, "src/main.rs~");
            context.write(FILE, AFTER);
            remove(context, "src/#main.rs#");
            remove(context, "src/.#main.rs");
        },
        told: &[FILE, "src/.#main.rs", "src/#main.rs#", "src/main.rs~"],
    },
    Save {
        program: "sed -i: a temporary file with the old one's mode is renamed over it",
        script: |context| {
            context.write("src/sedX1y2Z3", AFTER);
            set_mode(&context.at("src/sedX1y2Z3"), 0o644);
            rename(context, "src/sedX1y2Z3", FILE);
        },
        told: &[FILE, "src/sedX1y2Z3"],
    },
    Save {
        program: "cargo fmt: every file in place",
        script: |context| {
            (0..20).for_each(|number| context.write(format!("src/part{number}.rs"), "fn part() {}\n"));
            context.write(FILE, AFTER);
        },
        told: &[FILE, "src/part0.rs", "src/part19.rs"],
    },
    Save {
        program: "git checkout: files removed and made again, a folder gone, another come",
        script: |context| {
            for path in [FILE, "old/a/b"] {
                remove(context, path);
            }
            fs::remove_dir(context.at("old/a")).unwrap();
            fs::remove_dir(context.at("old")).unwrap();
            (0..300).for_each(|number| context.write(format!("new/d{}/f{number}", number % 9), "branch"));
            context.write(FILE, AFTER);
            context.write(".git/index.lock", "DIRC");
            rename(context, ".git/index.lock", ".git/index");
        },
        told: &[FILE, "old", "new", "new/d0/f0", "new/d2/f299"],
    },
    Save {
        program: "git stash and git stash pop: one branch and back",
        script: |context| {
            for text in ["stashed", AFTER] {
                remove(context, FILE);
                context.write(FILE, text);
            }
        },
        told: &[FILE],
    },
];

/// What the scripts expect to find.
const FILES: &[(&str, &str)] = &[(FILE, BEFORE), ("old/a/b", "1"), ("Cargo.toml", "[package]\n"), (".git/HEAD", "ref")];

fn project() -> Context {
    Context::new(FILES)
}

/// How many ways to save there are.
pub(crate) const N_SAVES: usize = SAVES.len();

/// Saves in one of these ways among files that were written before.
pub(crate) fn save(context: &Context, way: usize) {
    FILES.iter().for_each(|(path, text)| context.write(path, text));
    (SAVES[way].script)(context);
}

fn assert_told(told: &Told, paths: &[&str], program: &str) {
    let missed: Vec<_> = paths.iter().filter(|path| !told.names(path)).collect();
    assert!(missed.is_empty(), "{program}: {missed:?} not among {:?}", told.paths);
}

#[test]
fn every_way_to_save_is_told_and_leads_to_what_a_scan_finds() {
    for Save { program, script, told: paths } in SAVES {
        for rules in ["", ".git\n**/*.swp\n**/*~\n"] {
            let mut sight = Sight::of(project(), rules, Requested::everything());
            let before = sight.stamped.context.find(&ContextPath::new(FILE));
            script(&sight.context);
            let told = sight.refresh(program);
            let is_kept = |path: &&&str| rules.is_empty() || !(path.ends_with(".swp") || path.ends_with('~'));
            assert_told(&told, &paths.iter().filter(is_kept).copied().collect::<Vec<_>>(), program);
            let after = sight.stamped.context.find(&ContextPath::new(FILE));
            assert!(after.is_some() && after != before, "{program}");
            let is_ignored = |path: &&ContextPath| path.is_within(&ContextPath::new(".git"));
            assert!(rules.is_empty() || !told.paths.iter().any(|path| is_ignored(&path)), "{program}");
            // The file that stands there now is watched as well as the first.
            sight.context.write(FILE, BEFORE);
            assert_told(&sight.refresh(program), &[FILE], program);
        }
    }
}

#[test]
fn the_same_bytes_saved_in_any_way_change_no_digest() {
    for Save { program, script, .. } in SAVES.iter().take(5) {
        let context = project();
        context.write(FILE, AFTER);
        context.write("last-1", "");
        context.write("src/main.rs~", AFTER);
        let mut sight = Sight::of(context, "**/*~\n", Requested::everything());
        let before = sight.stamped.context.digest();
        script(&sight.context);
        let told = sight.refresh(program);
        assert!(told.names(FILE), "{program}");
        assert_eq!(sight.stamped.context.digest(), before, "{program}");
    }
}
