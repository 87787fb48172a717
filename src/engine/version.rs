//! Versions of releases, as docker, buildx and BuildKit write them. Pure.

/// Major and minor of a version such as `v0.13.2` or `26.1.5+dfsg1`; what is built without a version calls itself
/// `v0.0.0+unknown`, and has none.
pub(crate) fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().trim_start_matches('v').split(['.', '-', '+']).map(|number| number.parse().ok());
    let numbers = numbers.next()?.zip(numbers.next()?)?;
    (numbers != (0, 0)).then_some(numbers)
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions_are_read_and_those_of_no_release_are_not() {
        let cases = [
            ("v0.13.2", Some((0, 13))),
            ("v0.11.7+d3e6c1360f6e", Some((0, 11))),
            ("v0.12.5-0.20231208203051-3b6880d2a00f", Some((0, 12))),
            ("26.1.5+dfsg1\n", Some((26, 1))),
            ("27-rc", None),
            ("v0.0.0+unknown", None),
            ("library-import", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(super::version(text), expected, "{text:?}");
        }
    }
}
