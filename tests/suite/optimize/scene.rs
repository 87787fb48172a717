//! A project in memory: a Dockerfile, the context as `.dockerignore` leaves it, the manifests in it. In go cases, out come
//! suggestions and rewritten files. Nothing is written to disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use planner::context::{BuildContext, ContextPath, FileEntry, Node};
use planner::digest::ContentDigest;
use planner::engine_profile::EngineProfile;
use planner::ignorefile::Ignorefile;
use planner::known_command::visible::{Manifests, is_manifest};
use planner::request::Request;
use planner::rules::{self, Rewritten};
use planner::steps::Surroundings;
use planner::suggestion::{Applicability, Facts, Suggestion};

use crate::case::{self, Case, Entry};

/// A project in memory.
pub(crate) struct Scene {
    pub(crate) dockerfile: Vec<u8>,
    context: BuildContext,
    manifests: Manifests,
    request: Request,
    pub(crate) untracked: BTreeSet<ContextPath>,
}

/// A finding as a fixture tells it: rule, line, and `safe` or `review`.
pub(crate) type Told = (String, u32, String);

impl Scene {
    pub(crate) fn of(case: &Case, profile: &EngineProfile) -> Self {
        let mut request = Request::new("linux/amd64", profile.clone());
        request.build_args.clone_from(&case.build_args);
        let rows = case.files.rows();
        let ignore = rows.iter().find(|row| row.path == ".dockerignore").map(|row| bytes(&row.entry));
        let rules = ignore.map(|bytes| Ignorefile::parse(&bytes).0).unwrap_or_default();
        let (mut context, mut manifests) = (BuildContext::default(), Manifests::new());
        for row in rows {
            let path = ContextPath::new(&row.path);
            if rules.ignores(&path).unwrap_or(false) || row.path.starts_with("../") {
                continue;
            }
            if is_manifest(&path) && row.entry.symlink.is_none() {
                manifests.insert(path.clone(), bytes(&row.entry));
            }
            context = context.with(&path, node(&row.entry));
        }
        Self {
            dockerfile: case.dockerfile.joined().into_bytes(),
            context,
            manifests,
            request,
            untracked: BTreeSet::new(),
        }
    }

    /// The same with another Dockerfile.
    pub(crate) fn with(&self, dockerfile: &str) -> Self {
        Self {
            dockerfile: dockerfile.as_bytes().to_vec(),
            context: self.context.clone(),
            manifests: self.manifests.clone(),
            request: self.request.clone(),
            untracked: self.untracked.clone(),
        }
    }

    pub(crate) fn around(&self) -> Surroundings<'_> {
        Surroundings {
            request: &self.request,
            context: &self.context,
            manifests: &self.manifests,
            dockerfile: None,
            untracked: &self.untracked,
        }
    }

    /// What is suggested; `None` where BuildKit refuses the file.
    pub(crate) fn suggestions(&self) -> Option<Vec<Suggestion>> {
        let facts = Facts::read(&self.dockerfile, self.around()).ok()?;
        Some(rules::suggest(&facts))
    }

    /// The same in the words of a fixture.
    pub(crate) fn told(&self) -> Option<Vec<Told>> {
        let told = |one: &Suggestion| (one.rule.to_owned(), one.line, applicability(one).to_owned());
        Some(self.suggestions()?.iter().map(told).collect())
    }

    /// The file after its safe suggestions.
    pub(crate) fn rewritten(&self) -> Option<Rewritten> {
        rules::rewrite(&self.dockerfile, self.around(), &|_| true).ok()
    }
}

pub(crate) fn applicability(suggestion: &Suggestion) -> &'static str {
    match suggestion.applicability {
        Applicability::Safe => "safe",
        Applicability::Review => "review",
    }
}

/// A suggestion as the golden files tell it.
pub(crate) fn written(one: &Suggestion) -> String {
    let doubts: String = one.doubts.iter().map(|doubt| format!("    doubt: {doubt}\n")).collect();
    let cure = if one.edits.is_empty() { ", without an edit" } else { "" };
    format!(
        "line {}: {} ({}{cure})\n    {}\n    {}\n{doubts}",
        one.line,
        one.rule,
        applicability(one),
        one.title,
        one.reason
    )
}

fn bytes(entry: &Entry) -> Vec<u8> {
    case::bytes(entry.text.as_deref(), entry.b64.as_deref())
}

fn node(entry: &Entry) -> Node {
    if entry.dir {
        return BuildContext::default()
            .with(&ContextPath::new("x/y"), file(entry))
            .without(&ContextPath::new("x/y"))
            .find(&ContextPath::new("x"))
            .map_or_else(
                || file(entry),
                |found| match found {
                    planner::context::Found::Folder(folder) => Node::Folder(folder),
                    planner::context::Found::File(entry) => Node::File(entry),
                },
            );
    }
    file(entry)
}

fn file(entry: &Entry) -> Node {
    if let Some(target) = &entry.symlink {
        return Node::File(Arc::new(FileEntry::symlink(target.as_bytes())));
    }
    let mode = entry.mode.as_deref().map_or(0o644, case::mode);
    let bytes = bytes(entry);
    Node::File(Arc::new(FileEntry::file(mode, bytes.len() as u64, ContentDigest::of(&bytes))))
}

/// The projects of recorded cases and fixtures, each once by what decides the answer.
pub(crate) fn distinct(scenes: Vec<(String, Case)>) -> BTreeMap<String, (String, Case)> {
    scenes
        .into_iter()
        .map(|(name, case)| (case.dockerfile.joined() + &format!("{:?}", paths(&case)), (name, case)))
        .collect()
}

fn paths(case: &Case) -> Vec<String> {
    case.files.rows().into_iter().map(|row| row.path).collect()
}
