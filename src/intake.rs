//! Whole files, read without getting stuck: only regular files, and pipes that the shell handed over
//! (`<(…)`, `/dev/stdin`), are opened, so that a FIFO that nobody writes to or an endless device is an error
//! instead of a wait. In goes a path, out come bytes, or the system's error in words for people. What the
//! bytes mean is the business of the callers.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// Bytes that a file written by hand may have: a Dockerfile, an ignore file.
const N_BYTES_BY_HAND: u64 = 64 << 20;

/// The bytes of a regular file.
///
/// # Errors
/// What the system reports; `InvalidInput` for a FIFO, a socket or a device.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    fs::read(path)
}

/// The bytes of a file that somebody wrote, which may also come through a pipe.
///
/// # Errors
/// What the system reports; `InvalidInput` for a FIFO, a socket or a device, `FileTooLarge` for more than 64 MiB.
pub(crate) fn read_by_hand(path: &Path) -> io::Result<Vec<u8>> {
    let is_handed_over = ["/dev/fd", "/proc/self/fd", "/dev/stdin"].iter().any(|dir| path.starts_with(dir));
    let size = fs::metadata(path)?.len();
    if size > N_BYTES_BY_HAND {
        return Err(too_large());
    }
    if !is_handed_over {
        return read(path);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(N_BYTES_BY_HAND + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > N_BYTES_BY_HAND { Err(too_large()) } else { Ok(bytes) }
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 64 MiB")
}

/// The reason of a failed system call as one clause, without the number.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::NotADirectory => "a part of the path is not a folder".to_owned(),
        _ => {
            let text = error.to_string();
            let clause = text.split(" (os error").next().unwrap_or_default();
            let mut characters = clause.chars();
            characters.next().map(char::to_lowercase).into_iter().flatten().chain(characters).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::os::unix::net::UnixListener;

    use super::{read, read_by_hand, reason};

    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        for path in [socket.as_path(), std::path::Path::new("/dev/zero")] {
            assert_eq!(read(path).unwrap_err().kind(), io::ErrorKind::InvalidInput);
            assert_eq!(read_by_hand(path).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        assert_eq!(reason(&read(dir.path()).unwrap_err()), "it is a folder");
    }

    #[test]
    fn a_file_that_nobody_wrote_by_hand_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse");
        File::create(&path).unwrap().set_len(super::N_BYTES_BY_HAND + 1).unwrap();
        assert_eq!(reason(&read_by_hand(&path).unwrap_err()), "it is larger than 64 MiB");
    }

    #[test]
    fn reasons_bear_no_numbers() {
        assert_eq!(reason(&io::Error::from_raw_os_error(40)), "too many levels of symbolic links");
        assert_eq!(reason(&io::Error::from_raw_os_error(2)), "no such file or folder");
    }
}
