//! The user's own `docker`: finds it, starts a build, passes its progress on in pieces as they come, stops it when asked.
//! The build runs in a process group of its own, docker and its plugin buildx, so that Ctrl-C reaches it once and only
//! through here. In go an invocation, out come bytes of standard error and an exit status. What the bytes say is read elsewhere.

use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};

use super::invocation::Invocation;
use crate::fault::Fault;

/// The name of docker's program.
const DOCKER: &str = "docker";

/// What comes from a running build, and from the user while it runs.
pub(crate) enum Message {
    /// A piece of the builder's standard error.
    Progress(Vec<u8>),
    /// The builder has closed its standard error.
    Closed,
    /// The user wants it to stop.
    Stop,
}

/// A build that was started.
pub(crate) struct Running {
    child: Child,
    n_stops: usize,
}

impl Running {
    /// Starts a build; what it says goes to `tell`, which says whether anybody still listens.
    ///
    /// # Errors
    /// If there is no docker, or it cannot be started.
    pub(crate) fn start(
        invocation: &Invocation,
        tell: impl Fn(Message) -> bool + Send + 'static,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(DOCKER);
        command.args(&invocation.words).process_group(0).stderr(Stdio::piped());
        command.stdin(if invocation.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        if !invocation.answers_on_stdout {
            command.stdout(Stdio::null());
        }
        let mut child = command.spawn().map_err(|error| start_fault(&error))?;
        if let (Some(mut stdin), Some(bytes)) = (child.stdin.take(), invocation.stdin.clone()) {
            // A builder that ends early does not read it all, and says why itself.
            thread::spawn(move || drop(stdin.write_all(&bytes)));
        }
        if let Some(mut stderr) = child.stderr.take() {
            thread::spawn(move || {
                let mut buffer = vec![0; 1 << 16];
                loop {
                    match stderr.read(&mut buffer) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Ok(n) if n > 0 && tell(Message::Progress(buffer[..n].to_vec())) => {}
                        _ => break,
                    }
                }
                // The receiver may have gone.
                tell(Message::Closed);
            });
        }
        Ok(Self { child, n_stops: 0 })
    }

    /// Asks the build to stop: first politely, from the second time on for good.
    pub(crate) fn stop(&mut self) {
        self.n_stops += 1;
        self.signal(if self.n_stops == 1 { Signal::INT } else { Signal::KILL });
    }

    /// Whether docker itself has ended. What it began may go on after it was killed.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Stops what docker left behind: politely, or for good.
    pub(crate) fn clear(&self, for_good: bool) {
        self.signal(if for_good { Signal::KILL } else { Signal::TERM });
    }

    /// Older versions of docker do not pass a signal on to buildx, which does the work: all of the group get it.
    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself meanwhile.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Whether it was asked to stop.
    pub(crate) fn was_stopped(&self) -> bool {
        self.n_stops > 0
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Drop for Running {
    /// Leaves no build behind that nobody watches.
    fn drop(&mut self) {
        if !self.has_ended() {
            self.stop();
            let _ = self.child.wait();
        }
    }
}

/// What a docker command prints.
///
/// # Errors
/// If there is no docker, or it fails; the error is its own last line.
pub(crate) fn ask(words: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(DOCKER).args(words).stdin(Stdio::null()).output().map_err(|error| start_fault(&error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it did not say why").to_owned();
        return Err(Fault::new(format!("`docker {}` failed: {last}", words.join(" "))).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn start_fault(error: &io::Error) -> Fault {
    if error.kind() == io::ErrorKind::NotFound {
        return Fault::new("there is no `docker` program here")
            .with_hint("install Docker with buildx; `plan`, `explain` and `record` need neither");
    }
    Fault::new(format!("cannot run `docker`: {}", crate::intake::reason(error)))
}
