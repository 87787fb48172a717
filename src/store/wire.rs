//! The bytes of the store's own binary files: numbers as LEB128, byte strings with their length in front,
//! and a frame of magic, version and checksum around a whole file. In go and out come slices; nothing
//! here opens a file or knows what the bytes mean. Reading never panics: it says `None`.

use planner::digest::ContentDigest;

/// Bytes of the checksum at the end of a framed file, cut from a blake3 digest.
const CHECKSUM_LEN: usize = 16;

/// What a file's frame said.
pub(super) enum Unframed<'a> {
    /// Whole; these are the bytes inside the frame.
    Whole(&'a [u8]),
    /// Written by another version of the program.
    OtherVersion,
    /// Cut short, altered, or no file of this kind.
    Damaged,
}

/// The payload between `magic` and version in front and a checksum of all before it at the end.
pub(super) fn frame(magic: [u8; 8], version: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(magic.len() + 1 + payload.len() + CHECKSUM_LEN);
    bytes.extend_from_slice(&magic);
    bytes.push(version);
    bytes.extend_from_slice(payload);
    let checksum = ContentDigest::of(&bytes);
    bytes.extend_from_slice(&checksum.as_bytes()[..CHECKSUM_LEN]);
    bytes
}

/// Takes the frame off. The version is read before the checksum, because a newer form may check otherwise.
pub(super) fn unframe(magic: [u8; 8], version: u8, bytes: &[u8]) -> Unframed<'_> {
    match bytes.strip_prefix(&magic).and_then(<[u8]>::first) {
        None => return Unframed::Damaged,
        Some(found) if *found != version => return Unframed::OtherVersion,
        Some(_) => {}
    }
    let Some(end) = bytes.len().checked_sub(CHECKSUM_LEN).filter(|end| *end > magic.len()) else {
        return Unframed::Damaged;
    };
    let (checked, checksum) = bytes.split_at(end);
    if &ContentDigest::of(checked).as_bytes()[..CHECKSUM_LEN] != checksum {
        return Unframed::Damaged;
    }
    Unframed::Whole(&checked[magic.len() + 1..])
}

/// Appends a number, seven bits a byte, the low ones first.
pub(super) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Appends a byte string behind its length.
pub(super) fn put_bytes(bytes: &mut Vec<u8>, string: &[u8]) {
    put_number(bytes, string.len() as u64);
    bytes.extend_from_slice(string);
}

/// What is still to be read of a slice.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// Whether all was read.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `n` bytes.
    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// The next number.
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// The next byte string.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        self.take(len)
    }

    /// The next digest.
    pub(super) fn digest(&mut self) -> Option<ContentDigest> {
        self.take(32)?.try_into().ok().map(ContentDigest::from_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, Unframed, frame, put_number, unframe};

    #[test]
    fn a_number_is_read_back_as_written() {
        for number in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            let mut reader = Reader(&bytes);
            assert_eq!(reader.number(), Some(number));
            assert!(reader.is_empty());
        }
        assert_eq!(Reader(&[0xff; 12]).number(), None, "a number that never ends is refused");
    }

    #[test]
    fn every_altered_or_missing_byte_is_noticed() {
        let whole = frame(*b"TESTFILE", 1, b"payload");
        assert!(matches!(unframe(*b"TESTFILE", 1, &whole), Unframed::Whole(b"payload")));
        assert!(matches!(unframe(*b"TESTFILE", 2, &whole), Unframed::OtherVersion));
        for index in 0..whole.len() {
            assert!(!matches!(unframe(*b"TESTFILE", 1, &whole[..index]), Unframed::Whole(_)), "cut at {index}");
            let mut altered = whole.clone();
            altered[index] ^= 0x10;
            assert!(!matches!(unframe(*b"TESTFILE", 1, &altered), Unframed::Whole(_)), "altered at {index}");
        }
    }
}
