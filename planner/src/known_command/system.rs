//! Commands that set a system up: packages of the distribution, users, caches. In goes a command, out comes an
//! [`Effect`] that reads nothing of the project, or nothing where that cannot be said.

use super::compiler::is_compiler;
use super::effect::{Effect, Kind, join};
use super::shell::Invocation;

/// Folders of the system that hold what can be thrown away.
const THROWN_AWAY: &[&str] =
    &["/var/lib/apt/", "/var/cache/", "/tmp/", "/var/tmp/", "/root/.cache", "/root/.npm", "/var/log/"];

/// Signs of packages that are web servers or bring one along: these put a first page into the folders of pages, some only
/// where there is none yet.
const SERVERS: &[&str] =
    &["nginx", "apache", "httpd", "lighttpd", "php", "caddy", "cgi", "wordpress", "drupal", "mediawiki", "web"];
/// Folders of pages.
const OF_SERVERS: &[&str] = &["var/www", "srv"];

/// What such a command does; `None` if it is none of them.
#[must_use]
pub(super) fn effect(invocation: &Invocation) -> Option<Effect> {
    let folder = invocation.folder.as_str();
    let program = invocation.program();
    let words: Vec<&str> = invocation.arguments().iter().map(String::as_str).collect();
    let plain: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with('-')).collect();
    let setup = || Some(Effect::new(Kind::Setup, program, folder));
    match program {
        "apt-get" | "apt" | "apk" | "dnf" | "yum" | "microdnf" | "zypper" | "tdnf" => {
            let verb = plain.first().copied().unwrap_or_default();
            // A package may be a file, and an option may name one.
            let names_file = |word: &&str| word.contains('/') && !word.starts_with("http");
            if words.iter().any(names_file) {
                return None;
            }
            let is_install =
                ["install", "add", "update", "upgrade", "dist-upgrade", "makecache", "groupinstall"].contains(&verb);
            let kind = if is_install { Kind::Packages } else { Kind::Setup };
            let mut effect = Effect::new(kind, format!("{program} {verb}"), folder);
            if is_install && plain.iter().skip(1).any(|name| SERVERS.iter().any(|server| name.contains(server))) {
                effect.reads.add_folders("/", OF_SERVERS.iter().copied());
                effect.writes.add_folders("/", OF_SERVERS.iter().copied());
            }
            Some(effect)
        }
        "adduser" | "addgroup" | "useradd" | "groupadd" | "usermod" => {
            // A home may be made, or taken over, where the project lies.
            let named = words.iter().filter(|word| word.starts_with('/'));
            let mut effect = Effect::new(Kind::Setup, program, folder);
            effect.writes.folders.extend(named.map(|path| join("/", path)));
            effect.writes.folders.insert("/home".to_owned());
            Some(effect)
        }
        "rm" if !plain.is_empty() && plain.iter().all(|path| is_thrown_away(path)) => setup(),
        "set"
            if words.iter().all(|word| ["-e", "-x", "-u", "-ex", "-eux", "-exu", "-o", "pipefail"].contains(word)) =>
        {
            setup()
        }
        "true" | ":" | "echo" | "update-ca-certificates" | "ldconfig" | "locale-gen" => setup(),
        "mkdir" if !plain.is_empty() => {
            let mut effect = Effect::new(Kind::Setup, program, folder);
            effect.writes.folders.extend(plain.iter().map(|path| join(folder, path)));
            Some(effect)
        }
        "npx" | "bunx" | "tsc" | "esbuild" | "webpack" | "vite" | "rollup" => {
            let words: Vec<&str> = std::iter::once(program).chain(words).collect();
            let name = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
            let keeps_manifests = is_compiler(&words);
            Some(Effect { keeps_manifests, ..Effect::unbounded(Kind::Build, name, folder) })
        }
        _ => None,
    }
}

fn is_thrown_away(path: &str) -> bool {
    !path.contains("..") && THROWN_AWAY.iter().any(|folder| path.starts_with(folder))
}
