//! JSON documents as objects. The digests in a document change from build to build, while the text around
//! them mostly stays; so the text is kept with numbers in place of digests, and the digests beside it, each
//! once and in bytes. In goes JSON, out comes the same JSON. Knows nothing of what the document says.

use std::collections::HashMap;

use planner::digest::ContentDigest;

use super::listing;
use super::pack::{Additions, Objects};
use super::wire::{Reader, put_number};

/// Stands in front of a number in the text; JSON holds no control characters.
const MARK: u8 = 1;
/// Hexadecimal digits of a digest.
const N_DIGITS: usize = 64;

/// Keeps a document; the result names it.
pub(super) fn keep(json: &[u8], additions: &mut Additions<'_>) -> ContentDigest {
    let (text, digests) = split(json);
    let text = listing::keep(listing::cut_bytes(&text), additions);
    let mut object = additions.put_bytes(text).as_bytes().to_vec();
    let digests: Vec<u8> = digests.iter().flat_map(|digest| *digest.as_bytes()).collect();
    object.extend(listing::keep(listing::cut_bytes(&digests), additions));
    additions.put_bytes(object)
}

/// The document of that name; `None` where a part is missing.
pub(super) fn find(id: &ContentDigest, objects: &Objects) -> Option<Vec<u8>> {
    let mut object = Reader(objects.find(id)?);
    let text = listing::find(objects.find(&object.digest()?)?, objects)?;
    let digests = listing::find(object.0, objects)?;
    join(&text, &digests)
}

fn split(json: &[u8]) -> (Vec<u8>, Vec<ContentDigest>) {
    let (mut text, mut digests, mut numbers) = (Vec::new(), Vec::new(), HashMap::new());
    for run in json.chunk_by(|a, b| is_digit(*a) == is_digit(*b)) {
        let digits = Some(run).filter(|run| run.len() == N_DIGITS && is_digit(run[0]));
        let Some(digest) = digits.and_then(ContentDigest::from_digits) else {
            text.extend_from_slice(run);
            continue;
        };
        let number = *numbers.entry(digest).or_insert_with(|| {
            digests.push(digest);
            digests.len() - 1
        });
        text.push(MARK);
        put_number(&mut text, number as u64);
    }
    (text, digests)
}

fn join(text: &[u8], digests: &[u8]) -> Option<Vec<u8>> {
    let mut json = Vec::with_capacity(text.len() + 2 * digests.len());
    let mut reader = Reader(text);
    while !reader.is_empty() {
        let n_plain = reader.0.iter().position(|byte| *byte == MARK).unwrap_or(reader.0.len());
        json.extend_from_slice(reader.take(n_plain)?);
        if reader.byte().is_none() {
            break;
        }
        let start = usize::try_from(reader.number()?).ok()?.checked_mul(32)?;
        let digest = digests.get(start..start.checked_add(32)?)?.try_into().ok().map(ContentDigest::from_bytes)?;
        json.extend_from_slice(&digest.digits());
    }
    Some(json)
}

/// Upper case stays in the text: a digest is written in lower case, and must come back as it was.
fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use planner::digest::ContentDigest;

    #[test]
    fn a_document_comes_back_as_it_was() {
        let digest = |n: u8| ContentDigest::of(&[n]).to_string();
        let long = format!("[\"{}\"]", (0..200).map(digest).collect::<Vec<_>>().join("\",\""));
        let (a, upper) = (digest(0), digest(0).to_uppercase());
        for json in [
            format!("{{\"a\":\"{a}\",\"b\":\"x{a}\",\"c\":\"{a}0\",\"d\":\"{upper}\"}}"),
            long,
            "{}".into(),
            String::new(),
        ] {
            let (text, digests) = super::split(json.as_bytes());
            let bytes: Vec<u8> = digests.iter().flat_map(|digest| *digest.as_bytes()).collect();
            assert_eq!(super::join(&text, &bytes).unwrap(), json.as_bytes());
            assert!(text.len() + bytes.len() <= json.len());
        }
    }
}
