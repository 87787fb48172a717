//! The report of `optimize`: how much there is to do, then each suggestion with its reason and its diff. In goes an
//! [`OptimizeReport`], out comes text. Lines of the Dockerfile are shown as they may be: what looks like a secret is masked.

use std::fmt::Write as _;

use planner::rules::{self, Rewritten};
use planner::saving::Saving;
use planner::secret::mask;
use planner::steps::Surroundings;
use planner::suggestion::{Applicability, Facts, Suggestion};
use similar::{ChangeTag, TextDiff};

use super::palette::{FAINT, GONE, HEADLINE, HINT, NEW};
use super::{layout, text};
use crate::yardstick::{Priced, Savings};

/// Lines around a change that a diff shows.
const N_AROUND: usize = 3;

/// Columns of a terminal.
const N_COLUMNS: usize = 80;

/// Doubts that are shown without `--verbose`.
const N_DOUBTS: usize = 2;

/// What is suggested.
pub(crate) struct OptimizeReport {
    /// The Dockerfile as the user knows it.
    pub(crate) dockerfile: String,
    /// The context as the user knows it.
    pub(crate) context: String,
    /// The text that the suggestions are about.
    pub(crate) text: String,
    /// The safe ones first; of those, and of the others, what saves most first, else by line.
    pub(crate) suggestions: Vec<Priced>,
    /// What was applied, and the text before; `None` where nothing was to be written.
    pub(crate) written: Option<(Vec<Suggestion>, String)>,
    /// What is saved; `None` where no history tells.
    pub(crate) savings: Option<Savings>,
    /// Why no history tells.
    pub(crate) no_history: Option<String>,
}

impl OptimizeReport {
    /// How many suggestions are safe.
    pub(crate) fn n_safe(&self) -> usize {
        self.suggestions.iter().filter(|priced| priced.one.applicability == Applicability::Safe).count()
    }

    /// Notes what was written, and what is left to suggest.
    pub(crate) fn remain(
        &mut self,
        rewritten: &Rewritten,
        around: Surroundings<'_>,
        is_wanted: &dyn Fn(&Suggestion) -> bool,
    ) {
        let before = std::mem::replace(&mut self.text, rewritten.text.clone());
        self.written = Some((rewritten.applied.clone(), before));
        if let Ok(facts) = Facts::read(rewritten.text.as_bytes(), around) {
            let left = rules::suggest(&facts).into_iter().filter(|one| is_wanted(one));
            self.suggestions = left.map(Priced::from).collect();
        }
    }

    /// The diff of one suggestion, as lines; none where it has no edit.
    pub(crate) fn diff(&self, suggestion: &Suggestion) -> Vec<String> {
        let after = suggestion.apply(&self.text).unwrap_or_else(|| self.text.clone());
        diff(&self.dockerfile, &self.text, &after)
    }

    /// The diff of what was written.
    pub(crate) fn written_diff(&self) -> Vec<String> {
        self.written.as_ref().map(|(_, before)| diff(&self.dockerfile, before, &self.text)).unwrap_or_default()
    }
}

/// A unified diff, safe to show.
fn diff(name: &str, before: &str, after: &str) -> Vec<String> {
    if before == after {
        return Vec::new();
    }
    let name = text::escape(name);
    let mut lines = vec![format!("--- {name}"), format!("+++ {name}")];
    let diff = TextDiff::from_lines(before, after);
    for hunk in diff.unified_diff().context_radius(N_AROUND).iter_hunks() {
        lines.push(hunk.header().to_string());
        for change in hunk.iter_changes() {
            let mark = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let line = change.value().trim_end_matches(['\n', '\r']);
            lines.push(format!("{mark}{}", shown(line)));
            if change.missing_newline() {
                lines.push("\\ No newline at end of file".to_owned());
            }
        }
    }
    lines
}

/// A line of the Dockerfile as it may be shown; tabs stay.
fn shown(line: &str) -> String {
    mask(line).split('\t').map(text::escape).collect::<Vec<_>>().join("\t")
}

/// The report as text; all doubts if `verbose`.
pub(crate) fn write(report: &OptimizeReport, verbose: bool) -> String {
    let mut out = String::new();
    headline(&mut out, report);
    if let Some(savings) = &report.savings {
        together(&mut out, report, savings);
    }
    if let Some(why) = &report.no_history {
        let _ = writeln!(out, "{FAINT}what is saved is not known: {}{FAINT:#}", text::escape(why));
    }
    for line in report.written_diff() {
        diff_line(&mut out, &line);
    }
    for priced in &report.suggestions {
        suggestion(&mut out, report, priced, verbose);
    }
    out
}

fn headline(out: &mut String, report: &OptimizeReport) {
    let name = text::escape(&report.dockerfile);
    let (n, n_safe) = (report.suggestions.len(), report.n_safe());
    if let Some((applied, _)) = &report.written {
        // Writing into a String cannot fail.
        let done = match applied.len() {
            0 => format!("`{name}` is left as it is: nothing is safe to apply"),
            n_done => format!("{} applied to `{name}`", text::count(n_done, "suggestion")),
        };
        let left = if n > 0 { format!("; {n} to review") } else { String::new() };
        let _ = writeln!(out, "{HEADLINE}{done}{left}{HEADLINE:#}");
        return;
    }
    let _ = match (n, n_safe) {
        (0, _) => writeln!(out, "{HEADLINE}nothing to suggest for `{name}`{HEADLINE:#}"),
        (n, 0) => writeln!(out, "{HEADLINE}{} for `{name}`, to review{HEADLINE:#}", text::count(n, "suggestion")),
        (n, n_safe) => {
            let all = text::count(n, "suggestion");
            writeln!(out, "{HEADLINE}{all} for `{name}`, {n_safe} safe{HEADLINE:#} (--write applies what is safe)")
        }
    };
}

/// What the safe suggestions save together, and whether fewer of them would save more.
fn together(out: &mut String, report: &OptimizeReport, savings: &Savings) {
    let Savings { n_commits, all, cheapest } = savings;
    let commits = match all.n_versions {
        n if n == *n_commits => format!("the last {}", text::count(n, "commit")),
        n => format!("the {n} of the last {} that it builds", text::count(*n_commits, "commit")),
    };
    let is_done = report.written.is_some();
    let told = match (is_done || report.n_safe() > 0, all.is_nothing()) {
        (false, _) => format!("over {commits} a build takes {} per commit", seconds(all.before)),
        (true, true) => {
            format!("over {commits} what is safe saves nothing ({} per commit)", seconds(all.before))
        }
        (true, false) => format!(
            "over {commits}: {} per commit, {} with what is safe ({})",
            seconds(all.before),
            seconds(all.after),
            percent(all)
        ),
    };
    let _ = writeln!(out, "{told}");
    if cheapest.saving.seconds() - all.seconds() >= 0.05 {
        let kept: Vec<&str> = cheapest.applied.iter().map(|one| one.rule).collect();
        let kept = if kept.is_empty() { "none of it".to_owned() } else { format!("only {}", kept.join(", ")) };
        let _ = writeln!(out, "{HINT}hint{HINT:#}: with {kept} it would be {}", seconds(cheapest.saving.after));
    }
}

/// What a suggestion saves by itself.
fn saves(saving: &Saving) -> String {
    match saving.seconds() {
        _ if saving.is_nothing() => "saves nothing on this project's history".to_owned(),
        less if less > 0.0 => format!("saves {} per commit ({})", seconds(less), percent(saving)),
        more => format!("costs {} more per commit on this project's history", seconds(-more)),
    }
}

fn percent(saving: &Saving) -> String {
    let share = (saving.share() * 100.0).round();
    if share < 0.0 { format!("{} % more", -share) } else { format!("{share} % less") }
}

fn seconds(seconds: f64) -> String {
    text::seconds(seconds)
}

fn suggestion(out: &mut String, report: &OptimizeReport, priced: &Priced, verbose: bool) {
    let Priced { one, saving } = priced;
    let (style, kind) = match one.applicability {
        Applicability::Safe => (NEW, "safe"),
        Applicability::Review => (HINT, "review"),
    };
    let said = |clause: &str| text::escape(&mask(clause));
    let wrapped = |out: &mut String, clause: &str| {
        for line in layout::wrap(clause, N_COLUMNS - 2) {
            let _ = writeln!(out, "  {line}");
        }
    };
    let place = format!("line {}: ", one.line);
    let title = layout::cut(&said(&one.title), N_COLUMNS - place.len());
    let _ = writeln!(out, "\n{place}{HEADLINE}{title}{HEADLINE:#}");
    let saves = saving.as_ref().map_or_else(String::new, |saving| format!("  {}", saves(saving)));
    let _ = writeln!(out, "  {style}{kind}{style:#} {FAINT}{}{FAINT:#}{saves}", one.rule);
    wrapped(out, &said(&one.reason));
    let n_shown = if verbose { usize::MAX } else { N_DOUBTS };
    for doubt in one.doubts.iter().take(n_shown) {
        wrapped(out, &format!("to check: {}", said(doubt)));
    }
    if one.doubts.len() > n_shown {
        let _ =
            writeln!(out, "  {FAINT}and {} more to check (--verbose shows all){FAINT:#}", one.doubts.len() - n_shown);
    }
    for difference in &one.declares {
        wrapped(out, &format!("what differs: {}", said(difference)));
    }
    for line in report.diff(one) {
        diff_line(out, &line);
    }
}

fn diff_line(out: &mut String, line: &str) {
    let _ = match line.chars().next() {
        _ if line.starts_with("--- ") || line.starts_with("+++ ") || line.starts_with("@@") => {
            writeln!(out, "{FAINT}{line}{FAINT:#}")
        }
        Some('-') => writeln!(out, "{GONE}{line}{GONE:#}"),
        Some('+') => writeln!(out, "{NEW}{line}{NEW:#}"),
        _ => writeln!(out, "{line}"),
    };
}
