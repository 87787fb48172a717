//! A mount that differs, told by the options as they are written: a key keeps of a mount only what BuildKit hashes, and
//! that in words of our own. In go the texts of two `RUN` instructions, out come the options that differ.

use std::collections::{BTreeMap, BTreeSet};

/// Options of one mount: `readonly` as `read-only` or `read-write`, every other one by its name.
type Options = BTreeMap<String, String>;

/// The options that differ of the mount at `target`, as they were and as they are; `None` where the texts do not tell.
#[must_use]
pub fn changed(was: &str, is: &str, target: &str) -> Option<(String, String)> {
    let (old, new) = (mounts(was), mounts(is));
    let gone: Vec<&Options> = old.iter().filter(|mount| !new.contains(mount)).collect();
    let come: Vec<&Options> = new.iter().filter(|mount| !old.contains(mount)).collect();
    let (old, new) = match (gone.as_slice(), come.as_slice()) {
        ([old], [new]) => (*old, *new),
        _ => {
            let at = |mounts: &[&'_ Options]| {
                mounts.iter().position(|mount| mount.get("target").is_some_and(|written| written == target))
            };
            (gone[at(&gone)?], come[at(&come)?])
        }
    };
    let names: BTreeSet<&String> =
        old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name)).collect();
    let told = |mount: &Options| names.iter().map(|name| told(name, mount)).collect::<Vec<_>>().join(", ");
    Some((told(old), told(new)))
}

/// `sharing=locked`; of an option that is not written its default where that has a name of its own.
fn told(name: &str, mount: &Options) -> String {
    match (name, mount.get(name)) {
        ("readonly", Some(rights)) => rights.clone(),
        ("sharing", None) => "sharing=shared".to_owned(),
        ("type", None) => "type=bind".to_owned(),
        (name, None) => format!("no {name}"),
        (name, Some(value)) => format!("{name}={value}"),
    }
}

/// The mounts of a `RUN`, which stand among the flags before its command.
fn mounts(text: &str) -> Vec<Options> {
    let flags = text.split_whitespace().skip(1).take_while(|word| word.starts_with("--"));
    flags.filter_map(|flag| flag.strip_prefix("--mount=")).map(options).collect()
}

fn options(value: &str) -> Options {
    let mut options = Options::new();
    let mut read_only = None;
    for field in value.split(',') {
        let (name, value) = field.split_once('=').unwrap_or((field, "true"));
        let name = name.to_ascii_lowercase();
        let is_yes = matches!(value, "true" | "1");
        match name.as_str() {
            "ro" | "readonly" => read_only = Some(is_yes),
            "rw" | "readwrite" => read_only = Some(!is_yes),
            "dst" | "destination" => drop(options.insert("target".to_owned(), value.to_owned())),
            "src" => drop(options.insert("source".to_owned(), value.to_owned())),
            _ => drop(options.insert(name, value.to_owned())),
        }
    }
    let mount_type = options.get("type").map_or("bind", String::as_str);
    // BuildKit's defaults: what a bind mount shows is not to be written to.
    if matches!(mount_type, "bind" | "cache" | "tmpfs") {
        let rights = if read_only.unwrap_or(mount_type == "bind") { "read-only" } else { "read-write" };
        options.insert("readonly".to_owned(), rights.to_owned());
    }
    options
}

#[cfg(test)]
mod tests {
    use super::changed;

    #[test]
    fn options_are_told_as_they_are_written() {
        let cache = "type=cache,target=/t";
        let cases = [
            (cache, "type=cache,target=/t,sharing=locked", "sharing=shared", "sharing=locked"),
            (cache, "type=cache,target=/t,mode=0700,uid=5", "no mode, no uid", "mode=0700, uid=5"),
            ("target=/t", "target=/t,rw", "read-only", "read-write"),
            ("type=bind,dst=/t", "type=bind,target=/t,rw=false,from=a", "no from", "from=a"),
            ("type=ssh", "type=ssh,id=x", "no id", "id=x"),
        ];
        for (was, is, old, new) in cases {
            let run =
                |mount: &str| format!("RUN --network=none --mount={mount} --mount=type=tmpfs,target=/m make --mount=x");
            assert_eq!(changed(&run(was), &run(is), "/t"), Some((old.to_owned(), new.to_owned())), "{is}");
        }
    }

    #[test]
    fn of_several_mounts_the_one_at_that_place_is_told() {
        let was = "RUN --mount=type=cache,target=/a --mount=type=cache,target=/b make";
        let is = "RUN --mount=type=cache,target=/a,id=x --mount=type=cache,target=/b,id=y make";
        assert_eq!(changed(was, is, "/b"), Some(("no id".to_owned(), "id=y".to_owned())));
        assert_eq!(changed(was, is, "/c"), None);
        assert_eq!(changed(was, was, "/a"), None);
    }
}
