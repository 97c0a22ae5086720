"""Which file of a Rust crate takes names from which other, read from the text.

Names are followed through `pub use` to the file that defines them, so a name that is
taken by way of `lib.rs` counts for the file behind it, and `lib.rs` itself for nothing.
"""

import collections
import re
from dataclasses import dataclass
from pathlib import Path

NOISE = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | b?r(\#*)".*?"\1 | b?"(?:\\.|[^"\\])*" | b?'(?:\\[^\n]+?|[^\\'\n])'""",
    re.VERBOSE | re.DOTALL,
)
USE = re.compile(r"^([ \t]*)(pub(?:\([^)]*\))? )?use ([^;]+);", re.MULTILINE)
MODULE = re.compile(r"^(?:pub(?:\([^)]*\))? )?mod (\w+);", re.MULTILINE)
TESTS = re.compile(r"^#\[cfg\(test\)\]\s*mod \w+ \{.*?^\}", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"(?<![\w:.])\w+(?:::\w+)+")


def blanked(text: str) -> str:
    """Source without comments, the contents of strings, and tests."""
    text = NOISE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    return TESTS.sub("", text)


@dataclass
class Import:
    """A name that a `use` brings in, and the path that it stands for."""

    name: str
    path: tuple[str, ...]
    public: bool


def leaves(tree: str, prefix: tuple[str, ...] = ()) -> list[tuple[str, tuple[str, ...]]]:
    """Names and paths of a tree such as `a::{b, c as d, e::*}`."""
    tree = tree.strip()
    if "{" in tree:
        head, body = tree.split("{", 1)
        prefix += tuple(part.strip() for part in head.split("::") if part.strip())
        parts, depth = [""], 0
        for letter in body.rsplit("}", 1)[0]:
            depth += (letter == "{") - (letter == "}")
            if letter == "," and depth == 0:
                parts.append("")
            else:
                parts[-1] += letter
        return [leaf for part in parts if part.strip() for leaf in leaves(part, prefix)]
    path, _, alias = tree.partition(" as ")
    whole = prefix + tuple(part.strip() for part in path.split("::") if part.strip())
    if whole[-1] == "self":
        whole = whole[:-1]
    return [(alias.strip() or whole[-1], whole)]


def imports(text: str) -> list[Import]:
    """All that the `use` items of a source bring in."""
    return [
        Import(name, path, (visibility or "").strip() == "pub")
        for _, visibility, tree in USE.findall(text)
        for name, path in leaves(tree)
    ]


class Crate:
    """The modules of a source folder, and what each file uses of the others."""

    def __init__(self, folder: Path):
        self.text: dict[Path, str] = {}
        self.children: dict[Path, dict[str, Path]] = {}
        self.parent: dict[Path, Path] = {}
        self.imports: dict[Path, list[Import]] = {}
        # A library and a command in one folder are two trees of modules.
        for root in [folder / "lib.rs", folder / "main.rs"]:
            if root.exists():
                self.read(root, folder)
        self.uses = {file: self.uses_of(file) for file in self.text}

    def read(self, file: Path, below: Path) -> None:
        """Reads a module whose children lie in the folder `below`."""
        # Whom something is visible to is no use of them.
        text = re.sub(r"\bpub\(in [\w:]+\)", "pub", blanked(file.read_text()))
        self.text[file], self.imports[file] = text, imports(text)
        self.children[file] = {}
        for name in MODULE.findall(text):
            for child in [below / f"{name}.rs", below / name / "mod.rs"]:
                if child.exists() and child.name != "tests.rs":
                    self.children[file][name] = child
                    self.parent[child] = file
                    self.read(child, below / name)

    def root(self, file: Path) -> Path:
        while file in self.parent:
            file = self.parent[file]
        return file

    def resolve(self, path: tuple[str, ...], file: Path, seen: frozenset = frozenset()):
        """The file that defines what `path` means in `file`; none for other crates."""
        # A name that is brought from what has the same name would be followed for ever.
        if (path, file) in seen or len(seen) > 40:
            return None
        seen |= {(path, file)}
        first, rest = path[0], path[1:]
        if first in ("crate", "self", "super"):
            at = {"crate": self.root(file), "self": file}.get(first, self.parent.get(file))
            return at and self.inside(rest, at, seen)
        if first in self.children[file] or any(i.name == first for i in self.imports[file]):
            return self.inside(path, file, seen)
        return None

    def inside(self, path: tuple[str, ...], file: Path, seen: frozenset):
        """The file that defines `path`, which begins in the module of `file`."""
        if not path or path[0] == "*":
            return file
        if path[0] == "super":
            return self.resolve(path, file, seen)
        if child := self.children[file].get(path[0]):
            return self.inside(path[1:], child, seen)
        for brought in self.imports[file]:
            if brought.name == path[0]:
                return self.resolve(brought.path + path[1:], file, seen)
        for brought in self.imports[file]:
            if brought.name == "*":
                there = self.resolve(brought.path[:-1], file, seen)
                if there and re.search(rf"\b(?:\w+) {path[0]}\b", self.text[there]):
                    return there
        return file

    def uses_of(self, file: Path) -> dict[Path, set[str]]:
        """Names that a file takes from others, by the file that defines them."""
        text, used = self.text[file], collections.defaultdict(set)
        code = USE.sub("", text)
        paths = {tuple(found.split("::")) for found in PATH.findall(code)}
        for brought in self.imports[file]:
            # What is only passed on is not used here.
            if brought.name == "*" or re.search(rf"\b{brought.name}\b", code):
                if not (brought.public and brought.name == "*"):
                    paths.add(brought.path)
        for path in paths:
            target = self.resolve(path, file)
            # A module in between is no use of it.
            if target and target != file:
                # A type rather than its function or variant.
                types = [part for part in path if part[0].isupper()]
                used[target].add((types or path)[0 if types else -1])
        return used

    def circles(self) -> list[list[Path]]:
        """Groups of files each of which uses each other one, by way of others."""
        reached: dict[Path, set[Path]] = {}
        for file in self.text:
            seen, left = set(), list(self.uses[file])
            while left:
                if (at := left.pop()) not in seen:
                    seen.add(at)
                    left += self.uses[at]
            reached[file] = seen
        groups, taken = [], set()
        for file in sorted(self.text):
            if file in reached[file] and file not in taken:
                group = sorted(f for f in reached[file] if file in reached[f])
                taken |= set(group)
                groups.append(group)
        return groups
