//! Build contexts as objects: a folder is one object under the folder's own digest, and a long listing is
//! kept in chunks, so a changed file adds its chunk and the folders above it. In go contexts, out come the
//! same contexts, checked: what does not give the digest it is stored under is not given out. File contents
//! are not kept, only their digests.

use std::sync::Arc;

use planner::context::{FileEntry, FileKind, Folder, FolderHeader, Node};
use planner::digest::ContentDigest;

use super::listing;
use super::pack::{Additions, Objects};
use super::wire::{Reader, put_bytes, put_number};

/// Set in the first byte of an entry or a header when a digest of extended attributes follows.
const WITH_XATTRS: u8 = 0x80;

/// Adds a folder and everything below it that is not kept yet. Everything is visited, also below folders that
/// are kept already: a pack may have been set aside, and then its objects are added again.
pub(super) fn keep(folder: &Folder, additions: &mut Additions<'_>) {
    if !additions.is_first(folder.digest()) {
        return;
    }
    for (_, node) in folder.entries() {
        if let Node::Folder(inner) = node {
            keep(inner, additions);
        }
    }
    let mut object = Vec::new();
    match folder.header() {
        None => object.push(0),
        Some(header) => {
            put_tag(&mut object, 1, header.xattrs.as_ref());
            put_number(&mut object, header.mode.into());
        }
    }
    object.extend(listing::keep(cut_entries(folder.entries()), additions));
    additions.put(folder.digest(), object);
}

/// The folder of that digest. What equals a folder or a file of `like` at the same path is shared with it.
/// `None` where an object is missing or does not say what its digest promises.
pub(super) fn find(id: &ContentDigest, like: Option<&Arc<Folder>>, objects: &Objects) -> Option<Arc<Folder>> {
    if let Some(like) = like.filter(|like| like.digest() == *id) {
        return Some(like.clone());
    }
    let mut object = Reader(objects.find(id)?);
    let header = match object.byte()? {
        0 => None,
        tag if tag & !WITH_XATTRS == 1 => {
            let xattrs = xattrs(tag, &mut object)?;
            Some(FolderHeader { mode: mode(&mut object)?, xattrs })
        }
        _ => return None,
    };
    let listing = listing::find(object.0, objects)?;
    let mut reader = Reader(&listing);
    let mut entries = Vec::new();
    while !reader.is_empty() {
        let name = reader.bytes()?;
        let node = node(&mut reader, like.and_then(|like| like.entry(name)), objects)?;
        entries.push((name.into(), node));
    }
    let folder = Folder::new(header, entries);
    (folder.digest() == *id).then(|| Arc::new(folder))
}

/// Cuts behind names that hash to it, about every 16th, so that an edited entry changes one chunk.
fn cut_entries(entries: &[(Box<[u8]>, Node)]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    let mut chunk = Vec::new();
    for (name, node) in entries {
        put_bytes(&mut chunk, name);
        put_node(&mut chunk, node);
        if ends_chunk(name) {
            chunks.push(std::mem::take(&mut chunk));
        }
    }
    if !chunk.is_empty() {
        chunks.push(chunk);
    }
    chunks
}

fn ends_chunk(name: &[u8]) -> bool {
    let hash = name.iter().fold(0, |hash, byte| listing::scatter(hash ^ u64::from(*byte)));
    hash.is_multiple_of(16)
}

fn put_node(bytes: &mut Vec<u8>, node: &Node) {
    let entry = match node {
        Node::Folder(folder) => {
            bytes.push(0);
            return bytes.extend_from_slice(folder.digest().as_bytes());
        }
        Node::File(entry) => entry,
    };
    let tag = match &entry.kind {
        FileKind::File { .. } => 1,
        FileKind::Symlink { .. } => 2,
        FileKind::Fifo => 3,
        FileKind::Socket => 4,
        FileKind::Device { block: false, .. } => 5,
        FileKind::Device { block: true, .. } => 6,
    };
    put_tag(bytes, tag, entry.xattrs.as_ref());
    put_number(bytes, entry.mode.into());
    match &entry.kind {
        FileKind::File { size, content } => {
            put_number(bytes, *size);
            bytes.extend_from_slice(content.as_bytes());
        }
        FileKind::Symlink { target } => put_bytes(bytes, target),
        FileKind::Fifo | FileKind::Socket => {}
        FileKind::Device { major, minor, .. } => {
            put_number(bytes, (*major).into());
            put_number(bytes, (*minor).into());
        }
    }
}

fn put_tag(bytes: &mut Vec<u8>, tag: u8, xattrs: Option<&ContentDigest>) {
    match xattrs {
        None => bytes.push(tag),
        Some(xattrs) => {
            bytes.push(tag | WITH_XATTRS);
            bytes.extend_from_slice(xattrs.as_bytes());
        }
    }
}

fn node(reader: &mut Reader<'_>, like: Option<&Node>, objects: &Objects) -> Option<Node> {
    let tag = reader.byte()?;
    if tag == 0 {
        let like = if let Some(Node::Folder(folder)) = like { Some(folder) } else { None };
        return find(&reader.digest()?, like, objects).map(Node::Folder);
    }
    let xattrs = xattrs(tag, reader)?;
    let mode = mode(reader)?;
    let kind = match tag & !WITH_XATTRS {
        1 => FileKind::File { size: reader.number()?, content: reader.digest()? },
        2 => FileKind::Symlink { target: reader.bytes()?.to_vec() },
        3 => FileKind::Fifo,
        4 => FileKind::Socket,
        tag @ (5 | 6) => {
            let (major, minor) = (u32::try_from(reader.number()?).ok()?, u32::try_from(reader.number()?).ok()?);
            FileKind::Device { block: tag == 6, major, minor }
        }
        _ => return None,
    };
    let entry = FileEntry { kind, mode, xattrs };
    match like {
        Some(Node::File(like)) if **like == entry => Some(Node::File(like.clone())),
        _ => Some(Node::File(Arc::new(entry))),
    }
}

fn xattrs(tag: u8, reader: &mut Reader<'_>) -> Option<Option<ContentDigest>> {
    if tag & WITH_XATTRS == 0 {
        return Some(None);
    }
    reader.digest().map(Some)
}

fn mode(reader: &mut Reader<'_>) -> Option<u32> {
    u32::try_from(reader.number()?).ok()
}
