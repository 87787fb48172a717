//! What makes two checkouts one project: the canonical path of the context, and where it lies in a git
//! repository the address of `origin` with the path inside. The repository's own files are read; no `git`
//! program runs. Passwords in an address are left out. What cannot be read makes no identity.

use std::fs;
use std::path::{Path, PathBuf};

use planner::history::ProjectId;

/// The identity of the project whose context is the folder `root` (canonical).
pub(super) fn identify(root: &Path) -> ProjectId {
    ProjectId { context: root.to_string_lossy().into_owned(), repository: repository(root) }
}

/// The top folder of the repository that the folder `dir` (canonical) lies in.
pub(super) fn top(dir: &Path) -> Option<&Path> {
    dir.ancestors().find(|dir| dir.join(".git").exists())
}

/// `ADDRESS#PATH`, the path empty at the top of the repository.
fn repository(root: &Path) -> Option<String> {
    let top = top(root)?;
    let config = fs::read_to_string(git_dir(top)?.join("config")).ok()?;
    let address = origin(&config)?;
    let inside = root.strip_prefix(top).ok()?.to_string_lossy();
    Some(format!("{}#{inside}", without_user(&address)))
}

/// The folder that holds the repository's configuration. In a linked worktree `.git` is a file that names a
/// folder, whose file `commondir` names the repository's.
fn git_dir(top: &Path) -> Option<PathBuf> {
    let dot_git = top.join(".git");
    if dot_git.is_dir() {
        return Some(dot_git);
    }
    let pointer = fs::read_to_string(&dot_git).ok()?;
    let dir = top.join(pointer.strip_prefix("gitdir:")?.trim());
    match fs::read_to_string(dir.join("commondir")) {
        Ok(common) => Some(dir.join(common.trim())),
        Err(_) => Some(dir),
    }
}

/// The first `url` of `[remote "origin"]`.
fn origin(config: &str) -> Option<String> {
    let mut in_origin = false;
    for line in config.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.split(']').next().unwrap_or_default();
            let (kind, name) = section.split_once(char::is_whitespace).unwrap_or((section, ""));
            in_origin = kind.eq_ignore_ascii_case("remote") && name.trim() == "\"origin\"";
        } else if in_origin
            && let Some((key, value)) = line.split_once('=')
            && key.trim().eq_ignore_ascii_case("url")
        {
            return Some(unquote(value.trim()));
        }
    }
    None
}

/// A value without its comment, quotes and backslashes.
fn unquote(value: &str) -> String {
    let mut text = String::new();
    let mut quoted = false;
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            '\\' => text.extend(characters.next()),
            '#' | ';' if !quoted => break,
            _ => text.push(character),
        }
    }
    text.trim_end().to_owned()
}

/// `https://user:password@host/path` without the user, who is not part of the repository.
fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", &rest[host..])
}

#[cfg(test)]
mod tests {
    use std::fs;

    #[test]
    fn the_address_of_origin_is_found() {
        let cases = [
            ("[remote \"origin\"]\n\turl = https://example.com/a.git\n", Some("https://example.com/a.git")),
            ("[core]\nurl = no\n[Remote \"origin\"]\n  URL=\"git@h:a b\" ; c\n", Some("git@h:a b")),
            ("[remote \"fork\"]\nurl = x\n", None),
            ("[remote \"origin\"]\n[branch \"main\"]\nurl = x\n", None),
        ];
        for (config, address) in cases {
            assert_eq!(super::origin(config).as_deref(), address, "{config}");
        }
        assert_eq!(super::without_user("https://u:p@h:1/a@b"), "https://h:1/a@b");
        assert_eq!(super::without_user("git@h:a"), "git@h:a");
    }

    #[test]
    fn a_linked_worktree_belongs_to_its_repository() {
        let dir = tempfile::tempdir().unwrap();
        let main = dir.path().join("main/.git");
        let linked = main.join("worktrees/w");
        fs::create_dir_all(&linked).unwrap();
        fs::write(main.join("config"), "[remote \"origin\"]\nurl = https://u:p@h/r\n").unwrap();
        fs::write(linked.join("commondir"), "../..\n").unwrap();
        let inside = dir.path().join("w/app");
        fs::create_dir_all(&inside).unwrap();
        fs::write(dir.path().join("w/.git"), format!("gitdir: {}\n", linked.display())).unwrap();
        assert_eq!(super::repository(&inside).as_deref(), Some("https://h/r#app"));
        assert_eq!(super::repository(&dir.path().join("main")).as_deref(), Some("https://h/r#"));
        assert_eq!(super::repository(dir.path()), None);
    }
}
