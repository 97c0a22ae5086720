"""Which module plays which role: the plan by which a pass is watched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from lpzero._lpzero import LpzeroError
from lpzero._lpzero import roles as role_names

from .cuts import CUTS, Cut
from .refusals import bare
from .tables import FAMILIES, Family

#: Roles of the maps of an attention, and of a feed-forward network.
ATTENTION = frozenset(
    ["query", "key", "relative-key", "value", "weighting", "transform", "convolution", "out"]
)
FEED_FORWARD = frozenset(["ffn-in", "ffn-gate", "ffn-hidden", "ffn-out"])
TABLES = frozenset(["embedding", "position", "segment"])
#: What wrappers put into the names of modules.
_WRAPPING = re.compile(r"(^|\.)(_orig_mod|module|base_layer|base_model\.model)(?=\.|$)")


@dataclass(frozen=True, order=True)
class Place:
    """A site: block (`None` outside the blocks), role, index."""

    layer: int | None
    role: str
    index: int


@dataclass(frozen=True)
class Part:
    """The outputs of a map that have one role; all of them where there is no cut."""

    place: Place
    cut: Cut | None = None

    def of(self, tensor: Tensor, dimension: int) -> Tensor:
        """Its share of a tensor along the dimension of the outputs."""
        return tensor if self.cut is None else self.cut.of(tensor, dimension)


@dataclass
class Entry:
    """A module, or a parameter without a module of its own, with what it is."""

    name: str
    module: nn.Module
    #: `map`, `table`, `norm`, `convolution`, or `weight` for a parameter alone.
    kind: str
    parts: list[Part]
    #: Name of the weight among the module's parameters.
    parameter: str = "weight"
    #: Whether the weight is (in, out), as that of a `Conv1D` of transformers.
    transposed: bool = False
    #: Whether the weight is a stack of weights of experts.
    stacked: bool = False
    #: The module whose call uses the weight, where it is not the one that holds it.
    user: nn.Module | None = None

    @property
    def weight(self) -> nn.Parameter | None:
        """The weight, where the module holds one itself."""
        return self.module._parameters.get(self.parameter)

    def laid_out(self, weight: Tensor) -> Tensor:
        """A weight, or a gradient of it, with its outputs first."""
        if self.transposed:
            return weight.t()
        # A table that is kept as a batch of one.
        while self.kind == "weight" and weight.dim() > 2 and weight.shape[0] == 1:
            weight = weight.squeeze(0)
        return weight


@dataclass
class Plan:
    """Every site of a module, and where its blocks are."""

    entries: list[Entry]
    #: Blocks in their order, by name.
    blocks: list[tuple[str, nn.Module]]
    config: Any
    family: Family | None
    #: Entries whose parameters the engine does not count.
    objective: frozenset[str] = field(default_factory=frozenset)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)


@dataclass(frozen=True)
class RoleTable:
    """A row per site: module, layer, role, index."""

    rows: list[tuple[str, int | None, str, int]]

    def __iter__(self) -> Iterator[tuple[str, int | None, str, int]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        head = ("module", "layer", "role", "index")
        shown = [(n, "" if layer is None else str(layer), r, str(i)) for n, layer, r, i in self]
        widths = [max(len(row[column]) for row in [head, *shown]) for column in range(4)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths)) for row in [head, *shown]]
        return "\n".join(line.rstrip() for line in lines)

    __repr__ = __str__


def roles(model: nn.Module, roles: Mapping[str, str] | None = None) -> RoleTable:
    """Which role every map, table and norm of a module has.

    Args:
        model: Any module. For model types of `transformers` a table says the roles. Elsewhere
            embeddings and norms are known by their class, a head by its size; other maps and
            convolutions have the role `other`.
        roles: Roles by patterns of module names, as `{"*.mlp.up*": "ffn-in"}`. They come
            before every table; the first that fits decides.

    Returns:
        A table that prints itself.

    Raises:
        LpzeroError: where a role is unknown, or no module has a name that fits.
    """
    plan = plan_of(bare(model), roles)
    rows = [
        (entry.name, part.place.layer, part.place.role, part.place.index)
        for entry in plan
        for part in entry.parts
    ]
    return RoleTable(rows)


def _kind(module: nn.Module) -> str | None:
    """What kind of site a module is, by its class."""
    name = type(module).__name__
    weight = module._parameters.get("weight")
    if isinstance(module, nn.Embedding):
        return "table"
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        return "convolution"
    is_norm = re.search(r"(LayerNorm|RMSNorm|BatchNorm\w*|GroupNorm|NormGated)(Fp32)?$", name)
    if is_norm and isinstance(weight, Tensor) and weight.dim() == 1:
        return "norm"
    is_map = isinstance(module, nn.Linear) or name == "Conv1D" or name.endswith("Linear")
    parametrised = hasattr(module, "parametrizations")
    if is_map and (parametrised or (isinstance(weight, Tensor) and weight.dim() == 2)):
        return "map"
    return None


def _plain(name: str) -> str:
    """A module's name without what wrappers put into it."""
    previous = None
    while previous != name:
        previous, name = name, _WRAPPING.sub("", name).lstrip(".")
    return name


def _ends_with(name: str, pattern: str) -> bool:
    return fnmatchcase("." + name, "*." + pattern)


def _blocks(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The elements of outermost lists of modules, in their order."""
    found: list[tuple[str, nn.Module]] = []

    def visit(name: str, module: nn.Module) -> None:
        for child_name, child in module.named_children():
            full = f"{name}.{child_name}" if name else child_name
            elements = list(child.named_children())
            deep = [e for e in elements if any(True for _ in e[1].children())]
            is_list = isinstance(child, nn.ModuleList)
            if (is_list and elements) or (isinstance(child, nn.Sequential) and deep):
                kept = elements if is_list and not deep else deep
                with_maps = [e for e in kept if any(_kind(m) for m in e[1].modules())]
                found.extend((f"{full}.{n}", m) for n, m in with_maps)
            else:
                visit(full, child)

    visit("", model)
    return found


def plan_of(model: nn.Module, given: Mapping[str, str] | None = None) -> Plan:
    """The sites of a module that is not wrapped.

    Raises:
        LpzeroError: as `roles`.
    """
    given = dict(given or {})
    unknown = [role for role in given.values() if role not in role_names()]
    if unknown:
        known = ", ".join(role_names())
        raise LpzeroError(f"role {unknown[0]!r}: unknown, expected one of {known}")
    config = getattr(model, "config", None)
    family = FAMILIES.get(getattr(config, "model_type", ""))
    config = config if family is not None else None
    planner = _Planner(model, given, config, family)
    plan = planner.plan()
    unused = [pattern for pattern in given if pattern not in planner.used]
    if unused:
        raise LpzeroError(f"roles: no map, table or norm has a name that fits {unused[0]!r}")
    return plan


class _Planner:
    """Gives sites their places, module by module."""

    def __init__(
        self, model: nn.Module, given: dict[str, str], config: Any, family: Family | None
    ) -> None:
        self.model, self.given, self.config, self.family = model, given, config, family
        self.blocks = _blocks(model)
        self.used: set[str] = set()
        self.taken: set[Place] = set()
        self.seen_block = False
        self.vocabulary: set[int] = set()

    def plan(self) -> Plan:
        entries: list[Entry] = []
        names = [(name, _plain(name), module) for name, module in self.model.named_modules()]
        # Never called as modules: PyTorch's attention reads their weights.
        unused = {id(m.out_proj) for _, _, m in names if isinstance(m, nn.MultiheadAttention)}
        for name, plain, module in names:
            if id(module) in unused:
                continue
            kind = _kind(module)
            layer = self._layer(name)
            self.seen_block |= layer is not None
            if kind is not None:
                entry = self._module(name, plain, module, kind, layer)
                entries.extend([entry] if entry else [])
            elif not isinstance(module, nn.MultiheadAttention):
                entries.extend(self._parameters(name, plain, module, layer))
            else:
                entries.extend(self._fused(name, module, layer))
        patterns = self.family.objective if self.family else ()
        objective = frozenset(
            entry.name
            for entry in entries
            if any(_ends_with(_plain(entry.name), pattern) for pattern in patterns)
        )
        return Plan(entries, self.blocks, self.config, self.family, objective)

    def _layer(self, name: str) -> int | None:
        for layer, (block, _) in enumerate(self.blocks):
            if name == block or name.startswith(block + "."):
                return layer
        return None

    def _rule(self, plain: str) -> str | None:
        rules: Iterable[tuple[str, str]] = self.family.rules if self.family else ()
        return next((what for pattern, what in rules if _ends_with(plain, pattern)), None)

    def _given(self, name: str, plain: str) -> str | None:
        for pattern, role in self.given.items():
            if fnmatchcase(name, pattern) or fnmatchcase(plain, pattern):
                self.used.add(pattern)
                return role
        return None

    def _place(self, layer: int | None, role: str, index: int | None = None) -> Place:
        """A place of its own: the next index that is free."""
        place = Place(layer, role, index or 0)
        while place in self.taken:
            place = Place(layer, role, place.index + 1)
        self.taken.add(place)
        return place

    def _parts(self, layer: int | None, what: str, outputs: int) -> list[Part]:
        named, _, way = what.partition(" / ")
        words = named.split()
        if way and way != "experts":
            cuts = CUTS[way](self.config, outputs)
            return [Part(self._place(layer, r), cut) for r, cut in zip(words, cuts)]
        index = int(words[1]) if len(words) > 1 else None
        return [Part(self._place(layer, words[0], index))]

    def _module(
        self, name: str, plain: str, module: nn.Module, kind: str, layer: int | None
    ) -> Entry | None:
        transposed = type(module).__name__ == "Conv1D"
        weight = module._parameters.get("weight")
        outputs = 0
        if weight is not None:
            outputs = weight.shape[-1 if transposed else 0]
        what = self._given(name, plain) or self._rule(plain)
        # Adapters sit inside of the map that they adapt: they are maps of their own.
        if what is None or re.search(r"(^|\.)lora_", plain):
            what = self._guess(plain, module, kind, layer)
        if kind == "table" and what.startswith("embedding"):
            self.vocabulary.add(outputs)
        parts = self._parts(layer, what, outputs)
        return Entry(name, module, kind, parts, transposed=transposed)

    def _guess(self, plain: str, module: nn.Module, kind: str, layer: int | None) -> str:
        """A role by class and size alone, never one that might be wrong."""
        last = plain.rpartition(".")[2].lower()
        if kind == "table":
            if "pos" in last or last == "wpe":
                return "position"
            return "segment" if "type" in last or "seg" in last else "embedding"
        if kind == "norm":
            return "norm" if layer is not None else f"norm {int(self.seen_block)}"
        weight = module._parameters.get("weight")
        if kind == "map" and layer is None and weight is not None:
            tied = any(
                weight is other._parameters.get("weight")
                for other in self.model.modules()
                if isinstance(other, nn.Embedding)
            )
            if tied or (self.seen_block and weight.shape[0] in self.vocabulary):
                return "head"
        return "other"

    def _parameters(
        self, name: str, plain: str, module: nn.Module, layer: int | None
    ) -> list[Entry]:
        """Weights that a module without a kind holds itself."""
        entries = []
        for own, parameter in module._parameters.items():
            full = f"{plain}.{own}" if plain else own
            what = self._given(f"{name}.{own}", full) or self._rule(full)
            if parameter is None or what is None:
                continue
            label = f"{name}.{own}" if name else own
            roles, _, way = what.partition(" / ")
            if way != "experts":
                parts = self._parts(layer, what, parameter.shape[0])
                entries.append(Entry(label, module, "weight", parts, own))
                continue
            words = roles.split()
            cuts = CUTS["halves"](None, parameter.shape[1])
            for expert in range(parameter.shape[0]):
                places = [self._place(layer, role, expert) for role in words]
                if len(words) == 1:
                    parts = [Part(places[0])]
                else:
                    parts = [Part(place, cut) for place, cut in zip(places, cuts)]
                # Its number tells which of the stack it is.
                stacked = Entry(f"{label}.{expert}", module, "weight", parts, own, stacked=True)
                entries.append(stacked)
        return entries

    def _fused(self, name: str, module: nn.MultiheadAttention, layer: int | None) -> list[Entry]:
        """The weights of PyTorch's own attention, which calls no module for its maps."""
        entries = []
        if module.in_proj_weight is not None:
            cuts = CUTS["thirds"](None, module.in_proj_weight.shape[0])
            roles = ("query", "key", "value")
            parts = [Part(self._place(layer, r), cut) for r, cut in zip(roles, cuts)]
            entries.append(
                Entry(f"{name}.in_proj_weight", module, "weight", parts, "in_proj_weight")
            )
        parts = [Part(self._place(layer, "out"))]
        label = f"{name}.out_proj.weight"
        entries.append(Entry(label, module.out_proj, "weight", parts, user=module))
        return entries
