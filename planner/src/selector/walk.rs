//! The walk behind wildcards, `--exclude` and `--parents`: which files and folder headers are listed. A
//! folder's header is listed if it matches itself, or as soon as something below it does.

use super::{Match, Selector, SourceMissing, links};
use crate::context::{BuildContext, ContextPath, Node};
use crate::glob;
use crate::ignorefile::{Ignorefile, State};

pub(super) fn list(selector: &Selector, tree: &BuildContext) -> Result<Vec<Match>, SourceMissing> {
    let pattern = ContextPath::new(&selector.path);
    let prefix = selector.fixed_prefix();
    let mut walk = Walk {
        tree,
        pattern: selector.wildcard.then_some(&pattern),
        include: patterns(&selector.include),
        exclude: patterns(&selector.exclude),
        headers: Vec::new(),
        listed: Vec::new(),
    };
    // A link in the prefix is followed; the prefix's last component only where wildcards follow it.
    let start = links::resolve(tree, &prefix, selector.wildcard && prefix != pattern);
    match start {
        Some((_, node)) if selector.wildcard => walk.below(&prefix, &node, None),
        Some((_, node)) => walk.entry(&prefix, &node, Some(prefix.components().count())),
        None => {}
    }
    let listed = walk.followed()?;
    for required in &selector.required {
        let required_bytes = required.as_bytes();
        let found = listed.iter().any(|entry| [b"/", entry.path.as_bytes()].concat().starts_with(required_bytes));
        if !found {
            return Err(SourceMissing { path: required.clone() });
        }
    }
    Ok(listed)
}

struct Walk<'a> {
    tree: &'a BuildContext,
    /// The wildcard pattern, if the path is one.
    pattern: Option<&'a ContextPath>,
    include: Option<Ignorefile>,
    exclude: Option<Ignorefile>,
    /// The folders that are being walked, outermost first.
    headers: Vec<Header>,
    listed: Vec<Match>,
}

struct Header {
    entry: Match,
    listed: bool,
    include: State,
    exclude: State,
}

impl Walk<'_> {
    /// Walks what lies below a folder that is not itself part of a match.
    fn below(&mut self, path: &ContextPath, node: &Node, depth: Option<usize>) {
        if let Node::Folder(folder) = node {
            for (name, child) in folder.entries() {
                self.entry(&path.join(name), child, depth);
            }
        }
    }

    /// Walks one entry. `depth` is the number of components of the match it belongs to, once there is one.
    fn entry(&mut self, path: &ContextPath, node: &Node, depth: Option<usize>) {
        let n_components = path.components().count();
        let depth = match (depth, self.pattern) {
            (Some(depth), _) => depth,
            (None, None) => n_components,
            (None, Some(pattern)) => {
                if !glob::matches(pattern.as_bytes(), path.as_bytes()).unwrap_or(false) {
                    if n_components < pattern.components().count() {
                        self.below(path, node, None);
                    }
                    return;
                }
                n_components
            }
        };
        self.matched(path, node, depth);
    }

    fn matched(&mut self, path: &ContextPath, node: &Node, depth: usize) {
        let (_, below_match) = path.split(depth);
        let parent = self.headers.last();
        let (included, include) = state(self.include.as_ref(), parent.map(|header| &header.include), &below_match);
        let (excluded, exclude) = state(self.exclude.as_ref(), parent.map(|header| &header.exclude), &below_match);
        let taken = (self.include.is_none() || included) && !(self.exclude.is_some() && excluded);
        let entry = Match { path: path.clone(), node: node.clone(), depth, followed: parent.is_none() };
        let Node::Folder(folder) = node else {
            if taken {
                self.list_headers();
                self.listed.push(entry);
            }
            return;
        };
        // The header of the tree's own root is never listed (contenthash: a source that ends in a separator).
        let is_root = path.is_root();
        if !is_root {
            if taken {
                self.list_headers();
                self.listed.push(entry.clone());
            }
            self.headers.push(Header { entry, listed: taken, include, exclude });
        }
        for (name, child) in folder.entries() {
            self.matched(&path.join(name), child, depth);
        }
        if !is_root {
            self.headers.pop();
        }
    }

    fn list_headers(&mut self) {
        for header in self.headers.iter_mut().filter(|header| !header.listed) {
            header.listed = true;
            self.listed.push(header.entry.clone());
        }
    }

    /// Replaces the links that matched themselves by what they lead to.
    fn followed(self) -> Result<Vec<Match>, SourceMissing> {
        let tree = self.tree;
        let follow = |mut entry: Match| {
            let is_link = matches!(&entry.node, Node::File(file) if matches!(file.kind, crate::context::FileKind::Symlink { .. }));
            entry.followed &= is_link;
            if entry.followed {
                let (_, target) = links::resolve(tree, &entry.path, true)
                    .ok_or_else(|| SourceMissing { path: format!("/{}", entry.path.to_lossy()) })?;
                entry.node = target;
            }
            Ok(entry)
        };
        self.listed.into_iter().map(follow).collect()
    }
}

/// Lowering has refused patterns that are none, so what is left can be read.
fn patterns(list: &[String]) -> Option<Ignorefile> {
    if list.is_empty() { None } else { Ignorefile::from_patterns(list).ok() }
}

fn state(patterns: Option<&Ignorefile>, parent: Option<&State>, path: &ContextPath) -> (bool, State) {
    let Some(patterns) = patterns else { return (false, State::default()) };
    let root = patterns.root();
    match patterns.decide(parent.unwrap_or(&root), path.as_bytes()) {
        Ok((decision, state)) => (decision.is_ignored(), state),
        Err(_) => (false, State::default()),
    }
}
