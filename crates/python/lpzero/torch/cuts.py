"""How the outputs of one fused map are divided among several roles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Cut:
    """Outputs that belong together: in each of `groups` equal groups, `start` to `stop`."""

    groups: int
    start: int
    stop: int

    def of(self, tensor: Tensor, dimension: int) -> Tensor:
        """The share of a tensor along a dimension, in the order of the groups."""
        dimension %= tensor.dim()
        if self.groups == 1:
            return tensor.narrow(dimension, self.start, self.stop - self.start)
        shape = [*tensor.shape[:dimension], self.groups, -1, *tensor.shape[dimension + 1 :]]
        grouped = tensor.reshape(shape)
        part = grouped.narrow(dimension + 1, self.start, self.stop - self.start)
        return part.flatten(dimension, dimension + 1)


def _equal(groups: int, parts: int, outputs: int) -> list[Cut]:
    size = outputs // (groups * parts)
    return [Cut(groups, part * size, (part + 1) * size) for part in range(parts)]


def _sizes(groups: int, sizes: list[int]) -> list[Cut]:
    cuts, start = [], 0
    for size in sizes:
        cuts.append(Cut(groups, start, start + size))
        start += size
    return cuts


def _thirds(config: Any, outputs: int) -> list[Cut]:
    return _equal(1, 3, outputs)


def _halves(config: Any, outputs: int) -> list[Cut]:
    return _equal(1, 2, outputs)


def _heads(config: Any, outputs: int) -> list[Cut]:
    return _equal(config.num_attention_heads, 3, outputs)


def _grouped(config: Any, outputs: int) -> list[Cut]:
    heads, keys = config.num_attention_heads, config.num_key_value_heads
    width = outputs // (heads + 2 * keys)
    return _sizes(1, [heads * width, keys * width, keys * width])


def _falcon(config: Any, outputs: int) -> list[Cut]:
    heads = config.num_attention_heads
    width = config.hidden_size // heads
    if config.new_decoder_architecture:
        group = heads // config.num_kv_heads
        return _sizes(config.num_kv_heads, [group * width, width, width])
    if config.multi_query:
        return _sizes(1, [heads * width, width, width])
    return _sizes(heads, [width, width, width])


#: Ways to divide outputs, by the name that tables call them.
CUTS: dict[str, Callable[[Any, int], list[Cut]]] = {
    "thirds": _thirds,
    "halves": _halves,
    "heads": _heads,
    "grouped": _grouped,
    "falcon": _falcon,
}
