#!/usr/bin/env bash
# Stand-ins for the Node.js base images, for engines that reach no image registry: Debian bookworm with this
# machine's own Node.js and npm, so that `npm ci` and `tsc` run for real inside builds.
#
#   eval "$(tests/engine/up.sh)" && tests/engine/node-images.sh
#
#   node:22, node:20                                       Node.js, npm, a C++ compiler, git (large)
#   node:{22,20}-slim, node:{22,20}-alpine, node:20-alpine3.19   Node.js and npm only
#   gcr.io/distroless/nodejs{20,22}-debian12               Node.js alone: no shell, ENTRYPOINT node
#
# The version of Node.js inside is the machine's, whatever the tag says. The images hold this machine's certificates
# and npm settings (but no passwords or tokens): keep them local. Builds that install packages
# need `--network=host`. Needs root; takes a minute or two; does nothing where the images exist.
set -euo pipefail

say() { printf 'node-images: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
images_exist() {
  for image in "$@"; do docker image inspect "$image" >/dev/null 2>&1 || return 1; done
}

full=(node:22 node:20)
slim=(node:22-slim node:20-slim node:22-alpine node:20-alpine node:20-alpine3.19)
distroless=(gcr.io/distroless/nodejs20-debian12 gcr.io/distroless/nodejs22-debian12)
if images_exist "${full[@]}" "${slim[@]}" "${distroless[@]}"; then exit 0; fi

command -v node >/dev/null && command -v npm >/dev/null || die "needs node and npm on this machine"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
logged() { "$@" >>"$work/log" 2>&1 || { tail -5 "$work/log" >&2; die "failed: $*"; }; }

command -v debootstrap >/dev/null || {
  logged apt-get update -qq
  NEEDRESTART_SUSPEND=1 DEBIAN_FRONTEND=noninteractive logged apt-get install -y -qq debootstrap
}
mirror=$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null) || true
[ -n "$mirror" ] || die "found no Debian package source in /etc/apt/sources.list.d/debian.sources"
node=$(readlink -f "$(command -v node)")
npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")

add_node() { # ROOT
  local root=$1
  cp "$node" "$root/usr/bin/node"
  mkdir -p "$root/usr/lib/node_modules" "$root/etc/ssl/certs" "$root/home/node"
  cp -r "$npm" "$root/usr/lib/node_modules/npm"
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/bin/npm"
  ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/bin/npx"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  if [ -f ~/.npmrc ]; then grep -viE '_auth|_password|username|email' ~/.npmrc >"$root/root/.npmrc" || true; fi
  echo 'node:x:1000:1000::/home/node:/bin/sh' >>"$root/etc/passwd"
  echo 'node:x:1000:' >>"$root/etc/group"
  chown 1000:1000 "$root/home/node"
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}
}

import() { # ROOT CHANGE... -- IMAGE...
  local root=$1 changes=() image
  shift
  while [ "$1" != -- ]; do changes+=(--change "$1"); shift; done
  shift
  tar -C "$root" -c . | docker import "${changes[@]}" - "$1" >/dev/null
  for image in "${@:2}"; do docker tag "$1" "$image"; done
}

say "bootstrapping Debian bookworm"
logged debootstrap --variant=minbase --include=ca-certificates bookworm "$work/slim" "$mirror"
cp -a "$work/slim" "$work/full"
logged chroot "$work/full" sh -c 'apt-get update -qq &&
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends g++ make python3-minimal git'
add_node "$work/slim"
add_node "$work/full"

bare=$work/bare
mkdir -p "$bare"/{nodejs/bin,tmp,etc}
cp "$work/slim/usr/bin/node" "$bare/nodejs/bin/node"
cp "$work/slim/etc/passwd" "$work/slim/etc/group" "$bare/etc/"
ldd "$work/slim/usr/bin/node" | grep -oE '/[^ ]+' | while read -r lib; do
  install -D "$(readlink -f "$lib")" "$bare$lib"
done

certificates='ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt'
import "$work/full" "$certificates" 'CMD ["node"]' -- "${full[@]}"
import "$work/slim" "$certificates" 'CMD ["node"]' -- "${slim[@]}"
import "$bare" 'ENV PATH=/nodejs/bin' 'ENTRYPOINT ["/nodejs/bin/node"]' -- "${distroless[@]}"
say "made ${full[*]} ${slim[*]} ${distroless[*]}"
