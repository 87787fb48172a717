//! The thread behind a watch: events of `notify` go in, what they mean for the subject comes out, and watches follow
//! the folders that come and go. A folder is watched before it is walked, always, and all that is found in it is told.
//! Events say where to look, not what is there: the disk is asked. Contents are not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use notify::event::{ModifyKind, RenameMode};
use notify::{Event, EventKind};
use planner::context::ContextPath;

use super::anchors::{Anchors, spots};
use super::folders::{Folders, Identity, Raw};
use crate::enter::{below, enter};
use crate::place::{Passage, Place, Subject, WatchEvent, Watched, Why};
use crate::polling::Polling;

/// Between two rescans of what cannot be watched.
const RESCANS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));
/// Between two looks for a folder that is missing.
const LOOKS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// What the thread is sent.
pub(crate) enum Message {
    /// By `notify`.
    Raw(Raw),
    /// Watch this from now on; the sender is dropped when that is so.
    Replace(Subject, Sender<()>),
    /// A rescan took so long, and something had changed.
    Rescanned(Duration, bool),
    /// End.
    Stop,
}

/// What the thread knows.
pub(crate) struct Eyes {
    subject: Subject,
    anchors: Anchors,
    folders: Folders,
    /// The number of the set of folders whose events count.
    number: u64,
    most: usize,
    /// Runs while not every folder is watched.
    rescans: Option<Polling>,
    /// Runs while a folder is missing.
    looks: Option<Polling>,
    messages: Sender<Message>,
    push: Box<dyn FnMut(WatchEvent) + Send>,
}

impl Eyes {
    /// Eyes that watch nothing yet, with at most so many watches. Events are to come back through `messages`.
    pub(crate) fn new(most: usize, messages: Sender<Message>, push: Box<dyn FnMut(WatchEvent) + Send>) -> Self {
        let folders = folders(0, most, &messages);
        let (subject, anchors) = (Subject::default(), Anchors::default());
        Self { subject, anchors, folders, number: 0, most, rescans: None, looks: None, messages, push }
    }

    /// Works until told to stop.
    pub(crate) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let now = Instant::now();
            let deadline = self.deadline();
            let message = match deadline.map(|deadline| deadline.saturating_duration_since(now)) {
                Some(Duration::ZERO) => Err(RecvTimeoutError::Timeout),
                Some(wait) => messages.recv_timeout(wait),
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(Message::Raw((number, event))) if number == self.number => self.see(event),
                Ok(Message::Raw(_)) => {}
                Ok(Message::Replace(subject, done)) => {
                    self.replace(subject);
                    drop(done);
                }
                Ok(Message::Rescanned(took, has_changed)) => {
                    if let Some(rescans) = &mut self.rescans {
                        rescans.answer(Instant::now(), took, has_changed);
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.look(now),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Watches another subject. What both have in common stays watched throughout.
    pub(crate) fn replace(&mut self, subject: Subject) {
        self.subject = subject;
        if self.folders.shortage.is_some() {
            self.begin_anew();
        }
        self.place();
        self.settle_doubt();
    }

    /// What an event of `notify` means.
    pub(crate) fn see(&mut self, event: notify::Result<Event>) {
        match event {
            Ok(event) if !event.need_rescan() => {
                // Of a rename within the watched folders the two ends are told by themselves, too.
                if event.kind != EventKind::Modify(ModifyKind::Name(RenameMode::Both)) {
                    event.paths.iter().for_each(|path| self.see_path(event.kind, path));
                }
            }
            Ok(_) | Err(_) => self.start_over(Why::Overflow),
        }
        self.settle_doubt();
    }

    fn settle_doubt(&mut self) {
        if self.folders.is_suspect {
            self.start_over(Why::Moved);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let deadline = |polling: &Option<Polling>| polling.as_ref().map(Polling::deadline);
        deadline(&self.rescans).into_iter().chain(deadline(&self.looks)).min()
    }

    fn look(&mut self, now: Instant) {
        if let Some(rescans) = self.rescans.as_mut().filter(|rescans| rescans.deadline() <= now) {
            rescans.ask(now);
            (self.push)(WatchEvent::Rescan(Why::Polled));
        }
        if let Some(looks) = self.looks.as_mut().filter(|looks| looks.deadline() <= now) {
            looks.answer(now, Duration::ZERO, false);
            if Anchors::of(&self.subject) != self.anchors {
                self.start_over(Why::Moved);
            }
        }
    }

    /// Nothing that was known of the folders holds any more.
    fn start_over(&mut self, why: Why) {
        self.begin_anew();
        self.place();
        (self.push)(WatchEvent::Rescan(why));
    }

    fn begin_anew(&mut self) {
        self.number += 1;
        // The old set must have ended before the new one needs its watches.
        self.folders = Folders::nothing();
        self.folders = folders(self.number, self.most, &self.messages);
    }

    /// Places the watches that the subject needs, and ends the others.
    fn place(&mut self) {
        self.anchors = Anchors::of(&self.subject);
        let mut needed: BTreeSet<PathBuf> = self.anchors.folders.clone();
        needed.iter().for_each(|folder| self.folders.add(folder));
        for (name, root) in &self.anchors.roots {
            let Some(watched) = self.subject.contexts.get(name) else { continue };
            enter(watched, root, &ContextPath::root(), |met| {
                if met.is_folder {
                    self.folders.add(met.on_disk);
                    needed.insert(met.on_disk.to_owned());
                }
            });
        }
        self.folders.retain(&needed);
        self.note_shortage();
        let is_incomplete = self.anchors.is_incomplete;
        let looks = self.looks.take().filter(|_| is_incomplete);
        self.looks = looks.or_else(|| is_incomplete.then(|| Polling::new(Instant::now(), LOOKS.0, LOOKS.1)));
    }

    fn note_shortage(&mut self) {
        let Some(shortage) = &self.folders.shortage else {
            self.rescans = None;
            return;
        };
        if self.rescans.is_none() {
            (self.push)(WatchEvent::Polling(shortage.clone()));
        }
        self.rescans.get_or_insert_with(|| Polling::new(Instant::now(), RESCANS.0, RESCANS.1));
    }

    fn see_path(&mut self, kind: EventKind, path: &Path) {
        let is_content = matches!(kind, EventKind::Modify(ModifyKind::Data(_)));
        let is_metadata = matches!(kind, EventKind::Modify(ModifyKind::Metadata(_)));
        let may_move = !is_content && !is_metadata;
        if may_move && self.anchors.spine.contains(path) {
            self.start_over(Why::Moved);
            return;
        }
        self.see_file(path, may_move);
        let stands = if is_content { None } else { Identity::of(path) };
        let is_folder = stands.is_some() || self.folders.holds(path);
        // A folder that came is another than the one that is watched here, unless the walk of a folder above met it.
        let is_known = stands.is_some_and(|identity| self.folders.holds_this(path, identity));
        let is_met = is_known && (is_metadata || matches!(kind, EventKind::Create(_)));
        if is_folder && may_move && !is_met {
            self.folders.remove_within(path);
        }
        let contexts: Vec<(String, Arc<Watched>, PathBuf)> = self.contexts_of(path).collect();
        for (name, watched, root) in contexts {
            let Some(path) = below(path, &root) else { continue };
            let (passage, _) = watched.passage_from_root(&path, is_folder);
            let is_open = passage == Passage::Open;
            if is_open || watched.requested.names(&path) {
                (self.push)(WatchEvent::Touched(Place::Context { name: name.clone(), path: path.clone() }));
            }
            if is_open && stands.is_some() && !is_met {
                self.enter(&name, &watched, &root, &path);
            }
        }
    }

    fn contexts_of(&self, path: &Path) -> impl Iterator<Item = (String, Arc<Watched>, PathBuf)> {
        let within = self.anchors.roots.iter().filter(move |(_, root)| path.starts_with(root));
        within.filter_map(|(name, root)| Some((name.clone(), self.subject.contexts.get(name)?.clone(), root.clone())))
    }

    /// Tells of a single file.
    fn see_file(&mut self, path: &Path, may_move: bool) {
        let Some(files) = self.anchors.files.get(path).cloned() else { return };
        let mut is_led_elsewhere = false;
        for file in files {
            let leads_to = |spot: &&PathBuf| self.anchors.files.get(*spot).is_some_and(|files| files.contains(&file));
            let n_spots = self.anchors.files.values().filter(|files| files.contains(&file)).count();
            let now = if may_move { spots(&file) } else { BTreeSet::new() };
            is_led_elsewhere |= may_move && (now.len() != n_spots || !now.iter().all(|spot| leads_to(&spot)));
            (self.push)(WatchEvent::Touched(Place::File(file)));
        }
        if is_led_elsewhere {
            self.place();
        }
    }

    /// Watches a folder that came, and tells all that is in it.
    fn enter(&mut self, name: &str, watched: &Arc<Watched>, root: &Path, folder: &ContextPath) {
        enter(watched, root, folder, |met| {
            if met.is_folder {
                self.folders.add(met.on_disk);
            } else {
                let place = Place::Context { name: name.to_owned(), path: met.path.clone() };
                (self.push)(WatchEvent::Touched(place));
            }
        });
        self.note_shortage();
    }
}

/// An empty set whose events come back as messages.
fn folders(number: u64, most: usize, messages: &Sender<Message>) -> Folders {
    let messages = messages.clone();
    Folders::new(number, most, move |raw| {
        // Nobody listens any more only when the thread has ended.
        let _ended = messages.send(Message::Raw(raw));
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::mpsc::{self, Receiver};

    use notify::event::Flag;
    use notify::{Event, EventKind};
    use planner::ignorefile::Ignorefile;
    use planner::requested::Requested;
    use tempfile::TempDir;

    use super::{Eyes, Message};
    use crate::place::{Shortage, Subject, WatchEvent, Watched, Why};

    /// Eyes on `ctx` in a folder, which nobody sends events.
    fn eyes(folder: &Path, rules: &str, sources: &[&str], most: usize) -> (Eyes, Receiver<WatchEvent>) {
        let requested = Requested::of(sources.iter().map(|source| source.as_bytes().to_vec()));
        let ignorefile = Ignorefile::parse(rules.as_bytes()).0;
        let watched = Arc::new(Watched { root: folder.join("ctx"), ignorefile, requested });
        let subject = Subject { contexts: [("main".to_owned(), watched)].into(), files: [].into() };
        let ((push, events), (messages, _)) = (mpsc::channel(), mpsc::channel::<Message>());
        let mut eyes = Eyes::new(most, messages, Box::new(move |event| push.send(event).unwrap()));
        eyes.replace(subject);
        (eyes, events)
    }

    fn folders(names: &[&str]) -> TempDir {
        let folder = TempDir::new().unwrap();
        names.iter().for_each(|name| fs::create_dir_all(folder.path().join("ctx").join(name)).unwrap());
        folder
    }

    #[test]
    fn only_folders_that_a_scan_enters_are_watched() {
        let names = ["src/a/b", "node_modules/x/y", "docs/z", "target/keep/it", "target/debug"];
        let folder = folders(&names);
        // The folder above the root is watched, too.
        let n_placed =
            |rules, sources: &[&str]| eyes(folder.path(), rules, sources, usize::MAX).0.folders.n_placed() - 1;
        assert_eq!(n_placed("", &["."]), 1 + 3 + 3 + 2 + 4);
        assert_eq!(n_placed("node_modules\ntarget\n", &["."]), 1 + 3 + 2);
        assert_eq!(n_placed("node_modules\ntarget\n", &["src/a/x.c", "missing/y"]), 1 + 2);
        assert_eq!(n_placed("*\n!target/keep\n", &["."]), 1 + 3);
    }

    #[test]
    fn lost_events_place_the_watches_anew_and_ask_for_a_rescan() {
        let folder = folders(&["a"]);
        let (mut eyes, events) = eyes(folder.path(), "", &["."], usize::MAX);
        fs::create_dir_all(folder.path().join("ctx/unseen/deep")).unwrap();
        eyes.see(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)));
        assert_eq!(events.try_iter().collect::<Vec<_>>(), [WatchEvent::Rescan(Why::Overflow)]);
        assert_eq!((eyes.number, eyes.folders.n_placed()), (1, 1 + 4));
        eyes.see(Err(notify::Error::generic("broken")));
        assert_eq!(events.try_iter().collect::<Vec<_>>(), [WatchEvent::Rescan(Why::Overflow)]);
    }

    #[test]
    fn too_few_watches_are_told_once_and_polled_for_until_there_are_enough() {
        let folder = folders(&["a/b/c"]);
        let (mut eyes, events) = eyes(folder.path(), "", &["."], 3);
        assert_eq!(events.try_iter().collect::<Vec<_>>(), [WatchEvent::Polling(Shortage::Watches)]);
        assert_eq!(eyes.folders.n_placed(), 3);
        let deadline = eyes.deadline().unwrap();
        eyes.look(deadline);
        assert_eq!(events.try_iter().collect::<Vec<_>>(), [WatchEvent::Rescan(Why::Polled)]);
        assert!(eyes.deadline().unwrap() > deadline);
        eyes.replace(eyes.subject.clone());
        assert_eq!(events.try_iter().count(), 0);
        fs::remove_dir_all(folder.path().join("ctx/a/b")).unwrap();
        eyes.replace(eyes.subject.clone());
        assert!(eyes.deadline().is_none());
    }
}
