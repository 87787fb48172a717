#!/usr/bin/env bash
# How fast stageplan is, beside what a user would otherwise wait for.
#
#   benches/compare.sh                  every row
#   benches/compare.sh ROW...           these rows: second edited record million ten-thousand ignored
#                                       instructions parse start-up watch replay
#
# Makes trees of files in a temporary folder, runs stageplan and its peers in turn, and prints a table: the goal, what
# was measured, what the peer took, their ratio, and whether the goal is met. Goals are ratios, so that they hold on any
# machine. benches/README.md says what each row does.
#
# A peer that is missing is named, and its goals are shown as not measured: b3sum (`cargo install b3sum`), docker with
# buildx (`eval "$(tests/engine/up.sh)"`), watchexec (`cargo install watchexec-cli`). Exit status: 0 all goals met, 1 one missed, 2 none missed but
# not all measured.
#
#   STAGEPLAN=path    the binary; default: target/release/stageplan, built first
#   RUNS=n            runs of each command; default 9
#   FILES=n           files in the tree of second, edited and record; default 100000
#   MANY_FILES=n      files in the trees of million and ignored; default 1000000
#   TMPDIR=dir        where the trees go: 6 GB and 1.3 million inodes for all rows
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf 'compare: %s\n' "$*" >&2; }
die() { say "$*"; exit 2; }

for program in python3 git cargo; do command -v "$program" >/dev/null || die "needs $program"; done

if [ -n "${STAGEPLAN:-}" ]; then
  command -v "$STAGEPLAN" >/dev/null || die "no program at STAGEPLAN=$STAGEPLAN"
  STAGEPLAN=$(realpath "$(command -v "$STAGEPLAN")")
else
  say "building the release binary"
  (cd "$top" && cargo build --release --quiet) || die "the binary does not build"
  STAGEPLAN=${CARGO_TARGET_DIR:-$top/target}/release/stageplan
fi
export STAGEPLAN

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Nothing of the user's own settings may change what is compared.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null PYTHONDONTWRITEBYTECODE=1
python3 "$top/benches/compare/table.py" "$top" "$work" "$@"
