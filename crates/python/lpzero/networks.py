"""Questions about networks that nobody has trained yet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from . import _lpzero, elsewhere
from ._lpzero import LpzeroError, Trace
from .bench import bench
from .errors import warn
from .executors import Executor
from .progress import Progress, shown
from .proxies import AnyProxy, proxies, proxy
from .table import Table

#: A path (file or folder), or a description such as a ``config.json`` as a dict or text.
Architecture: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]
#: Several, named by their place or by keys.
Architectures: TypeAlias = Architecture | Iterable[Architecture] | Mapping[str, Architecture]


def score(
    architectures: Architectures,
    by: AnyProxy | Iterable[AnyProxy] = "lpzero",
    *,
    weights: str = "stored",
    seed: int = 0,
    batch: int = 4,
    positions: int | None = None,
    objective: str | None = None,
    memory: int | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress | bool | None = None,
) -> Table:
    """Exact scores of networks, a row each and a column per proxy.

    A network is a path (``config.json``, a folder of transformers) or a description as a
    dict. Weights of a folder are read; ``weights="seeded"`` draws them instead. A score
    that is not finite is NaN, and ``table.notes`` says why. An ``executor`` runs networks
    elsewhere (:mod:`lpzero.executors`); its workers must see the same files.
    """
    wanted, seeded = proxies(by), _are_seeded(weights)
    settings = bench(
        threads=threads,
        cache=None,
        seed=seed,
        batch=batch,
        positions=positions,
        objective=objective,
        memory=memory,
    )
    described = _described(architectures)
    with shown(progress) as show:
        if executor is None:
            ids, columns, why = _lpzero.score(described, wanted, settings, seeded, show, warn)
            reasons = dict(why)
        else:
            ids, columns, reasons = elsewhere.score(
                executor, described, wanted, settings, seeded, show
            )
    names = [one.name for one in wanted]
    rows = [{"id": name, **dict(zip(names, scores))} for name, *scores in zip(ids, *columns)]
    return Table(rows, reasons)


def traces(
    architectures: Architectures,
    *,
    weights: str = "stored",
    seed: int = 0,
    batch: int = 4,
    positions: int | None = None,
    objective: str | None = None,
    memory: int | None = None,
    threads: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    progress: Progress | bool | None = None,
) -> list[Trace]:
    """What one pass over each network leaves, by the engine. ``weights`` and ``executor`` as in
    :func:`score`."""
    seeded = _are_seeded(weights)
    settings = bench(
        threads=threads,
        cache=cache,
        seed=seed,
        batch=batch,
        positions=positions,
        objective=objective,
        memory=memory,
    )
    described = _described(architectures)
    with shown(progress) as show:
        if executor is not None:
            return elsewhere.traces(executor, described, settings, seeded, show)
        return _lpzero.traces(described, settings, seeded, 0, show, warn)


def compare(
    architectures: Architectures,
    by: AnyProxy = "lpzero",
    *,
    seed: int = 0,
    batch: int = 4,
    positions: int | None = None,
    memory: int | None = None,
    threads: int | None = None,
    progress: Progress | bool | None = None,
) -> Table:
    """Networks in the order of a proxy, best first, and how sure that order is.

    ``next`` compares a row with the one below it: the probability of being better where
    sizes are alike and the proxy is calibrated, and a verdict (``better``,
    ``cannot-tell``, ``size-decides``, ``not-calibrated``).
    """
    settings = bench(
        threads=threads,
        cache=None,
        seed=seed,
        batch=batch,
        positions=positions,
        objective=None,
        memory=memory,
    )
    with shown(progress) as show:
        document = _lpzero.compare(_described(architectures), proxy(by), settings, show, warn)
    found = json.loads(document)
    reason = found["not_calibrated"]
    return Table(found["rows"], {"next": reason} if reason else None)


def nas(
    space: str | os.PathLike[str],
    by: AnyProxy = "lpzero",
    *,
    min_params: float | None = None,
    max_params: float | None = None,
    max_flops: float | None = None,
    evaluations: int = 200,
    seed: int = 0,
    batch: int = 4,
    positions: int | None = None,
    memory: int | None = None,
    threads: int | None = None,
    progress: Progress | bool | None = None,
) -> Table:
    """The best shapes of a space within bounds: the front of score against parameters.

    ``space`` is a built-in name or the path of a space file.
    """
    low, high = float("-inf"), float("inf")
    bounds = []
    if min_params is not None or max_params is not None:
        bounds.append(("params", _or(min_params, low), _or(max_params, high)))
    if max_flops is not None:
        bounds.append(("flops", low, max_flops))
    settings = bench(
        threads=threads,
        cache=None,
        seed=seed,
        batch=batch,
        positions=positions,
        objective=None,
        memory=memory,
    )
    with shown(progress) as show:
        document = _lpzero.nas(
            os.fspath(space), proxy(by), bounds, evaluations, seed, settings, show, warn
        )
    return Table(json.loads(document)["front"])


def _are_seeded(weights: str) -> bool:
    """Whether weights are drawn although a folder has some."""
    if weights not in ("stored", "seeded"):
        raise LpzeroError(f"weights={weights!r}: expected 'stored' or 'seeded'")
    return weights == "seeded"


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def _described(given: Architectures) -> list[dict[str, object]]:
    """Networks as the extension names them."""
    if isinstance(given, str | os.PathLike):
        return [_one(os.fspath(given), given)]
    if isinstance(given, Mapping):
        # A description has keys of its own; a mapping of networks has networks behind them.
        if any(key in given for key in ("model_type", "nas_config", "format", "d_model")):
            return [_one("0", given)]
        return [_one(str(name), one) for name, one in given.items()]
    listed = list(given)
    names = [os.fspath(one) if isinstance(one, str | os.PathLike) else str(i) for i, one in enumerate(listed)]
    return [_one(name, one) for name, one in zip(names, listed)]


def _one(name: str, given: Architecture) -> dict[str, object]:
    if isinstance(given, Mapping):
        return {"id": name, "path": None, "text": json.dumps(given)}
    if hasattr(given, "to_dict"):
        return {"id": name, "path": None, "text": json.dumps(given.to_dict(), default=str)}
    text = os.fspath(given)
    if text.lstrip().startswith("{"):
        return {"id": name if name != text else "0", "path": None, "text": text}
    return {"id": name, "path": text, "text": None}
