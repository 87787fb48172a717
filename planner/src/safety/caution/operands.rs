//! Commands whose operands may be files: packages that are installed by name, unless the name is one of a file; commands that
//! change what later ones read; commands that make users. In go words, out come clauses.

/// Programs that install packages by name.
const OF_THE_SYSTEM: &[&str] = &["apt", "apt-get", "apk", "yum", "dnf", "microdnf", "tdnf", "zypper", "pacman"];
/// What they are asked for when they install, and what takes no file.
const VERBS: &[&str] = &[
    "install",
    "add",
    "update",
    "upgrade",
    "clean",
    "autoremove",
    "autoclean",
    "del",
    "remove",
    "purge",
    "makecache",
    "in",
];
/// Options that take no file, with or without a value behind `=`.
const OPTIONS: &[&str] = &[
    "-y",
    "--yes",
    "-q",
    "-qq",
    "-yq",
    "-yqq",
    "-qy",
    "-qqy",
    "--quiet",
    "--no-install-recommends",
    "--no-install-suggests",
    "--no-cache",
    "--update",
    "-U",
    "-u",
    "--update-cache",
    "-g",
    "--global",
    "--no-audit",
    "--no-fund",
    "--no-cache-dir",
    "--locked",
    "--force",
    "-f",
    "--no-progress",
    "--allow-downgrades",
    "--fix-missing",
    "--no-document",
    "-N",
    "--disable-pip-version-check",
    "--upgrade",
    "--no-update-notifier",
    "--loglevel",
    "--no-cache-purge",
    "--setopt",
    "--nodocs",
    "--virtual",
    "-t",
    "--break-system-packages",
    "--root-user-action",
    "--non-interactive",
    "--no-interaction",
    "--production",
    "--no-optional",
    "--unsafe-perm",
    "--assume-yes",
    "--allow-unauthenticated",
    "--no-deps",
    "--prefer-binary",
    "--only-binary",
];
/// Endings of files that hold a package.
const ARCHIVES: &[&str] = &[".whl", ".tgz", ".tar", ".zip", ".rpm", ".deb", ".apk", ".gem", ".crate", ".txt", ".json"];

/// The commands of a `RUN` as words, quotes taken away. Where that cannot be told from the text, more commands come out
/// than there are.
pub(super) fn commands(args: &[String]) -> Vec<Vec<String>> {
    let text = args.join(" ");
    let marks = |letter: char| matches!(letter, ';' | '\n' | '|' | '&' | '(' | ')');
    let words = |command: &str| -> Vec<String> {
        let plain = command.split_whitespace().map(|word| word.replace(['"', '\'', '\\'], ""));
        plain
            .filter(|word| !word.is_empty() && !matches!(word.as_str(), "/bin/sh" | "sh" | "-c" | "/bin/bash" | "bash"))
            .collect()
    };
    text.split(marks).map(words).filter(|words| !words.is_empty()).collect()
}

/// The assignments in front of a command.
pub(super) fn assignments(words: &[String]) -> Vec<(String, String)> {
    let before = words.iter().map_while(|word| word.split_once('='));
    let exported = words.iter().skip_while(|word| *word != "export").skip(1).filter_map(|word| word.split_once('='));
    before.chain(exported).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The program and what stands behind it.
fn invocation(words: &[String]) -> Option<(&str, &[String])> {
    const IN_FRONT: &[&str] = &["sudo", "env", "exec", "time", "export"];
    let is_in_front = |word: &&String| word.contains('=') || IN_FRONT.contains(&word.as_str());
    let start = words.iter().take_while(is_in_front).count();
    let program = words.get(start)?;
    Some((program.rsplit('/').next().unwrap_or(program), &words[start + 1..]))
}

/// Why a command may read more of a project than its name says.
pub(super) fn argue(words: &[String], doubts: &mut Vec<String>) {
    let Some((program, rest)) = invocation(words) else { return };
    let shown = || format!("{program} {}", rest.first().map(String::as_str).unwrap_or_default());
    if changes_settings(program, rest) {
        doubts.push(format!("`{}` may change what later commands read", shown().trim()));
        return;
    }
    if words.iter().any(|word| word.contains("file:")) {
        doubts.push(format!("`{}` is given the address of a file", shown().trim()));
    }
    if makes_users(words) && rest.iter().any(|word| ["-d", "-h", "--home"].iter().any(|home| word.starts_with(home))) {
        doubts.push(format!("`{}` may make a folder that is copied to", shown().trim()));
    }
    let is_option = |word: &&String| word.starts_with('-');
    let is_global =
        rest.iter().any(|word| matches!(word.as_str(), "-g" | "--global" | "global") || word.contains("location"));
    let is_by_name = match program {
        _ if OF_THE_SYSTEM.contains(&program) => true,
        "npm" | "pnpm" | "yarn" | "bun" => is_global,
        "gem" => true,
        "cargo" => rest.first().is_some_and(|verb| verb == "install"),
        "pip" | "pip3" | "pipx" => {
            rest.first().is_some_and(|verb| verb == "install") && !rest.iter().any(|word| is_requirements(word))
        }
        _ => false,
    };
    if !is_by_name {
        return;
    }
    let mut operands = rest.iter().filter(|word| !is_option(word) && *word != "global");
    let verb = operands.next().map(String::as_str).unwrap_or_default();
    // What packages are called together is no package.
    let is_name_of_all = |name: &&String| {
        let before =
            rest.iter().zip(rest.iter().skip(1)).find(|(_, word)| std::ptr::eq(*word, *name)).map(|(one, _)| one);
        program == "apk" && before.is_some_and(|option| ["-t", "--virtual"].contains(&option.as_str()))
    };
    let names: Vec<&String> = operands.filter(|name| !is_name_of_all(name)).collect();
    let is_known_verb = VERBS.contains(&verb) || matches!((program, verb), ("npm" | "pnpm" | "bun", "i"));
    let installs = matches!(verb, "install" | "add" | "i" | "in");
    let option = rest.iter().filter(is_option).find(|word| {
        let name = word.split('=').next().unwrap_or(word);
        !OPTIONS.contains(&name) || (program == "gem" && name == "-g")
    });
    if !is_known_verb {
        doubts.push(format!("nobody knows what `{}` reads", shown().trim()));
    } else if let Some(option) = option {
        doubts.push(format!("`{option}` of `{}` may name a file", shown().trim()));
    } else if let Some(name) = names.iter().find(|name| !is_name(name)) {
        doubts.push(format!("`{name}` may be a file of the project"));
    } else if installs && names.is_empty() {
        doubts.push(format!("`{}` installs what the folder holds", shown().trim()));
    }
}

fn is_requirements(word: &str) -> bool {
    word.starts_with("-r") || word.starts_with("--requirement")
}

/// Whether a word is a name that a registry knows, with its version.
fn is_name(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let is_scoped = word.starts_with('@') && word.matches('/').count() == 1;
    !word.is_empty()
        && !word.starts_with(['.', '/', '~', '$'])
        && (is_scoped || !word.contains('/'))
        && !word.contains("://")
        && !word.starts_with("file:")
        && !ARCHIVES.iter().any(|ending| lower.contains(ending))
}

/// Whether a command is one that sets what other commands go by.
fn changes_settings(program: &str, rest: &[String]) -> bool {
    let has = |word: &str| rest.iter().take(3).any(|one| one == word);
    match program {
        "corepack" => {
            !rest.iter().any(|word| matches!(word.as_str(), "enable" | "disable"))
                && !rest.iter().any(|word| word.contains('@'))
        }
        "go" => has("env"),
        "npm" | "pnpm" | "yarn" | "bun" | "pip" | "pip3" | "poetry" | "bundle" | "composer" | "cargo" | "git" => {
            has("config") || has("self") || (has("set") && program != "git")
        }
        _ => false,
    }
}

/// Whether a command makes or changes users or groups.
pub(super) fn makes_users(words: &[String]) -> bool {
    const OF_USERS: &[&str] = &[
        "useradd", "adduser", "usermod", "userdel", "deluser", "groupadd", "addgroup", "groupmod", "groupdel",
        "delgroup",
    ];
    invocation(words).is_some_and(|(program, _)| OF_USERS.contains(&program))
}

/// Whether a command fetches the newest of something.
pub(super) fn fetches_anew(words: &[String]) -> bool {
    invocation(words).is_some_and(|(_, rest)| {
        rest.iter().any(|word| matches!(word.as_str(), "upgrade" | "dist-upgrade" | "full-upgrade"))
    })
}

#[cfg(test)]
mod tests {
    use super::{argue, commands};

    fn doubts(text: &str) -> usize {
        let mut doubts = Vec::new();
        commands(&["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()])
            .iter()
            .for_each(|words| argue(words, &mut doubts));
        doubts.len()
    }

    #[test]
    fn packages_by_name_are_no_files() {
        let plain = [
            "npm ci",
            "npm install -g pnpm@9",
            "npm i -g @scope/tool",
            "apt-get update && apt-get install -y git curl",
            "apk add --no-cache libc6-compat",
            "pip install --no-cache-dir -r requirements.txt",
            "pip install flask==3.0",
            "apk add --no-cache --virtual .build-deps gcc && apk add -t .x git",
            "corepack enable",
            "corepack prepare pnpm@9 --activate",
            "gem install bundler",
            "cargo install ripgrep --locked",
            "go mod download",
            "yarn global add typescript",
        ];
        plain.iter().for_each(|text| assert_eq!(doubts(text), 0, "{text}"));
        let doubtful = [
            "npm install -g .",
            "npm install -g ./cli",
            "npm i -g tool.tgz && npm ci",
            "npm install -g",
            "npm install --location=global ./cli",
            "yarn global add file:./cli",
            "cargo install --path=.",
            "cargo install",
            "cargo install --git file:///app/x",
            "pip install foo-1.0.whl[extra]",
            "pip install .",
            "apk add --allow-untrusted foo.apk",
            "yum install -y foo.rpm",
            "yum localinstall -y foo.rpm",
            "apt-get build-dep -y .",
            "apk add --keys-dir keys git",
            "apk add --virtual .deps ./x",
            "gem install --file Gemfile",
            "gem install -g",
            "corepack prepare --activate",
            "corepack install",
            "poetry self add ./plugins/x",
            "npm config set cafile /app/ca.pem",
            "pip config set global.cert /app/ca.pem",
            "go env -w GOFLAGS=-modfile=tools.mod",
            "bundle config set gemfile Gemfile.ci",
            "yarn config set nodeLinker node-modules",
            "pip install -r requirements.txt --index-url file:///app/idx",
            "useradd -m --home-dir=/app app",
            "adduser -D -h/app app",
        ];
        doubtful.iter().for_each(|text| assert!(doubts(text) > 0, "{text}"));
    }
}
