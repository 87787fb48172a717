//! "Did you mean": the known word nearest to a mistyped one. An error text in, the same with a suggestion out.
//! BuildKit suggests at a distance of one or two edits; of several as near it takes any, here the first does.

use super::go;

/// Distance from which on nothing is suggested.
const TOO_FAR: usize = 3;

/// `message`, with the option nearest to `word` added where one is near. Case counts.
pub(super) fn with_nearest(message: String, word: &str, options: &[&str]) -> String {
    match nearest(word, options) {
        Some(option) => format!("{message} (did you mean {option}?)"),
        None => message,
    }
}

/// The same where case does not count: `options` are in lower case, the suggestion is cased as `word` is.
pub(super) fn with_nearest_folded(message: String, word: &str, options: &[&str]) -> String {
    match nearest(&go::lower(word), options) {
        Some(option) if word != go::lower(word) && word == go::upper(word) => {
            format!("{message} (did you mean {}?)", go::upper(option))
        }
        Some(option) => format!("{message} (did you mean {option}?)"),
        None => message,
    }
}

fn nearest<'a>(word: &str, options: &[&'a str]) -> Option<&'a str> {
    if options.contains(&word) {
        return None;
    }
    let word: Vec<char> = word.chars().collect();
    let near = options.iter().filter(|option| word.len().abs_diff(option.len()) < TOO_FAR);
    let found = near.map(|option| (distance(&word, option), *option)).min_by_key(|found| found.0)?;
    (found.0 < TOO_FAR).then_some(found.1)
}

/// How many insertions, deletions and substitutions lie between the two (Levenshtein).
fn distance(word: &[char], option: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (index, wanted) in option.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, found) in word.iter().enumerate() {
            let substituted = diagonal + usize::from(*found != wanted);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[word.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_within_two_edits() {
        let check = |word: &str| with_nearest_folded("x".to_owned(), word, &["copy", "cmd", "run"]);
        assert_eq!(check("RUNN"), "x (did you mean RUN?)");
        assert_eq!(check("Cop"), "x (did you mean copy?)");
        assert_eq!(check("bogus"), "x");
        assert_eq!(with_nearest("x".to_owned(), "foo", &["from", "link"]), "x (did you mean from?)");
        assert_eq!(with_nearest("x".to_owned(), "from", &["from", "fron"]), "x");
    }
}
