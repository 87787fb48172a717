//! The answer's way to the user: one text, written once to standard output, coloured only where colours are
//! seen. Notes and warnings go to standard error. What a report says is decided in the modules below, one
//! per command; `json` holds the views for programs.

pub(crate) mod text;
pub(crate) mod palette;
pub(crate) mod layout;
pub(crate) mod cause;
pub(crate) mod explain;
pub(crate) mod plan;
pub(crate) mod record;
pub(crate) mod context;
pub(crate) mod json;

use std::io::{self, Write as _};

/// Writes the answer. Styles in it are dropped where standard output is no terminal, or the user wants none
/// (`NO_COLOR`, `TERM=dumb`; `CLICOLOR_FORCE` keeps them).
pub(crate) fn answer(answer: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(answer.as_bytes())?;
    out.flush()
}

/// Tells the user of something that does not stop the answer.
pub(crate) fn warn(warning: &str) {
    let style = palette::WARNING;
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(anstream::stderr(), "{style}warning{style:#}: {}", text::escape(warning));
}
