//! Variable expansion: `$NAME`, `${NAME:-word}` and their kin against a scope that the caller brings.
