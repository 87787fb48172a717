//! [`Text`]: a piece of a file's text that is shared with the file instead of copied. A text or a place in one goes
//! in, something that reads as `&str` comes out. What the text means is not known here.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Deref, Range};
use std::rc::Rc;

use serde::{Serialize, Serializer};

/// A piece of a text. A clone or a smaller piece costs no memory; the whole text lives as long as any piece of it. Pieces
/// are many, and counted without the locks that threads would need: a Dockerfile stays on the thread that parsed it.
#[derive(Clone, Default)]
pub struct Text {
    whole: Rc<str>,
    /// Lies in `whole`, both ends between characters.
    range: Range<usize>,
}

impl Text {
    /// The piece at these bytes; `None` where they are not all there, or do not begin and end between characters.
    #[must_use]
    pub fn get(&self, range: Range<usize>) -> Option<Self> {
        let (start, end) = (self.range.start + range.start, self.range.start + range.end);
        let is_piece = start <= end && end <= self.range.end;
        let is_piece = is_piece && self.whole.is_char_boundary(start) && self.whole.is_char_boundary(end);
        is_piece.then(|| Self { whole: self.whole.clone(), range: start..end })
    }

    /// The piece.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self
    }

    /// The bytes of the piece.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.whole.as_bytes()[self.range.clone()]
    }

    /// The pieces in front of and behind the first `sign`.
    #[must_use]
    pub fn split_once(&self, sign: char) -> Option<(Self, Self)> {
        let at = self.find(sign)?;
        Some((self.get(0..at)?, self.get(at + sign.len_utf8()..self.len())?))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        // No piece is made that this does not find.
        self.whole.get(self.range.clone()).unwrap_or_default()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl From<&Text> for String {
    fn from(text: &Text) -> Self {
        text.as_str().to_owned()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self { whole: text.into(), range: 0..text.len() }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other)
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        **self == **other
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}
