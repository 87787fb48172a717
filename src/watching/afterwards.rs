//! The command that follows a successful build: started by the shell in a process group of its own, ended with the whole
//! group when the next build succeeds or the watch ends. In goes a command line. What it says goes to the user untouched.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How long a command may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);
/// How often is looked whether it has.
const LOOK: Duration = Duration::from_millis(5);

/// A command that is started again and again.
pub(super) struct Afterwards {
    command: Option<String>,
    /// Whether standard output is somebody else's.
    is_aside: bool,
    running: Option<Child>,
}

impl Afterwards {
    /// That command, or none. If `is_aside` its output goes to standard error.
    pub(super) fn new(command: Option<String>, is_aside: bool) -> Self {
        Self { command, is_aside, running: None }
    }

    /// Ends the command if it still runs, and starts it.
    ///
    /// # Errors
    /// If there is no shell.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        let Some(command) = &self.command else { return Ok(()) };
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", command]).process_group(0).stdin(Stdio::null());
        if self.is_aside {
            shell.stdout(io::stderr());
        }
        self.end();
        self.running = Some(shell.spawn()?);
        Ok(())
    }

    /// Ends the command with all that it started: politely first.
    pub(super) fn end(&mut self) {
        let Some(mut child) = self.running.take() else { return };
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        // Until it is waited for, the group keeps its number.
        let signal = |signal: Signal| group.is_some_and(|group| kill_process_group(group, signal).is_ok());
        let asked = Instant::now();
        if signal(Signal::TERM) {
            while group.is_some_and(is_at_work) && asked.elapsed() < GRACE {
                thread::sleep(LOOK);
            }
        }
        signal(Signal::KILL);
        // It is killed; what cannot be waited for is gone.
        let _ended = child.wait();
    }
}

/// Asks without taking the end away: a process that was waited for gives its number free.
fn is_at_work(process: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::Pid(process), options), Ok(None))
}

impl Drop for Afterwards {
    fn drop(&mut self) {
        self.end();
    }
}
