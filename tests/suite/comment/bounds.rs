//! Comments and annotations of builds that are far too large for them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::said;
use crate::case::project::Project;

/// Characters that GitHub takes in one comment.
const MOST_CHARACTERS: usize = 65_536;

fn project(dockerfile: &str, files: &BTreeMap<String, String>) -> Project {
    let case = json!({ "dockerfile": dockerfile, "files": files });
    let project = Project::lay_out(&serde_json::from_value(case).expect("a case"), "buildkit");
    assert_eq!(project.record().code, Some(0));
    project
}

/// Demands a comment that fits with room to spare, and no more annotations of a kind than GitHub shows.
fn assert_bounded(project: &Project) -> (String, String) {
    let (comment, annotations) = (said(project, "plan", "markdown"), said(project, "plan", "github"));
    let n_characters = comment.chars().count();
    super::parsed::code_spans(&comment);
    assert!(n_characters < MOST_CHARACTERS / 2, "{n_characters} characters");
    for kind in ["::error ", "::warning ", "::notice "] {
        let n = annotations.lines().filter(|line| line.starts_with(kind)).count();
        assert!(n <= 10, "{n} of {kind}:\n{annotations}");
    }
    assert!(annotations.lines().all(|line| line.chars().count() < 2000), "{annotations}");
    (comment, annotations)
}

#[test]
fn a_comment_on_five_hundred_stages_says_what_it_leaves_out() {
    let (mut dockerfile, mut files) = (String::new(), BTreeMap::new());
    for n in 0..500 {
        let long = "|`".repeat(100);
        let _ = write!(dockerfile, "FROM alpine:3.20 AS s{n}\nCOPY f{n} /f\nRUN echo '{long}' {n}\n\n");
        files.insert(format!("f{n}"), "a\n".to_owned());
    }
    dockerfile.push_str("FROM scratch\n");
    for n in 0..500 {
        let _ = writeln!(dockerfile, "COPY --from=s{n} /f /f{n}");
    }
    let mut project = project(&dockerfile, &files);
    for n in 0..500 {
        let edit = json!({ "op": "write", "path": format!("f{n}"), "text": "edited\n" });
        project.apply(&serde_json::from_value(edit).expect("an edit"));
    }
    let (comment, annotations) = assert_bounded(&project);
    assert!(
        comment.contains("1000 of 1500 steps run again in 500 stages; 500 more may; none is sure to stay cached"),
        "{comment}"
    );
    assert!(comment.contains("490 more causes, for 980 steps, stand below or are left out."), "{comment}");
    assert!(comment.contains("more steps are left out to keep this comment short"), "{comment}");
    assert!(comment.contains("\n</details>\n") && comment.trim_end().ends_with('.'), "{comment}");
    assert!(annotations.contains("493 more: "), "{annotations}");
}

#[test]
fn a_comment_on_ten_thousand_files_counts_them() {
    let mut files: BTreeMap<_, _> =
        (0..10_000).map(|n| (format!("src/{}{n}", "é".repeat(60)), "a\n".to_owned())).collect();
    files.insert("keep".to_owned(), "a\n".to_owned());
    let dockerfile = "FROM alpine:3.20 AS one\nCOPY . /one\nFROM one\nRUN ls\n";
    let project = project(dockerfile, &files);
    for path in files.keys().filter(|path| path.starts_with("src/")) {
        std::fs::write(project.path(path), "edited\n").expect("a file");
    }
    let (comment, annotations) = assert_bounded(&project);
    assert!(comment.contains("| `src/` 10000 files changed, e.g. "), "{comment}");
    assert!(annotations.contains("COPY . /one: src/ 10000 files changed"), "{annotations}");
}

#[test]
fn sources_that_are_missing_everywhere_are_ten_errors() {
    let mut dockerfile = "FROM scratch\n".to_owned();
    let files: BTreeMap<_, _> = (0..30).map(|n| (format!("f{n}"), "a\n".to_owned())).collect();
    for n in 0..30 {
        let _ = write!(dockerfile, "FROM alpine:3.20 AS s{n}\nCOPY f{n} /f\n");
    }
    dockerfile.push_str("FROM scratch\n");
    for n in 0..30 {
        let _ = writeln!(dockerfile, "COPY --from=s{n} /f /f{n}");
    }
    let project = project(&dockerfile, &files);
    for n in 0..30 {
        std::fs::remove_file(project.path(&format!("f{n}"))).expect("a file");
    }
    let (comment, annotations) = assert_bounded(&project);
    assert!(comment.contains("It would fail at 19 more places, too."), "{comment}");
    assert!(annotations.contains("21 more: "), "{annotations}");
}

#[test]
fn texts_of_backticks_and_bars_do_not_make_a_comment_longer() {
    let (mut dockerfile, mut files, mut last) = (String::new(), BTreeMap::new(), "FROM scratch\n".to_owned());
    let ticks = "`".repeat(150);
    for n in 0..30 {
        let args: String = (0..3).map(|m| format!("ARG A{n}{m}\n")).collect();
        let runs: String = (0..3).map(|m| format!("RUN '{ticks}' {m}\n")).collect();
        let _ = write!(dockerfile, "FROM alpine:3.20 AS s{n}\n{args}{runs}ADD https://example.com/{n}{ticks} /\n");
        let _ = writeln!(last, "COPY --from=s{n} /f /f{n}");
        files.insert(format!("f{n}"), "a\n".to_owned());
    }
    let mut project = project(&(dockerfile + &last), &files);
    for (n, m) in (0..90).map(|index| (index / 3, index % 3)) {
        let edit = json!({ "op": "set_build_arg", "name": format!("A{n}{m}"), "value": "|`".repeat(60) });
        project.apply(&serde_json::from_value(edit).expect("an edit"));
    }
    let (comment, _) = assert_bounded(&project);
    assert!(comment.contains(" more causes, for "), "{comment}");
}
