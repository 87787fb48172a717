//! The log of builds: `builds.jsonl`, one line per build, only ever appended to. Each line carries the
//! version of its form and a checksum of the rest of it; the line is what makes a build recorded, so it is
//! written last. Lines that cannot be used are set aside with the whole old file, and the good ones stay. How long the log
//! is at least stands beside it: one that was cut between two lines looks whole.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use planner::digest::ContentDigest;
use planner::engine_profile::EngineProfile;
use planner::history::BuildRecord;
use serde::{Deserialize, Serialize};

use super::files::{self, Warnings};

const NAME: &str = "builds.jsonl";
/// Holds a decimal number: no fewer bytes than these were in the log.
const LENGTH: &str = "builds.length";
const FRONT: &str = r#"{"version":1,"check":""#;
/// Hexadecimal digits of the checksum.
const CHECK_LEN: usize = 16;

/// One recorded build.
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    /// The document that holds the build's snapshot; `None` where it was pruned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) snapshot: Option<ContentDigest>,
    /// The engine profile that the build followed; lines of earlier versions leave it to the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) profile: Option<EngineProfile>,
    /// The document that holds the build's steps.
    pub(super) steps: ContentDigest,
    /// The document that holds what the engine reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) built: Option<ContentDigest>,
    /// The build without its steps.
    pub(super) record: BuildRecord,
}

/// The recorded builds, oldest first. A last line without its line end is damaged, too.
/// Damaged lines are set aside under the lock; the caller must not hold it.
pub(super) fn read(dir: &Path, warnings: &Warnings) -> anyhow::Result<Vec<Line>> {
    let Some(bytes) = files::read(&dir.join(NAME))? else { return Ok(Vec::new()) };
    let parsed = parse(dir, &bytes, |_| true);
    if parsed.bad.is_none() {
        return Ok(parsed.lines);
    }
    match files::lock(dir) {
        Ok(_lock) => repair(dir, |_| true, warnings),
        Err(error) => {
            warnings.push(format!("some recorded builds cannot be read and are left out ({error:#})"));
            Ok(parsed.lines)
        }
    }
}

/// The same for a caller that holds the lock. Lines that `is_whole` denies are set aside, too.
pub(super) fn repair(dir: &Path, is_whole: impl Fn(&Line) -> bool, warnings: &Warnings) -> anyhow::Result<Vec<Line>> {
    let path = dir.join(NAME);
    let Some(bytes) = files::read(&path)? else { return Ok(Vec::new()) };
    let parsed = parse(dir, &bytes, is_whole);
    if let Some(why) = parsed.bad {
        let aside = files::aside(&path);
        let kept = fs::hard_link(&path, &aside).with_context(|| format!("cannot write `{}`", aside.display()));
        kept.and_then(|()| put(dir, &parsed.good))?;
        let n_good = parsed.lines.len();
        warnings.push(format!(
            "`{}` {why}; {n_good} recorded builds are kept, the old file is set aside as `{}`",
            path.display(),
            aside.display()
        ));
    }
    Ok(parsed.lines)
}

/// Whether builds were recorded.
pub(super) fn exists(dir: &Path) -> bool {
    dir.join(NAME).exists()
}

/// Whether builds were recorded that can no longer be read.
pub(super) fn has_lost_builds(dir: &Path) -> bool {
    let prefix = format!("{NAME}.damaged-");
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
}

/// Appends a line. The caller holds the lock.
pub(super) fn append(dir: &Path, line: &Line) -> anyhow::Result<()> {
    let path = dir.join(NAME);
    let text = write_line(line)?;
    let append = || -> io::Result<usize> {
        let mut file = files::open_append(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // What a writer that was stopped half-way left behind must not join the new line.
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        file.set_len(end as u64)?;
        file.write_all(text.as_bytes())?;
        Ok(end + text.len())
    };
    let length = append().with_context(|| format!("cannot write `{}`", path.display()))?;
    // Whoever is stopped before this line leaves a number that is too small, and no harm.
    files::replace(&dir.join(LENGTH), length.to_string().as_bytes())
}

/// Puts these lines in the place of all. The caller holds the lock.
pub(super) fn replace(dir: &Path, lines: &[Line]) -> anyhow::Result<()> {
    let text: anyhow::Result<String> = lines.iter().map(write_line).collect();
    put(dir, text?.as_bytes())
}

/// Puts another log in the place of the old one. Its length goes first where it is shorter, so that it is never too large.
fn put(dir: &Path, log: &[u8]) -> anyhow::Result<()> {
    files::replace(&dir.join(LENGTH), log.len().to_string().as_bytes())?;
    files::replace(&dir.join(NAME), log)
}

/// How long the log was at least when it was last written.
fn least_length(dir: &Path) -> usize {
    let text = files::read(&dir.join(LENGTH)).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

struct Parsed {
    lines: Vec<Line>,
    good: Vec<u8>,
    /// Why the file is not good as a whole, as the end of a sentence.
    bad: Option<&'static str>,
}

fn parse(dir: &Path, bytes: &[u8], is_whole: impl Fn(&Line) -> bool) -> Parsed {
    let mut parsed = parse_lines(bytes, is_whole);
    // The number is read after the log, which may have been replaced meanwhile by a longer one.
    if parsed.bad.is_none() && bytes.len() < least_length(dir) && is_still(dir, bytes) {
        parsed.bad = Some("was cut: builds at its end are lost");
    }
    parsed
}

/// Whether the log still has that length.
fn is_still(dir: &Path, bytes: &[u8]) -> bool {
    fs::metadata(dir.join(NAME)).is_ok_and(|now| now.len() == bytes.len() as u64)
}

fn parse_lines(bytes: &[u8], is_whole: impl Fn(&Line) -> bool) -> Parsed {
    let mut parsed = Parsed { lines: Vec::new(), good: Vec::new(), bad: None };
    for raw in bytes.split_inclusive(|byte| *byte == b'\n') {
        // Whether a writer was stopped or the file was cut later cannot be told: a build may be lost.
        let Some(text) = raw.strip_suffix(b"\n") else {
            parsed.bad = Some("ends in the middle of a build");
            break;
        };
        match read_line(text) {
            Some(line) if !is_whole(&line) => parsed.bad = Some("names builds whose steps are damaged"),
            Some(line) => {
                parsed.lines.push(line);
                parsed.good.extend_from_slice(raw);
            }
            None if text.starts_with(b"{\"version\":") && !text.starts_with(FRONT.as_bytes()) => {
                parsed.bad = Some("holds builds recorded by another version of stageplan");
            }
            None => parsed.bad = Some("is damaged"),
        }
    }
    parsed
}

fn read_line(text: &[u8]) -> Option<Line> {
    let checked = std::str::from_utf8(text).ok()?.strip_prefix(FRONT)?;
    let (check, rest) = checked.split_at_checked(CHECK_LEN)?;
    let rest = rest.strip_prefix("\",")?;
    if check != checksum(rest) {
        return None;
    }
    serde_json::from_str(&format!("{{{rest}")).ok()
}

fn write_line(line: &Line) -> anyhow::Result<String> {
    let json = serde_json::to_string(line).context("cannot write a build record as JSON")?;
    let rest = json.strip_prefix('{').unwrap_or(&json);
    Ok(format!("{FRONT}{}\",{rest}\n", checksum(rest)))
}

fn checksum(rest: &str) -> String {
    let mut digits = ContentDigest::of(rest.as_bytes()).to_string();
    digits.truncate(CHECK_LEN);
    digits
}
