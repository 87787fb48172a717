//! The `--name[=value]` flags of each instruction.
