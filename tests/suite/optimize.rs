//! What `optimize` suggests: the lists that a careful reviewer would make, the files before and after, and what holds for
//! every Dockerfile there is.
//!
//! In: `tests/fixtures/optimize`, and the recorded builds of the articles. Out: findings, rewritten files. A case has the
//! form of `case.rs`, with `findings` (rule, line, `safe` or `review`) and, where something is safe, `after`.

mod arguments;
mod articles;
mod cases;
mod commands;
mod every_file;
pub(crate) mod generated;
mod pages;
mod savings;
mod scene;
