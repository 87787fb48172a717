//! Every file-driven test.

mod ignorefile;
