//! What BuildKit hashes. This module is the one place that says so; read it first.
//!
//! A step's cache key is the digest of a list of named parts, and the parts are kept: two keys that differ
//! differ in some part, and that part is the reason of the miss. Three digests are built from them.
//!
//! * The **operation digest** covers what is done, whatever it is done to: BuildKit's `CacheMap.Digest`
//!   (solver/llbsolver/ops).
//! * Each **input** contributes either the key of the vertex that made it, or the digest of the files it
//!   selects (see `selector`). The second makes a build stop re-running where content turns out equal; only
//!   copy sources and mounts have it, never the file system a step continues.
//! * The **key** is the digest of both. It is ours: compared only with our own, never printed as Docker's.
//!
//! | instruction | parts of the operation | inputs |
//! | --- | --- | --- |
//! | `FROM image` | its layers (its reference, if nobody looked it up), the platform | |
//! | `RUN` | every word executed, the whole environment in order, working folder as written, user, host name, names of extra hosts, limits, control group, network, security, devices, mounts (a cache mount's identity only if it is the default one), secrets' names and rights, platform | base by key; bind and cache sources by key or content |
//! | `COPY`, `ADD` | per source: last component of its path, destination, owner, mode, filters, unpacking | base by key; sources by key or content |
//! | `WORKDIR` | clean path, owner, `SOURCE_DATE_EPOCH` | base by key |
//! | here-document of `COPY` | delimiter, bytes, mode | |
//! | merge of `COPY --link` | | both by key |
//!
//! Not in any key: labels, exposed ports, commands, health checks, comments, stage names, times and owners of
//! context files, values of secrets, proxy settings, addresses of extra hosts, what a cache mount holds.

use serde::{Deserialize, Serialize};

use crate::digest::{ContentDigest, Hasher};
use crate::graph::exec::{Exec, ExecMount, MountOp};
use crate::graph::{Chmod, CopyAction, FileAction, ImageSource, Op, Owner, Principal};
use crate::image::Image;
use crate::secret::{MASK, is_plain, looks_secret, mask};
use crate::selector::Selector;

/// The key of a vertex.
pub type CacheKey = ContentDigest;

/// One named part of an operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyPart {
    /// Which part.
    pub kind: PartKind,
    /// Its name where there are several of the kind: a variable's name, a mount's target, a source's place.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its value.
    pub value: PartValue,
}

/// A value that can be shown and stored, whatever it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PartValue {
    /// The value, with what looks like a secret masked.
    pub shown: String,
    /// Where something was masked: a digest of the value that only the holder of the user's key can compute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<ContentDigest>,
}

/// The kinds of parts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// An image's identity.
    Image,
    /// A remote source.
    Remote,
    /// The words of the shell; shown beside the command, which holds them.
    Shell,
    /// All words that are executed, one per line.
    Command,
    /// A variable that `ENV` or the image set last.
    Env,
    /// A variable that `ARG` set last. BuildKit does not tell it from `Env`.
    Arg,
    /// The working folder.
    Workdir,
    /// The user.
    User,
    /// The host's name, extra hosts, limits, control group: what the build's caller configures.
    Host,
    /// The network.
    Network,
    /// The sandbox, devices.
    Security,
    /// A mount.
    Mount,
    /// The platform.
    Platform,
    /// The last component of a source's path, and how it is filtered.
    Source,
    /// A destination.
    Destination,
    /// An owner.
    Owner,
    /// Permission bits.
    Mode,
    /// Which input an action reads.
    Wiring,
    /// The bytes of a here-document.
    Data,
    /// `SOURCE_DATE_EPOCH`.
    Timestamp,
}

/// What one input contributes to a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InputKey {
    /// The key of the vertex whose file system is continued.
    Base(CacheKey),
    /// The key of the vertex whose files are read, and which.
    Files(CacheKey, Vec<Selector>),
    /// The digest of files of a build context.
    Content(ContentDigest),
}

/// Makes parts of values, sealing what looks like a secret.
pub struct Sealer<'a> {
    key: &'a [u8; 32],
}

impl<'a> Sealer<'a> {
    /// A sealer with the user's key.
    #[must_use]
    pub fn new(key: &'a [u8; 32]) -> Self {
        Self { key }
    }

    /// A value by that name.
    #[must_use]
    pub fn value(&self, name: &str, value: &str) -> PartValue {
        if let Some((shown, sealed)) = unpack(value) {
            return PartValue { shown, sealed: Some(sealed) };
        }
        if is_plain(name, value) {
            return PartValue { shown: value.to_owned(), sealed: None };
        }
        let shown = if looks_secret(name, value) { MASK.to_owned() } else { mask(value) };
        let sealed = (shown != value).then(|| Hasher::keyed(self.key, "sealed").text(name).text(value).finish());
        PartValue { shown, sealed }
    }

    /// The same value without what is shown of it; of an empty one there is nothing to hide.
    #[must_use]
    pub fn hidden(&self, name: &str, value: &PartValue) -> PartValue {
        if value.shown.is_empty() {
            return value.clone();
        }
        let sealed = Hasher::keyed(self.key, "sealed").text(name).text(&value.shown).finish();
        PartValue { shown: MASK.to_owned(), sealed: value.sealed.or(Some(sealed)) }
    }

    /// What is known of an image, as it may be kept: without values that look like secrets. [`Sealer::value`] takes what
    /// stands in their place for the values themselves. `None` where a secret stands elsewhere than in a variable.
    #[must_use]
    pub fn kept(&self, image: &Image) -> Option<Image> {
        let mut image = image.clone();
        if let Some(config) = &mut image.config {
            let mut texts = [&config.workdir, &config.user].into_iter().chain(&config.shell).chain(&config.onbuild);
            if texts.any(|text| mask(text) != *text) {
                return None;
            }
            for (name, value) in &mut config.env {
                *value = self.pack(name, value);
            }
        }
        Some(image)
    }

    fn pack(&self, name: &str, value: &str) -> String {
        let PartValue { shown, sealed } = self.value(name, value);
        sealed.map_or_else(|| value.to_owned(), |sealed| format!("{PACKED}{sealed}{shown}"))
    }

    fn part(&self, kind: PartKind, name: &str, value: &str) -> KeyPart {
        KeyPart { kind, name: name.to_owned(), value: self.value(name, value) }
    }

    /// The parts of an operation. `continues` says whether it continues a file system.
    #[must_use]
    pub fn parts(&self, op: &Op, continues: bool) -> Vec<KeyPart> {
        match op {
            Op::Image(image) => self.image_parts(image),
            Op::Context(_) | Op::Merge => Vec::new(),
            Op::Remote(address) => vec![self.part(PartKind::Remote, "", address)],
            Op::Exec(exec) => self.exec_parts(exec),
            Op::File(actions) => {
                // An action has up to four, of which a folder's timestamp and a copy's owner and mode are seldom there.
                let mut parts = Vec::with_capacity(1 + 3 * actions.len());
                parts.push(self.part(PartKind::Wiring, "base", if continues { "yes" } else { "no" }));
                for (index, action) in actions.iter().enumerate() {
                    self.action_parts(action, &index.to_string(), &mut parts);
                }
                parts
            }
        }
    }

    fn image_parts(&self, image: &ImageSource) -> Vec<KeyPart> {
        self.image_named(image.identity(), image)
    }

    fn image_named(&self, identity: &str, image: &ImageSource) -> Vec<KeyPart> {
        vec![self.part(PartKind::Image, "", identity), self.part(PartKind::Platform, "", &image.name.platform)]
    }

    /// The key of an image whose layers are known, as it is when they are not.
    #[must_use]
    pub fn key_by_reference(&self, image: &ImageSource) -> Option<CacheKey> {
        image.layers.as_ref()?;
        let parts = self.image_named(&image.name.reference, image);
        Some(key(&op_digest(&Op::Image(image.clone()), &parts), &[]))
    }

    fn exec_parts(&self, exec: &Exec) -> Vec<KeyPart> {
        // The eight are the parts that every command has, and two mounts or so.
        let mut parts = Vec::with_capacity(exec.env.len() + 8);
        parts.push(self.part(PartKind::Shell, "", &exec.args[..exec.n_shell_args].join("\n")));
        parts.push(self.part(PartKind::Command, "", &exec.args.join("\n")));
        for variable in &exec.env {
            let kind = if variable.from_arg { PartKind::Arg } else { PartKind::Env };
            parts.push(self.part(kind, &variable.name, &variable.value));
        }
        parts.push(self.part(PartKind::Workdir, "", &exec.workdir));
        parts.push(self.part(PartKind::User, "", &exec.user));
        parts.extend(self.host_parts(exec));
        parts.push(self.part(PartKind::Network, "", exec.network.as_deref().unwrap_or("default")));
        parts.extend(exec.security.iter().map(|mode| self.part(PartKind::Security, "security", mode)));
        parts.extend(exec.devices.iter().map(|device| self.part(PartKind::Security, "device", device)));
        parts.extend(exec.mounts.iter().map(|mount| self.part(PartKind::Mount, &mount.target, &mount_text(mount))));
        parts.extend(exec.secret_env.iter().map(|secret| self.part(PartKind::Mount, "secret", secret)));
        parts.push(self.part(PartKind::Platform, "", &exec.platform));
        parts
    }

    fn host_parts(&self, exec: &Exec) -> Vec<KeyPart> {
        let one = |name: &'static str, value: &Option<String>| {
            value.iter().map(move |v| (name, v.clone())).collect::<Vec<_>>()
        };
        let many =
            |name: &'static str, values: &[String]| values.iter().map(move |v| (name, v.clone())).collect::<Vec<_>>();
        let named = [
            one("hostname", &exec.hostname),
            many("add-host", &exec.extra_hosts),
            many("ulimit", &exec.ulimits),
            one("cgroup-parent", &exec.cgroup_parent),
        ];
        named.concat().iter().map(|(name, value)| self.part(PartKind::Host, name, value)).collect()
    }

    fn action_parts(&self, action: &FileAction, name: &str, parts: &mut Vec<KeyPart>) {
        match action {
            FileAction::Mkdir { path, mode, owner, timestamp } => {
                parts.push(self.part(PartKind::Workdir, name, path));
                parts.push(self.part(PartKind::Mode, name, &format!("{mode:04o}")));
                parts.extend(owner.iter().map(|owner| self.part(PartKind::Owner, name, &owner_text(owner))));
                parts.extend(timestamp.iter().map(|time| self.part(PartKind::Timestamp, name, &time.to_string())));
            }
            FileAction::Mkfile { name: file, mode, content, .. } => {
                parts.push(self.part(PartKind::Source, name, file));
                parts.push(self.part(PartKind::Mode, name, &format!("{mode:04o}")));
                parts.push(self.part(PartKind::Data, name, &content.to_string()));
            }
            FileAction::Copy(copy) => self.copy_parts(copy, name, parts),
        }
    }

    fn copy_parts(&self, copy: &CopyAction, name: &str, parts: &mut Vec<KeyPart>) {
        parts.push(self.part(PartKind::Source, name, &source_text(copy)));
        parts.push(self.part(PartKind::Destination, name, &copy.dest));
        parts.push(self.part(PartKind::Wiring, name, &copy.input.to_string()));
        parts.extend(copy.owner.iter().map(|owner| self.part(PartKind::Owner, name, &owner_text(owner))));
        parts.extend(copy.mode.iter().map(|mode| {
            let text = match mode {
                Chmod::Octal(bits) => format!("{bits:04o}"),
                Chmod::Symbolic(text) => text.clone(),
            };
            self.part(PartKind::Mode, name, &text)
        }));
    }
}

/// Stands before a value of which only the seal is kept. No variable of an image begins with it: runtimes refuse NUL.
const PACKED: &str = "\0sealed ";

fn unpack(value: &str) -> Option<(String, ContentDigest)> {
    let (sealed, shown) = value.strip_prefix(PACKED)?.split_at_checked(64)?;
    Some((shown.to_owned(), sealed.parse().ok()?))
}

/// The same operation upon an image whose configuration is only assumed: it tells nothing of one upon an image that is
/// known to be configured so.
#[must_use]
pub fn upon_assumed(op: &ContentDigest) -> ContentDigest {
    Hasher::new("assumed").digest(op).finish()
}

/// The digest of an operation's parts.
#[must_use]
pub fn op_digest(op: &Op, parts: &[KeyPart]) -> ContentDigest {
    let mut hasher = Hasher::new(match op {
        Op::Image(_) => "image",
        Op::Context(_) => "context",
        Op::Remote(_) => "remote",
        Op::Exec(_) => "exec",
        Op::File(_) => "file",
        Op::Merge => "merge",
    });
    for part in parts.iter().filter(|part| part.kind != PartKind::Shell) {
        let kind = if part.kind == PartKind::Arg { PartKind::Env } else { part.kind };
        hasher.number(kind as u64).text(&part.name);
        match &part.value.sealed {
            Some(sealed) => hasher.digest(sealed),
            None => hasher.text(&part.value.shown),
        };
    }
    hasher.finish()
}

/// The key of an operation on its inputs.
#[must_use]
pub fn key(op: &ContentDigest, inputs: &[InputKey]) -> CacheKey {
    let mut hasher = Hasher::new("key");
    hasher.digest(op);
    for input in inputs {
        match input {
            InputKey::Base(key) => hasher.text("base").digest(key),
            InputKey::Content(content) => hasher.text("content").digest(content),
            InputKey::Files(key, selectors) => {
                hasher.text("files").digest(key);
                for selector in selectors {
                    hasher.text(&selector.path);
                }
                &mut hasher
            }
        };
    }
    hasher.finish()
}

fn source_text(copy: &CopyAction) -> String {
    let path = &copy.selector.path;
    let name = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("/");
    let mut text = name.to_owned();
    for (flag, patterns) in
        [("include", &copy.selector.include), ("exclude", &copy.selector.exclude), ("require", &copy.selector.required)]
    {
        for pattern in patterns {
            text = format!("{text}\n{flag}={pattern}");
        }
    }
    for (flag, set) in [("unpack", copy.unpack), ("inline", copy.inline)] {
        if set {
            text = format!("{text}\n{flag}");
        }
    }
    text
}

fn owner_text(owner: &Owner) -> String {
    let principal = |principal: &Principal| match principal {
        Principal::Id(id) => id.to_string(),
        Principal::Name(name) => format!("name {name}"),
    };
    let group = owner.group.as_ref().map(|group| format!(":{}", principal(group))).unwrap_or_default();
    principal(&owner.user) + &group
}

fn mount_text(mount: &ExecMount) -> String {
    let kind = match &mount.kind {
        MountOp::Bind => "bind".to_owned(),
        MountOp::Cache { default_identity: Some(id) } => format!("cache id={id}"),
        MountOp::Cache { default_identity: None } => "cache".to_owned(),
        MountOp::Tmpfs { size } => format!("tmpfs size={size}"),
        MountOp::Secret(text) => format!("secret {text}"),
        MountOp::Ssh(text) => format!("ssh {text}"),
    };
    let input = match &mount.shares_input_of {
        Some(other) => format!(" from the source of {other}"),
        None if mount.has_input => " from".to_owned(),
        None => String::new(),
    };
    let read_only = if mount.read_only { " readonly" } else { "" };
    format!("{kind}{input}{read_only}")
}
