//! `RUN --mount=`, all types. The value of the flag and a way to expand variables go in, a [`Mount`] comes out,
//! or BuildKit's words against the value. What is mounted where in the end is not decided here.
//!
//! BuildKit reads a mount twice: when it parses the file, with variables unknown, and when the `RUN` is
//! converted, with variables expanded. [`check`] is the first reading, [`Mount::parse`] the second.

use std::borrow::Cow;

use super::nearest::with_nearest;
use super::{csv, go, number};

/// What is mounted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MountType {
    /// Files of the context, a stage or an image.
    Bind,
    /// A folder that stays from build to build.
    Cache,
    /// A folder in memory.
    Tmpfs,
    /// A secret of the client's.
    Secret,
    /// The client's SSH agent.
    Ssh,
}

impl MountType {
    const ALL: [(&'static str, Self); 5] = [
        ("bind", Self::Bind),
        ("cache", Self::Cache),
        ("secret", Self::Secret),
        ("ssh", Self::Ssh),
        ("tmpfs", Self::Tmpfs),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|known| known.1 == self).map_or("", |known| known.0)
    }
}

/// How builds at the same time share a cache mount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sharing {
    /// At the same time.
    Shared,
    /// Each with a folder of its own.
    Private,
    /// One after the other.
    Locked,
}

const SHARINGS: [(&str, Sharing); 3] =
    [("locked", Sharing::Locked), ("private", Sharing::Private), ("shared", Sharing::Shared)];

const KEYS: [&str; 19] = [
    "type",
    "from",
    "source",
    "target",
    "readonly",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "src",
    "dst",
    "destination",
    "ro",
    "rw",
    "readwrite",
    "env",
];

/// A mount of a `RUN`, variables expanded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mount {
    /// `type=`, a bind mount without it.
    pub mount_type: MountType,
    /// `from=`: a stage, an image or a named context, as written; empty for the build context.
    pub from: String,
    /// `source=` or `src=`; empty where not given.
    pub source: String,
    /// `target=`, `dst=` or `destination=`; empty where not given.
    pub target: String,
    /// Whether the `RUN` may not write to it: by default so for all but cache and tmpfs mounts.
    pub readonly: bool,
    /// `size=` of a tmpfs mount, in bytes; 0 for no limit.
    pub size: i64,
    /// `id=` of a cache mount, a secret or an SSH agent; empty where not given.
    pub id: String,
    /// `sharing=` of a cache mount; `None`, which means shared, where not given.
    pub sharing: Option<Sharing>,
    /// Whether the build fails without the secret or the agent.
    pub required: bool,
    /// `env=`: the variable that a secret becomes; empty for the secret's own name.
    pub env: Option<String>,
    /// `mode=`
    pub mode: Option<u32>,
    /// `uid=`
    pub uid: Option<u32>,
    /// `gid=`
    pub gid: Option<u32>,
}

/// Why BuildKit refuses a mount.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadMount {
    /// BuildKit's words.
    pub reason: String,
    /// The field they are about, as written; `None` for the mount as a whole.
    pub field: Option<String>,
}

impl From<String> for BadMount {
    fn from(reason: String) -> Self {
        Self { reason, field: None }
    }
}

/// What BuildKit refuses in a mount before it knows the variables.
///
/// # Errors
/// BuildKit's words.
pub fn check(value: &str) -> Result<(), String> {
    // Only quotes and line ends make a list of fields a bad one, and only a variable a field.
    if !value.is_empty() && !value.contains(['"', '$', '\r', '\n']) {
        return Ok(());
    }
    for field in &fields(value)? {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        let dollar = value.find('$').is_some_and(|at| at + 1 != value.len());
        if go::lower(key) == "from" && dollar {
            return Err("'from' doesn't support variable expansion, define alias stage instead".to_owned());
        }
    }
    Ok(())
}

/// The `from=` of a mount, which needs no expansion: which stage or image it reads.
#[must_use]
pub fn from(value: &str) -> Option<String> {
    let fields = fields(value).ok()?;
    let mut named = fields.iter().filter_map(|field| field.split_once('='));
    named.rfind(|(key, _)| go::lower(key) == "from").map(|(_, from)| from.to_owned()).filter(|from| !from.is_empty())
}

fn fields(value: &str) -> Result<Vec<Cow<'_, str>>, String> {
    csv::fields(value).map_err(|error| format!("failed to parse csv mounts: {error}"))
}

impl Mount {
    /// Reads the value of a `--mount` flag, expanding each field's value but that of `from`.
    ///
    /// # Errors
    /// BuildKit's words against the value, or those of `expand`.
    pub fn parse(value: &str, expand: &mut dyn FnMut(&str) -> Result<String, String>) -> Result<Self, BadMount> {
        let mut mount = Self::bind();
        let mut readonly = None;
        for field in fields(value)? {
            let bad = |reason| BadMount { reason, field: Some(field.to_string()) };
            match field.split_once('=') {
                Some((key, value)) => {
                    let expanded = expand(value).map_err(bad)?;
                    let key = go::lower(key);
                    // The stage was looked up before variables were known.
                    let value = if key == "from" { value.to_owned() } else { expanded };
                    mount.set(&field, &key, value, &mut readonly).map_err(bad)?;
                }
                None => mount.set_bare(&field, &mut readonly).map_err(bad)?,
            }
        }
        let is_writable = matches!(mount.mount_type, MountType::Cache | MountType::Tmpfs);
        mount.readonly = readonly.unwrap_or(!is_writable);
        Ok(mount.judged()?)
    }

    fn bind() -> Self {
        Self {
            mount_type: MountType::Bind,
            from: String::new(),
            source: String::new(),
            target: String::new(),
            readonly: true,
            size: 0,
            id: String::new(),
            sharing: None,
            required: false,
            env: None,
            mode: None,
            uid: None,
            gid: None,
        }
    }

    /// Takes a field without `=`.
    fn set_bare(&mut self, field: &str, readonly: &mut Option<bool>) -> Result<(), String> {
        match &*go::lower(field) {
            "readonly" | "ro" => *readonly = Some(true),
            "readwrite" | "rw" => *readonly = Some(false),
            "required" => {
                self.only_for(&[MountType::Secret, MountType::Ssh], "required")?;
                self.required = true;
            }
            _ => return Err(format!("invalid field '{field}' must be a key=value pair")),
        }
        Ok(())
    }

    fn set(&mut self, field: &str, key: &str, value: String, readonly: &mut Option<bool>) -> Result<(), String> {
        let invalid = || format!("invalid value for {key}: {value}");
        let number = |radix| number::unsigned(&value, radix).ok_or_else(|| format!("invalid value {value} for {key}"));
        match key {
            "type" => self.mount_type = choice("mount type", &value, &MountType::ALL)?,
            "from" => self.from = value,
            "source" | "src" => self.source = value,
            "target" | "dst" | "destination" => self.target = value,
            "readonly" | "ro" => *readonly = Some(number::boolean(&value).ok_or_else(invalid)?),
            "readwrite" | "rw" => *readonly = Some(!number::boolean(&value).ok_or_else(invalid)?),
            "required" => {
                self.only_for(&[MountType::Secret, MountType::Ssh], key)?;
                self.required = number::boolean(&value).ok_or_else(invalid)?;
            }
            "size" => {
                self.only_for(&[MountType::Tmpfs], key)?;
                self.size = number::size(&value).ok_or_else(invalid)?;
            }
            "id" => self.id = value,
            "sharing" => self.sharing = Some(choice("sharing value", &value, &SHARINGS)?),
            "mode" => self.mode = Some(number(8)?),
            "uid" => self.uid = Some(number(10)?),
            "gid" => self.gid = Some(number(10)?),
            "env" => self.env = Some(value),
            _ => return Err(with_nearest(format!("unexpected key '{key}' in '{field}'"), key, &KEYS)),
        }
        Ok(())
    }

    /// Fields are taken in order, so the type must stand in front of what depends on it.
    fn only_for(&self, types: &[MountType], key: &str) -> Result<(), String> {
        if types.contains(&self.mount_type) {
            return Ok(());
        }
        Err(format!("unexpected key '{key}' for mount type '{}'", self.mount_type.name()))
    }

    /// The mount, if its fields go together.
    fn judged(self) -> Result<Self, String> {
        let name = self.mount_type.name();
        if matches!(self.mount_type, MountType::Bind | MountType::Tmpfs) {
            let owners = [("mode", self.mode), ("uid", self.uid), ("gid", self.gid)];
            if let Some((key, _)) = owners.iter().find(|owner| owner.1.is_some()) {
                return Err(format!("{key} not allowed for \"{name}\" type mounts"));
            }
        }
        let refusal = match self.mount_type {
            MountType::Secret if !self.from.is_empty() => "secret mount should not have a from",
            MountType::Secret if self.sharing.is_some() => "secret mount should not define sharing",
            MountType::Secret if self.source.is_empty() && self.target.is_empty() && self.id.is_empty() => {
                "invalid secret mount. one of source, target required"
            }
            MountType::Secret if !self.source.is_empty() && !self.id.is_empty() => "both source and id can't be set",
            MountType::Cache => return Ok(self),
            _ if self.sharing.is_some() => return Err(format!("invalid cache sharing set for {name} mount")),
            _ => return Ok(self),
        };
        Err(refusal.to_owned())
    }
}

/// One of a few words; case does not count.
fn choice<T: Copy>(what: &str, value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let word = go::lower(value);
    if let Some(choice) = choices.iter().find(|choice| choice.0 == word) {
        return Ok(choice.1);
    }
    let names: Vec<&str> = choices.iter().map(|choice| choice.0).collect();
    Err(with_nearest(format!("unsupported {what} {}", go::quote(value)), value, &names))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<Mount, String> {
        Mount::parse(value, &mut |word| Ok(word.replace("$T", "cache"))).map_err(|bad| bad.reason)
    }

    #[test]
    fn fields_are_read_and_defaults_filled_in() {
        let bind = Mount { target: "/x".into(), ..Mount::bind() };
        assert_eq!(parse("target=/x"), Ok(bind.clone()));
        assert_eq!(parse("dst=/x,rw,from=$T"), Ok(Mount { readonly: false, from: "$T".into(), ..bind.clone() }));
        let cache = Mount { mount_type: MountType::Cache, readonly: false, ..bind };
        let shared = Mount { sharing: Some(Sharing::Locked), id: "a,b".into(), mode: Some(0o750), ..cache.clone() };
        assert_eq!(parse("TYPE=$T,target=/x"), Ok(cache.clone()));
        assert_eq!(parse("sharing=LOCKED,\"id=a,b\",type=cache,mode=0750,destination=/x"), Ok(shared));
        let tmpfs = Mount { mount_type: MountType::Tmpfs, size: 3 << 20, ..cache };
        assert_eq!(parse("type=tmpfs,target=/x,size=3m"), Ok(tmpfs));
    }

    #[test]
    fn bad_fields_are_refused_in_buildkits_words() {
        for (value, reason) in [
            ("", "failed to parse csv mounts: EOF"),
            ("a\"b", "failed to parse csv mounts: parse error on line 1, column 2: bare \" in non-quoted-field"),
            ("type=foo", "unsupported mount type \"foo\""),
            ("type=cach", "unsupported mount type \"cach\" (did you mean cache?)"),
            ("foo=1", "unexpected key 'foo' in 'foo=1' (did you mean from?)"),
            ("foo", "invalid field 'foo' must be a key=value pair"),
            ("ro=maybe", "invalid value for ro: maybe"),
            ("mode=9", "invalid value 9 for mode"),
            ("required,type=secret,id=a", "unexpected key 'required' for mount type 'bind'"),
            ("type=tmpfs,mode=1", "mode not allowed for \"tmpfs\" type mounts"),
            ("sharing=shared", "invalid cache sharing set for bind mount"),
            ("type=secret", "invalid secret mount. one of source, target required"),
            ("type=secret,id=a,src=b", "both source and id can't be set"),
        ] {
            assert_eq!(parse(value), Err(reason.to_owned()), "{value}");
        }
    }

    #[test]
    fn before_variables_are_known_only_from_is_looked_at() {
        assert_eq!(check("type=bogus,foo,from=a$"), Ok(()));
        let reason = "'from' doesn't support variable expansion, define alias stage instead";
        assert_eq!(check("From=$A"), Err(reason.to_owned()));
    }
}
