//! `RUN` as an execution: its words, its mounts and the inputs they read.

use std::collections::BTreeMap;

use super::exec::{Exec, ExecMount, MountOp};
use super::site::{Lowering, MAIN_CONTEXT, Site, base};
use super::stage_state::clean;
use super::{FileAction, Input, Op, Owner, Principal, Reads, Vertex, VertexId};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::Run;
use crate::dockerfile::heredoc;
use crate::dockerfile::mount::{Mount, MountType, Sharing};
use crate::selector::Selector;

const HEREDOC_FOLDER: &str = "/dev/pipes/";

/// A mount, its place in BuildKit's order and the files it reads.
struct Mounted {
    mount: ExecMount,
    reads: Option<(VertexId, String)>,
}

impl Lowering<'_> {
    pub(super) fn run(&mut self, site: &mut Site<'_>, run: &Run) -> Result<(), Diagnostic> {
        for (flag, used) in [("security", run.security.is_some()), ("device", !run.devices.is_empty())] {
            if used && !self.request.profile.knows_flag(flag) {
                return Err(site.error_at(&format!("--{flag}"), format!("unknown flag: --{flag}")));
            }
        }
        // Other instructions go through the shell lexer or JSON, which put U+FFFD in place; protobuf takes only UTF-8.
        if run.command.shell && site.instruction.has_replaced_bytes {
            return Err(site.not_utf8("failed to marshal LLB definition: string field contains invalid UTF-8"));
        }
        let mut mounted = Vec::new();
        let words = self.words(site, run, &mut mounted);
        let mut secret_env = Vec::new();
        for value in &run.mounts {
            self.mount(site, value, &mut mounted, &mut secret_env)?;
        }
        if self.request.shm_size > 0 {
            let memory = MountOp::Tmpfs { size: self.request.shm_size };
            mounted.push(ExecMount::sourceless("/dev/shm".to_owned(), memory, false).into());
        }
        mounted.sort_by(|a, b| a.mount.sort_key().cmp(&b.mount.sort_key()));
        note_shared_inputs(site.state.vertex, &mut mounted);
        let n_shell_args = if run.command.shell { site.state.shell.len() } else { 0 };
        let shell = site.state.shell.iter().filter(|_| run.command.shell).cloned();
        let exec = Exec {
            args: shell.chain(words).collect(),
            n_shell_args,
            env: site.state.env.clone(),
            workdir: site.state.workdir.clone(),
            user: site.state.user.clone(),
            hostname: self.request.build_args.get("BUILDKIT_SANDBOX_HOSTNAME").cloned(),
            extra_hosts: self.request.extra_hosts.clone(),
            ulimits: self.request.ulimits.clone(),
            cgroup_parent: self.request.cgroup_parent.clone(),
            network: network(site, run, self.request.network.as_deref())?,
            security: run.security.as_ref().map(String::from).filter(|mode| mode != "sandbox"),
            devices: run.devices.iter().map(String::from).collect(),
            mounts: mounted.iter().map(|mounted| mounted.mount.clone()).collect(),
            secret_env,
            platform: site.state.platform.clone(),
        };
        let inputs = inputs(site.state.vertex, &mounted);
        let vertex = Vertex { op: Op::Exec(Box::new(exec)), inputs, ignore_cache: site.ignore_cache };
        site.finish(self.builder.add(vertex));
        Ok(())
    }

    /// The words that are executed behind the shell. A lone here-document is the script itself; one that begins
    /// with `#!` becomes a file; beside other words the raw body follows the line, as a shell would read it.
    fn words(&mut self, site: &Site<'_>, run: &Run, mounted: &mut Vec<Mounted>) -> Vec<String> {
        let heredocs = &site.instruction.heredocs;
        let Some(first) = heredocs.first().filter(|_| run.command.shell) else {
            return run.command.words.iter().map(String::from).collect();
        };
        let line = run.command.words.join(" ");
        if !heredoc::is_whole(&line) {
            let bodies: String =
                heredocs.iter().map(|heredoc| format!("\n{}{}", heredoc.content, heredoc.name)).collect();
            return vec![line + &bodies];
        }
        let body = first.body();
        if !body.starts_with("#!") {
            return vec![body];
        }
        let file = self.inline_file(&first.name, 0o755, &body);
        let mount =
            ExecMount { has_input: true, ..ExecMount::sourceless(HEREDOC_FOLDER.to_owned(), MountOp::Bind, true) };
        mounted.push(Mounted { mount, reads: Some((file, "/".to_owned())) });
        vec![format!("{HEREDOC_FOLDER}{}", first.name)]
    }

    fn mount(
        &mut self,
        site: &mut Site<'_>,
        value: &str,
        mounted: &mut Vec<Mounted>,
        secret_env: &mut Vec<String>,
    ) -> Result<(), Diagnostic> {
        let mut expand = |word: &str| site.expand(word).map_err(|diagnostic| diagnostic.message);
        let mount = Mount::parse(value, &mut expand).map_err(|bad| {
            let field = bad.field.filter(|field| !field.is_empty()).unwrap_or_else(|| value.to_owned());
            site.error_at(&field, bad.reason)
        })?;
        let target = absolute_target(&site.state.workdir, &mount.target);
        match mount.mount_type {
            MountType::Secret => {
                let (file, variable) = secret(&mount).map_err(|error| site.error_at(value, error))?;
                secret_env.extend(variable);
                mounted.extend(file.map(Mounted::from));
                return Ok(());
            }
            MountType::Ssh => {
                mounted.push(ssh(&mount).into());
                return Ok(());
            }
            _ if target == "/" => return Err(site.error_at(value, format!("invalid mount target {target:?}"))),
            MountType::Tmpfs => {
                let size = u64::try_from(mount.size).unwrap_or(0);
                mounted.push(ExecMount::sourceless(target, MountOp::Tmpfs { size }, mount.readonly).into());
            }
            MountType::Bind | MountType::Cache => {
                let reads = self.mount_source(site, &mount)?;
                let default_identity = default_identity(&mount, &target, self.request);
                let kind = match mount.mount_type {
                    MountType::Cache => MountOp::Cache { default_identity },
                    _ => MountOp::Bind,
                };
                let has_input = reads.is_some();
                let mount = ExecMount { has_input, ..ExecMount::sourceless(target, kind, mount.readonly) };
                mounted.push(Mounted { mount, reads });
            }
        }
        Ok(())
    }

    /// What a bind or cache mount shows: files of the context, a stage or an image; nothing for a plain cache.
    fn mount_source(&mut self, site: &mut Site<'_>, mount: &Mount) -> Result<Option<(VertexId, String)>, Diagnostic> {
        let source = clean(&mount.source);
        let from = match mount.from.as_str() {
            from if !from.is_empty() => self.stage_or_image(site, from, false)?,
            _ if matches!(mount.mount_type, MountType::Cache) => None,
            _ => {
                self.request_path(Some(MAIN_CONTEXT), &source);
                Some(self.builder.source(Op::Context(MAIN_CONTEXT.to_owned())))
            }
        };
        if let Some(vertex) = from
            && !mount.from.is_empty()
            && let Op::Context(name) = &self.builder.graph[petgraph::graph::NodeIndex::new(vertex.index())].op
        {
            let name = name.clone();
            self.request_path(Some(&name), &source);
        }
        if source != "/" || (mount.uid, mount.gid, mount.mode) == (None, None, None) {
            return Ok(from.map(|vertex| (vertex, source)));
        }
        let owner =
            Owner { user: Principal::Id(mount.uid.unwrap_or(0)), group: Some(Principal::Id(mount.gid.unwrap_or(0))) };
        let mode = mount.mode.unwrap_or(0o755);
        let action = FileAction::Mkdir { path: "/cache".to_owned(), mode, owner: Some(owner), timestamp: None };
        let folder = Vertex { op: Op::File(vec![action]), inputs: base(from), ignore_cache: false };
        Ok(Some((self.builder.add(folder), "/cache".to_owned())))
    }
}

/// Which of several mounts read one input: BuildKit's operation holds the number of each mount's input.
fn note_shared_inputs(root: Option<VertexId>, mounted: &mut [Mounted]) {
    let mut readers: BTreeMap<VertexId, String> = root.map(|root| (root, "/".to_owned())).into_iter().collect();
    for Mounted { mount, reads } in mounted {
        let Some((from, _)) = reads else { continue };
        mount.shares_input_of = readers.get(from).cloned();
        readers.entry(*from).or_insert_with(|| mount.target.clone());
    }
}

/// The inputs of an execution: its root file system, then what its mounts read. Where a mount reads the very file
/// system that the step continues, both are one input, compared by content as a whole.
fn inputs(root: Option<VertexId>, mounted: &[Mounted]) -> Vec<Input> {
    let mut inputs = base(root);
    for (from, source) in mounted.iter().filter_map(|mounted| mounted.reads.clone()) {
        let selector = Selector::plain(source);
        match inputs.iter_mut().find(|input| input.from == from) {
            Some(Input { reads: Reads::Content(list), .. }) => list.push(selector),
            Some(input) => input.reads = Reads::Content(vec![Selector::plain("/")]),
            None => inputs.push(Input { from, reads: Reads::Content(vec![selector]) }),
        }
    }
    inputs
}

impl From<ExecMount> for Mounted {
    fn from(mount: ExecMount) -> Self {
        Self { mount, reads: None }
    }
}

impl ExecMount {
    /// A mount that reads no input.
    fn sourceless(target: String, kind: MountOp, read_only: bool) -> Self {
        Self { target, kind, has_input: false, shares_input_of: None, read_only }
    }

    /// BuildKit's order: files and memory by target, then secrets and agents as they are written.
    fn sort_key(&self) -> (u8, &str) {
        match self.kind {
            MountOp::Bind | MountOp::Cache { .. } | MountOp::Tmpfs { .. } => (0, self.target.as_str()),
            MountOp::Secret(_) => (1, ""),
            MountOp::Ssh(_) => (2, ""),
        }
    }
}

fn network(site: &Site<'_>, run: &Run, of_build: Option<&str>) -> Result<Option<String>, Diagnostic> {
    // `RUN --network=default` says nothing, so the build's network stands (dockerfile2llb/convert_runnetwork.go).
    let of_run = run.network.as_deref().filter(|network| *network != "default");
    match of_run.or(of_build).unwrap_or("default") {
        "default" => Ok(None),
        network @ ("host" | "none") => Ok(Some(network.to_owned())),
        other => Err(site.error_at(other, format!("invalid network mode {other:?}"))),
    }
}

/// An absolute target as written, a relative one joined to the working folder.
fn absolute_target(workdir: &str, target: &str) -> String {
    match target {
        "" => "/".to_owned(),
        target if target.starts_with('/') && clean(target) == "/" => "/".to_owned(),
        target if target.starts_with('/') => target.to_owned(),
        target => clean(&format!("{workdir}/{target}")),
    }
}

/// The identity of a cache mount as far as it enters the key: only where, shared, it is spelled like the target,
/// as a whole or behind its first slash (checkShouldClearCacheOpts in solver/llbsolver/ops/exec.go).
fn default_identity(mount: &Mount, target: &str, request: &crate::request::Request) -> Option<String> {
    let namespace = request.build_args.get("BUILDKIT_CACHE_MOUNT_NS").map_or("", String::as_str);
    let id = if mount.id.is_empty() { clean_relative(&mount.target) } else { mount.id.clone() };
    let identity = format!("{namespace}/{id}");
    let is_target = identity == target || identity.split_once('/').is_some_and(|(_, id)| id == target);
    let is_shared = matches!(mount.sharing, None | Some(Sharing::Shared));
    (is_target && is_shared).then_some(identity)
}

fn clean_relative(path: &str) -> String {
    let cleaned = clean(path);
    if path.starts_with('/') { cleaned } else { cleaned.trim_start_matches('/').to_owned() }
}

/// A secret as a file and as a variable of the environment (dockerfile2llb/convert_secrets.go).
fn secret(mount: &Mount) -> Result<(Option<ExecMount>, Option<String>), String> {
    let id = match (mount.source.as_str(), mount.id.as_str(), mount.target.as_str()) {
        (source, ..) if !source.is_empty() => source.to_owned(),
        (_, id, _) if !id.is_empty() => id.to_owned(),
        (.., "") => return Err("one of source, target required".to_owned()),
        (.., target) => target.rsplit('/').next().unwrap_or_default().to_owned(),
    };
    let optional = !mount.required;
    let variable = mount.env.as_ref().map(|env| format!("{env} id={id} optional={optional}"));
    if mount.env.is_some() && mount.target.is_empty() {
        return Ok((None, variable));
    }
    let target = match mount.target.as_str() {
        "" => format!("/run/secrets/{}", id.rsplit('/').next().unwrap_or_default()),
        target => target.to_owned(),
    };
    let rights = rights(mount, 0o400);
    let file = MountOp::Secret(format!("id={id} optional={optional} {rights}"));
    Ok((Some(ExecMount::sourceless(target, file, false)), variable))
}

fn ssh(mount: &Mount) -> ExecMount {
    // An id that was not given is not the same as `default`: BuildKit fills it in after the key is made.
    let rights = rights(mount, 0o600);
    let agent = MountOp::Ssh(format!("id={} optional={} {rights}", mount.id, !mount.required));
    ExecMount::sourceless(mount.target.clone(), agent, false)
}

fn rights(mount: &Mount, default_mode: u32) -> String {
    let mode = mount.mode.unwrap_or(default_mode);
    format!("uid={} gid={} mode={mode:04o}", mount.uid.unwrap_or(0), mount.gid.unwrap_or(0))
}
