//! The answer's way to the user: one text, written once to standard output, coloured only where colours are
//! seen. Notes and warnings go to standard error. What a report says is decided in the modules below, one
//! per command; `json` holds the views for programs.

pub(crate) mod text;
pub(crate) mod palette;
pub(crate) mod diagnostic;
pub(crate) mod layout;
pub(crate) mod cause;
pub(crate) mod review;
pub(crate) mod explain;
pub(crate) mod plan;
pub(crate) mod graph;
pub(crate) mod markdown;
pub(crate) mod github;
pub(crate) mod progress;
pub(crate) mod build;
pub(crate) mod history;
pub(crate) mod commits;
pub(crate) mod record;
pub(crate) mod context;
pub(crate) mod optimize;
pub(crate) mod json;
pub(crate) mod watch;

use std::io::{self, Write as _};

use crate::fault::Fault;
use crate::intake;
use crate::refusal::Warning;

/// Writes the answer. Styles in it are dropped where standard output is no terminal, or the user wants none
/// (`NO_COLOR`, `TERM=dumb`; `CLICOLOR_FORCE` keeps them).
pub(crate) fn answer(answer: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(answer.as_bytes())?;
    out.flush()
}

/// The most warnings about a Dockerfile that are told of.
const MOST_WARNINGS: usize = 3;

/// Tells the user what BuildKit warns of in the Dockerfile, with the lines it is about.
pub(crate) fn warn_of(warnings: &[Warning]) {
    for Warning { message, place } in warnings.iter().take(MOST_WARNINGS) {
        warn(message);
        if let Some(place) = place {
            // Nobody is left to tell when standard error is closed.
            let _ = write!(anstream::stderr(), "{}", diagnostic::of_warning(place));
        }
    }
    if let Some(n_more) = warnings.len().checked_sub(MOST_WARNINGS).filter(|n_more| *n_more > 0) {
        warn(&format!("{n_more} more in the Dockerfile"));
    }
}

/// Writes an answer to standard error, where standard output is taken.
pub(crate) fn talk(answer: &str) -> io::Result<()> {
    anstream::stderr().lock().write_all(answer.as_bytes())
}

/// An error with its causes as one clause, system errors in words.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let clause = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().map_or_else(|| cause.to_string(), intake::reason)
    };
    error.chain().map(clause).collect::<Vec<_>>().join(": ")
}

/// Tells the user what went wrong, where, and one hint.
pub(crate) fn fault(error: &anyhow::Error) {
    let (style, hint_style) = (palette::ERROR, palette::HINT);
    let mut err = anstream::stderr();
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(err, "{style}error{style:#}: {}", text::escape(&told(error)));
    if let Some(place) = Fault::place_of(error) {
        let _ = write!(err, "{}", diagnostic::of_error(place));
    }
    if let Some(hint) = Fault::hint_of(error) {
        let _ = writeln!(err, "{hint_style}hint{hint_style:#}: {}", text::escape(hint));
    }
}

/// Tells the user of something that does not stop the answer.
pub(crate) fn warn(warning: &str) {
    let style = palette::WARNING;
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(anstream::stderr(), "{style}warning{style:#}: {}", text::escape(warning));
}
