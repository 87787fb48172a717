//! Variables that take their value from one whose name looks secret: of `ENV URL=${DB_PASSWORD:-abc}` the value of URL
//! is to be hidden like that of DB_PASSWORD. In go instructions as they are written, out come the names, and the values written beside them. A name counts
//! in every stage; as all of `secret` this is a guess on the safe side.

use std::collections::BTreeSet;

use super::{expansion, has_clue, is_assignment, is_harmless, is_secret_name, unquoted};

/// The variables that these instructions, in the order of the file, give a value that looks secret.
#[must_use]
pub fn names<'a>(instructions: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut tainted = BTreeSet::new();
    for text in instructions.filter(|text| is_assignment(text)) {
        let mut name = None;
        for word in text.split_ascii_whitespace() {
            // A word without a name belongs to the quoted value before it, or to `ENV NAME the whole rest`.
            let assigned = word.split_once('=').map(|(name, _)| name).filter(|name| is_name(name));
            name = assigned.or_else(|| name.is_none().then_some(word).filter(|word| is_plain(word))).or(name);
            let is_secret =
                |found: &expansion::Expansion<'_>| is_secret_name(found.name) || tainted.contains(found.name);
            if let Some(name) = name.filter(|_| expansion::all(word).iter().any(is_secret)) {
                tainted.insert(name.to_owned());
            }
        }
    }
    tainted
}

/// What these texts write behind the operators of variables whose names look secret: the values where those are unset.
#[must_use]
pub fn words<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    /// What is shorter stands in other words by chance.
    const N_CHARACTERS: usize = 4;
    let mut words = BTreeSet::new();
    for text in texts.filter(|text| has_clue(text)) {
        let found = expansion::all(text).into_iter().filter(|found| is_secret_name(found.name));
        let found = found.map(|found| unquoted(&text[found.word]).trim_matches('/').to_owned());
        words.extend(found.filter(|word| word.len() >= N_CHARACTERS && !is_harmless(word)));
    }
    words
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

fn is_plain(word: &str) -> bool {
    is_name(word) && !matches!(word.to_ascii_uppercase().as_str(), "ENV" | "ARG" | "LABEL" | "ONBUILD")
}

#[cfg(test)]
mod tests {
    use super::{names, words};

    #[test]
    fn a_secret_is_followed_from_variable_to_variable() {
        for (texts, expected) in [
            (&["ENV A=${DB_PASSWORD:-abc} B=1"][..], &["A"][..]),
            (&["ENV A=x$API_TOKEN", "ARG B=$A", "ENV C=$B D=$E"], &["A", "B", "C"]),
            (&["ENV URL \"postgres://me:$DB_PASSWORD@db\""], &["URL"]),
            (&["ENV A=\"x y $DB_PASSWORD\" B=1"], &["A"]),
            (&["RUN A=$DB_PASSWORD", "ENV B=$A"], &[]),
        ] {
            let found = names(texts.iter().copied());
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{texts:?}");
        }
    }

    #[test]
    fn the_values_of_unset_variables_are_known() {
        let found =
            words(["WORKDIR /${DB_PASSWORD:-/swordfish}", "RUN ${A:-abcd} ${TOKEN:-a} ${TOKEN:-$ABCD}"].into_iter());
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["swordfish"]);
    }
}
