"""Trees of files to measure in: the same bytes every time, made by as many processes as there are cores.

Contents repeat from file to file, so that git has few objects to write; neither BuildKit nor stageplan nor b3sum
profits from that.
"""

import multiprocessing
import os
import shutil
import subprocess
from pathlib import Path
from random import Random

# As in a source tree: many small files, a few large ones; their mean is 6,600 bytes.
SOURCE_SIZES = [400, 900, 1_600, 2_500, 4_000, 6_000, 9_000, 14_000, 27_600, 0]
SMALL_SIZES = [64]
N_CONTENTS = 1_000
FILES_PER_FOLDER = 25


def _content(number, sizes):
    line = f"export const value_{number % N_CONTENTS:03} = {number % N_CONTENTS};\n"
    size = sizes[number % len(sizes)]
    return (line * (size // len(line) + 1))[:size].encode()


def _write_folders(job):
    root, first_folder, last_folder, n_files, sizes = job
    contents = [_content(number, sizes) for number in range(N_CONTENTS)]
    for folder in range(first_folder, last_folder):
        path = os.path.join(root, f"package-{folder // 20:04}", f"part-{folder % 20:02}")
        os.makedirs(path, exist_ok=True)
        for number in range(folder * FILES_PER_FOLDER, min((folder + 1) * FILES_PER_FOLDER, n_files)):
            with open(f"{path}/module-{number:07}.ts", "wb", buffering=0) as file:
                file.write(contents[number % N_CONTENTS])


def write_files(root, n_files, sizes):
    """Writes `n_files` files below `root`, 25 to a folder."""
    n_folders = -(-n_files // FILES_PER_FOLDER)
    step = 400
    jobs = [(root, first, min(first + step, n_folders), n_files, sizes) for first in range(0, n_folders, step)]
    with multiprocessing.Pool() as pool:
        pool.map(_write_folders, jobs, chunksize=1)


def git(tree, *words):
    subprocess.run(["git", "-C", tree, *words], check=True, stdout=subprocess.DEVNULL)


def commit(tree, base):
    """Gives a tree its Dockerfile, ignore files and a commit of it all."""
    Path(tree, "Dockerfile").write_text(f"FROM {base}\nCOPY . /\n")
    Path(tree, ".dockerignore").write_text(".git\nDockerfile\n.dockerignore\nnode_modules\n")
    Path(tree, ".gitignore").write_text("node_modules\n")
    git(tree, "init", "-q")
    git(tree, "config", "core.compression", "0")
    git(tree, "config", "gc.auto", "0")
    git(tree, "add", "-A")
    git(tree, "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-q", "-m", "tree")
    # Otherwise the disk still writes the new tree while the first programs are timed.
    os.sync()


def source_tree(tree, n_files, n_ignored, sizes, base):
    """A committed tree with `n_files` sources and `n_ignored` files in node_modules."""
    write_files(os.path.join(tree, "src"), n_files, sizes)
    if n_ignored:
        write_files(os.path.join(tree, "node_modules"), n_ignored, SMALL_SIZES)
    commit(tree, base)


REPLAYED = """\
FROM node:22 AS deps
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
FROM deps AS build
COPY . .
RUN npm run build
RUN npm test
FROM node:22
WORKDIR /srv
COPY --from=deps /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/public public
RUN useradd app
"""


def history(tree, n_files, n_commits):
    """A repository of `n_files` files with `n_commits` commits behind the first, each of which edits up to 15 of them."""
    random = Random(1)
    paths = [f"src/package-{n % 50:02}/part-{n // 50 % 10}/module-{n:05}.ts" for n in range(n_files - 4)]
    git(os.path.dirname(tree), "init", "-q", "-b", "main", tree)
    importing = subprocess.Popen(["git", "-C", tree, "fast-import", "--quiet"], stdin=subprocess.PIPE, text=True)
    write = importing.stdin.write

    def commit(number):
        parent = f"from :{number - 1}\n" if number > 1 else ""
        head = f"commit refs/heads/main\nmark :{number}\ncommitter B <b@localhost> {1_600_000_000 + 3600 * number} +0000\n"
        write(f"{head}data 4\nwork\n{parent}")

    def put(path, text):
        write(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n")

    commit(1)
    for path in [*paths, "package.json", "package-lock.json"]:
        put(path, f"{path}\n")
    put("Dockerfile", REPLAYED)
    put(".dockerignore", ".git\nnode_modules\n**/*.md\n*.log\ncoverage\n")
    for number in range(2, n_commits + 2):
        commit(number)
        for _ in range(random.randint(1, 15)):
            put(random.choice(paths), f"{number}\n")
        if random.random() < 0.05:
            put("package.json", f"{number}\n")
    importing.stdin.close()
    if importing.wait() != 0:
        raise OSError("git fast-import failed")
    git(tree, "checkout", "-q", "main")
    git(tree, "gc", "-q")
    os.sync()


def remove(tree):
    shutil.rmtree(tree, ignore_errors=True)


def dockerfile(n_stages, n_instructions):
    """A Dockerfile in which every stage is used: ARG, ENV, WORKDIR, RUN, and copies of files and from other stages."""
    lines = ["ARG BASE=alpine:3"]
    per_stage = n_instructions // n_stages
    for stage in range(n_stages):
        parent = "$BASE" if stage % 3 == 0 else f"stage{stage - 1}"
        lines += [f"FROM {parent} AS stage{stage}", f"ARG VERSION{stage}=1.{stage}"]
        for number in range(per_stage - 2):
            lines.append([
                f"ENV NAME{stage}_{number}=value-$VERSION{stage}",
                f"WORKDIR /work/{stage}/{number}",
                f"COPY src/part-{number % 5} ./part-{number}",
                f"RUN --mount=type=cache,target=/root/.cache make -j2 NAME{stage}_{number - 3} VERSION=$VERSION{stage} && \\\n    echo done {number}",
                f"COPY --from=stage{stage - 1} /work/out /in/{number}" if stage else "RUN make first",
                f"LABEL stage{stage}.{number}=\"$VERSION{stage}\"",
            ][number % 6])
    lines.append("FROM scratch")
    lines += [f"COPY --from=stage{stage} /work /all/{stage}" for stage in range(n_stages)]
    return "\n".join(lines) + "\n"
