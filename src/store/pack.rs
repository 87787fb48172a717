//! A pack: the objects that one record added, in one file that never changes. An object is a run of bytes
//! under a digest. [`Objects`] is all packs of a state folder, read and checked; [`Additions`] is what the
//! next pack will hold. What an object means is decided by `listing` and `tree`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use planner::digest::ContentDigest;

use super::files::{self, Warnings};
use super::wire::{Reader, Unframed, frame, put_bytes, unframe};

const MAGIC: [u8; 8] = *b"SPLNPACK";
const VERSION: u8 = 1;

/// More packs than this are folded into one at the next append: opening a file costs more than reading it.
const MAX_PACKS: usize = 64;

/// Every object of the state folder.
#[derive(Default)]
pub(super) struct Objects {
    packs: Vec<(PathBuf, Vec<u8>)>,
    places: HashMap<ContentDigest, (usize, Range<usize>)>,
}

impl Objects {
    /// Reads all packs of a folder; a folder that does not exist holds none. Packs that cannot be used are set
    /// aside.
    pub(super) fn load(dir: &Path, warnings: &Warnings) -> anyhow::Result<Self> {
        // A pack that vanishes while the folder is read was folded into a newer one: read the folder again.
        for _ in 0..8 {
            if let Some(objects) = Self::read(&paths(dir)?, warnings)? {
                return Ok(objects);
            }
        }
        anyhow::bail!("cannot read `{}`: its files keep changing", dir.display())
    }

    fn read(paths: &[PathBuf], warnings: &Warnings) -> anyhow::Result<Option<Self>> {
        let mut objects = Self::default();
        for path in paths {
            let Some(bytes) = files::read(path)? else { return Ok(None) };
            match index(&bytes) {
                Ok(places) => {
                    let pack = objects.packs.len();
                    objects.places.extend(places.into_iter().map(|(id, range)| (id, (pack, range))));
                    objects.packs.push((path.clone(), bytes));
                }
                Err(why) => files::set_aside(path, why, warnings),
            }
        }
        Ok(Some(objects))
    }

    /// The bytes of an object.
    pub(super) fn find(&self, id: &ContentDigest) -> Option<&[u8]> {
        let (pack, range) = self.places.get(id)?;
        self.packs.get(*pack)?.1.get(range.clone())
    }

    /// Writes what is new into one pack. Where there are many packs they become one; the old ones go only
    /// when the new one is on disk.
    pub(super) fn write(&self, dir: &Path, new: &BTreeMap<ContentDigest, Vec<u8>>) -> anyhow::Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        files::create_dir(dir)?;
        if self.packs.len() < MAX_PACKS {
            return write_pack(dir, new.iter().map(|(id, bytes)| (id, bytes.as_slice()))).map(drop);
        }
        let mut all: BTreeMap<&ContentDigest, &[u8]> = new.iter().map(|(id, bytes)| (id, bytes.as_slice())).collect();
        for id in self.places.keys().collect::<std::collections::BTreeSet<_>>() {
            if let Some(bytes) = self.find(id) {
                all.insert(id, bytes);
            }
        }
        let written = write_pack(dir, all.into_iter())?;
        files::settle(&written)?;
        self.remove_all_but(&written)
    }

    /// Puts one pack of these objects in the place of all packs. `commit` makes the new state the valid one; the old
    /// packs go after it.
    pub(super) fn replace(
        &self,
        dir: &Path,
        objects: &BTreeMap<ContentDigest, Vec<u8>>,
        commit: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        files::create_dir(dir)?;
        let written = write_pack(dir, objects.iter().map(|(id, bytes)| (id, bytes.as_slice())))?;
        files::settle(&written)?;
        commit()?;
        self.remove_all_but(&written)
    }

    fn remove_all_but(&self, written: &Path) -> anyhow::Result<()> {
        for (path, _) in self.packs.iter().filter(|(path, _)| path != written) {
            fs::remove_file(path).with_context(|| format!("cannot remove `{}`", path.display()))?;
        }
        Ok(())
    }
}

/// The objects that are not in any pack yet.
pub(super) struct Additions<'a> {
    present: &'a Objects,
    new: BTreeMap<ContentDigest, Vec<u8>>,
    visited: HashSet<ContentDigest>,
}

impl<'a> Additions<'a> {
    /// Nothing new so far.
    pub(super) fn to(present: &'a Objects) -> Self {
        Self { present, new: BTreeMap::new(), visited: HashSet::new() }
    }

    /// Whether what stands under a digest, with all it leads to, is to be added; of each digest once.
    pub(super) fn is_first(&mut self, id: ContentDigest) -> bool {
        self.visited.insert(id)
    }

    /// Adds an object under a digest that stands for its meaning. Present ones are left as they are.
    pub(super) fn put(&mut self, id: ContentDigest, bytes: Vec<u8>) {
        if self.present.find(&id).is_none() {
            self.new.insert(id, bytes);
        }
    }

    /// Adds an object under the digest of its bytes.
    pub(super) fn put_bytes(&mut self, bytes: Vec<u8>) -> ContentDigest {
        let id = ContentDigest::of(&bytes);
        self.put(id, bytes);
        id
    }

    /// What the next pack will hold.
    pub(super) fn into_new(self) -> BTreeMap<ContentDigest, Vec<u8>> {
        self.new
    }
}

/// The packs of a folder in the order of their names.
fn paths(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if files::is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", dir.display())),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read `{}`", dir.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "pack") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Where each object lies in the bytes of a pack, or why the pack cannot be used.
fn index(bytes: &[u8]) -> Result<Vec<(ContentDigest, Range<usize>)>, &'static str> {
    let payload = match unframe(MAGIC, VERSION, bytes) {
        Unframed::Whole(payload) => payload,
        Unframed::OtherVersion => return Err("was written by another version of stageplan"),
        Unframed::Damaged => return Err("is damaged"),
    };
    let start = MAGIC.len() + 1;
    let mut reader = Reader(payload);
    let mut places = Vec::new();
    while !reader.is_empty() {
        let (Some(id), Some(object)) = (reader.digest(), reader.bytes()) else { return Err("is damaged") };
        let end = start + payload.len() - reader.0.len();
        places.push((id, end - object.len()..end));
    }
    Ok(places)
}

fn write_pack<'a>(dir: &Path, objects: impl Iterator<Item = (&'a ContentDigest, &'a [u8])>) -> anyhow::Result<PathBuf> {
    let mut payload = Vec::new();
    for (id, bytes) in objects {
        payload.extend_from_slice(id.as_bytes());
        put_bytes(&mut payload, bytes);
    }
    let path = dir.join(format!("{}.pack", ContentDigest::of(&payload).short()));
    files::replace(&path, &frame(MAGIC, VERSION, &payload))?;
    Ok(path)
}
