//! The checksum of a download, `ADD --checksum=`: which texts BuildKit takes for one. In goes the flag's value with its
//! variables filled in, out comes what is wrong with it, in the words of the library that BuildKit parses it with
//! (opencontainers/go-digest 1.0), and what to write. Nothing is downloaded.

/// The algorithms, and how many hexadecimal digits their digests have.
const ALGORITHMS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// What is wrong with a checksum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Invalid {
    /// BuildKit's words.
    pub(super) message: &'static str,
    /// What to do about it.
    pub(super) hint: String,
}

/// Checks a checksum for a download by HTTP.
pub(super) fn check(checksum: &str) -> Result<(), Invalid> {
    const FORMAT: &str = "invalid checksum digest format";
    let invalid = |message, hint: &str| Err(Invalid { message, hint: hint.to_owned() });
    let (algorithm, digits) = checksum.split_once(':').unwrap_or_default();
    if algorithm.is_empty() || digits.is_empty() {
        return invalid(
            FORMAT,
            "write the algorithm, a colon and the digest, such as `sha256:` and 64 hexadecimal digits",
        );
    }
    let Some((_, n_digits)) = ALGORITHMS.iter().find(|(name, _)| *name == algorithm) else {
        let message = if is_well_formed(algorithm, digits) { "unsupported digest algorithm" } else { FORMAT };
        return invalid(message, "BuildKit knows sha256, sha384 and sha512");
    };
    if digits.len() != *n_digits {
        let hint = format!("a {algorithm} digest has {n_digits} hexadecimal digits; this one has {}", digits.len());
        return invalid("invalid checksum digest length", &hint);
    }
    if !digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return invalid(FORMAT, "write hexadecimal digits, letters in lower case");
    }
    Ok(())
}

/// Whether a digest of an unknown algorithm is written like one.
fn is_well_formed(algorithm: &str, digits: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    };
    algorithm.split(['.', '+', '_', '-']).all(is_word)
        && digits.bytes().all(|digit| digit.is_ascii_alphanumeric() || b"=_-".contains(&digit))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_checksum_is_what_buildkit_takes_for_one() {
        let digits = "0123456789abcdef".repeat(4);
        let cases = [
            (format!("sha256:{digits}"), ""),
            (format!("sha512:{digits}{digits}"), ""),
            (format!("sha512:{digits}"), "invalid checksum digest length"),
            ("sha256:zz".to_owned(), "invalid checksum digest length"),
            (format!("sha256:{}", digits.to_uppercase()), "invalid checksum digest format"),
            (digits.clone(), "invalid checksum digest format"),
            (format!(":{digits}"), "invalid checksum digest format"),
            ("sha256:".to_owned(), "invalid checksum digest format"),
            ("md5:0123".to_owned(), "unsupported digest algorithm"),
            ("blake2b+x:0123".to_owned(), "unsupported digest algorithm"),
            (format!("SHA256:{digits}"), "invalid checksum digest format"),
            ("md5:01:23".to_owned(), "invalid checksum digest format"),
        ];
        for (checksum, message) in cases {
            assert_eq!(check(&checksum).err().map_or("", |invalid| invalid.message), message, "{checksum}");
        }
    }
}
