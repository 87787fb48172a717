//! What `--help` promises can be typed: every example of every help is run in a copy of an example project under git.
//! `docker` and `man` are stand-ins that do nothing, so that neither is needed; docker has one image for every name.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::case::docker::NO_SOCKET;
use crate::case::project::below;

/// A copy of an example, the programs its commands may call, and a home.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/node-multi-stage");
        for path in below(&example).into_iter().filter(|path| !path.is_dir()) {
            let to = desk.path("project").join(path.strip_prefix(&example).expect("a path below the example"));
            fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            fs::copy(&path, to).expect("a copy");
        }
        for folder in [
            "programs",
            "home/.config/fish/completions",
            "home/.local/share/bash-completion/completions",
            "home/.local/share/man/man1",
        ] {
            fs::create_dir_all(desk.path(folder)).expect("a folder");
        }
        symlink(env!("CARGO_BIN_EXE_stageplan"), desk.path("programs/stageplan")).expect("a link");
        let docker = "#!/bin/sh\ncase \"$*\" in 'buildx inspect'*) echo 'Driver: docker';; *imagetools*)\n\
                      echo '{\"manifest\":{\"digest\":\"sha256:1\"},\"image\":{\"rootfs\":{}}}';; esac\n";
        for (program, script) in [("docker", docker), ("man", "#!/bin/sh\ncat > /dev/null\n")] {
            let path = desk.path("programs").join(program);
            fs::write(&path, script).expect("a program");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("another mode");
        }
        desk.succeeds(
            "git init -q -b main . && git add src && git commit -qm sources && git add . && git commit -qm all",
        );
        desk
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn run(&self, line: &str) -> Output {
        let path = std::env::var("PATH").expect("a path");
        let author = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        Command::new("/bin/sh")
            .args(["-c", line])
            .current_dir(self.path("project"))
            .env_clear()
            .env("PATH", format!("{}:{path}", self.path("programs").display()))
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env(NO_SOCKET.0, NO_SOCKET.1)
            .envs(author.map(|name| (name, "example@example.org")))
            .output()
            .expect("a shell")
    }

    fn succeeds(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success() && output.stderr.is_empty(), "{line}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }
}

/// The program by itself, every command its help lists, and the one it hides.
fn commands(desk: &Desk) -> Vec<String> {
    let help = desk.succeeds("stageplan -h");
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let names: Vec<String> = names.filter(|name| *name != "help").map(str::to_owned).collect();
    assert!(names.len() >= 6, "{names:?}");
    ["".to_owned(), "parse".to_owned()].into_iter().chain(names).collect()
}

/// The commands that a help shows: lines indented by two behind the heading of the examples, with those they go on in.
fn examples(help: &str) -> Vec<String> {
    let help = help.replace(CONTINUED, " ");
    let lines = help.lines().skip_while(|line| !line.starts_with("Examples:") && !line.starts_with("A first session"));
    let commands = lines.filter_map(|line| line.strip_prefix("  ").filter(|command| !command.starts_with(' ')));
    commands.map(str::to_owned).collect()
}

/// Between two lines of one command.
const CONTINUED: &str = " \\\n    ";

#[test]
fn every_example_of_every_help_works() {
    for command in commands(&Desk::new()).into_iter().chain(["history commits".to_owned()]) {
        let desk = Desk::new();
        let help = desk.succeeds(&format!("stageplan {command} --help"));
        let examples = examples(&help);
        assert!((2..=5).contains(&examples.len()), "{command}: {examples:?}");
        for example in examples {
            assert!(example.contains("stageplan") || command.is_empty(), "{example}");
            let is_endless = command == "watch";
            desk.succeeds(&if is_endless { ended(&example) } else { example });
        }
    }
}

/// The same, ended when it has said something.
fn ended(endless: &str) -> String {
    format!(
        "rm -f said; {endless} > said 2> told & while kill -0 $! && ! grep -qs watching said; do sleep 0.01; done; kill $!; wait $!"
    )
}

#[test]
fn the_first_session_tells_of_the_edit_it_makes() {
    let desk = Desk::new();
    let help = desk.succeeds("stageplan --help");
    let examples = examples(&help);
    let told: Vec<String> = examples.iter().map(|example| desk.succeeds(example)).collect();
    let at = examples.iter().position(|example| example == "stageplan explain").expect("a step of the session");
    assert!(told[at].contains("src/server.ts"), "{}", told[at]);
}

#[test]
fn every_help_fits_eighty_columns_and_every_page_shows_the_examples() {
    let desk = Desk::new();
    for command in commands(&desk) {
        let long = desk.succeeds(&format!("stageplan {command} --help"));
        for help in [&long, &desk.succeeds(&format!("stageplan {command} -h"))] {
            let wide: Vec<&str> = help.lines().filter(|line| line.chars().count() > 80).collect();
            assert!(wide.is_empty(), "{command}: {wide:#?}");
        }
        let page = desk.succeeds(&format!("stageplan man {command}")).replace("\\-", "-").replace("\\\\\n", "\\\n");
        let page = page.replace(CONTINUED, " ");
        assert!(page.contains("\n.SH EXAMPLES\n"), "{command}: {page}");
        for example in examples(&long) {
            let escaped = example.replace('\\', "\\\\").replace('\'', "\\*(Aq");
            assert!(page.contains(&example) || page.contains(&escaped), "{command}: {example}\n{page}");
        }
    }
}
