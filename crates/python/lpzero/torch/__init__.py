"""Traces and scores of any PyTorch module, where it lies.

One forward and one backward pass is watched by hooks. Every tensor that a formula may read is
reduced on its device, and all results are copied to the host together. Afterwards the module is
as it was: no hook, gradient, mode, buffer or random state is left changed.

>>> import lpzero.torch                                             # doctest: +SKIP
>>> trace = lpzero.torch.trace(model, tokens, loss="next-token")    # doctest: +SKIP
>>> lpzero.torch.score(model, tokens, ["snip", "grad_norm"])        # doctest: +SKIP

Attention probabilities that fused attention hides are computed again. A module that is called
several times gives a site per call: the role is the same, the index counts on. Maps without a
known role have the role `other`, adapters of `peft` among them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence

from torch import nn

from lpzero._lpzero import LpzeroError, Proxy, Trace

from .capture import Capture, Sink, undisturbed
from .counts import scalars
from .losses import Batch, Loss, prepare
from .reduce import Reductions
from .refusals import ScoreNote, TraceNote, bare, check, device_of
from .roles import RoleTable, plan_of, roles
from .whole import WholeTensors, further_passes

__all__ = ["LpzeroError", "RoleTable", "ScoreNote", "TraceNote", "roles", "score", "trace"]


def trace(
    model: nn.Module,
    batch: Batch,
    loss: Loss = None,
    roles: Mapping[str, str] | None = None,
    *,
    attention: bool | None = None,
) -> Trace:
    """The trace of one forward and backward pass over a module.

    Args:
        model: Any module on any device; wrappers of `torch.compile` and data parallelism are
            looked through. It runs as in evaluation, without dropout.
        batch: Token ids (batch, positions), or arguments by name as `transformers` takes them,
            or a tuple of arguments.
        loss: `"next-token"`, `"masked-token"` (15 % of the tokens, at the positions of the
            engine, unless there are labels) or `"classification"`, each a mean cross-entropy in
            nats; or a function of (output, batch) that gives a scalar. `None` is the module's
            own: by `labels` of the batch, or by its class.
        roles: Roles by patterns of module names, as `{"*.mlp.up*": "ffn-in"}`.
        attention: Whether to take attention probabilities (batch, heads, positions, positions).
            `None` takes them unless a layer has more than 2^30.

    Returns:
        The trace, whose symbols, shapes and sites are those of the engine.

    Raises:
        LpzeroError: where the module or the loss cannot be used; the message says why.

    Warns:
        TraceNote: where something is left out, such as gradients of frozen weights.
    """
    model = bare(model)
    check(model)
    plan = plan_of(model, roles)
    with undisturbed(model):
        prepared = prepare(model, batch, loss, device_of(model))
        reductions = Reductions()
        capture = Capture(model, plan, prepared, [reductions], attention)
        value = capture.run()
        return reductions.finish(scalars(model, plan, capture, value))


def score(
    model: nn.Module,
    batch: Batch,
    proxies: Sequence[str | Proxy],
    loss: Loss = None,
    roles: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Scores of a module by proxies.

    Whole tensors are copied to the host only for formulas that need them, and further passes
    run only for formulas that read them: products with the Hessian (`Hg`), each sequence alone
    (`Gr`), synaptic flow (`Gf`, `Lf`).

    Args:
        model: As `trace`.
        batch: As `trace`.
        proxies: Named proxies or formulas.
        loss: As `trace`.
        roles: As `trace`.

    Returns:
        Scores by name, NaN where one is not finite.

    Raises:
        LpzeroError: as `trace`, and where a formula is not one.

    Warns:
        ScoreNote: why a score is not finite.
    """
    asked = [p if isinstance(p, Proxy) else Proxy(p) for p in proxies]
    model = bare(model)
    check(model)
    plan = plan_of(model, roles)
    exact = [p for p in asked if p.needs_whole_tensors]
    traced = [p for p in asked if not p.needs_whole_tensors]
    symbols = {symbol for proxy in exact for symbol in proxy.further_passes}
    found: dict[str, tuple[float, str | None]] = {}
    with undisturbed(model):
        prepared = prepare(model, batch, loss, device_of(model))
        reductions, whole = Reductions(), WholeTensors(exact)
        reads_attention = any("S" in proxy.reads for proxy in asked)
        sinks: list[Sink] = []
        sinks += [reductions] if traced else []
        sinks += [whole] if exact else []
        capture = Capture(model, plan, prepared, sinks, None if reads_attention else False)
        value = capture.run()
        counted = scalars(model, plan, capture, value)
        if traced:
            trace = reductions.finish(counted)
            found.update({proxy.name: trace.score(proxy) for proxy in traced})
        refused: dict[str, str] = {}
        if symbols:
            refused = further_passes(model, plan, batch, loss, whole, symbols)
        if exact:
            scores = whole.whole.finish(counted)
            for proxy, (number, why) in zip(exact, scores):
                reasons = [refused[s] for s in proxy.further_passes if s in refused]
                found[proxy.name] = (math.nan, reasons[0]) if reasons else (number, why)
    for name, (number, why) in found.items():
        if not math.isfinite(number):
            reason = why or "it is beyond double precision"
            warnings.warn(f"{name}: not finite: {reason}", ScoreNote, stacklevel=2)
    return {proxy.name: found[proxy.name][0] for proxy in asked}
