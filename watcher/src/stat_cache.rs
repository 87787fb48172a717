//! What an earlier scan of one context root found out, so that a later one reads only what has moved. Stamps go
//! in; the digests of content and extended attributes come out, or nothing. A stamp that is not clearly older
//! than the scan that took it is not answered for: the file may have changed once more within one tick of the
//! clock ("racily clean", as git calls it).
//!
//! A folder all of whose entries are recorded has its own digest here, too: where none of them has moved, nothing
//! need be made of them. Where there is a record of every name that a folder held, and the folder itself has not moved,
//! its list need not be read: what comes, goes or is renamed in a folder moves the folder.
//!
//! On disk: one flat file, little-endian; a head, folders sorted by path, records sorted by name within each
//! folder, attribute digests, texts, and blake3 of it all. Anything unexpected makes it no cache: it may be lost,
//! never wrong.

use std::cmp::Ordering;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use planner::context::{ContextPath, Summary};
use planner::digest::ContentDigest;
use rustix::fs::FileType;

use crate::hash::Stamp;

/// The cache of one context root. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct StatCache(Option<Arc<Table>>);

/// What is known of a file or folder whose stamp has not changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// Digest of a file's bytes; zeros for a folder.
    pub content: ContentDigest,
    /// Digest of the extended attributes BuildKit hashes.
    pub xattrs: Option<ContentDigest>,
}

/// Where a record stands. Only the cache that gave it can use it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record(u32);

/// Where a folder's records stand. Only the cache that gave it can use it.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct FolderRecords {
    /// Where the folder itself stands.
    folder: usize,
    first: usize,
    n_records: usize,
    n_names: usize,
}

impl FolderRecords {
    pub(crate) fn n_records(self) -> usize {
        self.n_records
    }

    /// Whether there is a record of everything that the folder held, whatever the ignore file and the request say.
    pub(crate) fn are_all(self) -> bool {
        self.n_records == self.n_names
    }
}

/// One record in full.
pub(crate) struct Entry<'a> {
    pub(crate) record: Record,
    pub(crate) name: &'a [u8],
    pub(crate) stamp: Stamp,
    pub(crate) remembered: Remembered,
}

const MAGIC: &[u8; 8] = b"spstamps";
/// Raised with every change of the layout; a file of another version is dropped.
const VERSION: u32 = 3;
const HEAD: usize = 40;
const FOLDER: usize = 68;
const RECORD: usize = 88;
const DIGEST: usize = 32;

impl StatCache {
    /// A cache that knows nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Reads a cache that [`save`](Self::save) wrote. Without a readable, whole file of this version it knows
    /// nothing.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        // A FIFO in its place would keep the reader waiting.
        let bytes = path.is_file().then(|| std::fs::read(path).ok()).flatten();
        let table = bytes.and_then(Table::from_file);
        Self(table.map(Arc::new))
    }

    /// Writes the cache to `path`, replacing what was there in one step. A cache that knows nothing is written
    /// too.
    ///
    /// # Errors
    /// What the system reports; the old file then stands.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let empty;
        let table = match &self.0 {
            Some(table) => table,
            None => {
                empty = Builder::new(i64::MIN).into_table().unwrap_or_default();
                &empty
            }
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&table.bytes)?;
        file.write_all(blake3::hash(&table.bytes).as_bytes())?;
        file.persist(path)?;
        Ok(())
    }

    /// How many files and folders are known.
    #[must_use]
    pub fn n_entries(&self) -> usize {
        self.0.as_ref().map_or(0, |table| table.n_records)
    }

    /// What is known of the file or folder at `path`, if it still has this stamp.
    #[must_use]
    pub fn lookup(&self, path: &ContextPath, stamp: &Stamp) -> Option<Remembered> {
        let folder = self.folder(path.parent()?.as_bytes());
        self.recall(self.find(folder, path.name(), stamp)?)
    }

    /// The records of a folder; none if it is not known.
    pub(crate) fn folder(&self, path: &[u8]) -> FolderRecords {
        self.0.as_ref().and_then(|table| table.folder(path)).unwrap_or_default()
    }

    /// Whether the records of a folder are all it held, and its digest is known.
    pub(crate) fn is_whole(&self, folder: FolderRecords) -> bool {
        self.summary(folder).is_some()
    }

    /// What is known of a folder as a whole.
    pub(crate) fn summary(&self, folder: FolderRecords) -> Option<Summary> {
        self.0.as_ref()?.summary(folder.folder)
    }

    /// The records of a folder in order; fewer than there should be if the file is not what it seems.
    pub(crate) fn entries(&self, folder: FolderRecords) -> impl Iterator<Item = Entry<'_>> {
        let table = self.0.as_deref();
        (folder.first..folder.first.saturating_add(folder.n_records)).map_while(move |index| table?.entry(index))
    }

    /// The names of a folder's records in order, and what stood there.
    pub(crate) fn names(&self, folder: FolderRecords) -> impl Iterator<Item = (&[u8], FileType)> {
        let table = self.0.as_deref();
        (folder.first..folder.first.saturating_add(folder.n_records)).map_while(move |index| {
            let table = table?;
            Some((table.record_name(index)?, FileType::from_raw_mode(table.st_mode(index)?)))
        })
    }

    /// The stamps of a folder's records in order.
    pub(crate) fn stamps(&self, folder: FolderRecords) -> impl Iterator<Item = Stamp> {
        let table = self.0.as_deref();
        (folder.first..folder.first.saturating_add(folder.n_records)).map_while(move |index| table?.stamp(index))
    }

    /// The record of a folder's entry, if it still has this stamp.
    pub(crate) fn find(&self, folder: FolderRecords, name: &[u8], stamp: &Stamp) -> Option<Record> {
        let table = self.0.as_ref()?;
        let found = search(folder.first, folder.n_records, |index| Some(table.record_name(index)?.cmp(name)))?;
        self.settled(found, stamp)
    }

    /// The same where names are looked for in their order: `rest` holds the records behind the last name.
    pub(crate) fn find_next(&self, rest: &mut FolderRecords, name: &[u8], stamp: &Stamp) -> Option<Record> {
        let table = self.0.as_ref()?;
        while rest.n_records > 0 {
            let at = rest.first;
            let order = table.record_name(at)?.cmp(name);
            if order == Ordering::Greater {
                return None;
            }
            (rest.first, rest.n_records) = (at + 1, rest.n_records - 1);
            if order == Ordering::Equal {
                return self.settled(at, stamp);
            }
        }
        None
    }

    fn settled(&self, found: usize, stamp: &Stamp) -> Option<Record> {
        let table = self.0.as_ref()?;
        let is_settled = is_before(stamp.mtime, table.moment) && is_before(stamp.ctime, table.moment);
        let is_known = is_settled && table.stamp(found)? == *stamp;
        is_known.then_some(Record(u32::try_from(found).ok()?))
    }

    /// What a record says.
    pub(crate) fn recall(&self, record: Record) -> Option<Remembered> {
        self.0.as_ref()?.remembered(usize::try_from(record.0).ok()?)
    }
}

/// Whether a file stamped `time` cannot have been changed at or after `moment` without getting another stamp.
fn is_before(time: i64, moment: i64) -> bool {
    /// Above one tick of the kernel's coarse clock, which stamps files (10 ms at its slowest).
    const TICK: i64 = 20_000_000;
    /// File systems that keep whole or even seconds only.
    const COARSE_TICK: i64 = 2_000_000_000;
    let tick = if time % 1_000_000_000 == 0 { COARSE_TICK } else { TICK };
    time.saturating_add(tick) < moment
}

/// The place among `n` from `first` that compares equal; `None` too when a comparison is impossible.
fn search(first: usize, n: usize, compare: impl Fn(usize) -> Option<Ordering>) -> Option<usize> {
    let (mut low, mut high) = (first, first.checked_add(n)?);
    while low < high {
        let middle = low + (high - low) / 2;
        match compare(middle)? {
            Ordering::Less => low = middle + 1,
            Ordering::Equal => return Some(middle),
            Ordering::Greater => high = middle,
        }
    }
    None
}

/// The file's bytes, its trailer left out, with the places of its parts.
#[derive(Debug, Default)]
struct Table {
    bytes: Vec<u8>,
    moment: i64,
    n_folders: usize,
    n_records: usize,
    xattrs: usize,
    texts: usize,
}

impl Table {
    fn from_file(mut bytes: Vec<u8>) -> Option<Self> {
        let end = bytes.len().checked_sub(DIGEST)?;
        if blake3::hash(&bytes[..end]).as_bytes() != &bytes[end..] {
            return None;
        }
        bytes.truncate(end);
        Self::new(bytes)
    }

    fn new(bytes: Vec<u8>) -> Option<Self> {
        if bytes.get(..8)? != MAGIC || u32_at(&bytes, 8)? != VERSION {
            return None;
        }
        let (n_folders, n_records) = (size_at(&bytes, 12)?, size_at(&bytes, 16)?);
        let (n_xattrs, moment) = (size_at(&bytes, 20)?, i64_at(&bytes, 24)?);
        let n_text = usize::try_from(u64_at(&bytes, 32)?).ok()?;
        let xattrs = HEAD.checked_add(n_folders.checked_mul(FOLDER)?)?.checked_add(n_records.checked_mul(RECORD)?)?;
        let texts = xattrs.checked_add(n_xattrs.checked_mul(DIGEST)?)?;
        (texts.checked_add(n_text)? == bytes.len()).then_some(Self {
            bytes,
            moment,
            n_folders,
            n_records,
            xattrs,
            texts,
        })
    }

    fn text(&self, at: usize) -> Option<&[u8]> {
        let start = self.texts.checked_add(size_at(&self.bytes, at)?)?;
        self.bytes.get(start..start.checked_add(size_at(&self.bytes, at + 4)?)?)
    }

    fn folder(&self, path: &[u8]) -> Option<FolderRecords> {
        let at = |index: usize| HEAD + index * FOLDER;
        let found = at(search(0, self.n_folders, |index| Some(self.text(at(index))?.cmp(path)))?);
        let (first, n_records) = (size_at(&self.bytes, found + 8)?, size_at(&self.bytes, found + 12)?);
        Some(FolderRecords { folder: found, first, n_records, n_names: size_at(&self.bytes, found + 64)? })
    }

    /// What is known of the folder that stands there as a whole.
    fn summary(&self, at: usize) -> Option<Summary> {
        let digest: [u8; DIGEST] = array_at(&self.bytes, at + 16)?;
        // A nameless record stands at 0: that of a folder that is not known.
        (at > 0 && digest != [0; DIGEST]).then_some(Summary {
            digest: ContentDigest::from_bytes(digest),
            n_below: size_at(&self.bytes, at + 48)?,
            n_files: size_at(&self.bytes, at + 52)?,
            n_bytes: u64_at(&self.bytes, at + 56)?,
        })
    }

    fn entry(&self, index: usize) -> Option<Entry<'_>> {
        Some(Entry {
            record: Record(u32::try_from(index).ok()?),
            name: self.record_name(index)?,
            stamp: self.stamp(index)?,
            remembered: self.remembered(index)?,
        })
    }

    fn record_at(&self, index: usize) -> usize {
        HEAD + self.n_folders * FOLDER + index * RECORD
    }

    fn record_name(&self, index: usize) -> Option<&[u8]> {
        self.text(self.record_at(index))
    }

    fn st_mode(&self, index: usize) -> Option<u32> {
        u32_at(&self.bytes, self.record_at(index) + 8)
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        let at = self.record_at(index);
        Some(Stamp {
            st_mode: self.st_mode(index)?,
            size: u64_at(&self.bytes, at + 16)?,
            mtime: i64_at(&self.bytes, at + 24)?,
            ctime: i64_at(&self.bytes, at + 32)?,
            inode: u64_at(&self.bytes, at + 40)?,
            device: u64_at(&self.bytes, at + 48)?,
        })
    }

    fn remembered(&self, index: usize) -> Option<Remembered> {
        let at = self.record_at(index);
        let xattrs = match size_at(&self.bytes, at + 12)? {
            0 => None,
            number => Some(ContentDigest::from_bytes(array_at(&self.bytes, self.xattrs + (number - 1) * DIGEST)?)),
        };
        Some(Remembered { content: ContentDigest::from_bytes(array_at(&self.bytes, at + 56)?), xattrs })
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

fn size_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_le_bytes)
}

fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    array_at(bytes, at).map(i64::from_le_bytes)
}

/// What is told of a folder.
struct FolderEntry {
    /// Place of the path among the texts.
    path: [usize; 2],
    /// Place of the first record.
    first: usize,
    n_records: usize,
    n_names: usize,
    /// What is known of the whole.
    summary: Option<Summary>,
}

/// Collects what a scan found.
pub(crate) struct Builder {
    moment: i64,
    folders: Vec<FolderEntry>,
    records: Vec<u8>,
    n_records: usize,
    xattrs: Vec<u8>,
    texts: Vec<u8>,
}

impl Builder {
    /// For a scan that began at `moment`, nanoseconds since 1970, before it looked at any file.
    pub(crate) fn new(moment: i64) -> Self {
        let (records, xattrs, texts) = (Vec::new(), Vec::new(), Vec::new());
        Self { moment, folders: Vec::new(), records, n_records: 0, xattrs, texts }
    }

    /// Opens a folder in which so many names were found; the records that follow are its. The result is its number.
    pub(crate) fn folder(&mut self, path: &[u8], n_names: usize) -> usize {
        let path = self.text(path);
        self.folders.push(FolderEntry { path, first: self.n_records, n_records: 0, n_names, summary: None });
        self.folders.len() - 1
    }

    /// Says of a folder that it holds nothing but its records, and what it is as a whole. Folders are counted from 0.
    pub(crate) fn summarize(&mut self, folder: usize, summary: Summary) {
        if let Some(known) = self.folders.get_mut(folder) {
            known.summary = Some(summary);
        }
    }

    /// Adds a record to the open folder. Names must come in byte order.
    pub(crate) fn record(&mut self, name: &[u8], stamp: &Stamp, remembered: &Remembered) {
        let [start, length] = self.text(name);
        let xattrs = remembered.xattrs.map_or(0, |digest| {
            self.xattrs.extend_from_slice(digest.as_bytes());
            self.xattrs.len() / DIGEST
        });
        let mut record = [0; RECORD];
        let parts: [&[u8]; 10] = [
            &short(start),
            &short(length),
            &stamp.st_mode.to_le_bytes(),
            &short(xattrs),
            &stamp.size.to_le_bytes(),
            &stamp.mtime.to_le_bytes(),
            &stamp.ctime.to_le_bytes(),
            &stamp.inode.to_le_bytes(),
            &stamp.device.to_le_bytes(),
            remembered.content.as_bytes(),
        ];
        let mut rest = record.as_mut_slice();
        for part in parts {
            // The parts fill the record exactly; a slice takes what fits.
            let _ = rest.write(part);
        }
        self.records.extend_from_slice(&record);
        self.n_records += 1;
        if let Some(folder) = self.folders.last_mut() {
            folder.n_records += 1;
        }
    }

    /// The cache of all that was added; it knows nothing if that is more than the layout can hold.
    pub(crate) fn finish(self) -> StatCache {
        StatCache(self.into_table().map(Arc::new))
    }

    fn into_table(mut self) -> Option<Table> {
        let texts = self.texts;
        let text = |[start, length]: [usize; 2]| &texts[start..start + length];
        self.folders.sort_unstable_by(|a, b| text(a.path).cmp(text(b.path)));
        let n_folders = self.folders.len();
        // No number is above the length of the texts or of the records.
        if u32::try_from(texts.len()).is_err() || u32::try_from(self.records.len()).is_err() {
            return None;
        }
        let n_bytes = HEAD + n_folders * FOLDER + self.records.len() + self.xattrs.len() + texts.len();
        let mut bytes = Vec::with_capacity(n_bytes);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        for count in [n_folders, self.n_records, self.xattrs.len() / DIGEST] {
            bytes.extend_from_slice(&short(count));
        }
        bytes.extend_from_slice(&self.moment.to_le_bytes());
        bytes.extend_from_slice(&(texts.len() as u64).to_le_bytes());
        for FolderEntry { path: [start, length], first, n_records, n_names, summary } in self.folders {
            for number in [start, length, first, n_records] {
                bytes.extend_from_slice(&short(number));
            }
            let unknown =
                Summary { digest: ContentDigest::from_bytes([0; DIGEST]), n_below: 0, n_files: 0, n_bytes: 0 };
            let summary = summary.unwrap_or(unknown);
            bytes.extend_from_slice(summary.digest.as_bytes());
            bytes.extend_from_slice(&short(summary.n_below));
            bytes.extend_from_slice(&short(summary.n_files));
            bytes.extend_from_slice(&summary.n_bytes.to_le_bytes());
            bytes.extend_from_slice(&short(n_names));
        }
        bytes.extend_from_slice(&self.records);
        bytes.extend_from_slice(&self.xattrs);
        bytes.extend_from_slice(&texts);
        Table::new(bytes)
    }

    fn text(&mut self, text: &[u8]) -> [usize; 2] {
        let start = self.texts.len();
        self.texts.extend_from_slice(text);
        [start, text.len()]
    }
}

/// Four bytes; a number they cannot hold is refused as a whole in `into_table`.
fn short(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}
