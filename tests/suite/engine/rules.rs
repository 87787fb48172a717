//! What frontends do otherwise from one version to another, on the engine at hand, whichever it is: the rules that stageplan
//! derives from its version must be those it follows. In: a project and edits. Out: of each step what was predicted, which
//! must be certain, and what the engine did.

use std::collections::BTreeSet;

use super::live::{Built, Live, new_salt};
use super::replay::agree;
use super::{images, is_here};
use crate::case::edit::Edit;
use crate::case::{Case, Content, Files, Text};

const IMAGE: &str = "stageplan/base:rules";

/// Builds the project, then again after each edit: `explain` and `build` must foresee for certain what each step does.
fn is_foreseen(dockerfile: &str, edits: impl IntoIterator<Item = Edit>) -> Vec<Built> {
    let salt = new_salt();
    let wanted: Vec<(String, String)> = vec![(IMAGE.to_owned(), salt.clone())];
    images::make(&wanted);
    let files = Files::Map([("f".to_owned(), Content::Text("f\n".to_owned()))].into());
    let case = Case { dockerfile: Text::Whole(format!("FROM {IMAGE}\n{dockerfile}")), files, ..Case::default() };
    let mut live = Live::lay_out(&case, &salt);
    live.build().expect("a first build");
    let builds = edits.into_iter().map(|edit| {
        live.apply(&edit);
        let explained = live.explain().expect("an explanation");
        let built = live.build().expect("a build");
        agree(&explained, &built).expect("explain and build say the same");
        for step in &built.steps {
            let (predicted, observed) = (step.predicted.as_deref(), step.observed.as_str());
            let is_right = matches!((predicted, observed), (Some("hit"), "cached") | (Some("miss"), "ran"));
            assert!(is_right, "{}", step.told());
        }
        built
    });
    let builds = builds.collect();
    images::remove(&wanted);
    builds
}

fn argument(name: &str, value: &str) -> Edit {
    Edit::SetBuildArg { name: name.to_owned(), value: Some(value.to_owned()) }
}

fn replace(from: &str, to: &str) -> Edit {
    Edit::Dockerfile { replace: Some((from.to_owned(), to.to_owned())), text: None }
}

#[test]
fn a_run_that_declares_the_target_depends_on_it_as_foreseen() {
    if is_here() {
        let target = |name: &str| Edit::SetTarget { target: Some(name.to_owned()) };
        let dockerfile = "RUN cat /etc/base-image\nFROM stageplan/base:rules AS a\nARG TARGETSTAGE\n\
                          RUN echo \"[$TARGETSTAGE]\" > /target; cat /etc/base-image\nFROM a AS last\nCOPY f /g\n";
        is_foreseen(dockerfile, [target("a"), target("last"), Edit::SetTarget { target: None }]);
    }
}

#[test]
fn the_date_of_the_source_enters_folders_as_foreseen() {
    if is_here() {
        let dockerfile = "RUN cat /etc/base-image\nWORKDIR /w\nCOPY f .\n";
        let env = Edit::SetEnv { name: "SOURCE_DATE_EPOCH".to_owned(), value: "100".to_owned() };
        let builds = is_foreseen(dockerfile, [env, argument("SOURCE_DATE_EPOCH", "200")]);
        // One rule for the folder and what is copied into it.
        for built in builds {
            let observed: BTreeSet<&str> = built.steps[1..].iter().map(|step| step.observed.as_str()).collect();
            assert_eq!(observed.len(), 1, "{observed:?}");
        }
    }
}

#[test]
fn a_mode_from_a_variable_enters_the_copy_as_foreseen() {
    if is_here() {
        let edits = [argument("C", "700"), replace(" --chmod=$C", ""), replace("COPY f", "COPY --chmod=$C f")];
        is_foreseen("ARG C=600\nCOPY --chmod=$C f /g\nRUN ls -l /g\n", edits);
    }
}

#[test]
fn an_octal_mode_enters_the_copy() {
    if is_here() {
        let edits = [replace("=600", "=0600"), replace("=0600", "=700")];
        let builds = is_foreseen("COPY --chmod=600 f /g\nRUN ls -l /g\n", edits);
        let observed = builds.iter().map(|built| built.steps[1].observed.as_str());
        assert_eq!(observed.collect::<Vec<_>>(), ["cached", "ran"]);
    }
}
