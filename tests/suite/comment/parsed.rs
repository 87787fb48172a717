//! Comments as a parser of CommonMark with tables reads them: no text of a project is more than text.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::{cases, changed, named, said};

/// The code spans of a comment, after a look at everything else in it.
pub(super) fn code_spans(comment: &str) -> Vec<String> {
    let mut spans = Vec::new();
    let mut is_block = false;
    for event in Parser::new_ext(comment, Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_GFM) {
        match event {
            Event::Code(code) => spans.push(code.into_string()),
            Event::Html(html) | Event::InlineHtml(html) => assert!(is_ours(&html), "{html:?} in\n{comment}"),
            Event::Start(Tag::CodeBlock(kind)) => {
                assert_eq!(kind, CodeBlockKind::Fenced("diff".into()), "{comment}");
                is_block = true;
            }
            Event::End(TagEnd::CodeBlock) => is_block = false,
            Event::Text(text) if is_block => {
                assert!(text.lines().all(|line| line.starts_with(['+', '-', ' ', '…'])), "{text:?} in\n{comment}");
                assert!(!text.contains(|letter: char| letter.is_control() && letter != '\n'), "{text:?}");
            }
            Event::Text(text) => {
                let is_plain = |letter: char| letter.is_alphanumeric() || " ,;:.'()→…-".contains(letter);
                assert!(text.chars().all(is_plain), "{text:?} in\n{comment}");
                assert!(!text.contains("www.") && !text.contains("://"), "{text:?} in\n{comment}");
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::List(_) | Tag::Item | Tag::BlockQuote(_))
            | Event::TaskListMarker(_)
            | Event::Rule => panic!("{event:?} in\n{comment}"),
            _ => {}
        }
    }
    spans
}

/// The marker, and what folds the steps away.
fn is_ours(html: &str) -> bool {
    let html = html.trim_end();
    let marker = html.strip_prefix("<!-- stageplan ").and_then(|rest| rest.strip_suffix(" -->"));
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || " =%_./~-".contains(letter);
    let summary = html.strip_prefix("<details><summary>All ").and_then(|rest| rest.strip_suffix("</summary>"));
    marker.is_some_and(|words| words.chars().all(is_word) && !words.contains("--"))
        || summary.is_some_and(|words| words.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == ' '))
        || html == "</details>"
        || html == "<br>"
}

#[test]
fn nothing_in_a_comment_comes_from_a_file_but_code() {
    for folder in cases() {
        code_spans(&said(&changed(&folder), "plan", "markdown"));
    }
}

#[test]
fn hostile_texts_are_shown_as_they_are() {
    let spans = code_spans(&said(&named("hostile-texts-are-shown-and-never-obeyed"), "plan", "markdown"));
    for shown in [
        "src/a|b`c",
        "src/@octocat #1 <img src=x onerror=y> [l](javascript:x) ![i](x)",
        "src/``` --> <!--\\",
        "RUN echo '</details> <script>alert(1)</script> --> <!--'",
        "RUN echo ![i](http://x.example/i.png) @octocat #1 \\u{202e}",
        "RUN echo '|``` \\\\x7c a || b \\\\\\x7c *x* _y_ ~~z~~ $`m`$ &lt; :tada:'",
        "RUN echo ::error::forged | tee %0A::warning::forged",
    ] {
        assert!(spans.iter().any(|span| span == shown), "{shown} is not in {spans:#?}");
    }
    assert!(spans.iter().all(|span| !span.contains(['\u{202e}', '\n', '\u{1b}'])), "{spans:#?}");
}

#[test]
fn every_row_has_the_cells_of_its_head() {
    let comment = said(&named("hostile-texts-are-shown-and-never-obeyed"), "plan", "markdown");
    let mut n_columns = 0;
    for line in comment.lines().filter(|line| line.starts_with('|')) {
        // A bar behind a backslash is text.
        let n_bars = line.replace("\\|", "").matches('|').count();
        if line.starts_with("| Why") || line.starts_with("| Line") {
            n_columns = n_bars;
        }
        assert_eq!(n_bars, n_columns, "{line}");
    }
    assert!(n_columns > 0, "{comment}");
}
