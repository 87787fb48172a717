//! Logical lines to instructions.
