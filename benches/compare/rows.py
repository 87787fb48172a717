"""The rows of the table. Each makes what it needs below the work folder, runs stageplan and its peers in turn and
gives its checks."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import trees
import watching
from timing import Command, Failed, in_turn, peak_private_bytes, say

BASE_IMAGE = "stageplan/base:busybox"


class Check:
    """One goal: `measured` at most `limit` times `peer`, or at most `limit` where there is no peer."""

    def __init__(self, goal, measured, peer, limit, unit="s", has_peer=True, medians=None, slack=0.0):
        self.goal, self.measured, self.peer, self.unit, self.has_peer = goal, measured, peer, unit, has_peer
        self.ratio = measured / peer if measured is not None and peer else None
        self.ratio_of_medians = medians
        if measured is None or (has_peer and peer is None):
            self.verdict = "not measured"
        elif has_peer:
            is_met = self.ratio <= limit or (slack > 0 and measured - peer <= slack)
            self.verdict = "met" if is_met else "MISSED"
        else:
            self.verdict = "met" if measured <= limit else "MISSED"


def against(goal, command, peer, limit, slack=0.0):
    """The check of one timed command against another; `peer` is None where it is missing."""
    if peer is None:
        return Check(goal, command.least, None, limit)
    medians = command.median / peer.median
    return Check(goal, command.least, peer.least, limit, medians=medians, slack=slack)


class Bench:
    """What the rows share: programs, numbers, and the tree that several of them use."""

    def __init__(self, top, work):
        self.top, self.work = top, work
        self.stageplan = os.environ["STAGEPLAN"]
        self.n_runs = int(os.environ.get("RUNS", 9))
        self.n_files = int(os.environ.get("FILES", 100_000))
        self.n_many = int(os.environ.get("MANY_FILES", 1_000_000))
        self.missing = []
        self.has_docker = self.find_docker()
        self.base = BASE_IMAGE if self.has_docker and answers("docker", "image", "inspect", BASE_IMAGE) else "scratch"
        self.source = None

    def find_docker(self):
        if not shutil.which("docker") or not answers("docker", "info"):
            self.miss("docker reaches no engine, so no build is measured; tests/engine/up.sh brings one up")
            return False
        if not answers("docker", "buildx", "version"):
            self.miss("docker has no buildx, so no build is measured")
            return False
        return True

    def miss(self, what):
        say(f"NO PEER: {what}")
        self.missing.append(what)

    def folder(self, name):
        # Engines keep one copy of a context per folder name, so the name is this run's own.
        return os.path.join(self.work, f"stageplan-bench-{name}-{os.getpid()}")

    def source_tree(self):
        """The tree of `second`, `edited` and `record`, made once."""
        if self.source is None:
            say(f"making {self.n_files} files, and as many ignored ones")
            self.source = self.folder("source")
            trees.source_tree(self.source, self.n_files, self.n_files, trees.SOURCE_SIZES, self.base)
            say(f"{folder_bytes(os.path.join(self.source, 'src')) / 1e6:.0f} MB of sources")
        return self.source

    def state(self, name):
        return os.path.join(self.work, f"state-{name}")

    def words(self, command, tree, state):
        return [self.stageplan, command, tree, "--state-dir", state]

    def settle(self, tree, state):
        """Records, and explains once, so that what follows is a second `explain`; checks that every step is a hit."""
        run(self.words("record", tree, state))
        run([*self.words("explain", tree, state), "--exit-code"])


def answers(*words):
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def run(words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        tail = done.stdout.decode(errors="replace").strip().splitlines()[-4:]
        raise Failed("\n  ".join([f"`{' '.join(words)}` exited with {done.returncode}", *tail]))


def folder_bytes(root):
    return sum(os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(root) for name in names)


def status(tree):
    return Command(["git", "-C", tree, "status", "--porcelain"])


def cached_build(bench, tree):
    """The command of a build whose every step is cached; None where no engine builds it."""
    if not bench.has_docker:
        return None
    words = ["docker", "buildx", "build", "--progress=plain", tree]
    say("first build, to fill the engine's cache")
    run(words)
    second = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if b" CACHED" not in second.stdout:
        bench.miss("the second `docker buildx build` is not cached")
        return None
    return Command(words)


def second(bench):
    tree, state = bench.source_tree(), bench.state("second")
    bench.settle(tree, state)
    explain, git = Command(bench.words("explain", tree, state)), status(tree)
    build = cached_build(bench, tree)
    in_turn(bench.n_runs, explain, git, *([build] if build else []))
    size = f"{bench.n_files:,} files"
    return [
        against(f"second explain, {size}: at most 0.6 x git status", explain, git, 0.6),
        against(f"the same: at most 1/14 of the fully cached docker buildx build", explain, build, 1 / 14),
    ]


def edited(bench):
    tree, state, kept = bench.source_tree(), bench.state("edited"), bench.state("edited-kept")
    bench.settle(tree, kept)
    path = Path(tree, "src", "package-0000", "part-00", "module-0000003.ts")
    content, number = path.read_bytes(), 0

    def restore():
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(kept, state)

    def undo():
        restore()
        path.write_bytes(content)
        # A file as young as the stat cache is read again: let its time pass first.
        time.sleep(0.05)
        run(bench.words("explain", tree, state))

    def edit():
        nonlocal number
        restore()
        number += 1
        path.write_bytes(content + b"// edited\n" * number)

    unchanged = Command(bench.words("explain", tree, state), before=undo)
    changed = Command(bench.words("explain", tree, state), before=edit)
    in_turn(bench.n_runs, unchanged, changed)
    path.write_bytes(content)
    return [against("one file of them changed: at most 1.1 x nothing changed", changed, unchanged, 1.1)]


def record(bench):
    tree, state = bench.source_tree(), bench.state("record")
    found = shutil.which("b3sum")
    if not found:
        bench.miss("b3sum is not on PATH; `cargo install b3sum` brings it")
    # One process per core at a time would be xargs' work: b3sum reads the list and uses all cores on large files only.
    listed = os.path.join(bench.work, "files")
    with open(listed, "w") as file:
        names = (os.path.join(path, name) for path, _, names in os.walk(os.path.join(tree, "src")) for name in names)
        file.write("\0".join(names))
    first = Command(bench.words("record", tree, state), before=lambda: shutil.rmtree(state, ignore_errors=True))
    peer = Command(["xargs", "-0", "-a", listed, found]) if found else None
    in_turn(bench.n_runs, first, *([peer] if peer else []))
    return [against(f"first record, {bench.n_files:,} files: at most 0.6 x b3sum of them", first, peer, 0.6)]


def million(bench):
    tree, state = bench.folder("million"), bench.state("million")
    say(f"making {bench.n_many} files")
    trees.source_tree(tree, bench.n_many, 0, trees.SMALL_SIZES, bench.base)
    bench.settle(tree, state)
    explain, git = Command(bench.words("explain", tree, state)), status(tree)
    in_turn(min(bench.n_runs, 5), explain, git)
    memory = peak_private_bytes(bench.words("explain", tree, state))
    # The row `ignored` wants as many files, to ignore.
    os.rename(os.path.join(tree, "src"), os.path.join(bench.work, "many"))
    trees.remove(tree)
    size = f"{bench.n_many:,} files"
    return [
        against(f"second explain, {size}: at most 0.7 x git status", explain, git, 0.7),
        Check(f"the same: below 250 MB of private memory", memory, None, 250e6, unit="MB", has_peer=False),
    ]


def ten_thousand(bench):
    tree, state = bench.folder("small"), bench.state("small")
    trees.source_tree(tree, 10_000, 0, trees.SOURCE_SIZES, bench.base)
    bench.settle(tree, state)
    explain, git = Command(bench.words("explain", tree, state)), status(tree)
    in_turn(bench.n_runs * 3, explain, git)
    trees.remove(tree)
    return [against("second explain, 10,000 files: at most 0.9 x git status", explain, git, 0.9)]


def ignored(bench):
    alone, beside, many = bench.folder("alone"), bench.folder("beside"), os.path.join(bench.work, "many")
    if not os.path.isdir(many):
        say(f"making {bench.n_many} files to ignore")
        trees.write_files(many, bench.n_many, trees.SMALL_SIZES)
    commands = []
    for name, tree in [("alone", alone), ("beside", beside)]:
        trees.source_tree(tree, 1_000, 0, trees.SOURCE_SIZES, bench.base)
        if tree == beside:
            os.rename(many, os.path.join(tree, "node_modules"))
        bench.settle(tree, bench.state(name))
        commands.append(Command(bench.words("explain", tree, bench.state(name))))
    without, with_ignored = commands
    in_turn(bench.n_runs * 3, with_ignored, without)
    trees.remove(beside)
    trees.remove(alone)
    goal = f"{bench.n_many:,} ignored files beside 1,000: at most 1.1 x, or + 2 ms"
    return [against(goal, with_ignored, without, 1.1, slack=0.002)]


def instructions(bench):
    commands = []
    for n_stages in [250, 500]:
        tree, state = bench.folder(f"stages-{n_stages}"), bench.state(f"stages-{n_stages}")
        for part in range(5):
            Path(tree, "src", f"part-{part}").mkdir(parents=True)
            Path(tree, "src", f"part-{part}", "file").write_text("x\n")
        Path(tree, "Dockerfile").write_text(trees.dockerfile(n_stages, 20 * n_stages - n_stages))
        bench.settle(tree, state)
        commands.append(Command(bench.words("explain", tree, state)))
    half, whole = commands
    in_turn(bench.n_runs * 3, half, whole)
    return [
        Check("explain of 10,000 instructions, 500 stages: below 50 ms", whole.least, None, 0.050, has_peer=False),
        against("the same beside half of it: linear, at most 2.2 x", whole, half, 2.2),
    ]


def parse(bench):
    words = ["cargo", "bench", "--quiet", "--bench", "public_dockerfiles"]
    done = subprocess.run(words, cwd=bench.top, stdout=subprocess.PIPE, stderr=sys.stderr, text=True)
    if done.returncode != 0:
        raise Failed(f"`{' '.join(words)}` exited with {done.returncode}")
    seconds = dict(line.split() for line in done.stdout.splitlines() if line.strip())
    ours, peer = float(seconds["planner"]), float(seconds["parse-dockerfile"])
    return [Check("public cases' Dockerfiles x 20, parsed: at most 3 x parse-dockerfile", ours, peer, 3.0)]


def start_up(bench):
    tree, state = bench.folder("three"), bench.state("three")
    os.makedirs(tree)
    for name in ["a", "b", "c"]:
        Path(tree, name).write_text(name)
    trees.commit(tree, bench.base)
    bench.settle(tree, state)
    version, git_version = Command([bench.stageplan, "--version"]), Command(["git", "--version"])
    explain, git = Command(bench.words("explain", tree, state)), status(tree)
    in_turn(bench.n_runs * 5, version, git_version, explain, git)
    return [
        against("--version: at most 3 x git --version", version, git_version, 3.0),
        against("explain of 3 files: at most 3 x git status of them", explain, git, 3.0),
    ]


def watch(bench):
    return watching.saves(bench, Check)


def replay(bench):
    tree, state = bench.folder("history"), bench.state("history")
    say("making 1,000 commits of 10,000 files")
    trees.history(tree, 10_000, 1_000)
    replay = Command([bench.stageplan, "history", "commits", tree, "--commits", "1000", "--state-dir", state])
    git = Command(["git", "-C", tree, "log", "--first-parent", "-m", "--raw", "-z", "-n", "1000"])
    in_turn(bench.n_runs, replay, git)
    trees.remove(tree)
    say(f"of the replay, git takes {git.least * 1e3:.0f} ms")
    goal = "1,000 commits of 10,000 files replayed: below 1 s"
    return [Check(goal, replay.least, None, 1.0, has_peer=False)]


ROWS = {
    "second": second,
    "edited": edited,
    "record": record,
    "million": million,
    "ten-thousand": ten_thousand,
    "ignored": ignored,
    "instructions": instructions,
    "parse": parse,
    "start-up": start_up,
    "watch": watch,
    "replay": replay,
}
