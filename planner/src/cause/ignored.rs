//! What an edit of the ignore file let in or left out, told from what came and went by itself. In go the causes of
//! one selection and both texts of the ignore file; the causes that the edit led to are marked. Contexts are not
//! looked at: rules are asked, so a file that came while its rule went counts as let in.

use super::{Cause, CauseKind};
use crate::context::ContextPath;
use crate::ignorefile::Ignorefile;

/// The `detail` of a file cause that an edit of the ignore file led to, and of a source that the file leaves out.
pub const IGNOREFILE: &str = "ignorefile";

/// Marks the causes that going from the ignore file `old` to `new` led to; whether there are any.
pub fn mark(causes: &mut [Cause], old: &str, new: &str) -> bool {
    let (old, new) = (Ignorefile::parse(old.as_bytes()).0, Ignorefile::parse(new.as_bytes()).0);
    let mut any = false;
    for cause in causes {
        let rules = match cause.kind {
            CauseKind::FileAdded => &old,
            CauseKind::FileRemoved => &new,
            _ => continue,
        };
        if cause.path.as_ref().is_some_and(|path| deciding_rule(rules, path).is_some()) {
            cause.detail = Some(IGNOREFILE.to_owned());
            any = true;
        }
    }
    any
}

/// The rule of an ignore file that leaves a path out, as written.
#[must_use]
pub fn leaving_out(text: &str, path: &ContextPath) -> Option<String> {
    deciding_rule(&Ignorefile::parse(text.as_bytes()).0, path)
}

/// Asks from the root down, as a walk would: what lies in a folder that is left out and not entered is left out.
fn deciding_rule(rules: &Ignorefile, path: &ContextPath) -> Option<String> {
    let mut state = rules.root();
    let mut rule = None;
    let mut reached = ContextPath::root();
    for component in path.components() {
        reached = reached.join(component);
        let (decision, own) = rules.decide(&state, reached.as_bytes()).ok()?;
        rule = match decision {
            crate::ignorefile::Decision::Ignored(rule) => Some(rule.written.clone()),
            crate::ignorefile::Decision::Kept(_) => None,
        };
        if rule.is_some() && rules.can_skip(reached.as_bytes()) {
            break;
        }
        state = own;
    }
    rule
}

#[cfg(test)]
mod tests {
    use super::{IGNOREFILE, leaving_out, mark};
    use crate::cause::{Cause, CauseKind};
    use crate::context::ContextPath;

    #[test]
    fn only_what_the_rules_let_in_or_left_out_is_marked() {
        let cause = |kind, path: &str| Cause::of(kind).about(ContextPath::new(path), None);
        let mut causes = [
            cause(CauseKind::FileAdded, "docs/a.md"),
            cause(CauseKind::FileAdded, "src/new.ts"),
            cause(CauseKind::FileRemoved, "logs/today"),
            cause(CauseKind::FileRemoved, "src/old.ts"),
            cause(CauseKind::FileModified, "docs/b.md"),
        ];
        assert!(mark(&mut causes, "docs\n", "logs\n"));
        let marked: Vec<bool> = causes.iter().map(|cause| cause.detail.as_deref() == Some(IGNOREFILE)).collect();
        assert_eq!(marked, [true, false, true, false, false]);
        assert!(!mark(&mut causes[1..2], "docs\n", ""));
    }

    #[test]
    fn the_rule_that_decides_is_named_as_written() {
        let rule = |text: &str, path: &str| leaving_out(text, &ContextPath::new(path));
        assert_eq!(rule("*.log\n/dist/\n", "dist/app.js").as_deref(), Some("/dist/"));
        assert_eq!(rule("dist\n!dist/app.js\n", "dist/app.js"), None);
        assert_eq!(rule("dist\n!dist/app.js\n", "dist/other.js").as_deref(), Some("dist"));
        assert_eq!(rule("", "dist"), None);
    }
}
