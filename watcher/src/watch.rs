//! Watches contexts and single files for whatever touches them, on `notify`: one watch for each folder that a scan would
//! enter, none in what is left out; one for each folder of a single file; one for each folder above a context, whose
//! root may be replaced. A thread of its own keeps the watches in step with the folders and pushes [`WatchEvent`]s.
//!
//! Nothing is lost in silence: where the system drops events, moves the ground or has no more watches to give, a rescan
//! is asked for. Whoever scans must start the watch first and scan then. What the system's watches do not see is not
//! told: a write through another hard link, on another machine of a network file system, or in a folder that is mounted
//! at two places of a subject, which is told of one of them.
//!
//! Nothing is read here, hashed or put together to batches: see `refresh` and `debounce`.

mod anchors;
mod folders;
mod eyes;

use std::io;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::place::{Subject, WatchEvent};
use eyes::{Eyes, Message};

/// A running watch; it ends when this is dropped.
#[derive(Debug)]
pub struct Watch {
    messages: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches `subject` with at most `most` watches (the system has its own limit), and calls `push` for each event. That
    /// is done on the watch's own thread: `push` must not call the watch. When this returns the watches are placed, and
    /// what happens from now on is told.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start(subject: Subject, most: usize, push: impl FnMut(WatchEvent) + Send + 'static) -> io::Result<Self> {
        let (messages, received) = mpsc::channel();
        let (to_eyes, push) = (messages.clone(), Box::new(push));
        let run = move || Eyes::new(most, to_eyes, push).run(&received);
        let thread = std::thread::Builder::new().name("watch".to_owned()).spawn(run)?;
        let watch = Self { messages, thread: Some(thread) };
        watch.replace(subject);
        Ok(watch)
    }

    /// Watches something else from now on: after the Dockerfile or an ignore file changed. What both subjects share is
    /// watched without a gap; events of what is no longer watched may still come. When this returns the watches are
    /// placed, so that a scan that follows misses nothing.
    pub fn replace(&self, subject: Subject) {
        let (done, waiting) = mpsc::channel();
        // Neither fails while the thread runs, and it runs as long as the watch.
        let _sent = self.messages.send(Message::Replace(subject, done));
        let _done = waiting.recv();
    }

    /// Tells that a rescan came to its end, how long it took and whether it found a change: while not everything can be
    /// watched, this decides when the next one is asked for.
    pub fn rescanned(&self, took: Duration, has_changed: bool) {
        let _sent = self.messages.send(Message::Rescanned(took, has_changed));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _sent = self.messages.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}
