//! Every file-driven test.
#![cfg(test)]

mod ignorefile;
mod scan;
