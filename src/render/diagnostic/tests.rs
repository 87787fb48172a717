//! Any text with any faults is shown without panic, within 80 columns, harmless and without secrets.

use std::path::Path;

use planner::dockerfile::Dockerfile;
use planner::engine_profile::EngineProfile;
use planner::graph::lower::lower;
use planner::ignorefile::Ignorefile;
use planner::request::Request;
use planner::source::Span;

use super::{WIDTH, of_error};
use crate::fault::{Fault, Place};
use crate::refusal::{in_dockerfile, refuse_dockerfile, refuse_ignorefile};
use crate::render::text::is_unsafe;

/// Pieces that lead to faults, or to trouble with showing them.
const PIECES: [&str; 28] = [
    "\n",
    "\r\n",
    "\t",
    " \\\n",
    "\\",
    " ",
    "FROM a AS b\n",
    "RUN ",
    "COPY --from=",
    "ENV A ",
    "ENV API_TOKEN=swordfish ",
    "--mount=type=",
    "<<EOF",
    "EOF\n",
    "${",
    "\"",
    "[1]",
    "#",
    "\u{65e5}\u{672c}",
    "e\u{301}",
    "\u{202e}",
    "\u{feff}",
    "\u{1b}[2J",
    "\u{200b}",
    "\u{1f468}\u{200d}\u{1f469}",
    "\u{9b}",
    "\u{fffd}",
    "x",
];

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).expect("below a usize")
    }
}

/// The Dockerfiles of the fixtures, those that are no text included.
fn sources() -> Vec<Vec<u8>> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let folders = ["diagnostics", "dockerfile"].into_iter().flat_map(|folder| {
        std::fs::read_dir(fixtures.join(folder)).expect("a folder").map(|entry| entry.expect("readable").path())
    });
    let mut paths: Vec<_> = folders.map(|folder| folder.join("Dockerfile")).collect();
    paths.sort();
    let sources = paths.iter().map(|path| std::fs::read(path).expect("a Dockerfile"));
    sources.filter(|source| source.len() < 20_000).collect()
}

fn mutated(random: &mut Random, sources: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = sources[random.below(sources.len())].clone();
    for _ in 0..random.below(6) {
        let at = random.below(bytes.len() + 1);
        match random.below(5) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] = random.below(256).to_le_bytes()[0],
            2 => drop(bytes.splice(at..at, "x".repeat(random.below(300)).into_bytes())),
            _ => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
        }
    }
    bytes
}

/// What is shown of a place, styles left out.
fn shown(place: &Place) -> String {
    let text = anstream::adapter::strip_str(&of_error(place)).to_string();
    let body = &text;
    assert!(!body.contains(|character| is_unsafe(character) && character != '\n'), "{text:?}");
    assert!(body.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    assert!(body.contains('^'), "{text}");
    text
}

fn shown_of(refused: &anyhow::Result<()>) -> bool {
    match refused {
        Err(error) => Fault::place_of(error).map(shown).is_some(),
        Ok(()) => false,
    }
}

#[test]
fn every_fault_of_a_mutated_file_is_shown() {
    let (sources, mut random, mut n_shown) = (sources(), Random(20_260_101), 0);
    let profile = EngineProfile::buildkit();
    let request = Request::new("linux/amd64", profile.clone());
    for _ in 0..4_000 {
        let bytes = mutated(&mut random, &sources);
        let (dockerfile, diagnostics) = Dockerfile::parse(&bytes);
        for diagnostic in diagnostics.iter().filter_map(|diagnostic| diagnostic.span) {
            shown(&in_dockerfile(&dockerfile, diagnostic));
        }
        n_shown += usize::from(shown_of(&refuse_dockerfile(&diagnostics, &dockerfile, "Dockerfile")));
        let (_, diagnostics) = lower(&[(&dockerfile, &request)], &profile);
        n_shown += usize::from(shown_of(&refuse_dockerfile(&diagnostics, &dockerfile, "Dockerfile")));
        let (_, diagnostics) = Ignorefile::parse(&bytes);
        n_shown += usize::from(shown_of(&refuse_ignorefile(&diagnostics, &bytes, ".dockerignore")));
    }
    assert!(n_shown > 2_000, "only {n_shown} faults");
}

#[test]
fn any_place_of_a_text_can_be_shown() {
    let (sources, mut random) = (sources(), Random(1));
    for _ in 0..4_000 {
        let (dockerfile, _) = Dockerfile::parse(&mutated(&mut random, &sources));
        let mut ends = [0, 0].map(|_| dockerfile.text.ceil_char_boundary(random.below(dockerfile.text.len() + 1)));
        ends.sort_unstable();
        shown(&in_dockerfile(&dockerfile, Span::new(ends[0], ends[1])));
    }
}

#[test]
fn a_secret_is_never_shown_wherever_the_fault_is() {
    let text = "FROM a\nENV A=1 \\\n  DB_PASSWORD=\"sword \\\n\u{e9}fish\" B=\u{65e5}\nRUN x --token swordfish\n";
    let (dockerfile, _) = Dockerfile::parse(text.as_bytes());
    for (start, _) in text.char_indices() {
        for end in (start..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            let told = shown(&in_dockerfile(&dockerfile, Span::new(start, end)));
            assert!(!told.contains("sword") && !told.contains("fish"), "{told}");
        }
    }
}
