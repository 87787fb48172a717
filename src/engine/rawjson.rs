//! A progress stream (`--progress=rawjson`, also of `docker buildx history logs`) to events. In go bytes in pieces of any
//! size; out come [`BuildEvent`]s as soon as they are whole. Nothing makes it fail: what is not whole is counted, text
//! between the reports is kept as messages, unknown fields and values of unknown shape are passed over.
//!
//! A report is one JSON object. buildx writes it on one line, older versions indented over several; both begin with a
//! brace in the first column, where no other line of either form has one. So a report that was cut short costs only itself.

mod base64;
mod wire;

use super::BuildEvent;

/// The longest report that is read; BuildKit divides its own at 1 MiB of output.
const MOST_BYTES: usize = 32 << 20;

/// Reads a stream.
#[derive(Default, Debug)]
pub(crate) struct Reader {
    /// The line that has not ended.
    line: Vec<u8>,
    /// Whether the rest of the line is passed over, because it is too long.
    is_passing_over: bool,
    /// The report that has not ended.
    report: Option<Report>,
    n_garbage: usize,
}

/// A report in the course of reading.
#[derive(Default, Debug)]
struct Report {
    text: Vec<u8>,
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl Reader {
    /// The events that became whole with these bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<BuildEvent> {
        let mut events = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (content, ends) = piece.strip_suffix(b"\n").map_or((piece, false), |content| (content, true));
            if self.is_passing_over || self.line.len() + content.len() > MOST_BYTES {
                self.n_garbage += self.line.len() + content.len();
                self.line = Vec::new();
                self.is_passing_over = !ends;
                continue;
            }
            self.line.extend_from_slice(content);
            if ends {
                let line = std::mem::take(&mut self.line);
                self.take_line(&line, &mut events);
            }
        }
        events
    }

    /// The events of a last line without an end. What is left after that is not whole.
    pub(crate) fn finish(&mut self) -> Vec<BuildEvent> {
        let mut events = Vec::new();
        let line = std::mem::take(&mut self.line);
        self.take_line(&line, &mut events);
        if let Some(report) = self.report.take() {
            self.n_garbage += report.text.len();
        }
        events
    }

    /// How many bytes were neither reports nor text.
    pub(crate) fn n_garbage(&self) -> usize {
        self.n_garbage
    }

    fn take_line(&mut self, line: &[u8], events: &mut Vec<BuildEvent>) {
        let mut rest = line.strip_suffix(b"\r").unwrap_or(line);
        loop {
            let report = self.report.take();
            let is_within = rest.first().is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'}' | b']'));
            let mut report = match report {
                Some(report) if is_within => report,
                broken => {
                    self.n_garbage += broken.map_or(0, |report| report.text.len());
                    if rest.first() != Some(&b'{') {
                        return events.extend(message(rest));
                    }
                    Report::default()
                }
            };
            match report.extend(rest) {
                Some(behind) => {
                    self.take_report(&report.text, events);
                    rest = behind.trim_ascii_start();
                    if rest.is_empty() {
                        return;
                    }
                }
                // A line end cannot stand in a string.
                None if report.in_string || report.text.len() > MOST_BYTES => return self.refuse(&report.text, events),
                None => {
                    self.report = Some(report);
                    return;
                }
            }
        }
    }

    fn take_report(&mut self, text: &[u8], events: &mut Vec<BuildEvent>) {
        match wire::events(text) {
            Some((whole, n_garbage)) => {
                events.extend(whole);
                self.n_garbage += n_garbage;
            }
            None => self.refuse(text, events),
        }
    }

    /// What looks like a report and is none; other text in braces is a message.
    fn refuse(&mut self, text: &[u8], events: &mut Vec<BuildEvent>) {
        if text.get(1..).unwrap_or_default().trim_ascii_start().starts_with(b"\"") {
            self.n_garbage += text.len();
        } else {
            events.extend(message(text));
        }
    }
}

impl Report {
    /// Takes a line up to the end of the report; gives back what stands behind it, `None` where it goes on.
    fn extend<'a>(&mut self, line: &'a [u8]) -> Option<&'a [u8]> {
        for (at, byte) in line.iter().enumerate() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_string => self.is_escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            if self.depth == 0 {
                self.text.extend_from_slice(&line[..=at]);
                return Some(&line[at + 1..]);
            }
        }
        self.text.extend_from_slice(line);
        self.text.push(b'\n');
        None
    }
}

/// A line of text, unless it is blank.
fn message(line: &[u8]) -> Option<BuildEvent> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    (!text.is_empty()).then(|| BuildEvent::Message(text.to_owned()))
}

#[cfg(test)]
mod tests;
