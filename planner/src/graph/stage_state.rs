//! What a stage carries from instruction to instruction: the file system so far, the environment, the
//! working folder, the user and the shell.

use super::VertexId;
use super::exec::Variable;
use crate::image::ImageConfig;

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The state of a stage at one place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StageState {
    /// The vertex whose file system the next step continues; `None` for an empty one.
    pub vertex: Option<VertexId>,
    /// The environment, in the order of the last assignments.
    pub env: Vec<Variable>,
    /// The working folder, as BuildKit keeps it: absolute, not cleaned.
    pub workdir: String,
    /// The user, as written; empty for the default.
    pub user: String,
    /// The shell of shell-form instructions.
    pub shell: Vec<String>,
    /// The platform of the stage.
    pub platform: String,
}

impl StageState {
    /// The state a stage starts with on an image.
    #[must_use]
    pub fn on_image(vertex: Option<VertexId>, image: &ImageConfig, platform: &str) -> Self {
        let mut state = Self {
            vertex,
            env: Vec::new(),
            workdir: "/".to_owned(),
            user: image.user.clone(),
            shell: vec!["/bin/sh".to_owned(), "-c".to_owned()],
            platform: platform.to_owned(),
        };
        for (name, value) in &image.env {
            state.set(name, value, false);
        }
        if state.variable("PATH").is_none() {
            state.set("PATH", DEFAULT_PATH, false);
        }
        if !image.workdir.is_empty() {
            state.change_workdir(&image.workdir);
        }
        if !image.shell.is_empty() {
            state.shell.clone_from(&image.shell);
        }
        state
    }

    /// The value of a variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.env.iter().find(|variable| variable.name == name).map(|variable| variable.value.as_str())
    }

    /// Assigns a variable; it moves to the end of the environment, as in BuildKit.
    pub fn set(&mut self, name: &str, value: &str, from_arg: bool) {
        self.env.retain(|variable| variable.name != name);
        self.env.push(Variable { name: name.to_owned(), value: value.to_owned(), from_arg });
    }

    /// Follows a `WORKDIR`: an absolute path is kept as written, a relative one is joined and cleaned.
    pub fn change_workdir(&mut self, path: &str) {
        self.workdir = if path.starts_with('/') { path.to_owned() } else { clean(&format!("{}/{path}", self.workdir)) };
    }

    /// The absolute destination of a copy: cleaned, with the trailing `/` or `/.` that means "into this folder".
    #[must_use]
    pub fn destination(&self, path: &str) -> String {
        let path = if path.is_empty() || path == "." { "./" } else { path };
        let absolute = if path.starts_with('/') { clean(path) } else { clean(&format!("{}/{path}", self.workdir)) };
        let ending = if path.ends_with("/.") {
            "/."
        } else if path.ends_with('/') {
            "/"
        } else {
            ""
        };
        if absolute == "/" { format!("/{}", ending.trim_start_matches('/')) } else { absolute + ending }
    }
}

/// Cleans an absolute path lexically; `..` is clamped at the root.
#[must_use]
pub fn clean(path: &str) -> String {
    let mut cleaned = String::with_capacity(path.len() + 1);
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => cleaned.truncate(cleaned.rfind('/').unwrap_or(0)),
            name => {
                cleaned.push('/');
                cleaned.push_str(name);
            }
        }
    }
    if cleaned.is_empty() { "/".to_owned() } else { cleaned }
}

#[cfg(test)]
mod tests {
    use super::StageState;
    use crate::image::ImageConfig;

    #[test]
    fn a_destination_keeps_the_slash_that_means_into_this_folder() {
        let mut state = StageState::on_image(None, &ImageConfig::default(), "linux/amd64");
        state.change_workdir("/app");
        let cases = [
            (".", "/app/"),
            ("./", "/app/"),
            ("", "/app/"),
            ("./f", "/app/f"),
            ("/x", "/x"),
            ("/x/", "/x/"),
            ("/x/.", "/x/."),
            ("/.", "/."),
            ("../y", "/y"),
            ("/", "/"),
        ];
        for (written, absolute) in cases {
            assert_eq!(state.destination(written), absolute, "{written}");
        }
    }

    #[test]
    fn an_absolute_workdir_is_kept_as_written_and_a_relative_one_is_cleaned() {
        let mut state = StageState::on_image(None, &ImageConfig::default(), "linux/amd64");
        for (path, workdir) in [("/app/", "/app/"), ("x/..", "/app"), ("b", "/app/b"), ("/x/../y", "/x/../y")] {
            state.change_workdir(path);
            assert_eq!(state.workdir, workdir, "{path}");
        }
    }

    #[test]
    fn a_variable_moves_to_the_place_of_its_last_assignment() {
        let mut state = StageState::on_image(None, &ImageConfig::default(), "linux/amd64");
        state.set("A", "0", false);
        state.set("B", "2", false);
        state.set("A", "1", true);
        let names: Vec<&str> = state.env.iter().map(|variable| variable.name.as_str()).collect();
        assert_eq!(names, ["PATH", "B", "A"]);
    }
}
