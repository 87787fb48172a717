//! Every style of the text reports. The sixteen colours of the terminal's own theme only.

use anstyle::{AnsiColor, Style};

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
