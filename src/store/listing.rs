//! Long byte runs kept as chunks, so that two versions of a run share what they have in common. Chunks are
//! cut where the content says so, not at fixed places: an insertion moves no later cut. The digests of the
//! chunks are a run themselves, cut and kept the same way, until one chunk is left. In goes a run, out comes
//! its last chunk; the others are objects. Knows nothing of what the bytes say.

use planner::digest::ContentDigest;

use super::pack::{Additions, Objects};
use super::wire::{Reader, put_number};

/// Deeper than any run of chunks can be; what claims to be deeper is not ours.
const MAX_DEPTH: u64 = 64;

/// Keeps a run that was cut into chunks. The result names all of it and is itself small.
pub(super) fn keep(chunks: Vec<Vec<u8>>, additions: &mut Additions<'_>) -> Vec<u8> {
    let mut level = chunks;
    let mut depth = 0;
    while level.len() > 1 {
        let ids: Vec<ContentDigest> = level.into_iter().map(|chunk| additions.put_bytes(chunk)).collect();
        level = cut_digests(&ids);
        depth += 1;
    }
    let mut bytes = Vec::new();
    put_number(&mut bytes, depth);
    bytes.extend_from_slice(&level.pop().unwrap_or_default());
    bytes
}

/// The run that [`keep`] gave these bytes for; `None` where a chunk is missing.
pub(super) fn find(kept: &[u8], objects: &Objects) -> Option<Vec<u8>> {
    let mut reader = Reader(kept);
    let depth = reader.number().filter(|depth| *depth <= MAX_DEPTH)?;
    let mut level = reader.0.to_vec();
    for _ in 0..depth {
        let mut next = Vec::new();
        let mut ids = Reader(&level);
        while !ids.is_empty() {
            next.extend_from_slice(objects.find(&ids.digest()?)?);
        }
        level = next;
    }
    Some(level)
}

/// About 16 digests to a chunk and never fewer than 2, so that every level is shorter than the one below.
fn cut_digests(ids: &[ContentDigest]) -> Vec<Vec<u8>> {
    let mut chunks = vec![Vec::new()];
    for id in ids {
        let Some(chunk) = chunks.last_mut() else { continue };
        chunk.extend_from_slice(id.as_bytes());
        if chunk.len() >= 64 && id.as_bytes()[0].is_multiple_of(16) {
            chunks.push(Vec::new());
        }
    }
    if chunks.len() > 1 && chunks.last().is_some_and(Vec::is_empty) {
        chunks.pop();
    }
    chunks
}

/// Cuts any bytes into chunks of about a kilobyte, at places that depend only on the 64 bytes before them.
pub(super) fn cut_bytes(bytes: &[u8]) -> Vec<Vec<u8>> {
    const MIN: usize = 256;
    const MAX: usize = 8192;
    let mut chunks = Vec::new();
    let (mut start, mut rolling) = (0, 0_u64);
    for (index, byte) in bytes.iter().enumerate() {
        // Each byte leaves the 64-bit sum after 64 shifts, so the sum is that of the last 64 bytes.
        rolling = (rolling << 1).wrapping_add(scatter(u64::from(*byte)));
        let len = index + 1 - start;
        if (len >= MIN && rolling >> 54 == 0) || len >= MAX {
            chunks.push(bytes[start..=index].to_vec());
            start = index + 1;
        }
    }
    if start < bytes.len() {
        chunks.push(bytes[start..].to_vec());
    }
    chunks
}

/// Spreads a small number over 64 bits (the finalizer of SplitMix64).
pub(super) fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Additions, Objects, cut_bytes, scatter};

    fn noise(n: u64) -> Vec<u8> {
        (0..n).map(|index| scatter(index) as u8).collect()
    }

    #[test]
    fn an_insertion_changes_few_chunks() {
        let before = noise(200_000);
        let mut after = before.clone();
        after.splice(100_000..100_000, *b"inserted");
        let old = cut_bytes(&before);
        let new = cut_bytes(&after);
        assert_eq!(new.concat(), after);
        assert!(old.len() > 50, "{} chunks", old.len());
        assert!(new.iter().filter(|chunk| !old.contains(chunk)).count() <= 2);
    }

    #[test]
    fn a_kept_run_needs_all_its_chunks() {
        let nothing = Objects::default();
        for n in [0, 1, 10_000, 1_000_000] {
            let mut additions = Additions::to(&nothing);
            let kept = super::keep(cut_bytes(&noise(n)), &mut additions);
            assert!(kept.len() < 9000, "{n} bytes kept as {}", kept.len());
            let missing = additions.into_new().is_empty();
            assert_eq!(super::find(&kept, &nothing).is_some(), missing, "{n}");
        }
    }
}
