//! The report of `record`: one line on what was taken over.

use super::palette::HEADLINE;
use super::text;

/// The report. `n_new` counts the steps that no record knew, `None` under a frontend of which nothing is known;
/// `missing` is the source that fails the build, if one does.
pub(crate) fn write(n_new: Option<usize>, missing: Option<&str>) -> String {
    let Some(n_new) = n_new else {
        return format!("{HEADLINE}recorded no step{HEADLINE:#}; another frontend reads this Dockerfile\n");
    };
    let steps = text::count(n_new, "step");
    match missing {
        None if n_new == 0 => format!("{HEADLINE}recorded{HEADLINE:#}; every step was known\n"),
        None => format!("{HEADLINE}recorded{HEADLINE:#}; {steps} not known before\n"),
        Some(path) => format!(
            "{HEADLINE}recorded what completes before the build fails{HEADLINE:#}; {steps} not known before\n\
             `{}` is not in the build context\n",
            text::escape(path)
        ),
    }
}
