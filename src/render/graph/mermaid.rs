//! The drawing as a Mermaid flowchart, which GitHub and GitLab show in Markdown: a subgraph for each stage, other
//! shapes for what no stage makes. In go the drawing and the conclusion, out comes one flowchart without a fence. A
//! status is a word and a line style before it is a colour. In labels everything but letters, digits and a few
//! harmless signs is written as a character code.

use std::fmt::Write as _;

use planner::explanation::Status;

use super::super::explain::conclusion;
use super::super::text;
use super::{Arrow, ArrowKind, Drawing, Source, SourceKind, StepBox, amount};
use crate::forecast::Forecast;

/// Characters of an instruction that are shown without `--verbose`.
const N_CHARACTERS: usize = 48;

/// How each status looks.
const CLASSES: [(Status, &str); 6] = [
    (Status::Hit, "stroke:#2e7d32"),
    (Status::Miss, "stroke:#b71c1c,stroke-width:3px"),
    (Status::Pending, "stroke:#e65100,stroke-dasharray:6 3"),
    (Status::Unknown, "stroke:#e65100,stroke-dasharray:2 2"),
    (Status::Unused, "stroke:#757575,stroke-dasharray:2 2"),
    (Status::None, "stroke:#757575"),
];

/// The drawing in Mermaid's language.
pub(crate) fn write(drawing: &Drawing<'_>, n_unused: usize, forecast: &Forecast, verbose: bool) -> String {
    let keys = drawing.keys();
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(out, "flowchart TD");
    let _ = writeln!(out, "  %% {}", conclusion(forecast));
    if n_unused > 0 && !verbose {
        let _ = writeln!(out, "  %% {} not needed, left out", text::count(n_unused, "stage"));
    }
    for (place, stage) in drawing.stages.iter().enumerate() {
        let title = quoted(&format!("{}{}", stage.title(), stage.remark()));
        let _ = writeln!(out, "  subgraph s{place}[{title}]");
        for step in &stage.steps {
            let _ = writeln!(out, "    {}{}", keys[step.id.as_str()], step_box(step, verbose));
        }
        let _ = writeln!(out, "  end");
    }
    for source in &drawing.sources {
        let _ = writeln!(out, "  {}{}", keys[source.id.as_str()], source_box(source));
    }
    for arrow in &drawing.arrows {
        let (Some(from), Some(to)) = (keys.get(arrow.from.as_str()), keys.get(arrow.to.as_str())) else { continue };
        let _ = writeln!(out, "  {from} {} {to}", line(arrow));
    }
    let steps = || drawing.stages.iter().flat_map(|stage| &stage.steps);
    for (status, style) in CLASSES {
        if steps().any(|step| step.report.status == status) {
            let _ = writeln!(out, "  classDef {} {style}", class(status));
        }
    }
    out
}

/// `none` is a word of Mermaid's own.
fn class(status: Status) -> String {
    format!("is_{}", status.name())
}

fn step_box(step: &StepBox<'_>, verbose: bool) -> String {
    let instruction = step.instruction();
    let instruction = if verbose { instruction } else { text::cut(&instruction, N_CHARACTERS) };
    let (status, line) = (step.status(), step.report.placed.line);
    let is_critical = step.report.critical && step.report.status != Status::Hit;
    let critical = if is_critical { ", critical path" } else { "" };
    let head = if status.is_empty() { format!("line {line}") } else { format!("{status}, line {line}{critical}") };
    format!("[\"{}<br/>{}\"]:::{}", escaped(&head), escaped(&instruction), class(step.report.status))
}

fn source_box(source: &Source) -> String {
    let (before, behind) = match source.kind {
        SourceKind::Image => ("[(", ")]"),
        SourceKind::Context => ("[/", "/]"),
        SourceKind::Remote => ("([", "])"),
    };
    let (word, name) = source.words();
    let amount = source.reads.map(amount).unwrap_or_default();
    let lines = [word, name, &amount].map(escaped);
    let lines: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
    format!("{before}\"{}\"{behind}", lines.join("<br/>"))
}

fn line(arrow: &Arrow) -> String {
    let line = match arrow.kind {
        ArrowKind::Next => "-->",
        ArrowKind::From => "==>",
        ArrowKind::Copy | ArrowKind::Mount => "-.->",
    };
    let word = if arrow.kind == ArrowKind::Next { "" } else { arrow.kind.name() };
    let amount = arrow.reads.map(|reads| format!(" {}", amount(reads))).unwrap_or_default();
    let label = format!("{word}{amount}");
    if label.is_empty() { line.to_owned() } else { format!("{line}|{}|", quoted(&label)) }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// Text between quotes: `#NN;` for every sign that Mermaid, Markdown or HTML could read as more than itself.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text::escape(text).chars() {
        let is_plain = character.is_alphanumeric() || " .,:/-=_()…".contains(character);
        if is_plain {
            escaped.push(character);
        } else {
            let _ = write!(escaped, "#{};", u32::from(character));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn nothing_in_a_name_ends_its_quotes_or_means_something() {
        let cases = [
            ("COPY --from=a /x ./", r#""COPY --from=a /x ./""#),
            ("a\"] --> b", "\"a#34;#93; --#62; b\""),
            ("<b>&amp;#35;", "\"#60;b#62;#38;amp#59;#35;35#59;\""),
            ("`%%{init}", "\"#96;#37;#37;#123;init#125;\""),
            ("a\nb", "\"a#92;nb\""),
        ];
        for (text, label) in cases {
            assert_eq!(quoted(text), label);
        }
    }
}
