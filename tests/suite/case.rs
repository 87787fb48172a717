//! A case: a small project, the builds it has had, and what changes before the next one, read from one JSON file.
//! The recorded builds in `tests/conformance/public` and the facts in `tests/fixtures/semantics` share this form.
//!
//! In: the path of a case file. Out: a [`Case`], which a [`project::Project`] lays out on disk and edits.
//! What a case expects is read by the topic that judges it, not here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::edit::Edit;

pub(crate) mod docker;
pub(crate) mod edit;
pub(crate) mod examples;
pub(crate) mod project;
pub(crate) mod report;

/// A project and its builds: the first as laid out, one after each list of `before`, the last after the change.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct Case {
    pub(crate) dockerfile: Text,
    pub(crate) dockerfile_path: Option<String>,
    #[serde(default)]
    pub(crate) files: Files,
    pub(crate) target: Option<String>,
    #[serde(default)]
    pub(crate) build_args: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, String>,
    /// Arguments of every build, before the context; those after a `--` go behind it.
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    #[serde(default)]
    pub(crate) before: Vec<Vec<Edit>>,
    #[serde(default)]
    pub(crate) mutation: Vec<Edit>,
}

/// A text, or its lines without their newlines.
#[derive(Clone, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Text {
    Whole(String),
    Lines(Vec<String>),
}

impl Default for Text {
    fn default() -> Self {
        Self::Whole(String::new())
    }
}

impl Text {
    pub(crate) fn joined(&self) -> String {
        match self {
            Self::Whole(text) => text.clone(),
            Self::Lines(lines) => lines.iter().map(|line| format!("{line}\n")).collect(),
        }
    }
}

/// The context's entries: a list of rows with a path each, or a map from path to content.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Files {
    Rows(Vec<Row>),
    Map(BTreeMap<String, Content>),
}

impl Default for Files {
    fn default() -> Self {
        Self::Rows(Vec::new())
    }
}

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Row {
    pub(crate) path: String,
    #[serde(flatten)]
    pub(crate) entry: Entry,
}

/// What stands at a path: a text, or an entry of any kind.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Entry(Entry),
}

/// A file with its bytes and octal mode, a symbolic link, or a folder.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(crate) struct Entry {
    pub(crate) text: Option<String>,
    pub(crate) b64: Option<String>,
    pub(crate) mode: Option<String>,
    pub(crate) symlink: Option<String>,
    #[serde(default)]
    pub(crate) dir: bool,
}

impl Files {
    /// Every entry with its path, in the order of the file.
    pub(crate) fn rows(&self) -> Vec<Row> {
        match self {
            Self::Rows(rows) => rows.clone(),
            Self::Map(map) => map
                .iter()
                .map(|(path, content)| Row { path: path.clone(), entry: content.clone().into_entry() })
                .collect(),
        }
    }
}

impl Content {
    fn into_entry(self) -> Entry {
        match self {
            Self::Text(text) => Entry { text: Some(text), ..Entry::default() },
            Self::Entry(entry) => entry,
        }
    }
}

/// The bytes of an entry or an operation that has `text` or `b64`.
pub(crate) fn bytes(text: Option<&str>, b64: Option<&str>) -> Vec<u8> {
    match (text, b64) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(b64)) => from_base64(b64),
        (None, None) => Vec::new(),
        (Some(_), Some(_)) => panic!("an entry has both `text` and `b64`"),
    }
}

/// An octal mode as `chmod` takes it.
pub(crate) fn mode(octal: &str) -> u32 {
    u32::from_str_radix(octal, 8).unwrap_or_else(|_| panic!("`{octal}` is not an octal mode"))
}

fn from_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut n_bits) = (0_u32, 0);
    for letter in text.bytes().filter(|&letter| letter != b'=') {
        let value = ALPHABET.iter().position(|&known| known == letter).expect("a letter of base64");
        bits = bits << 6 | u32::try_from(value).expect("below 64");
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push(u8::try_from(bits >> n_bits & 0xff).expect("one byte"));
        }
    }
    bytes
}

/// The case files of a folder below `tests/`, in order of name.
pub(crate) fn files_in(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a folder that can be listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths
}

/// Reads one JSON file in the form its topic gives it.
pub(crate) fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs `check` on every item, on two threads, and returns the answers in the items' order.
pub(crate) fn on_two_threads<T: Sync, A: Send>(items: &[T], check: impl Fn(&T) -> A + Sync) -> Vec<A> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let answers = std::sync::Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let answer = check(item);
                    answers.lock().expect("no thread has panicked").insert(index, answer);
                }
            });
        }
    });
    answers.into_inner().expect("no thread has panicked").into_values().collect()
}

#[test]
fn base64_is_read_with_and_without_padding() {
    for (text, expected) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg", "foob")] {
        assert_eq!(from_base64(text), expected.as_bytes());
    }
    assert_eq!(from_base64("AP/+"), [0, 0xff, 0xfe]);
}
