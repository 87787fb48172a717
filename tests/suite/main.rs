//! Every file-driven test. `case` lays a project out and runs the program on it; each other module is one topic.

#[cfg(test)]
mod case;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod semantics;
#[cfg(test)]
mod tidy;
