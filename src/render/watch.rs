//! What `watch` tells: one line for a change and what it reaches, one for a build; or for programs one JSON object per
//! event, see `docs/json.md`. In go changes, outlooks and ends of builds, out come lines on standard output, in step with
//! the live view on a terminal. It decides nothing.

mod board;
mod events;

use std::fmt::Write as _;
use std::io::{self, Write as _};

use indicatif::MultiProgress;
use jiff::{Timestamp, Zoned};
use planner::built::{Built, End, Outcome};
use planner::prediction::Verdict;
use serde::Serialize;

use self::board::Board;
use self::events::{Event, Finished, StepView};
use super::build::{Closing, disagreements};
use super::palette::{ERROR, FAINT, HEADLINE, WARNING};
use super::progress::State;
use super::{json, text};
use crate::args::Format;
use crate::fault::Fault;

/// So many paths of a change are named.
const N_PATHS: usize = 3;
/// Stands below the time of day.
const INDENT: &str = "          ";
/// A line should not be wider.
const COLUMNS: usize = 80;
/// So many steps that a change reaches are shown.
const N_ROWS: usize = 4;

/// What a save came to.
pub(crate) struct Change {
    /// What changed, else what was touched. Empty where nothing is there.
    pub(crate) paths: Vec<String>,
    /// What follows.
    pub(crate) effect: Effect,
}

/// What follows from a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// Some target is made of something else now.
    Steps,
    /// Files hold what they held.
    SameContent,
    /// Only files that an editor keeps for itself; a build would take them along, but none begins.
    EditorsFile,
    /// No step of the watched targets reads it.
    NotRead,
    /// The Dockerfile or an ignore file was edited, and the build is as before.
    SamePlan,
}

/// A step that failed.
#[derive(Serialize)]
pub(crate) struct Failure {
    /// `stage:line`.
    pub(crate) step: String,
    /// The builder's words.
    pub(crate) message: String,
    /// The last lines of what it wrote.
    pub(crate) log: Vec<String>,
}

/// What a build of the watched targets would do.
pub(crate) struct Outlook {
    /// Their names.
    pub(crate) targets: Vec<String>,
    /// All their steps, in the order of the plan.
    pub(crate) rows: Vec<Row>,
    /// The seconds the build is expected to take; `None` where some step was never timed.
    pub(crate) seconds: Option<f64>,
}

/// A step in an outlook.
pub(crate) struct Row {
    /// `stage:line`.
    pub(crate) name: String,
    /// The instruction.
    pub(crate) text: String,
    /// What becomes of it.
    pub(crate) verdict: Verdict,
    /// What it took when it last ran.
    pub(crate) seconds: Option<f64>,
    /// Whether all that it reads comes from the cache.
    pub(crate) is_first: bool,
}

/// What is watched.
pub(crate) struct Ready<'a> {
    /// The targets.
    pub(crate) targets: &'a [String],
    /// Stages that no other stage reads and nobody watches.
    pub(crate) unwatched: &'a [String],
    /// Files and folders in the contexts.
    pub(crate) n_entries: usize,
    /// Why nothing is built, if so.
    pub(crate) plan_only: Option<String>,
}

impl Outlook {
    fn count(&self, is: impl Fn(Verdict) -> bool) -> usize {
        self.rows.iter().filter(|row| is(row.verdict)).count()
    }

    fn open(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.verdict != Verdict::Hit)
    }

    /// `4 of 9 steps will run (about 12 s)`.
    fn told(&self) -> String {
        let n = self.rows.len();
        let n_miss = self.count(|verdict| verdict == Verdict::Miss);
        let n_open = self.count(|verdict| verdict != Verdict::Hit) - n_miss;
        let of = format!("of {}", text::count(n, "step"));
        let runs = match (n_miss, n_open) {
            (0, 0) if n == 1 => return "its step is cached".to_owned(),
            (0, 0) => return format!("all {} are cached", text::count(n, "step")),
            (0, open) if open == n && self.count(|verdict| matches!(verdict, Verdict::Unknown(_))) == n => {
                return format!("nothing is known yet of {}", text::count(n, "step"));
            }
            (0, open) => format!("{open} {of} may run"),
            (miss, 0) => format!("{miss} {of} will run"),
            (miss, open) => format!("{miss} {of} will run, {open} more may"),
        };
        match self.seconds {
            Some(seconds) if seconds > 0.0 => format!("{runs} (about {})", text::seconds(seconds)),
            _ => runs,
        }
    }
}

/// Says what happens.
pub(crate) struct Voice {
    format: Format,
    board: Option<Board>,
    /// The last line about a save that came to nothing; it is not said twice.
    last_quiet: String,
    /// The last error; it is not said twice either, unless something was saved meanwhile.
    last_error: String,
}

impl Voice {
    /// Speaks in that format; on a terminal with a live view.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, board: Board::on_terminal(), last_quiet: String::new(), last_error: String::new() }
    }

    /// Shows how each target stands.
    pub(crate) fn targets(&mut self, states: &[(&str, &'static str)]) {
        if let Some(board) = &mut self.board {
            board.targets(states);
        }
    }

    /// Where the display of a build is drawn.
    pub(crate) fn bars(&self) -> Option<MultiProgress> {
        self.board.as_ref().map(Board::bars)
    }

    /// What is watched.
    pub(crate) fn ready(&mut self, ready: &Ready<'_>) -> anyhow::Result<()> {
        if self.format == Format::Json {
            let Ready { targets, unwatched, n_entries, plan_only } = ready;
            return self.event(&Event::Ready {
                targets,
                unwatched,
                entries: *n_entries,
                builds: plan_only.is_none(),
                reason: plan_only.as_deref(),
            });
        }
        let targets = ready.targets.iter().map(|name| spoken(name)).collect::<Vec<_>>().join(" and ");
        let entries = if ready.n_entries == 1 { "file" } else { "files and folders" };
        let mut line = format!("watching {} {entries} for {targets}", ready.n_entries);
        if !ready.unwatched.is_empty() {
            let names: Vec<String> = ready.unwatched.iter().map(|name| spoken(name)).collect();
            let _ = write!(line, "; not watched: {} (--leaves adds them)", names.join(", "));
        }
        self.say(&format!("{HEADLINE}{line}{HEADLINE:#}"))?;
        match &ready.plan_only {
            Some(reason) => self.say(&format!("{FAINT}nothing is built: {}{FAINT:#}", text::escape(reason))),
            None => Ok(()),
        }
    }

    /// What a save came to. Where it reaches steps, what follows is to be told of those.
    pub(crate) fn change(&mut self, change: &Change) -> anyhow::Result<()> {
        if change.paths.is_empty() && !matches!(change.effect, Effect::Steps | Effect::SamePlan) {
            return Ok(());
        }
        self.last_error.clear();
        if self.format == Format::Json {
            return self.event(&Event::of_change(change));
        }
        let paths = named(&change.paths);
        let quiet = match change.effect {
            Effect::Steps => {
                self.last_quiet.clear();
                return Ok(());
            }
            Effect::EditorsFile => format!("saved {paths}, an editor's own: no build for that"),
            Effect::SameContent => format!("saved {paths}, content unchanged"),
            Effect::NotRead => format!("saved {paths}, nothing depends on it"),
            Effect::SamePlan if paths.is_empty() => "all can be read again, the build is as before".to_owned(),
            Effect::SamePlan => format!("saved {paths}, the build is as before"),
        };
        if self.last_quiet == quiet {
            return Ok(());
        }
        self.last_quiet.clone_from(&quiet);
        self.say(&format!("{FAINT}{}  {quiet}{FAINT:#}", clock()))
    }

    /// What the next build does.
    pub(crate) fn prediction(&mut self, outlook: &Outlook) -> anyhow::Result<()> {
        if self.format == Format::Json { self.event(&Event::of_outlook(outlook)) } else { self.outlook(None, outlook) }
    }

    /// What the next build does, now that these paths changed.
    pub(crate) fn reach(&mut self, paths: &[String], outlook: &Outlook) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.event(&Event::of_outlook(outlook)),
            Format::Text => self.outlook(Some(&named(paths)), outlook),
        }
    }

    /// Whether anybody is told of single steps.
    pub(crate) fn tells_steps(&self) -> bool {
        self.format == Format::Json
    }

    /// What the next build does, now that one is over: on the live view only.
    pub(crate) fn settled(&mut self, outlook: &Outlook) {
        if let Some(board) = &mut self.board {
            board.reaches(&outlook.told());
        }
    }

    fn outlook(&mut self, paths: Option<&str>, outlook: &Outlook) -> anyhow::Result<()> {
        let told = outlook.told();
        if let Some(board) = &mut self.board {
            board.changed(paths, &told);
        }
        let paths = paths.map_or_else(String::new, |paths| format!("{paths}: "));
        let mut lines = format!("{}  {paths}{told}", clock());
        let (first, rest): (Vec<&Row>, Vec<&Row>) = outlook.open().partition(|row| row.is_first);
        for row in first.iter().chain(&rest).take(N_ROWS) {
            let label = text::cut(&format!("{:<12} {}", text::escape(&row.name), text::escape(&row.text)), 68);
            let _ = write!(lines, "\n{INDENT}{FAINT}{label}{FAINT:#}");
        }
        let n_more = (first.len() + rest.len()).saturating_sub(N_ROWS);
        if n_more > 0 {
            let _ = write!(lines, "\n{INDENT}{FAINT}and {n_more} more{FAINT:#}");
        }
        self.say(&lines)
    }

    /// A build begins.
    pub(crate) fn started(&mut self, targets: &[String]) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.event(&Event::BuildStarted { targets }),
            Format::Text => Ok(()),
        }
    }

    /// A step of a build began or ended.
    pub(crate) fn step(&mut self, name: &str, instruction: &str, state: State) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.event(&Event::Step(StepView::new(name, instruction, state))),
            // The display of the build shows it.
            Format::Text => Ok(()),
        }
    }

    /// A build is over; `saved` are the seconds that everything took when it last ran and that did not run now, the
    /// failures why steps failed.
    pub(crate) fn finished(
        &mut self,
        id: &str,
        targets: &[String],
        closing: &Closing<'_>,
        (saved, failures): (f64, Vec<Failure>),
    ) -> anyhow::Result<()> {
        let built = closing.built;
        if self.format == Format::Json {
            return self.event(&Event::BuildFinished(Finished::new(id, targets, closing, (saved, failures))));
        }
        self.say(&format!("{}  {}", clock(), conclusion(built, targets, saved)))?;
        for (step, reason) in disagreements(closing) {
            let line = format!("{WARNING}not as predicted{WARNING:#}: {}: {reason}", text::escape(&step.name));
            self.say(&format!("{INDENT}{line}"))?;
        }
        Ok(())
    }

    /// Something went wrong; the watch goes on.
    pub(crate) fn error(&mut self, error: &anyhow::Error) -> anyhow::Result<()> {
        let message = super::told(error);
        if self.last_error == message {
            return Ok(());
        }
        self.last_error.clone_from(&message);
        if self.format == Format::Json {
            self.event(&Event::Error { message: &message, hint: Fault::hint_of(error) })?;
        }
        self.aside(|| super::fault(error));
        Ok(())
    }

    /// What a command of the user's says; where events are written to standard output, it goes to standard error.
    pub(crate) fn pass_on(&self, bytes: &[u8], is_error: bool) {
        self.aside(|| {
            // Nobody is left to tell when the stream is closed.
            let _written = match is_error || self.format == Format::Json {
                true => io::stderr().write_all(bytes),
                false => io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()),
            };
        });
    }

    /// A note beside the answer.
    pub(crate) fn note(&self, note: &str) {
        self.aside(|| super::warn(note));
    }

    /// Takes the live view away.
    pub(crate) fn end(&mut self) {
        self.board = None;
    }

    fn aside(&self, write: impl FnOnce()) {
        match &self.board {
            Some(board) => board.bars().suspend(write),
            None => write(),
        }
    }

    fn say(&self, line: &str) -> anyhow::Result<()> {
        self.write(&format!("{line}\n"))
    }

    fn event(&self, event: &Event<'_>) -> anyhow::Result<()> {
        self.write(&json::line(&events::Line { schema: events::SCHEMA, at: Timestamp::now().to_string(), event })?)
    }

    fn write(&self, text: &str) -> anyhow::Result<()> {
        let write = || -> io::Result<()> { super::answer(text) };
        Ok(self.board.as_ref().map_or_else(write, |board| board.bars().suspend(write))?)
    }
}

/// The time of day.
fn clock() -> String {
    Zoned::now().strftime("%H:%M:%S").to_string()
}

/// A stage as it is spoken of: one without a name has a number.
fn spoken(stage: &str) -> String {
    if stage.bytes().all(|byte| byte.is_ascii_digit()) { format!("stage {stage}") } else { text::escape(stage) }
}

/// `src/a.ts, src/b.ts and 12 more`.
fn named(paths: &[String]) -> String {
    let named: Vec<String> = paths.iter().take(N_PATHS).map(|path| text::escape(path)).collect();
    let n_more = paths.len().saturating_sub(N_PATHS);
    if n_more == 0 { named.join(", ") } else { format!("{} and {n_more} more", named.join(", ")) }
}

/// `built runtime in 11.8 s: 4 steps ran, 5 cached; about 36 s saved; predicted = observed`; in two lines where it would
/// be too long for one.
fn conclusion(built: &Built, targets: &[String], saved: f64) -> String {
    let targets = targets.iter().map(|name| spoken(name)).collect::<Vec<_>>().join(", ");
    let seconds = text::seconds(built.seconds);
    let told = match built.end {
        End::Succeeded => format!("built {targets} in {seconds}"),
        End::Failed => format!("{targets} failed after {seconds}"),
        End::Interrupted => format!("stopped building {targets} after {seconds}"),
    };
    let n_before = told.chars().count();
    let mut line = match built.end {
        End::Succeeded => format!("{HEADLINE}{told}{HEADLINE:#}"),
        End::Failed => format!("{ERROR}{told}{ERROR:#}"),
        End::Interrupted => told,
    };
    let (ran, cached) = (built.count(Outcome::Ran), built.count(Outcome::Cached));
    let counts = format!(": {} ran, {cached} cached", text::count(ran, "step"));
    let saved = (saved >= 0.05).then(|| format!("about {} saved", text::seconds(saved)));
    let agrees = (built.agrees() == Some(true)).then(|| "predicted = observed".to_owned());
    let more: Vec<String> = saved.into_iter().chain(agrees).collect();
    let n_columns = INDENT.len() + n_before + counts.len() + 2 + more.join("; ").len();
    let between = if n_columns > COLUMNS { format!("\n{INDENT}") } else { "; ".to_owned() };
    line.push_str(&counts);
    if !more.is_empty() {
        let _ = write!(line, "{between}{}", more.join("; "));
    }
    line
}
