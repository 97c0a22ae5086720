"""Networks that an executor runs: parts of them as tasks, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from . import _lpzero
from ._lpzero import Proxy, Trace
from .executors import Executor, _processors, chunks, work
from .progress import Progress
from .truth import Truth

#: Parts of the networks for every processor: enough that all end at about the same time.
_PARTS = 16

Described = Sequence[dict[str, object]]


def _parts(executor: Executor, rows: Sequence[int]) -> list[Sequence[int]]:
    size = -(-len(rows) // (_PARTS * _processors(executor)))
    return chunks(rows, max(size, 1))


def _settled(settings: str, positions: int | None) -> str:
    """Settings that mean the same for a part of the networks: on one thread, where nobody
    says otherwise, without a cache, with as many positions as all have."""
    bench = json.loads(settings)
    bench["positions"] = bench["positions"] or positions
    bench["threads"] = bench["threads"] or 1
    bench["cache"] = None
    return json.dumps(bench)


def _score(task: tuple[Described, list[Proxy], str, bool]) -> Any:
    architectures, proxies, settings, seeded = task
    return _lpzero.score(architectures, proxies, settings, seeded, None, None)


def _trace(task: tuple[Described, str, bool, int]) -> list[Trace]:
    architectures, settings, seeded, init = task
    return _lpzero.traces(architectures, settings, seeded, init, None, None)


def score(
    executor: Executor,
    architectures: list[dict[str, object]],
    proxies: list[Proxy],
    settings: str,
    seeded: bool,
    show: Progress | None,
) -> tuple[list[str], list[list[float]], dict[str, str]]:
    """Ids, a column per proxy, and why one is not finite somewhere, as the engine has them."""
    settings = _settled(settings, _lpzero.common_positions_of(architectures))
    parts = _parts(executor, range(len(architectures)))
    tasks = [([architectures[row] for row in rows], proxies, settings, seeded) for rows in parts]
    found: dict[int, Any] = {}
    for place, result in work(executor, _score, tasks):
        found[place] = result
        _tell(show, len(found), len(parts), "scoring")
    ids: list[str] = []
    columns: list[list[float]] = [[] for _ in proxies]
    reasons: dict[str, str] = {}
    for place in sorted(found):
        named, some, why = found[place]
        ids.extend(named)
        for column, values in zip(columns, some):
            column.extend(values)
        # The first network that has one, as in one process.
        reasons = {**dict(why), **reasons}
    return ids, columns, reasons


def traces(
    executor: Executor,
    architectures: list[dict[str, object]],
    settings: str,
    seeded: bool,
    show: Progress | None,
) -> list[Trace]:
    """Traces in the order of the networks."""
    settings = _settled(settings, _lpzero.common_positions_of(architectures))
    parts = _parts(executor, range(len(architectures)))
    tasks = [([architectures[row] for row in rows], settings, seeded, 0) for rows in parts]
    found: dict[int, list[Trace]] = {}
    for place, result in work(executor, _trace, tasks):
        found[place] = result
        _tell(show, len(found), len(parts), "tracing")
    return [trace for place in sorted(found) for trace in found[place]]


def fill(
    executor: Executor,
    given: list[Truth],
    settings: str,
    inits: Sequence[tuple[int, float | None]],
    show: Progress | None,
) -> None:
    """Puts the traces of ground truths into the cache of ``settings``, as a search reads them.

    ``inits`` are initialisations, each with the parameters up to which networks are run.
    """
    positions = _lpzero.common_positions([one._inner for one in given])
    if positions is None:
        return
    bench = json.loads(settings)
    kept = json.dumps({**bench, "positions": bench["positions"] or positions})
    far = _settled(settings, positions)
    parts: list[tuple[Truth, list[int], int]] = []
    for one in given:
        for init, limit in inits:
            rows = _lpzero.missing_rows(one._inner, kept, init)
            if limit is not None:
                small = set(one.up_to(limit).ids)
                rows = [row for row in rows if one.ids[row] in small]
            parts.extend((one, list(part), init) for part in _parts(executor, rows))
    tasks = ((_networks(one, rows), far, True, init) for one, rows, init in parts)
    done = 0
    for place, traces in work(executor, _trace, tasks):
        one, rows, init = parts[place]
        _lpzero.keep_rows(one._inner, rows, traces, kept, init)
        done += 1
        _tell(show, done, len(parts), "tracing")


def _networks(given: Truth, rows: list[int]) -> Described:
    texts = given._inner.described(rows)
    return [{"id": given.ids[row], "path": None, "text": text} for row, text in zip(rows, texts)]


def _tell(show: Progress | None, done: int, all_: int, what: str) -> None:
    if show is not None:
        show(done / all_, 1.0, what)
