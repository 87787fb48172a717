//! `.dockerignore`, with the meaning BuildKit gives it (which is not `.gitignore`'s): whole paths from the
//! context root, the last matching line wins, a match covers all that lies below. Text goes in; out comes an
//! [`Ignorefile`] that is asked path by path, each folder's [`State`] being handed to what it holds, so that a
//! walk tries a pattern on a path only where its folder has not settled the matter. Nothing is walked here.
//!
//! The same patterns, from other places, serve `COPY --exclude`: see [`Ignorefile::from_patterns`].

mod go_regex;
mod lines;
mod pattern;

use crate::context::ContextPath;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use pattern::Pattern;

/// An ignore file, ready to be asked. The default ignores nothing, like an empty or absent file.
#[derive(Clone, Debug, Default)]
pub struct Ignorefile {
    rules: Vec<Rule>,
    /// What each negated rule names, up to a last `/**` and `/*`, with a slash behind.
    negated_prefixes: Vec<Vec<u8>>,
    /// Whether no negated rule holds a wildcard before that.
    negations_are_literal: bool,
}

/// One line of an ignore file that is neither blank nor a comment.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The line, counted from 1; for patterns from elsewhere their place in the list.
    pub line: u32,
    /// The line's bytes without the white space around them; for patterns from elsewhere the whole pattern.
    pub span: Span,
    /// The text at the span, with U+FFFD for what is not UTF-8.
    pub written: String,
    /// Whether it brings back what an earlier rule ignores.
    pub negated: bool,
    pattern: Pattern,
}

/// What becomes of a path.
#[derive(Clone, Copy, Debug)]
pub enum Decision<'a> {
    /// It is sent; a rule is named if a negated one brought it back.
    Kept(Option<&'a Rule>),
    /// It is not sent, because of the last rule that matched it or a folder it lies in.
    Ignored(&'a Rule),
}

impl Decision<'_> {
    /// Whether the path is left out.
    #[must_use]
    pub fn is_ignored(&self) -> bool {
        matches!(self, Self::Ignored(_))
    }
}

/// Which rules have matched a folder or one it lies in. Cheap to copy for files of up to 64 rules.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    first: u64,
    rest: Vec<u64>,
}

/// A pattern that passes BuildKit's check of the file but cannot be matched against a path.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("failed to match excludepatterns: syntax error in pattern")]
pub struct BrokenPattern {
    /// The rule's line, counted from 1.
    pub line: u32,
    /// The rule as written.
    pub written: String,
}

/// Why a list of patterns is refused, in BuildKit's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IllegalPattern {
    /// A negation of nothing.
    #[error("illegal exclusion pattern: \"!\"")]
    LoneNegation,
    /// Go's `filepath.Match` refuses it.
    #[error("syntax error in pattern")]
    Syntax,
}

impl Ignorefile {
    /// Reads an ignore file. Lines that BuildKit refuses are left out and reported, each with its place; with
    /// any of these a build fails.
    #[must_use]
    pub fn parse(text: &[u8]) -> (Self, Vec<Diagnostic>) {
        let (mut rules, mut diagnostics) = (Vec::new(), Vec::new());
        for line in lines::read(text) {
            let (number, span) = (Some(line.number), Some(line.span));
            if line.is_too_long {
                diagnostics.push(Diagnostic::error("bufio.Scanner: token too long", number, span));
                break;
            }
            match Rule::new(line.number, line.span, &text[line.span.range()], &line.pattern) {
                Ok(rule) => rules.extend(rule),
                Err(illegal) => diagnostics.push(Diagnostic::error(illegal.to_string(), number, span)),
            }
        }
        (Self::from_rules(rules), diagnostics)
    }

    /// Takes a list of patterns as `COPY --exclude` gives them: no comments, no `/` dropped in front.
    ///
    /// # Errors
    /// [`IllegalPattern`] for the first that BuildKit refuses.
    pub fn from_patterns<P: AsRef<[u8]>>(patterns: impl IntoIterator<Item = P>) -> Result<Self, IllegalPattern> {
        let mut rules = Vec::new();
        for (number, pattern) in (1..).zip(patterns) {
            let pattern = pattern.as_ref();
            rules.extend(Rule::new(number, Span::new(0, pattern.len()), pattern, pattern)?);
        }
        Ok(Self::from_rules(rules))
    }

    fn from_rules(rules: Vec<Rule>) -> Self {
        let stems = rules.iter().filter(|rule| rule.negated).map(|rule| rule.pattern.stem());
        let negations_are_literal =
            stems.clone().all(|stem| !stem.iter().any(|byte| matches!(byte, b'*' | b'[' | b']' | b'?' | b'^' | b'\\')));
        let negated_prefixes = stems.map(|stem| [stem, b"/"].concat()).collect();
        Self { rules, negated_prefixes, negations_are_literal }
    }

    /// The rules in the order of the file.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The state to hand to the entries of the context root.
    #[must_use]
    pub fn root(&self) -> State {
        State::default()
    }

    /// Whether a file is left out, or a folder above it that is not entered.
    ///
    /// # Errors
    /// If a pattern cannot be matched.
    pub fn ignores(&self, path: &ContextPath) -> Result<bool, BrokenPattern> {
        let (mut state, mut here, mut is_ignored) = (self.root(), ContextPath::root(), false);
        for name in path.components() {
            if is_ignored && self.can_skip(here.as_bytes()) {
                return Ok(true);
            }
            here = here.join(name);
            let (decision, next) = self.decide(&state, here.as_bytes())?;
            is_ignored = decision.is_ignored();
            state = next;
        }
        Ok(is_ignored)
    }

    /// What becomes of `path`, the bytes of a [`ContextPath`] that is not the
    /// root, in a folder of state `parent`; and, should `path` be a folder, its own state.
    ///
    /// # Errors
    /// [`BrokenPattern`] when the answer hangs on a pattern that cannot be matched; a build fails there too.
    pub fn decide(&self, parent: &State, path: &[u8]) -> Result<(Decision<'_>, State), BrokenPattern> {
        let mut state = State::default();
        let (mut ignored, mut last) = (false, None);
        for (index, rule) in self.rules.iter().enumerate() {
            // A rule that could change nothing is not tried, and then does not count for what lies below either
            // (patternmatcher's MatchesUsingParentResults).
            if parent.has(index) || (rule.negated == ignored && rule.matches(path)?) {
                state.add(index);
                ignored = !rule.negated;
                last = Some(rule);
            }
        }
        let decision = match last {
            Some(rule) if ignored => Decision::Ignored(rule),
            kept_by => Decision::Kept(kept_by),
        };
        Ok((decision, state))
    }

    /// Whether an ignored folder need not be entered, since no negated rule can bring back anything below it.
    /// This is the rule of BuildKit's walk (fsutil's filter), which looks at the text of the patterns only.
    #[must_use]
    pub fn can_skip(&self, ignored_folder: &[u8]) -> bool {
        let leads_below =
            |prefix: &Vec<u8>| prefix.strip_prefix(ignored_folder).is_some_and(|rest| rest.first() == Some(&b'/'));
        self.negations_are_literal && !self.negated_prefixes.iter().any(leads_below)
    }
}

impl Rule {
    /// The rule for a pattern, cleaned like a path together with its `!`; `None` for a blank one.
    fn new(line: u32, span: Span, written: &[u8], pattern: &[u8]) -> Result<Option<Self>, IllegalPattern> {
        let pattern = lines::trim(pattern);
        if pattern.is_empty() {
            return Ok(None);
        }
        let cleaned = lines::clean(pattern);
        let (negated, pattern) = match cleaned.strip_prefix(b"!") {
            Some(b"") => return Err(IllegalPattern::LoneNegation),
            Some(rest) => (true, rest),
            None => (false, cleaned.as_slice()),
        };
        let pattern = Pattern::new(pattern).map_err(|_| IllegalPattern::Syntax)?;
        Ok(Some(Self { line, span, written: String::from_utf8_lossy(written).into_owned(), negated, pattern }))
    }

    fn matches(&self, path: &[u8]) -> Result<bool, BrokenPattern> {
        self.pattern.matches(path).ok_or_else(|| BrokenPattern { line: self.line, written: self.written.clone() })
    }
}

impl State {
    fn has(&self, index: usize) -> bool {
        let word = match index / 64 {
            0 => self.first,
            word => self.rest.get(word - 1).copied().unwrap_or(0),
        };
        word >> (index % 64) & 1 == 1
    }

    fn add(&mut self, index: usize) {
        let bit = 1 << (index % 64);
        match index / 64 {
            0 => self.first |= bit,
            word => {
                if self.rest.len() < word {
                    self.rest.resize(word, 0);
                }
                self.rest[word - 1] |= bit;
            }
        }
    }
}
