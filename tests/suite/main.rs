//! Every file-driven test.
