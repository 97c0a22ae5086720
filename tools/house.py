"""Prints figures about this house: how it is divided, how long its functions are, how
its docs begin, which files depend on each other in circles.

    python tools/house.py [--check] [FOLDER]

With --check it fails where the house has drifted: where a figure is above its limit. FOLDER
is the root of a checkout, by default the one this file stands in. It reads the sources as
text, with the rules of Rust's modules and imports that this workspace uses
(`rust_modules.py`); it needs only Python.
"""

import argparse
import collections
import re
import sys
from pathlib import Path

from rust_modules import Crate, blanked, imports

LONG = 80
# Most of each that the house may have.
LIMITS = {
    "files that name `Mixer::`": 6,
    f"functions above {LONG} lines": 10,
    "circles of more than two files": 0,
    "items of the facade": 60,
    "globs of the facade": 0,
}
BARE = re.compile(r"(Of|The same|What|Those|Its)\b")
FUNCTION = re.compile(r"^(\s*)(pub(\([a-z]+\))? )?((const|async|unsafe) )*fn (\w+)")
TYPE = re.compile(r"^pub (?:struct|enum|trait|type|union) (\w+)", re.MULTILINE)
ITEM = re.compile(
    r"^pub (?:unsafe |const |async )*(?:mod|struct|enum|trait|type|fn|static|const|macro) (\w+)",
    re.MULTILINE,
)


def long_functions(path: Path) -> list[tuple[int, str]]:
    """Length in lines and name of each function that is longer than `LONG`."""
    lines, found = path.read_text().splitlines(), []
    for start, line in enumerate(lines):
        if not (match := FUNCTION.match(line)):
            continue
        opens = (one.rstrip()[-1] for one in lines[start:] if one.rstrip().endswith(("{", ";", "}")))
        # A trait may declare it only.
        if next(opens, ";") == ";":
            continue
        end = start
        while end < len(lines) and lines[end] != match[1] + "}":
            end += 1
        if end - start + 1 > LONG:
            found.append((end - start + 1, match[6]))
    return found


def bare_docs(path: Path) -> int:
    """Item docs whose first word is a bare one."""
    count, before = 0, ""
    for line in map(str.strip, path.read_text().splitlines()):
        first = line.startswith("///") and not before.startswith("///")
        count += bool(first and BARE.match(line[3:].strip()))
        before = line
    return count


def facade(lib: Path) -> list[str]:
    """Public names at the root of a crate; a glob shows as `*`."""
    text = blanked(lib.read_text())
    names = [i.name for i in imports(text) if i.public]
    return names + ITEM.findall(text)


def lines_of(files: list[Path]) -> int:
    return sum(len(file.read_text().splitlines()) for file in files)


def drifted(counts: dict[str, int]) -> list[str]:
    """What is above its limit."""
    return [
        f"{what}: {counts[what]}, at most {most}"
        for what, most in LIMITS.items()
        if counts[what] > most
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", default=Path(__file__).parent.parent, type=Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    here = options.folder.resolve()
    sources = sorted(here.glob("crates/*/src/**/*.rs"))

    def name(path: Path) -> str:
        return str(path.relative_to(here / "crates"))

    matching = [name(path) for path in sources if "Mixer::" in path.read_text()]
    print(f"files that name `Mixer::`: {len(matching)}")
    print("".join(f"  {file}\n" for file in matching), end="")

    found = [(n, name(path), word) for path in sources for n, word in long_functions(path)]
    print(f"functions above {LONG} lines: {len(found)}")
    for length, file, word in sorted(found, reverse=True):
        print(f"  {length:4} {file}: {word}")

    crates = [Crate(folder) for folder in sorted(here.glob("crates/*/src"))]
    circles = [(crate, circle) for crate in crates for circle in crate.circles()]
    large = [pair for pair in circles if len(pair[1]) > 2]
    print(f"circles of more than two files: {len(large)}")
    for crate, circle in large:
        print(f"  {len(circle)} files: {', '.join(map(name, circle))}")
        for file in circle:
            inside = [to for to in sorted(crate.uses[file]) if to in circle]
            for to in inside:
                print(f"    {name(file)} -> {name(to)}: {', '.join(sorted(crate.uses[file][to]))}")
    print(f"circles of two files: {len(circles) - len(large)}")
    for _, circle in circles:
        if len(circle) == 2:
            print(f"  {', '.join(map(name, circle))}")

    # The command was part of the library's crate before it had one of its own.
    of_command = re.compile(r"^(cli/src/|lpzero/src/(main\.rs|command/))")
    command = [path for path in sources if of_command.match(name(path))]
    library = [p for p in sources if name(p).startswith("lpzero/") and p not in command]
    print(f"lines of the command: {lines_of(command)}, of the library: {lines_of(library)}")

    door = facade(here / "crates/lpzero/src/lib.rs")
    globs = door.count("*")
    print(f"items of the facade: {len(door)}, {globs} of them globs")
    print(f"  {' '.join(sorted(door))}")

    bare = collections.Counter()
    for path in sources:
        bare[name(path).split("/")[0]] += bare_docs(path)
    print(f"item docs that begin with a bare word: {bare.total()}")
    print(f"  {', '.join(f'{crate} {n}' for crate, n in sorted(bare.items()))}")

    homes = collections.defaultdict(list)
    for path in sources:
        for word in TYPE.findall(blanked(path.read_text())):
            homes[word].append(name(path))
    shared = {word: files for word, files in sorted(homes.items()) if len(files) > 1}
    print(f"names of more than one public type: {len(shared)}")
    for word, files in shared.items():
        print(f"  {word}: {', '.join(files)}")

    measured = [matching, found, large, door, range(globs)]
    counts = {what: len(some) for what, some in zip(LIMITS, measured, strict=True)}
    if options.check and (wrong := drifted(counts)):
        sys.exit("the house has drifted:\n" + "\n".join(f"  {line}" for line in wrong))


if __name__ == "__main__":
    main()
