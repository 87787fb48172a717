//! Bytes to logical lines.
