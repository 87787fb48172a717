//! A step of several commands cut in two, the cut right behind one of them: each half has the flags of the whole, and what
//! `cd` and `set` say at its beginning. In go a step and the last command of the first half, out comes an edit, or why there
//! is none. Whether both halves together do what the step did is argued in `safety`.

use std::ops::Range;

use super::{Facts, layout};
use crate::known_command::effect::Kind;
use crate::source::{Span, TextEdit};
use crate::steps::RunStep;

/// Cuts a step.
///
/// # Errors
/// A clause that says why it cannot be cut.
pub(super) fn edit(facts: &Facts<'_>, instruction: usize, run: &RunStep, last: usize) -> Result<TextEdit, String> {
    if let Some(reason) = &run.undivided {
        return Err(reason.clone());
    }
    let by_hand = || "the step has to be cut in two by hand".to_owned();
    let halves = halves(facts, instruction, run, last).ok_or_else(by_hand)?;
    Ok(TextEdit { span: facts.instruction(instruction).span, replacement: halves })
}

/// Why a cut is worth a look although nothing breaks: what the second half takes away stays in the layer of the first.
pub(super) fn grows(run: &RunStep, last: usize) -> Option<String> {
    let takes_away = |words: &Vec<String>| {
        const SIGNS: &[&str] = &["rm", "prune", "clean", "del", "purge", "autoremove", "uninstall"];
        words.iter().take(3).any(|word| SIGNS.contains(&word.as_str()))
    };
    let later = || run.parts.iter().skip(last + 1);
    let taken = later().find(|part| part.effect.kind == Kind::Install || takes_away(&part.invocation.words))?;
    let taken = &taken.invocation.words;
    let shown = taken.iter().take(2).cloned().collect::<Vec<_>>().join(" ");
    Some(format!("what `{shown}` takes away would stay in the layer of the first step"))
}

fn halves(facts: &Facts<'_>, instruction: usize, run: &RunStep, last: usize) -> Option<String> {
    let written = facts.instruction(instruction);
    let [text] = run.exec.args.get(run.exec.n_shell_args..)? else { return None };
    if !written.heredocs.is_empty() || written.json {
        return None;
    }
    let raw = &facts.text()[written.span.range()];
    let body = written.args.first()?.span.start - written.span.start;
    let places = Places::of(raw, body, text, facts.dockerfile.escape)?;
    let first = run.parts.first()?.invocation.place.start;
    let end = run.parts.get(last)?.invocation.place.end;
    let next = run.parts.get(last + 1)?.invocation.place.start;
    // What stands between commands and is no sign of theirs changes how the next ones are run.
    let is_joint = |between: &str| between.chars().all(|letter| letter.is_whitespace() || "&;".contains(letter));
    if !run.parts.windows(2).all(|pair| is_joint(&text[pair[0].invocation.place.end..pair[1].invocation.place.start])) {
        return None;
    }
    let gap = &raw[places.of_range(end..next)?];
    if gap.contains('#') {
        return None;
    }
    let head = raw[..places.at(end)?].trim_end();
    let state = &raw[body..places.at(first)?];
    let flags = &raw[..body];
    let eol = layout::line_break(facts, instruction);
    Some(format!("{head}{eol}{flags}{state}{}", &raw[places.at(next)?..]))
}

/// Where each byte of a command's text is written: line ends that are escaped, and comments between lines, are not part
/// of it.
struct Places {
    written: Vec<usize>,
}

impl Places {
    /// Walks the text as it is written from `body` on; `None` where it says something else.
    fn of(raw: &str, body: usize, text: &str, escape: char) -> Option<Self> {
        let mut written = Vec::with_capacity(text.len() + 1);
        let mut at = body;
        for letter in text.chars() {
            while !raw[at..].starts_with(letter) || is_line_end(&raw[at..], escape).is_some() {
                at += is_line_end(&raw[at..], escape)?;
            }
            written.extend((0..letter.len_utf8()).map(|byte| at + byte));
            at += letter.len_utf8();
        }
        written.push(at);
        Some(Self { written })
    }

    fn at(&self, byte: usize) -> Option<usize> {
        self.written.get(byte).copied()
    }

    fn of_range(&self, range: Range<usize>) -> Option<Range<usize>> {
        Some(self.at(range.start)?..self.at(range.end)?)
    }
}

/// The length of an escaped line end with the comments and empty lines behind it.
fn is_line_end(raw: &str, escape: char) -> Option<usize> {
    let rest = raw.strip_prefix(escape)?.trim_start_matches([' ', '\t', '\r']).strip_prefix('\n')?;
    let mut at = raw.len() - rest.len();
    for line in rest.split_inclusive('\n') {
        let line_text = line.trim();
        if !line.ends_with('\n') || !(line_text.is_empty() || line_text.starts_with('#')) {
            break;
        }
        at += line.len();
    }
    Some(at)
}

/// One edit that makes a text of another: the lines between what both begin and end with.
pub(super) fn difference(before: &str, after: &str) -> TextEdit {
    let lines = |text: &str| text.split_inclusive('\n').map(str::len).collect::<Vec<_>>();
    let (old, new) = (lines(before), lines(after));
    let same = |from: &dyn Fn(usize) -> Option<(Range<usize>, Range<usize>)>| {
        (0..old.len().min(new.len()))
            .map_while(|n| from(n).filter(|(one, two)| before[one.clone()] == after[two.clone()]))
            .count()
    };
    let ends = |lines: &[usize]| {
        lines
            .iter()
            .scan(0, |at, length| {
                *at += length;
                Some(*at)
            })
            .collect::<Vec<_>>()
    };
    let (old_ends, new_ends) = (ends(&old), ends(&new));
    let range = |ends: &[usize], n: usize| (if n == 0 { 0 } else { ends[n - 1] })..ends[n];
    let n_first = same(&|n| Some((range(&old_ends, n), range(&new_ends, n))));
    let n_last = same(&|n| {
        let (one, two) = ((old.len() - 1).checked_sub(n)?, (new.len() - 1).checked_sub(n)?);
        (one >= n_first && two >= n_first).then(|| (range(&old_ends, one), range(&new_ends, two)))
    });
    let start = if n_first == 0 { 0 } else { old_ends[n_first - 1] };
    let end = |ends: &[usize], n: usize| if n == n_last { 0 } else { ends[n - n_last - 1] };
    let (old_end, new_end) = (end(&old_ends, old.len()), end(&new_ends, new.len()));
    TextEdit { span: Span::new(start, old_end), replacement: after[start..new_end].to_owned() }
}
