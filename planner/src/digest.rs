//! Digests: names for content. [`ContentDigest`] is blake3 over canonical bytes and is compared only
//! with our own; [`ImageDigest`] is the `sha256:…` a registry gave. They are two types so that they
//! cannot meet. [`Hasher`] frames every field, so that two lists of fields never share their bytes.

use std::fmt;
use std::hash::Hash;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

/// A blake3 digest of canonical bytes; ours, never printed as a Docker digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContentDigest([u8; 32]);

/// Its first bytes tell a digest from others as well as all of them do.
impl Hash for ContentDigest {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let (first, _) = self.0.split_at(size_of::<u64>());
        state.write_u64(first.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
    }
}

impl ContentDigest {
    /// The digest of a run of bytes, such as a file's content.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// A digest computed elsewhere (by a streaming hasher, or read back from a store).
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal digits, in lower case.
    #[must_use]
    pub fn digits(&self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 64];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        digits
    }

    /// The digest with these hexadecimal digits, in either case; `None` if they are not 64 of them.
    #[must_use]
    pub fn from_digits(digits: &[u8]) -> Option<Self> {
        let digits: &[u8; 64] = digits.try_into().ok()?;
        let (mut bytes, mut all) = ([0; 32], 0);
        for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            let (high, low) = (NIBBLE[usize::from(*high)], NIBBLE[usize::from(*low)]);
            *byte = high << 4 | low & 15;
            all |= high | low;
        }
        (all < 16).then_some(Self(bytes))
    }

    /// The first 12 hexadecimal digits, enough to tell digests apart in a report.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.short())
    }
}

/// The value of each hexadecimal digit, above 15 for what is none.
static NIBBLE: [u8; 256] = {
    let mut values = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value as usize];
        values[digit as usize] = value;
        values[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    values
};

impl Serialize for ContentDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.digits()).map_err(ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for ContentDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(DigitsVisitor)
    }
}

/// Reads the digits where they stand, without a text of their own.
struct DigitsVisitor;

impl Visitor<'_> for DigitsVisitor {
    type Value = ContentDigest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a digest of 64 hexadecimal digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ContentDigest, E> {
        text.parse().map_err(E::custom)
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("not a digest of 64 hexadecimal digits")]
pub struct InvalidDigest;

impl FromStr for ContentDigest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        Self::from_digits(text.as_bytes()).ok_or(InvalidDigest)
    }
}

/// The `sha256:…` digest that a registry or an engine gave for an image; never computed here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ImageDigest(pub String);

/// Feeds fields to blake3, each with its length in front, so that `("ab", "c")` and `("a", "bc")` differ.
#[derive(Clone)]
pub struct Hasher {
    pending: Pending,
    key: Option<[u8; 32]>,
    streamed: Option<Box<blake3::Hasher>>,
}

/// Fields not hashed yet: most values are short, and hashing them in one go, without asking for memory, is
/// several times faster.
#[derive(Clone)]
enum Pending {
    Short { bytes: [u8; SHORT], n_bytes: usize },
    Long(Vec<u8>),
}

/// Room for what is hashed most often, the entry of a file.
const SHORT: usize = 160;

/// How many bytes are gathered before they are hashed.
const MOST_PENDING: usize = 64 << 10;

impl Pending {
    fn push(&mut self, added: &[u8]) {
        match self {
            Self::Short { bytes, n_bytes } if *n_bytes + added.len() <= SHORT => {
                bytes[*n_bytes..*n_bytes + added.len()].copy_from_slice(added);
                *n_bytes += added.len();
            }
            Self::Short { bytes, n_bytes } => *self = Self::Long([&bytes[..*n_bytes], added].concat()),
            Self::Long(bytes) => bytes.extend_from_slice(added),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short { bytes, n_bytes } => &bytes[..*n_bytes],
            Self::Long(bytes) => bytes,
        }
    }
}

impl Hasher {
    /// A hasher for one kind of value; values of two kinds never share a digest.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self::of_kind(None, kind)
    }

    /// A hasher whose digests only the holder of `key` can compute, for values that must not be guessed.
    #[must_use]
    pub fn keyed(key: &[u8; 32], kind: &str) -> Self {
        Self::of_kind(Some(*key), kind)
    }

    fn of_kind(key: Option<[u8; 32]>, kind: &str) -> Self {
        let mut hasher = Self { pending: Pending::Short { bytes: [0; SHORT], n_bytes: 0 }, key, streamed: None };
        hasher.text(kind);
        hasher
    }

    /// Adds one field.
    pub fn field(&mut self, bytes: &[u8]) -> &mut Self {
        self.pending.push(&(bytes.len() as u64).to_le_bytes());
        self.pending.push(bytes);
        if let Pending::Long(pending) = &mut self.pending
            && pending.len() > MOST_PENDING
        {
            let start = || Box::new(self.key.map_or_else(blake3::Hasher::new, |key| blake3::Hasher::new_keyed(&key)));
            self.streamed.get_or_insert_with(start).update(pending);
            pending.clear();
        }
        self
    }

    /// Adds one text field.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.field(text.as_bytes())
    }

    /// Adds one number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.field(&number.to_le_bytes())
    }

    /// Adds another digest.
    pub fn digest(&mut self, digest: &ContentDigest) -> &mut Self {
        self.field(digest.as_bytes())
    }

    /// The digest of all fields so far.
    #[must_use]
    pub fn finish(&self) -> ContentDigest {
        let pending = self.pending.bytes();
        let hash = match (&self.streamed, &self.key) {
            (Some(streamed), _) => streamed.as_ref().clone().update(pending).finalize(),
            (None, Some(key)) => blake3::keyed_hash(key, pending),
            (None, None) => blake3::hash(pending),
        };
        ContentDigest(*hash.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::{ContentDigest, Hasher};

    #[test]
    fn a_digest_is_read_back_as_written_and_nothing_else_is() {
        let digest = ContentDigest::from_bytes(std::array::from_fn(|index| (index * 37 + 9) as u8));
        let text = digest.to_string();
        assert!(text.starts_with("092e5378"), "{text}");
        assert_eq!(text.parse::<ContentDigest>().unwrap(), digest);
        assert_eq!(text.to_uppercase().parse::<ContentDigest>().unwrap(), digest);
        for at in 0..64 {
            for wrong in ["g", "/", ":", " ", "-", "\0"] {
                let mut other = text.clone();
                other.replace_range(at..=at, wrong);
                assert!(other.parse::<ContentDigest>().is_err(), "{other}");
            }
        }
        for text in ["", &text[1..], &format!("{text}0"), &format!("{text}00"), &"é".repeat(32)] {
            assert!(text.parse::<ContentDigest>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_digest_is_blake3_over_the_framed_fields_however_long() {
        let (key, long) = ([7; 32], vec![1; 50_000]);
        for fields in
            [vec![b"a".as_slice(), b"", b"bc"], vec![&long[..132], b"", b"x"], vec![&long, b"x", &long, &long]]
        {
            let mut framed = b"\x04\0\0\0\0\0\0\0kind".to_vec();
            let (mut open, mut keyed) = (Hasher::new("kind"), Hasher::keyed(&key, "kind"));
            for field in fields {
                framed.extend_from_slice(&(field.len() as u64).to_le_bytes());
                framed.extend_from_slice(field);
                open.field(field);
                keyed.field(field);
            }
            assert_eq!(open.finish(), ContentDigest::of(&framed));
            assert_eq!(keyed.finish().as_bytes(), blake3::keyed_hash(&key, &framed).as_bytes());
        }
    }
}
