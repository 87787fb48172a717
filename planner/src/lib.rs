//! The pure core of stageplan: from the text of a Dockerfile and the value of a build context to
//! a prediction of what BuildKit's cache will do. No file, clock, environment, process, network,
//! terminal or thread is touched here; everything that is known comes in as a value.
//!
//! The modules stand in reading order; each uses only those above it.

pub mod digest;
pub mod source;
pub mod diagnostic;
pub mod glob;
pub mod secret;
pub mod dockerfile;
pub mod context;
pub mod ignorefile;
pub mod requested;
pub mod transfer;
pub mod hypothesis;
pub mod engine_profile;
pub mod selector;
pub mod image;
pub mod request;
pub mod graph;
pub mod cache_key;
pub mod history;
pub mod snapshot;
pub mod filesystem;
pub mod prediction;
pub mod plan;
pub mod recipe;
pub mod alignment;
pub mod built;
pub mod unsettled;
pub mod recording;
pub mod cause;
pub mod explanation;
pub mod weight;
pub mod replay;
pub mod known_command;
pub mod steps;
pub mod suggestion;
pub mod safety;
pub mod rules;
pub mod saving;
