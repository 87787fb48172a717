//! Streams whole, in pieces, cut, spliced and overwritten: what is whole is read, and nothing panics.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::{BuildEvent, BuildWarning};
use super::Reader;

/// All events of a stream fed in pieces of that size, and how much of it is garbage.
fn read(bytes: &[u8], size: usize) -> (Vec<BuildEvent>, usize) {
    let mut reader = Reader::default();
    let mut events: Vec<BuildEvent> = bytes.chunks(size).flat_map(|piece| reader.feed(piece)).collect();
    events.extend(reader.finish());
    (events, reader.n_garbage())
}

fn messages(events: &[BuildEvent]) -> Vec<&str> {
    let mut messages = Vec::new();
    for event in events {
        if let BuildEvent::Message(text) = event {
            messages.push(text.as_str());
        }
    }
    messages
}

/// The streams among the fixtures, as bytes.
fn streams() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/progress");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder).expect("the fixtures").map(|entry| entry.expect("readable").path()).collect();
    cases.sort();
    let streams: Vec<_> = cases.iter().filter_map(|case| fs::read(case.join("stream.rawjson")).ok()).collect();
    assert!(streams.len() >= 16, "only {} streams", streams.len());
    streams
}

/// The reports of a stream, each on one line as newer versions write them.
fn on_one_line(stream: &[u8]) -> Vec<u8> {
    let (mut out, mut report) = (Vec::new(), Vec::new());
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        let is_text = report.is_empty() && line.first() != Some(&b'{');
        if is_text {
            out.extend_from_slice(line);
            continue;
        }
        report.extend_from_slice(line);
        if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&report) {
            out.extend_from_slice(format!("{value}\n").as_bytes());
            report.clear();
        }
    }
    out
}

#[test]
fn both_forms_say_the_same_in_pieces_of_any_size() {
    for stream in streams() {
        let (events, n_garbage) = read(&stream, usize::MAX);
        assert_eq!(n_garbage, 0);
        assert!(events.len() > 20);
        for size in [1, 7, 4096] {
            assert_eq!(read(&stream, size).0, events);
        }
        assert_eq!(read(&on_one_line(&stream), 1000), (events, 0));
    }
}

#[test]
fn a_cut_costs_only_the_report_it_falls_into() {
    for stream in streams() {
        for stream in [on_one_line(&stream), stream] {
            let (whole, _) = read(&stream, usize::MAX);
            for cut in (0..stream.len()).step_by(stream.len() / 41) {
                let (events, _) = read(&stream[..cut], usize::MAX);
                // What was cut short may end as a message of its own.
                let n_same = events.iter().zip(&whole).take_while(|(cut, whole)| cut == whole).count();
                assert!(events.len() <= n_same + 1, "cut at {cut}: {:?}", &events[n_same..]);
            }
        }
    }
}

#[test]
fn a_stream_that_starts_anew_in_the_middle_is_read_from_there() {
    for stream in streams() {
        for stream in [on_one_line(&stream), stream] {
            let (whole, _) = read(&stream, usize::MAX);
            for cut in (1..stream.len()).step_by(stream.len() / 17) {
                let spliced = [&stream[..cut], b"\n", &stream[..]].concat();
                let (events, _) = read(&spliced, usize::MAX);
                assert!(events.ends_with(&whole), "spliced at {cut}");
            }
        }
    }
}

#[test]
fn nothing_makes_it_panic() {
    let mut seed = 1_u32;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    let junk: [&[u8]; 8] = [b"{", b"}", b"\"", b"\\", b"\n", b"\xff\xfe", b"null", b"\r\n{\"vertexes\":[null,{}]}\n"];
    for stream in streams() {
        for _ in 0..60 {
            let mut broken = stream.clone();
            for _ in 0..random(8) + 1 {
                let (from, to) = (random(broken.len()), random(broken.len()));
                let insert = junk[random(junk.len())];
                broken.splice(from.min(to)..(from.min(to) + random(40)).min(broken.len()), insert.iter().copied());
            }
            let (events, n_garbage) = read(&broken, 4096);
            assert!(n_garbage > 0 || !events.is_empty());
        }
    }
}

#[test]
fn text_between_the_reports_is_kept_in_order() {
    let stream = b"WARNING: no commit\r\n{\"logs\":[]}\n\nERROR: failed\n  2 | { COPY }\n{ not a report }\n{\"a\":\"b\"}\n{\"vert";
    let (events, n_garbage) = read(stream, 5);
    assert_eq!(messages(&events), ["WARNING: no commit", "ERROR: failed", "  2 | { COPY }", "{ not a report }"]);
    assert_eq!(n_garbage, "{\"a\":\"b\"}{\"vert\n".len());
}

#[test]
fn a_text_line_ends_a_report_that_was_cut_short() {
    let stream = b"{\n  \"vertexes\": [\n    {\nERROR: gone\n{\"vertexes\":[{\"digest\":\"d\"}]}{}\n";
    let (events, n_garbage) = read(stream, usize::MAX);
    assert_eq!((events.len(), messages(&events), n_garbage), (2, vec!["ERROR: gone"], 24));
}

#[test]
fn fields_of_the_wrong_shape_cost_their_element_only() {
    let stream = br#"{"new":1,"vertexes":[null,{"digest":7},{"digest":"d","name":null,"started":"soon","later":{}}],"statuses":null,
"logs":{"vertex":"d","data":"aGk="}}"#;
    let stream: Vec<u8> = stream.iter().copied().filter(|byte| *byte != b'\n').collect();
    let (events, n_garbage) = read(&stream, usize::MAX);
    let [BuildEvent::Vertex(vertex), BuildEvent::Log(log)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((vertex.digest.as_str(), vertex.started, vertex.cached), ("d", None, false));
    assert_eq!(log.data, b"hi");
    assert_eq!(n_garbage, "null".len() + "{\"digest\":7}".len());
}

#[test]
fn a_warning_has_its_lines() {
    let stream = br#"{"warnings":[{"vertex":"d","level":1,"short":"b25l","detail":["dHdv"],"url":"u",
        "sourceInfo":{"filename":"Dockerfile"},"range":[{"start":{"line":3},"end":{"line":4}}]}]}"#;
    let (events, _) = read(stream, usize::MAX);
    let warning = BuildWarning {
        vertex: "d".to_owned(),
        short: "one".to_owned(),
        detail: vec!["two".to_owned()],
        url: "u".to_owned(),
        lines: Some((3, 4)),
    };
    assert_eq!(events, [BuildEvent::Warning(warning)]);
}
