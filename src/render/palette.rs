//! Every style of the text reports. The sixteen colours of the terminal's own theme only.

use anstyle::{AnsiColor, Style};
use planner::explanation::Status;

/// `error:`
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// `warning:`
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// `hint:`
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// The conclusion of a report.
pub(crate) const HEADLINE: Style = Style::new().bold();
/// What matters less than its neighbours.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// A line that an edit took away.
pub(crate) const GONE: Style = AnsiColor::Red.on_default();
/// The words of it that differ.
pub(crate) const GONE_WORD: Style = AnsiColor::Red.on_default().bold();
/// A line that an edit brought.
pub(crate) const NEW: Style = AnsiColor::Green.on_default();
/// The words of it that differ.
pub(crate) const NEW_WORD: Style = AnsiColor::Green.on_default().bold();

/// A step of that status.
pub(crate) fn of_status(status: Status) -> Style {
    match status {
        Status::Hit => AnsiColor::Green.on_default(),
        Status::Miss => AnsiColor::Red.on_default(),
        Status::Pending | Status::Unknown => AnsiColor::Yellow.on_default(),
        Status::Unused | Status::None => FAINT,
    }
}
