//! Comments and annotations against a git revision: names from the top of the repository, wherever one stands.

use super::Place;

fn said(repo: &super::Repo<'_>, context: &str, more: &[&str]) -> String {
    let answer = repo.answer("plan", context, &[&["--since", "HEAD"], more].concat());
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""));
    answer.text()
}

#[test]
fn a_comment_names_the_commit_and_not_its_time() {
    let place = Place::new();
    let repo = place.small();
    let commit = repo.git(&["rev-parse", "HEAD"]);
    let calm = said(&repo, "", &["--format", "markdown"]);
    let against = format!("compared with commit `{}`", &commit[..12]);
    assert_eq!(
        calm,
        format!(
            "<!-- stageplan file=Dockerfile context=. -->\n\
             Build of `Dockerfile`: everything stays cached (5 steps, {against}).\n"
        )
    );
    repo.write("src/a.js", "edited\n");
    let comment = said(&repo, "", &["--format", "markdown"]);
    assert!(comment.contains(&format!("\nCompared with commit `{}`. ", &commit[..12])), "{comment}");
    assert!(!comment.contains("2020"), "{comment}");
    let clone = place.clone(&repo, "elsewhere", "022", "");
    clone.write("src/a.js", "edited\n");
    assert_eq!(said(&clone, "", &["--format", "markdown"]), comment, "another checkout gets the same comment");
}

#[test]
fn paths_begin_at_the_top_of_the_repository() {
    let place = Place::new();
    let repo = place.small();
    repo.write("services/api/Dockerfile", super::DOCKERFILE);
    repo.write("services/api/package.json", "{}\n");
    repo.write("services/api/src/a.js", "a\n");
    repo.write("docker/api, %.Dockerfile", &super::DOCKERFILE.replace("node:22", "node:22 AS main"));
    repo.commit("second");
    repo.write("services/api/src/a.js", "edited\n");
    let annotations = said(&repo, "services/api", &["--format", "github"]);
    assert!(annotations.starts_with("::notice file=services/api/Dockerfile,line=5,endLine=5,title="), "{annotations}");
    let comment = said(&repo, "services/api", &["--format", "markdown"]);
    assert!(comment.starts_with("<!-- stageplan file=services/api/Dockerfile context=services/api -->\n"), "{comment}");
    let file = repo.path("docker/api, %.Dockerfile");
    let other = ["--file", file.to_str().expect("text"), "--target", "main"];
    let annotations = said(&repo, "services/api", &[&["--format", "github"], &other[..]].concat());
    assert!(annotations.contains("::notice file=docker/api%2C %25.Dockerfile,line=5,"), "{annotations}");
    let comment = said(&repo, "services/api", &[&["--format", "markdown"], &other[..]].concat());
    let marker = "<!-- stageplan file=docker/api%2c%20%25.Dockerfile context=services/api target=main -->\n";
    assert!(comment.starts_with(marker), "{comment}");
}
