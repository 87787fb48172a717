//! `COPY` and `ADD` as file operations: one action per source, here-documents and downloads as sources of
//! their own, `--link` as a copy upon nothing that is laid over the stage.

use super::checksum;
use super::site::{Lowering, MAIN_CONTEXT, Site, base};
use super::stage_state::clean;
use super::{Chmod, CopyAction, FileAction, Input, Op, Owner, Reads, Vertex, VertexId};
use crate::diagnostic::Diagnostic;
use crate::digest::ContentDigest;
use crate::dockerfile::{Add, Copy, CopySource};
use crate::engine_profile::ModeRules;
use crate::glob;
use crate::ignorefile::Ignorefile;
use crate::selector::Selector;

/// A source with its flags expanded.
struct Source {
    from: VertexId,
    selector: Selector,
    inline: bool,
}

/// What all sources of one instruction share.
struct Shared {
    dest: String,
    owner: Option<Owner>,
    mode: Option<Chmod>,
    /// Whether the copy may stand on its own: `--link`, and no `--chmod`, not even one that is passed over.
    link: bool,
    unpack: bool,
}

impl Lowering<'_> {
    pub(super) fn copy(&mut self, site: &mut Site<'_>, copy: &Copy) -> Result<(), Diagnostic> {
        if copy.parents && !self.request.profile.knows_flag("parents") {
            return Err(site
                .error_at("--parents", "unknown flag: --parents")
                .with_hint("Dockerfile frontend 1.20 and later know it; `# syntax=docker/dockerfile:1` selects one"));
        }
        let shared = self.shared(site, copy, false)?;
        let from = self.source_vertex(site, copy)?;
        let mut sources = Vec::new();
        for source in &copy.sources {
            if let CopySource::Path(path) = source {
                let written = path;
                let path = site.expand(path)?;
                if is_url(&path) || is_git(&path) {
                    let what = if is_git(&path) { "git ref" } else { "URL" };
                    return Err(site.error_at(written, format!("source can't be a {what} for COPY")));
                }
                let selector = selector(site, copy, written, &path)?;
                self.request_path(from.0.as_deref(), &path);
                sources.push(Source { from: from.1, selector, inline: false });
            }
        }
        self.add_heredocs(site, copy, &mut sources)?;
        self.finish_copy(site, &shared, sources);
        Ok(())
    }

    pub(super) fn add(&mut self, site: &mut Site<'_>, add: &Add) -> Result<(), Diagnostic> {
        let copy = &add.copy;
        let shared = self.shared(site, copy, add.unpack.unwrap_or(true))?;
        let context = self.builder.source(Op::Context(MAIN_CONTEXT.to_owned()));
        let checksum = checksum_of(site, add)?;
        let mut sources = Vec::new();
        for source in &copy.sources {
            let CopySource::Path(path) = source else { continue };
            let written = path;
            let path = site.expand(path)?;
            if is_url(&path) || is_git(&path) {
                sources.push(self.remote(&path, checksum.as_deref(), add.keep_git_dir));
                continue;
            }
            let selector = selector(site, copy, written, &path)?;
            self.request_path(Some(MAIN_CONTEXT), &path);
            sources.push(Source { from: context, selector, inline: false });
        }
        self.add_heredocs(site, copy, &mut sources)?;
        self.finish_copy(site, &shared, sources);
        Ok(())
    }

    /// Where `COPY` reads: the main context, a stage, or an image; and the context's name if it is one.
    fn source_vertex(&mut self, site: &mut Site<'_>, copy: &Copy) -> Result<(Option<String>, VertexId), Diagnostic> {
        let Some(from) = &copy.from else {
            return Ok((Some(MAIN_CONTEXT.to_owned()), self.builder.source(Op::Context(MAIN_CONTEXT.to_owned()))));
        };
        let vertex = self.stage_or_image(site, from, true)?.ok_or_else(|| {
            site.error_at(from, format!("cannot copy from empty stage {from:?}")).with_hint("the stage holds no files")
        })?;
        let context = match &self.builder.graph[petgraph::graph::NodeIndex::new(vertex.0)].op {
            Op::Context(name) => Some(name.clone()),
            _ => None,
        };
        Ok((context, vertex))
    }

    /// The file system that `--from=` or a mount's `from` names; `None` for an empty one.
    pub(super) fn stage_or_image(
        &mut self,
        site: &mut Site<'_>,
        name: &str,
        by_index: bool,
    ) -> Result<Option<VertexId>, Diagnostic> {
        if let Some(stage) = self.stages.named(name, by_index).map_err(|error| site.error_at(name, error))? {
            let current = self.stages.list[site.stage].display_name(site.stage);
            return match self.finished.get(&stage) {
                Some(state) => Ok(state.vertex),
                None if by_index => Err(site.error_at(
                    name,
                    format!("cannot copy from stage {name:?}, it needs to be defined before current stage {current:?}"),
                )),
                None => Err(site.error_at(
                    name,
                    format!("cannot mount from stage {name:?}, stage needs to be defined before current command"),
                )),
            };
        }
        if name == "scratch" {
            return Ok(None);
        }
        let platform = self.request.target_platform().to_owned();
        let (vertex, _) = self
            .image(name, &platform)
            .map_err(|error| site.error_at(name, format!("failed to parse stage name {name:?}: {error}")))?;
        Ok(Some(vertex))
    }

    /// Notes that a build asks its client for `path` of a context.
    pub(super) fn request_path(&mut self, context: Option<&str>, path: &str) {
        if let Some(context) = context {
            self.requested.entry(context.to_owned()).or_default().push(clean(path));
        }
    }

    fn add_heredocs(&mut self, site: &mut Site<'_>, copy: &Copy, sources: &mut Vec<Source>) -> Result<(), Diagnostic> {
        for source in &copy.sources {
            let (name, body, expand) = match source {
                CopySource::Path(_) => continue,
                CopySource::Heredoc(_) if site.instruction.has_replaced_bytes => {
                    // BuildKit copies these bytes; here they are lost, and two files could look the same.
                    return Err(site.not_utf8("the here-document holds bytes that are not UTF-8"));
                }
                CopySource::Heredoc(index) => match site.instruction.heredocs.get(*index) {
                    Some(heredoc) => (&heredoc.name, heredoc.body(), heredoc.expand),
                    None => continue,
                },
                CopySource::Inline { name, content, expand } => (name, content.clone(), *expand),
            };
            let data = if expand { site.expand_body(&body)? } else { body };
            let from = self.inline_file(name, 0o644, &data);
            sources.push(Source { from, selector: Selector::plain(clean(name)), inline: true });
        }
        Ok(())
    }

    /// A file of the builder's own making, in an empty file system.
    pub(super) fn inline_file(&mut self, name: &str, mode: u32, data: &str) -> VertexId {
        let (size, content) = (data.len() as u64, ContentDigest::of(data.as_bytes()));
        let action = FileAction::Mkfile { name: name.to_owned(), mode, size, content };
        self.builder.source(Op::File(vec![action]))
    }

    fn remote(&mut self, url: &str, checksum: Option<&str>, keep_git_dir: Option<bool>) -> Source {
        let git = is_git(url);
        let name = if git { String::new() } else { download_name(url) };
        let mut address = url.to_owned();
        for (flag, value) in
            [("checksum", checksum), ("keep-git-dir", keep_git_dir.filter(|keep| *keep).map(|_| "true"))]
        {
            if let Some(value) = value {
                address = format!("{address} {flag}={value}");
            }
        }
        let from = self.builder.source(Op::Remote(address));
        Source { from, selector: Selector::plain(clean(&name)), inline: true }
    }

    /// The destination and the flags, expanded.
    fn shared(&self, site: &mut Site<'_>, copy: &Copy, unpack: bool) -> Result<Shared, Diagnostic> {
        let dest = site.expand(&copy.dest)?;
        let owner = copy.chown.as_deref().map(|text| site.expand(text)).transpose()?.filter(|text| !text.is_empty());
        let rules = self.request.profile.modes();
        let written = copy.chmod.as_deref().unwrap_or_default();
        let chmod = if rules == ModeRules::OctalOrIgnored { written.to_owned() } else { site.expand(written)? };
        let mode = parse_chmod(&chmod, rules).map_err(|error| site.error_at(written, error))?;
        let link = copy.link && chmod.is_empty();
        let dest = site.state.destination(&dest);
        Ok(Shared { dest, owner: owner.map(|text| Owner::parse(&text)), mode, link, unpack })
    }

    fn finish_copy(&mut self, site: &mut Site<'_>, shared: &Shared, sources: Vec<Source>) {
        let merges = shared.link && self.request.profile.merges_layers;
        let mut inputs = Vec::with_capacity(1 + sources.len());
        inputs.extend(base(site.state.vertex.filter(|_| !merges)));
        let mut actions = Vec::with_capacity(sources.len());
        for Source { from, selector, inline } in sources {
            let input = inputs.iter().position(|input: &Input| input.from == from).unwrap_or(inputs.len());
            match inputs.get_mut(input).map(|input| &mut input.reads) {
                None => inputs.push(Input { from, reads: Reads::Content(vec![selector.clone()]) }),
                Some(Reads::Content(list)) => list.push(selector.clone()),
                // A source that is also the file system written to has no content key of its own (§ FileOp.CacheMap).
                Some(Reads::Base) => {}
            }
            let Shared { dest, owner, mode, unpack, link: _ } = shared;
            actions.push(FileAction::Copy(Box::new(CopyAction {
                input,
                selector,
                dest: dest.clone(),
                owner: owner.clone(),
                mode: mode.clone(),
                unpack: *unpack && !inline,
                inline,
            })));
        }
        let copy = self.builder.add(Vertex { op: Op::File(actions), inputs, ignore_cache: site.ignore_cache });
        if !merges {
            return site.finish(copy);
        }
        site.placed.step = Some(copy.index());
        let Some(under) = site.state.vertex else {
            site.state.vertex = Some(copy);
            return;
        };
        let inputs = [under, copy].map(|from| Input { from, reads: Reads::Base }).to_vec();
        let merge = self.builder.add(Vertex { op: Op::Merge, inputs, ignore_cache: site.ignore_cache });
        site.placed.link = Some(merge.index());
        site.state.vertex = Some(merge);
    }
}

/// What `--checksum=` asks for; an empty value is none.
fn checksum_of(site: &mut Site<'_>, add: &Add) -> Result<Option<String>, Diagnostic> {
    let Some(written) = &add.checksum else { return Ok(None) };
    let checksum = Some(site.expand(written)?).filter(|text| !text.is_empty());
    let Some(text) = &checksum else { return Ok(None) };
    let paths = add.copy.sources.iter().filter_map(|source| match source {
        CopySource::Path(path) => Some(path),
        _ => None,
    });
    let [path] = paths.collect::<Vec<_>>()[..] else {
        return Err(site
            .error_at(written, "checksum can't be specified for multiple sources")
            .with_hint("write an ADD for each download"));
    };
    let path = site.expand(path)?;
    if is_git(&path) {
        return Ok(checksum);
    }
    if !is_url(&path) {
        return Err(site
            .error_at(written, "checksum requires HTTP(S) or Git sources")
            .with_hint("leave --checksum out: files of the build context are compared by content"));
    }
    checksum::check(text).map_err(|invalid| site.error_at(written, invalid.message).with_hint(invalid.hint))?;
    Ok(checksum)
}

/// The mode that `--chmod` asks for; `None` where there is none, or it is one that the frontend passes over.
fn parse_chmod(text: &str, rules: ModeRules) -> Result<Option<Chmod>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let octal = |digits| u32::from_str_radix(digits, 8).ok();
    if rules == ModeRules::OctalOrIgnored {
        return Ok(Some(text).filter(|text| is_number(text)).and_then(octal).map(Chmod::Octal));
    }
    let invalid = || format!("invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777");
    let digits = text.strip_prefix('+').unwrap_or(text);
    if is_number(digits) {
        let mode = octal(digits).filter(|mode| *mode <= 0o7777).ok_or_else(invalid)?;
        return Ok(Some(Chmod::Octal(mode)));
    }
    let is_clause = |clause: &str| {
        let who = clause.trim_start_matches(['u', 'g', 'o', 'a']);
        !who.is_empty() && who.starts_with(['+', '-', '=']) && who.chars().all(|c| "+-=rwxXstugo".contains(c))
    };
    let is_symbolic = rules == ModeRules::OctalOrSymbolic && text.split(',').all(is_clause);
    if is_symbolic { Ok(Some(Chmod::Symbolic(text.to_owned()))) } else { Err(invalid()) }
}

/// `written` is the source as it stands in the file, `path` what it means.
fn selector(site: &mut Site<'_>, copy: &Copy, written: &str, path: &str) -> Result<Selector, Diagnostic> {
    let mut selector = Selector::default();
    for pattern in &copy.exclude {
        selector.exclude.push(site.expand(pattern)?);
    }
    let mut source = path;
    if copy.parents {
        let (pivot, pattern) = path.split_once("/./").unwrap_or(("/", path));
        let pattern = clean(pattern);
        if !glob::has_wildcard(pivot.as_bytes()) && !glob::has_wildcard(pattern.as_bytes()) {
            selector.required.push(clean(&format!("{pivot}/{pattern}")));
        }
        selector.include.push(pattern.trim_start_matches('/').to_owned());
        source = pivot;
    }
    selector.path = clean(source);
    selector.wildcard = glob::has_wildcard(selector.path.as_bytes());
    check_patterns(site, &selector, written)?;
    Ok(selector)
}

/// Refuses the patterns that the build would fail at.
fn check_patterns(site: &Site<'_>, selector: &Selector, written: &str) -> Result<(), Diagnostic> {
    if selector.wildcard && glob::Glob::new(selector.path.as_bytes()).is_err() {
        return Err(site
            .error_at(written, "syntax error in pattern")
            .with_hint(format!("the source is {:?}", selector.path)));
    }
    for (flag, at, patterns) in [("include", written, &selector.include), ("exclude", "--exclude", &selector.exclude)] {
        Ignorefile::from_patterns(patterns)
            .map_err(|error| site.error_at(at, format!("invalid {flag}patterns: {patterns:?}: {error}")))?;
    }
    Ok(())
}

fn is_url(path: &str) -> bool {
    (path.starts_with("http://") || path.starts_with("https://")) && !is_git(path)
}

/// Whether BuildKit takes a source for a repository: by scheme, by `git@host:`, or by a URL path that ends in `.git`.
fn is_git(path: &str) -> bool {
    if ["git://", "ssh://", "git@"].iter().any(|prefix| path.starts_with(prefix)) {
        return true;
    }
    let Some(rest) = path.strip_prefix("https://").or_else(|| path.strip_prefix("http://")) else { return false };
    rest.split(['#', '?']).next().unwrap_or_default().ends_with(".git")
}

/// The name a download is copied by: the last element of the URL's path.
fn download_name(url: &str) -> String {
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if name.is_empty() || name == "." { "__unnamed__".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{Chmod, parse_chmod};
    use crate::engine_profile::ModeRules::{self, Octal, OctalOrIgnored, OctalOrSymbolic};

    #[test]
    fn modes_are_passed_over_refused_or_taken_by_the_version_of_the_frontend() {
        let read = |text: &str, rules: ModeRules| parse_chmod(text, rules).map_err(|_| "refused");
        for rules in [OctalOrIgnored, Octal, OctalOrSymbolic] {
            assert_eq!(read("", rules), Ok(None));
            assert_eq!(read("0644", rules), Ok(Some(Chmod::Octal(0o644))));
        }
        for text in ["$MODE", "u=rwx", "9999", "+644", "x"] {
            assert_eq!(read(text, OctalOrIgnored), Ok(None), "{text}");
        }
        // No older frontend asks how large a mode is.
        assert_eq!(read("17777", OctalOrIgnored), Ok(Some(Chmod::Octal(0o17777))));
        assert_eq!(read("17777", Octal), Err("refused"));
        assert_eq!(read("u=rwx", Octal), Err("refused"));
        assert_eq!(read("u=rwx", OctalOrSymbolic), Ok(Some(Chmod::Symbolic("u=rwx".to_owned()))));
        assert_eq!(read("x", OctalOrSymbolic), Err("refused"));
    }
}
