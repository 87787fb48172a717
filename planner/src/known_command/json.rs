//! JSON as far as manifests are written in it. A text goes in, a [`Json`] comes out, or nothing if the text is not JSON.
//! Numbers are kept as they are written: nobody counts with them here. It does not judge what a value means.

use std::collections::BTreeMap;

/// So deep may values be nested; deeper ones are as good as unreadable.
const MOST_DEEP: usize = 64;

/// A value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Json {
    /// `null`, `true`, `false` or a number, as written.
    Plain(String),
    /// A string, decoded.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object; of a key that is given twice the last value counts.
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads a whole text.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), depth: 0 };
        let value = reader.value()?;
        reader.blank();
        reader.rest.is_empty().then_some(value)
    }

    /// The value of a key of an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(entries) => entries.get(key),
            _ => None,
        }
    }

    /// The keys and values of an object; none of anything else.
    pub fn entries(&self) -> impl Iterator<Item = (&String, &Self)> {
        let entries = match self {
            Self::Object(entries) => Some(entries),
            _ => None,
        };
        entries.into_iter().flatten()
    }

    /// The string, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The strings of an array.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::List(items) => items.iter().filter_map(Self::text).collect(),
            _ => Vec::new(),
        }
    }

    /// Calls `visit` for each string, at any depth; keys are not visited.
    pub fn each_text<'a>(&'a self, visit: &mut impl FnMut(&'a str)) {
        match self {
            Self::Plain(_) => {}
            Self::Text(text) => visit(text),
            Self::List(items) => items.iter().for_each(|item| item.each_text(visit)),
            Self::Object(entries) => entries.values().for_each(|item| item.each_text(visit)),
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn blank(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn eat(&mut self, sign: char) -> Option<()> {
        self.blank();
        self.rest = self.rest.strip_prefix(sign)?;
        Some(())
    }

    fn value(&mut self) -> Option<Json> {
        self.blank();
        self.depth += 1;
        if self.depth > MOST_DEEP {
            return None;
        }
        let value = match self.rest.chars().next()? {
            '{' => self.object(),
            '[' => self.list(),
            '"' => self.string().map(Json::Text),
            _ => self.plain(),
        };
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Option<Json> {
        self.eat('{')?;
        let mut entries = BTreeMap::new();
        if self.eat('}').is_some() {
            return Some(Json::Object(entries));
        }
        loop {
            self.blank();
            let key = self.string()?;
            self.eat(':')?;
            entries.insert(key, self.value()?);
            if self.eat(',').is_none() {
                self.eat('}')?;
                return Some(Json::Object(entries));
            }
        }
    }

    fn list(&mut self) -> Option<Json> {
        self.eat('[')?;
        let mut items = Vec::new();
        if self.eat(']').is_some() {
            return Some(Json::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.eat(',').is_none() {
                self.eat(']')?;
                return Some(Json::List(items));
            }
        }
    }

    fn plain(&mut self) -> Option<Json> {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
        let end = self.rest.find(|letter| !is_part(letter)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let is_number = word.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        self.rest = rest;
        (is_number || ["null", "true", "false"].contains(&word)).then(|| Json::Plain(word.to_owned()))
    }

    fn string(&mut self) -> Option<String> {
        self.rest = self.rest.strip_prefix('"')?;
        let mut text = String::new();
        loop {
            let end = self.rest.find(['"', '\\'])?;
            text.push_str(&self.rest[..end]);
            let sign = self.rest[end..].chars().next()?;
            self.rest = &self.rest[end + 1..];
            if sign == '"' {
                return Some(text);
            }
            let escaped = self.rest.chars().next()?;
            self.rest = &self.rest[escaped.len_utf8()..];
            text.push(match escaped {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => self.unit()?,
                '"' | '\\' | '/' => escaped,
                _ => return None,
            });
        }
    }

    /// Four hexadecimal digits; halves of a pair become U+FFFD, which no manifest's path holds.
    fn unit(&mut self) -> Option<char> {
        let digits = self.rest.get(..4)?;
        self.rest = &self.rest[4..];
        let number = u32::from_str_radix(digits, 16).ok()?;
        Some(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn values_are_read_and_broken_texts_are_not() {
        let text = br#" {"a": [1, -2.5e3, true, null], "b": {"c": "x\n\u0041\"y"}, "d": []} "#;
        let json = Json::parse(text).unwrap();
        assert_eq!(json.get("b").and_then(|b| b.get("c")).and_then(Json::text), Some("x\nA\"y"));
        assert_eq!(json.get("d"), Some(&Json::List(Vec::new())));
        let mut texts = Vec::new();
        json.each_text(&mut |text| texts.push(text));
        assert_eq!(texts, ["x\nA\"y"]);
        for broken in ["", "{", "{\"a\"}", "[1,]", "{} x", "\"a", "nul", "{a: 1}", "\"\\x\"", "[1 2]"] {
            assert_eq!(Json::parse(broken.as_bytes()), None, "{broken}");
        }
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert_eq!(Json::parse(deep.as_bytes()), None);
    }
}
