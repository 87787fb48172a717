//! The history of a branch as a machine that follows it sees it: of every commit on the line of first parents what it
//! changed, and what a commit holds. Two processes of git tell all of it, whatever the number of commits and files; no
//! file's content is read. In go a repository and paths, out come values. What is not of the form that git documents
//! is refused.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use planner::context::ContextPath;

use super::output::{self, Tracked};
use super::{GitError, Repository, run, unexpected};

/// A commit and what it changed of its first parent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Logged {
    /// Its whole name in hexadecimal.
    pub(crate) id: String,
    /// When it was committed, in seconds since 1970.
    pub(crate) committed_at: i64,
    /// The name of its first parent; `None` for the first commit of a history, or of what a shallow clone has of it.
    pub(crate) parent: Option<String>,
    /// The first line of its message.
    pub(crate) subject: String,
    /// The paths it changed, and what stands there now.
    pub(crate) changes: Vec<(ContextPath, Option<Tracked>)>,
}

impl Repository {
    /// The last `n_commits` commits on the line of first parents of HEAD that changed something at or below the paths
    /// of `scope`, oldest first.
    pub(crate) fn log(&self, n_commits: usize, scope: &[ContextPath]) -> Result<Vec<Logged>, GitError> {
        let most = format!("--max-count={n_commits}");
        let words = [
            "--first-parent",
            "-m",
            "--raw",
            "-z",
            "--no-renames",
            "--no-abbrev",
            "--ignore-submodules=none",
            "--no-relative",
            "--no-show-signature",
            "--encoding=UTF-8",
            "--format=tformat:%H %ct %P%x00%s",
            &most,
            "HEAD",
        ];
        let listed = run(&self.top, "log", with_paths(&words, scope))?;
        let mut commits = commits(&listed).ok_or_else(|| unexpected("log"))?;
        commits.reverse();
        Ok(commits)
    }

    /// What a commit holds at or below the paths of `scope`, folders apart.
    pub(crate) fn files(&self, commit: &str, scope: &[ContextPath]) -> Result<Vec<(ContextPath, Tracked)>, GitError> {
        let words = ["-r", "-z", "--full-tree", commit];
        let scope = if scope.iter().any(ContextPath::is_root) { &[] } else { scope };
        let listed = run(&self.top, "ls-tree", with_paths(&words, scope))?;
        output::tree_entries(&listed).ok_or_else(|| unexpected("ls-tree"))
    }

    /// Whether older commits are left out of this clone.
    pub(crate) fn is_shallow(&self) -> bool {
        let answer = run(&self.top, "rev-parse", ["--is-shallow-repository"]);
        answer.is_ok_and(|answer| answer.trim_ascii() == b"true")
    }

    /// Whether there is any commit to go back from.
    pub(crate) fn has_commits(&self) -> bool {
        run(&self.top, "rev-parse", ["--verify", "--quiet", "HEAD^{commit}"]).is_ok()
    }
}

/// The words, then the paths of `scope`.
fn with_paths(words: &[&str], scope: &[ContextPath]) -> Vec<OsString> {
    let words = words.iter().map(OsString::from).chain([OsString::from("--")]);
    // The whole repository is a path, too: commits that change nothing are left out then.
    let whole = |path: &ContextPath| if path.is_root() { b".".to_vec() } else { path.as_bytes().to_vec() };
    words.chain(scope.iter().map(|path| OsStr::from_bytes(&whole(path)).to_owned())).collect()
}

/// `id time parents NUL subject NUL`, then the raw diff, `:mode mode id id status NUL path NUL` for each path, the first
/// with a line end in front.
fn commits(bytes: &[u8]) -> Option<Vec<Logged>> {
    let mut commits = Vec::new();
    let mut records = bytes.split(|byte| *byte == 0).peekable();
    while let Some(head) = records.next().filter(|head| !head.is_empty()) {
        let head = std::str::from_utf8(head).ok()?;
        let mut fields = head.split(' ').filter(|field| !field.is_empty());
        let (id, committed_at) = (fields.next()?.to_owned(), fields.next()?.parse().ok()?);
        let parent = fields.next().map(str::to_owned);
        let subject = String::from_utf8_lossy(records.next()?).into_owned();
        let mut changes = Vec::new();
        let raw = |record: &&[u8]| record.strip_prefix(b"\n").unwrap_or(record).first() == Some(&b':');
        while let Some(change) = records.next_if(raw) {
            let (_, now) = output::raw_change(change.strip_prefix(b"\n").unwrap_or(change))?;
            changes.push((ContextPath::new(records.next()?), now));
        }
        commits.push(Logged { id, committed_at, parent, subject, changes });
    }
    Some(commits)
}

#[cfg(test)]
mod tests {
    use planner::context::ContextPath;

    use super::{Tracked, commits};

    #[test]
    fn a_log_is_read_whatever_messages_and_names_hold() {
        let log =
            b"aa 17 bb cc\0:100644 is a subject\0\n:100644 100755 11 22 M\0a b\0:100644 000000 11 00 D\0new\nline\0\
            bb 16 \0\0\n:000000 160000 00 33 A\0:odd\0dd 15 ee\0no change\0";
        let read = commits(log).unwrap();
        let tracked = |mode, id: &str| Some(Tracked { mode, id: id.to_owned() });
        assert_eq!((read[0].id.as_str(), read[0].committed_at, read[0].parent.as_deref()), ("aa", 17, Some("bb")));
        assert_eq!(read[0].subject, ":100644 is a subject");
        let changes = [(ContextPath::new("a b"), tracked(0o100_755, "22")), (ContextPath::new("new\nline"), None)];
        assert_eq!(read[0].changes, changes);
        assert_eq!((read[1].parent.as_deref(), read[1].subject.as_str()), (None, ""));
        assert_eq!(read[1].changes, [(ContextPath::new(":odd"), tracked(0o160_000, "33"))]);
        assert_eq!((read[2].id.as_str(), read[2].changes.len()), ("dd", 0));
        assert_eq!(commits(b"").unwrap(), []);
    }

    #[test]
    fn what_git_does_not_print_is_refused() {
        for log in [&b"aa"[..], b"aa x\0s\0", b"aa 17 bb\0s\0\n:100644 100755 11\0a\0", b"aa 17 bb"] {
            assert_eq!(commits(log), None);
        }
    }
}
