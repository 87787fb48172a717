//! Which build contexts an engine has received, told by the vertices that load them. In go vertex updates, out comes a
//! [`Receipt`] for each context. It reads no file.

use std::collections::BTreeMap;

use planner::graph::lower::MAIN_CONTEXT;

use super::VertexUpdate;
use crate::observation::Receipt;

/// The transfers seen so far, by context and vertex.
#[derive(Default)]
pub(crate) struct Receipts {
    transfers: BTreeMap<String, BTreeMap<String, Receipt>>,
}

impl Receipts {
    /// Takes an update. Whether it says that a context has been received.
    pub(crate) fn take(&mut self, update: &VertexUpdate) -> bool {
        let Some(context) = context(&update.name) else { return false };
        if update.started.is_none() {
            return false;
        }
        let is_over = update.completed.is_some();
        let receipt = if is_over && update.error.is_none() { Receipt::Whole } else { Receipt::Partial };
        let transfers = self.transfers.entry(context).or_default();
        transfers.insert(update.digest.clone(), receipt);
        is_over
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
