//! One path on disk to its [`FileEntry`]: kind, mode, content through blake3, and the extended attributes that
//! BuildKit hashes. A file that changes while it is read is read again, a few times. Symbolic links are read,
//! never followed. Folders are not entered: [`folder_header`] gives a folder's own attributes.

use std::ffi::CStr;
use std::path::Path;

use planner::context::{FileEntry, FileKind, FolderHeader};
use planner::digest::{ContentDigest, Hasher};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// What tells whether a file is still the one that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Type and permission bits as the system gives them.
    pub st_mode: u32,
    /// Length in bytes.
    pub size: u64,
    /// Last modification, in nanoseconds since 1970.
    pub mtime: i64,
    /// Last change of content or attributes, in nanoseconds since 1970.
    pub ctime: i64,
    /// Inode number.
    pub inode: u64,
    /// Device the inode is on.
    pub device: u64,
}

/// An entry as it was between two equal looks at its [`Stamp`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hashed {
    /// The entry.
    pub entry: FileEntry,
    /// What it looked like to the system.
    pub stamp: Stamp,
}

/// Why a path has no entry.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It changed at each of several readings.
    #[error("it keeps changing while it is read")]
    KeepsChanging,
    /// It is a folder.
    #[error("it is a folder")]
    IsFolder,
}

impl From<Errno> for HashError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// How often a changing file is read before [`HashError::KeepsChanging`].
const READINGS: usize = 8;

/// Files up to this many bytes take one `read`.
const BUFFER: usize = 256 << 10;

/// The entry at `path`.
///
/// # Errors
/// [`HashError`]; a path that does not exist is an `Io` error of kind `NotFound`.
pub fn entry(path: &Path) -> Result<Hashed, HashError> {
    entry_of(path, Stamp::of(&rustix::fs::lstat(path)?), &mut Vec::new())
}

/// A folder's own attributes.
///
/// # Errors
/// What the system reports.
pub fn folder_header(path: &Path) -> std::io::Result<FolderHeader> {
    let stat = rustix::fs::lstat(path)?;
    Ok(FolderHeader { mode: permissions(stat.st_mode), xattrs: path_xattrs(path)? })
}

/// The same as [`entry`] for a path whose stamp is known; `buffer` is kept from file to file.
pub(crate) fn entry_of(path: &Path, stamp: Stamp, buffer: &mut Vec<u8>) -> Result<Hashed, HashError> {
    let kind = match FileType::from_raw_mode(stamp.st_mode) {
        FileType::Directory => return Err(HashError::IsFolder),
        FileType::RegularFile => return regular_file(path, stamp, buffer),
        FileType::Symlink => FileKind::Symlink { target: rustix::fs::readlink(path, Vec::new())?.into_bytes() },
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        FileType::CharacterDevice => device(false, path)?,
        FileType::BlockDevice => device(true, path)?,
        FileType::Unknown => return Err(std::io::Error::other("a kind of file the system does not name").into()),
    };
    let mode = if matches!(kind, FileKind::Symlink { .. }) { 0o777 } else { permissions(stamp.st_mode) };
    Ok(Hashed { entry: FileEntry { kind, mode, xattrs: path_xattrs(path)? }, stamp })
}

/// The twelve permission bits.
pub(crate) fn permissions(st_mode: u32) -> u32 {
    st_mode & 0o7777
}

impl Stamp {
    /// Whether it is that of a regular file.
    #[must_use]
    pub fn is_regular_file(&self) -> bool {
        FileType::from_raw_mode(self.st_mode) == FileType::RegularFile
    }

    /// Whether it is that of a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        FileType::from_raw_mode(self.st_mode) == FileType::Directory
    }

    /// Whether it is that of a symbolic link.
    pub(crate) fn is_link(&self) -> bool {
        FileType::from_raw_mode(self.st_mode) == FileType::Symlink
    }

    /// The stamp in what the system said.
    pub(crate) fn of(stat: &Stat) -> Self {
        Self {
            st_mode: stat.st_mode,
            size: stat.st_size.try_into().unwrap_or(0),
            mtime: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            ctime: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
            inode: stat.st_ino,
            device: stat.st_dev,
        }
    }
}

/// Times before 1678 or after 2262 are cut off: no two of them need to be told apart.
fn nanoseconds(seconds: impl Into<i64>, nanoseconds: impl TryInto<i64>) -> i64 {
    seconds.into().saturating_mul(1_000_000_000).saturating_add(nanoseconds.try_into().unwrap_or(0))
}

/// Device numbers as BuildKit's client splits them (fsutil's stat_unix.go), which is not how glibc does.
fn device(block: bool, path: &Path) -> Result<FileKind, Errno> {
    let number = rustix::fs::lstat(path)?.st_rdev;
    let part = |part: u64| u32::try_from(part).unwrap_or(u32::MAX);
    let (major, minor) = (part(number >> 8 & 0xfff), part(number & 0xff | number >> 12 & 0xf_ff00));
    Ok(FileKind::Device { block, major, minor })
}

fn regular_file(path: &Path, known: Stamp, buffer: &mut Vec<u8>) -> Result<Hashed, HashError> {
    let mut before = known;
    for _ in 0..READINGS {
        // NONBLOCK: should a pipe have taken the file's place, opening it must not wait for a writer.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::LOOP | Errno::NXIO) => return Err(HashError::KeepsChanging),
            Err(errno) => return Err(errno.into()),
        };
        let content = match read_all(&file, before.size, buffer) {
            Ok(content) => content,
            Err(Errno::ISDIR | Errno::AGAIN) => return Err(HashError::KeepsChanging),
            Err(errno) => return Err(errno.into()),
        };
        let xattrs = xattrs(&file)?;
        let after = Stamp::of(&rustix::fs::fstat(&file)?);
        match content {
            Some(content) if before == after => {
                let entry = FileEntry { xattrs, ..FileEntry::file(permissions(after.st_mode), after.size, content) };
                return Ok(Hashed { entry, stamp: after });
            }
            _ => before = after,
        }
    }
    Err(HashError::KeepsChanging)
}

/// The digest of the content if it is `size` bytes long. A file that grew without another stamp cannot be.
fn read_all(file: &OwnedFd, size: u64, buffer: &mut Vec<u8>) -> Result<Option<ContentDigest>, Errno> {
    if size == 0 {
        return Ok(Some(ContentDigest::of(b"")));
    }
    buffer.resize(BUFFER, 0);
    let first = read(file, buffer)?;
    if first as u64 == size {
        return Ok(Some(ContentDigest::of(&buffer[..first])));
    }
    let mut hasher = blake3::Hasher::new();
    let (mut n_bytes, mut n_read) = (0, first);
    while n_read > 0 {
        hasher.update(&buffer[..n_read]);
        n_bytes += n_read as u64;
        n_read = read(file, buffer)?;
    }
    Ok((n_bytes == size).then(|| ContentDigest::from_bytes(*hasher.finalize().as_bytes())))
}

fn read(file: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    rustix::io::retry_on_intr(|| rustix::io::read(file, &mut *buffer))
}

fn xattrs(file: &OwnedFd) -> std::io::Result<Option<ContentDigest>> {
    xattr_digest(
        |list| rustix::fs::flistxattr(file, list),
        || rustix::fs::flistxattr_query(file),
        |name, value| rustix::fs::fgetxattr(file.as_fd(), name, value),
    )
}

/// The digest of the extended attributes of what stands at `path`, a symbolic link not followed.
pub(crate) fn path_xattrs(path: &Path) -> std::io::Result<Option<ContentDigest>> {
    xattr_digest(
        |list| rustix::fs::llistxattr(path, list),
        || rustix::fs::llistxattr_query(path),
        |name, value| rustix::fs::lgetxattr(path, name, value),
    )
}

/// The digest of the attributes BuildKit hashes, sorted by name; `None` without any.
fn xattr_digest(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    length: impl Fn() -> Result<usize, Errno>,
    value: impl Fn(&CStr, &mut [u8]) -> Result<usize, Errno>,
) -> std::io::Result<Option<ContentDigest>> {
    let mut buffer = [0; 512];
    let n_bytes = match list(&mut buffer) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(None),
        Ok(n_bytes) => n_bytes,
        Err(Errno::RANGE) => return long_xattr_digest(&list, &length, &value),
        Err(errno) => return Err(errno.into()),
    };
    Ok(digest_of_names(&buffer[..n_bytes], &value))
}

fn long_xattr_digest(
    list: &impl Fn(&mut [u8]) -> Result<usize, Errno>,
    length: &impl Fn() -> Result<usize, Errno>,
    value: &impl Fn(&CStr, &mut [u8]) -> Result<usize, Errno>,
) -> std::io::Result<Option<ContentDigest>> {
    let mut names = vec![0; length()? + 4096];
    let n_bytes = list(&mut names)?;
    Ok(digest_of_names(&names[..n_bytes], value))
}

fn digest_of_names(names: &[u8], value: &impl Fn(&CStr, &mut [u8]) -> Result<usize, Errno>) -> Option<ContentDigest> {
    /// The longest value Linux stores.
    const LONGEST: usize = 64 << 10;
    let names = names.split_inclusive(|byte| *byte == 0).filter_map(|name| CStr::from_bytes_with_nul(name).ok());
    let mut names: Vec<&CStr> = names.filter(|name| is_hashed(name.to_bytes())).collect();
    if names.is_empty() {
        return None;
    }
    names.sort_unstable();
    let (mut hasher, mut buffer, mut n_hashed) = (Hasher::new("xattrs"), vec![0; LONGEST], 0);
    for name in names {
        // BuildKit's client leaves out what it cannot read.
        if let Ok(n_bytes) = value(name, &mut buffer) {
            hasher.field(name.to_bytes()).field(&buffer[..n_bytes]);
            n_hashed += 1;
        }
    }
    (n_hashed > 0).then(|| hasher.finish())
}

/// Whether BuildKit hashes an attribute of this name (cache/contenthash and fsutil's client together).
fn is_hashed(name: &[u8]) -> bool {
    let is_left_out = name.starts_with(b"system.") || name.starts_with(b"com.apple.") || name.starts_with(b"security.");
    !is_left_out || name == b"security.capability"
}
