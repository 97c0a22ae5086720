"""One forward and backward pass over a module, watched by hooks that are gone afterwards.

Outputs are read in forward hooks, gradients in hooks of the output tensors. A full backward
hook would wrap the outputs in views, which in-place operations refuse. What is read is reduced
at once, before a later operation can write over it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lpzero._lpzero import LpzeroError

from .attention import MOST, AttentionMode, BlockMoments, each_block
from .losses import Prepared
from .reduce import Reductions
from .refusals import note
from .roles import Entry, Part, Place, Plan


class Sink(Protocol):
    """What takes the tensors of a pass."""

    def wants(self, place: Place, symbol: str) -> bool:
        """Whether it reads a symbol there."""

    def tensor(self, place: Place, symbol: str, x: Tensor) -> None:
        """Takes an activation, or a gradient with respect to one."""

    def weight(self, place: Place, weight: Tensor, gradient: Tensor | None) -> None:
        """Takes a weight and its gradient."""


#: Where the gradient with respect to the summed embeddings is.
INPUT = Place(None, "input", 0)


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Runs the module without dropout, and leaves mode, buffers and random state as they were."""
    modes = [(module, module.training) for module in model.modules()]
    # A module that was compiled in place would call code that knows no hooks.
    compiled = [(m, m._compiled_call_impl) for m, _ in modes if m._compiled_call_impl is not None]
    buffers = [(b, b.detach().clone()) for b in model.buffers() if b is not None]
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    try:
        with torch.random.fork_rng(devices=sorted(d.index or 0 for d in devices)):
            model.eval()
            for module, _ in compiled:
                module._compiled_call_impl = None
            yield
    finally:
        for module, call in compiled:
            module._compiled_call_impl = call
        for module, mode in modes:
            module.training = mode
        with torch.no_grad():
            for buffer, before in buffers:
                if buffer.shape == before.shape and not torch.equal(buffer, before):
                    buffer.copy_(before)


class Capture:
    """Watches one pass for some sinks."""

    def __init__(
        self,
        model: nn.Module,
        plan: Plan,
        prepared: Prepared,
        sinks: list[Sink],
        attention: bool | None = None,
    ) -> None:
        self.model, self.plan, self.prepared, self.sinks = model, plan, prepared, sinks
        self.attention = attention
        self.handles: list[Any] = []
        self.forward = False
        self.layer: list[int] = []
        self.calls: dict[int, int] = {}
        #: Weights that took part, by number of the module, and entries that were called.
        self.called: set[int] = set()
        self.taken: set[Place] = {part.place for entry in plan for part in entry.parts}
        self.attended: dict[int | None, int] = {}
        self.input_seen = False
        self.widths: dict[Place, int] = {}
        self.heads: list[int] = []
        self.left_out = False

    # The pass.

    def run(self) -> float:
        """The loss of the pass.

        Raises:
            LpzeroError: where there is nothing to differentiate.
        """
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        if not parameters:
            raise LpzeroError("every parameter is frozen: nothing has a gradient")
        try:
            self._attach()
            with ExitStack() as stack:
                stack.enter_context(torch.inference_mode(False))
                stack.enter_context(torch.enable_grad())
                wanted = self._wants_attention()
                stack.enter_context(AttentionMode(self._attended) if wanted else nullcontext())
                self.forward = True
                output = self.model(*self.prepared.args, **self.prepared.kwargs)
                self.forward = False
                loss = self.prepared.loss(output)
            if loss.dim() != 0 or not loss.requires_grad:
                raise LpzeroError("the loss is not a scalar that depends on a parameter")
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        finally:
            self.forward = False
            for handle in self.handles:
                handle.remove()
            self.handles.clear()
        found = {id(p): g for p, g in zip(parameters, gradients)}
        self._weights(found)
        return float(loss.detach())

    def _attach(self) -> None:
        for number, (_, block) in enumerate(self.plan.blocks):
            enter = self._entering(number)
            self.handles.append(block.register_forward_pre_hook(enter, with_kwargs=True))
            self.handles.append(block.register_forward_hook(self._leave))
        for entry in self.plan:
            if entry.kind != "weight":
                hook = self._hook(entry)
                self.handles.append(entry.module.register_forward_hook(hook, with_kwargs=True))
            else:
                hook, user = self._mark(entry), entry.user or entry.module
                self.handles.append(user.register_forward_hook(hook, with_kwargs=True))

    def _entering(self, number: int) -> Callable[..., None]:
        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            if not self.forward:
                return
            self.layer.append(number)
            if not self.input_seen:
                self.input_seen = True
                hidden = _first_floating(args, kwargs)
                if hidden is not None:
                    self.widths[INPUT] = hidden.shape[-1]
                    self._show(INPUT, "A", hidden)
                    self._gradient(INPUT, hidden, ("D", "J"))

        return enter

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        if self.forward and self.layer:
            self.layer.pop()

    def _mark(self, entry: Entry) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            if self.forward:
                self.called.add(id(entry))

        return hook

    # Activations and gradients with respect to them.

    def _show(self, place: Place, symbol: str, x: Tensor) -> None:
        for sink in self.sinks:
            if sink.wants(place, symbol):
                sink.tensor(place, symbol, x)

    def _gradient(
        self,
        place: Place,
        x: Tensor,
        symbols: tuple[str, ...] = ("D",),
        share: Callable[[Tensor], Tensor] = lambda x: x,
    ) -> None:
        """Shows the gradient with respect to a tensor, once it is known."""
        wanted = [s for s in symbols if any(sink.wants(place, s) for sink in self.sinks)]
        if not wanted or not x.requires_grad:
            return

        def hook(gradient: Tensor) -> None:
            for symbol in wanted:
                self._show(place, symbol, share(gradient))

        # A leaf that requires a gradient outlives the pass: its hook has to go too.
        self.handles.append(x.register_hook(hook))  # type: ignore[no-untyped-call]

    def _hook(self, entry: Entry) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            if not self.forward:
                return
            if not torch.is_grad_enabled():
                raise LpzeroError(
                    f"{entry.name}: runs without gradients, as under checkpointing that is "
                    "reentrant; switch that off"
                )
            if isinstance(output, tuple):
                output = output[0]
            x = _first_floating(args, kwargs)
            if isinstance(output, Tensor) and output.numel() > 0:
                self._module(entry, x, output)

        return hook

    def _module(self, entry: Entry, x: Tensor | None, output: Tensor) -> None:
        self.called.add(id(entry))
        call = self.calls.get(id(entry.module), 0)
        self.calls[id(entry.module)] = call + 1
        for part in entry.parts:
            place = part.place if call == 0 else self._another(part.place)
            if entry.kind == "table":
                if place.role == "embedding":
                    self._pair(place, output, self._as_is)
            elif entry.kind == "norm":
                self._pair(place, output, self._norm_layout(place, output))
            elif entry.kind == "convolution":
                layout = _channels_last
                if x is not None:
                    self._show(place, "X", layout(x))
                self._pair(place, output, layout)
            else:
                self._map(part, place, x, output)

    def _map(self, part: Part, place: Place, x: Tensor | None, output: Tensor) -> None:
        rows = self._rows(place, output)

        def share(y: Tensor) -> Tensor:
            return part.of(_at_least_three(rows(y)), -1)

        self.widths.setdefault(place, share(output).shape[-1])
        if x is not None:
            self._show(place, "X", _at_least_three(rows(x)))
            if place.role == "out" and place.layer is not None:
                # The context: what attention gives before the map after it.
                context = Place(place.layer, "attention", place.index)
                self.widths[context] = x.shape[-1]
                self._pair(context, x, _at_least_three)
        self._pair(place, output, share)

    def _pair(self, place: Place, y: Tensor, share: Callable[[Tensor], Tensor]) -> None:
        """Shows an output, and the gradient with respect to it when it comes."""
        if any(sink.wants(place, "A") for sink in self.sinks):
            self._show(place, "A", share(y))
        self._gradient(place, y, share=share)

    @staticmethod
    def _as_is(y: Tensor) -> Tensor:
        return y

    def _rows(self, place: Place, output: Tensor) -> Callable[[Tensor], Tensor]:
        """Of the head, the rows that the loss looks at."""
        rows, shape = self.prepared.rows, self.prepared.shape
        is_end = place.layer is None and place.role in ("head", "head-projection", "norm")
        if place.role == "norm":
            is_end = is_end and place.index == 2
        if not is_end or shape is None or not rows.suits(output, shape):
            return self._as_is
        return rows.of

    def _norm_layout(self, place: Place, output: Tensor) -> Callable[[Tensor], Tensor]:
        shape = self.prepared.shape
        if output.dim() == 4 and place.index in (2, 3) and shape is not None:
            # A norm of every head: they stand side by side.
            if output.shape[1] != shape[1] and output.shape[2] == shape[1]:
                return lambda y: y.transpose(1, 2).flatten(2)
            return lambda y: y.flatten(2)
        rows = self._rows(place, output)
        return lambda y: rows(_four_at_most(y))

    def _another(self, place: Place) -> Place:
        """A place for a further call of a module: the next index that is free."""
        while place in self.taken:
            place = Place(place.layer, place.role, place.index + 1)
        self.taken.add(place)
        return place

    # Attention probabilities.

    def _wants_attention(self) -> bool:
        if self.attention is False:
            return False
        layers: list[int | None] = [*range(len(self.plan.blocks))] or [None]
        places = [Place(layer, "attention", 0) for layer in layers]
        wanted = any(sink.wants(place, "S") for sink in self.sinks for place in places)
        kind = str(getattr(self.plan.config, "_attn_implementation", None))
        if wanted and (kind.startswith("flash") or kind == "flex_attention"):
            note(
                f"attention probabilities are left out: {kind} hides them; load the module with "
                "attn_implementation='sdpa' or 'eager'"
            )
        return wanted

    def _attended(self, probabilities: Tensor | None, given: tuple[Any, ...]) -> None:
        if not self.forward or not self.layer:
            return
        layer = self.layer[-1]
        index = self.attended.get(layer, 0)
        place = Place(layer, "attention", index)
        self.attended[layer] = index + 1
        sinks = [sink for sink in self.sinks if sink.wants(place, "S")]
        if not sinks:
            return
        with torch.no_grad():
            self._probabilities(place, sinks, probabilities, given)

    def _probabilities(
        self, place: Place, sinks: list[Sink], whole: Tensor | None, given: tuple[Any, ...]
    ) -> None:
        if whole is None:
            query, key = given[0], given[1]
            if query.dim() != 4:
                return
            batch, heads, queries = query.shape[:3]
            keys = key.shape[2]
        else:
            batch, heads, queries, keys = whole.shape
        self.heads.append(heads)
        size = batch * heads * queries * keys
        if self.attention is None and size > MOST:
            if not self.left_out:
                self.left_out = True
                note(
                    f"attention probabilities are left out: {size} of them in a layer; "
                    "attention=True takes them all the same"
                )
            return
        reductions = [sink for sink in sinks if isinstance(sink, Reductions)]
        others = [sink for sink in sinks if not isinstance(sink, Reductions)]
        if others and whole is None:
            parts = torch.empty(batch, heads, queries, keys)
            for b, i, block in each_block(given):
                parts[b : b + block.shape[0], :, i : i + block.shape[2]] = block
            whole = parts
        if whole is not None:
            for sink in sinks:
                sink.tensor(place, "S", whole)
        else:
            moments = BlockMoments((batch, heads, queries, keys), given[0].device)
            for b, i, block in each_block(given):
                if block.shape[0] == batch and block.shape[2] == queries:
                    # All at once: as any other tensor.
                    for reduction in reductions:
                        reduction.tensor(place, "S", block)
                    return
                moments.push(b, i, block)
            for reduction in reductions:
                reduction.probabilities(place, moments.shape, moments.finish(), moments.sample)

    # Weights.

    def _weights(self, gradients: Mapping[int, Tensor | None]) -> None:
        frozen = 0
        shown: set[tuple[int, int]] = set()
        # A table that a head shares is the table's.
        entries = sorted(self.plan, key=lambda e: e.kind != "table")
        for entry in entries:
            weight = entry.weight
            if weight is None or id(entry) not in self.called:
                continue
            number = int(entry.name.rpartition(".")[2]) if entry.stacked else 0
            if (id(weight), number) in shown:
                continue
            shown.add((id(weight), number))
            gradient = gradients.get(id(weight))
            if gradient is None and weight.requires_grad:
                continue
            frozen += gradient is None
            detached = weight.detach()
            if entry.stacked:
                detached = detached[number]
                gradient = None if gradient is None else gradient[number]
                if gradient is None or not bool(gradient.any()):
                    # No token reached this expert.
                    continue
            if gradient is not None and gradient.is_sparse:
                gradient = gradient.to_dense()
            detached = entry.laid_out(detached)
            gradient = None if gradient is None else entry.laid_out(gradient)
            for part in entry.parts:
                of_part = None if gradient is None else part.of(gradient, 0)
                for sink in self.sinks:
                    if sink.wants(part.place, "W") or sink.wants(part.place, "G"):
                        sink.weight(part.place, part.of(detached, 0), of_part)
        if frozen:
            note(f"{frozen} weights are frozen: their gradients are left out")


def _first_floating(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    for value in [*args, *kwargs.values()]:
        if isinstance(value, Tensor) and value.is_floating_point() and value.dim() >= 1:
            return value
    return None


def _at_least_three(x: Tensor) -> Tensor:
    """(batch, positions, features), with one sequence where there was none."""
    if x.dim() >= 5:
        return x.flatten(1, -2)
    while x.dim() < 3:
        x = x.unsqueeze(0)
    return x


def _four_at_most(x: Tensor) -> Tensor:
    return x.flatten(3) if x.dim() > 4 else x


def _channels_last(x: Tensor) -> Tensor:
    """From (batch, channels, positions...) to (batch, positions, channels)."""
    if x.dim() < 3:
        return _at_least_three(x)
    return x.flatten(2).transpose(1, 2)
