//! The drawing for Graphviz: a cluster for each stage, boxes for steps, other shapes for what no stage makes. In
//! go the drawing and the conclusion, out comes one `digraph`. A status is a word and a line style before it is a
//! colour. Names are quoted, and nothing in them is read as Graphviz's escapes or entities.

use std::fmt::Write as _;

use planner::explanation::Status;

use super::super::explain::conclusion;
use super::super::text;
use super::{Arrow, ArrowKind, Drawing, Source, SourceKind, StepBox, amount};
use crate::forecast::Forecast;

/// Characters of an instruction that are shown without `--verbose`.
const N_CHARACTERS: usize = 48;

/// The drawing in Graphviz's language.
pub(crate) fn write(drawing: &Drawing<'_>, n_unused: usize, forecast: &Forecast, verbose: bool) -> String {
    let keys = drawing.keys();
    let mut out = String::new();
    let mut label = conclusion(forecast);
    if n_unused > 0 && !verbose {
        let _ = write!(label, "; {} not needed, left out", text::count(n_unused, "stage"));
    }
    // Writing into a String cannot fail.
    // Without `newrank` Graphviz 2.43 gives up on some graphs with many clusters ("trouble in init_rank").
    let _ = writeln!(out, "digraph stageplan {{");
    let _ = writeln!(out, "  graph [rankdir=TB, newrank=true, fontname=\"sans-serif\", label={}];", quoted(&label));
    let _ = writeln!(out, "  node [shape=box, fontname=\"monospace\", fontsize=11];");
    let _ = writeln!(out, "  edge [fontname=\"sans-serif\", fontsize=10];");
    for (place, stage) in drawing.stages.iter().enumerate() {
        let style = if stage.report.used { "rounded" } else { "rounded,dotted" };
        let _ = writeln!(out, "  subgraph cluster_{place} {{");
        let title = quoted(&format!("{}{}", stage.title(), stage.remark()));
        let _ = writeln!(out, "    graph [label={title}, labeljust=l, style=\"{style}\"];");
        for step in &stage.steps {
            let _ = writeln!(out, "    {} [{}];", keys[step.id.as_str()], step_attributes(step, verbose));
        }
        let _ = writeln!(out, "  }}");
    }
    for source in &drawing.sources {
        let _ = writeln!(out, "  {} [{}];", keys[source.id.as_str()], source_attributes(source));
    }
    for arrow in &drawing.arrows {
        let (Some(from), Some(to)) = (keys.get(arrow.from.as_str()), keys.get(arrow.to.as_str())) else { continue };
        let _ = writeln!(out, "  {from} -> {to} [{}];", arrow_attributes(arrow));
    }
    out.push_str("}\n");
    out
}

fn step_attributes(step: &StepBox<'_>, verbose: bool) -> String {
    let instruction = step.instruction();
    let instruction = if verbose { instruction } else { text::cut(&instruction, N_CHARACTERS) };
    let (status, line) = (step.status(), step.report.placed.line);
    let head = if status.is_empty() { format!("line {line}") } else { format!("{status}, line {line}") };
    let style = match step.report.status {
        Status::Hit => r##"style="rounded", color="#2e7d32""##,
        Status::Miss => r##"style="filled,bold", color="#b71c1c", fillcolor="#ffebee""##,
        Status::Pending => r##"style="dashed", color="#e65100""##,
        Status::Unknown => r##"style="dotted", color="#e65100""##,
        Status::Unused => r##"style="dotted", color="#757575", fontcolor="#757575""##,
        Status::None => r##"style="dotted", color="#757575""##,
    };
    let is_critical = step.report.critical && step.report.status != Status::Hit;
    let width = if is_critical { ", penwidth=3" } else { "" };
    // `\l` ends a line that is flush left.
    format!("label=\"{}\\l{}\\l\", {style}{width}", escaped(&head), escaped(&instruction))
}

fn source_attributes(source: &Source) -> String {
    let shape = match source.kind {
        SourceKind::Image => "cylinder",
        SourceKind::Context => "folder",
        SourceKind::Remote => "cds",
    };
    let (word, name) = source.words();
    let amount = source.reads.map(amount).unwrap_or_default();
    let lines = [word, name, &amount].map(escaped);
    let lines: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
    format!("shape={shape}, label=\"{}\"", lines.join("\\n"))
}

fn arrow_attributes(arrow: &Arrow) -> String {
    let style = match arrow.kind {
        ArrowKind::Next => "style=solid, weight=8",
        ArrowKind::From => "style=bold, weight=4",
        ArrowKind::Copy => "style=dashed",
        ArrowKind::Mount => "style=dotted",
    };
    let word = if arrow.kind == ArrowKind::Next { "" } else { arrow.kind.name() };
    let amount = arrow.reads.map(|reads| format!(" {}", amount(reads))).unwrap_or_default();
    let label = format!("{word}{amount}");
    if label.is_empty() { style.to_owned() } else { format!("{style}, label={}", quoted(&label)) }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// Text between quotes. Graphviz reads `\N`, `\G` and others, and HTML entities, in labels.
fn escaped(text: &str) -> String {
    text::escape(text).replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn nothing_in_a_name_ends_its_quotes_or_means_something() {
        let cases = [
            ("plain --> [x]", r#""plain --> [x]""#),
            (r#"a" ]; evil [label="#, r#""a\" ]; evil [label=""#),
            (r"\N \", r#""\\N \\""#),
            ("a\nb\u{202e}", r#""a\\nb\\u{202e}""#),
            ("&lt; <b>", r#""&amp;lt; <b>""#),
        ];
        for (text, label) in cases {
            assert_eq!(quoted(text), label);
        }
    }
}
