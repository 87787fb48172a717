//! A file that tells two selections apart without a look at all the others. A step that did nothing but copy a folder of
//! a build context holds, below its destination, what that folder held; where a file has other bytes now than then, and
//! both selections take it, they differ. In go two steps and what is selected of them; out comes whether such a file is
//! found. That none is found says nothing.

use crate::context::{BuildContext, ContextPath, FileEntry, FileKind, Folder, Found, Node};
use crate::graph::{CopyAction, FileAction};
use crate::history::{RecordedInput, Writes};
use crate::selector::Selector;

use super::{Contents, Writer};

impl Contents<'_> {
    /// Whether some file is sure to differ between what `selectors` take of two steps.
    pub(super) fn has_telling_file(
        &mut self,
        (now, selectors): (Writer, &[Selector]),
        (then, older_selectors): (Writer, &[Selector]),
    ) -> bool {
        if selectors.len() != older_selectors.len() {
            return false;
        }
        let (Some((now, newer)), Some((then, older))) = (self.copied(now), self.copied(then)) else { return false };
        if now.dest != then.dest || now.selector != then.selector {
            return false;
        }
        let is_told = |(taken, older_taken): (&Selector, &Selector)| {
            if taken.is_listed() || taken != older_taken {
                return false;
            }
            let (dest, source) = (ContextPath::new(&now.dest), ContextPath::new(&taken.path));
            let below = source.strip(&dest).or_else(|| dest.is_within(&source).then(ContextPath::root));
            let folder = ContextPath::new(&now.selector.path);
            let at = |context: &BuildContext| match context.find(&folder)? {
                Found::Folder(copied) => BuildContext::from_root(copied).find(below.as_ref()?),
                Found::File(_) => None,
            };
            match (at(&newer), at(&older)) {
                (Some(Found::Folder(newer)), Some(Found::Folder(older))) => differ(&newer, &older),
                (Some(Found::File(newer)), Some(Found::File(older))) => have_other_bytes(&newer, &older),
                _ => false,
            }
        };
        selectors.iter().zip(older_selectors).any(is_told)
    }

    /// What a step copied that did nothing but copy a folder of a context, upon files that nobody has seen or folders
    /// that were made: nothing there leads elsewhere by a link that is known.
    fn copied(&mut self, writer: Writer) -> Option<(CopyAction, BuildContext)> {
        let writer = self.canonical(writer);
        let record = self.record(writer)?;
        let Writes::Files(actions) = &record.writes else { return None };
        let [FileAction::Copy(copy)] = actions.as_slice() else { return None };
        let RecordedInput::Context { tree, .. } = record.inputs.get(copy.input)? else { return None };
        if copy.selector.is_listed() {
            return None;
        }
        let mut base = self.base(writer);
        while let Some(writer) = base.map(|base| self.canonical(base)) {
            match self.record(writer).map(|record| &record.writes) {
                None | Some(Writes::Anything) => break,
                Some(Writes::Files(actions)) if actions.iter().all(|a| matches!(a, FileAction::Mkdir { .. })) => {
                    base = self.base(writer);
                }
                Some(_) => return None,
            }
        }
        Some((CopyAction::clone(copy), self.context(tree)?))
    }
}

/// Whether some file of both folders has other bytes.
fn differ(newer: &Folder, older: &Folder) -> bool {
    newer.digest() != older.digest()
        && newer.entries().iter().any(|(name, newer)| match (newer, older.entry(name)) {
            (Node::File(newer), Some(Node::File(older))) => have_other_bytes(newer, older),
            (Node::Folder(newer), Some(Node::Folder(older))) => differ(newer, older),
            _ => false,
        })
}

fn have_other_bytes(newer: &FileEntry, older: &FileEntry) -> bool {
    match (&newer.kind, &older.kind) {
        (FileKind::File { .. }, FileKind::File { .. }) => newer.kind != older.kind,
        _ => false,
    }
}
