"""Compares what two builds of `lpzero` answer to every command of the README.

    python tools/compare_commands.py OLD NEW [--data DIR] [--only WORD] [--map FROM=TO]

`command_cases.py` has the commands. Both binaries run each of them in a fresh folder,
with caches of their own. Equal must be: the exit status, standard output, messages, and
the files of run folders, weights to the bit. Times, latencies and locks are left out,
and so are journals, whose format may change. What `--map` says is replaced in
the lines for NEW and in the names of its files, such as a command that was renamed.

It prints `equal` or `differs` for each case and ends with status 1 if one differs.
It needs only Python. Set LPZERO_DATA, or give --data, where the published data are.
"""

import argparse
import concurrent.futures
import csv
import glob
import hashlib
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from command_cases import CHANGED, MORE, README
from command_inputs import enter, furnish

HERE = Path(__file__).resolve().parent
# Keys of documents and columns of tables that hold times.
TIME = re.compile(r"^(.*seconds.*|.*per_second|wall.*|latency.*|machine|ms each|s)$")
# A time in running text, and a rate.
SAID = re.compile(r"\d[\d.,]* ?(ns|us|µs|ms|s|min|h|(tokens|formulas)( per second|/s))(?!\w)")
# How far an interrupted run had come, which depends on the moment.
AFTER = re.compile(r"continuing after .*")
# Parts of paths that are not compared: caches, journals, and locks.
LEFT_OUT = re.compile(r"^(cache|default-.*|lock|.*\.lock|journal.*|trainings.*)$")
# Below this many bytes a run folder holds no more than its configuration.
STARTED = 200


def marked(line: str) -> tuple[list[str], str]:
    """The words with a colon that a line begins with, and the rest of it."""
    words = line.split(" ")
    marks = list(itertools.takewhile(lambda word: word.endswith(":"), words))
    return marks, " ".join(words[len(marks) :])


@dataclass
class Left:
    """What a command left behind."""

    status: int
    stdout: bytes
    stderr: str


@dataclass
class Side:
    """One of the two builds."""

    binary: Path
    old: Path
    renamed: list[tuple[str, str]]
    data: Path

    def run(self, line: str, folder: Path) -> Left:
        """Runs one line of a case in `folder`."""
        marks, line = marked(line)
        stop = "stop:" in marks
        binary = self.old if "old:" in marks else self.binary
        if binary == self.binary:
            for was, now in self.renamed:
                line = line.replace(was, now)
        words = []
        for word in shlex.split(line):
            # The name of an architecture is a hash of it: take the first.
            found = sorted(glob.glob(word, root_dir=folder)) if word.endswith("*.json") else []
            words.append(found[0] if found else word)
        environment = os.environ | {
            "XDG_CACHE_HOME": str(folder / "default-cache"),
            "XDG_DATA_HOME": str(folder / "default-data"),
            "LPZERO_DATA": str(self.data),
            "NO_COLOR": "1",
        }
        child = subprocess.Popen(
            [binary, *words, "--cache", "cache"], cwd=folder, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        if stop:
            interrupt(child, folder / words[words.index("--out") + 1])
        stdout, stderr = child.communicate()
        if stop:
            # How far it came, and says it came, depends on the moment.
            return Left(child.returncode, b"", "")
        return Left(child.returncode, stdout, stderr.decode(errors="replace"))


def interrupt(child: subprocess.Popen, run: Path) -> None:
    """Sends SIGTERM as soon as `run` holds more than a configuration."""

    def size() -> int:
        return sum(f.stat().st_size for f in run.rglob("*") if LEFT_OUT.match(f.name))

    seen = None
    while child.poll() is None:
        try:
            if (run / "configuration.json").exists() and seen is None:
                seen = time.monotonic()
            # Trainings keep no journal: a quarter of a second is in the middle.
            if size() > STARTED or (seen and time.monotonic() > seen + 0.25):
                child.send_signal(signal.SIGTERM)
                return
        except FileNotFoundError:
            pass  # A temporary file, renamed meanwhile.
        time.sleep(0.005)


def without_times(text: str) -> list[list[str]]:
    """Lines as cells, without times and widths of columns."""
    lines, timed = [], set()
    for line in text.splitlines():
        if "," in line and "  " not in line and "|" not in line:
            cells = next(csv.reader([line]))
        else:
            cells = re.split(r"\s{2,}|\s*\|\s*", line.strip())
        names = {i for i, cell in enumerate(cells) if TIME.match(cell.strip())}
        timed = names or (timed if line.strip() else set())
        kept = [cell for i, cell in enumerate(cells) if i not in timed]
        lines.append([AFTER.sub("continuing", SAID.sub("<time>", cell)) for cell in kept])
    return lines


def first_difference(old: object, new: object, where: str = "$") -> str | None:
    """Where two JSON values differ, times aside."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if TIME.match(key):
                continue
            if key not in old or key not in new:
                return f"{where}.{key} is only in the {'old' if key in old else 'new'}"
            if found := first_difference(old[key], new[key], f"{where}.{key}"):
                return found
        return None
    if isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            return f"{where} has {len(old)} and {len(new)} items"
        pairs = enumerate(zip(old, new))
        found = (first_difference(a, b, f"{where}[{i}]") for i, (a, b) in pairs)
        return next(filter(None, found), None)
    if type(old) is type(new) and old == new:
        return None
    if isinstance(old, str) and isinstance(new, str) and without_times(old) == without_times(new):
        return None
    return f"{where}: {old!r:.80} and {new!r:.80}"


def compare_bytes(old: bytes, new: bytes, rooms: list[Path], binary: bool = False) -> str | None:
    """Where two outputs or files differ: as JSON, as text, or as bytes."""
    old, new = (side.replace(bytes(room), b"<room>") for side, room in zip((old, new), rooms))
    if old == new:
        return None
    if not binary:
        try:
            return first_difference(json.loads(old), json.loads(new))
        except (UnicodeDecodeError, json.JSONDecodeError):
            pass
        try:
            lines = [without_times(side.decode()) for side in (old, new)]
        except UnicodeDecodeError:
            pass
        else:
            pairs = enumerate(zip(*lines), 1)
            for number, (a, b) in pairs:
                if a != b:
                    return f"line {number}: {' '.join(a):.80} / {' '.join(b):.80}"
            counts = [len(side) for side in lines]
            return None if counts[0] == counts[1] else f"{counts[0]} and {counts[1]} lines"
    return " and ".join(hashlib.sha256(side).hexdigest()[:12] for side in (old, new))


def files(folder: Path, furniture: set[str], renamed: list[tuple[str, str]]) -> dict[str, Path]:
    """What commands wrote below `folder`, under the names of the old build."""
    written = {}
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        # Settings are kept in other words than before; what comes of them is compared.
        left_out = any(map(LEFT_OUT.match, parts)) or parts[-1] == "configuration.json"
        if parts[0] in furniture or left_out or not path.is_file():
            continue
        name = "/".join(parts)
        for was, now in renamed:
            name = name.replace(now, was)
        written[name] = path
    return written


def compare(lines: list[str], sides: list[Side], rooms: list[Path], furniture: Path) -> list[str]:
    """Runs one case with both builds and tells all differences."""
    for room in rooms:
        enter(room, furniture)
    differences = []
    for number, line in enumerate(lines, 1):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            old, new = pool.map(lambda side, room: side.run(line, room), sides, rooms)
        told = [
            None if old.status == new.status else f"exit status {old.status} and {new.status}",
            compare_bytes(old.stdout, new.stdout, rooms),
            compare_bytes(old.stderr.encode(), new.stderr.encode(), rooms),
        ]
        marks, _ = marked(line)
        wanted = {130} if "stop:" in marks else {1, 2} if "fails:" in marks else {0}
        if old.status not in wanted:
            told[0] = f"exit status {old.status} of the old, expected {wanted}"
        parts = ["status", "output", "messages"]
        differences += [f"line {number}, {part}: {t}" for part, t in zip(parts, told) if t]
        if told[0] and new.stderr:
            differences.append(f"line {number}, the new says: {new.stderr.strip():.200}")
    names = {entry.name for entry in furniture.iterdir()}
    old, new = (files(room, names, side.renamed) for side, room in zip(sides, rooms))
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            differences.append(f"{name} is only in the {'old' if name in old else 'new'}")
        else:
            weights = name.endswith(".safetensors")
            contents = (side[name].read_bytes() for side in (old, new))
            if told := compare_bytes(*contents, rooms, weights):
                differences.append(f"{name}: {told}")
    return differences


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    beside = HERE.parent.parent / "shared/data"
    parser.add_argument("--data", type=Path, default=os.environ.get("LPZERO_DATA", beside))
    parser.add_argument("--only", default="", help="cases with this word in them")
    parser.add_argument("--map", action="append", default=[], metavar="FROM=TO")
    options = parser.parse_args()
    renamed = [tuple(pair.split("=", 1)) for pair in options.map]
    data, old, new = (path.resolve() for path in (Path(options.data), options.old, options.new))
    sides = [Side(old, old, [], data), Side(new, old, renamed, data)]

    counts = {"equal": 0, "changed on purpose": 0, "differs": 0}
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        furniture = Path(folder, "furniture")
        furniture.mkdir()
        furnish(furniture, data)
        for number, (name, lines) in enumerate((README | MORE).items()):
            if options.only not in f"{name} {' '.join(lines)}":
                continue
            rooms = [Path(folder, side, str(number)) for side in ("old", "new")]
            began = time.monotonic()
            differences = compare(lines, sides, rooms, furniture)
            verdict = "equal"
            if differences:
                verdict = "changed on purpose" if name in CHANGED else "differs"
            counts[verdict] += 1
            print(f"{verdict:8} {name}  [{time.monotonic() - began:.0f} s]", flush=True)
            if name in CHANGED and differences:
                print(f"         why: {CHANGED[name]}")
            for difference in differences:
                print(f"         {difference}", flush=True)
    total = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    print(f"{total}, in {time.monotonic() - start:.0f} s")
    return int(counts["differs"] > 0)


if __name__ == "__main__":
    sys.exit(main())
