//! What the steps of this build and of recorded ones wrote, looked up only where keys leave a question open.

mod copied;

use std::collections::HashMap;
use std::rc::Rc;

use super::{Standing, Verdict};
use crate::cache_key::CacheKey;
use crate::context::BuildContext;
use crate::digest::{ContentDigest, Hasher};
use crate::filesystem::Filesystem;
use crate::filesystem::compare::{Likeness, View};
use crate::filesystem::write::Source;
use crate::graph::FileAction;
use crate::history::{Ledger, RecordedInput, StepRecord, Writes};
use crate::selector::Selector;
use crate::snapshot::{Snapshot, StepKind};

/// File systems by the step that wrote them.
pub(super) struct Contents<'a> {
    snapshot: &'a Snapshot,
    ledger: &'a Ledger,
    context: &'a dyn Fn(&ContentDigest) -> Option<BuildContext>,
    /// For each step so far, the recorded result it certainly is.
    settled: Vec<Option<CacheKey>>,
    contexts: HashMap<ContentDigest, Option<BuildContext>>,
    written: HashMap<Writer, Rc<Filesystem>>,
}

/// A step of this build or of a recorded one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Writer {
    Now(usize),
    Then(CacheKey),
}

impl<'a> Contents<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        ledger: &'a Ledger,
        context: &'a dyn Fn(&ContentDigest) -> Option<BuildContext>,
    ) -> Self {
        let (settled, contexts, written) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { snapshot, ledger, context, settled, contexts, written }
    }

    /// Notes what became of the next step.
    pub(super) fn settle(&mut self, index: usize, standing: &Standing) {
        let own = self.snapshot.steps[index].record.key;
        let key = if standing.is.contains(&own) { Some(own) } else { standing.is.iter().next().copied() };
        self.settled.push(key.filter(|_| standing.verdict == Verdict::Hit));
    }

    /// Compares the files that input `n` of a step selects now with those a recorded step selected.
    pub(super) fn likeness(&mut self, index: usize, n: usize, now: &RecordedInput, then: &RecordedInput) -> Likeness {
        if self.are_both_unseen(index, n, now, then) {
            return Likeness::Unknown;
        }
        let producer = self.snapshot.steps[index].inputs.get(n).map(|input| input.index());
        if let (Some(producer), RecordedInput::Files(_, selectors), RecordedInput::Files(older, older_selectors)) =
            (producer, now, then)
            && self.has_telling_file((Writer::Now(producer), selectors), (Writer::Then(older.key), older_selectors))
        {
            debug_assert_eq!(self.compared(producer, now, then), Likeness::Different);
            return Likeness::Different;
        }
        producer.map_or(Likeness::Unknown, |producer| self.compared(producer, now, then))
    }

    /// Compares all files.
    fn compared(&mut self, producer: usize, now: &RecordedInput, then: &RecordedInput) -> Likeness {
        let now = self.views(now, |_| Some(Writer::Now(producer)));
        let then = self.views(then, |key| Some(Writer::Then(key)));
        let (Some(now), Some(then)) = (now, then) else { return Likeness::Unknown };
        if now.len() != then.len() {
            return Likeness::Unknown;
        }
        now.iter().zip(&then).map(|(now, then)| now.likeness(then)).min().unwrap_or(Likeness::Equal)
    }

    /// Whether the files are those of two executions, of which nobody has seen anything: most often so, and known
    /// without a look at any file.
    fn are_both_unseen(&self, index: usize, n: usize, now: &RecordedInput, then: &RecordedInput) -> bool {
        let (RecordedInput::Files(_, selectors), RecordedInput::Files(then, _)) = (now, then) else { return false };
        let Some(input) = self.snapshot.steps[index].inputs.get(n) else { return false };
        let (now, then) = (self.canonical(Writer::Now(input.index())), Writer::Then(then.key));
        let is_unseen = |writer| self.record(writer).is_some_and(|record| record.writes == Writes::Anything);
        let is_other = match now {
            // What is yet to be made has no name that anything recorded could have.
            Writer::Now(index) => self.snapshot.steps[index].kind == StepKind::Step,
            now @ Writer::Then(_) => now != then,
        };
        is_other && !selectors.is_empty() && is_unseen(now) && is_unseen(then)
    }

    /// The first path that input `n` of a step selects of another step, and that is known not to be there.
    pub(super) fn missing(&mut self, index: usize, n: usize) -> Option<String> {
        let step = &self.snapshot.steps[index];
        let RecordedInput::Files(_, selectors) = step.record.inputs.get(n)? else { return None };
        let producer = Writer::Now(step.inputs.get(n)?.index());
        let filesystem = self.written(producer);
        let missing = selectors.iter().find(|selector| View::of_filesystem(&filesystem, selector).is_missing());
        missing.map(|selector| selector.path.clone())
    }

    fn views(&mut self, input: &RecordedInput, writer: impl Fn(CacheKey) -> Option<Writer>) -> Option<Vec<View>> {
        match input {
            RecordedInput::Base(_) => None,
            RecordedInput::Context { tree, selectors, .. } => {
                let context = self.context(tree)?;
                Some(selectors.iter().map(|selector| View::of_context(&context, selector)).collect())
            }
            RecordedInput::Files(producer, selectors) => {
                let filesystem = self.written(writer(producer.key)?);
                let view = |selector: &Selector| View::of_filesystem(&filesystem, selector);
                Some(selectors.iter().map(view).collect())
            }
        }
    }

    fn context(&mut self, tree: &ContentDigest) -> Option<BuildContext> {
        let context = self.context;
        self.contexts.entry(*tree).or_insert_with(|| context(tree)).clone()
    }

    /// What a step wrote. A chain of steps is followed down to one that is known, then written upwards, so that its
    /// length costs no stack.
    fn written(&mut self, writer: Writer) -> Rc<Filesystem> {
        let mut chain = Vec::new();
        let mut next = Some(self.canonical(writer));
        let mut filesystem = Rc::new(Filesystem::empty());
        while let Some(writer) = next {
            if let Some(known) = self.written.get(&writer) {
                filesystem = known.clone();
                break;
            }
            chain.push(writer);
            next = self.base(writer).map(|base| self.canonical(base));
        }
        while let Some(writer) = chain.pop() {
            filesystem = Rc::new(self.write(writer, &filesystem));
            self.written.insert(writer, filesystem.clone());
        }
        filesystem
    }

    /// A step that certainly is a recorded result wrote what that result holds.
    fn canonical(&self, writer: Writer) -> Writer {
        match writer {
            Writer::Now(index) => self.settled.get(index).copied().flatten().map_or(writer, Writer::Then),
            then @ Writer::Then(_) => then,
        }
    }

    fn record(&self, writer: Writer) -> Option<&'a StepRecord> {
        match writer {
            Writer::Now(index) => self.snapshot.steps.get(index).map(|step| &step.record),
            Writer::Then(key) => self.ledger.step(&key),
        }
    }

    /// The step whose file system this one continues, where what it writes can be told.
    fn base(&self, writer: Writer) -> Option<Writer> {
        let record = self.record(writer)?;
        let index = record.inputs.iter().position(|input| matches!(input, RecordedInput::Base(_)))?;
        if record.writes == Writes::Anything {
            return None;
        }
        self.producer(writer, record, index)
    }

    fn producer(&self, writer: Writer, record: &StepRecord, n: usize) -> Option<Writer> {
        match (writer, record.inputs.get(n)?) {
            (Writer::Now(index), _) => self.snapshot.steps[index].inputs.get(n).map(|input| Writer::Now(input.index())),
            (Writer::Then(_), RecordedInput::Base(producer) | RecordedInput::Files(producer, _)) => {
                Some(Writer::Then(producer.key))
            }
            (Writer::Then(_), RecordedInput::Context { .. }) => None,
        }
    }

    /// What a step makes of the file system it continues.
    fn write(&mut self, writer: Writer, base: &Rc<Filesystem>) -> Filesystem {
        let Some(record) = self.record(writer) else { return Filesystem::unknown(self.origin(writer)) };
        match &record.writes {
            Writes::Anything => Filesystem::unknown(self.origin(writer)),
            Writes::Layers => {
                let upper = self.producer(writer, record, 1).map(|upper| self.written(upper));
                upper.map_or_else(|| Filesystem::unknown(self.origin(writer)), |upper| base.merged(&upper))
            }
            Writes::Files(actions) => {
                let mut filesystem = Filesystem::clone(base);
                for action in actions {
                    if self.act(writer, record, action, &mut filesystem).is_none() {
                        return Filesystem::unknown(self.origin(writer));
                    }
                }
                filesystem
            }
        }
    }

    /// Follows one action; `None` if its source can't be had.
    fn act(&mut self, writer: Writer, record: &StepRecord, action: &FileAction, to: &mut Filesystem) -> Option<()> {
        match action {
            FileAction::Mkdir { path, mode, owner, .. } => to.make_folder(path, *mode, owner.as_ref()),
            FileAction::Mkfile { name, mode, size, content } => to.make_file(name, *mode, *size, *content),
            FileAction::Copy(copy) => match record.inputs.get(copy.input)? {
                RecordedInput::Context { tree, .. } => {
                    let context = self.context(tree)?;
                    to.copy(copy, Source::Context(&context));
                }
                RecordedInput::Base(_) | RecordedInput::Files(..) => {
                    let producer = self.producer(writer, record, copy.input)?;
                    let source = self.written(self.canonical(producer));
                    to.copy(copy, Source::Filesystem(&source));
                }
            },
        }
        Some(())
    }

    /// The name of files nobody has seen: an image's, a recorded execution's, or those this build has yet to make.
    fn origin(&self, writer: Writer) -> ContentDigest {
        let mut hasher = Hasher::new("origin");
        match writer {
            Writer::Then(key) => {
                hasher.digest(&key);
                if let Some(rerun) = self.ledger.step(&key).and_then(|step| step.rerun.as_ref()) {
                    hasher.text(rerun);
                }
            }
            Writer::Now(index) => {
                let step = &self.snapshot.steps[index];
                hasher.digest(&step.record.key);
                // An image or a pinned download is the same now as then; an execution makes its files anew, and a
                // server may give others.
                if matches!(step.kind, StepKind::Step | StepKind::Remote { pinned: false, .. }) {
                    hasher.text("yet to be made");
                }
            }
        }
        hasher.finish()
    }
}
