//! Files that editors keep for themselves beside what they edit. In go names, out comes whether one is such a file. A build
//! that copies the folder holds them like any other, but nobody saved them. Pure.

/// Whether a path, or the last part of one, is that of an editor's own file: a swap file or a backup of vim, its probe whether
/// a folder can be written to, a lock or a backup of Emacs, and what JetBrains' editors, gedit and Kate write before they
/// rename it.
pub(super) fn is_of_an_editor(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_swap = |name: &str| {
        let end = name.rsplit_once('.').map(|(_, end)| end.as_bytes());
        matches!(end, Some([b's', b'w', b'a'..=b'z']))
    };
    let is_hidden = name.starts_with('.');
    is_hidden && is_swap(name)
        || name.ends_with('~')
        || name == "4913"
        || name.starts_with(".#")
        || name.len() > 2 && name.starts_with('#') && name.ends_with('#')
        || name.ends_with("___jb_tmp___")
        || name.ends_with("___jb_old___")
        || name.starts_with(".goutputstream-")
        || is_hidden && name.ends_with(".kate-swp")
}

#[cfg(test)]
mod tests {
    use super::is_of_an_editor;

    #[test]
    fn the_files_of_editors_are_known_by_their_names() {
        let own = [
            "src/.a.c.swp",
            ".swp",
            ".swo",
            ".a.c.swx",
            "src/a.c~",
            "4913",
            ".#a.c",
            "#a.c#",
            "a.ts___jb_tmp___",
            "a.ts___jb_old___",
            ".goutputstream-X2JK12",
            ".a.c.kate-swp",
        ];
        own.iter().for_each(|name| assert!(is_of_an_editor(name), "{name}"));
        let others = ["a.c", "a.swp", ".swift", ".a.swift", "4913.c", "#", "##", "~/a", "src", ".env", "a#", "x.swc"];
        others.iter().for_each(|name| assert!(!is_of_an_editor(name), "{name}"));
    }
}
