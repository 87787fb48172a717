//! The eyes of stageplan: the only code that walks, hashes or watches a build context.
//!
//! The modules stand in reading order; each uses only those above it.

pub mod hash;
pub mod stat_cache;
mod walk;
mod census;
mod scan;
mod list;
mod follow;
mod refresh;
mod place;
pub mod debounce;
mod polling;
mod enter;
mod watch;

pub use census::census;
pub use follow::resolve_requested;
pub use list::{EntryKind, Ignored, Kept, Listing, list};
pub use place::{Place, Shortage, Subject, WatchEvent, Watched, Why};
pub use refresh::{Refresh, refresh};
pub use scan::{Scan, scan, scan_at};
pub use stat_cache::StatCache;
pub use walk::ScanError;
pub use watch::Watch;
