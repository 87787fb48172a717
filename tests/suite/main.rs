//! Every file-driven test.

// The attribute tells clippy that helper functions are test code too.
#[cfg(test)]
mod dockerfile;
