//! What holds of the places in any parsed Dockerfile.

use planner::dockerfile::parse::parse_trigger;
use planner::dockerfile::{Command, Dockerfile, Instruction, Word};
use planner::source::Span;

use super::view;

/// Panics unless every span lies in the text, on character boundaries, in order and within its owner.
pub(super) fn check(dockerfile: &Dockerfile) {
    let text = &dockerfile.text;
    let whole = Span::new(0, text.len());
    let in_order = |spans: &[Span]| {
        spans.windows(2).for_each(|pair| assert!(pair[0].end <= pair[1].start, "{pair:?} in {text:?}"));
        spans.iter().for_each(|span| check_within(text, *span, whole));
    };
    in_order(&dockerfile.instructions.iter().map(|instruction| instruction.span).collect::<Vec<_>>());
    in_order(&dockerfile.comments);
    in_order(&dockerfile.directives.iter().map(|directive| directive.span).collect::<Vec<_>>());
    for instruction in &dockerfile.instructions {
        check_instruction(text, instruction);
        if let Some(trigger) = &instruction.trigger {
            check_instruction(text, trigger);
            assert!(instruction.keyword.span.end <= trigger.keyword.span.start, "{trigger:?}");
        }
    }
}

fn check_within(text: &str, span: Span, owner: Span) {
    let is_within = owner.start <= span.start && span.start <= span.end && span.end <= owner.end;
    assert!(is_within && text.get(span.range()).is_some(), "{span:?} in {owner:?} of {text:?}");
}

fn check_instruction(text: &str, instruction: &Instruction) {
    let owner = instruction.span;
    let is_pairs = ["env", "label"].contains(&instruction.keyword.text.to_lowercase().as_str());
    let arguments = instruction.args.iter().map(|word| word.span);
    let arguments: Vec<Span> = match is_pairs {
        // The separator comes last in each triple, but stands in the middle.
        true => instruction.args.chunks(3).flat_map(|triple| [0, 2, 1].map(|index| triple[index].span)).collect(),
        false => arguments.collect(),
    };
    let mut spans = vec![instruction.keyword.span];
    spans.extend(instruction.flags.iter().map(|word| word.span));
    spans.extend(arguments);
    spans.extend(instruction.heredocs.iter().map(|heredoc| heredoc.span));
    spans.iter().for_each(|span| check_within(text, *span, owner));
    spans.windows(2).for_each(|pair| assert!(pair[0].end <= pair[1].start, "{pair:?} of {instruction:?}"));
    for heredoc in &instruction.heredocs {
        assert_eq!(heredoc.content, text[heredoc.span.range()]);
    }
}

#[test]
fn the_text_is_kept_and_instructions_are_whole_lines() {
    for source in super::sources() {
        let (dockerfile, _) = Dockerfile::parse(source.as_bytes());
        assert_eq!(dockerfile.text, source);
        let lines: Vec<&str> = source.split_inclusive('\n').collect();
        let mut rebuilt = String::new();
        for instruction in &dockerfile.instructions {
            let [first, last] = [instruction.line, instruction.end_line].map(|line| line as usize);
            let written = lines[first - 1..last].concat();
            let written = written.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
            assert_eq!(&source[instruction.span.range()], written);
            rebuilt.push_str(&source[rebuilt.len()..instruction.span.start]);
            rebuilt.push_str(&source[instruction.span.range()]);
        }
        rebuilt.push_str(&source[rebuilt.len()..]);
        assert_eq!(rebuilt, source);
    }
}

#[test]
fn nothing_stands_between_instructions_but_comments_and_space() {
    for source in super::sources() {
        let (dockerfile, diagnostics) = Dockerfile::parse(source.as_bytes());
        if !diagnostics.is_empty() {
            continue;
        }
        let mut rest = source.clone().into_bytes();
        let spans = dockerfile.instructions.iter().map(|instruction| instruction.span);
        let directives = dockerfile.directives.iter().map(|directive| directive.span);
        for span in spans.chain(directives).chain(dockerfile.comments.iter().copied()) {
            rest[span.range()].fill(b' ');
        }
        let rest = String::from_utf8(rest).expect("spans end between characters");
        assert_eq!(rest.trim_matches(|left: char| left.is_whitespace() || left == '\u{feff}'), "", "{source:?}");
    }
}

#[test]
fn a_word_goes_over_an_escaped_line_end() {
    let source = "\u{feff}FROM a\nRUN --mount=type=ca\\\n# c\nche,target=/x  echo a\\\r\n\n b \n";
    let (dockerfile, _) = Dockerfile::parse(source.as_bytes());
    let run = &dockerfile.instructions[1];
    let written = |word: &Word| &source[word.span.range()];
    assert_eq!(run.flags[0].text, "--mount=type=cache,target=/x");
    assert_eq!(written(&run.flags[0]), "--mount=type=ca\\\n# c\nche,target=/x");
    assert_eq!(run.args[0].text, "echo a b");
    assert_eq!(written(&run.args[0]), "echo a\\\r\n\n b");
    assert_eq!(&source[run.keyword.span.range()], "RUN");
    assert_eq!(&source[dockerfile.comments[0].range()], "# c");
}

#[test]
fn a_trigger_is_read_again_as_it_was_stored() {
    let source = "FROM a\nonbuild  COPY --link <<-\"EOF\" b \\\n /d\n\tx\n\tEOF\n";
    let (dockerfile, diagnostics) = Dockerfile::parse(source.as_bytes());
    assert_eq!(diagnostics, []);
    let stored = view::expression(&dockerfile.instructions[1]).expect("a trigger");
    assert_eq!(stored, "COPY --link <<-\"EOF\" b  /d\n\tx\nEOF");
    let (trigger, diagnostics) = parse_trigger(stored, 7);
    assert_eq!(diagnostics, []);
    let trigger = trigger.expect("an instruction");
    assert_eq!((trigger.line, trigger.heredocs[0].content.as_str()), (7, "\tx\n"));
    let Command::Copy(copy) = trigger.command else { panic!("{:?}", trigger.command) };
    assert!(copy.link && copy.dest == "/d" && copy.sources.len() == 2);
}

#[test]
fn a_bad_trigger_is_refused_where_it_fires() {
    for (text, message) in [
        ("BOGUS x", "unknown instruction: BOGUS"),
        ("RUN a\nRUN b", "onbuild trigger should be a single expression"),
        ("FROM a", "*instructions.Stage is not a command type"),
        ("ENV A", "ENV must have two arguments"),
        ("# nothing", "file with no instructions"),
    ] {
        let (_, diagnostics) = parse_trigger(text, 9);
        let found: Vec<_> = diagnostics.iter().map(|found| (found.message.as_str(), found.line)).collect();
        assert_eq!(found, [(message, Some(9))], "{text}");
    }
}
