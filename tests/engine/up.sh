#!/usr/bin/env bash
# A real Docker Engine with BuildKit and buildx, for tests and benches that build images.
#
#   eval "$(tests/engine/up.sh)"
#
# stdout holds only the environment to use the engine with; everything else goes to stderr. An engine that
# `docker buildx` already reaches is used as it is. Otherwise, as root on Debian bookworm, the Docker, buildx and
# containerd packages of Debian trixie are unpacked below $ENGINE_HOME (nothing of them is installed) and
# dockerd is started on a private socket, with bookworm's runc and with garbage collection of the build cache
# off, so that no cached step disappears between two builds of a test. The base image of the tests,
# `stageplan/base:busybox`, is made from busybox-static when it is missing.
#
# Running it again is harmless. To stop the engine it started: kill "$(cat "$ENGINE_HOME/dockerd.pid")"
set -euo pipefail
# A failure must also fail the caller's eval, which sees only stdout.
trap '[ $? = 0 ] || echo false' EXIT

home=${ENGINE_HOME:-/var/lib/stageplan-engine}
base_image=stageplan/base:busybox

say() { printf 'engine: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

install_packages() { # PACKAGE...
  { apt-get update -qq && NEEDRESTART_SUSPEND=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@"; } \
    >>"$home/apt.log" 2>&1 || { tail -20 "$home/apt.log" >&2; die "cannot install $*"; }
}

engine_answers() { docker buildx version >/dev/null 2>&1 && docker info >/dev/null 2>&1; }

unpack_engine() {
  local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  mirror=$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null) || true
  [ -n "$mirror" ] || die "found no Debian package source in /etc/apt/sources.list.d/debian.sources"
  say "unpacking Docker from Debian trixie into $home"
  mkdir -p "$home"/{debs,apt/lists/partial,apt/cache/archives/partial}
  install_packages runc iptables busybox-static
  printf 'deb [signed-by=%s] %s trixie main\n' "$keyring" "$mirror" >"$home/apt/sources.list"
  # Lists, cache and status of its own: the machine's package system never learns of trixie.
  local apt_trixie=(apt-get -qq
    -o "Dir::Etc::SourceList=$home/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$home/apt/lists" -o Dir::State::status=/dev/null
    -o "Dir::Cache=$home/apt/cache" -o APT::Sandbox::User=root)
  "${apt_trixie[@]}" update >>"$home/apt.log" 2>&1
  (cd "$home/debs" && "${apt_trixie[@]}" download docker.io docker-cli docker-buildx containerd >>"$home/apt.log" 2>&1)
  for deb in "$home"/debs/*.deb; do dpkg -x "$deb" "$home/root"; done
}

link_programs() {
  mkdir -p "$home/bin" "$home/config/cli-plugins"
  # docker-proxy: dockerd refuses to start when it does not find one on PATH.
  for program in docker containerd containerd-shim-runc-v2 docker-init dockerd docker-proxy; do
    for dir in bin sbin; do
      if [ -x "$home/root/usr/$dir/$program" ]; then ln -sfn "$home/root/usr/$dir/$program" "$home/bin/$program"; fi
    done
  done
  ln -sfn "$(command -v runc || echo /usr/sbin/runc)" "$home/bin/runc"
  ln -sfn "$home/root/usr/libexec/docker/cli-plugins/docker-buildx" "$home/config/cli-plugins/docker-buildx"
}

start_engine() {
  say "starting dockerd on $DOCKER_HOST"
  printf '{"builder": {"gc": {"enabled": false}}}\n' >"$home/daemon.json"
  setsid dockerd --config-file "$home/daemon.json" --data-root "$home/data" --exec-root "$home/exec" \
    --pidfile "$home/dockerd.pid" -H "$DOCKER_HOST" >"$home/dockerd.log" 2>&1 </dev/null &
  for _ in $(seq 60); do
    if docker info >/dev/null 2>&1; then return; fi
    sleep 0.5
  done
  tail -20 "$home/dockerd.log" >&2
  die "dockerd did not start"
}

import_base_image() {
  if docker image inspect "$base_image" >/dev/null 2>&1; then return; fi
  [ -x /bin/busybox ] || install_packages busybox-static
  local root applet
  root=$(mktemp -d)
  mkdir -p "$root"/{bin,etc,tmp,root,usr/bin}
  chmod 755 "$root"
  chmod 1777 "$root/tmp"
  cp /bin/busybox "$root/bin/busybox"
  for applet in $(/bin/busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnode:x:1000:\n' >"$root/etc/group"
  tar -C "$root" -c . | docker import - "$base_image" >/dev/null
  rm -rf "$root"
}

mkdir -p "$home"
if engine_answers; then
  say "using the engine that is already here: $(docker version -f '{{.Server.Version}}')"
  import_base_image
  exit 0
fi
[ "$(id -u)" = 0 ] || die "no engine answers, and starting one needs root"
[ -x "$home/root/usr/sbin/dockerd" ] || unpack_engine
link_programs
export PATH="$home/bin:$PATH" DOCKER_HOST="unix://$home/docker.sock" DOCKER_CONFIG="$home/config"
docker info >/dev/null 2>&1 || start_engine
import_base_image
say "Docker $(docker version -f '{{.Server.Version}}'), $(docker buildx version | cut -d' ' -f1,2)"
printf 'export PATH=%q DOCKER_HOST=%q DOCKER_CONFIG=%q\n' "$PATH" "$DOCKER_HOST" "$DOCKER_CONFIG"
