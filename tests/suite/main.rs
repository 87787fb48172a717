//! Every file-driven test. `case` lays a project out and runs the program on it; each other module is one topic.

// The attribute tells clippy that helper functions are test code too.
#[cfg(test)]
mod case;
#[cfg(test)]
mod bases;
#[cfg(test)]
mod building;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod comment;
#[cfg(test)]
mod commits;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod diagnostics;
#[cfg(test)]
mod dockerfile;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod ignorefile;
#[cfg(test)]
mod optimize;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod semantics;
#[cfg(test)]
mod since;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod watching;
