"""The rows of `watch`: from a save to what is said and begun, and what an idle watch costs."""

import json
import os
import pty
import shutil
import statistics
import subprocess
import threading
import time
from pathlib import Path

import trees
from timing import Failed, say

# A save is answered within this, the quiet period of 20 ms included.
ANSWERED = 0.030
IDLE_SECONDS = 10
SAVED = "src/package-0000/part-00/module-0000003.ts"
# Answers as docker does where it is asked who it is, and builds nothing.
DOCKER = """#!/bin/sh
case "$*" in
--version) echo 'Docker version 28.5.2';;
'buildx inspect'*) printf 'Driver: docker\\nEndpoint: default\\n';;
info*) printf '28.5.2\\n[]\\n';;
esac
"""


class Lines:
    """A program whose lines on standard output are told with the moment each came."""

    def __init__(self, words, cwd=None, env=None):
        self.process = subprocess.Popen(
            words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def until(self, is_it):
        """The moment of the first line that is it."""
        for line in self.process.stdout:
            if is_it(line):
                return time.perf_counter()
        raise Failed(f"`{self.process.args[0]}` ended")

    def end(self):
        self.process.terminate()
        self.process.wait()


def event(name):
    return lambda line: json.loads(line)["event"] == name


def save(tree):
    """Saves a file with other content, and gives the moment it did."""
    path = Path(tree, SAVED)
    text = path.read_bytes() + b"// edited\n"
    started = time.perf_counter()
    path.write_bytes(text)
    return started


def delays(n_runs, tree, lines, is_it):
    """Seconds from a save to a line, for each of several saves; the first only warms up."""
    seconds = []
    for _ in range(n_runs + 1):
        time.sleep(0.3)
        started = save(tree)
        seconds.append(lines.until(is_it) - started)
    return seconds[1:]


def planning(bench, tree):
    words = [*bench.words("watch", tree, bench.state("watch")), "--plan-only", "--format", "json"]
    shutil.rmtree(bench.state("watch"), ignore_errors=True)
    bench.settle(tree, bench.state("watch"))
    lines = Lines(words)
    lines.until(event("prediction"))
    return lines


def private_bytes(process):
    with open(f"/proc/{process.pid}/smaps_rollup") as sizes:
        return sum(int(line.split()[1]) * 1024 for line in sizes if line.startswith("Private_"))


def ticks(pid):
    """What a process has used of the processors so far, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def idle_ticks(pid):
    time.sleep(2)
    before = ticks(pid)
    time.sleep(IDLE_SECONDS)
    return ticks(pid) - before


def ticks_on_terminal(bench, tree):
    words = [*bench.words("watch", tree, bench.state("watch")), "--plan-only"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(words[0], words)

    def drain():
        try:
            while os.read(terminal, 1 << 16):
                pass
        except OSError:
            pass

    threading.Thread(target=drain, daemon=True).start()
    used = idle_ticks(pid)
    os.kill(pid, 15)
    os.waitpid(pid, 0)
    return used


def saves(bench, check):
    """From the save to the printed prediction, in trees of three sizes; memory and idle cost in the largest."""
    checks, medians = [], []
    for n_files in [1_000, 10_000, bench.n_files]:
        tree = bench.folder(f"watch-{n_files}")
        say(f"making {n_files} files")
        trees.source_tree(tree, n_files, 0, trees.SOURCE_SIZES, bench.base)
        lines = planning(bench, tree)
        medians.append(statistics.median(delays(bench.n_runs * 3, tree, lines, event("prediction"))))
        goal = f"watch, {n_files:,} files: save to prediction, median below 30 ms"
        checks.append(check(goal, medians[-1], None, ANSWERED, has_peer=False))
        if n_files == bench.n_files:
            checks.append(check("the same: private memory", private_bytes(lines.process), None, 250e6, "MB", False))
            idle = idle_ticks(lines.process.pid)
        lines.end()
        if n_files == bench.n_files:
            idle = max(idle, ticks_on_terminal(bench, tree))
            goal = f"the same: ticks of CPU in {IDLE_SECONDS} idle seconds, terminal or not"
            checks.append(check(goal, idle, None, 0, "ticks", has_peer=False))
        else:
            trees.remove(tree)
    goal = "the same at all sizes: the largest at most 1.25 x the smallest"
    checks.append(check(goal, medians[-1], medians[0], 1.25))
    checks += [begun(bench, tree, check)]
    trees.remove(tree)
    return checks


def begun(bench, tree, check):
    """From the save to the start of the build, beside watchexec's start of a command: the same work is not done, as
    watchexec waits 50 ms by default and starts its command whatever was saved; so the goal only says that ours may not cost more."""
    programs = os.path.join(bench.work, "programs")
    os.makedirs(programs, exist_ok=True)
    docker = Path(programs, "docker")
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    state = bench.state("watch-build")
    env = dict(os.environ, PATH=f"{programs}:{os.environ['PATH']}", DOCKER_HOST="unix:///nonexistent/docker.sock")
    words = [*bench.words("watch", tree, state), "--format", "json"]
    ours = Lines(words, env=env)
    ours.until(event("build-finished"))
    median = statistics.median(delays(bench.n_runs, tree, ours, event("build-started")))
    ours.end()
    peer = None
    found = shutil.which("watchexec")
    if found:
        other = Lines([found, "--watch", os.path.join(tree, "src"), "--", "echo", "begun"], cwd=tree)
        other.until(lambda line: b"begun" in line)
        peer = statistics.median(delays(bench.n_runs, tree, other, lambda line: b"begun" in line))
        other.end()
    else:
        bench.miss("watchexec is not on PATH; `cargo install watchexec-cli` brings it")
    return check(f"watch, {bench.n_files:,} files: save to start of build, beside watchexec", median, peer, 1.0)
