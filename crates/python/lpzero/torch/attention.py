"""Attention probabilities of modules that keep them to themselves.

Fused attention never forms them. They are computed again from the queries and keys that it was
given, in blocks of sequences and queries, so that no more than a block is ever in memory. A
softmax that a module writes out is taken as it comes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .reduce import Positions, wide_type

#: Elements of the probabilities that are in memory at once.
BLOCK = 1 << 24
#: More probabilities than this in a layer are left out unless they are asked for.
MOST = 1 << 30

_SOFTMAX = frozenset(
    f for f in (functional.softmax, torch.softmax, Tensor.softmax, torch.nn.functional.softmax)
)


def probability_block(
    query: Tensor,
    key: Tensor,
    mask: Tensor | None,
    causal: bool,
    scale: float | None,
    first: int,
) -> Tensor:
    """Probabilities of some queries, (batch, heads, queries, keys); `first` is the number of
    the first of these queries."""
    query, key = query.float(), key.float()
    if key.shape[1] != query.shape[1]:
        key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * factor) @ key.transpose(-1, -2)
    if causal:
        rows = torch.arange(first, first + query.shape[2], device=query.device)
        columns = torch.arange(key.shape[2], device=query.device)
        scores.masked_fill_(columns > rows[:, None], -math.inf)
    if mask is not None:
        if mask.dtype == torch.bool:
            scores.masked_fill_(~mask, -math.inf)
        else:
            scores += mask
    return scores.softmax(-1)


class BlockMoments:
    """Moments and sample of probabilities (batch, heads, queries, keys) that come in blocks."""

    def __init__(self, shape: tuple[int, int, int, int], device: torch.device) -> None:
        self.shape = shape
        self.wide = wide = wide_type(device)
        self.sums = torch.zeros(4, dtype=wide, device=device)
        self.smallest = torch.full((), math.inf, dtype=wide, device=device)
        self.largest = torch.full((), -math.inf, dtype=wide, device=device)
        self.positive = torch.zeros(shape[3], dtype=wide, device=device)
        self.maxima = torch.zeros((), dtype=wide, device=device)
        flat, _ = Positions.of(shape)
        self.where = np.unravel_index(flat, shape)
        self.sample = torch.zeros(len(flat), device=device)

    def push(self, sequence: int, first: int, block: Tensor) -> None:
        """Adds a block of whole sequences and heads, (sequences, heads, queries, keys)."""
        wide = self.wide
        total = block.sum(-1).to(wide).sum()
        squares = torch.linalg.vector_norm(block, dim=-1, dtype=wide).square().sum()
        roots = block.sqrt().sum(-1).to(wide).sum()
        # Probabilities are not negative.
        self.sums += torch.stack([total, total, squares, roots])
        smallest, largest = torch.aminmax(block)
        self.smallest = torch.minimum(self.smallest, smallest.to(wide))
        self.largest = torch.maximum(self.largest, largest.to(wide))
        self.positive += (block > 0).flatten(0, 2).sum(0).to(wide)
        self.maxima += block.amax(1).to(wide).sum()
        b, h, i, j = self.where
        inside = (b >= sequence) & (b < sequence + block.shape[0])
        inside &= (i >= first) & (i < first + block.shape[2])
        slots = np.flatnonzero(inside)
        index = [torch.from_numpy(x[slots].astype(np.int64)).to(block.device) for x in (b, h, i, j)]
        picked = block[index[0] - sequence, index[1], index[2] - first, index[3]]
        self.sample[torch.from_numpy(slots).to(block.device)] = picked.float()

    def finish(self) -> Tensor:
        """Nine moments."""
        batch, heads, queries, keys = self.shape
        rows = batch * heads * queries
        agreement = (self.positive.square() + (rows - self.positive).square()).sum()
        count = torch.full_like(self.smallest, float(rows * keys))
        confidence = self.maxima / (batch * queries * keys)
        ends = [self.smallest, self.largest, confidence, agreement]
        return torch.stack([count, *self.sums, *ends])


#: Takes probabilities that a module wrote out, or queries, keys, mask, causality and scale.
Seen = Callable[[Tensor | None, tuple[Any, ...]], None]


class AttentionMode(TorchFunctionMode):
    """Sees every softmax and every fused attention while it is entered."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func is functional.multi_head_attention_forward:
            # What it calls is not seen by a mode.
            given = _of_multi_head(args, kwargs)
            if given is not None:
                self.seen(None, given)
        elif func is functional.scaled_dot_product_attention:
            query, key = _argument(args, kwargs, 0, "query"), _argument(args, kwargs, 1, "key")
            mask = _argument(args, kwargs, 3, "attn_mask")
            causal = bool(_argument(args, kwargs, 5, "is_causal"))
            self.seen(None, (query, key, mask, causal, kwargs.get("scale")))
        elif func in _SOFTMAX and isinstance(result, Tensor) and result.dim() == 4:
            if _argument(args, kwargs, 1, "dim") in (-1, 3):
                self.seen(result, ())
        return result


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], at: int, name: str) -> Any:
    return args[at] if len(args) > at else kwargs.get(name)


def _of_multi_head(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
    """Queries, keys and mask of PyTorch's own attention, whose inputs are (positions, batch,
    width); `None` where it adds keys of its own or has separate maps."""
    query, key = args[0], args[1]
    heads, weight, bias = args[4], args[5], args[6]
    if weight is None or args[7] is not None or args[9] or query.dim() != 3:
        return None
    width = query.shape[-1]

    def split(x: Tensor, part: int) -> Tensor:
        rows = slice(part * width, (part + 1) * width)
        y = functional.linear(x, weight[rows], None if bias is None else bias[rows])
        return y.view(*y.shape[:2], heads, width // heads).permute(1, 2, 0, 3)

    with torch.no_grad():
        queries, keys = split(query, 0), split(key, 1)
    mask = kwargs.get("attn_mask")
    if mask is not None and mask.dim() == 3:
        mask = mask.unflatten(0, (query.shape[1], heads))
    padding = kwargs.get("key_padding_mask")
    # Here a true element says that a key is hidden, in fused attention that it is seen.
    if mask is not None and mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=queries.dtype).masked_fill(mask, -math.inf)
    if padding is not None:
        if padding.dtype == torch.bool:
            padding = torch.zeros_like(padding, dtype=queries.dtype).masked_fill(padding, -math.inf)
        padding = padding[:, None, None, :]
        mask = padding if mask is None else mask + padding
    causal = bool(kwargs.get("is_causal")) and mask is None
    return queries, keys, mask, causal, None


def blocks(query: Tensor, heads: int, keys: int) -> list[tuple[int, int, int, int]]:
    """First sequence, their number, first query, their number, of blocks that fit."""
    batch, queries = query.shape[0], query.shape[2]
    row = heads * keys
    if row * queries <= BLOCK:
        together = max(1, BLOCK // max(1, row * queries))
        starts = range(0, batch, together)
        return [(b, min(together, batch - b), 0, queries) for b in starts]
    some = max(1, BLOCK // row)
    starts = range(0, queries, some)
    return [(b, 1, i, min(some, queries - i)) for b in range(batch) for i in starts]


def each_block(given: tuple[Any, ...]) -> Any:
    """Blocks of probabilities of one fused attention: first sequence, first query, block."""
    query, key, mask, causal, scale = given
    query, key = query.detach(), key.detach()
    heads, keys = query.shape[1], key.shape[2]
    if mask is not None:
        mask = mask.detach().expand(query.shape[0], heads, query.shape[2], keys)
    for b, sequences, i, some in blocks(query, heads, keys):
        part = query[b : b + sequences, :, i : i + some]
        masked = None if mask is None else mask[b : b + sequences, :, i : i + some]
        yield b, i, probability_block(part, key[b : b + sequences], masked, causal, scale, i)
