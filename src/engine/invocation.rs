//! The command line of a build: `docker buildx build` for one target, one `docker buildx bake` for several, so that
//! they share what they have in common and run side by side. The builder's flags go through as they were typed. In go
//! arguments, out comes an [`Invocation`]; no process is started.

use std::ffi::OsString;

use serde_json::{Map, Value, json};

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

/// The build that the arguments ask for. `stdin` is the Dockerfile where `--file -` took it from standard input.
///
/// # Errors
/// If several targets are asked for together with what only one build can have.
pub(crate) fn of_build(project: &ProjectArgs, image: &ImageArgs, stdin: Option<&[u8]>) -> anyhow::Result<Invocation> {
    let flags = project.flags()?;
    refuse_other_progress(project.rest())?;
    let answers_on_stdout = image.output.iter().chain(outputs(project.rest())).any(|output| is_stdout(output));
    if flags.target.iter().filter(|target| !target.is_empty()).count() > 1 {
        let definition = definition(project, &flags, image, stdin)?;
        let mut words = words(&["buildx", "bake", "--file", "-", "--progress", "rawjson"]);
        words.extend(flags.builder.iter().flat_map(|name| ["--builder".into(), OsString::from(name)]));
        words.extend(flags.pull.map(|pull| OsString::from(format!("--pull={pull}"))));
        words.extend(bake_words(image, project.rest())?);
        let stdin = Some(definition.to_string().into_bytes());
        return Ok(Invocation { words, stdin, answers_on_stdout });
    }
    let mut words = words(&["buildx", "build"]);
    words.extend(typed(project.typed()));
    words.extend(image_words(image));
    words.extend(project.rest().iter().map(OsString::from));
    // Of several `--progress` the last one counts.
    words.extend(["--progress".into(), "rawjson".into(), "--".into(), project.context.clone().into_os_string()]);
    Ok(Invocation { words, stdin: stdin.map(<[u8]>::to_vec), answers_on_stdout })
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
    values.chain(switches(image)).collect()
}

fn switches(image: &ImageArgs) -> impl Iterator<Item = OsString> {
    let switches = [("--load", image.load), ("--push", image.push)];
    switches.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag.into())
}

/// The flags behind `--` that `docker buildx bake` knows, too.
fn bake_words(image: &ImageArgs, rest: &[String]) -> Result<Vec<OsString>, Fault> {
    const WITH_VALUE: [&str; 5] = ["--allow", "--metadata-file", "--provenance", "--sbom", "--set"];
    const ALONE: [&str; 2] = ["--load", "--push"];
    let mut words: Vec<OsString> = switches(image).collect();
    let mut rest = crate::args::unknown_to_keys(rest).into_iter();
    while let Some(word) = rest.next() {
        let name = word.split('=').next().unwrap_or_default();
        if !WITH_VALUE.contains(&name) && !ALONE.contains(&name) {
            let fault = Fault::new(format!("`{word}` cannot be used with several targets"));
            return Err(fault.with_hint("build one target at a time, or leave it out"));
        }
        words.push(OsString::from(word));
        if WITH_VALUE.contains(&word) {
            words.extend(rest.next().map(OsString::from));
        }
    }
    Ok(words)
}

/// What bake calls a definition: one target for each stage that is asked for.
fn definition(
    project: &ProjectArgs,
    flags: &BuilderFlags,
    image: &ImageArgs,
    stdin: Option<&[u8]>,
) -> Result<Value, Fault> {
    let unsupported = [("--add-host", !flags.add_host.is_empty()), ("--cgroup-parent", flags.cgroup_parent.is_some())];
    if let Some((flag, _)) = unsupported.iter().find(|(_, is_set)| *is_set) {
        return Err(Fault::new(format!(
            "`{flag}` cannot be used with several targets: `docker buildx bake` has no such \
                                       setting"
        )));
    }
    let common = common(project, flags, image, stdin);
    let mut targets = Map::new();
    for stage in &flags.target {
        let mut target = common.clone();
        target.insert("target".to_owned(), json!(stage));
        let tags = tags(image, stage)?;
        if !tags.is_empty() {
            target.insert("tags".to_owned(), json!(tags));
        }
        targets.insert(bake_name(stage), Value::Object(target));
    }
    let names: Vec<&String> = targets.keys().collect();
    Ok(json!({ "group": { "default": { "targets": names } }, "target": targets }))
}

/// bake's names of targets hold no dots.
pub(crate) fn bake_name(stage: &str) -> String {
    stage.replace('.', "_")
}

/// The settings that all targets share; bake reads each value as a template.
fn common(project: &ProjectArgs, flags: &BuilderFlags, image: &ImageArgs, stdin: Option<&[u8]>) -> Map<String, Value> {
    let mut target = Map::new();
    let mut put = |name: &str, value: Value| drop(target.insert(name.to_owned(), value));
    put("context", json!(literal(&project.context.to_string_lossy())));
    match (stdin, &flags.file) {
        (Some(text), _) => put("dockerfile-inline", json!(literal(&String::from_utf8_lossy(text)))),
        (None, Some(file)) => put("dockerfile", json!(literal(&absolute(file)))),
        (None, None) => {}
    }
    let lists = [
        ("platforms", &flags.platform),
        ("no-cache-filter", &flags.no_cache_filter),
        ("secret", &flags.secret),
        ("ssh", &flags.ssh),
        ("ulimits", &flags.ulimit),
        ("output", &image.output),
        ("cache-from", &image.cache_from),
        ("cache-to", &image.cache_to),
    ];
    for (name, values) in lists.iter().filter(|(_, values)| !values.is_empty()) {
        put(name, json!(values.iter().map(|value| literal(value)).collect::<Vec<_>>()));
    }
    let maps = [("args", &flags.build_arg), ("contexts", &flags.build_context), ("labels", &flags.label)];
    for (name, values) in maps.iter().filter(|(_, values)| !values.is_empty()) {
        put(name, pairs(values));
    }
    for (name, value) in [("network", &flags.network), ("shm-size", &flags.shm_size)] {
        value.iter().for_each(|value| put(name, json!(literal(value))));
    }
    if let Some(no_cache) = flags.no_cache {
        put("no-cache", json!(no_cache));
    }
    target
}

/// `NAME=VALUE` each; a name alone takes its value from the environment, and is left out where it is not set there.
fn pairs(values: &[String]) -> Value {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), json!(literal(value)))),
        None => Some((text.clone(), json!(literal(&std::env::var(text).ok()?)))),
    };
    Value::Object(values.iter().filter_map(pair).collect())
}

/// The tags of one of several targets: `STAGE=NAME` each.
fn tags(image: &ImageArgs, stage: &str) -> Result<Vec<String>, Fault> {
    let mut tags = Vec::new();
    for tag in &image.tag {
        let Some((of, name)) = tag.split_once('=') else {
            let fault = Fault::new(format!("`--tag {tag}` does not say which of several targets it names"));
            return Err(fault.with_hint(format!("write `--tag {stage}={tag}`")));
        };
        if of.eq_ignore_ascii_case(stage) {
            tags.push(literal(name));
        }
    }
    Ok(tags)
}

/// A text in which bake finds no template (HCL's `${` and `%{`).
fn literal(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// bake looks for a Dockerfile below the context, docker for `--file` below the current folder.
fn absolute(path: &std::path::Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
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
