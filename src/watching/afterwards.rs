//! The command that follows a successful build: started by the shell in a process group of its own, ended with the whole
//! group when the next build succeeds or the watch ends. A thread looks after it, so that nobody waits for a command that
//! takes its time to end. In go a command line and orders, out comes what is to be said of a command that failed. What the
//! command itself says goes to the user untouched; on a terminal with a live view it comes out, too, to be written above.

use std::fs;
use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid};

/// How long a command may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);
/// How often is looked whether it has.
const LOOK: Duration = Duration::from_millis(10);

/// A command that is started again and again.
pub(super) struct Afterwards(Option<(Sender<Order>, JoinHandle<()>)>);

/// What the command, or this module of it, has to say.
pub(super) enum Word {
    /// It failed.
    Failure(String),
    /// It wrote something, to standard error if so.
    Output(Vec<u8>, bool),
}

/// Where what the command writes goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outlet {
    /// To the user as it is.
    User,
    /// The same, all of it to standard error: standard output is somebody else's.
    Aside,
    /// It is told, to be written above the view.
    Told,
}

impl Outlet {
    /// Where the output goes while events are written to standard output, or a live view is drawn.
    pub(super) fn of(has_events: bool, has_view: bool) -> Self {
        match (has_events, has_view) {
            (_, true) => Self::Told,
            (true, false) => Self::Aside,
            (false, false) => Self::User,
        }
    }
}

enum Order {
    Begin,
    /// The shell of that process ended.
    Over(Pid),
    End,
}

impl Afterwards {
    /// That command, or none.
    pub(super) fn new(command: Option<String>, outlet: Outlet, tell: impl Fn(Word) + Clone + Send + 'static) -> Self {
        Self(command.map(|command| {
            let (orders, inbox) = mpsc::channel();
            let mut keeper = Keeper { command, outlet, orders: orders.clone(), running: None, tell };
            (orders, thread::spawn(move || keeper.obey(&inbox)))
        }))
    }

    /// Ends the command if it still runs, and starts it.
    pub(super) fn begin(&self) {
        self.order(Order::Begin);
    }

    /// Ends the command with all that it started.
    pub(super) fn end(&mut self) {
        self.order(Order::End);
        if let Some((_, keeper)) = self.0.take() {
            // A keeper that panicked has said so.
            drop(keeper.join());
        }
    }

    fn order(&self, order: Order) {
        if let Some((orders, _)) = &self.0 {
            // The keeper goes only when it is told to.
            drop(orders.send(order));
        }
    }
}

impl Drop for Afterwards {
    fn drop(&mut self) {
        self.end();
    }
}

/// Looks after the command.
struct Keeper<T> {
    command: String,
    outlet: Outlet,
    orders: Sender<Order>,
    running: Option<(Child, Pid)>,
    tell: T,
}

impl<T: Fn(Word) + Clone + Send + 'static> Keeper<T> {
    fn obey(&mut self, orders: &Receiver<Order>) {
        for order in orders {
            match order {
                Order::Begin => {
                    self.end();
                    if let Err(error) = self.start() {
                        (self.tell)(Word::Failure(format!("cannot start `{}`: {error}", self.command)));
                    }
                }
                Order::Over(shell) => {
                    let status = self.running.as_ref().filter(|(_, pid)| *pid == shell).and_then(|_| look(shell));
                    if let Some(how) = status.as_ref().and_then(failure) {
                        (self.tell)(Word::Failure(format!("`{}` {how}", self.command)));
                    }
                }
                Order::End => break,
            }
        }
        self.end();
    }

    fn start(&mut self) -> io::Result<()> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &self.command]).process_group(0).stdin(Stdio::null());
        match self.outlet {
            Outlet::User => {}
            Outlet::Aside => drop(shell.stdout(io::stderr())),
            Outlet::Told => drop(shell.stdout(Stdio::piped()).stderr(Stdio::piped())),
        }
        let mut child = shell.spawn()?;
        if let Some(out) = child.stdout.take() {
            self.pass_on(out, false);
        }
        if let Some(error) = child.stderr.take() {
            self.pass_on(error, true);
        }
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let orders = self.orders.clone();
            thread::spawn(move || {
                let ended = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
                // The watch may have ended.
                ended.is_ok().then(|| orders.send(Order::Over(pid)))
            });
            self.running = Some((child, pid));
        }
        Ok(())
    }

    /// Tells what comes out there, as it comes.
    fn pass_on(&self, mut out: impl Read + Send + 'static, is_error: bool) {
        const N_BYTES: usize = 8 * 1024;
        let tell = self.tell.clone();
        thread::spawn(move || {
            let mut bytes = [0; N_BYTES];
            while let Ok(n @ 1..) = out.read(&mut bytes) {
                tell(Word::Output(bytes[..n].to_vec(), is_error));
            }
        });
    }

    /// Ends the command with all that it started: politely first. Until the shell is waited for, the group keeps its
    /// number.
    fn end(&mut self) {
        let Some((mut child, group)) = self.running.take() else { return };
        let asked = Instant::now();
        if kill_process_group(group, Signal::TERM).is_ok() {
            while is_at_work(group) && asked.elapsed() < GRACE {
                thread::sleep(LOOK);
            }
        }
        // Where nobody is left, there is nobody to kill.
        let _killed = kill_process_group(group, Signal::KILL);
        let _ended = child.wait();
    }
}

/// How a process ended, which is not taken away: one that was waited for gives its number free.
fn look(process: Pid) -> Option<WaitIdStatus> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(process), options).ok().flatten()
}

/// What is said of an end that was no success.
fn failure(status: &WaitIdStatus) -> Option<String> {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("ended with exit status {code}")),
        (None, signal) => Some(format!("was killed by signal {}", signal.unwrap_or_default())),
    }
}

/// Whether somebody of the group still runs: the shell that leads it, or one of those it started (proc(5), the state and
/// the group in `stat`; elsewhere than on Linux the shell alone counts).
fn is_at_work(group: Pid) -> bool {
    let is_member = |stat: &str| {
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let (state, of) = (fields.next(), fields.nth(1));
        !matches!(state, Some("Z" | "X")) && of.and_then(|of| of.parse().ok()) == Some(group.as_raw_nonzero().get())
    };
    let stats = fs::read_dir("/proc").into_iter().flatten().flatten();
    look(group).is_none()
        || stats
            .map(|entry| entry.path().join("stat"))
            .any(|stat| fs::read_to_string(stat).is_ok_and(|stat| is_member(&stat)))
}
