//! Every file-driven test.

mod cli;
mod ignorefile;
