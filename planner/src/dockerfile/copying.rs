//! `COPY` and `ADD`: a [`Node`] and its here-documents to what is copied where. See `command`.

use super::few::Few;
use super::flags::{ADD_FLAGS, COPY_FLAGS, Flags, is_set};
use super::heredoc::{Announcement, announcement, chomped};
use super::node::Node;
use super::refusal::Refusal;
use super::text::Text;
use super::{Add, Copy, CopySource, Heredoc};

/// # Errors
/// BuildKit's words against the instruction.
pub(super) fn copy(node: &Node, heredocs: &[Heredoc]) -> Result<Copy, Refusal> {
    check_arity(node, "COPY")?;
    let flags = Flags::read(&node.flags, COPY_FLAGS)?;
    let (sources, dest) = sources_and_dest(node, heredocs, "COPY")?;
    Ok(shared(sources, dest, &flags))
}

/// # Errors
/// BuildKit's words against the instruction.
pub(super) fn add(node: &Node, heredocs: &[Heredoc]) -> Result<Add, Refusal> {
    check_arity(node, "ADD")?;
    let flags = Flags::read(&node.flags, ADD_FLAGS)?;
    let (sources, dest) = sources_and_dest(node, heredocs, "ADD")?;
    Ok(Add {
        copy: shared(sources, dest, &flags),
        checksum: flags.text("checksum"),
        keep_git_dir: flags.bool("keep-git-dir"),
        unpack: flags.bool("unpack"),
    })
}

fn shared(sources: Few<CopySource>, dest: Text, flags: &Flags<'_>) -> Copy {
    let mut copy =
        Copy { sources, dest, from: None, chown: None, chmod: None, link: false, parents: false, exclude: Vec::new() };
    for (name, value) in flags.each() {
        match name {
            "from" => copy.from = value,
            "chown" => copy.chown = value,
            "chmod" => copy.chmod = value,
            "link" => copy.link = is_set(value.as_ref()),
            "parents" => copy.parents = is_set(value.as_ref()),
            "exclude" => copy.exclude.extend(value),
            // Of `ADD` alone.
            _ => {}
        }
    }
    copy
}

fn check_arity(node: &Node, keyword: &str) -> Result<(), Refusal> {
    if node.args.len() < 2 {
        let why = "but only one was provided. Destination could not be determined";
        return Err(Refusal::of_all(&node.args, format!("{keyword} requires at least two arguments, {why}")));
    }
    Ok(())
}

fn sources_and_dest(node: &Node, heredocs: &[Heredoc], keyword: &str) -> Result<(Few<CopySource>, Text), Refusal> {
    let Some((dest, sources)) = node.args.split_last() else {
        return check_arity(node, keyword).map(|()| Default::default());
    };
    if announced_by(&dest.text).is_some() {
        return Err(Refusal::of(dest, format!("{keyword} cannot accept a heredoc as a destination")));
    }
    let source = |text: &Text| match announced_by(text) {
        None => CopySource::Path(text.clone()),
        Some(announced) => heredoc_source(announced, heredocs),
    };
    Ok((sources.iter().map(|word| source(&word.text)).collect(), dest.text.clone()))
}

/// A delimiter that cannot be read announces nothing here.
fn announced_by(word: &str) -> Option<Announcement> {
    announcement(word).ok().flatten()
}

/// Of here-documents of one name the last gives the content, while each word says for itself what is done
/// with it; a word for which no body was read gives an empty file.
fn heredoc_source(announced: Announcement, heredocs: &[Heredoc]) -> CopySource {
    let index = heredocs.iter().rposition(|heredoc| heredoc.name == announced.name);
    let Announcement { name, expand, chomp, .. } = announced;
    match index {
        Some(index) if heredocs[index].expand == expand && heredocs[index].chomp == chomp => CopySource::Heredoc(index),
        index => {
            let body = index.map_or("", |index| heredocs[index].content.as_str());
            let content = if chomp { chomped(body) } else { body.to_owned() };
            CopySource::Inline { name, content, expand }
        }
    }
}
