//! The operations a case performs between two builds. A path is relative to the context; `../extra/x` is beside it.
//!
//! In: one operation in JSON. Out: an [`Edit`], which [`super::project::Project::apply`] carries out.

use serde::{Deserialize, Serialize};

use super::Text;

/// One operation.
#[derive(Clone, Deserialize, Serialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Edit {
    /// New bytes; an existing file keeps its mode unless one is given.
    Write {
        path: String,
        text: Option<String>,
        b64: Option<String>,
        mode: Option<String>,
    },
    /// New bytes under the old modification time; `new_inode` puts another file in the place of the old one.
    WriteKeepMtime {
        path: String,
        text: Option<String>,
        b64: Option<String>,
        #[serde(default)]
        new_inode: bool,
    },
    Append {
        path: String,
        text: String,
    },
    /// A file, or a folder with all that is in it.
    Delete {
        path: String,
    },
    Rename {
        path: String,
        to: String,
    },
    Chmod {
        path: String,
        mode: String,
    },
    /// Sets the owner; where this is not permitted the owner stays.
    Chown {
        path: String,
        uid: u32,
        gid: u32,
    },
    /// The modification time moves by an hour, nothing else.
    Touch {
        path: String,
    },
    /// As `touch`, for every file of the context.
    TouchAll {},
    /// Every file and folder gets the modes that a checkout under this umask has.
    CheckoutUmask {
        umask: String,
    },
    Mkdir {
        path: String,
    },
    Symlink {
        path: String,
        target: String,
    },
    HardLink {
        path: String,
        to: String,
    },
    Fifo {
        path: String,
    },
    Socket {
        path: String,
    },
    SetXattr {
        path: String,
        name: String,
        value: String,
    },
    /// The first occurrence of a text, or the whole file.
    #[serde(rename = "edit_dockerfile")]
    Dockerfile {
        replace: Option<(String, String)>,
        text: Option<Text>,
    },
    /// The ignore file's whole text; `.dockerignore` unless `path` says otherwise.
    #[serde(rename = "edit_dockerignore")]
    Ignorefile {
        text: String,
        path: Option<String>,
    },
    SetDockerfilePath {
        path: String,
    },
    SetTarget {
        target: Option<String>,
    },
    /// Without a value, the value is the environment's.
    SetBuildArg {
        name: String,
        value: Option<String>,
    },
    UnsetBuildArg {
        name: String,
    },
    SetSecret {
        id: String,
        text: String,
    },
    UnsetSecret {
        id: String,
    },
    /// A variable of the environment the program runs in.
    SetEnv {
        name: String,
        value: String,
    },
    /// The arguments of the builds from here on, in place of the earlier ones; `{native}` is this machine's platform.
    SetArguments {
        arguments: Vec<String>,
    },
    /// The context's folder gets another name.
    RenameContext {
        to: String,
    },
    /// From here on the context is a copy of itself elsewhere, in a folder of the same name.
    OtherCheckout {},
}
