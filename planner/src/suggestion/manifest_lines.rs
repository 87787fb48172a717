//! The lines that copy, of a wide copy, what an install needs: in the style of the copy, manifests by name, those of a
//! workspace's members with `--parents` where the frontend knows it. In go the copy and the installs, out come lines, or
//! nothing where the names cannot be written plainly.

use std::collections::{BTreeMap, BTreeSet};

use super::Facts;
use super::layout;
use crate::dockerfile::{Command, Copy, CopySource};
use crate::graph::stage_state::clean;
use crate::steps::{Copied, RunStep};

/// A file to copy: where it comes from, and where it goes below the destination.
struct Wanted {
    from: String,
    below: String,
}

/// Writes the lines; they are empty where the installs need nothing of the copy. `is_above` tells of files that are
/// copied above already.
pub(super) fn write(
    facts: &Facts<'_>,
    instruction: usize,
    copies: &[Copied],
    installs: &[&RunStep],
    is_above: &dyn Fn(&str, &Copied) -> bool,
) -> Option<String> {
    let mut wanted = BTreeMap::new();
    for copied in copies {
        for (path, entry) in copied.written.files().filter(|(path, copied_from)| {
            is_wanted(path, installs) && !is_above(path, copied) && !copied_from.from.is_root()
        }) {
            let from = entry.from.to_lossy();
            let below = path.strip_prefix(&clean(&copied.dest))?.trim_start_matches('/').to_owned();
            if !is_plain(&from) || below.is_empty() || file_name(&below) != file_name(&from) {
                return None;
            }
            wanted.insert(below.clone(), Wanted { from, below });
        }
    }
    if wanted.is_empty() {
        return Some(String::new());
    }
    let copy = match &facts.instruction(instruction).command {
        Command::Copy(copy) => copy,
        Command::Add(add) => &add.copy,
        _ => return None,
    };
    // With another value other files would be meant.
    if copy.sources.iter().any(|source| matches!(source, CopySource::Path(path) if path.contains('$'))) {
        return None;
    }
    let all: BTreeSet<&str> = copies
        .iter()
        .flat_map(|copied| {
            let dest = clean(&copied.dest);
            copied.written.files().filter_map(move |(path, _)| path.strip_prefix(dest.as_str()))
        })
        .map(|below| below.trim_start_matches('/'))
        .collect();
    let wanted: Vec<Wanted> = wanted.into_values().collect();
    let lines = Lines { facts, instruction, copy, all };
    lines.write(wanted)
}

/// Whether an install reads a file and does not itself make it.
fn is_wanted(path: &str, installs: &[&RunStep]) -> bool {
    let is_made = |folder: &String| crate::known_command::effect::is_within(path, folder);
    installs.iter().any(|run| run.effect.reads.has(path) && !run.effect.reads.everything)
        && !installs.iter().any(|run| run.effect.writes.folders.iter().any(is_made))
}

fn is_plain(path: &str) -> bool {
    path.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-/@+".contains(letter))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

struct Lines<'a> {
    facts: &'a Facts<'a>,
    instruction: usize,
    copy: &'a Copy,
    /// Every file of the copy, below its destination.
    all: BTreeSet<&'a str>,
}

impl Lines<'_> {
    fn write(&self, wanted: Vec<Wanted>) -> Option<String> {
        let dest = self.dest()?;
        let (top, mut deep): (Vec<Wanted>, Vec<Wanted>) =
            wanted.into_iter().partition(|file| !file.below.contains('/'));
        let knows_parents = self.facts.around.request.profile.knows_flag("parents");
        let mut lines = Vec::new();
        // Whole folders first: a folder all of whose files are wanted is copied by name.
        let tops: BTreeSet<String> =
            deep.iter().filter_map(|file| file.below.split_once('/')).map(|(top, _)| top.to_owned()).collect();
        let mut folders = Vec::new();
        for name in tops {
            let inside = format!("{name}/");
            let is_whole = self
                .all
                .iter()
                .filter(|path| path.starts_with(&inside))
                .all(|path| deep.iter().any(|file| file.below == **path));
            if is_whole {
                let source = deep.iter().find(|file| file.below.starts_with(&inside))?;
                let from = source.from.strip_suffix(&source.below)?.to_owned() + &name;
                folders.push((from, format!("{dest}{inside}")));
                deep.retain(|file| !file.below.starts_with(&inside));
            }
        }
        let same_root = deep.iter().chain(&top).all(|file| file.from == file.below);
        if !deep.is_empty() && knows_parents && same_root {
            let sources: Vec<String> = top.into_iter().map(|file| file.from).chain(self.by_pattern(&deep)).collect();
            lines.push(self.line(&["--parents"], &sources, &dest)?);
        } else {
            if !top.is_empty() {
                let sources: Vec<String> = top.into_iter().map(|file| file.from).collect();
                lines.push(self.line(&[], &sources, &dest)?);
            }
            let mut by_folder: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for file in deep {
                by_folder.entry(folder(&file.below).to_owned()).or_default().push(file.from);
            }
            for (folder, sources) in by_folder {
                lines.push(self.line(&[], &sources, &format!("{dest}{folder}/"))?);
            }
        }
        for (from, dest) in folders {
            lines.push(self.line(&[], &[from], &dest)?);
        }
        Some(lines.concat())
    }

    /// Files as sources; several of one name in the folders of one folder become a pattern where it takes no other.
    fn by_pattern(&self, deep: &[Wanted]) -> Vec<String> {
        let mut groups: BTreeMap<String, Vec<&Wanted>> = BTreeMap::new();
        for file in deep {
            let pattern = format!("{}/*/{}", folder(folder(&file.below)), file_name(&file.below));
            groups.entry(pattern.trim_start_matches('/').to_owned()).or_default().push(file);
        }
        let mut sources = Vec::new();
        for (pattern, files) in groups {
            let taken = self
                .all
                .iter()
                .filter(|path| crate::glob::matches(pattern.as_bytes(), path.as_bytes()).unwrap_or(false));
            let is_exact = files.len() > 1 && taken.count() == files.len();
            if is_exact {
                sources.push(pattern);
            } else {
                sources.extend(files.iter().map(|file| file.from.clone()));
            }
        }
        sources
    }

    /// The destination as a folder, in the words of the copy.
    fn dest(&self) -> Option<String> {
        let dest = self.copy.dest.as_str();
        match dest {
            "." | "./" | "" => Some("./".to_owned()),
            dest if dest.contains([' ', '\t', '"', '\'', '\\', '`', '#']) => None,
            dest if dest.ends_with('/') => Some(dest.to_owned()),
            dest => Some(format!("{}/", dest.trim_end_matches("/."))),
        }
    }

    fn line(&self, more: &[&str], sources: &[String], dest: &str) -> Option<String> {
        let found = self.facts.instruction(self.instruction);
        let indentation = layout::indentation(self.facts, self.instruction);
        // What an `ADD` takes out of a folder it does not unpack, but a file by its name it might.
        let is_small = found.keyword.text.starts_with(|first: char| first.is_ascii_lowercase());
        let mut words = vec![if is_small { "copy" } else { "COPY" }.to_owned()];
        for flag in &found.flags {
            let flag = flag.text.as_str();
            let is_of_add = ["--checksum", "--keep-git-dir", "--unpack"].iter().any(|own| flag.starts_with(own));
            if is_of_add || flag.contains([' ', '\t', '"', '\'', '\\', '`']) {
                return None;
            }
            if !flag.starts_with("--exclude") && !flag.starts_with("--parents") {
                words.push(flag.to_owned());
            }
        }
        words.extend(more.iter().map(|flag| (*flag).to_owned()));
        words.extend(sources.iter().cloned());
        words.push(dest.to_owned());
        Some(format!("{indentation}{}{}", words.join(" "), layout::line_break(self.facts, self.instruction)))
    }
}
