#!/usr/bin/env bash
# How long a scan and an explanation take, measured against what a user would otherwise wait for.
#
#   benches/compare.sh [FILES]        10,000 files by default, 66 MB in all
#
# Makes a tree of FILES files with the same bytes every time in a temporary folder, warms the page cache, and
# takes the median of several runs of:
#
#   record     `stageplan record` with an empty state folder
#   explain    `stageplan explain` after that record
#   status     `git status` in the same tree, all of it committed
#   build      a fully cached `docker buildx build` of the same context, where an engine answers
#
# The goals are ratios, so that they hold on any machine: record at most 1/3 of the cached build, explain at most
# 1/10. A peer that is missing is named, and its goals are shown as not measured. Exit status: 0 all
# goals met, 1 one was missed, 2 nothing was missed but not every goal could be measured.
#
#   STAGEPLAN=path    the binary; default: target/release/stageplan, built first
#   RUNS=n            runs of each command; default 7
#
# An engine for the last row, where there is none: eval "$(tests/engine/up.sh)"
set -euo pipefail

files=${1:-10000}
runs=${RUNS:-7}
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
base_image=stageplan/base:busybox

say() { printf 'compare: %s\n' "$*" >&2; }
die() { say "$*"; exit 2; }

[[ $files =~ ^[1-9][0-9]*$ && $runs =~ ^[1-9][0-9]*$ ]] || die "usage: [RUNS=n] benches/compare.sh [FILES]"
command -v python3 >/dev/null || die "needs python3, for timing"

work=$(mktemp -d)
# The tree has a name of its own, because engines keep one copy of a context per folder name.
tree=$work/stageplan-bench-$files-$$
trap 'rm -rf "$work"' EXIT

find_binary() {
  if [ -n "${STAGEPLAN:-}" ]; then
    command -v "$STAGEPLAN" >/dev/null || die "no program at STAGEPLAN=$STAGEPLAN"
    STAGEPLAN=$(realpath "$(command -v "$STAGEPLAN")")
    return
  fi
  say "building the release binary"
  (cd "$top" && cargo build --release --quiet) || die "the binary does not build"
  STAGEPLAN=${CARGO_TARGET_DIR:-$top/target}/release/stageplan
}

make_tree() {
  say "making $files files"
  python3 - "$tree" "$files" <<'PYTHON'
import hashlib, os, sys

root, n_files = sys.argv[1], int(sys.argv[2])
# Sizes as in a source tree: many small files, a few large ones; their mean is 6,600 bytes.
sizes = [400, 900, 1_600, 2_500, 4_000, 6_000, 9_000, 14_000, 27_600, 0]
written = 0
for i in range(n_files):
    folder = os.path.join(root, "src", f"package-{i // 500:03}", f"part-{i // 25 % 20:02}")
    if i % 25 == 0:
        os.makedirs(folder, exist_ok=True)
    seed = hashlib.sha256(str(i).encode()).hexdigest()
    text = (seed + "\n") * (sizes[i % len(sizes)] // 65 + 1)
    data = text[: sizes[i % len(sizes)]].encode()
    with open(os.path.join(folder, f"module-{i:06}.ts"), "wb") as file:
        file.write(data)
    written += len(data)
print(f"compare: {written / 1e6:.1f} MB", file=sys.stderr)
PYTHON
  git -C "$tree" init -q
}

write_dockerfile() { # BASE
  printf 'FROM %s\nCOPY . /\n' "$1" >"$tree/Dockerfile"
  # What git keeps is neither sent nor hashed, and the Dockerfile differs between the bases.
  printf '.git\nDockerfile\n.dockerignore\n' >"$tree/.dockerignore"
  git -C "$tree" add -A
  git -C "$tree" -c user.name=bench -c user.email=bench@localhost -c core.fsmonitor=false commit -q --no-gpg-sign -m tree
  # Otherwise the disk still writes the new tree while the first programs are timed.
  sync
}

warm_page_cache() { find "$tree" -type f -print0 | xargs -0 cat >/dev/null; }

# Prints the median of RUNS runs in seconds, or nothing where the command fails. The first argument is a
# command run before each, unmeasured. The last 4 lines of a failed command's output go to stderr.
median() { # BEFORE COMMAND...
  python3 - "$runs" "$@" <<'PYTHON'
import statistics, subprocess, sys, time

n_runs, before, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
seconds = []
for _ in range(n_runs + 1):
    subprocess.run(before, shell=True, check=True)
    started = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seconds.append(time.perf_counter() - started)
    if done.returncode != 0:
        tail = done.stdout.decode(errors="replace").strip().splitlines()[-4:]
        print(f"compare: `{' '.join(command)}` exited with {done.returncode}", *tail, sep="\n  ", file=sys.stderr)
        sys.exit(0)
# The first run only warms up: git, for one, rewrites a fresh index then.
print(f"{statistics.median(seconds[1:]):.6f}")
PYTHON
}

# The baseline must really hold the record: otherwise `explain` would be timed doing nothing.
check_explain() {
  "$STAGEPLAN" explain "$tree" --state-dir "$work/state" --format json --exit-code >"$work/explain.json" 2>"$work/explain.err" \
    || { say "\`explain\` after \`record\` does not say hit for every step; its time is not used"; tail -4 "$work/explain.err" >&2; return 1; }
  grep -q '"stageplan.explain/' "$work/explain.json" || { say "\`explain\` printed no report; its time is not used"; return 1; }
}

measure_build() {
  if ! command -v docker >/dev/null || ! docker info >/dev/null 2>&1; then
    say "NO PEER: docker reaches no engine, so no build is measured (see tests/engine/up.sh)"
    return
  fi
  docker buildx version >/dev/null 2>&1 || { say "NO PEER: docker has no buildx, so no build is measured"; return; }
  local build=(docker buildx build --progress=plain "$tree")
  say "first build, to fill the engine's cache"
  "${build[@]}" >"$work/build.log" 2>&1 || { say "NO PEER: the build fails"; tail -4 "$work/build.log" >&2; return; }
  "${build[@]}" >"$work/build.log" 2>&1
  grep -q '^#[0-9]* CACHED' "$work/build.log" || { say "NO PEER: the second build is not cached"; return; }
  median true "${build[@]}"
}

report() {
  python3 - "$files" "$runs" "$record" "$explain" "$status" "$build" <<'PYTHON'
import sys

n_files, runs, *medians = sys.argv[1:]
record, explain, status, build = (float(m) if m else None for m in medians)

def shown(seconds):
    return "not measured" if seconds is None else f"{seconds * 1000:.1f} ms"

def ratio(measured, peer):
    return None if measured is None or not peer else measured / peer

rows = [
    ("record <= 1/3 of the cached build", record, build, 1 / 3),
    ("explain <= 1/10 of the cached build", explain, build, 1 / 10),
    ("record, beside git status", record, status, None),
    ("explain, beside git status", explain, status, None),
]
print(f"{n_files} files, page cache warm, medians of {runs} runs\n")
print(f"{'goal':36} {'measured':>13} {'peer':>13} {'ratio':>7}  verdict")
verdicts = []
for goal, measured, peer, limit in rows:
    value = ratio(measured, peer)
    if limit is None:
        verdict = ""
    else:
        verdict = "not measured" if value is None else "met" if value <= limit else "MISSED"
        verdicts.append(verdict)
    print(f"{goal:36} {shown(measured):>13} {shown(peer):>13} {'-' if value is None else f'{value:.3f}':>7}  {verdict}".rstrip())
sys.exit(1 if "MISSED" in verdicts else 2 if "not measured" in verdicts else 0)
PYTHON
}

find_binary
make_tree
base=scratch
if docker image inspect "$base_image" >/dev/null 2>&1; then base=$base_image; fi
write_dockerfile "$base"
warm_page_cache

say "git status"
status=$(median true git -C "$tree" -c core.fsmonitor=false status --porcelain)
say "record"
record=$(median "rm -rf '$work/state'" "$STAGEPLAN" record "$tree" --state-dir "$work/state")
explain=
if [ -z "$record" ]; then
  say "\`stageplan record\` fails, so \`explain\` is not measured"
elif check_explain; then
  say "explain"
  explain=$(median true "$STAGEPLAN" explain "$tree" --state-dir "$work/state")
fi
say "cached build"
build=$(measure_build)
report
