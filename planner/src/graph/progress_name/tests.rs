//! Names as engines reported them, against Dockerfiles of a few lines.

use std::collections::BTreeMap;

use super::{ProgressName, fits};
use crate::dockerfile::Dockerfile;
use crate::engine_profile::EngineProfile;
use crate::graph::TargetGraph;
use crate::graph::lower::lower;
use crate::image::{Image, ImageConfig, ImageName};
use crate::request::{NamedContext, Request};

fn target(dockerfile: &str, change: impl FnOnce(&mut Request)) -> TargetGraph {
    let (dockerfile, _) = Dockerfile::parse(dockerfile.as_bytes());
    let mut request = Request::new("linux/amd64", EngineProfile::buildkit());
    change(&mut request);
    let profile = request.profile.clone();
    let (graph, diagnostics) = lower(&[(&dockerfile, &request)], &profile);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    graph.targets.into_iter().next().expect("one target")
}

/// The lines whose step or merge a name means.
fn lines(target: &TargetGraph, name: &str) -> Vec<u32> {
    let name = ProgressName::parse(name).expect("a numbered name");
    let steps = target.steps_named(&name);
    let placed = target.stages.iter().flat_map(|stage| &stage.instructions);
    let is_meant = |step: Option<usize>| step.is_some_and(|step| steps.contains(&step));
    placed.filter(|placed| is_meant(placed.step) || is_meant(placed.link)).map(|placed| placed.line).collect()
}

#[test]
fn a_name_is_taken_apart() {
    let name = ProgressName::parse("[api linux/arm64 build  2/13] ONBUILD LINK COPY --link a b").expect("a step");
    assert_eq!(name.words, ["api", "linux/arm64", "build"]);
    assert_eq!((name.number, name.total, name.trigger, name.link), (2, 13, true, true));
    assert_eq!((name.text, name.platform()), ("COPY --link a b", Some("linux/arm64")));
    for other in ["[internal] load .dockerignore", "exporting to image", "[context x] load from client", "[1/", "[]"] {
        assert_eq!(ProgressName::parse(other), None, "{other}");
    }
}

#[test]
fn numbers_go_to_steps_only_and_totals_count_every_workdir() {
    let target = target("FROM x AS a\nWORKDIR /\nENV A=1\nRUN one\nFROM a\nRUN two\nCOPY --from=a / /\n", |_| ());
    assert_eq!(lines(&target, "[a 2/3] RUN one"), [4]);
    assert_eq!(lines(&target, "[stage-1 1/2] RUN two"), [6]);
    assert_eq!(lines(&target, "[stage-1 2/2] COPY --from=a / /"), [7]);
    for wrong in ["[a 3/3] RUN one", "[a 2/2] RUN one", "[a 2/3] RUN two", "[b 2/3] RUN one", "[2/3] RUN one"] {
        assert_eq!(lines(&target, wrong), [0_u32; 0], "{wrong}");
    }
}

#[test]
fn one_stage_may_go_without_its_name_and_a_plan_may_put_its_target_in_front() {
    let target = target("FROM x\nRUN one\n", |_| ());
    for name in ["[2/2] RUN one", "[stage-0 2/2] RUN one", "[linux/amd64 2/2] RUN one", "[default 2/2] RUN one"] {
        assert_eq!(lines(&target, name), [2], "{name}");
    }
    assert_eq!(lines(&target, "[other 2/2] RUN one"), [0_u32; 0]);
    assert_eq!(lines(&target, "[default linux/amd64->arm64 stage-0 2/2] RUN one"), [2]);
}

#[test]
fn a_replaced_image_counts_but_takes_no_number() {
    let replace = |request: &mut Request| {
        request.contexts.insert("x".to_owned(), NamedContext::Image("y".to_owned()));
    };
    let target = target("FROM x\nRUN one\n", replace);
    assert_eq!(lines(&target, "[1/2] RUN one"), [2]);
}

#[test]
fn triggers_come_first_whether_or_not_they_are_counted() {
    let onbuild = vec!["ENV A=1".to_owned(), "RUN two".to_owned()];
    let config = Some(ImageConfig { onbuild, ..ImageConfig::default() });
    let image = Image { config, ..Image::default() };
    let give = |request: &mut Request| {
        let (reference, platform) = ("docker.io/library/x:latest".to_owned(), "linux/amd64".to_owned());
        request.images = BTreeMap::from([(ImageName { reference, platform }, image)]);
    };
    let target = target("FROM x\nRUN one\n", give);
    for (name, line) in [("[2/4] ONBUILD RUN two", 1), ("[3/4] RUN one", 2), ("[2/2] RUN two", 1), ("[3/2] RUN one", 2)]
    {
        assert_eq!(lines(&target, name), [line], "{name}");
    }
    assert_eq!(lines(&target, "[3/4] ONBUILD RUN one"), [0_u32; 0]);
}

#[test]
fn a_linked_copy_has_two_names_of_one_number() {
    let target = target("FROM x\nCOPY --link a /\nRUN one\n", |_| ());
    let step = |name: &str| target.steps_named(&ProgressName::parse(name).expect("a step"));
    let placed = &target.stages[0].instructions[1];
    assert_eq!(step("[2/3] COPY --link a /"), placed.step.into_iter().collect());
    assert_eq!(step("[2/3] LINK COPY --link a /"), placed.link.into_iter().collect());
    assert_ne!(placed.step, placed.link);
    assert_eq!(lines(&target, "[3/3] RUN one"), [3]);
}

#[test]
fn a_text_fits_its_own_expansion_and_no_other_text() {
    let fitting = [
        ("RUN echo \"$MODE\" ${A:-${B}}!", "RUN echo \"prod\" 1!"),
        ("RUN echo $UNSET '$x' \\$y", "RUN echo $UNSET '$x' $y"),
        ("RUN a && b", "RUN a     && b"),
        ("COPY [\"a b\", \"/c\"]", "COPY [a b, /c]"),
        ("RUN <<EOF", "RUN <<EOF (echo first...)"),
        ("RUN cat <<A <<B", "RUN cat <<A <<B"),
        ("RUN curl -H ***", "RUN curl -H key"),
        ("RUN $CMD", "RUN anything at all"),
        ("RUN echo ${open", "RUN echo ${open"),
    ];
    for (written, shown) in fitting {
        assert!(fits(written, shown), "{written} — {shown}");
    }
    let others = [
        ("RUN echo one", "RUN echo two"),
        ("RUN echo $A b", "RUN echo x c"),
        ("RUN echo", "RUN echo (x)"),
        ("RUN a", "RUN a b"),
        ("RUN b a", "RUN a"),
        ("", "RUN a"),
        ("COPY $A/$A /", "COPY x /"),
    ];
    for (written, shown) in others {
        assert!(!fits(written, shown), "{written} — {shown}");
    }
}

#[test]
fn a_plan_names_its_targets_without_the_dots_of_their_stages() {
    let target = target("FROM x AS a.b\nRUN one\nFROM a.b\nRUN two\n", |request| {
        request.name = "a.b".to_owned();
        request.stage = Some("a.b".to_owned());
    });
    assert_eq!(lines(&target, "[a_b a.b 2/2] RUN one"), [2]);
    assert_eq!(lines(&target, "[a.b a.b 2/2] RUN one"), [0_u32; 0]);
}
