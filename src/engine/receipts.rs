//! Which build contexts an engine has received, told by the vertices that load them. In go vertex updates and transfers,
//! out comes a [`Receipt`] for each context, and when it is time to look at the contexts again. It reads no file.
//!
//! BuildKit completes such a vertex twice: when it knows whose context to ask for, and when it has received it (solver,
//! `CacheMap` and `Exec`); between the two it tells of a transfer.

use std::collections::{BTreeMap, BTreeSet};

use planner::graph::lower::MAIN_CONTEXT;

use super::{TransferUpdate, VertexUpdate};
use crate::observation::Receipt;

/// The transfers seen so far, by context and vertex.
#[derive(Default)]
pub(crate) struct Receipts {
    transfers: BTreeMap<String, BTreeMap<String, Receipt>>,
    /// The vertices with a transfer that ended since they were last looked for.
    ended: BTreeSet<String>,
    /// The vertices that are over, and of which nobody looked at what they read since.
    owed: BTreeSet<String>,
}

impl Receipts {
    /// Takes an update. Whether a context has just been received.
    pub(crate) fn take(&mut self, update: &VertexUpdate) -> bool {
        let Some(context) = context(&update.name) else { return false };
        if update.started.is_none() {
            return false;
        }
        let is_over = update.completed.is_some();
        let receipt = if is_over && update.error.is_none() { Receipt::Whole } else { Receipt::Partial };
        let transfers = self.transfers.entry(context).or_default();
        transfers.insert(update.digest.clone(), receipt);
        if is_over {
            self.owed.insert(update.digest.clone());
        }
        is_over && self.ended.contains(&update.digest)
    }

    /// Takes note of a transfer, which may be told after the end of its vertex. Whether a context has just been received.
    pub(crate) fn note(&mut self, transfer: &TransferUpdate) -> bool {
        if transfer.completed.is_none() {
            return false;
        }
        self.ended.insert(transfer.vertex.clone());
        self.owed.contains(&transfer.vertex)
    }

    /// Whether a context may have been received since it was looked at last.
    pub(crate) fn is_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    /// To be told when the contexts have been looked at.
    pub(crate) fn settle(&mut self) {
        self.ended.clear();
        self.owed.clear();
    }

    /// What the engine has received of a context.
    pub(crate) fn of(&self, context: &str) -> Receipt {
        let Some(transfers) = self.transfers.get(context) else { return Receipt::Nothing };
        let is_whole = transfers.values().all(|receipt| *receipt == Receipt::Whole);
        if is_whole { Receipt::Whole } else { Receipt::Partial }
    }
}

/// The context that a vertex loads. In a plan of several targets the target's name stands behind the bracket.
fn context(name: &str) -> Option<String> {
    let (place, what) = name.strip_prefix('[')?.split_once("] ")?;
    if what == "load build context" && place.split(' ').next_back() == Some("internal") {
        return Some(MAIN_CONTEXT.to_owned());
    }
    let is_load = what == "load from client";
    let mut words = place.split(' ').rev();
    let named = words.next().filter(|_| is_load && words.next() == Some("context"));
    named.map(|name| name.split("::").next().unwrap_or(name).to_owned())
}
