//! Whether one execution of several commands does what executions of one command each do, one after the other. In go the
//! execution and its commands, out comes a reason against it, or nothing. Files that a command leaves in the image are there
//! for the next one either way; the folder it stands in, what `set` switched on and mounts are looked at here.

use super::shell::Script;
use crate::graph::exec::{Exec, ExecMount, MountOp};

/// Caches of package managers that nothing but the package manager itself looks into.
const CACHES: &[&str] = &["/root/.npm", "/root/.cache/pip", "/root/.cache/yarn", "/usr/local/share/.cache/yarn"];

/// Why the commands cannot be told apart; of a single one there is nothing to say.
pub(super) fn undivided(exec: &Exec, script: &Script) -> Option<String> {
    if !script.is_whole {
        return Some("the step does more than run commands one after the other".to_owned());
    }
    if let Some(loose) = script.commands.iter().find(|command| !command.is_strict) {
        let name = loose.words.iter().take(2).cloned().collect::<Vec<_>>().join(" ");
        return Some(format!("where `{name}` fails the step goes on, which it would not do in a step of its own"));
    }
    let kept = exec.mounts.iter().find(|mount| script.commands.len() > 1 && keeps(mount))?;
    Some(format!("what is left in the mount at `{}` may be gone in a step of its own", kept.target))
}

/// Whether a command may leave something in a mount for the next one.
fn keeps(mount: &ExecMount) -> bool {
    match &mount.kind {
        MountOp::Secret(_) | MountOp::Ssh(_) => false,
        MountOp::Bind => !mount.read_only,
        MountOp::Cache { .. } => !CACHES.contains(&mount.target.trim_end_matches('/')),
        MountOp::Tmpfs { .. } => true,
    }
}
