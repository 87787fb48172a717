//! Every file-driven test.

mod ignorefile;
mod scan;
