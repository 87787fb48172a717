//! The words of a `RUN`: from an execution to the simple commands it runs one after the other, or to nothing where
//! the text does more than that. Only what every shell reads alike is read: words, quotes, variables that are known,
//! assignments in front, `cd`, and chains with `&&`. Pipes, substitutions, redirections and globs make it nothing.

use std::collections::BTreeMap;

use super::effect::join;
use crate::graph::exec::Exec;

/// One simple command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invocation {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// The folder it is run in.
    pub folder: String,
    /// The environment, with the assignments in front of the words.
    pub env: BTreeMap<String, String>,
    /// Whether brackets stood in it without quotes: the shell puts the name of a file there if one matches.
    pub has_brackets: bool,
}

impl Invocation {
    /// The words behind the program.
    #[must_use]
    pub fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The program, without the folder it lies in.
    #[must_use]
    pub fn program(&self) -> &str {
        let word = self.words.first().map(String::as_str).unwrap_or_default();
        let folders = ["/usr/local/bin/", "/usr/bin/", "/bin/", "/sbin/", "/usr/sbin/"];
        folders.iter().find_map(|folder| word.strip_prefix(folder)).unwrap_or(word)
    }

    /// Whether one of these words is among the arguments.
    #[must_use]
    pub fn has(&self, flags: &[&str]) -> bool {
        self.arguments().iter().any(|word| flags.contains(&word.as_str()))
    }

    /// The value of an option, `--name value` or `--name=value`; the last one counts.
    #[must_use]
    pub fn option(&self, names: &[&str]) -> Option<&str> {
        let mut found = None;
        for (at, word) in self.words.iter().enumerate() {
            for name in names {
                if word == name {
                    found = self.words.get(at + 1).map(String::as_str);
                } else if let Some(value) = word.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
                    found = Some(value);
                }
            }
        }
        found
    }
}

/// The commands that an execution runs; `None` where nobody can say.
#[must_use]
pub fn read(exec: &Exec) -> Option<Vec<Invocation>> {
    let env: BTreeMap<String, String> =
        exec.env.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect();
    let folder = join("/", &exec.workdir);
    if exec.n_shell_args == 0 {
        return (!exec.args.is_empty())
            .then(|| vec![Invocation { words: exec.args.clone(), folder, env, has_brackets: false }]);
    }
    let (shell, text) = exec.args.split_at_checked(exec.n_shell_args)?;
    if !is_plain_shell(shell) {
        return None;
    }
    let [text] = text else { return None };
    commands(text, folder, env)
}

/// Whether a shell is one whose `-c` runs a text of this language.
fn is_plain_shell(shell: &[String]) -> bool {
    let Some((program, flags)) = shell.split_first() else { return false };
    let is_known = ["/bin/sh", "/bin/bash", "/bin/ash", "/bin/dash", "sh", "bash", "ash"].contains(&program.as_str());
    let known = ["-c", "-e", "-u", "-x", "-o", "pipefail", "-ec", "-eux", "-exc", "-euxo", "-euo", "-eo", "-xe", "-lc"];
    is_known && flags.iter().all(|flag| known.contains(&flag.as_str()))
}

fn commands(text: &str, folder: String, env: BTreeMap<String, String>) -> Option<Vec<Invocation>> {
    let mut lexer = Lexer { rest: text, env, has_brackets: false };
    let (mut commands, mut folder, mut words) = (Vec::new(), folder, Vec::new());
    loop {
        match lexer.token()? {
            Token::Word(word) => words.push(word),
            Token::And if words.is_empty() => return None,
            token => {
                let is_last = token == Token::End;
                if !words.is_empty() {
                    push(&mut commands, &mut folder, &lexer.env, std::mem::take(&mut words))?;
                }
                if is_last {
                    commands.iter_mut().for_each(|command: &mut Invocation| command.has_brackets = lexer.has_brackets);
                    return (!commands.is_empty()).then_some(commands);
                }
            }
        }
    }
}

/// Adds one command, or follows it where it is `cd`.
fn push(
    commands: &mut Vec<Invocation>,
    folder: &mut String,
    env: &BTreeMap<String, String>,
    words: Vec<Word>,
) -> Option<()> {
    let mut env = env.clone();
    let mut words = words.into_iter().peekable();
    while let Some((name, value)) = words.peek().and_then(Word::assignment) {
        env.insert(name, value);
        words.next();
    }
    let words: Vec<String> = words.map(|word| word.text).collect();
    match words.first().map(String::as_str) {
        // An assignment by itself holds for all that follows, which is more than is read here.
        None => return None,
        Some("cd") => match &words[1..] {
            [target] if !target.starts_with(['-', '~']) && !target.is_empty() => *folder = join(folder, target),
            _ => return None,
        },
        Some("." | "source" | "eval" | "exec" | "export" | "alias" | "if" | "for" | "while" | "case" | "{" | "!") => {
            return None;
        }
        Some(_) => commands.push(Invocation { words, folder: folder.clone(), env, has_brackets: false }),
    }
    Some(())
}

#[derive(PartialEq, Eq)]
enum Token {
    Word(Word),
    And,
    End,
}

#[derive(PartialEq, Eq)]
struct Word {
    text: String,
    /// Whether its beginning stood without quotes.
    is_bare: bool,
}

impl Word {
    /// `NAME=value`
    fn assignment(&self) -> Option<(String, String)> {
        let (name, value) = self.text.split_once('=').filter(|_| self.is_bare)?;
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let is_name = name.starts_with(|first: char| is_letter(first) && !first.is_ascii_digit());
        (is_name && name.chars().all(is_letter)).then(|| (name.to_owned(), value.to_owned()))
    }
}

struct Lexer<'a> {
    rest: &'a str,
    env: BTreeMap<String, String>,
    has_brackets: bool,
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<char> {
        let letter = self.rest.chars().next()?;
        self.rest = &self.rest[letter.len_utf8()..];
        Some(letter)
    }

    /// The next token; `None` where the text does more than is read here.
    fn token(&mut self) -> Option<Token> {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        if self.rest.starts_with('#') {
            // A comment ends with the line, and a `RUN` with several lines is read by nobody here.
            self.rest = if self.rest.contains('\n') { return None } else { "" };
        }
        if let Some(rest) = self.rest.strip_prefix("&&") {
            self.rest = rest;
            return Some(Token::And);
        }
        let trimmed = self.rest.trim_start_matches([' ', '\t', '\n', ';']);
        if trimmed.is_empty() {
            // A semicolon or a line end behind the last command changes nothing.
            return Some(Token::End);
        }
        self.word().map(Token::Word)
    }

    fn word(&mut self) -> Option<Word> {
        let mut word = Word { text: String::new(), is_bare: !self.rest.starts_with(['"', '\'', '$', '\\']) };
        while let Some(letter) = self.rest.chars().next() {
            match letter {
                ' ' | '\t' => break,
                '&' if self.rest.starts_with("&&") => break,
                ';' | '\n' if self.rest.trim_start_matches([' ', '\t', '\n', ';']).is_empty() => break,
                '&' | '|' | ';' | '\n' | '<' | '>' | '(' | ')' | '`' | '{' | '}' => return None,
                '[' | '!' if word.text.is_empty() => return None,
                '[' => self.has_brackets = true,
                '*' | '?' if !is_harmless_glob(&word.text) => return None,
                '~' if word.text.is_empty() => return None,
                _ => {}
            }
            self.next();
            match letter {
                '\'' => {
                    let end = self.rest.find('\'')?;
                    word.text.push_str(&self.rest[..end]);
                    self.rest = &self.rest[end + 1..];
                }
                '"' => self.quoted(&mut word.text)?,
                '$' => self.variable(&mut word.text)?,
                '\\' => word.text.push(self.next().filter(|next| *next != '\n')?),
                letter => word.text.push(letter),
            }
        }
        Some(word)
    }

    /// What stands in double quotes, the first one read already.
    fn quoted(&mut self, text: &mut String) -> Option<()> {
        loop {
            match self.next()? {
                '"' => return Some(()),
                '`' => return None,
                '$' => self.variable(text)?,
                '\\' => match self.next()? {
                    next @ ('"' | '\\' | '$' | '`') => text.push(next),
                    _ => return None,
                },
                letter => text.push(letter),
            }
        }
    }

    /// A variable, its sign read already; one whose value would be split into words is not read.
    fn variable(&mut self, text: &mut String) -> Option<()> {
        let rest = self.rest;
        let (name, rest) = match rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}')?,
            None => {
                let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
                rest.split_at(rest.find(|letter| !is_part(letter)).unwrap_or(rest.len()))
            }
        };
        let value = self.env.get(name)?;
        if value.is_empty() || value.contains(|letter: char| letter.is_whitespace() || "*?[".contains(letter)) {
            return None;
        }
        text.push_str(value);
        self.rest = rest;
        Some(())
    }
}

/// Whether a glob behind this beginning of a word can only match caches of the system.
fn is_harmless_glob(start: &str) -> bool {
    ["/var/lib/apt/lists/", "/var/cache/", "/tmp/", "/var/tmp/"].iter().any(|folder| start.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::{commands, read};
    use crate::graph::exec::{Exec, Variable};

    fn words(text: &str) -> Option<Vec<String>> {
        let env = [("ENV".to_owned(), "prod".to_owned()), ("TWO".to_owned(), "a b".to_owned())];
        let commands = commands(text, "/app".to_owned(), env.into())?;
        Some(commands.iter().map(|one| format!("{}: {}", one.folder, one.words.join("|"))).collect())
    }

    #[test]
    fn chains_of_plain_commands_are_read() {
        let cases: [(&str, &[&str]); 8] = [
            ("npm ci", &["/app: npm|ci"]),
            ("npm ci    # a comment && more", &["/app: npm|ci"]),
            ("cd web && npm ci; ", &["/app/web: npm|ci"]),
            ("A=1 npm ci --omit='dev' \"x y\"", &["/app: npm|ci|--omit=dev|x y"]),
            ("a &&b&& c", &["/app: a", "/app: b", "/app: c"]),
            ("mix deps.get --only $ENV", &["/app: mix|deps.get|--only|prod"]),
            ("echo \"${ENV}\"", &["/app: echo|prod"]),
            (
                "apt-get update && rm -rf /var/lib/apt/lists/*",
                &["/app: apt-get|update", "/app: rm|-rf|/var/lib/apt/lists/*"],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(
                words(text).as_deref(),
                Some(&expected.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
    }

    #[test]
    fn what_does_more_is_not_read() {
        for text in [
            "",
            "#",
            "a | b",
            "a || b",
            "a; b",
            "a &",
            "a > f",
            "$(a)",
            "`a`",
            "a\nb",
            "cp *.json /x",
            "a $UNSET",
            "a $TWO",
            "cd",
            "cd ~",
            "A=1",
            "&& a",
            "a &&& b",
            "if x",
            "(a)",
            "a \"b",
            "a 'b",
            "set -e\nnpm ci",
            ". ./env",
            "a {b,c}",
        ] {
            assert_eq!(words(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_shell_of_the_stage_counts() {
        let exec = |shell: &[&str], text: &str| Exec {
            args: shell.iter().copied().chain([text]).map(str::to_owned).collect(),
            n_shell_args: shell.len(),
            env: vec![Variable { name: "PATH".to_owned(), value: "/bin".to_owned(), from_arg: false }],
            workdir: "/app/".to_owned(),
            ..Exec::default()
        };
        assert_eq!(read(&exec(&["/bin/bash", "-o", "pipefail", "-c"], "npm ci")).unwrap()[0].folder, "/app");
        assert_eq!(read(&exec(&["cmd", "/S", "/C"], "npm ci")), None);
        assert_eq!(read(&exec(&[], "npm")).unwrap()[0].words, ["npm"]);
        assert_eq!(read(&Exec::default()), None);
    }
}
