//! The words of a `RUN`: from an execution to the simple commands it runs one after the other, as far as the text does
//! no more than that. Only what every shell reads alike is read: words, quotes, variables that are known, assignments in
//! front, `cd`, `set`, and chains with `&&`, `;` and line ends. Pipes, substitutions, redirections and globs end it.

mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::effect::join;
use crate::graph::exec::Exec;
use words::{Lexer, Token, Word, assignment};

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
    /// What `set` has switched on for it.
    pub options: BTreeSet<String>,
    /// Whether, if it fails, the whole execution fails there.
    pub is_strict: bool,
    /// Its place in the text of the shell; nothing where there is no shell.
    pub place: Range<usize>,
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

/// The text of an execution as far as it is plain.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Script {
    /// The commands at its beginning.
    pub commands: Vec<Invocation>,
    /// Whether that is all of it.
    pub is_whole: bool,
}

/// The commands that an execution runs; `None` where nobody can say.
#[must_use]
pub fn read(exec: &Exec) -> Option<Vec<Invocation>> {
    let script = begin(exec);
    script.is_whole.then_some(script.commands)
}

/// The commands that an execution begins with.
#[must_use]
pub fn begin(exec: &Exec) -> Script {
    let env: BTreeMap<String, String> =
        exec.env.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect();
    let folder = join("/", &exec.workdir);
    if exec.n_shell_args == 0 {
        let words = exec.args.clone();
        let only = Invocation {
            words,
            folder,
            env,
            has_brackets: false,
            options: BTreeSet::new(),
            is_strict: true,
            place: 0..0,
        };
        return match exec.args.is_empty() {
            true => Script::default(),
            false => Script { commands: vec![only], is_whole: true },
        };
    }
    match exec.args.split_at_checked(exec.n_shell_args) {
        Some((shell, [text])) if is_plain_shell(shell) => Reader::new(folder, stops_on_failure(shell)).read(text, env),
        _ => Script::default(),
    }
}

/// Whether a shell is called so that a command that fails ends it.
fn stops_on_failure(shell: &[String]) -> bool {
    shell.iter().any(|flag| flag.starts_with('-') && flag.contains('e'))
}

/// Whether a shell is one whose `-c` runs a text of this language.
fn is_plain_shell(shell: &[String]) -> bool {
    let Some((program, flags)) = shell.split_first() else { return false };
    let is_known = ["/bin/sh", "/bin/bash", "/bin/ash", "/bin/dash", "sh", "bash", "ash"].contains(&program.as_str());
    let known = ["-c", "-e", "-u", "-x", "-o", "pipefail", "-ec", "-eux", "-exc", "-euxo", "-euo", "-eo", "-xe", "-lc"];
    is_known && flags.iter().all(|flag| known.contains(&flag.as_str()))
}

/// Follows a text command by command.
struct Reader {
    commands: Vec<Invocation>,
    folder: String,
    options: BTreeSet<String>,
    /// The list at hand, which `&&` joins: places of commands, none for what the shell does itself.
    list: Vec<Option<usize>>,
    /// Where in that list the folder was last changed.
    moved: Option<usize>,
}

impl Reader {
    fn new(folder: String, is_strict: bool) -> Self {
        let options = is_strict.then(|| "e".to_owned()).into_iter().collect();
        Self { commands: Vec::new(), folder, options, list: Vec::new(), moved: None }
    }

    fn read(mut self, text: &str, env: BTreeMap<String, String>) -> Script {
        let mut lexer = Lexer::new(text, env);
        let is_read = self.follow(text, &mut lexer);
        let is_whole = is_read.is_some() && !self.commands.is_empty();
        Script { commands: self.commands, is_whole }
    }

    fn follow(&mut self, text: &str, lexer: &mut Lexer<'_>) -> Option<()> {
        lexer.skip_lines();
        let (mut words, mut start, mut end) = (Vec::new(), text.len() - lexer.n_left(), 0);
        loop {
            let token = lexer.token()?;
            if let Token::Word(word) = token {
                words.push(word);
                end = text.len() - lexer.n_left();
                lexer.skip_blanks();
                continue;
            }
            match token {
                Token::Next | Token::End if words.is_empty() => {}
                _ => self.command(std::mem::take(&mut words), start..end, lexer)?,
            }
            start = text.len() - lexer.n_left();
            match token {
                Token::End => return Some(()),
                // Whoever stands behind a line end runs whatever became of the list in front.
                Token::Next if start < text.len() => self.end_list()?,
                _ => {}
            }
        }
    }

    /// A list is over and another one follows: of its parts, at most the last one ends the execution where it fails.
    /// `None` where the folder of what follows depends on that.
    fn end_list(&mut self) -> Option<()> {
        let stops = self.options.contains("e");
        let list = std::mem::take(&mut self.list);
        let is_last = |at: usize| at + 1 == list.len();
        if self.moved.take().is_some_and(|at| !stops || !is_last(at)) {
            return None;
        }
        for (at, command) in list.iter().enumerate() {
            if let Some(command) = command.and_then(|command| self.commands.get_mut(command)) {
                command.is_strict = stops && is_last(at);
            }
        }
        Some(())
    }

    /// Adds one command, or follows it where it is `cd` or `set`.
    fn command(&mut self, words: Vec<Word>, place: Range<usize>, lexer: &mut Lexer<'_>) -> Option<()> {
        let has_brackets = std::mem::take(&mut lexer.has_brackets);
        let mut env = lexer.env.clone();
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
                [target] if !target.starts_with(['-', '~']) && !target.is_empty() => {
                    self.folder = join(&self.folder, target);
                    self.moved = Some(self.list.len());
                    self.list.push(None);
                }
                _ => return None,
            },
            // What is exported at the beginning holds for all that follows.
            Some("export") if words.len() > 1 => {
                for word in &words[1..] {
                    let (name, value) = assignment(word)?;
                    lexer.env.insert(name, value);
                }
                self.list.push(None);
            }
            Some("set") => {
                self.options.extend(options(&words[1..])?);
                self.list.push(None);
            }
            Some("printf") if words.get(1).is_some_and(|word| word.starts_with("-v")) => return None,
            Some(word) if OF_THE_SHELL.contains(&word) => return None,
            Some(_) => {
                self.list.push(Some(self.commands.len()));
                let (folder, options) = (self.folder.clone(), self.options.clone());
                self.commands.push(Invocation { words, folder, env, has_brackets, options, is_strict: true, place });
            }
        }
        Some(())
    }
}

/// Words that do more than run a program with the words behind them.
const OF_THE_SHELL: &[&str] = &[
    ".",
    "source",
    "eval",
    "exec",
    "export",
    "alias",
    "if",
    "for",
    "while",
    "until",
    "case",
    "function",
    "{",
    "!",
    "[[",
    "trap",
    "exit",
    "return",
    "unset",
    "readonly",
    "shopt",
    "pushd",
    "popd",
    "wait",
    "umask",
    "ulimit",
    "command",
    "builtin",
    "declare",
    "typeset",
    "local",
    "let",
    "read",
    "mapfile",
    "readarray",
    "getopts",
    "enable",
    "hash",
    "disown",
    "jobs",
    "printf",
];

/// What `set` switches on; `None` where it does something else.
fn options(words: &[String]) -> Option<Vec<String>> {
    let mut options = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let letters = word.strip_prefix('-').filter(|letters| !letters.is_empty())?;
        for letter in letters.chars() {
            match letter {
                'e' | 'u' | 'x' | 'v' => options.push(letter.to_string()),
                'o' => match words.next()?.as_str() {
                    "errexit" => options.push("e".to_owned()),
                    name @ ("pipefail" | "nounset" | "xtrace" | "verbose") => options.push(name.to_owned()),
                    _ => return None,
                },
                _ => return None,
            }
        }
    }
    (!options.is_empty()).then_some(options)
}

#[cfg(test)]
mod tests {
    use super::{Reader, read};
    use crate::graph::exec::{Exec, Variable};

    fn words(text: &str) -> Option<Vec<String>> {
        let env = [("ENV".to_owned(), "prod".to_owned()), ("TWO".to_owned(), "a b".to_owned())];
        let script = Reader::new("/app".to_owned(), false).read(text, env.into());
        let told = |one: &super::Invocation| {
            let mark = if one.is_strict { "" } else { "?" };
            format!("{}: {}{mark}", one.folder, one.words.join("|"))
        };
        script.is_whole.then(|| script.commands.iter().map(told).collect())
    }

    #[test]
    fn chains_of_plain_commands_are_read() {
        let cases: [(&str, &[&str]); 17] = [
            ("npm ci", &["/app: npm|ci"]),
            ("npm ci    # a comment && more", &["/app: npm|ci"]),
            ("cd web && npm ci; ", &["/app/web: npm|ci"]),
            ("A=1 npm ci --omit='dev' \"x y\"", &["/app: npm|ci|--omit=dev|x y"]),
            ("a &&b&& c", &["/app: a", "/app: b", "/app: c"]),
            ("mix deps.get --only $ENV", &["/app: mix|deps.get|--only|prod"]),
            ("echo \"${ENV}\"", &["/app: echo|prod"]),
            ("a; b", &["/app: a?", "/app: b"]),
            ("a\n# more\nb && c\n", &["/app: a?", "/app: b", "/app: c"]),
            ("set -eux;   a;  b", &["/app: a", "/app: b"]),
            ("set -e\na && b\nc", &["/app: a?", "/app: b", "/app: c"]),
            ("set -euo pipefail; cd web; a", &["/app/web: a"]),
            ("a && \\\n  b \\\n  c", &["/app: a", "/app: b|c"]),
            ("a &&\n b", &["/app: a", "/app: b"]),
            ("cd web && a && b", &["/app/web: a", "/app/web: b"]),
            ("export ENV=dev A='x' && echo $ENV$A", &["/app: echo|devx"]),
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
            "cd web; a",
            "set -e; cd web && a; b",
            "set +e; a",
            "set -f; a",
            "a ;; b",
            "a &",
            "a > f",
            "$(a)",
            "`a`",
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
            "A=~/x a",
            "export",
            "export A",
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
