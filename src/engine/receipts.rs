//! Which build contexts an engine has received, told by the vertices that load them. In go vertex updates and transfers,
//! out comes a [`Receipt`] for each context, and when it is time to look at the contexts again. It reads no file.
//!
//! BuildKit completes such a vertex twice: when it knows whose context to ask for, and when it has received it (solver,
//! `CacheMap` and `Exec`). Before the second end it tells that a transfer is over.

use std::collections::{BTreeMap, BTreeSet};

use planner::graph::lower::MAIN_CONTEXT;

use super::{TransferUpdate, VertexUpdate};
use crate::observation::Receipt;

/// The transfers seen so far, by context and vertex.
#[derive(Default)]
pub(crate) struct Receipts {
    transfers: BTreeMap<String, BTreeMap<String, Receipt>>,
    /// The vertices that began and told of no transfer yet.
    silent: BTreeSet<String>,
}

impl Receipts {
    /// Takes an update.
    pub(crate) fn take(&mut self, update: &VertexUpdate) {
        let Some(context) = context(&update.name) else { return };
        if update.started.is_none() {
            return;
        }
        let is_over = update.completed.is_some();
        let receipt = if is_over && update.error.is_none() { Receipt::Whole } else { Receipt::Partial };
        let before = self.transfers.entry(context).or_default().insert(update.digest.clone(), receipt);
        if before.is_none() {
            self.silent.insert(update.digest.clone());
        }
    }

    /// Takes note of a transfer. Whether a context has just been received.
    pub(crate) fn note(&mut self, transfer: &TransferUpdate) -> bool {
        let is_context = self.transfers.values().any(|vertices| vertices.contains_key(&transfer.vertex));
        if !is_context || transfer.completed.is_none() {
            return false;
        }
        self.silent.remove(&transfer.vertex);
        true
    }

    /// Whether a context may have been received without a word.
    pub(crate) fn has_silent(&self) -> bool {
        !self.silent.is_empty()
    }

    /// Whether each of so many targets has received that context. Those that are answered by one transfer count once.
    pub(crate) fn has_all(&self, context: &str, n_targets: usize) -> bool {
        let transfers = self.transfers.get(context);
        transfers.is_some_and(|vertices| {
            vertices.len() >= n_targets && vertices.keys().all(|vertex| !self.silent.contains(vertex))
        })
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
