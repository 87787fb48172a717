//! One cause in the user's words: a clause on one line, for every report that tells causes. In goes a [`Cause`], out
//! comes text that is safe to show. What stands around the clause, colours and columns are the report's business; the
//! edit of an instruction has lines of its own, in `edit`.

pub(crate) mod edit;

use planner::cause::ignored::IGNOREFILE;
use planner::cause::{ABOVE, CONTEXT, Cause, CauseKind, FROM, MOVED, REMOVED};

use super::{layout, text};

/// Characters of a value that are shown without `--verbose`.
const N_CHARACTERS: usize = 40;

/// Characters of a path that are shown without `--verbose`.
const N_PATH: usize = 48;

/// Characters of another instruction that are shown without `--verbose`.
const N_INSTRUCTION: usize = 56;

/// A cause as a clause; values whole if `verbose`.
pub(crate) fn sentence(cause: &Cause, verbose: bool) -> String {
    let path = cause.path.as_ref().map_or_else(|| "a file".to_owned(), text::path);
    let path = if verbose { path } else { layout::cut_front(&path, N_PATH) };
    let name = text::escape(cause.name.as_deref().unwrap_or_default());
    let change = change(cause, verbose);
    match cause.kind {
        CauseKind::NeverRecorded => "no recorded build made this step".to_owned(),
        CauseKind::FileAdded if is_ignorefile(cause) => format!("the ignore file lets {path} in"),
        CauseKind::FileRemoved if is_ignorefile(cause) => format!("the ignore file leaves {path} out"),
        CauseKind::FileAdded => format!("{path} is new"),
        CauseKind::FileRemoved => format!("{path} is gone"),
        CauseKind::FileModified => format!("{path} {}", file_change(cause, &change)),
        CauseKind::SourceMissing => missing(cause, &path, &name),
        CauseKind::InstructionEdited if is_about_another(cause) => about_another(cause, &name, verbose),
        CauseKind::InstructionEdited if cause.old.is_some() && cause.old == cause.new => {
            "the instruction was edited, in what looks like a secret".to_owned()
        }
        CauseKind::InstructionEdited => "the instruction was edited".to_owned(),
        CauseKind::InstructionAdded if cause.detail.as_deref() == Some("unused") => {
            "the last build did not need this stage".to_owned()
        }
        CauseKind::InstructionAdded => "the instruction is new".to_owned(),
        CauseKind::BuildArgChanged => variable("build argument", &name, cause, &change),
        CauseKind::EnvChanged => variable("variable", &name, cause, &change),
        CauseKind::WorkdirChanged => format!("the working folder changed{change}"),
        CauseKind::UserChanged => format!("the user changed{change}"),
        CauseKind::ShellChanged => format!("the shell changed{change}"),
        CauseKind::MountChanged if cause.old.is_none() && !verbose => format!("mount {name} is new"),
        CauseKind::MountChanged if cause.new.is_none() && !verbose => format!("mount {name} is gone"),
        CauseKind::MountChanged => format!("mount {name} changed{change}"),
        CauseKind::NetworkChanged => format!("the network changed{change}"),
        CauseKind::HostConfigChanged if name == "/dev/shm" => format!("the size of shared memory changed{change}"),
        CauseKind::HostConfigChanged => format!("--{name} changed{change}"),
        CauseKind::BaseImageChanged if cause.detail.as_deref() == Some("moved") => {
            let digest = |value: &Option<String>| short_digest(value.as_deref().unwrap_or_default(), verbose);
            format!("{} moved from {} to {}", familiar(&name), digest(&cause.old), digest(&cause.new))
        }
        CauseKind::BaseImageChanged if cause.name.is_some() => format!("{} moved", familiar(&name)),
        CauseKind::BaseImageChanged => {
            digest_change(cause, verbose).unwrap_or(format!("the base image changed{change}"))
        }
        CauseKind::BaseStageChanged => format!("its stage stands upon another base{change}"),
        CauseKind::PlatformChanged => format!("the platform changed{change}"),
        CauseKind::NoCacheRequested => "asked for with --no-cache or --no-cache-filter".to_owned(),
        CauseKind::Upstream => {
            format!("follows from {}", text::escape(cause.root.as_deref().unwrap_or("another step")))
        }
        CauseKind::IgnorefileChanged => "the ignore file changed".to_owned(),
        CauseKind::StaleSource => format!("{path} changed its {}", cause.detail.as_deref().unwrap_or("content")),
        CauseKind::RemoteSource => format!("only a server knows what {name} holds"),
        CauseKind::UnknownFrontend => "another frontend reads the Dockerfile".to_owned(),
        CauseKind::Unsettled => {
            "an earlier build that ended early, or whose files changed meanwhile, may have made it".to_owned()
        }
        CauseKind::BaseUnresolved => format!("{} may be the image that was used before, or not", familiar(&name)),
    }
}

/// Whether an edit is about where instructions stand, or about one above the step.
fn is_about_another(cause: &Cause) -> bool {
    matches!(cause.detail.as_deref(), Some(REMOVED | MOVED | ABOVE))
}

fn about_another(cause: &Cause, stage: &str, verbose: bool) -> String {
    let n = if verbose { usize::MAX } else { N_INSTRUCTION };
    let text = layout::cut(&text::escape(cause.old.as_deref().unwrap_or_default()), n);
    match (cause.detail.as_deref(), cause.old.is_some(), stage) {
        (Some(MOVED), false, "") => "the instruction was moved here".to_owned(),
        (Some(MOVED), false, stage) => format!("the instruction was moved here from stage {stage}"),
        (Some(MOVED), true, "") => format!("`{text}` was moved from above it"),
        (Some(MOVED), true, stage) => format!("`{text}` was moved from above it to stage {stage}"),
        (Some(REMOVED), _, "") => format!("`{text}` was removed above it"),
        (Some(REMOVED), _, stage) => format!("`{text}` was removed from stage {stage}"),
        (_, _, "") => format!("`{text}` above it was edited"),
        (_, _, stage) => format!("`{text}` in stage {stage} was edited"),
    }
}

/// Whether a cause about a file is an edit of the ignore file's doing.
pub(crate) fn is_ignorefile(cause: &Cause) -> bool {
    cause.detail.as_deref() == Some(IGNOREFILE)
}

/// `: old → new`; nothing where both are masked alike.
fn change(cause: &Cause, verbose: bool) -> String {
    let safe = |value: &Option<String>| {
        let value = text::escape(value.as_deref()?);
        Some(match (cause.kind, value.as_str()) {
            (_, "") => "(empty)".to_owned(),
            (CauseKind::BaseImageChanged | CauseKind::BaseStageChanged, image) => familiar(image).to_owned(),
            (CauseKind::FileModified, "symlink") if cause.detail.as_deref() == Some("type") => {
                "symbolic link".to_owned()
            }
            (CauseKind::HostConfigChanged, mount) => size_of(mount).unwrap_or(value),
            _ => value,
        })
    };
    let n = if verbose { usize::MAX } else { N_CHARACTERS };
    match (safe(&cause.old), safe(&cause.new)) {
        (Some(old), Some(new)) if old == new => String::new(),
        (Some(old), Some(new)) => {
            let (old, new) = layout::cut_pair(&old, &new, n);
            format!(": {old} → {new}")
        }
        (None, Some(new)) if is_variable(cause) => format!(" is new: {}", layout::cut(&new, n)),
        (Some(old), None) if is_variable(cause) => format!(" is gone, was {}", layout::cut(&old, n)),
        (None, Some(new)) => format!(": now {}", layout::cut(&new, n)),
        (Some(old), None) => format!(": was {}", layout::cut(&old, n)),
        (None, None) => String::new(),
    }
}

fn is_variable(cause: &Cause) -> bool {
    matches!(cause.kind, CauseKind::EnvChanged | CauseKind::BuildArgChanged)
}

/// An image as it is written in a Dockerfile.
fn familiar(image: &str) -> &str {
    let short = image.strip_prefix("docker.io/").unwrap_or(image);
    short.strip_prefix("library/").unwrap_or(short)
}

/// An image that is still named alike, by another digest.
fn digest_change(cause: &Cause, verbose: bool) -> Option<String> {
    let (name, old) = cause.old.as_deref()?.split_once('@')?;
    let new = cause.new.as_deref()?.split_once('@').filter(|(now, _)| *now == name)?.1;
    let (old, new) = (short_digest(old, verbose), short_digest(new, verbose));
    let differ = old != new;
    let name = text::escape(name);
    differ.then(|| format!("the digest of {} changed: {old} → {new}", familiar(&name)))
}

/// A digest with as many digits as docker shows, all if `verbose`.
fn short_digest(digest: &str, verbose: bool) -> String {
    const N_DIGITS: usize = 12;
    match digest.split_once(':') {
        Some((algorithm, digits)) if !verbose && digits.chars().count() > N_DIGITS => {
            text::escape(&format!("{algorithm}:{}…", digits.chars().take(N_DIGITS).collect::<String>()))
        }
        _ => text::escape(digest),
    }
}

/// What `--shm-size` asks for, in docker's units; it is kept as the mount it makes.
fn size_of(mount: &str) -> Option<String> {
    let n_bytes: u64 = mount.strip_prefix("tmpfs size=")?.parse().ok()?;
    let units = [(1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")];
    let whole = units.into_iter().find(|(size, _)| n_bytes > 0 && n_bytes.is_multiple_of(*size));
    Some(whole.map_or_else(|| text::bytes(n_bytes), |(size, unit)| format!("{}{unit}", n_bytes / size)))
}

fn file_change(cause: &Cause, change: &str) -> String {
    match cause.detail.as_deref() {
        None | Some("content") => "changed".to_owned(),
        Some("symlink") => format!("points elsewhere{change}"),
        Some("xattr") => "changed its extended attributes".to_owned(),
        Some(detail) => format!("changed its {}{change}", text::escape(detail)),
    }
}

fn variable(what: &str, name: &str, cause: &Cause, change: &str) -> String {
    if cause.detail.as_deref() == Some("order") {
        return format!("{what} {name} stands in another order");
    }
    let is_masked = change.is_empty() && cause.old.is_some();
    let masked = if is_masked { " (its value looks like a secret)" } else { "" };
    let by = match cause.by.as_deref() {
        Some(FROM) => ", handed down from the base".to_owned(),
        Some(by) => format!(", set from {}", text::escape(by)),
        None => String::new(),
    };
    let changed = if cause.old.is_some() == cause.new.is_some() { " changed" } else { "" };
    format!("{what} {name}{changed}{change}{masked}{by}")
}

fn missing(cause: &Cause, path: &str, name: &str) -> String {
    if is_ignorefile(cause) {
        format!("{path} is left out by `{name}` in the ignore file; the build fails here")
    } else if name.is_empty() {
        format!("{path} is not in the build context; the build fails here")
    } else if cause.detail.as_deref() == Some(CONTEXT) {
        format!("{path} is not in the named context `{name}`; the build fails here")
    } else {
        format!("{path} is not in what {name} leaves behind; the build fails here")
    }
}
