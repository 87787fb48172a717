//! Dockerfiles cut, shuffled and spliced at random: reading, lowering, predicting and explaining them must never
//! panic, and every span must lie where a span may lie. `STAGEPLAN_FUZZ_SEED` and `STAGEPLAN_FUZZ_N` choose another run.

use std::thread;

use planner::built::Experience;
use planner::cache_key::Sealer;
use planner::context::{BuildContext, ContextPath, FileEntry, Node};
use planner::digest::ContentDigest;
use planner::dockerfile::parse::parse_trigger;
use planner::dockerfile::{Command, Dockerfile, expand::Expander, mount::Mount};

use planner::engine_profile::EngineProfile;
use planner::explanation::{Question, explain};
use planner::graph::lower::{MAIN_CONTEXT, lower};
use planner::history::Ledger;
use planner::prediction::predict;
use planner::recording::record;
use planner::request::Request;
use planner::snapshot::Snapshot;

use super::{sources, spans};

const N_THREADS: u64 = 2;

/// Pieces that steer a parser into its corners.
const PIECES: [&[u8]; 40] = [
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b"\\\n",
    b"\\",
    b"`\n",
    b"# escape=`\n",
    b"# syntax=a\n",
    b"#",
    b"<<EOF",
    b"<<-'E'",
    b"3<<\"E\"",
    b"EOF\n",
    b"<<",
    b"$",
    b"${",
    b"}",
    b"${A:-${B}}",
    b"'",
    b"\"",
    b"[",
    b"]",
    b"[\"a\", 1]",
    b"\\u00e9",
    b"FROM a AS b\n",
    b"ONBUILD ",
    b"RUN ",
    b"COPY --from=a ",
    b"ENV A=b ",
    b"HEALTHCHECK CMD ",
    b"--",
    b"--mount=",
    b"=",
    b",",
    b"\xef\xbb\xbf",
    b"\xc3\xa9",
    b"\xa0",
    b"\x85",
    b"\xff",
];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).expect("below a usize")
    }
}

fn mutated(random: &mut Random, sources: &[String]) -> Vec<u8> {
    let mut bytes = sources[random.below(sources.len())].clone().into_bytes();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => {
                let other = sources[random.below(sources.len())].as_bytes();
                bytes.truncate(at);
                bytes.extend_from_slice(&other[random.below(other.len() + 1)..]);
            }
            2 => {
                let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                let [one, other] = [0, 0].map(|_| random.below(lines.len()));
                if !lines.is_empty() {
                    lines.swap(one, other);
                }
                bytes = lines.concat();
            }
            3 if !bytes.is_empty() => {
                let other = random.below(bytes.len());
                let at = at.min(bytes.len() - 1);
                bytes.swap(at, other);
            }
            4 if at < bytes.len() => bytes[at] = random.next().to_le_bytes()[0],
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
    bytes
}

fn read(source: &[u8]) {
    let (dockerfile, diagnostics) = Dockerfile::parse(source);
    spans::check(&dockerfile);
    for span in diagnostics.iter().filter_map(|diagnostic| diagnostic.span) {
        assert!(dockerfile.text.get(span.range()).is_some(), "{span:?}");
    }
    let scope = |name: &str| (name.len() == 1).then(|| "value of/it".to_owned());
    let expander = Expander::new(dockerfile.escape, &scope);
    for instruction in &dockerfile.instructions {
        for word in instruction.args.iter().chain(&instruction.flags) {
            let _ = (expander.expand(&word.text), expander.expand_words(&word.text));
        }
        match &instruction.command {
            Command::Onbuild(text) => drop(parse_trigger(text, instruction.line)),
            Command::Run(run) => run.mounts.iter().for_each(|mount| {
                let _ = Mount::parse(mount, &mut |word| expander.expand(word).map_err(|error| error.in_full()));
            }),
            _ => {}
        }
    }
}

/// Lowers, keys, predicts, records and explains whatever was read, as far as it goes.
fn plan(source: &[u8], context: &BuildContext) {
    let (dockerfile, _) = Dockerfile::parse(source);
    let profile = EngineProfile::buildkit();
    let request = Request::new("linux/amd64", profile.clone());
    let (graph, diagnostics) = lower(&[(&dockerfile, &request)], &profile);
    for diagnostic in diagnostics {
        let is_in_text = diagnostic.span.is_some_and(|span| dockerfile.text.get(span.range()).is_some());
        assert!(is_in_text || diagnostic.line.is_none(), "{diagnostic:?}");
    }
    let contexts = [(MAIN_CONTEXT.to_owned(), context.clone())].into();
    let snapshot = Snapshot::take(&graph, &contexts, &Sealer::new(&[0; 32]));
    let bring = |_: &ContentDigest| Some(context.clone());
    let nothing = Ledger::default();
    let first = predict(&snapshot, &nothing, &bring);
    let ledger = Ledger::new(record(&snapshot, &first, &nothing, "1"));
    let again = predict(&snapshot, &ledger, &bring);
    let (stale, earlier) = ([].into(), |n| (n == 0).then(|| snapshot.clone()));
    let question = Question {
        experience: &Experience::default(),
        snapshot: &snapshot,
        prediction: &again,
        earlier: &earlier,
        context: &bring,
        stale: &stale,
        gap: None,
    };
    assert_eq!(explain(&question).targets.len(), graph.targets.len());
}

fn small_context() -> BuildContext {
    ["a.txt", "src/main.js", "package.json"].iter().fold(BuildContext::default(), |context, path| {
        let entry = FileEntry::file(0o644, 1, ContentDigest::of(path.as_bytes()));
        context.with(&ContextPath::new(path), Node::File(entry.into()))
    })
}

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

#[test]
fn no_text_makes_the_reader_panic() {
    let seed = variable("STAGEPLAN_FUZZ_SEED", 20_260_101);
    let n_texts = variable("STAGEPLAN_FUZZ_N", 200_000);
    println!("STAGEPLAN_FUZZ_SEED={seed} STAGEPLAN_FUZZ_N={n_texts}");
    let sources = sources();
    thread::scope(|scope| {
        for thread in 0..N_THREADS {
            let sources = &sources;
            scope.spawn(move || {
                let context = small_context();
                let mut random = Random((seed + thread).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
                for index in 0..n_texts / N_THREADS {
                    let source = mutated(&mut random, sources);
                    if std::panic::catch_unwind(|| [read(&source), plan(&source, &context)]).is_err() {
                        panic!("text {index} of thread {thread}, seed {seed}: {:?}", String::from_utf8_lossy(&source));
                    }
                }
            });
        }
    });
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    const N_LEVELS: usize = 100_000;
    for (keyword, open, close) in [
        ("", "ONBUILD ", ""),
        ("RUN <<", "${A:-", "}"),
        ("ENV A=", "${A:-", "}"),
        ("RUN ", "[", "]"),
        ("RUN ", "[{\"a\":", "}]"),
    ] {
        // Lines are continued, because one that is too long is not read.
        let lines = |level: &str| format!("{}\\\n", level.repeat(1_000)).repeat(N_LEVELS / 1_000);
        read(format!("FROM a\n{keyword}{}x{}\n", lines(open), lines(close)).as_bytes());
    }
}
