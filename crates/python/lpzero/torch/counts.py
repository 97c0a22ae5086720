"""Counts of a whole network: parameters, operations, widths.

For GPT-2, BERT, LLaMA and their relatives they are those of the engine. Elsewhere operations
are twice the parameters of the maps plus those of attention, and what is not known is NaN.
"""

from __future__ import annotations

from math import nan

from torch import nn

from .capture import INPUT, Capture
from .roles import ATTENTION, FEED_FORWARD, TABLES, Entry, Plan

#: Names by which configurations say how many positions there are.
_POSITIONS = ("max_position_embeddings", "n_positions", "seq_length")


def _own(entry: Entry) -> list[nn.Parameter]:
    """Weight and bias of an entry."""
    if entry.kind == "weight":
        parameter = entry.weight
        return [] if parameter is None else [parameter]
    return [p for p in entry.module._parameters.values() if p is not None]


def scalars(model: nn.Module, plan: Plan, capture: Capture, loss: float) -> dict[str, float]:
    """Scalars of a network by name."""
    objective = {
        id(p) for entry in plan if entry.name in plan.objective for p in _own(entry)
    }
    tables = {id(p) for e in plan if e.kind == "table" for p in _own(e)}
    objective -= tables
    # A bias of the objective that stands outside of every map.
    patterns = plan.family.objective if plan.family else ()
    prefixes = tuple(pattern.rstrip("*") for pattern in patterns)
    objective |= {
        id(p) for n, p in model.named_parameters() if prefixes and n.startswith(prefixes)
    } - tables
    role_of: dict[int, tuple[int | None, str]] = {}
    for entry in sorted(plan, key=lambda e: e.kind != "table"):
        place = entry.parts[0].place
        for parameter in _own(entry):
            role_of.setdefault(id(parameter), (place.layer, place.role))
    blocks = {id(p) for _, block in plan.blocks for p in block.parameters()}
    sums = dict.fromkeys(["params", "decoder", "attention", "ffn", "embedding"], 0)
    for parameter in model.parameters():
        if id(parameter) in objective:
            continue
        size = parameter.numel()
        sums["params"] += size
        layer, role = role_of.get(id(parameter), (None, ""))
        if id(parameter) in blocks and role != "norm":
            sums["decoder"] += size
            sums["attention"] += size * (role in ATTENTION)
            sums["ffn"] += size * (role in FEED_FORWARD)
        elif role in TABLES or role in ("projection", "head", "head-projection"):
            sums["embedding"] += size
    layers = len(plan.blocks)
    config = plan.config
    heads = getattr(config, "num_attention_heads", None)
    if not isinstance(heads, int):
        heads = sum(capture.heads) / len(capture.heads) if capture.heads else nan
    hidden = [
        (part.place, part.cut, entry)
        for entry in plan
        for part in entry.parts
        if part.place.role in ("ffn-in", "ffn-hidden") and part.place.layer is not None
        and not entry.stacked
    ]
    widths = [capture.widths.get(place, 0) for place, _, _ in hidden]
    if not hidden:
        # Experts: as wide as those that a token visits.
        active = getattr(config, "num_experts_per_tok", 0) or 0
        width = getattr(config, "moe_intermediate_size", None)
        width = width or getattr(config, "intermediate_size", 0) or 0
        widths = [active * width] * layers
    table = next((e.weight for e in plan if e.parts[0].place.role == "embedding"), None)
    return {
        "loss": loss,
        "params": float(sums["params"]),
        "decoder_params": float(sums["decoder"]),
        "attention_params": float(sums["attention"]),
        "ffn_params": float(sums["ffn"]),
        "embedding_params": float(sums["embedding"]),
        "flops": _flops(plan, capture),
        "layers": float(layers),
        "width": float(capture.widths.get(INPUT, nan)),
        "embedding_width": nan if table is None else float(table.shape[-1]),
        "heads": float(heads),
        "ffn_width": sum(widths) / layers if layers else nan,
        "ffn_depth": len(widths) / layers if layers else nan,
    }


def _flops(plan: Plan, capture: Capture) -> float:
    """Floating-point operations of a forward pass over one token of a full-length sequence."""
    config = plan.config
    shape = capture.prepared.shape
    positions = next((getattr(config, n) for n in _POSITIONS if hasattr(config, n)), None)
    if not isinstance(positions, int):
        positions = shape[1] if shape else 0
    experts = getattr(config, "num_local_experts", None) or getattr(config, "num_experts", None)
    active = (getattr(config, "num_experts_per_tok", 0) or 0) / experts if experts else 1.0
    total = 0.0
    for entry in plan:
        weight = entry.weight
        if entry.kind in ("table", "norm") or weight is None or entry.name in plan.objective:
            continue
        if entry.parts[0].place.role == "position":
            continue
        size = weight[0].numel() * active if entry.stacked else weight.numel()
        total += 2.0 * size
        for part in entry.parts:
            if part.place.role == "query" and part.place.layer is not None:
                total += 4.0 * positions * capture.widths.get(part.place, 0)
    return total
