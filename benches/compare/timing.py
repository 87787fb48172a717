"""Commands run in turn and timed, and the private memory a command takes.

The least of several runs counts: what else a machine does only ever adds to it. Commands that are compared take turns,
so that a slow minute meets all of them.
"""

import statistics
import subprocess
import sys
import time


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


class Command:
    """A command line to time, with what is done before each run, untimed."""

    def __init__(self, words, before=None, cwd=None):
        self.words, self.before, self.cwd = [str(word) for word in words], before, cwd
        self.seconds = []

    def run(self):
        if self.before:
            self.before()
        started = time.perf_counter()
        done = subprocess.run(
            self.words, cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self.seconds.append(time.perf_counter() - started)
        if done.returncode != 0:
            tail = done.stderr.decode(errors="replace").strip().splitlines()[-4:]
            raise Failed("\n  ".join([f"`{' '.join(self.words)}` exited with {done.returncode}", *tail]))

    @property
    def least(self):
        return min(self.seconds)

    @property
    def median(self):
        return statistics.median(self.seconds)


class Failed(Exception):
    """A command that was to be timed does not work."""


def in_turn(n_runs, *commands):
    """Runs the commands in turn; the first round only warms up, and is not counted."""
    for _ in range(n_runs + 1):
        for command in commands:
            command.run()
    for command in commands:
        del command.seconds[0]


def peak_private_bytes(words):
    """The most anonymous memory a command held, looked at every millisecond."""
    process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as status:
                lines = [line for line in status if line.startswith("RssAnon")]
        except OSError:
            lines = []
        if lines:
            peak = max(peak, int(lines[0].split()[1]) * 1024)
        time.sleep(0.001)
    if process.returncode != 0:
        raise Failed(f"`{' '.join(map(str, words))}` exited with {process.returncode}")
    return peak
