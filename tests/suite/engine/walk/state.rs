//! What a project is at one moment of a walk, as a value: stages, files, how it is built.
//!
//! In: two states. Out: the operations that lead from one to the other, so that an edit taken back, or a return to any
//! earlier moment, needs no rule of its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::edit::Edit;
use crate::case::{Case, Entry, Files, Row, Text};

#[derive(Clone)]
pub(super) struct State {
    pub(super) stages: Vec<Stage>,
    pub(super) files: BTreeMap<String, Node>,
    pub(super) ignorefile: String,
    pub(super) target: Option<String>,
    pub(super) build_args: BTreeMap<String, String>,
    pub(super) arguments: Vec<String>,
    /// The number of the next step.
    pub(super) next: usize,
}

#[derive(Clone)]
pub(super) struct Stage {
    /// The whole line.
    pub(super) from: String,
    pub(super) name: String,
    /// Whether it starts from nothing, so that it has no shell.
    pub(super) is_bare: bool,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone)]
pub(super) struct Step {
    pub(super) text: String,
    /// A path that it makes, for others to copy.
    pub(super) makes: Option<String>,
}

#[derive(Clone, PartialEq)]
pub(super) enum Node {
    File {
        text: String,
        mode: String,
        /// How often only its time was changed.
        touched: usize,
        /// How often it was written under its old time.
        unnoticed: usize,
    },
    Link(String),
    Folder {
        mode: String,
    },
}

impl Node {
    pub(super) fn file(text: impl Into<String>) -> Self {
        Self::File { text: text.into(), mode: "644".to_owned(), touched: 0, unnoticed: 0 }
    }
}

impl State {
    /// The Dockerfile, an instruction in each line.
    fn dockerfile(&self) -> Vec<String> {
        let stage = |stage: &Stage| -> Vec<String> {
            [stage.from.clone()].into_iter().chain(stage.steps.iter().map(|step| step.text.clone())).collect()
        };
        self.stages.iter().flat_map(stage).collect()
    }

    /// The regular files.
    pub(super) fn paths(&self) -> Vec<String> {
        let is_file = |node: &Node| matches!(node, Node::File { .. });
        self.files.iter().filter(|(_, node)| is_file(node)).map(|(path, _)| path.clone()).collect()
    }

    /// A project that starts like this.
    pub(super) fn case(&self) -> Case {
        let mut rows: Vec<_> = self.files.iter().map(|(path, node)| row(path, node)).collect();
        if !self.ignorefile.is_empty() {
            rows.push(row(".dockerignore", &Node::file(self.ignorefile.clone())));
        }
        Case {
            dockerfile: Text::Lines(self.dockerfile()),
            files: Files::Rows(rows),
            target: self.target.clone(),
            build_args: self.build_args.clone(),
            arguments: self.arguments.clone(),
            ..Case::default()
        }
    }

    /// The operations that make this state the other one.
    pub(super) fn edits_to(&self, other: &Self) -> Vec<Edit> {
        let mut edits = Vec::new();
        if self.dockerfile() != other.dockerfile() {
            edits.push(Edit::Dockerfile { replace: None, text: Some(Text::Lines(other.dockerfile())) });
        }
        if self.ignorefile != other.ignorefile {
            edits.push(Edit::Ignorefile { text: other.ignorefile.clone(), path: None });
        }
        let paths: BTreeSet<_> = self.files.keys().chain(other.files.keys()).collect();
        for path in paths {
            edits.extend(file_edits(path, self.files.get(path), other.files.get(path)));
        }
        if self.target != other.target {
            edits.push(Edit::SetTarget { target: other.target.clone() });
        }
        for (name, value) in &other.build_args {
            if self.build_args.get(name) != Some(value) {
                edits.push(Edit::SetBuildArg { name: name.clone(), value: Some(value.clone()) });
            }
        }
        for name in self.build_args.keys().filter(|name| !other.build_args.contains_key(*name)) {
            edits.push(Edit::UnsetBuildArg { name: name.clone() });
        }
        if self.arguments != other.arguments {
            edits.push(Edit::SetArguments { arguments: other.arguments.clone() });
        }
        edits
    }
}

fn row(path: &str, node: &Node) -> Row {
    let entry = match node.clone() {
        Node::File { text, mode, .. } => Entry { text: Some(text), mode: Some(mode), ..Entry::default() },
        Node::Link(target) => Entry { symlink: Some(target), ..Entry::default() },
        Node::Folder { mode } => Entry { dir: true, mode: Some(mode), ..Entry::default() },
    };
    Row { path: path.to_owned(), entry }
}

fn file_edits(path: &str, old: Option<&Node>, new: Option<&Node>) -> Vec<Edit> {
    let path = path.to_owned();
    match (old, new) {
        (old, new) if old == new => Vec::new(),
        (_, None) => vec![Edit::Delete { path }],
        (None | Some(Node::Link(_)), Some(Node::Link(target))) => {
            vec![Edit::Symlink { path, target: target.clone() }]
        }
        (None, Some(Node::File { text, mode, .. })) => {
            vec![Edit::Write { path, text: Some(text.clone()), b64: None, mode: Some(mode.clone()) }]
        }
        (None, Some(Node::Folder { mode })) => {
            vec![Edit::Mkdir { path: path.clone() }, Edit::Chmod { path, mode: mode.clone() }]
        }
        (Some(Node::Folder { .. }), Some(Node::Folder { mode })) => vec![Edit::Chmod { path, mode: mode.clone() }],
        (Some(Node::File { .. }), Some(Node::File { .. })) => rewrites(&path, old, new),
        (Some(_), Some(_)) => {
            [vec![Edit::Delete { path: path.clone() }], file_edits(&path, None, new)].into_iter().flatten().collect()
        }
    }
}

/// From one version of a file to another.
fn rewrites(path: &str, old: Option<&Node>, new: Option<&Node>) -> Vec<Edit> {
    let (
        Some(Node::File { text: old_text, mode: old_mode, touched: old_touched, unnoticed: old_unnoticed }),
        Some(Node::File { text, mode, touched, unnoticed }),
    ) = (old, new)
    else {
        return Vec::new();
    };
    let path = path.to_owned();
    let mut edits = Vec::new();
    if old_text != text && old_unnoticed != unnoticed {
        edits.push(Edit::WriteKeepMtime { path: path.clone(), text: Some(text.clone()), b64: None, new_inode: false });
    } else if old_text != text {
        edits.push(Edit::Write { path: path.clone(), text: Some(text.clone()), b64: None, mode: None });
    }
    if old_mode != mode {
        edits.push(Edit::Chmod { path: path.clone(), mode: mode.clone() });
    }
    if old_touched != touched {
        edits.push(Edit::Touch { path });
    }
    edits
}
