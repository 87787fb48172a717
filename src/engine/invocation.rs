//! The command line of a build: `docker buildx build` for one target, one `docker buildx bake` for several, so that
//! they share what they have in common and run side by side. The builder's flags go through as they were typed. In go
//! arguments, out comes an [`Invocation`]; no process is started.

use std::ffi::OsString;

use super::bake;
use crate::args::{BuilderFlags, ImageArgs, ProjectArgs};
use crate::fault::Fault;

/// A program to run.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Invocation {
    /// The words after `docker`.
    pub(crate) words: Vec<OsString>,
    /// What it reads from standard input; `None` for nothing.
    pub(crate) stdin: Option<Vec<u8>>,
    /// Whether the result goes to standard output.
    pub(crate) answers_on_stdout: bool,
}

/// The build that the arguments ask for. `stdin` is the Dockerfile where `--file -` took it from standard input; `buildx`
/// tells the version of buildx, and is asked only for several targets.
///
/// # Errors
/// If several targets are asked for together with what only one build can have.
pub(crate) fn of_build(
    project: &ProjectArgs,
    image: &ImageArgs,
    stdin: Option<&[u8]>,
    buildx: impl FnOnce() -> anyhow::Result<bake::Version>,
) -> anyhow::Result<Invocation> {
    let flags = project.flags()?;
    refuse_other_progress(project.rest())?;
    let answers_on_stdout = image.output.iter().chain(outputs(project.rest())).any(|output| is_stdout(output));
    let stages = stages(&flags.target);
    if stages.len() > 1 {
        let asked = bake::Asked { project, flags: &flags, image, stages, stdin };
        let (bake_words, definition) = asked.plan(&buildx()?)?;
        let mut words = words(&["buildx", "bake", "--file", "-", "--progress", "rawjson"]);
        words.extend(bake_words);
        return Ok(Invocation { words, stdin: Some(definition.into_bytes()), answers_on_stdout: false });
    }
    let mut words = words(&["buildx", "build"]);
    words.extend(typed(project.typed()));
    words.extend(image_words(image));
    words.extend(project.rest().iter().map(OsString::from));
    // Of several `--progress` the last one counts.
    words.extend(["--progress".into(), "rawjson".into(), "--".into(), project.context.clone().into_os_string()]);
    Ok(Invocation { words, stdin: stdin.map(<[u8]>::to_vec), answers_on_stdout })
}

/// The stages that are asked for, each once; an empty one is the last.
fn stages(targets: &[String]) -> Vec<String> {
    let mut stages: Vec<String> = Vec::new();
    for stage in targets {
        if !stages.iter().any(|known| known.eq_ignore_ascii_case(stage)) {
            stages.push(stage.clone());
        }
    }
    stages
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// A build tells its progress in one form only, which is read here.
fn refuse_other_progress(rest: &[String]) -> Result<(), Fault> {
    let is_other = |word: &&String| {
        ["--progress", "--quiet", "-q"].iter().any(|flag| *word == flag || word.starts_with(&format!("{flag}=")))
    };
    rest.iter().find(is_other).map_or(Ok(()), |word| {
        Err(Fault::new(format!("`{word}` cannot be used here: the builder's progress is shown by stageplan itself")))
    })
}

/// The flags that enter keys, as docker takes them.
fn typed(flags: &BuilderFlags) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut put = |flag: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        words.push(OsString::from(flag));
        words.push(value.as_ref().to_owned());
    };
    let lists = [
        ("--target", &flags.target),
        ("--build-arg", &flags.build_arg),
        ("--build-context", &flags.build_context),
        ("--platform", &flags.platform),
        ("--no-cache-filter", &flags.no_cache_filter),
        ("--secret", &flags.secret),
        ("--ssh", &flags.ssh),
        ("--add-host", &flags.add_host),
        ("--ulimit", &flags.ulimit),
        ("--label", &flags.label),
    ];
    let single = [
        ("--builder", &flags.builder),
        ("--network", &flags.network),
        ("--shm-size", &flags.shm_size),
        ("--cgroup-parent", &flags.cgroup_parent),
    ];
    flags.file.iter().for_each(|file| put("--file", file));
    lists.iter().for_each(|(flag, values)| values.iter().for_each(|value| put(flag, value)));
    single.iter().for_each(|(flag, value)| value.iter().for_each(|value| put(flag, value)));
    words.extend(flags.pull.map(|pull| OsString::from(format!("--pull={pull}"))));
    words.extend(flags.no_cache.map(|no_cache| OsString::from(format!("--no-cache={no_cache}"))));
    words
}

fn image_words(image: &ImageArgs) -> Vec<OsString> {
    let lists = [
        ("--tag", &image.tag),
        ("--output", &image.output),
        ("--cache-from", &image.cache_from),
        ("--cache-to", &image.cache_to),
    ];
    let values = lists.iter().flat_map(|(flag, values)| values.iter().flat_map(|value| [(*flag).into(), value.into()]));
    values.chain(image.switches()).collect()
}

/// The values of `--output` behind `--`.
fn outputs(rest: &[String]) -> impl Iterator<Item = &String> {
    let after = rest.iter().skip(1).chain(std::iter::once(&EMPTY));
    rest.iter().zip(after).filter_map(|(word, next)| match word.as_str() {
        "--output" | "-o" => Some(next),
        _ if word.starts_with("--output=") || word.starts_with("-o") => Some(word),
        _ => None,
    })
}

static EMPTY: String = String::new();

/// Whether the result is written to standard output: `-`, `--output=-`, `type=tar,dest=-`.
fn is_stdout(output: &str) -> bool {
    let value = output.strip_prefix("--output=").or_else(|| output.strip_prefix("-o")).unwrap_or(output);
    value == "-" || value.split(',').any(|field| field == "dest=-")
}
