"""Whole tensors, and further passes, for formulas that no trace answers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from lpzero._lpzero import LpzeroError, Proxy, Whole

from .losses import Batch, Loss, prepare
from .refusals import device_of
from .roles import ATTENTION, FEED_FORWARD, Entry, Part, Place, Plan

#: Symbols of further passes that any module can show, and why the others cannot.
FURTHER = ("Hg", "Gr", "Gf", "Lf")
NOT_HERE = {
    "Jr": "Jacobians of halves of a block take an engine that knows where these halves end",
}


def host(x: Tensor) -> np.ndarray:
    """A tensor as contiguous 32-bit floats on the host."""
    return x.detach().float().contiguous().cpu().numpy()


class WholeTensors:
    """Shows formulas the whole tensors that they read."""

    def __init__(self, proxies: list[Proxy]) -> None:
        self.whole = Whole(proxies)
        self._known: dict[tuple[Place, str], bool] = {}

    def wants(self, place: Place, symbol: str) -> bool:
        """Whether some formula reads a symbol there."""
        key = (place, symbol)
        if key not in self._known:
            wanted = self.whole.wants(place.layer, place.role, place.index, symbol)
            self._known[key] = wanted
        return self._known[key]

    def tensor(self, place: Place, symbol: str, x: Tensor) -> None:
        """Takes an activation or a gradient with respect to one."""
        x = x.flatten(3) if x.dim() > 4 else x
        self.whole.tensor(
            place.layer, place.role, place.index, symbol, list(x.shape), host(x).data
        )

    def weight(self, place: Place, weight: Tensor, gradient: Tensor | None) -> None:
        """Takes a weight with its gradient; one without is left out."""
        if gradient is None:
            return
        weight = weight.flatten(3) if weight.dim() > 4 else weight
        where = (place.layer, place.role, place.index)
        arrays = host(weight), host(gradient)
        self.whole.parameter(*where, list(weight.shape), arrays[0].data, arrays[1].data)


def _shares(plan: Plan, of: Mapping[int, Tensor]) -> list[tuple[Part, Tensor, Tensor]]:
    """Every part of a weight with its share of a tensor that is known by parameter."""
    found: list[tuple[Part, Tensor, Tensor]] = []
    shown: set[tuple[int, int]] = set()
    for entry in sorted(plan, key=lambda e: e.kind != "table"):
        weight = entry.weight
        if weight is None or id(weight) not in of:
            continue
        number = int(entry.name.rpartition(".")[2]) if entry.stacked else -1
        if (id(weight), number) in shown:
            continue
        shown.add((id(weight), number))
        whole, values = weight.detach(), of[id(weight)]
        if entry.stacked:
            whole, values = whole[number], values[number]
            if not bool(values.any()):
                continue
        whole, values = entry.laid_out(whole), entry.laid_out(values)
        for part in entry.parts:
            found.append((part, part.of(whole, 0), part.of(values, 0)))
    return found


def further_passes(
    model: nn.Module, plan: Plan, batch: Batch, loss: Loss, sink: WholeTensors, symbols: set[str]
) -> dict[str, str]:
    """Runs the further passes that formulas take; says by symbol why one was not possible."""
    refused = {symbol: NOT_HERE[symbol] for symbol in symbols if symbol in NOT_HERE}
    passes = (
        ({"Hg"}, _hessian),
        ({"Gr"}, _sequences),
        ({"Gf", "Lf"}, _flow),
    )
    for read, work in passes:
        if not symbols & read:
            continue
        try:
            work(model, plan, batch, loss, sink)
        except (LpzeroError, RuntimeError, NotImplementedError) as error:
            sentence = str(error).strip().splitlines()[0] if str(error).strip() else "it failed"
            refused.update(dict.fromkeys(symbols & read, sentence))
    return refused


def _parameters(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def _hessian(
    model: nn.Module, plan: Plan, batch: Batch, loss: Loss, sink: WholeTensors
) -> None:
    """The Hessian times the gradient, by differentiating twice."""
    prepared = prepare(model, batch, loss, device_of(model))
    parameters = _parameters(model)
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        value = prepared.loss(model(*prepared.args, **prepared.kwargs))
        gradients = torch.autograd.grad(value, parameters, create_graph=True, allow_unused=True)
        used = [(p, g) for p, g in zip(parameters, gradients) if g is not None]
        inner = sum(((g * g.detach()).sum() for _, g in used), torch.zeros(()))
        products = torch.autograd.grad(inner, [p for p, _ in used], allow_unused=True)
    pairs = zip(used, products)
    found = {id(p): torch.zeros_like(p) if h is None else h for (p, _), h in pairs}
    for part, _, product in _shares(plan, found):
        if sink.wants(part.place, "Hg"):
            sink.tensor(part.place, "Hg", product)


def _sequences(
    model: nn.Module, plan: Plan, batch: Batch, loss: Loss, sink: WholeTensors
) -> None:
    """Mean over standard deviation of |G| over sequences, each a pass of its own."""
    parameters = _parameters(model)
    mean: dict[int, Tensor] = {}
    squares: dict[int, Tensor] = {}
    count = 0
    for alone in _alone(batch):
        count += 1
        prepared = prepare(model, alone, loss, device_of(model))
        with torch.enable_grad():
            value = prepared.loss(model(*prepared.args, **prepared.kwargs))
            gradients = torch.autograd.grad(value, parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients):
            if gradient is None:
                continue
            key, size = id(parameter), gradient.abs().double()
            before = mean.setdefault(key, torch.zeros_like(size))
            spread = squares.setdefault(key, torch.zeros_like(size))
            difference = size - before
            before += difference / count
            spread += difference * (size - before)
    if count < 2:
        raise LpzeroError("it compares sequences, and the batch has one")
    ratios = {}
    for key, seen in squares.items():
        deviation = (seen / count).sqrt()
        ratio = mean[key] / deviation
        ratios[key] = torch.where(deviation == 0, torch.zeros_like(ratio), ratio).float()
    for part, _, ratio in _shares(plan, ratios):
        if sink.wants(part.place, "Gr"):
            sink.tensor(part.place, "Gr", ratio)


def _alone(batch: Batch) -> list[Batch]:
    """Each sequence of a batch by itself."""

    def length(value: Any) -> int | None:
        return value.shape[0] if isinstance(value, Tensor) and value.dim() > 0 else None

    if isinstance(batch, Tensor):
        return [batch[i : i + 1] for i in range(batch.shape[0])]
    values = list(batch.values()) if isinstance(batch, Mapping) else list(batch)
    lengths = {n for n in map(length, values) if n is not None}
    if len(lengths) != 1:
        raise LpzeroError("the tensors of the batch differ in their first dimension")
    rows = range(lengths.pop())

    def row(value: Any, i: int) -> Any:
        return value if length(value) is None else value[i : i + 1]

    if isinstance(batch, Mapping):
        return [{key: row(value, i) for key, value in batch.items()} for i in rows]
    return [tuple(row(value, i) for value in batch) for i in rows]


def _flow(
    model: nn.Module, plan: Plan, batch: Batch, loss: Loss, sink: WholeTensors
) -> None:
    """Synaptic flow: absolute weights, norms switched off, ones as the input of the first block.

    It runs over a copy of the module in 64-bit floats, and one sequence of one position, which
    stands for all where blocks only attend.
    """
    known = ATTENTION | FEED_FORWARD | {"norm"}
    inside = [p.place for e in plan for p in e.parts if p.place.layer is not None]
    family = plan.family
    plain = family is not None and all(p.role in known - {"convolution"} for p in inside)
    is_chain = getattr(plan.config, "is_encoder_decoder", False) is False
    stacked = any(entry.stacked for entry in plan)
    if not plain or not is_chain or stacked or not plan.blocks:
        raise LpzeroError(
            "synaptic flow is defined for a stack of attention and feed-forward blocks whose "
            "roles a table knows"
        )
    prepared = prepare(model, batch, loss, device_of(model))
    if prepared.shape is None:
        raise LpzeroError("synaptic flow needs a batch of token ids")
    times = float(prepared.shape[1])
    double = copy.deepcopy(model).double().eval()
    names = dict(double.named_modules())
    with torch.no_grad():
        for parameter in double.parameters():
            parameter.abs_()
    ones = torch.ones(1, 1, int(plan.config.hidden_size), dtype=torch.float64)
    ones = ones.to(device_of(double))
    last: list[Tensor] = []
    # Hooks of the copy need not be removed.
    for entry in plan:
        if entry.kind == "norm":
            names[entry.name].register_forward_hook(_identity)

    def enter(module: nn.Module, args: Any, kwargs: Any) -> Any:
        if args:
            return (ones, *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": ones}

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        last.append(output[0] if isinstance(output, tuple) else output)

    blocks = [names[name] for name, _ in plan.blocks]
    blocks[0].register_forward_pre_hook(enter, with_kwargs=True)
    blocks[-1].register_forward_hook(leave)
    token = torch.zeros(1, 1, dtype=torch.long, device=ones.device)
    entries = [e for e in plan if e.parts[0].place.layer is not None and e.kind == "map"]
    weights = [getattr(names[e.name], e.parameter) for e in entries]
    for weight in weights:
        weight.requires_grad_(True)
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        double(token)
        flow = last[0].sum()
        if not bool(torch.isfinite(flow)):
            raise LpzeroError("synaptic flow leaves double precision in this module")
        gradients = torch.autograd.grad(flow, weights, allow_unused=True)
    for entry, weight, gradient in zip(entries, weights, gradients):
        gradient = torch.zeros_like(weight) if gradient is None else gradient * times
        _show_flow(sink, entry, weight.detach(), gradient)


def _identity(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
    return args[0]


def _show_flow(sink: WholeTensors, entry: Entry, weight: Tensor, gradient: Tensor) -> None:
    weight, gradient = entry.laid_out(weight), entry.laid_out(gradient)
    for part in entry.parts:
        w = part.of(weight, 0).contiguous().cpu().numpy()
        g = part.of(gradient, 0).contiguous().cpu().numpy()
        place = part.place
        sink.whole.flow(place.layer, place.role, place.index, list(w.shape), w.data, g.data)
