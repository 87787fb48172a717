//! Tables of words and what they expand to.

use super::*;

fn scope(name: &str) -> Option<String> {
    let value = match name {
        "A" => "aval",
        "B" => "bval",
        "E" => "",
        "P" => "/a/b/c.d",
        "Q" => "?x*",
        "R" => "<$0$$>",
        _ => return None,
    };
    Some(value.to_owned())
}

fn check(expander: &Expander<'_>, rows: &[(&str, &str)]) {
    for (word, expected) in rows {
        let found = expander.expand(word).unwrap_or_else(|error| error.reason);
        assert_eq!(found, *expected, "{word}");
    }
}

#[test]
fn values_are_as_on_a_real_engine() {
    let rows = [
        ("${U:-d} ${U-d} ${E:-d} ${E-d}|", "d d d |"),
        ("${U:+p}|${E:+p}|${E+p}|${A:+p}", "||p|p"),
        ("${U:-${A}x}", "avalx"),
        ("${U:-\"q q\"}", "q q"),
        ("${P#*/} ${P##*/}", "a/b/c.d c.d"),
        ("${P%/*} ${P%%/*}|", "/a/b |"),
        ("${P/b/X} ${P/*/X}", "/a/X/c.d X"),
        (r"${P//\//_} ${P/\//_}", "_a_b_c.d _a/b/c.d"),
        ("${P%.?} ${P#**/}", "/a/b/c a/b/c.d"),
        ("${P//[ab]/X} ${P/#\\//X}", "/a/b/c.d /a/b/c.d"),
        (r"${Q%\*} ${Q#\?}", "?x x*"),
        ("${A//a/$R} ${A/a/$R}", "<a$>v<a$>l <$0$$>val"),
        ("$Ab|${A}b|$_|$1x|$@", "|avalb||x|"),
        (r#"\$A "\$A" '$A'"#, "$A $A $A"),
        (r#""$A" $$ a$"#, "aval  a$"),
        (r#""a\nb" a\nb "\\" '\\' a\ b x\"#, r"a\nb anb \ \\ a b x"),
        ("`x` $(x) ~ [ab] <<E <", "`x` $(x) ~ [ab] <<E <"),
        ("${A?} ${E?}|", "aval |"),
    ];
    check(&Expander::new('\\', &scope), &rows);
}

#[test]
fn what_cannot_be_read_is_refused_in_buildkits_words() {
    let rows = [
        ("${", "syntax error: missing '}'"),
        ("${U:-", "syntax error: missing '}'"),
        ("${}", "syntax error: bad substitution"),
        ("${:-x}", "syntax error: bad substitution"),
        ("${{A}}", "syntax error: bad substitution"),
        ("${A:x}", "unsupported modifier (:x) in substitution"),
        ("${A:#x}", "unsupported modifier (:#) in substitution"),
        ("${A^}", "unsupported modifier (^) in substitution"),
        ("${A", "unsupported modifier (\u{fffd}) in substitution"),
        ("${A/x", "syntax error: missing '/' in ${}"),
        ("${U?}", "U: is not allowed to be unset"),
        ("${E:?}", "E: is not allowed to be empty"),
        ("${U:?no $A}", "U: no aval"),
        (r"${A#\x}", r"invalid pattern (\x) in substitution: invalid escape '\x'"),
        ("'a", "unexpected end of statement while looking for matching single-quote"),
        ("\"a", "unexpected end of statement while looking for matching double-quote"),
    ];
    check(&Expander::new('\\', &scope), &rows);
    let error = Expander::new('\\', &scope).expand("\"${").expect_err("it is open");
    assert_eq!(error.in_full(), r#"failed to process "\"${": syntax error: missing '}'"#);
}

#[test]
fn modes_change_what_is_kept() {
    check(&Expander::new('`', &scope), &[("`$A c:\\d \"`$A\" ``", "$A c:\\d $A `")]);
    check(&Expander::for_heredoc(&scope), &[("\"$A\" '$A' \\$A it's", "\"aval\" 'aval' $A it's")]);
    let unset_kept = Expander { skip_unset: true, raw_quotes: true, ..Expander::new('\\', &scope) };
    check(&unset_kept, &[("$U '$U' ${U:-\"x\"} $A", "$U '$U' ${U:-\"x\"} aval")]);
}

#[test]
fn words_are_split_outside_quotes_only() {
    let blank = |_: &str| Some("1 2".to_owned());
    let expander = Expander::new('\\', &blank);
    assert_eq!(
        expander.expand_words(r#" a\ b  "c d" $X <<  E"#),
        Ok(["a b", "c d", "1", "2", "<<  E"].map(String::from).into())
    );
    assert_eq!(
        expander.expand_noting("$B ${A:-$C} $B").map(|found| found.used),
        Ok(["B", "C", "A"].map(String::from).into())
    );
}
