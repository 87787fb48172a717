//! A build while it runs, on standard error: on a terminal one line for each step at work with its time and the time
//! it is expected to take, and one for the whole; elsewhere a line for each step that ran, and its output as it comes.
//! In go events and what is known of the steps by now. It decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use planner::built::{self, Experience};
use planner::snapshot::Snapshot;

use super::palette::{self, FAINT};
use super::text;
use crate::engine::attribution::{Attribution, StepOutcome};
use crate::engine::observed::Observed;
use crate::engine::{BuildEvent, LogChunk, Outcome};

/// The most steps at work that are shown; docker seldom runs more at once.
const N_ROWS: usize = 12;
/// How many bytes of output are kept back until their line ends.
const MOST_BYTES: usize = 64 << 10;
/// Lines of output shown of a step that failed.
const N_TAIL: usize = 20;

/// The display of one build.
pub(crate) struct Progress {
    /// By step, its name and its instruction.
    steps: BTreeMap<usize, (String, String)>,
    expected: BTreeMap<usize, f64>,
    began: Instant,
    /// When each vertex was first seen at work, by digest.
    since: BTreeMap<String, Instant>,
    /// What has been told to be over, by digest.
    told: BTreeSet<String>,
    /// The step of each vertex, as far as known.
    step_of: BTreeMap<String, usize>,
    /// The vertices whose step was asked for, because they gave output.
    asked: BTreeSet<String>,
    /// Output that does not end in a line end yet, by vertex.
    partial: BTreeMap<String, Vec<u8>>,
    screen: Option<Screen>,
    /// What else is drawn there, also when this display is gone.
    others: Option<MultiProgress>,
    shows_output: bool,
    /// What each step was last told to be at.
    states: BTreeMap<usize, State>,
    /// What changed of that since it was asked for.
    news: Vec<(usize, State)>,
}

/// How far a step is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum State {
    /// It is at work.
    Running,
    /// It is over; if it ran, for so many seconds.
    Over(built::Outcome, Option<f64>),
}

struct Screen {
    bars: MultiProgress,
    whole: ProgressBar,
    rows: BTreeMap<String, ProgressBar>,
}

/// The last lines of what a step wrote.
pub(crate) fn tail(log: &str) -> impl Iterator<Item = &str> {
    log.lines().skip(log.lines().count().saturating_sub(N_TAIL))
}

impl Progress {
    /// A display for a build of `snapshot`. On a terminal the output of steps that go well is shown only if `verbose`.
    pub(crate) fn new(snapshot: &Snapshot, experience: &Experience, verbose: bool) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self {
            steps: snapshot.step_labels(),
            expected: experience.seconds.clone(),
            began: Instant::now(),
            since: BTreeMap::new(),
            told: BTreeSet::new(),
            step_of: BTreeMap::new(),
            asked: BTreeSet::new(),
            partial: BTreeMap::new(),
            screen: is_terminal
                .then(|| Screen::new(MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)))),
            others: None,
            shows_output: verbose || !is_terminal,
            states: BTreeMap::new(),
            news: Vec::new(),
        }
    }

    /// The same display among others.
    pub(crate) fn among(mut self, bars: Option<MultiProgress>) -> Self {
        if let Some(bars) = bars {
            self.finish();
            self.others = Some(bars.clone());
            self.screen = Some(Screen::new(bars));
        }
        self
    }

    /// Which steps began or ended since this was last asked, in the order of the plan.
    pub(crate) fn take_news(&mut self) -> Vec<(usize, State)> {
        std::mem::take(&mut self.news)
    }

    /// Shows a line above the steps at work.
    pub(crate) fn say(&self, line: &str) {
        let write = || {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(anstream::stderr(), "{line}");
        };
        match self.screen.as_ref().map(|screen| &screen.bars).or(self.others.as_ref()) {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// Takes note of an event.
    pub(crate) fn event(&mut self, event: &BuildEvent) {
        match event {
            BuildEvent::Log(chunk) if self.shows_output => self.output(chunk),
            _ => {}
        }
    }

    /// Whether output of a vertex is to be shown whose step is not known yet; says so once.
    pub(crate) fn asks_for(&mut self, vertex: &str) -> bool {
        self.shows_output && !self.step_of.contains_key(vertex) && self.asked.insert(vertex.to_owned())
    }

    /// Takes note of which step each vertex is.
    pub(crate) fn name_steps(&mut self, attribution: &Attribution) {
        let steps = attribution.steps.iter().map(|(step, seen)| (seen.digest.clone(), *step));
        self.step_of = steps.collect();
    }

    /// Brings the display up to date.
    pub(crate) fn update(&mut self, observed: &Observed, attribution: &Attribution) {
        self.name_steps(attribution);
        let mut at_work = Vec::new();
        let mut over = Vec::new();
        for vertex in observed.vertices() {
            match vertex.outcome {
                Outcome::Running => at_work.push((vertex.digest.to_owned(), vertex.name.to_owned())),
                Outcome::Ran => over.push((vertex.completed, vertex.digest, vertex.seconds.unwrap_or_default())),
                _ => {}
            }
        }
        over.sort_by_key(|(completed, ..)| *completed);
        over.into_iter().for_each(|(_, digest, seconds)| self.over(digest, seconds));
        for (step, seen) in &attribution.steps {
            let Some(state) = state(seen) else { continue };
            if self.states.insert(*step, state) != Some(state) {
                self.news.push((*step, state));
            }
        }
        let is_over = |outcome: &Outcome| matches!(outcome, Outcome::Cached | Outcome::Ran);
        let n_over = attribution.steps.values().filter(|seen| is_over(&seen.outcome)).count();
        self.draw(&at_work, n_over);
    }

    /// Takes the display away.
    pub(crate) fn finish(&mut self) {
        for (vertex, rest) in std::mem::take(&mut self.partial) {
            self.lines(&vertex, &rest);
        }
        if let Some(screen) = self.screen.take() {
            // What was drawn is gone; the answer follows on standard output.
            screen.rows.values().chain([&screen.whole]).for_each(|bar| {
                bar.finish_and_clear();
                screen.bars.remove(bar);
            });
        }
    }

    /// Tells why the build failed: the end of each failed step's output, then the builder's own words.
    pub(crate) fn explain_failure(&self, observed: &Observed, attribution: &Attribution) {
        for (step, seen) in &attribution.steps {
            let Outcome::Failed(error) = &seen.outcome else { continue };
            let error_style = palette::ERROR;
            self.say(&format!("{error_style}failed{error_style:#}  {}: {}", self.label(*step), text::escape(error)));
            for line in tail(&seen.log).filter(|_| !self.shows_output) {
                self.say(&format!("        {FAINT}|{FAINT:#} {}", plain(line)));
            }
        }
        observed.messages.iter().filter(|line| !line.trim().is_empty()).for_each(|line| self.say(&plain(line)));
    }

    fn over(&mut self, digest: &str, seconds: f64) {
        if !self.told.insert(digest.to_owned()) {
            return;
        }
        if let Some(step) = self.step_of.get(digest) {
            let seconds = text::seconds(seconds);
            let label = self.fit(self.label(*step), "ran     ".len() + 2 + seconds.len());
            self.say(&format!("ran     {label}  {FAINT}{seconds}{FAINT:#}"));
        }
    }

    fn draw(&mut self, at_work: &[(String, String)], n_over: usize) {
        for (digest, _) in at_work {
            self.since.entry(digest.clone()).or_insert_with(Instant::now);
        }
        let n_steps = self.steps.len();
        let whole = format!("building, {n_over} of {} done", text::count(n_steps, "step"));
        let rows: Vec<(String, String)> =
            at_work.iter().take(N_ROWS).map(|(digest, name)| (digest.clone(), self.row(digest, name))).collect();
        let elapsed = text::seconds(self.began.elapsed().as_secs_f64());
        if let Some(screen) = &mut self.screen {
            screen.draw(&rows, &whole, elapsed);
        }
    }

    /// `build:16 RUN npm run build`, its time, and the time it is expected to take.
    fn row(&self, digest: &str, name: &str) -> String {
        let step = self.step_of.get(digest);
        let label = step.map_or_else(|| text::escape(name), |step| self.label(*step));
        let elapsed = self.since.get(digest).map_or(0.0, |since| since.elapsed().as_secs_f64());
        let expected = step.and_then(|step| self.expected.get(step));
        let of = expected.map_or_else(String::new, |expected| format!(" of about {}", text::seconds(*expected)));
        let time = format!("{}{of}", text::seconds(elapsed));
        let label = self.fit(label, time.len() + 4);
        format!("{time}\n{label}")
    }

    /// A text for a line that holds so many `other` columns: cut to the terminal, or as wide as what is left of it.
    fn fit(&self, text: String, other: usize) -> String {
        let columns = self.screen.as_ref().and_then(|_| rustix::termios::tcgetwinsize(std::io::stderr()).ok());
        let columns = columns.filter(|size| size.ws_col > 0);
        let Some(left) = columns.map(|size| usize::from(size.ws_col).saturating_sub(other).max(16)) else {
            return text;
        };
        format!("{:<left$}", text::cut(&text, left))
    }

    fn label(&self, step: usize) -> String {
        let (name, instruction) = self.steps.get(&step).cloned().unwrap_or_default();
        format!("{:<12} {}", text::escape(&name), text::escape(&instruction))
    }

    /// Output of a step, whole lines only, as long as they are no longer than is kept.
    fn output(&mut self, chunk: &LogChunk) {
        let partial = self.partial.entry(chunk.vertex.clone()).or_default();
        partial.extend_from_slice(&chunk.data);
        let whole = partial.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = if partial.len() - whole > MOST_BYTES { partial.len() } else { whole };
        let lines: Vec<u8> = partial.drain(..end).collect();
        self.lines(&chunk.vertex, &lines);
    }

    /// Lines of output, each behind the step's name.
    fn lines(&self, vertex: &str, lines: &[u8]) {
        let name = self.step_of.get(vertex).and_then(|step| self.steps.get(step)).map(|(name, _)| name.as_str());
        let name = text::escape(name.unwrap_or_default());
        for line in String::from_utf8_lossy(lines).lines() {
            self.say(&format!("{FAINT}{name:<12} |{FAINT:#} {}", plain(line)));
        }
    }
}

impl Screen {
    fn new(bars: MultiProgress) -> Self {
        let whole = bars.add(ProgressBar::new_spinner());
        whole.set_style(style("{spinner:.cyan} {wide_msg} {prefix}"));
        Self { bars, whole, rows: BTreeMap::new() }
    }

    fn draw(&mut self, rows: &[(String, String)], whole: &str, elapsed: String) {
        self.rows.retain(|digest, bar| {
            let stays = rows.iter().any(|(at_work, _)| at_work == digest);
            if !stays {
                bar.finish_and_clear();
            }
            stays
        });
        for (digest, text) in rows {
            let bar = self.rows.entry(digest.clone()).or_insert_with(|| {
                let bar = self.bars.insert_before(&self.whole, ProgressBar::new_spinner());
                bar.set_style(style("{spinner:.cyan} {wide_msg} {prefix}"));
                bar
            });
            let (time, label) = text.split_once('\n').unwrap_or(("", text));
            bar.set_prefix(time.to_owned());
            bar.set_message(label.to_owned());
            bar.tick();
        }
        self.whole.set_message(whole.to_owned());
        self.whole.set_prefix(elapsed);
        self.whole.tick();
    }
}

/// How far a step is, once it was begun.
fn state(seen: &StepOutcome) -> Option<State> {
    Some(match &seen.outcome {
        Outcome::NotStarted => return None,
        Outcome::Running => State::Running,
        Outcome::Cached => State::Over(built::Outcome::Cached, None),
        Outcome::Ran => State::Over(built::Outcome::Ran, seen.seconds),
        Outcome::Failed(_) => State::Over(built::Outcome::Failed, seen.seconds),
        Outcome::Canceled => State::Over(built::Outcome::Canceled, seen.seconds),
    })
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// A line of a builder's output without its colours and whatever else acts on a terminal.
fn plain(line: &str) -> String {
    text::escape(anstream::adapter::strip_str(line).to_string().trim_end())
}
